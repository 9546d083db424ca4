//! Mean and spread of every patch as the visible patches tell them, to scale the predictions of a model with normalised
//! targets back to pixels without looking at what was hidden. Never reads the values of a hidden patch.
//!
//! `L = rows·cols` patches in raster order, `P` values a patch.

use crate::model::patch::VARIANCE_EPS;

/// Mean and spread.
type Statistics = [f64; 2];

/// `[mean, spread]` of each of the `L` patches, with spread `sqrt(var + 1e-6)` and the unbiased variance over the
/// patch's `P` values, in the units of `patches`.
///
/// A visible patch has its own. A hidden one has the average over the visible patches among its 8 neighbours; where
/// there are none, over the visible patches at the smallest Euclidean distance, which may be several. With no visible
/// patch at all it is mean 0 and spread 1, those of a whole normalised data set.
///
/// # Shapes
/// patches `[L, P]` with `P` given as `values`; hidden `[L]`, true = hidden.
///
/// # Panics
/// When the lengths do not fit `rows`, `cols` and `values`.
#[must_use]
pub fn visible_statistics(patches: &[f32], values: usize, rows: usize, cols: usize, hidden: &[bool]) -> Vec<[f32; 2]> {
    assert_eq!(hidden.len(), rows * cols, "one flag for each patch");
    assert_eq!(patches.len(), hidden.len() * values, "all values of each patch");
    let known: Vec<Option<Statistics>> = (0..hidden.len())
        .map(|i| (!hidden[i]).then(|| own(&patches[i * values..(i + 1) * values])))
        .collect();
    (0..known.len())
        .map(|i| known[i].unwrap_or_else(|| borrowed(&known, cols, i)).map(|x| x as f32))
        .collect()
}

/// Of a patch's own values; a single value has variance 0.
fn own(patch: &[f32]) -> Statistics {
    let count = patch.len() as f64;
    let mean = patch.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares: f64 = patch.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    [mean, (squares / (count - 1.0).max(1.0) + VARIANCE_EPS).sqrt()]
}

/// Of the visible patches around patch `at`, or of the nearest ones.
fn borrowed(known: &[Option<Statistics>], cols: usize, at: usize) -> Statistics {
    let place = |i: usize| (i / cols, i % cols);
    let (row, col) = place(at);
    let visible = || {
        known.iter().enumerate().filter_map(|(i, statistics)| {
            let (r, c) = place(i);
            let (dy, dx) = (r.abs_diff(row), c.abs_diff(col));
            statistics.map(|s| (dy * dy + dx * dx, s))
        })
    };
    let Some(nearest) = visible().map(|(squared, _)| squared).min() else {
        return [0.0, 1.0];
    };
    // The 8 neighbours lie at squared distances 1 and 2, and nothing else does.
    let reach = if nearest <= 2 { 2 } else { nearest };
    let within: Vec<Statistics> = visible()
        .filter(|&(squared, _)| squared <= reach)
        .map(|(_, s)| s)
        .collect();
    [0, 1].map(|k| within.iter().map(|s| s[k]).sum::<f64>() / within.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patches of two values whose mean is their number in raster order and whose unbiased variance is 2·half².
    fn grid(rows: usize, cols: usize, half: f32) -> Vec<f32> {
        (0..rows * cols)
            .flat_map(|i| [i as f32 - half, i as f32 + half])
            .collect()
    }

    fn hide_all_but(visible: &[usize], count: usize) -> Vec<bool> {
        (0..count).map(|i| !visible.contains(&i)).collect()
    }

    fn mean_at(visible: &[usize], rows: usize, cols: usize, at: usize) -> f32 {
        let hidden = hide_all_but(visible, rows * cols);
        visible_statistics(&grid(rows, cols, 1.0), 2, rows, cols, &hidden)[at][0]
    }

    #[test]
    fn visible_patches_keep_their_own_with_the_unbiased_variance() {
        let got = visible_statistics(&[1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0, 7.0], 4, 1, 2, &[false; 2]);
        assert_eq!(got[0], [2.5, (5.0_f64 / 3.0 + 1e-6).sqrt() as f32]);
        assert_eq!(got[1], [7.0, 1e-3], "a flat patch has the root of epsilon");
        assert_eq!(
            visible_statistics(&[5.0], 1, 1, 1, &[false]),
            [[5.0, 1e-3]],
            "a single value"
        );
    }

    #[test]
    fn hidden_patches_average_the_eight_neighbours_only() {
        // 3×4: the eight around patch 5 are 0 1 2 4 6 8 9 10; 3, 7 and 11 lie two columns away.
        let all_but_it: Vec<usize> = (0..12).filter(|&i| i != 5).collect();
        assert_eq!(mean_at(&all_but_it, 3, 4, 5), 40.0 / 8.0);
        assert_eq!(
            mean_at(&[1, 10, 7, 11], 3, 4, 5),
            5.5,
            "straight and diagonal count alike"
        );
        assert_eq!(
            mean_at(&[3, 4], 3, 4, 7),
            3.0,
            "a row's end does not touch the next row's start"
        );
        let spreads = visible_statistics(&[0.0, 2.0, 9.0, 9.0, 0.0, 6.0], 2, 1, 3, &[false, true, false]);
        let average = f64::midpoint((2.0 + 1e-6_f64).sqrt(), (18.0 + 1e-6_f64).sqrt());
        assert_eq!(spreads[1], [2.0, average as f32], "spreads are averaged, not variances");
    }

    #[test]
    fn without_visible_neighbours_all_nearest_ones_are_averaged() {
        // 5×5, seen from the middle (12): 2 and 14 at distance 2, 4 and 23 further.
        assert_eq!(mean_at(&[2, 14, 4, 23], 5, 5, 12), 8.0);
        assert_eq!(mean_at(&[4, 23], 5, 5, 12), 23.0, "√5 is nearer than √8");
    }

    #[test]
    fn nothing_visible_gives_zero_and_one() {
        assert_eq!(
            visible_statistics(&grid(2, 2, 1.0), 2, 2, 2, &[true; 4]),
            [[0.0, 1.0]; 4]
        );
        assert!(visible_statistics(&[], 2, 0, 0, &[]).is_empty());
    }

    #[test]
    fn values_of_hidden_patches_are_never_read() {
        let hidden = hide_all_but(&[0, 7], 20);
        let patches = grid(4, 5, 0.5);
        let spoiled: Vec<f32> = (0..40)
            .map(|k| if hidden[k / 2] { f32::NAN } else { patches[k] })
            .collect();
        let want = visible_statistics(&patches, 2, 4, 5, &hidden);
        assert_eq!(visible_statistics(&spoiled, 2, 4, 5, &hidden), want);
        let mut seen = patches;
        seen[0] += 1.0;
        assert_ne!(
            visible_statistics(&seen, 2, 4, 5, &hidden),
            want,
            "a visible one matters"
        );
    }
}
