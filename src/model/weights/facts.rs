//! What a file of weights says about its model besides the tensors, which do not tell it: heads, epsilon, target.

use serde::{Deserialize, Serialize};

use super::sizes::Sizes;
use crate::spec::trial::ImgSize;

/// Facts from a file's metadata, a `config.json` beside it, or a checkpoint's arguments; all optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the variant, such as `base`.
    pub variant: Option<String>,
    /// Picture height and width in pixels.
    pub img_size: Option<ImgSize>,
    /// Encoder attention heads.
    pub encoder_num_heads: Option<usize>,
    /// Decoder attention heads.
    pub decoder_num_heads: Option<usize>,
    /// LayerNorm's epsilon in every layer.
    pub norm_eps: Option<f64>,
    /// Whether targets were normalised patch by patch.
    pub norm_pix_loss: Option<bool>,
    /// Share of the patches hidden in training.
    pub mask_ratio: Option<f64>,
    /// Sizes, which the tensors must bear out.
    #[serde(default)]
    pub stated: Stated,
}

/// Sizes that a file states although its tensors have them: a file that has lost some contradicts itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// Channels of a picture.
    pub in_chans: Option<usize>,
    /// Side of a patch in pixels.
    pub patch_size: Option<usize>,
    /// Encoder width.
    pub embed_dim: Option<usize>,
    /// Encoder blocks.
    pub encoder_depth: Option<usize>,
    /// Decoder width.
    pub decoder_embed_dim: Option<usize>,
    /// Decoder blocks.
    pub decoder_depth: Option<usize>,
}

impl Stated {
    fn or(self, other: Self) -> Self {
        Self {
            in_chans: self.in_chans.or(other.in_chans),
            patch_size: self.patch_size.or(other.patch_size),
            embed_dim: self.embed_dim.or(other.embed_dim),
            encoder_depth: self.encoder_depth.or(other.encoder_depth),
            decoder_embed_dim: self.decoder_embed_dim.or(other.decoder_embed_dim),
            decoder_depth: self.decoder_depth.or(other.decoder_depth),
        }
    }

    /// The first size that the tensors contradict: its key, what is stated, what they have. Sizes of a decoder that is not
    /// there at all are no contradiction.
    #[must_use]
    pub fn contradiction(&self, sizes: &Sizes) -> Option<(&'static str, usize, usize)> {
        let decoder = sizes.decoder.as_ref();
        let pairs = [
            ("in_chans", self.in_chans, Some(sizes.in_chans)),
            ("patch_size", self.patch_size, Some(sizes.patch_size)),
            ("embed_dim", self.embed_dim, Some(sizes.embed_dim)),
            ("encoder_depth", self.encoder_depth, Some(sizes.encoder_depth)),
            (
                "decoder_embed_dim",
                self.decoder_embed_dim,
                decoder.map(|d| d.embed_dim),
            ),
            ("decoder_depth", self.decoder_depth, decoder.map(|d| d.depth)),
        ];
        let both = pairs
            .into_iter()
            .filter_map(|(key, stated, found)| Some((key, stated?, found?)));
        both.into_iter().find(|(_, stated, found)| stated != found)
    }
}

impl Facts {
    /// These facts, completed by others where they are silent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            variant: self.variant.or(other.variant),
            img_size: self.img_size.or(other.img_size),
            encoder_num_heads: self.encoder_num_heads.or(other.encoder_num_heads),
            decoder_num_heads: self.decoder_num_heads.or(other.decoder_num_heads),
            norm_eps: self.norm_eps.or(other.norm_eps),
            norm_pix_loss: self.norm_pix_loss.or(other.norm_pix_loss),
            mask_ratio: self.mask_ratio.or(other.mask_ratio),
            stated: self.stated.or(other.stated),
        }
    }
}
