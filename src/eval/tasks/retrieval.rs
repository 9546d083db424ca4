//! Retrieval: every held-out picture orders all training pictures by cosine similarity; those of its class are to come first.
//! Equal similarities are ordered by row. Pure arithmetic.

use rayon::prelude::*;
use serde_json::{Value as Json, json};

use super::{Bank, Outcome};
use crate::eval::knn::{Labelled, normalised};
use crate::spec::trial::Feature;

/// How many of the first are looked at.
const CUTS: [usize; 3] = [1, 5, 10];

/// Mean average precision and recall at 1, 5 and 10, each over the held-out pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Retrieved {
    /// Mean over queries of the average precision: the mean of the precisions at the ranks of the pictures of its class.
    pub map: f64,
    /// Share of the queries with at least one picture of their class among the first 1, 5 and 10: what metric learning
    /// calls recall at k.
    pub recall: [f64; 3],
}

pub(super) fn run(bank: &Bank, feature: Feature) -> Outcome {
    let found = retrieve(bank.rows(&bank.train, feature), bank.rows(&bank.val, feature));
    let mut figures = vec![("retrieval_map".to_string(), found.map)];
    let recalls = CUTS.iter().zip(found.recall);
    figures.extend(recalls.map(|(k, recall)| (format!("retrieval_recall_at_{k}"), recall)));
    Outcome {
        figures,
        found: Json::Null,
    }
}

/// What is looked for where.
pub(super) fn settings() -> Json {
    json!({
        "similarity": "cosine",
        "queries": "held-out pictures",
        "gallery": "training pictures",
        "recall": "share of queries with a picture of their class among the first k",
    })
}

/// Orders the rows of `gallery` for every row of `queries`. A query without a row of its class counts as 0.
#[must_use]
pub fn retrieve(gallery: Labelled<'_>, queries: Labelled<'_>) -> Retrieved {
    let rows = normalised(gallery.features, gallery.width);
    let asked = normalised(queries.features, queries.width);
    let each: Vec<Retrieved> = asked
        .par_chunks_exact(queries.width)
        .zip(queries.labels)
        .map(|(query, label)| judge(&order(&rows, query), gallery.labels, *label))
        .collect();
    let mean = |of: &dyn Fn(&Retrieved) -> f64| each.iter().map(of).sum::<f64>() / each.len() as f64;
    Retrieved {
        map: mean(&|one| one.map),
        recall: [0, 1, 2].map(|k| mean(&|one| one.recall[k])),
    }
}

/// Rows of the gallery, the most similar first.
fn order(rows: &[f32], query: &[f32]) -> Vec<usize> {
    let cosine = |row: &[f32]| row.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
    let cosines: Vec<f32> = rows.chunks_exact(query.len()).map(cosine).collect();
    let mut order: Vec<usize> = (0..cosines.len()).collect();
    order.sort_by(|a, b| cosines[*b].total_cmp(&cosines[*a]));
    order
}

fn judge(order: &[usize], labels: &[usize], label: usize) -> Retrieved {
    let (mut hits, mut precisions) = (0, 0.0);
    let mut first = None;
    for (rank, row) in order.iter().enumerate() {
        if labels[*row] == label {
            hits += 1;
            precisions += f64::from(hits) / (rank + 1) as f64;
            first.get_or_insert(rank);
        }
    }
    let within = |k: usize| f64::from(first.is_some_and(|first| first < k));
    Retrieved {
        map: if hits == 0 { 0.0 } else { precisions / f64::from(hits) },
        recall: CUTS.map(within),
    }
}
