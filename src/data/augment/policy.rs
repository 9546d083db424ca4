//! Which operations a picture gets: two draws, with replacement, each of which is done with probability ½ at a level drawn
//! around the magnitude. Sources as in `ops`.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::ops::{COUNT, MOST, Op};
use crate::seed::ChaCha8Rng;

/// Draws for a picture.
const DRAWS: usize = 2;
/// Probability that a drawn operation is done.
const DONE: f64 = 0.5;
/// Standard deviation of the level about the magnitude.
const SPREAD: f64 = 0.5;

/// The operations of one picture, in order.
pub(super) fn draw(magnitude: f64, rng: &mut ChaCha8Rng) -> Vec<Op> {
    let mut one = || {
        let (kind, done, negate) = (rng.random_range(0..COUNT), rng.random::<f64>(), rng.random::<f64>());
        let spread: f64 = StandardNormal.sample(rng);
        let level = (magnitude + SPREAD * spread).clamp(0.0, MOST);
        (done < DONE).then(|| Op::at(kind, level, negate < 0.5))
    };
    (0..DRAWS).filter_map(|_| one()).collect()
}
