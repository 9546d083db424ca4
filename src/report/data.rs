//! What a report is made from.

use crate::store::rows::{MetricPoint, Picture, RunRow, Status, SweepRow};

/// A sweep with everything recorded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportData {
    /// The sweep.
    pub sweep: SweepRow,
    /// Its runs, in order of their position.
    pub runs: Vec<RunReport>,
    /// When the report is made, as text.
    pub generated_at: String,
    /// Version of the program.
    pub version: String,
    /// Notes on the masking strategies that the runs use.
    pub strategies: Vec<StrategyNote>,
}

/// A run with its measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The run.
    pub run: RunRow,
    /// Its metric points, in order of their step within a name.
    pub metrics: Vec<MetricPoint>,
    /// Its pictures.
    pub pictures: Vec<Picture>,
}

/// What a masking strategy does and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyNote {
    /// Registry id.
    pub id: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// Paper or program it comes from (may be empty).
    pub source: String,
}

impl RunReport {
    /// The last value recorded under a name, by step and epoch.
    pub(super) fn last(&self, name: &str) -> Option<f64> {
        self.points(name)
            .max_by(|a, b| {
                (a.step, a.epoch)
                    .partial_cmp(&(b.step, b.epoch))
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
            .map(|p| p.value)
    }

    /// All points recorded under a name.
    pub(super) fn points<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a MetricPoint> + 'a {
        self.metrics.iter().filter(move |p| p.name == name)
    }

    /// Whether it ended as planned.
    pub(super) fn finished(&self) -> bool {
        self.run.status == Status::Finished
    }

    /// Seconds it took: the recorded metric, else from start to end.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.last("seconds").filter(|s| s.is_finite()).or_else(|| {
            let start: jiff::Timestamp = self.run.started_at.as_deref()?.parse().ok()?;
            let end: jiff::Timestamp = self.run.finished_at.as_deref()?.parse().ok()?;
            Some((end.as_second() - start.as_second()) as f64)
        })
    }

    /// A value of the configuration by its dotted key.
    pub(super) fn config(&self, key: &str) -> Option<&serde_json::Value> {
        key.split('.').try_fold(&self.run.config, |node, part| node.get(part))
    }
}
