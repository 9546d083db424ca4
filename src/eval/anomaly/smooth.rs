//! Gaussian smoothing of a map, along rows and then along columns, mirrored at the border with the outermost pixel repeated,
//! cut off at four standard deviations: the rule of `scipy.ndimage.gaussian_filter` as it comes.
//!
//! `H`, `W` map.

/// Standard deviations after which the window ends.
const TRUNCATE: f64 = 4.0;

/// The smoothed map; the map itself where `sigma` is 0.
///
/// # Shapes
/// map `[H, W]` → `[H, W]`.
///
/// # Panics
/// When the map is not a rectangle of `width` columns.
#[must_use]
pub fn gaussian(map: &[f32], width: usize, sigma: f64) -> Vec<f32> {
    assert!(width > 0 && map.len().is_multiple_of(width), "a map of whole rows");
    if sigma <= 0.0 {
        return map.to_vec();
    }
    let weights = weights(sigma);
    let values: Vec<f64> = map.iter().map(|v| f64::from(*v)).collect();
    let rows = along(&values, width, &weights);
    let height = map.len() / width;
    let columns = along(&turned(&rows, width), height, &weights);
    turned(&columns, height).into_iter().map(|v| v as f32).collect()
}

/// From the centre outwards; with those of the other side they sum to 1.
fn weights(sigma: f64) -> Vec<f64> {
    let reach = (TRUNCATE * sigma).round().max(0.0) as usize;
    let raw = (0..=reach).map(|i| (-((i * i) as f64) / (2.0 * sigma * sigma)).exp());
    let raw: Vec<f64> = raw.collect();
    let sum = raw[0] + 2.0 * raw[1..].iter().sum::<f64>();
    raw.into_iter().map(|w| w / sum).collect()
}

fn along(values: &[f64], width: usize, weights: &[f64]) -> Vec<f64> {
    let of_row = |row: &[f64]| -> Vec<f64> {
        let at = |i: i64| row[mirrored(i, row.len())];
        let one = |x: usize| {
            let sides = weights.iter().enumerate().skip(1);
            let sides = sides.map(|(i, w)| w * (at(x as i64 - i as i64) + at(x as i64 + i as i64)));
            weights[0] * row[x] + sides.sum::<f64>()
        };
        (0..row.len()).map(one).collect()
    };
    values.chunks(width).flat_map(of_row).collect()
}

/// `… b a | a b c | c b …`, however far outside.
fn mirrored(i: i64, n: usize) -> usize {
    let n = n as i64;
    let place = i.rem_euclid(2 * n);
    usize::try_from(if place < n { place } else { 2 * n - 1 - place }).unwrap_or(0)
}

/// Rows as columns.
fn turned(values: &[f64], width: usize) -> Vec<f64> {
    let height = values.len() / width;
    (0..values.len())
        .map(|i| values[i % height * width + i / height])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::roc::tests::reference;
    use super::*;

    #[test]
    fn it_is_scipys_filter() {
        for case in reference()["smooth"].as_array().unwrap() {
            let values = |key: &str| -> Vec<f32> { serde_json::from_value(case[key].clone()).unwrap() };
            let (map, want) = (values("map"), values("smoothed"));
            let width = case["width"].as_u64().unwrap() as usize;
            let got = gaussian(&map, width, case["sigma"].as_f64().unwrap());
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() < 2e-7, "{got} for {want}");
            }
            assert_eq!(got.len(), want.len());
        }
    }

    #[test]
    fn nothing_is_lost_and_a_flat_map_stays() {
        let map: Vec<f32> = (0..48).map(|i| (i * 31 % 17) as f32).collect();
        let (sum, smoothed) = (map.iter().sum::<f32>(), gaussian(&map, 8, 1.3));
        assert!((smoothed.iter().sum::<f32>() - sum).abs() < 1e-3);
        assert_eq!(gaussian(&map, 8, 0.0), map);
        assert!(gaussian(&[0.5; 9], 3, 2.0).iter().all(|v| (v - 0.5).abs() < 1e-6));
    }
}
