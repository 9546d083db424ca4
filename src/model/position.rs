//! Tables of positions: the fixed sine-cosine one, computed in f64 on the host, and a table's interpolation to another grid.

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

/// Carries a table from one grid of patches to another, `from` and `to` as (rows, columns): bicubic with a = −0.75,
/// half-pixel centres, taps beyond the border clamped to it, no antialiasing. The class token's row stays as it is.
/// (The official fine-tuning interpolates tables so; pictures are resized with another kernel.) Sums are in f64.
///
/// # Shapes
/// `(1 + rows·cols)·width` values → as many as the grid `to` needs.
///
/// # Panics
/// When `table` is not `(1 + rows·cols)·width` values long.
#[must_use]
pub fn interpolate(table: &[f32], width: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    assert_eq!(table.len(), (1 + from.0 * from.1) * width, "values of a position table");
    let (class, patches) = table.split_at(width);
    let (rows, cols) = (taps(from.0, to.0), taps(from.1, to.1));
    let mut out = class.to_vec();
    out.reserve(to.0 * to.1 * width);
    for row in &rows {
        for col in &cols {
            let mut sums = vec![0.0; width];
            for ((r, wr), (c, wc)) in row.iter().flat_map(|r| col.iter().map(move |c| (r, c))) {
                let source = &patches[(r * from.1 + c) * width..][..width];
                sums.iter_mut()
                    .zip(source)
                    .for_each(|(s, v)| *s += wr * wc * f64::from(*v));
            }
            out.extend(sums.iter().map(|s| *s as f32));
        }
    }
    out
}

/// For every place along a side of length `to`, the four places along a side of length `from` that it draws on, each with
/// its weight.
fn taps(from: usize, to: usize) -> Vec<[(usize, f64); 4]> {
    let place = |i: usize| {
        let at = (i as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        std::array::from_fn(|k| {
            let tap = at.floor() + k as f64 - 1.0;
            (tap.clamp(0.0, (from - 1) as f64) as usize, cubic((at - tap).abs()))
        })
    };
    (0..to).map(place).collect()
}

/// Keys's cubic convolution kernel with a = −0.75 at distance `x`.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    if x <= 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_to_the_same_grid_changes_nothing() {
        let table = sin_cos(3, 5, 16);
        assert_eq!(interpolate(&table, 16, (3, 5), (3, 5)), table);
    }

    #[test]
    fn interpolation_keeps_the_class_row_and_a_constant_and_the_two_sides_apart() {
        let mut table: Vec<f32> = vec![7.0; 2];
        table.extend((0..6).flat_map(|i| [2.5, (i / 3) as f32]));
        let out = interpolate(&table, 2, (2, 3), (4, 2));
        assert_eq!(out.len(), (1 + 4 * 2) * 2);
        assert_eq!(out[..2], [7.0, 7.0]);
        for (i, patch) in out[2..].chunks(2).enumerate() {
            assert!((patch[0] - 2.5).abs() < 1e-6, "patch {i}: the constant is {}", patch[0]);
            assert_eq!(
                patch[1],
                out[2 + i / 2 * 4 + 1],
                "patch {i}: its row alone decides the second value"
            );
        }
        let rows: Vec<f32> = out[2..].chunks(4).map(|row| row[1]).collect();
        assert!(
            rows.is_sorted() && rows[0] + rows[3] == 1.0,
            "rows rise symmetrically: {rows:?}"
        );
    }

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
