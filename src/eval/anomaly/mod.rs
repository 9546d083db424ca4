//! Anomaly maps: how badly each patch of a picture is predicted from the others. The patches are divided into folds; pass after
//! pass hides one fold, so that every patch is predicted once without being seen, and the error of its pixels is its map. A
//! model of faultless pictures predicts faultless patches; a defect surprises it. The protocol is that of industrial inspection
//! (MVTec AD: Bergmann, Fauser, Sattlegger, Steger, 2019), the k-fold partition is this program's strategy `complementary`.
//!
//! Map: `passes` makes the raw maps, `smooth` and [`Scoring`] the scores, `roc` judges them by labels; `draw` colours maps.
//! Nothing here lists folders, writes or prints.
//!
//! `N` pictures, `C` channels, `H`, `W` input, `L` patches, `P` values of a patch.

pub mod draw;
pub mod passes;
pub mod roc;
pub mod smooth;

pub use passes::{Passes, Setting};

/// Changes when the same settings would give other figures.
pub const VERSION: u32 = 1;

/// How a map becomes one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// Standard deviation of the Gaussian that maps are smoothed by, in pixels of the model's input; 0: none.
    pub sigma: f64,
    /// Mean of this share of the highest pixels, in (0, 1]; `None`: the highest pixel alone.
    pub top: Option<f64>,
}

impl Scoring {
    /// The default width of the Gaussian: a quarter of a patch, which is 4 pixels for patches of 16, as is common for pictures
    /// of 224 to 256 pixels.
    #[must_use]
    pub fn default_sigma(patch: usize) -> f64 {
        patch as f64 / 4.0
    }

    /// The smoothed map and its score.
    ///
    /// # Shapes
    /// map `[H, W]` → `[H, W]`.
    ///
    /// # Panics
    /// When the map is not a rectangle of `width` columns.
    #[must_use]
    pub fn score(&self, map: &[f32], width: usize) -> (Vec<f32>, f64) {
        let smoothed = smooth::gaussian(map, width, self.sigma);
        let score = match self.top {
            None => smoothed.iter().copied().fold(f32::NEG_INFINITY, f32::max).into(),
            Some(share) => highest(&smoothed, share),
        };
        (smoothed, score)
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self.top {
            None => "highest pixel of the smoothed map".into(),
            Some(share) => format!(
                "mean of the highest {} % of the pixels of the smoothed map",
                share * 100.0
            ),
        }
    }
}

/// Mean of the highest share of values, of one at least.
fn highest(values: &[f32], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let count = ((share * sorted.len() as f64).round() as usize).clamp(1, sorted.len().max(1));
    sorted.iter().take(count).map(|v| f64::from(*v)).sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_the_highest_pixel_or_the_mean_of_the_highest() {
        let map: Vec<f32> = (0..100).map(|i| (i * 37 % 100) as f32).collect();
        let score = |top| Scoring { sigma: 0.0, top }.score(&map, 10).1;
        assert_eq!(score(None), 99.0);
        assert_eq!(score(Some(0.04)), (99.0 + 98.0 + 97.0 + 96.0) / 4.0);
        assert_eq!(score(Some(1.0)), 49.5);
        assert_eq!(score(Some(1e-9)), 99.0, "one pixel at least");
        let smooth = Scoring { sigma: 1.0, top: None }.score(&map, 10);
        assert!(smooth.1 < 99.0 && smooth.0.len() == 100);
    }
}
