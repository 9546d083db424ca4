//! Patches, their loss and the steps of AdamW against plain loops in `f64`, and the same bits from one thread and from
//! two.

use super::tests::{near, noise, run, wide};
use super::{adamw, patch_loss, patches};

#[test]
fn steps_of_adamw_on_many_parameters() {
    let lengths = [0, 1, 5, 64, 777, 40_000];
    let rates = adamw::Rates {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        decay: 0.05,
        correction1: 0.1,
        correction2: 0.001,
    };
    let make = |n: usize| {
        [
            noise(n, 13),
            noise(n, 14),
            noise(n, 15).iter().map(|v| v.abs()).collect(),
            noise(n, 16),
        ]
    };
    let got = run(|| {
        let mut state: Vec<[Vec<f32>; 4]> = lengths.map(make).into();
        let parameters = state.iter_mut().map(|[p, m, v, g]| adamw::Parameter { p, m, v, g });
        adamw::step(parameters.collect(), &rates);
        [0, 1, 2].map(|k| state.iter().flat_map(|s| s[k].clone()).collect::<Vec<f32>>())
    });
    let mut want = [const { Vec::new() }; 3];
    for n in lengths {
        let ([p, m, v, g], r) = (make(n).map(|values| wide(&values)), rates);
        for j in 0..n {
            let (m, v) = (
                r.beta1 * m[j] + (1.0 - r.beta1) * g[j],
                r.beta2 * v[j] + (1.0 - r.beta2) * g[j] * g[j],
            );
            let step = r.lr / r.correction1 * m / ((v / r.correction2).sqrt() + r.eps);
            for (want, value) in want.iter_mut().zip([p[j] * (1.0 - r.lr * r.decay) - step, m, v]) {
                want.push(value);
            }
        }
    }
    for (got, want) in got.iter().zip(&want) {
        near("adamw", got, want, 3e-7);
    }
}

#[test]
fn what_is_left_of_a_beta_is_worked_out_in_double_precision() {
    let (mut p, mut m, mut v) = ([1.0], [0.0], [0.0]);
    let rates = adamw::Rates {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        decay: 0.0,
        correction1: 0.1,
        correction2: 0.001,
    };
    let parameter = adamw::Parameter {
        p: &mut p,
        m: &mut m,
        v: &mut v,
        g: &[1.0],
    };
    adamw::step(vec![parameter], &rates);
    // In single precision 1 - 0.999 would be 0.00100004.
    assert_eq!((m, v), ([0.1], [0.001]));
    assert!((p[0] - 0.99).abs() < 1e-6, "{p:?}");
}

/// Pictures, side of a patch, and rows: some named twice, some never, in no order.
fn pictures() -> impl Iterator<Item = ([usize; 4], usize, Vec<i64>)> {
    let shapes = [
        ([1, 3, 4, 4], 4),
        ([3, 3, 10, 15], 5),
        ([2, 1, 6, 9], 3),
        ([2, 4, 8, 4], 2),
        ([70, 3, 16, 16], 8),
    ];
    let named = shapes.into_iter().flat_map(|(shape, p)| {
        let all = shape[0] * (shape[2] / p) * (shape[3] / p);
        [0, 1, 2 * all].map(|rows| (shape, p, (0..rows).map(|r| ((r * r * 7 + 3) % all) as i64).collect()))
    });
    named.chain([([0, 3, 4, 4], 2, Vec::new())])
}

/// Where every value of a named patch lies in the pictures.
fn places([_, c, h, w]: [usize; 4], p: usize, rows: &[i64]) -> Vec<usize> {
    let (across, down) = (w / p, h / p);
    let place = |row: i64, i: usize| {
        let (picture, patch) = (row as usize / (across * down), row as usize % (across * down));
        let (y, x, channel) = (i / (p * c), i / c % p, i % c);
        ((picture * c + channel) * h + patch / across * p + y) * w + patch % across * p + x
    };
    rows.iter()
        .flat_map(|&row| (0..p * p * c).map(move |i| place(row, i)))
        .collect()
}

#[test]
fn patches_are_cut_out_and_put_back() {
    for (shape, p, rows) in pictures() {
        let what = format!("patches {shape:?} {p} {}", rows.len());
        let (images, places) = (noise(shape.iter().product(), 17), places(shape, p, &rows));
        let d = noise(places.len(), 18);
        let small: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let [out, gradient] = run(|| {
            let (mut out, mut gradient) = (vec![f32::NAN; places.len()], vec![f32::NAN; images.len()]);
            patches::gather(&images, shape, &rows, p, &mut out);
            patches::scatter(&d, shape, &small, p, &mut gradient);
            [out, gradient]
        });
        assert!(
            out.iter().zip(&places).all(|(&out, &place)| out == images[place]),
            "{what}"
        );
        let mut want = vec![0.0; images.len()];
        for (&d, &place) in d.iter().zip(&places) {
            want[place] += f64::from(d);
        }
        near(&what, &gradient, &want, 1e-6);
    }
}

#[test]
#[should_panic(expected = "a row names a patch that the pictures do not have")]
fn a_row_beyond_the_pictures_is_refused() {
    patches::gather(&[0.0; 32], [2, 1, 4, 4], &[2i64], 4, &mut [0.0; 16]);
}

#[test]
fn the_loss_of_patches_and_its_gradient() {
    for ((shape, p, rows), norm_pix) in pictures().flat_map(|case| [(case.clone(), false), (case, true)]) {
        let what = format!("patch loss {shape:?} {p} {} {norm_pix}", rows.len());
        let (places, values) = (places(shape, p, &rows), p * p * shape[1]);
        let mut images = noise(shape.iter().product(), 19);
        // A picture of one colour: its patches have no spread, and their normalised target is zero.
        images
            .iter_mut()
            .take(shape[1] * shape[2] * shape[3])
            .for_each(|value| *value = 0.7);
        let pred = noise(places.len(), 20);
        let [loss, residual, dpred] = run(|| {
            let (mut residual, mut dpred) = (vec![f32::NAN; pred.len()], vec![f32::NAN; pred.len()]);
            let loss = patch_loss::forward(&pred, &images, shape, &rows, p, norm_pix, &mut residual);
            patch_loss::backward(3.0, &residual, &mut dpred);
            [vec![loss as f32], residual, dpred]
        });
        let mut target: Vec<f64> = places.iter().map(|&place| images[place].into()).collect();
        for patch in target.chunks_mut(values).filter(|_| norm_pix) {
            let mean = patch.iter().sum::<f64>() / values as f64;
            let variance = patch.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values - 1) as f64;
            patch
                .iter_mut()
                .for_each(|x| *x = (*x - mean) / (variance + 1e-6).sqrt());
        }
        let want: Vec<f64> = pred
            .iter()
            .zip(&target)
            .map(|(&pred, target)| f64::from(pred) - target)
            .collect();
        near(&what, &residual, &want, 1e-6);
        let count = want.len() as f64;
        let mean = want.iter().map(|r| r * r).sum::<f64>() / count;
        assert!(rows.is_empty() == loss[0].is_nan(), "{what}: {}", loss[0]);
        assert!(
            rows.is_empty() || (f64::from(loss[0]) - mean).abs() < 1e-6 * mean,
            "{what}: {} for {mean}",
            loss[0]
        );
        near(
            &format!("{what} dpred"),
            &dpred,
            &want.iter().map(|r| 6.0 * r / count).collect::<Vec<_>>(),
            1e-6,
        );
    }
}
