//! Training batches epoch by epoch, where the next epoch can be begun before this one has ended, so that its first batch is
//! there when it is wanted.

use std::sync::Arc;

use super::{Batches, ImageSet, LoaderConfig, train_batches};

/// The training batches of one run.
pub struct Feed {
    set: Arc<ImageSet>,
    config: LoaderConfig,
    seed: u64,
    begun: Option<(u64, Batches)>,
}

impl Feed {
    /// Batches of `set` for the run seed; nothing is read yet.
    #[must_use]
    pub fn new(set: &Arc<ImageSet>, config: LoaderConfig, seed: u64) -> Self {
        Self {
            set: Arc::clone(set),
            config,
            seed,
            begun: None,
        }
    }

    /// The batches of an epoch from number `first` on; they are the same whether they were begun before or not.
    #[must_use]
    pub fn epoch(&mut self, epoch: u64, first: usize) -> Batches {
        match self.begun.take() {
            Some((begun, batches)) if begun == epoch && first == 0 => batches,
            _ => self.start(epoch, first),
        }
    }

    /// Begins an epoch: its first batches, as many as the queues hold, are made from now on.
    pub fn begin(&mut self, epoch: u64) {
        self.begun = Some((epoch, self.start(epoch, 0)));
    }

    fn start(&self, epoch: u64, first: usize) -> Batches {
        train_batches(&self.set, self.config.clone(), self.seed, epoch, first)
    }
}
