//! Losses and gradient norms that are still on the device: reading one waits for the step it belongs to, so they are read
//! all at once, when they are recorded.

use burn::tensor::Tensor;

use super::checkpoint::Cursor;

/// Numbers not yet read, in the order of their steps.
#[derive(Default)]
pub(super) struct Unread {
    pub(super) losses: Vec<Tensor<1>>,
    pub(super) norms: Vec<Tensor<1>>,
}

impl Unread {
    /// Reads them into the cursor's numbers not yet logged.
    pub(super) fn read_into(&mut self, cursor: &mut Cursor) {
        cursor.pending.extend(read(&mut self.losses));
        cursor.norms.extend(read(&mut self.norms));
    }
}

fn read(numbers: &mut Vec<Tensor<1>>) -> Vec<f32> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let all = Tensor::cat(std::mem::take(numbers), 0).into_data();
    all.iter::<f32>().collect()
}
