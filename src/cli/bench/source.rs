//! Where the batches of `bench train-step` come from: noise in memory, or pictures through the training loader.

use std::sync::Arc;

use crate::cli::failure::Failure;
use crate::data::{Batch, Batches, Feed, ImageSet, LoaderConfig, Split, steps_per_epoch};
use crate::spec::TrialSpec;
use crate::train::bench::noise;

/// Batches without end.
pub(super) enum Source {
    /// The same noise again and again.
    Memory(Batch),
    /// Epoch after epoch, as training reads them.
    Loader(Box<Loaded>),
}

/// Epochs of pictures.
pub(super) struct Loaded {
    feed: Feed,
    batches: Batches,
    epoch: u64,
    per_epoch: usize,
}

impl Source {
    /// Noise of the trial's input shape.
    pub(super) fn memory(spec: &TrialSpec) -> Self {
        Self::Memory(noise(spec))
    }

    /// The trial's own pictures.
    pub(super) fn loader(spec: &TrialSpec) -> Result<Self, Failure> {
        let set = Arc::new(ImageSet::open(&spec.data, spec.model.img_size)?);
        let batch_size = spec.train.batch_size;
        let mut feed = Feed::new(&set, LoaderConfig::of(spec, batch_size), spec.seed);
        let batches = feed.epoch(0, 0);
        let per_epoch = steps_per_epoch(set.len(Split::Train), batch_size);
        Ok(Self::Loader(Box::new(Loaded {
            feed,
            batches,
            epoch: 0,
            per_epoch,
        })))
    }

    pub(super) fn next(&mut self) -> Result<Batch, Failure> {
        match self {
            Self::Memory(batch) => Ok(batch.clone()),
            Self::Loader(loaded) => loaded.next(),
        }
    }
}

impl Loaded {
    fn next(&mut self) -> Result<Batch, Failure> {
        loop {
            if let Some(batch) = self.batches.next() {
                let batch = batch?;
                if batch.number + 1 == self.per_epoch {
                    self.feed.begin(self.epoch + 1);
                }
                return Ok(batch);
            }
            self.epoch += 1;
            self.batches = self.feed.epoch(self.epoch, 0);
        }
    }
}
