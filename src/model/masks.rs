//! Masks of one batch as index tensors: the bridge between `strategies`, which knows no tensors, and the model.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use mae_strategies::Mask;

/// The masks of `N` pictures, all hiding the same number of patches.
///
/// `L` patches, `K` visible, `M = L − K` hidden. The shuffled order of a picture's patches has the visible ones first.
#[derive(Debug, Clone)]
pub struct MaskBatch {
    shuffle: Vec<u32>,
    /// For every visible patch, in shuffled order, whether the encoder is given a token in its place; empty when none is.
    replaced: Vec<bool>,
    /// Pictures.
    pub n: usize,
    /// Patches of a picture.
    pub patches: usize,
    /// Visible patches of a picture.
    pub visible: usize,
    /// Hidden patches of a picture that training decodes, the first of them in shuffled order: all, unless
    /// [`super::partial`] leaves some out.
    pub decoded: usize,
}

impl MaskBatch {
    /// Stacks masks.
    ///
    /// # Panics
    /// When there are none, or their grids or counts differ: a strategy's plan fixes both beforehand.
    #[must_use]
    pub fn new(masks: &[Mask]) -> Self {
        let first = masks.first().expect("a batch has at least one picture");
        let (patches, visible) = (first.grid().len(), first.visible());
        let rectangular = masks
            .iter()
            .all(|m| m.grid().len() == patches && m.visible() == visible);
        assert!(
            rectangular,
            "masks of one batch hide the same number of patches of the same grid"
        );
        let shuffle = masks.iter().flat_map(|m| m.ids_shuffle().iter().copied()).collect();
        Self {
            shuffle,
            replaced: Vec::new(),
            n: masks.len(),
            patches,
            visible,
            decoded: patches - visible,
        }
    }

    /// Nothing hidden in `n` pictures, patches in raster order.
    #[must_use]
    pub fn whole(n: usize, patches: usize) -> Self {
        Self {
            shuffle: (0..n).flat_map(|_| 0..patches as u32).collect(),
            replaced: Vec::new(),
            n,
            patches,
            visible: patches,
            decoded: 0,
        }
    }

    /// With the hidden patches of each picture, whose number is told, in another order; training decodes the first
    /// `decoded` of them.
    pub(super) fn decoding(mut self, decoded: usize, mut order: impl FnMut(usize, &mut [u32])) -> Self {
        for (n, row) in self.shuffle.chunks_exact_mut(self.patches).enumerate() {
            order(n, &mut row[self.visible..]);
        }
        Self { decoded, ..self }
    }

    /// With tokens in the place of these visible patches, of which there is a flag for each, in shuffled order.
    pub(super) fn replacing(self, replaced: Vec<bool>) -> Self {
        debug_assert_eq!(replaced.len(), self.n * self.visible, "flags of visible patches");
        Self { replaced, ..self }
    }

    /// Hidden patches of a picture.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.patches - self.visible
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, u32> {
        self.shuffle.chunks_exact(self.patches)
    }

    fn ints(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
        let len = values.len();
        Tensor::from_data(TensorData::new(values, [len]), device)
    }

    /// Patch numbers at these places of the shuffled order.
    ///
    /// # Shapes
    /// `[N·places]`, each picture from 0.
    #[must_use]
    pub fn ids(&self, places: Range<usize>, device: &Device) -> Tensor<1, Int> {
        let ids = self.rows().flat_map(|row| &row[places.clone()]);
        Self::ints(ids.map(|i| i64::from(*i)).collect(), device)
    }

    /// The places in shuffled order of the hidden patches that training decodes.
    #[must_use]
    pub fn decoded_places(&self) -> Range<usize> {
        self.visible..self.visible + self.decoded
    }

    /// 1 for every visible patch that the encoder is given a token for, else 0; `None` when there is no such patch.
    ///
    /// # Shapes
    /// `[N, K, 1]`.
    #[must_use]
    pub fn replaced(&self, device: &Device) -> Option<Tensor<3>> {
        let flags: Vec<f32> = self.replaced.iter().map(|flag| f32::from(*flag)).collect();
        let shape = [self.n, self.visible, 1];
        (!flags.is_empty()).then(|| Tensor::from_data(TensorData::new(flags, shape), device))
    }

    /// The visible patches by their numbers in the batch, `n · L + l`: `N·K` of them.
    #[must_use]
    pub fn visible_rows(&self) -> Arc<[u32]> {
        self.offset(|row| &row[..self.visible])
    }

    /// The hidden patches by their numbers in the batch: `N·M` of them.
    #[must_use]
    pub fn hidden_rows(&self) -> Arc<[u32]> {
        self.offset(|row| &row[self.visible..])
    }

    /// Those of the hidden patches that training decodes.
    #[must_use]
    pub fn decoded_rows(&self) -> Arc<[u32]> {
        self.offset(|row| &row[self.decoded_places()])
    }

    /// For every patch in raster order its row in a shuffled batch flattened to `N·L` rows.
    ///
    /// # Shapes
    /// `[N·L]`.
    #[must_use]
    pub fn restore_rows(&self, device: &Device) -> Tensor<1, Int> {
        let mut rows = vec![0; self.shuffle.len()];
        for (place, patch) in self.shuffle.iter().enumerate() {
            rows[place / self.patches * self.patches + *patch as usize] = place as i64;
        }
        Self::ints(rows, device)
    }

    /// For every pixel of picture `n`, in raster order, whether its patch of side `p` is hidden.
    #[must_use]
    pub fn hidden_pixels(&self, n: usize, p: usize, height: usize, width: usize) -> Vec<bool> {
        let mut hidden = vec![false; self.patches];
        for patch in &self.shuffle[n * self.patches..][self.visible..self.patches] {
            hidden[*patch as usize] = true;
        }
        (0..height * width)
            .map(|at| hidden[at / width / p * (width / p) + at % width / p])
            .collect()
    }

    fn offset<'a>(&'a self, part: impl Fn(&'a [u32]) -> &'a [u32]) -> Arc<[u32]> {
        let rows = self.rows().zip((0..).step_by(self.patches));
        rows.flat_map(|(row, first)| part(row).iter().map(move |patch| first + patch))
            .collect()
    }
}
