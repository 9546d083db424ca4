//! What a file of weights says about its model besides the tensors, which do not tell it: heads, epsilon, target.

use serde::{Deserialize, Serialize};

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
        }
    }
}
