//! Whether pictures can be learned from and judged on: what tasks with classes need, and why they may fail.

use crate::data::{DataError, ImageSet, Split};
use crate::model::names::NameError;

/// Why a task that learns classes could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Pictures could not be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The encoder's tensors do not fit the model of the configuration.
    #[error("use the trained encoder: {0}")]
    Encoder(#[from] NameError),
    /// No training picture has a class.
    #[error(
        "{task}: the pictures have no classes; put them in one sub-folder per class, or leave {task} out of eval.tasks"
    )]
    NoLabels {
        /// The task.
        task: &'static str,
    },
    /// All pictures are of one class.
    #[error(
        "{task}: all pictures are of the class {class:?}, so there is nothing to tell apart; add a second class, or leave {task} out of eval.tasks"
    )]
    OneClass {
        /// The task.
        task: &'static str,
        /// The class.
        class: String,
    },
    /// A class that cannot be learned.
    #[error(
        "{task}: the class {class:?} has no training picture; add one, raise data.train_limit or lower data.val_fraction"
    )]
    NoTraining {
        /// The task.
        task: &'static str,
        /// The class.
        class: String,
    },
    /// Nothing to judge on.
    #[error(
        "{task}: no held-out picture has a class; put pictures of each class into val/, or raise data.val_fraction"
    )]
    NoHeldOut {
        /// The task.
        task: &'static str,
    },
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

/// Checks that `task` can learn the classes of the training pictures and be judged on the held-out ones.
///
/// # Errors
/// No labels, one class, a class without a training picture, no held-out picture with a class, a batch larger than the
/// training part.
pub fn check(
    task: &'static str,
    classes: &[String],
    [train, held]: [&[Option<usize>]; 2],
    (key, batch): (&'static str, usize),
) -> Result<(), TaskError> {
    let mut counts = vec![0; classes.len()];
    train.iter().flatten().for_each(|label| counts[*label] += 1);
    let count: usize = counts.iter().sum();
    if count == 0 {
        return Err(TaskError::NoLabels { task });
    }
    if let [class] = classes {
        let class = class.clone();
        return Err(TaskError::OneClass { task, class });
    }
    if let Some(empty) = counts.iter().position(|count| *count == 0) {
        let class = classes[empty].clone();
        return Err(TaskError::NoTraining { task, class });
    }
    if held.iter().all(Option::is_none) {
        return Err(TaskError::NoHeldOut { task });
    }
    if batch > count {
        return Err(TaskError::Batch { key, batch, count });
    }
    Ok(())
}

/// Classes of the pictures of a split.
#[must_use]
pub fn labels(set: &ImageSet, split: Split) -> Vec<Option<usize>> {
    (0..set.len(split)).map(|i| set.label(split, i)).collect()
}

/// Checks a set by its labels: see [`check`].
///
/// # Errors
/// As [`check`].
pub fn check_set(task: &'static str, set: &ImageSet, batch: (&'static str, usize)) -> Result<(), TaskError> {
    let (train, held) = (labels(set, Split::Train), labels(set, Split::Val));
    check(task, set.classes(), [&train, &held], batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(classes: &[&str], train: &[Option<usize>], held: &[Option<usize>], batch: usize) -> String {
        let classes: Vec<String> = classes.iter().map(|c| (*c).to_owned()).collect();
        check("finetune", &classes, [train, held], ("eval.finetune.batch_size", batch))
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn each_lack_is_named_with_its_cure() {
        let (a, b, none) = (Some(0), Some(1), None);
        assert_eq!(said(&["a", "b"], &[a, b, none], &[a, none], 2), "");
        let cases = [
            (
                said(&[], &[none], &[none], 1),
                "no classes; put them in one sub-folder per class",
            ),
            (said(&["a", "b"], &[none], &[a], 1), "no classes"),
            (said(&["a"], &[a, a], &[a], 1), "all pictures are of the class \"a\""),
            (
                said(&["a", "b"], &[a, a], &[b], 1),
                "the class \"b\" has no training picture; add one",
            ),
            (
                said(&["a", "b"], &[a, b], &[none], 1),
                "no held-out picture has a class",
            ),
            (
                said(&["a", "b"], &[a, b, none], &[a], 3),
                "eval.finetune.batch_size = 3 is more than the 2 training pictures that have a class: lower it",
            ),
        ];
        for (said, want) in cases {
            assert!(said.contains(want), "{said:?} does not say {want:?}");
            assert!(!said.contains('\n'));
        }
    }
}
