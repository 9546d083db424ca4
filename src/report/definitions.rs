//! How each metric is measured, in words, with the settings that the runs recorded.

use serde_json::Value as Json;

use super::data::ReportData;
use super::format;

/// Said wherever pixels are made of predictions of normalised patches.
pub(super) const SCALED_BACK: &str =
    " Predictions of normalised patches are scaled back with the true mean and variance of each patch.";

/// What the figures of tasks on the encoder are; their settings stand below the table of tasks.
const TASKS: [(&str, &str); 13] = [
    (
        "linear_accuracy",
        "Share of held-out pictures that a linear classifier on frozen features, trained on the training pictures, puts into \
         their class.",
    ),
    (
        "logistic_accuracy",
        "The same by logistic regression, solved for rather than trained.",
    ),
    (
        "attentive_accuracy",
        "The same by a classifier that attends to the frozen features of all patches.",
    ),
    (
        "finetune_accuracy",
        "The same after the whole encoder has been trained on with a classifier, from the weights of the trial.",
    ),
    (
        "retrieval_map",
        "Mean average precision: training pictures are ranked by their similarity to a held-out picture, and the right ones \
         are those of its class.",
    ),
    (
        "retrieval_recall_at_1",
        "Share of held-out pictures whose most similar picture is of their class; likewise recall at 5 and at 10, where one \
         of so many is enough.",
    ),
    (
        "clustering_nmi",
        "Normalised mutual information of the classes with clusters of frozen features: 0 where one tells nothing of the \
         other, 1 where they agree.",
    ),
    (
        "clustering_ari",
        "Adjusted Rand index of the same: pairs on which both agree, 0 for clusters by chance and 1 where they agree.",
    ),
    (
        "anomaly_auroc",
        "Probability that a defective picture has a higher reconstruction error than a good one (area under the receiver \
         operating characteristic).",
    ),
    ("anomaly_pixel_auroc", "The same for pixels, by masks of the defects."),
    (
        "eval_loss",
        "The error at the same masks in the units of training: per patch normalised where the targets are.",
    ),
    (
        "untrained_linear_accuracy",
        "The same for the encoder with the same seed before its first step; likewise the other untrained figures.",
    ),
    (
        "untrained_finetune_accuracy",
        "Fine-tuning from the weights before the first step: what the same recipe gives without pre-training.",
    ),
];

/// Name and meaning of every recorded metric that the report shows.
pub(super) fn build(data: &ReportData) -> Vec<(String, String)> {
    let all = [
        ("train_loss", train_loss(data)),
        (
            "val_loss",
            "The same on held-out pictures without augmentation, from before training (epoch 0) on. Trials that differ in \
             masking are not comparable by it."
                .to_owned(),
        ),
        ("eval_mse", eval_mse(data)),
        (
            "mean_fill_mse",
            "The same error when every hidden patch is filled with its own true mean. A model trained on normalised patches \
             is given that mean, so compare its error with this one."
                .to_owned(),
        ),
        ("eval_psnr", "Peak signal-to-noise ratio in dB computed from the same error, with peak 1.".to_owned()),
        ("knn_accuracy", knn(data)),
        (
            "untrained_knn_accuracy",
            "The same for the same encoder with the same seed before its first step: what the architecture gives without \
             training, or, where a trial starts from weights, what those give. Likewise the other untrained figures."
                .to_owned(),
        ),
        ("chance_accuracy", "One over the number of classes.".to_owned()),
    ];
    let all = all.into_iter().chain(TASKS.map(|(name, text)| (name, text.to_owned())));
    let recorded = |name: &str| data.runs.iter().any(|r| r.last(name).is_some());
    all.filter(|(name, _)| recorded(name))
        .map(|(name, text)| (name.to_owned(), text))
        .chain(super::quality::definitions(data))
        .chain(super::cross::definitions(&data.runs))
        .collect()
}

/// A setting as the trials recorded it; where they differ, it says so.
fn setting(data: &ReportData, key: &str) -> String {
    let mut values: Vec<&Json> = data.runs.iter().filter_map(|r| r.config(key)).collect();
    values.dedup();
    match values.as_slice() {
        [] => "not recorded".to_owned(),
        [one] => format::value(one),
        _ => "differing".to_owned(),
    }
}

fn train_loss(data: &ReportData) -> String {
    let target = match setting(data, "model.norm_pix_loss").as_str() {
        "true" => "pixels, each patch normalised by its own mean and variance",
        "false" => "pixels, not normalised per patch",
        _ => "pixels, normalised per patch where model.norm_pix_loss is set",
    };
    format!("Mean squared error on the hidden patches of a training batch ({target}), under the trial’s own masks.")
}

fn eval_mse(data: &ReportData) -> String {
    let scaled = if setting(data, "model.norm_pix_loss") == "false" {
        ""
    } else {
        SCALED_BACK
    };
    format!(
        "Mean squared error on hidden patches of held-out pictures, in pixel units from 0 to 1, under one fixed set of masks \
         that all trials share (strategy {}, share hidden {}, mask seed {}).{scaled}",
        setting(data, "eval.mask_strategy"),
        setting(data, "eval.mask_ratio"),
        setting(data, "eval.mask_seed"),
    )
}

fn knn(data: &ReportData) -> String {
    format!(
        "Share of held-out pictures whose class wins a vote of the nearest training pictures by cosine similarity of frozen \
         features (feature {}, k = {}, votes weighted by exp(similarity / temperature), temperature {}).",
        setting(data, "eval.knn_feature"),
        setting(data, "eval.knn_k"),
        setting(data, "eval.knn_temperature"),
    )
}
