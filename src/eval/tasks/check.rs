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
    /// All held-out pictures are of one class.
    #[error("the task {} is judged on held-out pictures, and those of {place} are all {class}: {cure}", task.word())]
    OneHeldOut {
        /// Which task.
        task: EvalTask,
        /// Where the pictures are.
        place: String,
        /// The class.
        class: String,
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

/// What helps where held-out pictures are missing.
const CURE: &str = "put held-out pictures of each class into its folder in val/, or raise data.val_fraction";

/// What tasks on these pictures do not say, one line each: of neighbours, that they are left out where classes cannot
/// be told apart; of the others, which classes they are not judged on.
#[must_use]
pub fn notes(tasks: &[EvalTask], set: &ImageSet) -> Vec<String> {
    let mut notes = Vec::new();
    if set.classes().is_empty() || !tasks.iter().any(|task| task.needs_classes()) {
        return notes;
    }
    if tasks.contains(&EvalTask::Knn)
        && let Err(why) = check(EvalTask::Knn, set)
    {
        notes.push(format!("knn is left out: {why}"));
        return notes;
    }
    let val = counts(set, Split::Val);
    let missing = set.classes().iter().zip(val).filter(|(_, count)| *count == 0);
    let missing: Vec<&str> = missing.map(|(class, _)| class.as_str()).collect();
    if let [first, rest @ ..] = missing.as_slice() {
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" and {count} other classes"),
        };
        notes.push(format!(
            "no held-out picture of {} is of class {first}{more}: figures of tasks say nothing about that",
            set.place()
        ));
    }
    notes
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
            cure: CURE,
        });
    }
    let needed = needed(task);
    if let Some(class) = train.iter().position(|count| *count < needed) {
        return Err(TaskError::FewPictures {
            task,
            place: place(),
            class: set.classes()[class].clone(),
            count: train[class],
            needed,
        });
    }
    let mut held = (0..val.len()).filter(|class| val[*class] > 0);
    if let (Some(class), None) = (held.next(), held.next()) {
        return Err(TaskError::OneHeldOut {
            task,
            place: place(),
            class: set.classes()[class].clone(),
            cure: CURE,
        });
    }
    Ok(())
}

/// Pictures of each class in a part.
fn counts(set: &ImageSet, split: Split) -> Vec<usize> {
    let mut counts = vec![0; set.classes().len()];
    for class in (0..set.len(split)).filter_map(|index| set.label(split, index)) {
        counts[class] += 1;
    }
    counts
}
