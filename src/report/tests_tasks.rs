//! Reports of sweeps with several tasks: the table of tasks, their relation to reconstruction, the objective, wide tables.

use serde_json::json;

use super::groups::Groups;
use super::metrics::{EVAL_MSE, KNN};
use super::testing::{assert_well_formed, body, panel_names, ratios, report, run};
use super::*;

/// As many points as wanted by three seeds. The error falls from point to point; k-NN goes with it, fine-tuning against it, the
/// linear probe has nothing to do with it.
fn tasks(points: i64) -> ReportData {
    let names: Vec<String> = (0..points).map(|i| format!("s{i}")).collect();
    let mut runs = vec![];
    for (i, name) in names.iter().enumerate() {
        let x = i as f64 / points as f64;
        let odd = [0.0, 0.02, 0.01, 0.03, 0.005][i * 3 % 5];
        for seed in 0..3 {
            let jitter = 0.001 * [0.0, 1.0, -1.0][(seed as usize + i) % 3];
            let metrics = [
                ("val_loss", 0.4 - 0.1 * x + jitter),
                ("eval_mse", 0.04 - 0.02 * x + jitter / 10.0),
                ("eval_psnr", 14.0 + x + jitter),
                ("knn_accuracy", 0.3 + 0.2 * x + jitter),
                ("linear_accuracy", 0.5 + odd + jitter),
                ("logistic_accuracy", 0.5 + odd + 2.0 * jitter),
                ("attentive_accuracy", 0.55 + odd + jitter),
                ("finetune_accuracy", 0.8 - 0.1 * x + jitter),
                ("retrieval_map", 0.3 + jitter),
                ("retrieval_recall_at_1", 0.4 + jitter),
                ("clustering_nmi", 0.2 + odd + jitter),
                ("untrained_knn_accuracy", 0.2),
                ("untrained_linear_accuracy", 0.35),
                ("untrained_retrieval_map", 0.15),
                ("chance_accuracy", 0.1),
            ];
            let position = i as i64 * 3 + seed;
            let mut run = run(position, json!({"mask.strategy": name}), seed, &metrics);
            run.run.config["mask"] = json!({"strategy": name});
            run.run.config["eval"] = json!({"knn_k": 20, "linear": {"epochs": 90, "lrs": [0.1, 1.0]}});
            runs.push(run);
        }
    }
    report(json!([{"key": "mask.strategy", "values": names}]), runs)
}

fn section<'p>(page: &'p str, id: &str) -> &'p str {
    let start = page.split_once(&format!("<div class=\"tabled\" id=\"{id}\">"));
    let start = start.unwrap_or_else(|| panic!("no section {id}")).1;
    start.split_once("</table>").unwrap().0
}

#[test]
fn the_table_of_tasks_has_every_figure_with_untrained_chance_and_protocols() {
    let page = html(&tasks(6)).unwrap();
    assert_well_formed(&page);
    let table = section(&page, "tasks");
    for said in [
        "Linear (%)",
        "Fine-tuning (%)",
        "mAP (%)",
        "Recall@1 (%)",
        "NMI",
        "50.0 ± 0.2",
        "0.200 ± 0.002",
    ] {
        assert!(table.contains(said), "{said} in {table}");
    }
    assert!(!table.contains("PSNR"), "reconstruction is not among them");
    assert_eq!(
        table.matches("<td>3</td>").count(),
        6 + 1,
        "points and the untrained encoder: {table}"
    );
    let base = table.split_once("<tbody class=\"base\">").unwrap().1;
    assert!(
        base.contains("untrained encoder") && base.contains("35.0") && base.contains("15.0"),
        "{base}"
    );
    let chance = base.split_once("chance").unwrap().1;
    assert_eq!(
        chance.matches("<td>10.0</td>").count(),
        5,
        "accuracies, not mAP: {chance}"
    );
    for said in [
        "eval.linear.lrs = [0.1, 1.0]",
        "eval.linear.epochs = 90",
        "eval.knn_k = 20",
        "no settings recorded",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // Fine-tuning falls by 1.7 points from point to point, by 0.2 at most from seed to seed.
    assert!(table.contains("<b>80.0 ± 0.2</b>"), "{table}");
    assert!(table.contains("table class=\"data sortable\""));
}

#[test]
fn pages_with_k_nn_alone_have_no_table_of_tasks() {
    let page = html(&ratios(0.1)).unwrap();
    assert!(!page.contains("id=\"tasks\"") && !page.contains("Reconstruction and tasks"));
    assert!(body(&page).contains("k-NN accuracy (%)"));
}

#[test]
fn relations_are_over_points_and_honest() {
    let data = tasks(12);
    let groups = Groups::of(&data);
    let relations = relation::build(&groups).unwrap();
    assert_eq!(relations.error, EVAL_MSE);
    let of = |name: &str| relations.tasks.iter().find(|t| t.metric.name == name).unwrap();
    let knn = of("knn_accuracy");
    assert_eq!((knn.found.n, knn.found.rho), (12, Some(-1.0)), "points, not trials");
    assert!(knn.holds() && knn.agrees());
    let tune = of("finetune_accuracy");
    assert_eq!(tune.found.rho, Some(1.0));
    assert!(tune.holds() && !tune.agrees());
    assert!(!of("linear_accuracy").holds());
    let page = html(&data).unwrap();
    let table = section(&page, "relation");
    assert!(table.contains("lower error, better at the task") && table.contains("lower error, worse at the task"));
    assert!(table.contains("not told from chance"), "{table}");
    let said = findings::build(&data, &groups).join(" ").replace('\u{a0}', " ");
    assert!(
        said.contains(
            "Over 12 points, the rank correlation of MSE at the common masks with k-NN accuracy is ρ = −1.00"
        ),
        "{said}"
    );
}

#[test]
fn fewer_than_five_points_have_a_scatter_and_no_coefficient() {
    let data = tasks(4);
    let page = html(&data).unwrap();
    assert!(page.contains("Reconstruction and tasks") && !page.contains("id=\"relation\""));
    assert!(
        !findings::build(&data, &Groups::of(&data))
            .join(" ")
            .contains("rank correlation")
    );
    assert!(relation::sketch(&Groups::of(&tasks(2))).is_none());
}

#[test]
fn each_task_has_a_panel_on_the_page_and_on_paper() {
    let data = tasks(12);
    let names = panel_names(&data);
    for name in [
        "error_and_knn_accuracy",
        "error_and_clustering_nmi",
        "finetune_accuracy",
        "retrieval_map",
    ] {
        assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name}: {names:?}");
    }
    let figures = paper::figures(&data).unwrap();
    for stem in ["reconstruction_and_tasks", "error_and_knn_accuracy", "linear_accuracy"] {
        assert!(figures.iter().any(|f| f.stem.starts_with(stem)), "{stem}");
    }
    let sketch = relation::sketch(&Groups::of(&data)).unwrap();
    assert!(sketch.legend.len() <= 10 && sketch.legend.iter().any(|l| l.0 == "others"));
    assert!(sketch.caption.contains("In colour: the best point by each figure"));
}

#[test]
fn the_objective_leads_the_summary_and_the_figures() {
    let mut data = tasks(6);
    let first = |data: &ReportData| Groups::of(data).headline()[0];
    assert_eq!(first(&data), KNN);
    data.sweep.settings = json!({"objective": "finetune_accuracy"});
    assert_eq!(first(&data).name, "finetune_accuracy");
    let groups = Groups::of(&data);
    let said = findings::build(&data, &groups);
    assert!(
        said[1].starts_with("The objective, fine-tuning accuracy, has its highest mean at mask.strategy"),
        "{said:?}"
    );
    assert!(
        said.iter().any(|s| s.starts_with("k-NN accuracy has its highest mean")),
        "{said:?}"
    );
    assert_eq!(
        importance::objective(&groups).map(|m| m.name),
        Some("finetune_accuracy")
    );
    data.sweep.settings = json!({"objective": "retrieval_recall_at_1"});
    let heads: Vec<String> = table::build(&Groups::of(&data))
        .columns
        .into_iter()
        .map(|c| c.heading)
        .collect();
    assert_eq!(heads.last().map(String::as_str), Some("Recall@1 (%)"));
    data.sweep.settings = json!({"objective": "anomaly_auroc"});
    let said = findings::build(&data, &Groups::of(&data)).join(" ");
    assert!(
        said.contains("No finished trial has the objective, anomaly_auroc"),
        "{said}"
    );
}

#[test]
fn wide_tables_are_split_for_paper_and_still_checked() {
    let data = tasks(6);
    let text = paper::table(&data, paper::Form::Latex, "x.db");
    assert_eq!(
        text.matches("\\begin{tabular}").count(),
        text.matches("\\end{tabular}").count()
    );
    assert!(text.matches("\\begin{tabular}").count() >= 2, "{text}");
    assert!(text.contains("\\label{tab:test}") && text.contains("\\label{tab:test-2}"));
    assert!(text.contains("More columns of Table~\\ref{tab:test}"));
    let claims = paper::claims(&text).unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].differences(&data).unwrap(), []);
    let wrong = text.replacen("78.3 $\\pm$ 0.2", "81.0 $\\pm$ 0.2", 1);
    assert_ne!(wrong, text);
    let found = paper::claims(&wrong).unwrap()[0].differences(&data).unwrap();
    assert!(
        matches!(&found[..], [paper::Difference::Cell { column, file, .. }] if column == "Fine-tuning (\\%)" && file.contains("81.0")),
        "{found:?}"
    );
    let narrow = paper::table(&ratios(0.1), paper::Form::Latex, "x.db");
    assert_eq!(narrow.matches("\\begin{tabular}").count(), 1);
}

#[test]
fn the_document_has_the_correlations() {
    let document = json(&tasks(12));
    let all = document["correlations"].as_array().unwrap();
    let knn = all.iter().find(|c| c["metric"] == "knn_accuracy").unwrap();
    assert_eq!(
        (&knn["n"], &knn["spearman"], &knn["holds"]),
        (&json!(12), &json!(-1.0), &json!(true))
    );
    assert_eq!(knn["error"], "eval_mse");
    assert_eq!(json(&ratios(0.1))["correlations"], json!([]));
}

#[test]
fn differing_protocols_are_not_compared() {
    let mut data = tasks(6);
    data.runs
        .iter_mut()
        .take(3)
        .for_each(|r| r.run.config["eval"]["linear"]["epochs"] = json!(10));
    let groups = Groups::of(&data);
    let table = tasks::build(&data, &groups).unwrap().table;
    let apart: Vec<&str> = table
        .columns
        .iter()
        .filter(|c| !c.comparable)
        .map(|c| c.heading.as_str())
        .collect();
    assert_eq!(apart, ["Linear (%)"]);
    assert!(
        relation::build(&groups)
            .unwrap()
            .tasks
            .iter()
            .all(|t| t.metric.name != "linear_accuracy")
    );
    let page = html(&data).unwrap();
    assert!(page.contains("eval.linear.epochs = differing between trials"));
}
