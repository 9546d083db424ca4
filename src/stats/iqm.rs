//! The interquartile mean over many tasks with a stratified bootstrap interval, as of rliable (Agarwal et al. 2021, "Deep
//! reinforcement learning at the edge of the statistical precipice", arXiv 2108.13264).

use rand::RngExt;

use super::ALPHA;
use super::bootstrap::{Draws, quantile};
use super::summary::mean;
use crate::seed::ChaCha8Rng;

/// What a resample draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// Runs of each task by themselves, as rliable does: for runs of which each saw one task.
    EachTask,
    /// Runs with the values of all tasks: for runs of which each was judged on every task, whose values go together.
    WholeRuns,
}

/// Mean of the middle half: a quarter of the values, rounded down, is left out at either end, and so is what is not finite.
pub fn iqm(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// The 95 % percentile interval (low, high) of the interquartile mean over the runs of all tasks, one list of values for each
/// task. `None` without a task or where one has fewer than two runs; whole runs must be as many in every task.
pub fn iqm_interval(tasks: &[Vec<f64>], resample: Resample, draws: Draws<'_>) -> Option<(f64, f64)> {
    let runs = tasks.first()?.len();
    let uneven = resample == Resample::WholeRuns && tasks.iter().any(|task| task.len() != runs);
    if uneven || tasks.iter().any(|task| task.len() < 2) {
        return None;
    }
    let mut generator = draws.generator();
    let mut replicates: Vec<f64> = (0..draws.resamples)
        .filter_map(|_| iqm(&drawn(tasks, resample, &mut generator)))
        .collect();
    replicates.sort_by(f64::total_cmp);
    Some((
        quantile(&replicates, ALPHA / 2.0)?,
        quantile(&replicates, 1.0 - ALPHA / 2.0)?,
    ))
}

/// All values of one resample.
fn drawn(tasks: &[Vec<f64>], resample: Resample, generator: &mut ChaCha8Rng) -> Vec<f64> {
    let mut draw = |from: usize| -> Vec<usize> { (0..from).map(|_| generator.random_range(0..from)).collect() };
    match resample {
        Resample::EachTask => {
            let of_task = |task: &Vec<f64>| draw(task.len()).into_iter().map(|run| task[run]).collect::<Vec<_>>();
            tasks.iter().flat_map(of_task).collect()
        }
        Resample::WholeRuns => {
            let runs = draw(tasks[0].len());
            tasks
                .iter()
                .flat_map(|task| runs.iter().map(|run| task[*run]))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: Draws = Draws {
        seed: 0,
        name: "test",
        resamples: 2000,
    };

    #[test]
    fn a_quarter_is_left_out_at_either_end() {
        assert_eq!(iqm(&[100.0, 2.0, 3.0, -50.0]), Some(2.5));
        assert_eq!(iqm(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(iqm(&[1.0, f64::NAN]), Some(1.0));
        assert_eq!(iqm(&[]), None);
    }

    #[test]
    fn runs_that_go_together_have_the_wider_interval() {
        let tasks: Vec<Vec<f64>> = (0..8)
            .map(|task| (0..6).map(|run| f64::from(run) + 0.01 * f64::from(task)).collect())
            .collect();
        let width = |how| iqm_interval(&tasks, how, DRAWS).map(|(low, high)| high - low).unwrap();
        assert!(width(Resample::WholeRuns) > 1.5 * width(Resample::EachTask));
    }

    #[test]
    fn too_few_or_uneven_runs_have_no_interval() {
        let uneven = [vec![1.0, 2.0], vec![1.0, 2.0, 3.0]];
        assert_eq!(iqm_interval(&uneven, Resample::WholeRuns, DRAWS), None);
        assert!(iqm_interval(&uneven, Resample::EachTask, DRAWS).is_some());
        assert_eq!(iqm_interval(&[vec![1.0]], Resample::EachTask, DRAWS), None);
        assert_eq!(iqm_interval(&[], Resample::EachTask, DRAWS), None);
    }
}
