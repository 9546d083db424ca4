//! The decoder's half of a pass: which tokens it is given, and which patches it is asked for.
//!
//! `N` batch, `L` patches, `K` visible, `D` encoder width, `E` decoder width, `P` values of a patch. Places are those of a
//! picture's patches in shuffled order, visible ones first.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Mae, positions};
use crate::model::masks::MaskBatch;

impl Mae {
    /// Predictions for the hidden patches that training decodes, in shuffled order.
    ///
    /// # Shapes
    /// latent `[N, 1 + K, D]` → `[N, decoded, P]`.
    #[must_use]
    pub fn predict_decoded(&self, latent: Tensor<3>, masks: &MaskBatch) -> Tensor<3> {
        let tokens = self.decode(latent, masks, masks.decoded_places());
        self.linear(&self.decoder_pred, tokens)
    }

    /// Decoder tokens after the final norm, of the patches at these places of the shuffled order. Hidden patches beyond
    /// them are not in the sequence at all.
    ///
    /// # Shapes
    /// latent `[N, 1 + K, D]` → `[N, places, E]`.
    pub(super) fn decode(&self, latent: Tensor<3>, masks: &MaskBatch, places: Range<usize>) -> Tensor<3> {
        let visible = self.linear(&self.decoder_embed, latent);
        if !self.decoder_cross_blocks.is_empty() {
            return self.read_out(visible, masks, places);
        }
        let x = decoder_input(
            visible,
            self.mask_token.val(),
            &self.decoder_pos_embed,
            masks,
            places.end,
        );
        let blocks = self.decoder_blocks.iter();
        let x = blocks.fold(x, |x, block| block.forward(x, self.precision));
        self.decoder_norm.forward(x).narrow(1, 1 + places.start, places.len())
    }

    /// The same where the decoder reads: every place starts from a mask token with its position, those of visible patches
    /// too, and what comes out does not depend on which others are asked for. What is read carries the encoder's positions.
    ///
    /// # Shapes
    /// visible `[N, 1 + K, E]` → `[N, places, E]`.
    fn read_out(&self, visible: Tensor<3>, masks: &MaskBatch, places: Range<usize>) -> Tensor<3> {
        let ids = masks.ids(places, &visible.device());
        let x = self.mask_token.val() + positions(&self.decoder_pos_embed, ids, masks.n);
        let blocks = self.decoder_cross_blocks.iter();
        let x = blocks.fold(x, |x, block| block.forward(x, visible.clone(), self.precision));
        self.decoder_norm.forward(x)
    }
}

/// What a decoder starts from: the visible tokens, then mask tokens for the hidden patches up to the place `end` of the
/// shuffled order; each with the position of its patch, the class token first.
///
/// # Shapes
/// visible `[N, 1 + K, E]`, token `[1, 1, E]`, table `[1 + L, E]` → `[N, 1 + end, E]`.
#[must_use]
pub fn decoder_input(
    visible: Tensor<3>,
    token: Tensor<3>,
    table: &Tensor<2>,
    masks: &MaskBatch,
    end: usize,
) -> Tensor<3> {
    let device = visible.device();
    let x = match end - masks.visible {
        0 => visible,
        count => Tensor::cat(vec![visible, token.expand([masks.n as i64, count as i64, -1])], 1),
    };
    let class = table.clone().narrow(0, 0, 1).unsqueeze::<3>().repeat_dim(0, masks.n);
    let patches = positions(table, masks.ids(0..end, &device), masks.n);
    x + Tensor::cat(vec![class, patches], 1)
}
