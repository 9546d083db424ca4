//! The fixed sine-cosine table of positions. It is computed in f64 on the host and never trained.

/// Table of `1 + rows·cols` rows of `width` values: a row of zeros for the class token, then the patches in raster order.
///
/// The row of patch (r, c) is `[sin(c·w) | cos(c·w) | sin(r·w) | cos(r·w)]`, column first, each part `width / 4` long,
/// with `w_k = 10000^(−k / (width/4))`. `width` is a multiple of 4.
#[must_use]
pub fn sin_cos(rows: usize, cols: usize, width: usize) -> Vec<f32> {
    let quarter = width / 4;
    let omega: Vec<f64> = (0..quarter)
        .map(|k| 10_000f64.powf(-(k as f64) / quarter as f64))
        .collect();
    let mut table = vec![0.0; width];
    table.reserve(rows * cols * width);
    for r in 0..rows {
        for c in 0..cols {
            for place in [c, r] {
                table.extend(omega.iter().map(|w| (place as f64 * w).sin() as f32));
                table.extend(omega.iter().map(|w| (place as f64 * w).cos() as f32));
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_values_at_width_768() {
        let table = sin_cos(14, 14, 768);
        let at = |r: usize, c: usize, k: usize| table[(1 + r * 14 + c) * 768 + k];
        assert!(table[..768].iter().all(|v| *v == 0.0));
        let cases = [
            (
                (0, 1),
                vec![
                    (0, 0.841471),
                    (1, 0.815251),
                    (191, 0.000105),
                    (192, 0.540302),
                    (383, 1.0),
                    (384, 0.0),
                    (576, 1.0),
                ],
            ),
            ((1, 0), vec![(0, 0.0), (192, 1.0), (384, 0.841471), (576, 0.540302)]),
            ((13, 13), vec![(0, 0.420167), (1, -0.17437), (192, 0.907447)]),
        ];
        for ((r, c), values) in cases {
            for (k, want) in values {
                assert!(
                    (at(r, c, k) - want).abs() < 1e-6,
                    "row {r} column {c} value {k}: {} is not {want}",
                    at(r, c, k)
                );
            }
        }
    }
}
