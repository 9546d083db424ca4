//! The report of a sweep: rows in, text out. One self-contained page, its figures, and the tables as CSV, LaTeX and JSON;
//! `paper` holds what goes into a paper, `join` makes one report of several sweeps.
//! No file, clock or environment is read here; commands write what these functions return.

mod alike;
pub mod anomaly;
mod appendix;
#[cfg(test)]
mod axes_tests;
mod baseline;
mod by_key;
mod compare;
mod cross;
mod curves;
mod data;
mod definitions;
mod differences;
mod elsewhere;
mod errors;
mod explorer;
mod export;
mod figures;
mod findings;
mod format;
mod gallery;
mod groups;
mod importance;
mod join;
mod landscape;
mod later;
mod maps;
mod metrics;
mod metrics_quality;
mod metrics_tasks;
mod numbers;
mod page;
pub mod paper;
mod places;
mod policy;
mod quality;
mod relation;
mod relation_words;
mod repeat;
mod spread;
mod swept;
mod table;
mod tasks;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_page;
#[cfg(test)]
mod tests_tasks;
mod trial;

pub use data::{ReportData, RunReport, StrategyNote};
pub use export::{csv, json, latex};
pub use join::join;
pub use later::{of_last_weights, protocols_with_later, with_later};
pub use numbers::csv as summary_csv;
pub use page::html;

/// A report that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The page's template failed.
    #[error("render the report's page: {0}")]
    Template(#[from] askama::Error),
    /// A figure failed.
    #[error(transparent)]
    Plot(#[from] crate::plot::PlotError),
}
