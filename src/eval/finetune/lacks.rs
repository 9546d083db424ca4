//! Why tasks that train on top of an encoder may fail, and whether the pictures fill a batch.

use crate::data::{DataError, ImageSet, Split};
use crate::eval::tasks::TaskError;
use crate::model::names::NameError;

/// Why a task that trains could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// The pictures lack what it needs.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Pictures could not be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The encoder's tensors do not fit the model of the configuration.
    #[error("use the trained encoder: {0}")]
    Encoder(#[from] NameError),
    /// A batch that the training pictures do not fill.
    #[error("{key} = {batch} is more than the {count} training pictures that have a class: lower it")]
    Batch {
        /// The key.
        key: &'static str,
        /// Its value.
        batch: usize,
        /// Training pictures with a class.
        count: usize,
    },
    /// Heads that do not divide the encoder's width.
    #[error(
        "eval.attentive.heads = {heads} does not divide model.embed_dim = {width}: use 0 for as many as the encoder has"
    )]
    Heads {
        /// Heads asked for.
        heads: usize,
        /// Width of the encoder.
        width: usize,
    },
    /// Tokens that do not fit into memory.
    #[error(
        "attentive: patch tokens of {pictures} pictures take {gib:.0} GiB, more than the {most} GiB that are kept in memory: lower data.train_limit"
    )]
    Memory {
        /// Pictures.
        pictures: usize,
        /// What their tokens would take.
        gib: f64,
        /// What they may take.
        most: usize,
    },
    /// Whoever was told of the progress did not want to go on.
    #[error("stopped before it was done")]
    Stopped,
    /// What was trained gives scores of classes that are no numbers.
    #[error("{task}: scores of held-out pictures are no numbers after the last epoch; lower {key}")]
    Scores {
        /// The task.
        task: &'static str,
        /// The key of its learning rate.
        key: &'static str,
    },
    /// The loss is no number any more.
    #[error("{task}: the loss of epoch {epoch} is {loss}; lower {key}")]
    Diverged {
        /// The task.
        task: &'static str,
        /// Epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// The key of its learning rate.
        key: &'static str,
    },
}

/// Whether the labelled training pictures fill a batch.
///
/// # Errors
/// Where they do not.
pub fn check_batch(set: &ImageSet, (key, batch): (&'static str, usize)) -> Result<(), LearnError> {
    let labels = (0..set.len(Split::Train)).filter_map(|i| set.label(Split::Train, i));
    let count = labels.count();
    if batch > count {
        return Err(LearnError::Batch { key, batch, count });
    }
    Ok(())
}
