//! Clustering: k-means on the training pictures' features (no label is looked at), as many clusters as classes; each held-out
//! picture goes to the nearest centre, and the clusters are compared with the classes.
//!
//! Lloyd's iterations are linfa's; first centres are drawn here, by k-means++ (Arthur and Vassilvitskii 2007), since every
//! draw is a function of the seed.

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::{Array2, ArrayView1, Axis};
use rand::{Rng, RngExt};
use serde_json::{Value as Json, json};

use super::{Bank, Outcome, TaskError, adjusted_rand, normalised_mutual_information};
use crate::eval::knn::{Labelled, normalised};
use crate::seed::{Purpose, rng};
use crate::spec::trial::{ClusteringSpec, EvalTask};

/// Most iterations of one start.
const ITERATIONS: u64 = 300;
/// Movement of the centres at which it stops.
const TOLERANCE: f64 = 1e-6;

pub(super) fn run(bank: &Bank, spec: &ClusteringSpec, seed: u64) -> Result<Outcome, TaskError> {
    let train = matrix(bank.rows(&bank.train, spec.feature));
    let val = matrix(bank.rows(&bank.val, spec.feature));
    let found = cluster(&train, clusters(bank), spec.restarts, seed)?;
    let said: Vec<usize> = val.rows().into_iter().map(|row| found.nearest(row)).collect();
    let labels = &bank.val.labels;
    let figures = vec![
        ("clustering_nmi".into(), normalised_mutual_information(&said, labels)),
        ("clustering_ari".into(), adjusted_rand(&said, labels)),
    ];
    Ok(Outcome {
        figures,
        found: json!({ "inertia": found.inertia }),
    })
}

/// As many as there are classes.
fn clusters(bank: &Bank) -> usize {
    bank.classes.min(bank.train.labels.len())
}

/// How clusters are found.
pub(super) fn settings(bank: &Bank, spec: &ClusteringSpec) -> Json {
    json!({
        "clusters": clusters(bank),
        "restarts": spec.restarts,
        "start": "k-means++",
        "normalisation": "features of length 1",
    })
}

/// Centres `[K, D]`, and the mean squared distance of the rows to the nearest.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// One row for each cluster.
    pub centres: Array2<f64>,
    /// Mean over the rows of the squared distance to the nearest centre.
    pub inertia: f64,
}

impl Clusters {
    /// The cluster of a row: the nearest centre, the first among equals.
    #[must_use]
    pub fn nearest(&self, row: ArrayView1<'_, f64>) -> usize {
        let distances = self.centres.rows().into_iter().map(|centre| squared(row, centre));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.map_or(0, |(cluster, _)| cluster)
    }
}

fn squared(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The tightest of several starts.
///
/// # Errors
/// When no start ends with finite distances.
pub fn cluster(x: &Array2<f64>, clusters: usize, restarts: usize, seed: u64) -> Result<Clusters, TaskError> {
    let failed = |why: String| TaskError::Solver {
        task: EvalTask::Clustering,
        why,
    };
    let data = DatasetBase::from(x.clone());
    let mut best: Option<Clusters> = None;
    for start in 0..restarts {
        let params = KMeans::params(clusters)
            .n_runs(1)
            .max_n_iterations(ITERATIONS)
            .tolerance(TOLERANCE)
            .init_method(KMeansInit::Precomputed(centres(x, clusters, seed, start as u64)));
        let params = params.check().map_err(|error| failed(error.to_string()))?;
        let found = params.fit(&data).map_err(|error| failed(error.to_string()))?;
        if best.as_ref().is_none_or(|best| found.inertia() < best.inertia) {
            best = Some(Clusters {
                centres: found.centroids().clone(),
                inertia: found.inertia(),
            });
        }
    }
    best.ok_or_else(|| failed("there was no start".into()))
}

/// First centres: rows, each drawn with a chance in proportion to its squared distance from the nearest centre so far.
fn centres(x: &Array2<f64>, clusters: usize, seed: u64, start: u64) -> Array2<f64> {
    let mut rng = rng(seed, Purpose::Clusters, 0, start);
    let mut rows = vec![(rng.next_u64() % x.nrows() as u64) as usize];
    let mut nearest = vec![f64::INFINITY; x.nrows()];
    while rows.len() < clusters {
        let last = x.row(rows[rows.len() - 1]);
        for (near, row) in nearest.iter_mut().zip(x.rows()) {
            *near = near.min(squared(row, last));
        }
        rows.push(drawn(&nearest, rng.random::<f64>()));
    }
    x.select(Axis(0), &rows)
}

/// The place at which the running sum of `weights` passes the share `at` of the whole.
fn drawn(weights: &[f64], at: f64) -> usize {
    let goal = at * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let passes = |weight: &f64| {
        sum += weight;
        sum > goal
    };
    weights.iter().position(passes).unwrap_or(weights.len() - 1)
}

fn matrix(rows: Labelled<'_>) -> Array2<f64> {
    let values = normalised(rows.features, rows.width);
    Array2::from_shape_fn((rows.labels.len(), rows.width), |(row, column)| {
        f64::from(values[row * rows.width + column])
    })
}
