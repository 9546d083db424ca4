//! Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): picture `i` of a batch of `N` is mixed with picture `N − 1 − i`,
//! all of them in one way, and so are their targets, which are smoothed first (Szegedy et al. 2016). As the official
//! fine-tuning has it: a batch gets one of the two, with equal chances; a patch that the border cuts counts with the area
//! that is left. Pure arithmetic on host values.
//!
//! `N` batch, `C` channels, `H`, `W` picture, `K` classes.

use rand::RngExt;
use rand_distr::{Beta, Distribution};

use crate::seed::ChaCha8Rng;
use crate::spec::protocols::FinetuneSpec;

/// How the pictures of a batch are mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mix {
    /// Not at all.
    None,
    /// Each is this share of itself, and the rest of its partner.
    Blend(f64),
    /// Each gets a box of its partner.
    Paste {
        /// First row.
        top: usize,
        /// First column.
        left: usize,
        /// Rows; may be 0.
        height: usize,
        /// Columns; may be 0.
        width: usize,
    },
}

impl Mix {
    /// Draws for a batch of pictures of `[H, W]` pixels.
    #[must_use]
    pub fn draw(recipe: &FinetuneSpec, size: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let both = recipe.mixup > 0.0 && recipe.cutmix > 0.0;
        let paste = if both {
            rng.random::<f64>() < 0.5
        } else {
            recipe.cutmix > 0.0
        };
        let alpha = if paste { recipe.cutmix } else { recipe.mixup };
        let Ok(law) = Beta::new(alpha, alpha) else {
            return Self::None;
        };
        let lambda = law.sample(rng);
        if paste {
            Self::box_of(lambda, size, rng)
        } else {
            Self::Blend(lambda)
        }
    }

    /// A box of the share `1 − lambda` of the picture around a uniform centre, cut by the border.
    fn box_of(lambda: f64, [h, w]: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let side = (1.0 - lambda).sqrt();
        let mut span = |whole: usize| {
            let half = (whole as f64 * side) as usize / 2;
            let centre = rng.random_range(0..whole);
            let start = centre.saturating_sub(half);
            (start, (centre + half).min(whole) - start)
        };
        let ((top, height), (left, width)) = (span(h), span(w));
        Self::Paste {
            top,
            left,
            height,
            width,
        }
    }

    /// Share of itself that is left of a picture of `[H, W]` pixels.
    #[must_use]
    pub fn lambda(&self, [h, w]: [usize; 2]) -> f64 {
        match *self {
            Self::None => 1.0,
            Self::Blend(lambda) => lambda,
            Self::Paste { height, width, .. } => 1.0 - (height * width) as f64 / (h * w) as f64,
        }
    }

    /// Mixes the pictures of a batch in place.
    ///
    /// # Shapes
    /// `shape = [N, C, H, W]`, as many values.
    ///
    /// # Panics
    /// When there are fewer values, or the box is not inside the picture.
    pub fn apply(&self, values: &mut [f32], [n, c, h, w]: [usize; 4]) {
        let picture = c * h * w;
        for i in 0..n / 2 {
            let (before, after) = values.split_at_mut((n - 1 - i) * picture);
            let (one, other) = (&mut before[i * picture..(i + 1) * picture], &mut after[..picture]);
            match *self {
                Self::None => {}
                Self::Blend(lambda) => blend(one, other, lambda as f32),
                Self::Paste {
                    top,
                    left,
                    height,
                    width,
                } => {
                    for row in (0..c).flat_map(|c| (top..top + height).map(move |y| c * h + y)) {
                        let span = row * w + left..row * w + left + width;
                        one[span.clone()].swap_with_slice(&mut other[span]);
                    }
                }
            }
        }
    }
}

fn blend(one: &mut [f32], other: &mut [f32], lambda: f32) {
    for (a, b) in one.iter_mut().zip(other) {
        (*a, *b) = (lambda * *a + (1.0 - lambda) * *b, lambda * *b + (1.0 - lambda) * *a);
    }
}

/// Targets of a mixed batch: `lambda` of a picture's own smoothed target and the rest of its partner's. A smoothed target has
/// `smoothing / K` everywhere and `1 − smoothing` more at its class.
///
/// # Shapes
/// `N` labels, each below `K` → `[N, K]`, rows of sum 1.
#[must_use]
pub fn targets(labels: &[usize], classes: usize, smoothing: f64, lambda: f64) -> Vec<f32> {
    let (n, off) = (labels.len(), smoothing / classes as f64);
    let mut targets = vec![off as f32; n * classes];
    for (i, label) in labels.iter().enumerate() {
        let partner = labels[n - 1 - i];
        targets[i * classes + label] += ((1.0 - smoothing) * lambda) as f32;
        targets[i * classes + partner] += ((1.0 - smoothing) * (1.0 - lambda)) as f32;
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, rng};

    fn recipe(mixup: f64, cutmix: f64) -> FinetuneSpec {
        FinetuneSpec {
            mixup,
            cutmix,
            ..FinetuneSpec::default()
        }
    }

    fn draws(recipe: &FinetuneSpec) -> Vec<Mix> {
        let draw = |i| Mix::draw(recipe, [24, 32], &mut rng(1, Purpose::Mixing, 0, i));
        (0..2000).map(draw).collect()
    }

    #[test]
    fn the_recipe_says_which_of_the_two_there_are() {
        let pasted = |mix: &&Mix| matches!(mix, Mix::Paste { .. });
        assert!(draws(&recipe(0.0, 0.0)).iter().all(|mix| *mix == Mix::None));
        assert!(draws(&recipe(0.8, 0.0)).iter().all(|mix| matches!(mix, Mix::Blend(_))));
        assert!(draws(&recipe(0.0, 1.0)).iter().all(|mix| pasted(&mix)));
        let both = draws(&recipe(0.8, 1.0));
        let share = both.iter().filter(pasted).count() as f64 / both.len() as f64;
        assert!((share - 0.5).abs() < 0.04, "{share}");
        let blends: Vec<f64> = both.iter().filter(|m| !pasted(m)).map(|m| m.lambda([24, 32])).collect();
        let mean = blends.iter().sum::<f64>() / blends.len() as f64;
        let variance = blends.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / blends.len() as f64;
        // Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
        assert!(
            (mean - 0.5).abs() < 0.03 && (variance - 0.25 / 2.6).abs() < 0.01,
            "{mean} {variance}"
        );
    }

    #[test]
    fn lambda_is_the_area_that_was_not_pasted() {
        for mix in draws(&recipe(0.0, 1.0)) {
            let shape = [4, 2, 24, 32];
            let mut values: Vec<f32> = (0..4).flat_map(|i| vec![i as f32; 2 * 24 * 32]).collect();
            mix.apply(&mut values, shape);
            for (i, picture) in values.chunks(2 * 24 * 32).enumerate() {
                let own = picture.iter().filter(|v| **v == i as f32).count() as f64 / picture.len() as f64;
                let partner = picture.iter().filter(|v| **v == (3 - i) as f32).count() as f64 / picture.len() as f64;
                assert!(
                    (own - mix.lambda([24, 32])).abs() < 1e-12 && (own + partner - 1.0).abs() < 1e-12,
                    "{mix:?}"
                );
            }
        }
    }

    #[test]
    fn a_blend_weighs_both_and_an_odd_one_stays() {
        let mut values = vec![0.0, 4.0, 1.0, 1.0, 10.0, 2.0];
        Mix::Blend(0.75).apply(&mut values, [3, 1, 1, 2]);
        assert_eq!(values, [2.5, 3.5, 1.0, 1.0, 7.5, 2.5]);
    }

    #[test]
    fn targets_are_distributions() {
        let got = targets(&[0, 2, 2], 4, 0.1, 0.7);
        for (row, want) in got.chunks(4).zip([
            [0.025 + 0.63, 0.025, 0.025 + 0.27, 0.025],
            [0.025, 0.025, 0.025 + 0.9, 0.025],
            [0.025 + 0.27, 0.025, 0.025 + 0.63, 0.025],
        ]) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
            assert!(
                row.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6),
                "{row:?} is not {want:?}"
            );
        }
        assert_eq!(targets(&[1, 0], 2, 0.0, 1.0), [0.0, 1.0, 1.0, 0.0]);
    }
}
