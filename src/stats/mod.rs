//! Statistics of small groups of runs: means with Student-t intervals, differences paired by seed with their tests, Holm's
//! correction, rank correlations, bootstrap intervals, and a warning where there are too few seeds.
//! Values that are not finite are left out and counted, never hidden. Pure: numbers in, numbers out; the draws of the
//! bootstrap are a function of a seed and a name.

mod bootstrap;
mod correlation;
mod enough;
mod holm;
mod iqm;
mod paired;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod simulation_tests;
mod summary;

pub use bootstrap::{Draws, bca, bca_from};
pub use correlation::{Correlation, FEWEST, kendall, spearman};
pub use enough::{caution, least_effect};
pub use holm::holm;
pub use iqm::{Resample, iqm, iqm_interval};
pub use paired::{Paired, paired};
pub use summary::Summary;

/// Share of wrong rejections that a test may have, and of intervals that may miss.
pub const ALPHA: f64 = 0.05;
