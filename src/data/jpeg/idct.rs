//! Blocks of 8x8 cosine coefficients to blocks of 1x1, 2x2, 4x4 or 8x8 samples: the inverse transform of that size over
//! the lowest coefficients, which is the block at that size without what a picture of that size cannot hold.
//! In f32 with sums in a fixed order, so that every machine gets the same samples.

/// Coefficients of a block, eight a row, and one place more for those that nobody asks for.
pub(super) type Block = [f32; 65];

/// cos(m pi / 16) for m from 0 to 8.
const COSINES: [f32; 9] = [
    1.0,
    0.980_785_3,
    0.923_879_5,
    0.831_469_6,
    0.707_106_77,
    0.555_570_24,
    0.382_683_43,
    0.195_090_32,
    0.0,
];

const fn cosine(m: usize) -> f32 {
    match m % 32 {
        m @ 0..=8 => COSINES[m],
        m @ 9..=16 => -COSINES[16 - m],
        m @ 17..=24 => -COSINES[m - 16],
        m => COSINES[32 - m],
    }
}

/// Sample `x` of `N` of basis function `u` of `M`, scaled so that a flat block keeps its level.
const fn basis<const M: usize, const N: usize>() -> [[f32; N]; M] {
    let mut table = [[0.0; N]; M];
    let mut u = 0;
    while u < M {
        let mut x = 0;
        while x < N {
            let scale = if u == 0 { 0.5 * COSINES[4] } else { 0.5 };
            table[u][x] = scale * cosine((2 * x + 1) * u * (8 / N));
            x += 1;
        }
        u += 1;
    }
    table
}

/// Writes a block of `side` (1, 2, 4 or 8) samples squared to `out`, whose rows are `stride` apart. `last` is the highest
/// coefficient that is not 0, in zigzag order.
pub(super) fn write(block: &Block, last: usize, side: usize, out: &mut [u8], stride: usize) {
    match (side, last) {
        (_, 0) | (1, _) => flat(block, side, out, stride),
        (2, _) => square::<2, 2>(block, out, stride),
        (4, _) => square::<4, 4>(block, out, stride),
        // The first ten lie among the lowest four by four.
        (_, 1..10) => square::<4, 8>(block, out, stride),
        _ => square::<8, 8>(block, out, stride),
    }
}

fn flat(block: &Block, side: usize, out: &mut [u8], stride: usize) {
    let level = sample(block[0] / 8.0);
    for row in out.chunks_mut(stride).take(side) {
        row[..side].fill(level);
    }
}

fn square<const M: usize, const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let table = const { basis::<M, N>() };
    let mut rows = [[0.0f32; N]; M];
    for (row, from) in rows.iter_mut().zip(block.chunks_exact(8)) {
        for (u, wave) in table.iter().enumerate() {
            for x in 0..N {
                row[x] += from[u] * wave[x];
            }
        }
    }
    for (y, line) in out.chunks_mut(stride).take(N).enumerate() {
        let mut sums = [0.0f32; N];
        for (row, wave) in rows.iter().zip(&table) {
            for x in 0..N {
                sums[x] += row[x] * wave[y];
            }
        }
        line[..N].copy_from_slice(&sums.map(sample));
    }
}

fn sample(level: f32) -> u8 {
    byte(level + 128.0)
}

/// Rounds and clips. Adding 1.5 * 2^23 leaves the whole number in the lowest bits, several samples at a time.
#[inline(always)]
pub(super) fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 12_582_912.0).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform as it is defined, in f64.
    fn defined(block: &Block, side: usize, y: usize, x: usize) -> f64 {
        let wave = |u: usize, x: usize| {
            let angle = (2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / (2 * side) as f64;
            angle.cos() * if u == 0 { 0.125f64.sqrt() } else { 0.5 }
        };
        let all = (0..side).flat_map(|v| (0..side).map(move |u| (v, u)));
        all.map(|(v, u)| f64::from(block[v * 8 + u]) * wave(v, y) * wave(u, x))
            .sum::<f64>()
            + 128.0
    }

    #[test]
    fn every_size_is_the_transform_of_its_lowest_coefficients() {
        for (side, last) in [(1usize, 63usize), (2, 63), (4, 63), (8, 63), (8, 9), (8, 0), (4, 0)] {
            let mut block = [0.0; 65];
            for (place, value) in block.iter_mut().enumerate().take(64) {
                let (v, u) = (place / 8, place % 8);
                let kept = last == 63 || u + v < last.div_ceil(3) || place == 0;
                *value = if kept {
                    ((place * 37 + 11) % 61) as f32 - 30.0
                } else {
                    0.0
                };
            }
            let mut out = vec![0; 11 * side];
            write(&block, last, side, &mut out, 11);
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let (got, want) = (
                    f64::from(out[y * 11 + x]),
                    defined(&block, side, y, x).clamp(0.0, 255.0),
                );
                assert!(
                    (got - want).abs() <= 0.501,
                    "{side} {last} ({y}, {x}): {got} for {want}"
                );
            }
        }
    }

    #[test]
    fn samples_are_rounded_and_clipped() {
        let found = [-3.0, 0.4, 0.6, 254.6, 255.4, 9e9].map(byte);
        assert_eq!(found, [0, 0, 1, 255, 255, 255]);
    }
}
