//! Whether pictures have the classes that tasks need: said before anything is trained, naming what is missing and the cure.

use crate::data::{ImageSet, Split};
use crate::eval::finetune::LearnError;
use crate::eval::{attentive, finetune};
use crate::spec::TrialSpec;
use crate::spec::trial::EvalTask;

/// Why a task cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The pictures have no classes.
    #[error("the task {} needs classes, and {place} has none: put the pictures of each class into a folder of its own, or leave \
             the task out", task.word())]
    NoClasses {
        /// Which task.
        task: EvalTask,
        /// Where the pictures are.
        place: String,
    },
    /// All pictures have the same class.
    #[error("the task {} tells classes apart, and {place} has only {class}: add another class, or leave the task out", task.word())]
    OneClass {
        /// Which task.
        task: EvalTask,
        /// Where the pictures are.
        place: String,
        /// The class.
        class: String,
    },
    /// A class has too few training pictures.
    #[error(
        "the task {} needs {needed} training pictures of each class, and {class} of {place} has {count}: add pictures to it or \
         take its folder away",
        task.word()
    )]
    FewPictures {
        /// Which task.
        task: EvalTask,
        /// Where the pictures are.
        place: String,
        /// The class.
        class: String,
        /// Its training pictures.
        count: usize,
        /// How many there must be.
        needed: usize,
    },
    /// No held-out picture has a class.
    #[error("the task {} is judged on held-out pictures, and none of {place} has a class: {cure}", task.word())]
    NothingHeldOut {
        /// Which task.
        task: EvalTask,
        /// Where the pictures are.
        place: String,
        /// What to do.
        cure: &'static str,
    },
    /// A solver gave up.
    #[error("the task {} failed: {why}", task.word())]
    Solver {
        /// Which task.
        task: EvalTask,
        /// What it said.
        why: String,
    },
}

/// Training pictures of each class that a task needs: two where one of them is there to choose a rate on.
fn needed(task: EvalTask) -> usize {
    match task {
        EvalTask::Linear | EvalTask::Logistic | EvalTask::Attentive => 2,
        _ => 1,
    }
}

/// Whether the tasks of a trial can be had on these pictures. Neighbours, which trials are judged by unless told otherwise, are
/// left out where there are no classes.
///
/// # Errors
/// What is missing, and the cure.
pub fn check_all(spec: &TrialSpec, set: &ImageSet) -> Result<(), LearnError> {
    let asked = spec.eval.tasks.iter().filter(|task| **task != EvalTask::Knn);
    asked.copied().try_for_each(|task| check_with(task, spec, set))
}

/// Whether a task can be had on these pictures with these settings.
///
/// # Errors
/// What is missing, and the cure.
pub fn check_with(task: EvalTask, spec: &TrialSpec, set: &ImageSet) -> Result<(), LearnError> {
    match task {
        EvalTask::Attentive => attentive::check(spec, set),
        EvalTask::Finetune => finetune::check(spec, set),
        _ => Ok(check(task, set)?),
    }
}

/// Whether a task can be had on these pictures.
///
/// # Errors
/// What is missing, and the cure.
pub fn check(task: EvalTask, set: &ImageSet) -> Result<(), TaskError> {
    if !task.needs_classes() {
        return Ok(());
    }
    let place = || set.place().to_string();
    match set.classes() {
        [] => return Err(TaskError::NoClasses { task, place: place() }),
        [only] => {
            return Err(TaskError::OneClass {
                task,
                place: place(),
                class: only.clone(),
            });
        }
        _ => {}
    }
    let (train, val) = (counts(set, Split::Train), counts(set, Split::Val));
    if val.iter().all(|count| *count == 0) {
        return Err(TaskError::NothingHeldOut {
            task,
            place: place(),
            cure: "put held-out pictures into the classes' folders in val/, or raise data.val_fraction",
        });
    }
    let needed = needed(task);
    match train.iter().position(|count| *count < needed) {
        Some(class) => Err(TaskError::FewPictures {
            task,
            place: place(),
            class: set.classes()[class].clone(),
            count: train[class],
            needed,
        }),
        None => Ok(()),
    }
}

/// Pictures of each class in a part.
fn counts(set: &ImageSet, split: Split) -> Vec<usize> {
    let mut counts = vec![0; set.classes().len()];
    for class in (0..set.len(split)).filter_map(|index| set.label(split, index)) {
        counts[class] += 1;
    }
    counts
}
