//! Every kernel against a plain loop in `f64` on odd shapes, and the same bits from one thread and from two; those of
//! patches and steps are in
//! `patch_tests`.

use rayon::ThreadPoolBuilder;

use super::{attention, gelu, layer_norm, linear};

/// Values in [-2, 2), always the same for a seed.
pub(super) fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut x = seed.wrapping_mul(747_796_405) | 1;
    let next = |_| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as f32 / (1 << 30) as f32 - 2.0
    };
    (0..n).map(next).collect()
}

/// Runs the kernel with one thread and with two, and gives its results when they are the same bits.
#[track_caller]
pub(super) fn run<const K: usize>(kernel: impl Fn() -> [Vec<f32>; K] + Send + Sync) -> [Vec<f32>; K] {
    let [one, two] = [1, 2].map(|threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&kernel)
    });
    for (one, two) in one.iter().zip(&two) {
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(bits(one) == bits(two), "one thread and two differ");
    }
    one
}

/// Within `tolerance` of the largest value.
#[track_caller]
pub(super) fn near(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(
            error <= tolerance * largest,
            "{what}[{i}]: {got} for {want}, largest {largest}"
        );
    }
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// `a · b`, `[m, k]` times `[k, n]`.
fn product(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let cell = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
    (0..m)
        .flat_map(|i| (0..n).map(move |j| (i, j)))
        .map(|(i, j)| cell(i, j))
        .collect()
}

fn transposed(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns)
        .flat_map(|j| (0..rows).map(move |i| a[i * columns + j]))
        .collect()
}

fn sums_of_columns(a: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).map(|j| a.iter().skip(j).step_by(columns).sum()).collect()
}

fn normal(u: f64) -> f64 {
    0.5 * statrs::function::erf::erfc(-u / std::f64::consts::SQRT_2)
}

fn gelu_slope(u: f64) -> f64 {
    normal(u) + u * (-0.5 * u * u).exp() / std::f64::consts::TAU.sqrt()
}

/// Rows, inputs and outputs; the last ones are taken in blocks of rows, and with a copy of the weight.
const LINEAR: [(usize, usize, usize); 8] = [
    (0, 3, 5),
    (1, 1, 1),
    (1, 17, 5),
    (3, 48, 49),
    (37, 64, 192),
    (97, 33, 130),
    (4099, 5, 257),
    (7, 9, 1024),
];

#[test]
fn linear_layers_and_their_gradients() {
    for (rows, inputs, outputs) in LINEAR {
        let what = format!("linear {rows} {inputs} {outputs}");
        let (x, w, b) = (noise(rows * inputs, 1), noise(inputs * outputs, 2), noise(outputs, 3));
        let dy = noise(rows * outputs, 4);
        let [y, plain, dx, dw, db] = run(|| {
            let new = |n: usize| vec![f32::NAN; n];
            let (mut y, mut plain, mut db) = (new(rows * outputs), new(rows * outputs), new(outputs));
            let (mut dx, mut dw) = (new(rows * inputs), new(inputs * outputs));
            linear::forward(&x, &w, Some(&b), rows, inputs, outputs, &mut y);
            linear::forward(&x, &w, None, rows, inputs, outputs, &mut plain);
            linear::backward(&x, &w, &dy, rows, inputs, outputs, &mut dx, &mut dw);
            linear::column_sums(&dy, rows, outputs, &mut db);
            [y, plain, dx, dw, db]
        });
        let (x, w, dy) = (wide(&x), wide(&w), wide(&dy));
        let without = product(&x, &w, (rows, inputs, outputs));
        let with: Vec<f64> = without
            .iter()
            .zip(b.iter().cycle())
            .map(|(y, &b)| y + f64::from(b))
            .collect();
        near(&what, &y, &with, 1e-6);
        near(&format!("{what} without bias"), &plain, &without, 1e-6);
        let turned = product(&dy, &transposed(&w, inputs, outputs), (rows, outputs, inputs));
        near(&format!("{what} dx"), &dx, &turned, 1e-6);
        let turned = product(&transposed(&x, rows, inputs), &dy, (inputs, rows, outputs));
        near(&format!("{what} dw"), &dw, &turned, 2e-6);
        near(&format!("{what} db"), &db, &sums_of_columns(&dy, outputs), 1e-6);
    }
}

#[test]
fn linear_with_gelu_and_its_gradients() {
    for (rows, inputs, outputs) in LINEAR {
        let what = format!("linear gelu {rows} {inputs} {outputs}");
        let (x, w, b) = (noise(rows * inputs, 1), noise(inputs * outputs, 2), noise(outputs, 3));
        let dy = noise(rows * outputs, 4);
        // Sums of many inputs would all be far from zero, where GELU is a straight line.
        let w: Vec<f32> = w.iter().map(|w| w / (inputs as f32).sqrt()).collect();
        let [u, y, du, db] = run(|| {
            let new = || vec![f32::NAN; rows * outputs];
            let (mut u, mut y, mut du, mut db) = (new(), new(), new(), vec![f32::NAN; outputs]);
            linear::forward_gelu(&x, &w, &b, rows, inputs, outputs, &mut u, &mut y);
            linear::backward_gelu(&dy, &u, rows, outputs, &mut du, &mut db);
            [u, y, du, db]
        });
        let product = product(&wide(&x), &wide(&w), (rows, inputs, outputs));
        let want: Vec<f64> = product
            .iter()
            .zip(b.iter().cycle())
            .map(|(y, &b)| y + f64::from(b))
            .collect();
        near(&what, &u, &want, 1e-6);
        near(
            &what,
            &y,
            &want.iter().map(|&u| u * normal(u)).collect::<Vec<_>>(),
            1e-6,
        );
        let want: Vec<f64> = wide(&u)
            .iter()
            .zip(&dy)
            .map(|(&u, &dy)| f64::from(dy) * gelu_slope(u))
            .collect();
        near(&format!("{what} du"), &du, &want, 1e-6);
        near(&format!("{what} db"), &db, &sums_of_columns(&want, outputs), 1e-6);
    }
}

#[test]
fn gelu_and_its_gradient() {
    for n in [0, 1, 15, 16, 33, 40_001] {
        let (u, dy): (Vec<f32>, _) = (noise(n, 5).iter().map(|u| 4.0 * u).collect(), noise(n, 6));
        let [y, du] = run(|| {
            let (mut y, mut du) = (vec![f32::NAN; n], vec![f32::NAN; n]);
            gelu::forward(&u, &mut y);
            gelu::backward(&dy, &u, &mut du);
            [y, du]
        });
        near(
            "gelu",
            &y,
            &wide(&u).iter().map(|&u| u * normal(u)).collect::<Vec<_>>(),
            3e-7,
        );
        let want: Vec<f64> = u
            .iter()
            .zip(&dy)
            .map(|(&u, &dy)| f64::from(dy) * gelu_slope(u.into()))
            .collect();
        near("gelu du", &du, &want, 5e-7);
    }
}

#[test]
fn layer_norm_and_its_gradients() {
    for (rows, width) in [
        (0, 7),
        (1, 1),
        (1, 5),
        (3, 16),
        (1000, 17),
        (37, 64),
        (129, 100),
        (5, 769),
    ] {
        let what = format!("layer norm {rows} {width}");
        let (x, dy) = (noise(rows * width, 7), noise(rows * width, 8));
        let (gamma, beta) = (noise(width, 9), noise(width, 10));
        let [y, dx, dgamma, dbeta] = run(|| {
            let (mut y, mut dx) = (vec![f32::NAN; rows * width], vec![f32::NAN; rows * width]);
            let (mut stats, mut dgamma, mut dbeta) =
                (vec![0.0; 2 * rows], vec![f32::NAN; width], vec![f32::NAN; width]);
            layer_norm::forward(&x, &gamma, &beta, 1e-3, &mut y, &mut stats);
            layer_norm::backward(&dy, &x, &gamma, &stats, &mut dx, &mut dgamma, &mut dbeta);
            [y, dx, dgamma, dbeta]
        });
        let (gamma, beta, count) = (wide(&gamma), wide(&beta), width as f64);
        let (mut want, mut want_dx) = (Vec::new(), Vec::new());
        let (mut weights, mut shifts) = (vec![0.0; width], vec![0.0; width]);
        for (x, dy) in wide(&x).chunks(width).zip(wide(&dy).chunks(width)) {
            let mean = x.iter().sum::<f64>() / count;
            let spread = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count + f64::from(1e-3f32)).sqrt();
            let hat: Vec<f64> = x.iter().map(|x| (x - mean) / spread).collect();
            let d: Vec<f64> = dy.iter().zip(&gamma).map(|(dy, g)| dy * g).collect();
            let plain = d.iter().sum::<f64>() / count;
            let turned = d.iter().zip(&hat).map(|(d, h)| d * h).sum::<f64>() / count;
            for j in 0..width {
                want.push(hat[j] * gamma[j] + beta[j]);
                want_dx.push((d[j] - plain - hat[j] * turned) / spread);
                weights[j] += dy[j] * hat[j];
                shifts[j] += dy[j];
            }
        }
        near(&what, &y, &want, 1e-6);
        // One value a row has no slope: what is left there is rounding.
        if width > 1 {
            near(&format!("{what} dx"), &dx, &want_dx, 2e-6);
        }
        near(&format!("{what} dgamma"), &dgamma, &weights, 2e-6);
        near(&format!("{what} dbeta"), &dbeta, &shifts, 1e-6);
    }
}

/// Output, softmax and the gradient of the packed input, in `f64`.
fn plain_attention(qkv: &[f64], dout: &[f64], (n, t, h, d): (usize, usize, usize, usize)) -> [Vec<f64>; 3] {
    let at = |p: usize, i: usize, part: usize, head: usize, k: usize| (((p * t + i) * 3 + part) * h + head) * d + k;
    let (mut out, mut probs, mut dqkv) = (vec![0.0; n * t * h * d], Vec::new(), vec![0.0; qkv.len()]);
    let scale = 1.0 / (d as f64).sqrt();
    for (p, head, i) in (0..n).flat_map(|p| (0..h).flat_map(move |head| (0..t).map(move |i| (p, head, i)))) {
        let dot = |j: usize| {
            (0..d)
                .map(|k| qkv[at(p, i, 0, head, k)] * qkv[at(p, j, 1, head, k)])
                .sum::<f64>()
                * scale
        };
        let powers: Vec<f64> = (0..t).map(|j| dot(j).exp()).collect();
        let row: Vec<f64> = powers.iter().map(|e| e / powers.iter().sum::<f64>()).collect();
        let o = |k: usize| ((p * t + i) * h + head) * d + k;
        let slope = |j: usize| (0..d).map(|k| dout[o(k)] * qkv[at(p, j, 2, head, k)]).sum::<f64>();
        let mean: f64 = (0..t).map(|j| row[j] * slope(j)).sum();
        for j in 0..t {
            let ds = row[j] * (slope(j) - mean) * scale;
            for k in 0..d {
                out[o(k)] += row[j] * qkv[at(p, j, 2, head, k)];
                dqkv[at(p, j, 2, head, k)] += row[j] * dout[o(k)];
                dqkv[at(p, i, 0, head, k)] += ds * qkv[at(p, j, 1, head, k)];
                dqkv[at(p, j, 1, head, k)] += ds * qkv[at(p, i, 0, head, k)];
            }
        }
        probs.extend(row);
    }
    [out, probs, dqkv]
}

#[test]
fn attention_and_its_gradient() {
    for shape in [
        (0, 3, 1, 2),
        (1, 1, 1, 1),
        (1, 2, 1, 3),
        (2, 5, 3, 12),
        (3, 37, 4, 16),
        (1, 65, 2, 33),
        (1, 130, 1, 64),
    ] {
        let (n, t, h, d) = shape;
        let (qkv, dout) = (noise(n * t * 3 * h * d, 11), noise(n * t * h * d, 12));
        let [out, probs, dqkv] = run(|| {
            let (mut out, mut probs) = (vec![f32::NAN; n * t * h * d], vec![f32::NAN; n * h * t * t]);
            let mut dqkv = vec![f32::NAN; qkv.len()];
            attention::forward(&qkv, n, t, h, d, &mut out, &mut probs);
            attention::backward(&dout, &qkv, &probs, n, t, h, d, &mut dqkv);
            [out, probs, dqkv]
        });
        let [want, saved, gradient] = plain_attention(&wide(&qkv), &wide(&dout), shape);
        near(&format!("attention {shape:?}"), &out, &want, 2e-6);
        near(&format!("attention {shape:?} softmax"), &probs, &saved, 2e-6);
        near(&format!("attention {shape:?} dqkv"), &dqkv, &gradient, 5e-6);
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    let mut row = noise(37, 21);
    row[20] = f32::NAN;
    let (mut y, mut du, mut stats) = (vec![0.0; 37], vec![0.0; 37], vec![0.0; 2]);
    gelu::forward(&row, &mut y);
    gelu::backward(&[1.0; 37], &row, &mut du);
    assert!(
        y.iter()
            .chain(&du)
            .enumerate()
            .all(|(i, v)| v.is_nan() == (i % 37 == 20))
    );
    layer_norm::forward(&row, &[1.0; 37], &[0.0; 37], 1e-6, &mut y, &mut stats);
    assert!(y.iter().all(|y| y.is_nan()));
    // A query that is not a number spoils its own row of the softmax and of the result, and no other.
    let (t, mut qkv) = (19, noise(19 * 3 * 4, 22));
    qkv[5 * 12] = f32::NAN;
    let (mut out, mut probs) = (vec![0.0; t * 4], vec![0.0; t * t]);
    attention::forward(&qkv, 1, t, 1, 4, &mut out, &mut probs);
    assert!(
        probs
            .chunks(t)
            .enumerate()
            .all(|(i, row)| row.iter().all(|p| p.is_nan() == (i == 5)))
    );
    assert!(
        out.chunks(4)
            .enumerate()
            .all(|(i, row)| row.iter().all(|o| o.is_nan() == (i == 5)))
    );
}
