//! Sweeps made up for the tests of the report.

use serde_json::{Value as Json, json};

use super::*;
use crate::store::rows::{EvaluationRow, MetricPoint, Picture, ProtocolRow, RunRow, Status, SweepRow};

/// Every panel of the figures over keys and epochs as a drawing with its name.
pub(super) fn panels(data: &ReportData) -> Vec<(String, String)> {
    let groups = groups::Groups::of(data);
    let sketches = [
        swept::sketch(&groups),
        by_key::sketch(&groups),
        landscape::weights(&groups),
        curves::sketch(&groups),
        swept::tasks(&groups),
        relation::sketch(&groups),
    ];
    let all = sketches.into_iter().flatten().flat_map(|s| s.panels);
    all.map(|(stem, plot)| (stem, crate::plot::svg(&plot).unwrap()))
        .collect()
}

/// Names of [`panels`].
pub(super) fn panel_names(data: &ReportData) -> Vec<String> {
    panels(data).into_iter().map(|p| p.0).collect()
}

/// A later evaluation by a task, of a run's own pictures or of others.
pub(super) fn evaluation(task: &str, own: bool, figures: &[(&str, f64)], parameters: Json) -> EvaluationRow {
    EvaluationRow {
        protocol: ProtocolRow {
            task: task.into(),
            version: 1,
            parameters,
        },
        figures: figures.iter().map(|(name, value)| ((*name).into(), *value)).collect(),
        data: String::new(),
        place: String::new(),
        own,
        weights: String::new(),
        program: String::new(),
        created_at: String::new(),
        pictures: vec![],
    }
}

/// A run with final values under the given names.
pub(super) fn run(position: i64, point: Json, seed: i64, metrics: &[(&str, f64)]) -> RunReport {
    let points = metrics.iter().flat_map(|(name, value)| {
        let early = (*name == "val_loss").then(|| (0, 0.0, value * 2.0));
        let at = |(step, epoch, value): (i64, f64, f64)| MetricPoint {
            name: (*name).to_owned(),
            step,
            epoch,
            value,
        };
        early.into_iter().chain([(80, 2.0, *value)]).map(at).collect::<Vec<_>>()
    });
    let points = points.collect();
    let label = format!(
        "{} seed={seed}",
        point.as_object().map_or(String::new(), |p| format!("{p:?}"))
    );
    let row = RunRow {
        id: format!("run{position}"),
        sweep_id: "s1".into(),
        sweep: "test".into(),
        position,
        label,
        identity: format!("{position:x}"),
        status: Status::Finished,
        seed,
        config: json!({"train": {"epochs": 2}, "mask": {"ratio": point.get("mask.ratio")}, "eval": {"knn_k": 20}, "seed": seed}),
        origins: json!({"train.epochs": "configs/train/quick.toml"}),
        point,
        environment: json!({"device": "flex"}),
        error: String::new(),
        trace: String::new(),
        warnings: json!([]),
        created_at: "2026-01-01T00:00:00Z".into(),
        started_at: Some("2026-01-01T00:00:00Z".into()),
        finished_at: Some("2026-01-01T00:01:05Z".into()),
    };
    RunReport {
        run: row,
        metrics: points,
        pictures: vec![],
        protocols: vec![],
        evaluations: vec![],
    }
}

pub(super) fn report(axes: Json, runs: Vec<RunReport>) -> ReportData {
    let sweep = SweepRow {
        id: "s1".into(),
        name: "test".into(),
        question: "Which ratio?".into(),
        expect: "0.75".into(),
        cost: String::new(),
        analysis: String::new(),
        file: "experiments/test.toml".into(),
        axes,
        settings: json!({}),
        created_at: "2026-01-01T00:00:00Z".into(),
    };
    ReportData {
        sweep,
        runs,
        generated_at: "2026-01-02".into(),
        version: "0.0.0".into(),
        strategies: vec![],
        masks: vec![],
    }
}

/// Two ratios by three seeds; accuracies of the better ratio lead by `lead` with a little spread.
pub(super) fn ratios(lead: f64) -> ReportData {
    let mut runs = vec![];
    for (i, ratio) in [0.5, 0.75].into_iter().enumerate() {
        for seed in 0..3 {
            let jitter = [0.0, 0.01, 0.02][seed as usize];
            let metrics = [
                ("val_loss", 0.4 + 0.2 * i as f64 + jitter),
                ("eval_mse", 0.04 - 0.01 * i as f64 + jitter / 100.0 * (1 + i) as f64),
                ("eval_psnr", 14.0 + i as f64),
                (
                    "knn_accuracy",
                    0.30 + lead * i as f64 + if i == 0 { jitter } else { 0.01 },
                ),
                ("untrained_knn_accuracy", 0.20 + jitter),
                ("chance_accuracy", 0.1),
            ];
            runs.push(run(i as i64 * 3 + seed, json!({"mask.ratio": ratio}), seed, &metrics));
        }
    }
    report(json!([{"key": "mask.ratio", "values": [0.5, 0.75]}]), runs)
}

pub(super) fn picture(kind: &str, epoch: f64, png: &[u8]) -> Picture {
    Picture {
        kind: kind.into(),
        item: 0,
        caption: "cat".into(),
        epoch,
        width: 8,
        height: 8,
        png: png.to_vec(),
    }
}

/// Panics unless every tag is closed in order (void elements aside) and no attribute is left open.
pub(super) fn assert_well_formed(html: &str) {
    let void = ["meta", "link", "img", "br", "input", "!DOCTYPE"];
    let mut open: Vec<String> = vec![];
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "open attribute in <{tag}>");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n', '/'])
            .next()
            .unwrap_or_default()
            .to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "at </{name}>");
        } else if !tag.ends_with('/') && !void.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// The page without its style, for searching text.
pub(super) fn body(html: &str) -> &str {
    html.split_once("<body>").expect("the page has a body").1
}
