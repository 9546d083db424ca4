//! The metrics that the report knows: how each is called, shown and compared. Exports carry every recorded metric.

pub(super) use super::metrics_tasks::KNN;
use super::metrics_tasks::{self, ATTENTIVE, CLUSTERING, FINETUNE, LINEAR, LOGISTIC, RETRIEVAL, TASKS};

/// A metric of the table and the figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metric {
    /// Name in the store.
    pub(super) name: &'static str,
    /// The same measured before training, if recorded.
    pub(super) untrained: Option<&'static str>,
    /// Name in tables.
    pub(super) title: &'static str,
    /// Unit, empty for none.
    pub(super) unit: &'static str,
    /// Factor from stored to shown values.
    pub(super) factor: f64,
    /// Fewest decimals shown.
    pub(super) decimals: usize,
    /// Whether more is better.
    pub(super) more_is_better: bool,
    /// Keys whose change makes values incomparable; one that ends with `.` or `_` stands for all that begin with it, and
    /// `eval.` for all but those of tasks on the encoder.
    pub(super) apart: &'static [&'static str],
}

/// Loss on the run's own masks.
pub(super) const VAL_LOSS: Metric = Metric {
    name: "val_loss",
    untrained: None,
    title: "Validation loss",
    unit: "",
    factor: 1.0,
    decimals: 3,
    more_is_better: false,
    apart: &[
        "mask.",
        "model.norm_pix_loss",
        "model.patch_size",
        "model.img_size",
        "model.in_chans",
        "data.",
        "eval.",
    ],
};

/// Error at the common masks.
pub(super) const EVAL_MSE: Metric = Metric {
    name: "eval_mse",
    untrained: Some("untrained_eval_mse"),
    title: "MSE",
    unit: "",
    factor: 1.0,
    decimals: 4,
    more_is_better: false,
    apart: &["model.patch_size", "model.img_size", "model.in_chans", "data.", "eval."],
};

/// The same in the units of training: pixels normalised per patch where the run's targets are.
pub(super) const EVAL_LOSS: Metric = Metric {
    name: "eval_loss",
    untrained: Some("untrained_eval_loss"),
    title: "Loss at the common masks",
    decimals: 3,
    apart: &[
        "model.norm_pix_loss",
        "model.patch_size",
        "model.img_size",
        "model.in_chans",
        "data.",
        "eval.",
    ],
    ..EVAL_MSE
};

/// The same as a signal-to-noise ratio.
pub(super) const EVAL_PSNR: Metric = Metric {
    name: "eval_psnr",
    untrained: Some("untrained_eval_psnr"),
    title: "PSNR",
    unit: "dB",
    factor: 1.0,
    decimals: 2,
    more_is_better: true,
    ..EVAL_MSE
};

/// The columns of the table: reconstruction, then the leading figure of every task on the encoder.
pub(super) const TABLE: [Metric; 10] = [
    VAL_LOSS, EVAL_MSE, EVAL_PSNR, KNN, LINEAR, LOGISTIC, ATTENTIVE, FINETUNE, RETRIEVAL, CLUSTERING,
];

/// Name of the chance level of accuracies.
pub(super) const CHANCE: &str = "chance_accuracy";

/// Name of the error of filling every hidden patch with its own true mean.
pub(super) const MEAN_FILL: &str = "mean_fill_mse";

/// Keys that change how much is measured or how fast, and no value.
pub(super) const ASIDE: [&str; 6] = [
    "data.workers",
    "eval.tasks",
    "eval.cross",
    "eval.pictures",
    "eval.picture_every",
    "eval.batch_size",
];

/// The metric of a name in the store, where the report knows it.
pub(super) fn named(name: &str) -> Option<Metric> {
    let tasks = TASKS.iter().flat_map(|t| t.metrics).copied();
    let known = [VAL_LOSS, EVAL_LOSS, EVAL_MSE, EVAL_PSNR].into_iter().chain(tasks);
    known.chain(super::metrics_quality::QUALITY).find(|m| m.name == name)
}

impl Metric {
    /// Whether values may be compared across runs whose configurations differ in `keys`.
    pub(super) fn comparable<'a>(&self, mut keys: impl Iterator<Item = &'a str>) -> bool {
        !keys.any(|key| self.depends_on(key))
    }

    /// Whether a change of `key` makes values incomparable.
    pub(super) fn depends_on(&self, key: &str) -> bool {
        if let Some(task) = metrics_tasks::by_protocol(key) {
            return task.metrics.iter().any(|metric| metric.name == self.name);
        }
        let meant = |a: &str| match a {
            "eval." => key.starts_with(a) && !metrics_tasks::of_a_task(key),
            _ if a.ends_with(['.', '_']) => key.starts_with(a),
            _ => key == a,
        };
        // A network for perceptual distance changes that distance alone.
        let aside = ASIDE.contains(&key) || (key.starts_with("eval.lpips_") && self.name != "eval_lpips");
        self.apart.iter().any(|a| meant(a)) && !aside
    }

    /// Title with the unit.
    pub(super) fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.title.to_owned()
        } else {
            format!("{} ({})", self.title, self.unit)
        }
    }

    /// Heading where there is little room.
    pub(super) fn short_heading(&self) -> String {
        self.heading()
            .replace("Validation loss", "Val. loss")
            .replace("Retrieval mAP", "mAP")
            .replace("Logistic regression", "Logistic")
            .replace(" probe", "")
            .replace(" accuracy", "")
    }

    /// Whether it is a figure of a task on the encoder.
    pub(super) fn of_task(&self) -> bool {
        TASKS.iter().flat_map(|t| t.metrics).any(|m| m.name == self.name)
    }

    /// What guessing gives: the chance level of accuracies.
    pub(super) fn chance(&self) -> Option<&'static str> {
        self.name.ends_with("_accuracy").then_some(CHANCE)
    }

    /// What differences are counted in.
    pub(super) fn points(&self) -> &'static str {
        if self.unit == "%" { "points" } else { self.unit }
    }

    /// Title on the axis of a figure.
    pub(super) fn axis(&self) -> String {
        if self.name == EVAL_MSE.name {
            "MSE at the common masks".to_owned()
        } else {
            self.heading()
        }
    }

    /// Decimals that keep three significant digits of the smallest of `values` (stored units).
    pub(super) fn decimals_for(&self, values: impl Iterator<Item = f64>) -> usize {
        let smallest = values
            .map(|v| (v * self.factor).abs())
            .filter(|v| *v > 0.0 && v.is_finite())
            .fold(f64::INFINITY, f64::min);
        self.decimals
            .max((2.0 - smallest.log10().floor()).clamp(0.0, 7.0) as usize)
            .min(7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_mask_loss_is_not_compared_across_masks() {
        assert!(!VAL_LOSS.comparable(["mask.ratio"].into_iter()));
        assert!(VAL_LOSS.comparable(["train.blr"].into_iter()));
        assert!(EVAL_MSE.comparable(["mask.ratio", "model.embed_dim"].into_iter()));
        assert!(!EVAL_PSNR.comparable(["model.patch_size"].into_iter()));
        assert!(KNN.comparable(["model.patch_size"].into_iter()));
        assert!(!KNN.comparable(["data.kind"].into_iter()));
        assert!(KNN.comparable(["data.workers", "eval.pictures", "eval.cross"].into_iter()));
        assert!(EVAL_MSE.comparable(["eval.knn_k", "eval.linear.lrs"].into_iter()));
        assert!(!EVAL_MSE.comparable(["eval.mask_ratio"].into_iter()));
        assert!(LINEAR.comparable(["eval.mask_ratio", "eval.knn_k"].into_iter()));
        assert!(!LINEAR.comparable(["eval.linear.lrs"].into_iter()));
        assert!(!KNN.comparable(["eval.knn_k"].into_iter()));
        assert!(!KNN.comparable(["protocol.knn"].into_iter()));
        assert!(LINEAR.comparable(["protocol.knn"].into_iter()));
    }

    #[test]
    fn names_of_the_store_are_found_and_told_apart() {
        assert_eq!(
            named("finetune_accuracy").map(|m| m.title),
            Some("Fine-tuning accuracy")
        );
        assert_eq!(
            named("retrieval_recall_at_5").map(|m| m.short_heading()),
            Some("Recall@5 (%)".into())
        );
        assert_eq!(named("nonsense"), None);
        let all: Vec<&str> = TASKS.iter().flat_map(|t| t.metrics).map(|m| m.name).collect();
        assert!(all.iter().all(|name| all.iter().filter(|n| n == &name).count() == 1));
        assert!(KNN.of_task() && !EVAL_PSNR.of_task());
    }

    #[test]
    fn small_values_get_more_decimals() {
        assert_eq!(EVAL_MSE.decimals_for([0.0123, 0.03].into_iter()), 4);
        assert_eq!(EVAL_MSE.decimals_for([0.000_123].into_iter()), 6);
        assert_eq!(KNN.decimals_for([0.4].into_iter()), 1);
    }
}
