//! The figures of tasks on the encoder, task by task: what each is called, which way it is better, and which keys of the
//! configuration are its protocol.

use super::metrics::Metric;
use super::metrics_quality::QUALITY;

/// A task of `eval.tasks`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Task {
    /// Its word in `eval.tasks`, which its keys begin with too: `eval.linear.epochs`, `eval.knn_k`.
    pub(super) word: &'static str,
    /// Name for readers.
    pub(super) title: &'static str,
    /// Its figures, the leading one first.
    pub(super) metrics: &'static [Metric],
}

/// Every task, in the order of columns.
pub(super) const TASKS: [Task; 7] = [
    task("knn", "k-nearest neighbours", &[KNN]),
    task("linear", "Linear probe", &[LINEAR]),
    task("logistic", "Logistic regression", &[LOGISTIC]),
    task("attentive", "Attentive probe", &[ATTENTIVE]),
    task("finetune", "Fine-tuning", &[FINETUNE]),
    task("retrieval", "Retrieval", &[RETRIEVAL, RECALL_1, RECALL_5, RECALL_10]),
    task("clustering", "Clustering", &[CLUSTERING, ARI]),
];

/// Reconstruction under the common masks.
pub(super) const RECONSTRUCTION: Task = task("reconstruction", "Reconstruction", &QUALITY);

/// Anomaly maps of an inspection set, which no trial is judged by as it is trained.
pub(super) const ANOMALY: Task = task("anomaly", "Anomaly maps", &[AUROC, PIXEL_AUROC]);

/// Share of the training pictures that rates and penalties are chosen on.
const TUNING: &str = "eval.tune_fraction";

const fn task(word: &'static str, title: &'static str, metrics: &'static [Metric]) -> Task {
    Task { word, title, metrics }
}

/// What keys begin with that stand for a task's protocol: its code and settings.
const PROTOCOL: &str = "protocol.";

/// The task whose protocol a key stands for.
pub(super) fn by_protocol(key: &str) -> Option<&'static Task> {
    let word = key.strip_prefix(PROTOCOL)?;
    TASKS.iter().find(|task| task.word == word)
}

/// Whether a key is one of a task's own: part of its protocol and of nothing else.
pub(super) fn of_a_task(key: &str) -> bool {
    TASKS.iter().any(|t| t.owns(key))
}

impl Task {
    /// A key that stands for its protocol, of which runs had different ones.
    pub(super) fn protocol_key(&self) -> String {
        format!("{PROTOCOL}{}", self.word)
    }

    /// Whether a key belongs to the protocol of this task.
    pub(super) fn owns(&self, key: &str) -> bool {
        if key == TUNING {
            return self.metrics.iter().any(|metric| metric.apart.contains(&TUNING));
        }
        let rest = key.strip_prefix("eval.").and_then(|k| k.strip_prefix(self.word));
        rest.is_some_and(|r| r.starts_with(['.', '_']))
    }
}

/// Classification by neighbours on frozen features.
pub(super) const KNN: Metric = Metric {
    name: "knn_accuracy",
    untrained: Some("untrained_knn_accuracy"),
    title: "k-NN accuracy",
    unit: "%",
    factor: 100.0,
    decimals: 1,
    more_is_better: true,
    apart: &["data.", "eval.knn_"],
};

/// How well anomaly maps tell defective pictures.
pub(super) const AUROC: Metric = Metric {
    name: "anomaly_auroc",
    untrained: None,
    title: "AUROC, pictures",
    unit: "",
    factor: 1.0,
    decimals: 3,
    more_is_better: true,
    apart: &[],
};

/// How well they tell defective pixels.
pub(super) const PIXEL_AUROC: Metric = Metric {
    name: "anomaly_pixel_auroc",
    title: "AUROC, pixels",
    apart: &["model.img_size"],
    ..AUROC
};

/// A linear classifier trained on frozen features.
pub(super) const LINEAR: Metric = Metric {
    name: "linear_accuracy",
    untrained: Some("untrained_linear_accuracy"),
    title: "Linear probe accuracy",
    apart: &["data.", "eval.linear.", "eval.linear_", TUNING],
    ..KNN
};

/// A linear classifier solved for on frozen features.
pub(super) const LOGISTIC: Metric = Metric {
    name: "logistic_accuracy",
    untrained: Some("untrained_logistic_accuracy"),
    title: "Logistic regression accuracy",
    apart: &["data.", "eval.logistic.", "eval.logistic_", TUNING],
    ..KNN
};

/// A classifier that attends to all frozen patch features.
pub(super) const ATTENTIVE: Metric = Metric {
    name: "attentive_accuracy",
    untrained: Some("untrained_attentive_accuracy"),
    title: "Attentive probe accuracy",
    apart: &["data.", "eval.attentive.", "eval.attentive_", TUNING],
    ..KNN
};

/// The whole encoder trained on with a classifier.
pub(super) const FINETUNE: Metric = Metric {
    name: "finetune_accuracy",
    untrained: Some("untrained_finetune_accuracy"),
    title: "Fine-tuning accuracy",
    apart: &["data.", "eval.finetune.", "eval.finetune_"],
    ..KNN
};

/// Pictures of the class among the nearest, over all ranks.
pub(super) const RETRIEVAL: Metric = Metric {
    name: "retrieval_map",
    untrained: Some("untrained_retrieval_map"),
    title: "Retrieval mAP",
    apart: &["data.", "eval.retrieval.", "eval.retrieval_"],
    ..KNN
};

const RECALL_1: Metric = Metric {
    name: "retrieval_recall_at_1",
    untrained: Some("untrained_retrieval_recall_at_1"),
    title: "Recall@1",
    ..RETRIEVAL
};

const RECALL_5: Metric = Metric {
    name: "retrieval_recall_at_5",
    untrained: Some("untrained_retrieval_recall_at_5"),
    title: "Recall@5",
    ..RETRIEVAL
};

const RECALL_10: Metric = Metric {
    name: "retrieval_recall_at_10",
    untrained: Some("untrained_retrieval_recall_at_10"),
    title: "Recall@10",
    ..RETRIEVAL
};

/// Agreement of clusters of frozen features with the classes.
pub(super) const CLUSTERING: Metric = Metric {
    name: "clustering_nmi",
    untrained: Some("untrained_clustering_nmi"),
    title: "NMI",
    unit: "",
    factor: 1.0,
    decimals: 3,
    apart: &["data.", "eval.clustering.", "eval.clustering_"],
    ..KNN
};

const ARI: Metric = Metric {
    name: "clustering_ari",
    untrained: Some("untrained_clustering_ari"),
    title: "ARI",
    ..CLUSTERING
};
