//! Colour noise: white noise on the patch grid, filtered by Gaussians, of which the highest patches are hidden. The
//! four strategies red, blue, green and purple differ in their filter alone.
//!
//! The grid is taken for a torus: filters reach across its edges, so that every patch is hidden equally often. The
//! paper cuts its masks out of a large noise picture instead, where edges are not bound to each other. A Gaussian is
//! separable; its two circular kernels are worked out once for each request. Standard deviations are in patches, and
//! their defaults this project's choice: the paper filters a noise picture whose size and widths do not carry over to a
//! grid as small as this. White noise is uniform; a millionth of it is added at the end, which decides between patches
//! that a filter makes equal.

use std::sync::Arc;

use rand::{Rng, RngExt};

use crate::random::from_noise;
use crate::rank::value;
use crate::strategy::Draw;
use crate::{Error, Grid, Kind, Literal, Param, Request};

/// What the four have in common as a source.
pub(crate) const SOURCE: &str = "Hinojosa et al., ColorMAE: Exploring Data-Independent Masking Strategies in Masked \
                                 AutoEncoders, ECCV 2024 (arXiv 2407.13036)";
/// Weight of the white noise that decides ties.
const TIES: f32 = 1e-6;

/// A parameter for the standard deviation of a Gaussian.
pub(crate) const fn sigma(name: &'static str, default: f64, doc: &'static str) -> Param {
    Param {
        name,
        kind: Kind::Float { min: 0.3, max: 8.0 },
        default: Some(Literal::Float(default)),
        doc,
    }
}

/// Refuses two Gaussians that are not the narrower and the wider one.
///
/// # Errors
/// With the names of both keys.
pub(crate) fn check_band(req: &Request) -> Result<usize, Error> {
    let (narrow, wide) = (value(req, "sigma1"), value(req, "sigma2"));
    if narrow < wide {
        return Ok(req.hidden_by_ratio());
    }
    Err(Error::Refused(format!(
        "mask.sigma1 = {narrow} is not below mask.sigma2 = {wide}: lower sigma1 or raise sigma2"
    )))
}

/// Masks by `white` times white noise plus each weight times the noise blurred by the Gaussian that a parameter names.
pub(crate) fn draw(req: &Request, white: f32, blurs: &[(f32, &str)]) -> Draw {
    let (grid, visible) = (req.grid, req.visible_by_ratio());
    let blurs: Vec<(f32, Blur)> = blurs
        .iter()
        .map(|(weight, sigma)| (*weight, Blur::new(grid, value(req, sigma))))
        .collect();
    Arc::new(move |_ctx, rng| {
        let noise = white_noise(grid, rng);
        let mut sum: Vec<f32> = noise.iter().map(|w| (white + TIES) * w).collect();
        for (weight, blur) in &blurs {
            let blurred = blur.apply(&noise);
            sum.iter_mut().zip(blurred).for_each(|(s, b)| *s += weight * b);
        }
        Ok(from_noise(grid, &sum, visible))
    })
}

/// One number from -0.5 to 0.5 for each patch.
fn white_noise(grid: Grid, rng: &mut dyn Rng) -> Vec<f32> {
    (0..grid.len()).map(|_| rng.random::<f32>() - 0.5).collect()
}

/// A Gaussian on the torus.
struct Blur {
    grid: Grid,
    down: Vec<f32>,
    across: Vec<f32>,
}

impl Blur {
    fn new(grid: Grid, sigma: f64) -> Self {
        Self {
            grid,
            down: kernel(grid.rows, sigma),
            across: kernel(grid.cols, sigma),
        }
    }

    fn apply(&self, noise: &[f32]) -> Vec<f32> {
        let (rows, cols) = (self.grid.rows, self.grid.cols);
        let mut lines = vec![0.0; noise.len()];
        let mut twice = vec![0.0; 2 * cols];
        for (line, from) in lines.chunks_exact_mut(cols).zip(noise.chunks_exact(cols)) {
            twice[..cols].copy_from_slice(from);
            twice[cols..].copy_from_slice(from);
            for (shift, weight) in self.across.iter().enumerate() {
                add(line, *weight, &twice[shift..shift + cols]);
            }
        }
        let mut blurred = vec![0.0; noise.len()];
        for (row, line) in blurred.chunks_exact_mut(cols).enumerate() {
            for (shift, weight) in self.down.iter().enumerate() {
                let from = (row + shift) % rows * cols;
                add(line, *weight, &lines[from..from + cols]);
            }
        }
        blurred
    }
}

fn add(to: &mut [f32], weight: f32, from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += weight * f);
}

/// Weights of a Gaussian by distance around a circle of `len` places; their sum is 1.
fn kernel(len: usize, sigma: f64) -> Vec<f32> {
    let reach = (4.0 * sigma).ceil() as i64;
    let mut weights = vec![0.0f64; len];
    for step in -reach..=reach {
        let place = step.rem_euclid(len as i64) as usize;
        weights[place] += (-((step * step) as f64) / (2.0 * sigma * sigma)).exp();
    }
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| (w / sum) as f32).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::stats::Stats;
    use crate::testing::{moving, plan, rng};

    /// Mean number of boundary edges on 14x14 at 147 hidden; random has 137.
    pub(crate) fn boundary(id: &str) -> f64 {
        let masks = moving(&plan(id, "14x14", 0.75, &[]), 200);
        Stats::of(&masks, 16.0).unwrap().boundary_edges
    }

    #[test]
    fn kernels_sum_to_one_and_are_even() {
        for (len, sigma) in [(14, 1.0), (14, 8.0), (1, 2.0), (2, 0.3), (5, 3.0)] {
            let kernel = kernel(len, sigma);
            assert!((kernel.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(
                (1..len).all(|step| (kernel[step] - kernel[len - step]).abs() < 1e-6),
                "{kernel:?}"
            );
        }
    }

    #[test]
    fn a_blur_is_the_plain_sum_over_the_torus() {
        let grid = Grid::new(3, 5);
        let noise = white_noise(grid, &mut rng(1));
        let blur = Blur::new(grid, 0.8);
        let blurred = blur.apply(&noise);
        for (place, got) in blurred.iter().enumerate() {
            let (row, col) = (place / 5, place % 5);
            let terms = (0..15).map(|from| {
                let (r, c) = (from / 5, from % 5);
                blur.down[(r + 3 - row) % 3] * blur.across[(c + 5 - col) % 5] * noise[from]
            });
            assert!((terms.sum::<f32>() - got).abs() < 1e-5);
        }
    }
}
