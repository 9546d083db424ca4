//! The table of reconstruction quality: every point's figures on held-out pictures under the common masks, with the untrained
//! network and fills that know nothing below. Only where trials recorded more than the error on hidden patches.

use super::data::ReportData;
use super::format::NONE;
use super::groups::Groups;
use super::metrics::{EVAL_MSE, EVAL_PSNR, Metric};
use super::metrics_quality::QUALITY;
use super::table::{self, Row, Table};
use crate::stats::Summary;

/// Row names of the fills, and what stands before the names of their figures.
pub(super) const FILLS: [(&str, &str); 2] = [
    ("mean visible colour", "fill_mean_"),
    ("nearest visible patch", "fill_nearest_"),
];

/// The table; `None` where nothing of it was recorded.
pub(super) fn build(groups: &Groups) -> Option<Table> {
    let shown: Vec<Metric> = QUALITY.into_iter().filter(|metric| groups.recorded(metric)).collect();
    let known = [EVAL_MSE.name, EVAL_PSNR.name];
    if shown.iter().all(|metric| known.contains(&metric.name)) {
        return None;
    }
    let mut built = table::of(groups, &shown);
    built
        .baselines
        .extend(FILLS.map(|(name, prefix)| fill(groups, &shown, name, prefix)));
    built
        .baselines
        .retain(|row| row.cells.iter().any(|cell| cell.text != NONE));
    Some(built)
}

/// What all trials agree on of one fill.
fn fill(groups: &Groups, shown: &[Metric], name: &str, prefix: &str) -> Row {
    let cell = |metric: &Metric| {
        let value = groups.constant(&format!("{prefix}{}", metric.name));
        table::cell(&Summary::of(value), metric, table::decimals(groups, metric), false)
    };
    Row {
        labels: vec![name.to_owned()],
        n: String::new(),
        cells: shown.iter().map(cell).collect(),
    }
}

/// Name and meaning of the figures.
pub(super) fn definitions(data: &ReportData) -> Vec<(String, String)> {
    let all = [
        (
            "eval_image_mse",
            "Mean squared error of whole held-out pictures, hidden patches predicted and visible ones as they are, under the \
             same masks and in the same units as eval_mse; eval_image_psnr is the mean over pictures of its ratio in dB.",
        ),
        (
            "eval_ssim",
            "Structural similarity (Wang et al. 2004) of the same whole pictures: Gaussian window of 11 pixels with a standard \
             deviation of 1.5, windows wholly inside the picture only, each channel by itself; at most 1. Predictions are not \
             clipped.",
        ),
        (
            "eval_ms_ssim",
            "The same over several scales (Wang et al. 2003): as many of the five as the window fits, with their published \
             weights divided by their sum.",
        ),
        (
            "eval_masked_ssim",
            "Structural similarity averaged over the windows in whose middle a hidden pixel lies.",
        ),
        (
            "eval_lpips",
            "Perceptual distance (Zhang et al. 2018) of the same whole pictures by the network of eval.lpips_weights; less is \
             better.",
        ),
        (
            "fill_mean_eval_ssim",
            "Figures that begin with fill_mean_ and fill_nearest_ are those of filling every hidden patch with the mean colour of \
             the visible ones, or with the nearest of them.",
        ),
    ];
    let recorded = |name: &str| data.runs.iter().any(|run| run.last(name).is_some());
    let all = all.into_iter().filter(|(name, _)| recorded(name));
    all.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::html;
    use crate::report::testing::{report, run};

    /// Two ratios by three seeds; the second is clearly better.
    fn data() -> ReportData {
        let one = |position: i64| {
            let (ratio, seed) = (if position < 3 { 0.5 } else { 0.75 }, position % 3);
            let ssim = 0.5 + ratio * 0.4 + 0.001 * ((seed - 1) * (1 + position / 3)) as f64;
            let metrics = [
                ("eval_mse", 0.02),
                ("eval_ssim", ssim),
                ("untrained_eval_ssim", 0.3),
                ("eval_image_mse", 0.01),
                ("fill_mean_eval_mse", 0.04),
                ("fill_mean_eval_ssim", 0.45),
            ];
            run(position, json!({"mask.ratio": ratio}), seed, &metrics)
        };
        report(
            json!([{"key": "mask.ratio", "values": [0.5, 0.75]}]),
            (0..6).map(one).collect(),
        )
    }

    #[test]
    fn rows_are_points_and_fills_stand_below() {
        let data = data();
        let table = build(&Groups::of(&data)).unwrap();
        let headings: Vec<&str> = table.columns.iter().map(|column| column.heading.as_str()).collect();
        assert_eq!(headings, ["MSE", "MSE, whole", "SSIM"]);
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[1].cells[2].text, "0.800 ± 0.005");
        assert!(table.rows[1].cells[2].best && !table.rows[0].cells[2].best);
        let below: Vec<(&str, &str)> = table
            .baselines
            .iter()
            .map(|row| (row.labels[0].as_str(), row.cells[2].text.as_str()))
            .collect();
        assert_eq!(below[0].1, "0.300 ± 0.000", "the untrained network: {below:?}");
        assert_eq!(below[1..], [("mean visible colour", "0.450")]);
    }

    #[test]
    fn the_page_has_the_table_and_says_what_its_figures_are() {
        let page = html(&data()).unwrap();
        for part in [
            "Reconstruction quality",
            "mean visible colour",
            "Wang et al. 2004",
            "fill_mean_eval_ssim",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let mut bare = data();
        for run in &mut bare.runs {
            run.metrics.retain(|point| point.name == "eval_mse");
        }
        assert!(!html(&bare).unwrap().contains("Reconstruction quality"));
    }
}
