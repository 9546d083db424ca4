//! `mae-exp model forward`: given weights, pictures and noise in, the model's numbers out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mae_strategies::{Mask, Registry, keep_count, random};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::table;
use crate::cli::weights::{RunOption, say};
use crate::eval::forward::{Forward, forward};
use crate::model::batch::{Views, When, draw_mask};
use crate::model::names::Named;
use crate::model::weights::build::build;
use crate::model::weights::safetensors;
use crate::seed::Purpose;
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::ModelSpec;

/// Arguments of `model forward`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Safetensors with `images` [N,C,H,W], already normalised, and perhaps `noise` [N,L].
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// Safetensors to write: `latent`, `pred`, `mask`, `ids_restore`, `loss`.
    #[arg(long, value_name = "FILE")]
    outputs: PathBuf,
    #[command(flatten)]
    on: RunOption,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let device = args.on.device.resolve()?;
    files::check_output(&args.outputs, &[&args.inputs, Path::new(&args.on.weights)])?;
    let inputs = Inputs::read(&args.inputs)?;
    let [_, _, height, width] = inputs.shape;
    let weights = args.on.model.read(&args.on.weights)?;
    let spec = args.on.model.spec(&weights, Some([height, width]), &[], registry)?;
    must_fit(&args.inputs, inputs.shape, &spec.model)?;
    let masks = inputs.masks(&spec, registry, &args.inputs)?;
    let (decode, origin, digest) = (weights.has_decoder(), weights.path.clone(), weights.digest.clone());
    let (model, notes) = build(weights, &spec.model, spec.seed, &device)?;
    say(&notes);
    let result = forward(
        &model,
        &inputs.images,
        inputs.shape,
        &masks,
        spec.eval.batch_size,
        decode,
        &device,
    );
    write(&args.outputs, &result, &masks, &digest)?;
    if !decode {
        say(&["the weights have no decoder: no pred, no loss".to_string()]);
    }
    let target = if spec.model.norm_pix_loss {
        "normalised pixels"
    } else {
        "raw pixels"
    };
    let (hidden, patches) = (masks[0].hidden(), masks[0].grid().len());
    if args.on.json {
        return table::json(&json!({
            "weights": origin,
            "digest": digest,
            "outputs": args.outputs,
            "images": inputs.shape[0],
            "patches": patches,
            "hidden": hidden,
            "norm_pix_loss": spec.model.norm_pix_loss,
            "norm_eps": spec.model.norm_eps,
            "decoder": decode,
            "loss": result.decoded.as_ref().map(|d| d.loss),
        }));
    }
    if let Some(decoded) = &result.decoded {
        println!("loss {:.7} ({target})", decoded.loss);
    }
    println!("{} images, {hidden} of {patches} patches hidden", inputs.shape[0]);
    println!("{}", args.outputs.display());
    Ok(())
}

/// Normalised pixels `[N, C, H, W]` of a file, which must be of the size that a model takes.
pub(super) fn images(path: &Path, spec: &ModelSpec) -> Result<([usize; 4], Vec<f32>), Failure> {
    let inputs = Inputs::read(path)?;
    must_fit(path, inputs.shape, spec)?;
    Ok((inputs.shape, inputs.images))
}

fn must_fit(path: &Path, [_, channels, height, width]: [usize; 4], spec: &ModelSpec) -> Result<(), Failure> {
    let (size, wanted) = (spec.img_size, spec.in_chans);
    if [channels, height, width] == [wanted, size.height, size.width] {
        return Ok(());
    }
    let (path, p) = (path.display(), spec.patch_size);
    let cure = if channels != wanted {
        format!("give pictures of {wanted} channels, or weights for {channels}")
    } else if height.is_multiple_of(p) && width.is_multiple_of(p) {
        format!("resize them, or interpolate the position table with --set model.img_size=[{height},{width}]")
    } else {
        format!("resize them; patches of {p} pixels must divide both sides")
    };
    Err(Failure::usage(format!(
        "images in {path} are {channels}x{height}x{width}, the model takes {wanted}x{}x{}: {cure}",
        size.height, size.width
    )))
}

/// What a file of inputs holds.
struct Inputs {
    /// `[N, C, H, W]`.
    shape: [usize; 4],
    images: Vec<f32>,
    noise: Option<Named>,
}

impl Inputs {
    fn read(path: &Path) -> Result<Self, Failure> {
        let mut contents = safetensors::read_inputs(path)?;
        let wrong = |what: String| Failure::usage(format!("inputs {}: {what}", path.display()));
        if let Some(name) = contents
            .ignored
            .iter()
            .find(|name| ["images", "noise"].contains(&name.as_str()))
        {
            return Err(wrong(format!("{name} holds integers: write it as f32")));
        }
        let mut take = |name: &str| match contents.tensors.remove(name) {
            Some(tensor) if tensor.values.iter().all(|value| value.is_finite()) => Ok(Some(tensor)),
            Some(_) => Err(wrong(format!("{name} holds values that are NaN or infinite"))),
            None => Ok(None),
        };
        let (images, noise) = (take("images")?, take("noise")?);
        let images = images.ok_or_else(|| {
            let names: Vec<&str> = contents.tensors.keys().map(String::as_str).collect();
            wrong(format!(
                "no tensor named images, f32 of shape [N,C,H,W]; there is {}",
                if names.is_empty() {
                    "nothing".into()
                } else {
                    names.join(", ")
                }
            ))
        })?;
        let [n, c, h, w] = images.shape[..] else {
            return Err(wrong(format!("images has shape {:?}, not [N,C,H,W]", images.shape)));
        };
        if images.values.is_empty() {
            return Err(wrong(format!("images has shape {:?}: no pixels", images.shape)));
        }
        Ok(Self {
            shape: [n, c, h, w],
            images: images.values,
            noise,
        })
    }

    /// Masks from the given noise, or drawn by the strategy of `[mask]`.
    fn masks(&self, spec: &TrialSpec, registry: &Registry, path: &Path) -> Result<Vec<Mask>, Failure> {
        let (grid, n) = (spec.model.grid(), self.shape[0]);
        let Some(noise) = &self.noise else {
            let plan = spec.mask.plan(registry, grid, END)?;
            let when = When {
                seed: spec.seed,
                purpose: Purpose::Mask,
                epoch: 0,
                progress: END,
            };
            let views = Views::of(&self.images, self.shape, &[]);
            let draw = |i| draw_mask(&plan, when, (i, i), &views);
            return Ok((0..n).map(draw).collect::<Result<_, _>>()?);
        };
        let wrong = |what: String| Failure::usage(format!("inputs {}: {what}", path.display()));
        if noise.shape != [n, grid.len()] {
            let (found, patches) = (&noise.shape, grid.len());
            return Err(wrong(format!(
                "noise has shape {found:?}, the model needs [{n}, {patches}]"
            )));
        }
        if spec.mask.strategy != "random" {
            let strategy = &spec.mask.strategy;
            return Err(wrong(format!(
                "noise gives random masks, but mask.strategy is {strategy}: leave out one of them"
            )));
        }
        let visible = keep_count(grid.len(), spec.mask.ratio);
        if visible == grid.len() || visible == 0 {
            let (ratio, patches) = (spec.mask.ratio, grid.len());
            return Err(wrong(format!(
                "mask.ratio = {ratio} hides none or all of {patches} patches"
            )));
        }
        let rows = noise.values.chunks(grid.len());
        Ok(rows.map(|row| random::from_noise(grid, row, visible)).collect())
    }
}

fn write(path: &Path, result: &Forward, masks: &[Mask], digest: &str) -> Result<(), Failure> {
    let (n, patches) = (masks.len(), masks[0].grid().len());
    let bits = masks.iter().flat_map(|mask| mask.bits().into_iter().map(f32::from));
    let mask = Named {
        shape: vec![n, patches],
        values: bits.collect(),
    };
    let mut tensors = BTreeMap::from([
        ("latent".to_string(), result.latent.clone()),
        ("mask".to_string(), mask),
    ]);
    if let Some(decoded) = &result.decoded {
        tensors.insert("pred".into(), decoded.pred.clone());
        let loss = Named {
            shape: vec![1],
            values: vec![decoded.loss as f32],
        };
        tensors.insert("loss".into(), loss);
    }
    let restore = masks
        .iter()
        .flat_map(|mask| mask.ids_restore().into_iter().map(i64::from));
    let integers = BTreeMap::from([("ids_restore".to_string(), (vec![n, patches], restore.collect()))]);
    let metadata = BTreeMap::from([
        ("format".to_string(), "pt".to_string()),
        ("weights".to_string(), digest.to_string()),
    ]);
    Ok(safetensors::write(path, &tensors, &integers, &metadata)?)
}
