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
mod tune;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

pub use agreement::{adjusted_rand, normalised_mutual_information};
pub use bank::{Bank, Part};
pub use check::{TaskError, check, check_all, check_with};

use super::knn;
use crate::spec::TrialSpec;
use crate::spec::trial::{EvalSpec, EvalTask, Feature};
use crate::store::rows::ProtocolRow;

/// How the figures of one task came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// The task.
    pub task: EvalTask,
    /// Version of the code of its protocol: figures of two versions are not compared.
    pub version: u32,
    /// Its parameters, and what was chosen on training pictures.
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

/// Version of the code of each protocol. To be raised when figures change.
#[must_use]
pub fn version(task: EvalTask) -> u32 {
    match task {
        EvalTask::Reconstruction
        | EvalTask::Knn
        | EvalTask::Linear
        | EvalTask::Logistic
        | EvalTask::Attentive
        | EvalTask::Finetune
        | EvalTask::Retrieval
        | EvalTask::Clustering => 1,
    }
}

/// Names of the figures of a task, its leading one first; reconstruction has names of its own.
#[must_use]
pub fn figures(task: EvalTask) -> &'static [&'static str] {
    match task {
        EvalTask::Reconstruction => &[],
        EvalTask::Knn => &["knn_accuracy"],
        EvalTask::Linear => &["linear_accuracy"],
        EvalTask::Logistic => &["logistic_accuracy"],
        EvalTask::Attentive => &["attentive_accuracy"],
        EvalTask::Finetune => &["finetune_accuracy"],
        EvalTask::Retrieval => &[
            "retrieval_map",
            "retrieval_recall_at_1",
            "retrieval_recall_at_5",
            "retrieval_recall_at_10",
        ],
        EvalTask::Clustering => &["clustering_nmi", "clustering_ari"],
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
    let (figures, own) = match task {
        _ if !bank.is_sound(feature) => (not_numbers(task), json!({})),
        EvalTask::Knn => neighbours(bank, eval),
        EvalTask::Linear => probe::run(bank, eval, seed, device),
        EvalTask::Logistic => logistic::run(bank, eval, seed)?,
        EvalTask::Retrieval => retrieval::run(bank, feature),
        EvalTask::Clustering => clustering::run(bank, &eval.clustering, seed)?,
        EvalTask::Reconstruction | EvalTask::Attentive | EvalTask::Finetune => return Ok(None),
    };
    let mut parameters = json!({
        "feature": feature,
        "classes": bank.classes,
        "train": bank.train.labels.len(),
        "held_out": bank.val.labels.len(),
        "augmentation": "none",
    });
    merge(&mut parameters, own);
    let version = version(task);
    let protocol = Protocol {
        task,
        version,
        parameters,
    };
    Ok(Some(Finding { figures, protocol }))
}

/// Named figures, and parameters beside those that all tasks have.
type Named = (Vec<(String, f64)>, Json);

fn neighbours(bank: &Bank, eval: &EvalSpec) -> Named {
    let (train, val) = (
        bank.rows(&bank.train, eval.knn_feature),
        bank.rows(&bank.val, eval.knn_feature),
    );
    let accuracy = knn::accuracy(train, val, bank.classes, eval.knn_k, eval.knn_temperature);
    let parameters = json!({
        "k": eval.knn_k,
        "temperature": eval.knn_temperature,
        "similarity": "cosine",
    });
    (vec![("knn_accuracy".into(), accuracy)], parameters)
}

fn not_numbers(task: EvalTask) -> Vec<(String, f64)> {
    figures(task)
        .iter()
        .map(|name| ((*name).to_string(), f64::NAN))
        .collect()
}

fn merge(into: &mut Json, more: Json) {
    if let (Json::Object(into), Json::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Share of rows whose class was said rightly.
fn share_right(said: impl Iterator<Item = usize>, labels: &[usize]) -> f64 {
    let right = said.zip(labels).filter(|(said, label)| said == *label).count();
    right as f64 / labels.len() as f64
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
