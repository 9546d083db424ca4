//! The exponential and the normal distribution in `f32`, without branches or tables, so that loops over them vectorise.

use pulp::Simd;

use super::dispatch::fma;

/// Below this the exponential is given as zero: e^-87.3 is the smallest normal number.
const SMALLEST: f32 = -87.3;
/// Adding and taking away 1.5 · 2²³ rounds to the nearest whole number and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has few bits, so a whole number times it is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// (e^r - 1 - r) / r² on |r| ≤ ln 2 / 2, lowest power first (Cephes, S. Moshier).
const EXP: [f32; 6] = [
    5.0e-1,
    1.666_666_5e-1,
    4.166_579_6e-2,
    8.333_452e-3,
    1.398_2e-3,
    1.987_569_1e-4,
];

/// Beyond this many deviations the normal distribution is 0 or 1 to 2e-8.
const TAIL: f32 = 5.5;
/// (Φ(u) - ½) / u = P(u²) / Q(u²), lowest power first: fitted for the least greatest error of Φ on |u| ≤ 5.6, which is
/// 1e-8, then moved by units in the last place for the least error in `f32`.
const P: [f32; 6] = [
    3.989_422_6e-1,
    3.437_613_7e-2,
    4.707_261_4e-3,
    1.738_511_2e-4,
    6.356_538e-6,
    2.214_531_1e-8,
];
const Q: [f32; 6] = [
    1.0,
    2.528_339e-1,
    2.894_010_6e-2,
    1.912_980_3e-3,
    7.510_207e-5,
    1.180_212_2e-6,
];

/// 1/√(2π), the height of the normal density.
const DENSITY: f32 = 0.398_942_3;

/// The polynomial with the given coefficients, lowest power first.
#[inline(always)]
fn polynomial<S: Simd, const K: usize>(x: f32, coefficients: [f32; K]) -> f32 {
    let mut sum = coefficients[K - 1];
    for k in (0..K - 1).rev() {
        sum = fma::<S>(sum, x, coefficients[k]);
    }
    sum
}

/// eˣ for x ≤ 0, to 2e-7 relative; zero below -87.3; not-a-number stays so. Scores less their greatest and -u²/2 are
/// never above zero.
#[inline(always)]
pub(super) fn exp_of_negative<S: Simd>(x: f32) -> f32 {
    let clamped = if x < SMALLEST { SMALLEST } else { x };
    let shifted = fma::<S>(clamped, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = fma::<S>(whole, -LN2_LOW, fma::<S>(whole, -LN2_HIGH, clamped));
    let power = fma::<S>(polynomial::<S, 6>(rest, EXP), rest * rest, rest) + 1.0;
    // 2 to the whole number, by way of the exponent's bits.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    let value = power * f32::from_bits(exponent << 23);
    if x < SMALLEST { 0.0 } else { value }
}

/// The normal distribution Φ(u) = (1 + erf(u/√2)) / 2, to 1.5e-7 absolute (2.2e-7 without FMA): half the error of the
/// error function.
#[inline(always)]
pub(super) fn normal<S: Simd>(u: f32) -> f32 {
    let square = u * u;
    let middle = 0.5 + u * (polynomial::<S, 6>(square, P) / polynomial::<S, 6>(square, Q));
    let upper = if u > TAIL { 1.0 } else { middle };
    if u < -TAIL { 0.0 } else { upper }
}

/// The normal density φ(u) = e^(-u²/2) / √(2π).
#[inline(always)]
pub(super) fn density<S: Simd>(u: f32) -> f32 {
    DENSITY * exp_of_negative::<S>(-0.5 * (u * u))
}
