//! Masks of one batch as index tensors: the bridge between `strategies`, which knows no tensors, and the model.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use mae_strategies::Mask;

/// The masks of `N` pictures, all hiding the same number of patches.
///
/// `L` patches, `K` visible, `M = L − K` hidden.
#[derive(Debug, Clone)]
pub struct MaskBatch {
    shuffle: Vec<u32>,
    /// Pictures.
    pub n: usize,
    /// Patches of a picture.
    pub patches: usize,
    /// Visible patches of a picture.
    pub visible: usize,
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
            n: masks.len(),
            patches,
            visible,
        }
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

    /// Patch numbers in shuffled order, visible first.
    ///
    /// # Shapes
    /// `[N·L]`, each picture from 0.
    #[must_use]
    pub fn ids_shuffle(&self, device: &Device) -> Tensor<1, Int> {
        Self::ints(self.shuffle.iter().map(|i| i64::from(*i)).collect(), device)
    }

    /// Patch numbers of the visible patches.
    ///
    /// # Shapes
    /// `[N·K]`, each picture from 0.
    #[must_use]
    pub fn ids_keep(&self, device: &Device) -> Tensor<1, Int> {
        Self::ints(
            self.rows()
                .flat_map(|r| &r[..self.visible])
                .map(|i| i64::from(*i))
                .collect(),
            device,
        )
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
