//! What the parity tests share: fixtures as tensors, models of their sizes, and comparison within a tolerance.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use mae_exp::model::names::{self, Named};
use mae_exp::model::{Mae, MaskBatch, device};
use mae_exp::spec::TrialSpec;
use mae_strategies::{Grid, Mask, Registry, keep_count, random};
use safetensors::{Dtype, SafeTensors};

use crate::support::fixture;

/// The tensors of a fixture, integers as numbers too.
pub(crate) struct Case(pub(crate) BTreeMap<String, Named>);

impl Case {
    pub(crate) fn read(name: &str) -> Self {
        Self::of(&fixture(name))
    }

    /// The tensors of a safetensors file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let file = SafeTensors::deserialize(bytes).unwrap();
        let named = |view: &safetensors::tensor::TensorView<'_>| {
            let values = match view.dtype() {
                Dtype::F32 => view
                    .data()
                    .chunks(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                    .collect(),
                Dtype::F64 => view
                    .data()
                    .chunks(8)
                    .map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32)
                    .collect(),
                Dtype::I64 => view
                    .data()
                    .chunks(8)
                    .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32)
                    .collect(),
                Dtype::U8 => view.data().iter().map(|b| f32::from(*b)).collect(),
                other => panic!("{other:?} is not expected in a fixture"),
            };
            Named {
                shape: view.shape().to_vec(),
                values,
            }
        };
        Self(
            file.iter()
                .map(|(name, view)| (name.to_string(), named(&view)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> &Named {
        self.0.get(name).unwrap_or_else(|| panic!("the fixture holds {name}"))
    }

    pub(crate) fn scalar(&self, name: &str) -> f64 {
        f64::from(self.get(name).values[0])
    }

    pub(crate) fn under(&self, prefix: &str) -> BTreeMap<String, Named> {
        let strip = |(name, tensor): (&String, &Named)| Some((name.strip_prefix(prefix)?.to_string(), tensor.clone()));
        self.0.iter().filter_map(strip).collect()
    }
}

pub(crate) fn tensor<const D: usize>(named: &Named, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(named.values.clone(), named.shape.clone()), device)
}

pub(crate) fn masks(noise: &Named, grid: Grid, ratio: f64) -> MaskBatch {
    let visible = keep_count(grid.len(), ratio);
    let drawn: Vec<Mask> = noise
        .values
        .chunks(grid.len())
        .map(|row| random::from_noise(grid, row, visible))
        .collect();
    MaskBatch::new(&drawn)
}

/// The differences of one case, over one or more tensors.
pub(crate) struct Worst {
    case: String,
    values: usize,
    absolute: f64,
    relative: f64,
    tolerance: f64,
    /// How the tolerance is told, where it is not one absolute number.
    rule: Option<&'static str>,
    failed: Vec<String>,
}

impl Worst {
    pub(crate) fn of(case: &str) -> Self {
        Self {
            case: case.into(),
            values: 0,
            absolute: 0.0,
            relative: 0.0,
            tolerance: 0.0,
            rule: None,
            failed: Vec::new(),
        }
    }

    /// Tells the tolerance in words.
    pub(crate) fn rule(self, rule: &'static str) -> Self {
        let rule = Some(rule);
        Self { rule, ..self }
    }

    /// Compares one tensor; `tolerance` is the largest absolute difference allowed.
    #[track_caller]
    pub(crate) fn add(&mut self, part: &str, got: &[f32], want: &[f32], tolerance: f64) {
        assert_eq!(got.len(), want.len(), "{} {part}: number of values", self.case);
        let difference = |(a, b): (&f32, &f32)| f64::from(*a - *b).abs();
        // A NaN must not hide: it compares as greater than anything.
        let worst = got
            .iter()
            .zip(want)
            .map(difference)
            .fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a });
        let scale = want.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
        let relative = if worst == 0.0 { 0.0 } else { worst / scale.max(1e-30) };
        self.values += got.len();
        self.absolute = self.absolute.max(worst);
        self.relative = self.relative.max(relative);
        self.tolerance = self.tolerance.max(tolerance);
        if worst.is_nan() || worst > tolerance {
            self.failed
                .push(format!("{part}: {worst:.3e} is above {tolerance:.1e}"));
        }
    }

    /// Prints the case's line (and adds it to the file in PARITY_TABLE), and fails when a tensor was too far off.
    #[track_caller]
    pub(crate) fn done(self) {
        let Self {
            case,
            values,
            absolute,
            relative,
            tolerance,
            rule,
            failed,
        } = self;
        let allowed = match rule {
            Some(rule) => rule.to_string(),
            None if tolerance == 0.0 => "exact".into(),
            None => format!("{tolerance:.0e}"),
        };
        line(&case, values, absolute, relative, &allowed);
        assert!(failed.is_empty(), "{case}: {}", failed.join("; "));
    }
}

/// Prints a line of the table of parity, and adds it to the file in PARITY_TABLE.
pub(crate) fn line(case: &str, values: usize, absolute: f64, relative: f64, allowed: &str) {
    let line = format!("parity | {case} | {values} | {absolute:.1e} | {relative:.1e} | {allowed}\n");
    // Past the test harness, which swallows what passing tests print.
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    if let Ok(path) = std::env::var("PARITY_TABLE") {
        let line = format!("{case}\t{values}\t{absolute:.1e}\t{relative:.1e}\t{allowed}\n");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
}

/// Compares the one tensor of a case; prints its line.
#[track_caller]
pub(crate) fn close(case: &str, got: &[f32], want: &[f32], tolerance: f64) {
    let mut worst = Worst::of(case);
    worst.add("", got, want, tolerance);
    worst.done();
}

/// Compares weights after training with those wanted, the key third of every fused bias left out: it has no gradient but
/// rounding noise, which AdamW blows up; it changes no output.
#[track_caller]
pub(crate) fn finals(case: &str, got: &BTreeMap<String, Named>, want: BTreeMap<String, Named>) {
    let mut worst = Worst::of(case);
    for (name, want) in want {
        let (mut got, mut want) = (got[&name].values.clone(), want.values);
        if name.ends_with("attn.qkv.bias") {
            let third = got.len() / 3;
            got.drain(third..2 * third);
            want.drain(third..2 * third);
        }
        worst.add(&name, &got, &want, 1e-5);
    }
    worst.done();
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A trial with the sizes of the square fixtures.
pub(crate) fn spec(sets: &[&str]) -> TrialSpec {
    let square = [
        "model.img_size=32",
        "model.patch_size=8",
        "model.embed_dim=40",
        "model.encoder_depth=3",
        "model.encoder_num_heads=5",
        "model.decoder_embed_dim=24",
        "model.decoder_depth=2",
        "model.decoder_num_heads=3",
    ];
    let sets = square.iter().chain(sets).map(ToString::to_string).collect();
    let request = mae_exp::spec::Request {
        inputs: vec!["model/nano".into()],
        sets,
        env: Vec::new(),
    };
    mae_exp::spec::load(&request, &Registry::builtin())
        .unwrap()
        .trials
        .remove(0)
        .spec
}

/// The device under test: the program's default, or the one in MAE_EXP_TEST_DEVICE.
pub(crate) fn test_device() -> Device {
    let name = std::env::var("MAE_EXP_TEST_DEVICE").unwrap_or_else(|_| device::default_name().into());
    device::resolve(&name).unwrap()
}

pub(crate) fn model(spec: &TrialSpec, weights: &BTreeMap<String, Named>, device: &Device) -> Mae {
    names::import(Mae::new(&spec.model, 0, device), weights).unwrap()
}
