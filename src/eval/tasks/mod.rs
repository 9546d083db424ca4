//! The tasks that judge an encoder by what its frozen features are good for: classes told by neighbours, by one layer or by
//! logistic regression, pictures found again, clusters. Training pictures are learned from and chosen on, held-out pictures
//! are judged on, and never the other way round. Each task says by which protocol its figures came about.
//!
//! `N` pictures, `D` width of a feature, `K` classes.

mod agreement;
pub mod bank;
pub mod cache;
pub mod check;
pub mod clustering;
pub mod logistic;
pub mod probe;
pub mod retrieval;
pub mod trained;
pub(crate) mod tune;

use burn::tensor::{Device, Tensor};
use serde_json::{Value as Json, json};

pub use agreement::{adjusted_rand, normalised_mutual_information};
pub use bank::{Bank, Part};
pub use check::{TaskError, check, check_all, check_with, notes};

use super::knn;
use crate::spec::trial::{EvalSpec, EvalTask, Feature};
use crate::spec::{FIGURES, TrialSpec};
use crate::store::rows::ProtocolRow;

/// How the figures of one task came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// The task.
    pub task: EvalTask,
    /// Version of the code of its protocol: figures of two versions are not compared.
    pub version: u32,
    /// Its parameters; under `found` what is of this one trial: its seed, what was chosen on training pictures and seen on the way.
    pub parameters: Json,
}

impl Protocol {
    /// As the store keeps it.
    #[must_use]
    pub fn row(self) -> ProtocolRow {
        ProtocolRow {
            task: self.task.word().into(),
            version: self.version.into(),
            parameters: self.parameters,
        }
    }
}

/// What one task found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Named figures.
    pub figures: Vec<(String, f64)>,
    /// How they came about.
    pub protocol: Protocol,
}

impl Finding {
    /// What a task found: settings that all tasks have, then its own, then under `found` what is of this trial.
    fn of(task: EvalTask, spec: &TrialSpec, settings: Json, outcome: Outcome) -> Self {
        let Outcome { figures, found } = outcome;
        let (model, data) = (&spec.model, &spec.data);
        let mut parameters = json!({
            "img_size": model.img_size,
            "mean": data.mean,
            "std": data.std,
            "norm_eps": model.norm_eps,
        });
        merge(&mut parameters, settings);
        parameters["found"] = json!({ "seed": spec.seed });
        merge(&mut parameters["found"], found);
        let protocol = Protocol {
            task,
            version: version(task),
            parameters,
        };
        Self { figures, protocol }
    }
}

/// Version of the code of each protocol. To be raised when figures change.
#[must_use]
pub fn version(task: EvalTask) -> u32 {
    match task {
        EvalTask::Reconstruction
        | EvalTask::Knn
        | EvalTask::Linear
        | EvalTask::Logistic
        | EvalTask::Finetune
        | EvalTask::Retrieval
        | EvalTask::Clustering => 1,
        // Its rate is chosen on the share eval.tune_fraction of the training pictures.
        EvalTask::Attentive => 2,
    }
}

/// The feature that a task reads, where it reads one of a whole picture.
#[must_use]
pub fn feature(task: EvalTask, eval: &EvalSpec) -> Option<Feature> {
    match task {
        EvalTask::Knn => Some(eval.knn_feature),
        EvalTask::Linear => Some(eval.linear.feature),
        EvalTask::Logistic => Some(eval.logistic.feature),
        EvalTask::Retrieval => Some(eval.retrieval.feature),
        EvalTask::Clustering => Some(eval.clustering.feature),
        EvalTask::Reconstruction | EvalTask::Attentive | EvalTask::Finetune => None,
    }
}

/// What reconstruction found under the common masks, and those of `eval.cross`, which are told with it and make no other
/// protocol; `lpips` is the digest of the network for perceptual distance.
#[must_use]
pub fn reconstructed(spec: &TrialSpec, figures: Vec<(String, f64)>, pictures: usize, lpips: Option<&str>) -> Finding {
    let (eval, model) = (&spec.eval, &spec.model);
    let settings = json!({
        "patch_size": model.patch_size,
        "in_chans": model.in_chans,
        "norm_pix_loss": model.norm_pix_loss,
        "mask_strategy": eval.mask_strategy,
        "mask_ratio": eval.mask_ratio,
        "mask_seed": eval.mask_seed,
        "held_out": pictures,
        "lpips": lpips,
    });
    let found = match eval.cross.as_slice() {
        [] => Json::Null,
        columns => json!({ "cross": columns }),
    };
    let outcome = Outcome { figures, found };
    Finding::of(EvalTask::Reconstruction, spec, settings, outcome)
}

/// Runs a task that reads features of whole pictures; `None` for the others. Features that are not finite, as those of a
/// model that diverged, and parts without a single readable picture give figures that are not numbers.
///
/// # Errors
/// When a solver fails.
pub fn run(task: EvalTask, bank: &Bank, spec: &TrialSpec, device: &Device) -> Result<Option<Finding>, TaskError> {
    let (eval, seed) = (&spec.eval, spec.seed);
    let Some(feature) = feature(task, eval) else {
        return Ok(None);
    };
    let outcome = match task {
        _ if !bank.is_sound(feature) => not_numbers(task, Json::Null),
        EvalTask::Knn => neighbours(bank, eval),
        EvalTask::Linear => probe::run(bank, eval, seed, device),
        EvalTask::Logistic => logistic::run(bank, eval, seed)?,
        EvalTask::Retrieval => retrieval::run(bank, feature),
        EvalTask::Clustering => clustering::run(bank, &eval.clustering, seed)?,
        EvalTask::Reconstruction | EvalTask::Attentive | EvalTask::Finetune => return Ok(None),
    };
    let mut settings = json!({
        "feature": feature,
        "classes": bank.classes,
        "train": bank.train.labels.len(),
        "held_out": bank.val.labels.len(),
        "augmentation": "none",
    });
    merge(&mut settings, own_settings(task, bank, eval));
    Ok(Some(Finding::of(task, spec, settings, outcome)))
}

/// Settings of a task on features of whole pictures beside those that all of these have. They are the same whatever becomes of it.
fn own_settings(task: EvalTask, bank: &Bank, eval: &EvalSpec) -> Json {
    match task {
        EvalTask::Knn => json!({
            "k": eval.knn_k.min(bank.train.labels.len()),
            "temperature": eval.knn_temperature,
            "similarity": "cosine",
        }),
        EvalTask::Linear => probe::settings(bank, eval),
        EvalTask::Logistic => logistic::settings(eval),
        EvalTask::Retrieval => retrieval::settings(),
        EvalTask::Clustering => clustering::settings(bank, &eval.clustering),
        EvalTask::Reconstruction | EvalTask::Attentive | EvalTask::Finetune => Json::Null,
    }
}

/// What a task tells of itself.
struct Outcome {
    /// Named figures.
    figures: Vec<(String, f64)>,
    /// What was chosen and seen on the way: no setting, but the consequence of them all.
    found: Json,
}

fn neighbours(bank: &Bank, eval: &EvalSpec) -> Outcome {
    let (train, val) = (
        bank.rows(&bank.train, eval.knn_feature),
        bank.rows(&bank.val, eval.knn_feature),
    );
    let accuracy = knn::accuracy(train, val, bank.classes, eval.knn_k, eval.knn_temperature);
    Outcome {
        figures: vec![("knn_accuracy".into(), accuracy)],
        found: Json::Null,
    }
}

/// The figures of a task, all of them not numbers, and what was seen.
fn not_numbers(task: EvalTask, found: Json) -> Outcome {
    let of_task = FIGURES.iter().filter(|figure| figure.task == Some(task.word()));
    Outcome {
        figures: of_task.map(|figure| (figure.name.to_owned(), f64::NAN)).collect(),
        found,
    }
}

fn merge(into: &mut Json, more: Json) {
    if let (Json::Object(into), Json::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Rows whose greatest score is that of their label, the first among equals; `None` where scores are no numbers, as of a
/// classifier that diverged.
///
/// # Shapes
/// `[N, K]`, `N` labels.
pub(crate) fn right_of(logits: Tensor<2>, labels: &[usize]) -> Option<usize> {
    let [_, classes] = logits.dims();
    let scores: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let greatest = |row: &[f32]| (1..classes).fold(0, |best, place| if row[place] > row[best] { place } else { best });
    scores.iter().all(|score| score.is_finite()).then(|| {
        let said = scores.chunks_exact(classes).map(greatest);
        said.zip(labels).filter(|(said, label)| said == *label).count()
    })
}

/// Share of rows whose class was said rightly.
fn share_right(said: impl Iterator<Item = usize>, labels: &[usize]) -> f64 {
    let right = said.zip(labels).filter(|(said, label)| said == *label).count();
    right as f64 / labels.len() as f64
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
