//! The moving average, and what it is asked.

use super::super::testing::{device, learner, masks, near, pixels, spec, steps, values};
use super::*;
use crate::train::predictor::relative;

const WEIGHT: &str = "blocks.0.attn.qkv.weight";

fn weight(learner: &super::super::step::Learner) -> Vec<f32> {
    names::export(learner.model())[WEIGHT].values.clone()
}

fn taught(learner: &super::super::step::Learner) -> Vec<f32> {
    learner.teacher().unwrap().export()[&format!("teacher.{WEIGHT}")]
        .values
        .clone()
}

#[test]
fn momentum_grows_to_what_is_asked_for() {
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    near(momentum(0.999, 1), 0.1);
    near(momentum(0.999, 2), 2.0 / 11.0);
    near(momentum(0.999, 81), 0.9);
    near(momentum(0.999, 100_000), 0.999);
    near(momentum(0.0, 5), 0.0);
}

#[test]
fn each_step_mixes_by_its_momentum() {
    let spec = spec(&[]);
    let mut learner = learner(&spec, true);
    let start = weight(&learner);
    assert_eq!(taught(&learner), start, "it begins as the student does");
    steps(&mut learner, &spec, 0..1);
    let first = weight(&learner);
    assert_ne!(first, start);
    let mix = |old: &[f32], new: &[f32], keep: f32| -> Vec<f32> {
        old.iter()
            .zip(new)
            .map(|(old, new)| old * keep + new * (1.0 - keep))
            .collect()
    };
    let want = mix(&start, &first, 0.1);
    near(&taught(&learner), &want, 1e-6);
    steps(&mut learner, &spec, 1..2);
    near(&taught(&learner), &mix(&want, &weight(&learner), 2.0 / 11.0), 1e-6);
}

#[test]
fn it_is_made_only_when_asked_for_and_has_no_decoder() {
    let spec = spec(&[]);
    assert!(learner(&spec, false).teacher().is_none());
    let learner = learner(&spec, true);
    let names: Vec<String> = learner.teacher().unwrap().export().into_keys().collect();
    assert!(names.iter().all(|name| name.starts_with("teacher.")), "{names:?}");
    assert!(
        names.contains(&"teacher.predictor.head.weight".to_string()),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.contains("decoder_blocks")), "{names:?}");
}

/// Tensors under official names, in f64.
struct Host(BTreeMap<String, Named>);

impl Host {
    fn get(&self, name: &str) -> Vec<f64> {
        self.0[name].values.iter().map(|v| f64::from(*v)).collect()
    }

    /// `weight · x + bias`, the weight row by row as official files have it.
    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (weight, bias) = (self.get(&format!("{name}.weight")), self.get(&format!("{name}.bias")));
        let row = |(row, bias): (&[f64], &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias;
        weight.chunks(x.len()).zip(&bias).map(row).collect()
    }

    fn norm(&self, name: &str, x: &[f64], eps: f64) -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let scaled = x.iter().map(|v| (v - mean) / (variance + eps).sqrt());
        let affine = self
            .get(&format!("{name}.weight"))
            .into_iter()
            .zip(self.get(&format!("{name}.bias")));
        scaled.zip(affine).map(|(v, (gamma, beta))| v * gamma + beta).collect()
    }

    /// The class token's weights on all tokens in the first block, from tokens with their positions.
    fn attention(&self, tokens: &[Vec<f64>], heads: usize) -> Vec<f64> {
        let normed = tokens.iter().map(|x| self.norm("blocks.0.norm1", x, 1e-6));
        let qkv: Vec<Vec<f64>> = normed.map(|x| self.linear("blocks.0.attn.qkv", &x)).collect();
        let d = tokens[0].len();
        let width = d / heads;
        let mut mean = vec![0.0; tokens.len()];
        for head in 0..heads {
            let query = &qkv[0][head * width..][..width];
            let key = |row: &Vec<f64>| row[d + head * width..][..width].to_vec();
            let product = |row| query.iter().zip(key(row)).map(|(q, k)| q * k).sum::<f64>();
            let powers: Vec<f64> = qkv
                .iter()
                .map(|row| (product(row) / (width as f64).sqrt()).exp())
                .collect();
            let sum: f64 = powers.iter().sum();
            mean.iter_mut()
                .zip(&powers)
                .for_each(|(mean, power)| *mean += power / sum / heads as f64);
        }
        mean
    }
}

#[test]
fn attention_is_the_class_row_of_the_last_block() {
    let spec = spec(&[]);
    let learner = learner(&spec, true);
    let host = Host(names::export(learner.model()));
    let batch = pixels(&spec, &device());
    let got = learner.teacher().unwrap().attention(batch.clone());
    let (image, table, class) = (values(batch), host.get("pos_embed"), host.get("cls_token"));
    let token = |embedded: Vec<f64>, row: usize| -> Vec<f64> {
        embedded
            .iter()
            .zip(&table[row * 8..][..8])
            .map(|(v, p)| v + p)
            .collect()
    };
    for picture in 0..2 {
        let mut tokens = vec![token(class.clone(), 0)];
        for patch in 0..6 {
            let (top, left) = (patch / 3 * 8, patch % 3 * 8);
            let place = |at: usize| (at / 64 * 16 + top + at % 64 / 8) * 24 + left + at % 8;
            let cut: Vec<f64> = (0..3 * 64)
                .map(|at| f64::from(image[picture * 3 * 16 * 24 + place(at)]))
                .collect();
            tokens.push(token(host.linear("patch_embed.proj", &cut), 1 + patch));
        }
        let want: Vec<f32> = host.attention(&tokens, 2)[1..].iter().map(|v| *v as f32).collect();
        near(&got[picture * 6..][..6], &want, 1e-5);
        assert!(want.iter().sum::<f32>() < 1.0);
    }
}

#[test]
fn attention_of_deeper_encoders_follows_the_picture() {
    let spec = spec(&["model.encoder_depth=3"]);
    let learner = learner(&spec, true);
    let batch = pixels(&spec, &device());
    let teacher = learner.teacher().unwrap();
    let both = teacher.attention(batch.clone());
    assert_eq!(both.len(), 12);
    assert!(both.iter().all(|v| *v > 0.0 && *v < 1.0), "{both:?}");
    near(&teacher.attention(batch.clone().narrow(0, 1, 1)), &both[6..], 1e-6);
    assert_ne!(both[..6], both[6..]);
    let gradients = teacher.attention(Tensor::from_inner(batch));
    near(&gradients, &both, 1e-7);
}

#[test]
fn losses_are_the_predictors_of_the_whole_picture() {
    let spec = spec(&[]);
    let mut learner = learner(&spec, true);
    let batch = pixels(&spec, &device());
    let direct = |learner: &super::super::step::Learner| {
        let student = learner.student().valid();
        let latent = student.mae().encode(batch.clone()).normed;
        let whole = MaskBatch::whole(2, 6);
        let predictor = student.predictor().unwrap();
        values(predictor.forward(latent, &whole, 0..6, student.mae().precision()))
    };
    let asked = learner.teacher().unwrap().loss(batch.clone()).unwrap();
    assert_eq!(asked, direct(&learner), "the same network before the first step");
    steps(&mut learner, &spec, 0..1);
    assert_ne!(
        learner.teacher().unwrap().loss(batch.clone()).unwrap(),
        direct(&learner)
    );
}

/// The left column of all pictures is flat, and so are its targets, which are soon predicted; the rest is noise.
#[test]
fn the_predictor_learns_which_patches_are_hard() {
    let spec = spec(&["train.batch_size=16"]);
    let mut learner = learner(&spec, true);
    let device = device().autodiff();
    let batch = || {
        let noise = pixels(&spec, &device).narrow(3, 8, 16);
        Tensor::cat(vec![Tensor::zeros([16, 3, 16, 8], &device), noise], 3)
    };
    let cost = |learner: &super::super::step::Learner| {
        let losses = learner.student().losses(batch(), &masks(&spec, 1000));
        values((losses.trained - losses.reconstruction).inner())[0]
    };
    let before = cost(&learner);
    for epoch in 0..60 {
        learner.step(batch(), &masks(&spec, epoch), 5e-3);
    }
    let after = cost(&learner);
    assert!(before > 0.5 && after < before - 0.1, "from {before} to {after}");
    let scores = learner.teacher().unwrap().loss(batch()).unwrap();
    let mean = |column: usize| scores.iter().skip(column).step_by(3).sum::<f32>() / 32.0;
    assert!(mean(0) < mean(1) && mean(0) < mean(2), "{scores:?}");
}

#[test]
fn losses_of_the_student_are_those_of_its_parts() {
    let spec = spec(&[]);
    let learner = learner(&spec, true);
    let (batch, masks) = (pixels(&spec, &device().autodiff()), masks(&spec, 0));
    let losses = learner.student().losses(batch.clone(), &masks);
    let plain = learner.model().loss(batch.clone(), &masks);
    assert_eq!(values(losses.reconstruction.clone()), values(plain));
    let latent = learner.model().encode_visible(batch.clone(), &masks);
    let pred = learner.model().predict_decoded(latent.clone(), &masks);
    let truth = learner.model().errors(pred, batch, masks.decoded_rows());
    near(
        &values(truth.clone().mean()),
        &values(losses.reconstruction.clone()),
        1e-5,
    );
    let predictor = learner.student().predictor().unwrap();
    let guess = predictor.forward(latent, &masks, masks.decoded_places(), learner.model().precision());
    let cost = values(relative(guess, truth))[0];
    near(&values(losses.trained - losses.reconstruction), &[cost], 1e-6);
}
