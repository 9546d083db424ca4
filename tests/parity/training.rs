//! Gradients, the schedule and five steps of the training recipe.

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use mae_exp::model::names::{self, Named};
use mae_exp::train::optimiser::optimiser;
use mae_exp::train::step::Learner;
use mae_exp::train::{Schedule, clip};
use mae_strategies::Grid;

use crate::reference::{Case, Worst, close, finals, line, masks, model, spec, tensor, test_device};
use crate::support::fixture;

/// Puts the gradients in place of the parameters, so that they are exported under the same names and layouts.
struct Gradients(GradientsParams);

impl ModuleMapper for Gradients {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.0.remove::<D>(param.id).unwrap();
        param.map(|_| gradient)
    }
}

#[test]
fn gradients_of_every_parameter() {
    let (case, device) = (Case::read("mae_grad/case.safetensors"), test_device().autodiff());
    let forward = Case::read("mae_forward/case.safetensors");
    let model = model(&spec(&[]), &Case::read("mae_forward/weights_fb.safetensors").0, &device);
    let masks = masks(forward.get("noise"), Grid::new(4, 4), 0.75);
    let loss = model.loss(tensor(forward.get("images"), &device), &masks);
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut gradients = names::export(&model.map(&mut Gradients(gradients)));
    gradients.retain(|name, _| !name.ends_with("pos_embed"));
    let wanted = case.under("grad.");
    assert_eq!(gradients.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    let mut worst = Worst::of(&format!("mae_grad, {} tensors", wanted.len()));
    for (name, want) in wanted {
        let largest = want.values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
        worst.add(&name, &gradients[&name].values, &want.values, 1e-4 * largest + 1e-6);
    }
    worst.done();
}

#[test]
fn five_steps_of_the_training_recipe() {
    let (case, device) = (Case::read("mae_train/case.safetensors"), test_device().autodiff());
    let spec = spec(&[
        "train.blr=0.128",
        "train.batch_size=4",
        "train.warmup_epochs=1",
        "train.epochs=4",
        "train.min_lr=0",
        "train.weight_decay=0.05",
        "train.beta1=0.9",
        "train.beta2=0.95",
        "train.eps=1e-8",
    ]);
    let model = model(&spec, &Case::read("mae_forward/weights_fb.safetensors").0, &device);
    let optimiser = optimiser(&model, &spec.train);
    // Far above every norm, so that norms are told and nothing is clipped.
    let mut learner = Learner::new(model, optimiser).with_clipping(Some(1e6));
    let schedule = Schedule::new(&spec.train);
    let (images, noise) = (case.get("images"), case.get("noise"));
    let (pixels, patches) = (images.values.len() / 5, noise.values.len() / 5);
    let rules = [("lr", "rel 1e-7"), ("loss", "rel 2e-5"), ("gradient norm", "rel 2e-5")];
    let [mut rates, mut losses, mut norms] =
        rules.map(|(what, rule)| Worst::of(&format!("mae_train {what}, 5 steps")).rule(rule));
    for i in 0..5 {
        let part = |of: &Named, size: usize| Named {
            shape: of.shape[1..].to_vec(),
            values: of.values[i * size..][..size].to_vec(),
        };
        let masks = masks(&part(noise, patches), Grid::new(4, 4), 0.75);
        let lr = schedule.at((i / 2) as f64 + (i % 2) as f64 / 2.0);
        let same = |worst: &mut Worst, what: &str, got: f32, relative: f64| {
            let want = case.get(what).values[i];
            worst.add(
                &format!("step {i}"),
                &[got],
                &[want],
                relative * f64::from(want).max(1e-9),
            );
        };
        same(&mut rates, "lr", lr as f32, 1e-7);
        let loss = learner.accumulate(tensor(&part(images, pixels), &device), &masks);
        let norm = learner.update(lr, 1).unwrap();
        same(&mut losses, "loss", loss.into_scalar::<f32>(), 2e-5);
        same(&mut norms, "grad_norm", norm.into_scalar::<f32>(), 2e-5);
    }
    [rates, losses, norms].into_iter().for_each(Worst::done);
    let got = names::export(&learner.valid());
    finals(
        "mae_train final weights without the key bias",
        &got,
        case.under("final."),
    );
}

#[test]
fn learning_rates() {
    let table = String::from_utf8(fixture("lr_schedule/lr_schedule.csv")).unwrap();
    let (mut checked, mut largest, mut worst) = (0, 0.0f64, 0.0f64);
    for line in table.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [epochs, warmup, lr, min_lr, epoch, want] = cells[..] else {
            panic!("six columns, not {line}")
        };
        let schedule = Schedule {
            lr,
            min_lr,
            warmup,
            epochs,
        };
        let got = schedule.at(epoch);
        assert!(
            (got - want).abs() <= 1e-12 * want.abs() + 1e-18,
            "epoch {epoch}: {got} is not {want}"
        );
        largest = largest.max((got - want).abs());
        worst = worst.max((got - want).abs() / want.abs().max(1e-12));
        checked += 1;
    }
    line("lr_schedule in f64", checked, largest, worst, "rel 1e-12");
    assert_eq!(checked, 32);
}

/// Clipping against the arithmetic of PyTorch's `clip_grad_norm_`: `g · min(1, most / (norm + 1e-6))`.
#[test]
fn clipping_by_the_norm_of_all_gradients() {
    let (case, device) = (Case::read("mae_grad/case.safetensors"), test_device().autodiff());
    let forward = Case::read("mae_forward/case.safetensors");
    let model = model(&spec(&[]), &Case::read("mae_forward/weights_fb.safetensors").0, &device);
    let masks = masks(forward.get("noise"), Grid::new(4, 4), 0.75);
    let wanted = case.under("grad.");
    let squares = wanted
        .values()
        .flat_map(|t| &t.values)
        .map(|v| f64::from(*v) * f64::from(*v));
    let whole = squares.sum::<f64>().sqrt();
    for (most, scale) in [(whole / 4.0, 0.25), (whole * 2.0, 1.0)] {
        let loss = model.loss(tensor(forward.get("images"), &device), &masks);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let norm = clip::norm(&model, &gradients);
        let clipped = clip::clip(&model, gradients, &norm, most);
        let name = format!("mae_grad norm before clipping to {scale}");
        close(&name, &[norm.into_scalar::<f32>()], &[whole as f32], 1e-5 * whole);
        let got = names::export(&model.clone().map(&mut Gradients(clipped)));
        let mut worst = Worst::of(&format!("mae_grad clipped to {scale} of their norm"));
        for (name, want) in &wanted {
            let want: Vec<f32> = want.values.iter().map(|v| (f64::from(*v) * scale) as f32).collect();
            let largest = want.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
            worst.add(name, &got[name].values, &want, 1e-4 * largest + 1e-6);
        }
        worst.done();
    }
}
