//! Multinomial logistic regression on frozen features: the exact counterpart of the linear probe, found by a quasi-Newton
//! solver (linfa's L-BFGS) instead of being trained. Features are standardised by the training pictures; the sum of the
//! losses plus `penalty / 2` times the sum of the squared weights is minimised, the intercept being free. The penalty is
//! chosen on a part of the training pictures.

use linfa::traits::{Fit, Predict};
use linfa::{Dataset, ParamGuard};
use linfa_logistic::{MultiFittedLogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2};
use serde_json::{Value as Json, json};

use super::{Bank, Outcome, TaskError, share_right, tune};
use crate::eval::features::Features;
use crate::eval::knn::Labelled;
use crate::spec::trial::{EvalSpec, EvalTask};

/// Most steps of the solver.
const STEPS: u64 = 2000;
/// Length of the gradient at which it stops.
const TOLERANCE: f64 = 1e-3;
/// Least spread that a feature is divided by.
const LEAST_SPREAD: f64 = 1e-12;

/// The held-out accuracy, and the penalty that was chosen.
pub(super) fn run(bank: &Bank, eval: &EvalSpec, seed: u64) -> Result<Outcome, TaskError> {
    let spec = &eval.logistic;
    let (train, val) = (bank.rows(&bank.train, spec.feature), bank.rows(&bank.val, spec.feature));
    let (penalty, scores) = choose(train, bank.classes, eval, seed)?;
    let accuracy = accuracy(train, val, penalty)?;
    Ok(Outcome {
        figures: vec![("logistic_accuracy".into(), accuracy)],
        found: json!({ "penalty": penalty, "tune_accuracy": scores }),
    })
}

/// How it is solved.
pub(super) fn settings(eval: &EvalSpec) -> Json {
    json!({
        "solver": "L-BFGS to the minimum",
        "normalisation": "mean 0 and spread 1 over the training pictures",
        "penalties": eval.logistic.penalties,
        "tune_fraction": eval.tune_fraction,
    })
}

fn choose(train: Labelled<'_>, classes: usize, eval: &EvalSpec, seed: u64) -> Result<(f64, Vec<f64>), TaskError> {
    let penalties = &eval.logistic.penalties;
    if let [only] = penalties[..] {
        return Ok((only, Vec::new()));
    }
    let split = tune::split(train.labels, classes, eval.tune_fraction, seed);
    let (fit, choose) = (Features::pick(train, &split.fit), Features::pick(train, &split.choose));
    tune::best(penalties, |penalty| {
        accuracy(fit.labelled(), choose.labelled(), penalty)
    })
}

fn accuracy(train: Labelled<'_>, judged: Labelled<'_>, penalty: f64) -> Result<f64, TaskError> {
    let scale = Scale::of(train);
    let model = fit(&scale.apply(train), train.labels, penalty)?;
    let said = model.predict(&scale.apply(judged));
    Ok(share_right(said.into_iter(), judged.labels))
}

/// The minimum for rows `x` `[N, D]` of these classes.
///
/// # Errors
/// When the solver fails.
pub fn fit(
    x: &Array2<f64>,
    labels: &[usize],
    penalty: f64,
) -> Result<MultiFittedLogisticRegression<f64, usize>, TaskError> {
    let failed = |why: String| TaskError::Solver {
        task: EvalTask::Logistic,
        why,
    };
    let params = MultiLogisticRegression::default()
        .alpha(penalty)
        .max_iterations(STEPS)
        .gradient_tolerance(TOLERANCE);
    let params = params.check().map_err(|error| failed(error.to_string()))?;
    let data = Dataset::new(x.clone(), Array1::from(labels.to_vec()));
    params.fit(&data).map_err(|error| failed(error.to_string()))
}

/// Mean and spread of each value over the training pictures.
struct Scale {
    mean: Vec<f64>,
    spread: Vec<f64>,
}

impl Scale {
    fn of(rows: Labelled<'_>) -> Self {
        let (n, width) = (rows.labels.len() as f64, rows.width);
        let mut mean = vec![0.0; width];
        for row in rows.features.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x) / n);
        }
        let mut spread = vec![0.0; width];
        for row in rows.features.chunks_exact(width) {
            for ((sum, mean), x) in spread.iter_mut().zip(&mean).zip(row) {
                *sum += (f64::from(*x) - mean).powi(2) / n;
            }
        }
        let spread = spread.into_iter().map(|sum| sum.sqrt().max(LEAST_SPREAD)).collect();
        Self { mean, spread }
    }

    fn apply(&self, rows: Labelled<'_>) -> Array2<f64> {
        let width = rows.width;
        Array2::from_shape_fn((rows.labels.len(), width), |(row, column)| {
            (f64::from(rows.features[row * width + column]) - self.mean[column]) / self.spread[column]
        })
    }
}
