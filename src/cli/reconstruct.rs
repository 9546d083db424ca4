//! `mae-exp reconstruct`: what a model makes of given pictures when some of their patches are hidden.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use mae_strategies::{Mask, Registry};
use serde_json::{Value as Json, json};

use crate::data::{Normalise, Picture, Transformer, decode};
use crate::eval::pictures::png;
use crate::eval::quality::{Border, psnr, ssim};
use crate::eval::redraw::{Redrawn, Statistics, redraw};
use crate::eval::sheet::{Panel, sheet};
use crate::model::Mae;
use crate::model::batch::{Views, When, draw_mask};
use crate::model::weights::build::build;
use crate::seed::Purpose;
use crate::spec::TrialSpec;
use crate::spec::ramp::END;

use super::failure::Failure;
use super::files;
use super::table;
use super::weights::{RunOption, say};

/// Arguments of `reconstruct`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pictures: JPEG, PNG, WebP or BMP.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Folder to write to: for every picture a sheet NAME_sheet.png and its four parts, and reconstruct.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For models of normalised patches: scale predictions back with the true mean and spread of each patch, or with those
    /// of the visible patches around.
    #[arg(long, value_name = "WHICH", default_value = "true")]
    statistics: Statistics,
    #[command(flatten)]
    on: RunOption,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let device = args.on.device.resolve()?;
    let names = names(&args.images);
    check_outputs(args, &names)?;
    let weights = args.on.model.read(&args.on.weights)?;
    let spec = args.on.model.spec(&weights, None, &[], registry)?;
    if !weights.has_decoder() {
        return Err(Failure::usage(format!(
            "weights {} have no decoder, so nothing can be reconstructed: name weights of the whole model",
            weights.path.display()
        )));
    }
    let plan = spec.mask.plan(registry, spec.model.grid(), END)?;
    let (origin, digest) = (weights.path.display().to_string(), weights.digest.clone());
    let (model, notes) = build(weights, &spec.model, spec.seed, &device)?;
    say(&notes);
    let normalise = Normalise::new(spec.model.in_chans, &spec.data)?;
    let mut transformer = Transformer::new(spec.model.img_size, normalise.clone());
    files::folder(&args.out)?;
    let mut records = Vec::new();
    for (i, (path, name)) in args.images.iter().zip(&names).enumerate() {
        let mut pixels = Vec::new();
        transformer.eval(&load(path)?, &mut pixels);
        let size = [
            1,
            spec.model.in_chans,
            spec.model.img_size.height,
            spec.model.img_size.width,
        ];
        let views = Views::of(&pixels, size, &[]);
        let mask = draw_mask(&plan, when(&spec), (0, i), &views)?;
        let drawn = redraw(
            &model,
            &spec.model,
            &normalise,
            &pixels,
            &mask,
            args.statistics,
            &device,
        );
        let notes = captions(&model, &spec, &mask, args.statistics, &drawn, &origin);
        let files = write(&args.out, name, &drawn, &notes)?;
        if !args.on.json {
            println!(
                "{}  hidden patches: mean squared error {}",
                files[0].display(),
                table::number(drawn.mse)
            );
        }
        let (psnr, ssim) = quality(&drawn);
        records.push(json!({ "image": path, "files": files, "mse": drawn.mse, "psnr": psnr, "ssim": ssim, "hidden": mask.hidden() }));
    }
    let record = record(args, &spec, &origin, &digest, &model, records);
    files::write_json(&args.out.join("reconstruct.json"), &record)?;
    if args.on.json { table::json(&record) } else { Ok(()) }
}

/// Masks as at the end of training.
fn when(spec: &TrialSpec) -> When<'static> {
    When {
        seed: spec.seed,
        purpose: Purpose::Mask,
        epoch: 0,
        progress: END,
    }
}

fn load(path: &Path) -> Result<Picture, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    decode(&bytes).map_err(|why| unreadable(path, &why))
}

/// What is drawn of each picture.
const PARTS: [&str; 5] = ["sheet", "original", "masked", "reconstruction", "pasted"];

/// PSNR in dB and SSIM (windows inside the picture only) of the whole picture with its visible patches; `None` where the
/// picture is too small, or perfect.
fn quality(drawn: &Redrawn) -> (Option<f64>, Option<f64>) {
    let channel_first = |picture: &Picture| -> Vec<f32> {
        let plane = picture.width * picture.height;
        let sample = |i: usize| f32::from(picture.rgb[i % plane * 3 + i / plane]) / 255.0;
        (0..3 * plane).map(sample).collect()
    };
    let (truth, drawn_as) = (channel_first(&drawn.original), channel_first(&drawn.pasted));
    let size = [3, drawn.original.height, drawn.original.width];
    let decibels = psnr(&truth, &drawn_as).ok().filter(|psnr| psnr.is_finite());
    (decibels, ssim(&truth, &drawn_as, size, Border::Valid).ok())
}

/// A name for each picture: its stem, numbered where one of its files would have the name of another's.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let files = |name: &str| PARTS.map(|part| format!("{name}_{part}.png"));
    let mut name = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let numbered = (2..).map(|n| format!("{stem}-{n}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let free = names.find(|name| files(name).iter().all(|file| !taken.contains(file)));
        let name = free.unwrap_or(stem);
        taken.extend(files(&name));
        name
    };
    paths.iter().map(&mut name).collect()
}

/// Refuses to replace a picture that is read, and pictures that are not there, before anything is computed.
fn check_outputs(args: &Args, names: &[String]) -> Result<(), Failure> {
    let read: Vec<&Path> = args.images.iter().map(PathBuf::as_path).collect();
    for path in &read {
        std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    }
    if !args.out.is_dir() {
        return Ok(());
    }
    let outputs = names
        .iter()
        .flat_map(|name| PARTS.map(|part| args.out.join(format!("{name}_{part}.png"))));
    outputs
        .into_iter()
        .try_for_each(|output| files::check_output(&output, &read))
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("picture {}: {why}", path.display()))
}

/// What the sheet says below its panels.
fn captions(
    model: &Mae,
    spec: &TrialSpec,
    mask: &Mask,
    statistics: Statistics,
    drawn: &Redrawn,
    origin: &str,
) -> Vec<String> {
    let (hidden, patches) = (mask.hidden(), mask.grid().len());
    let scaling = match (model.normalises_targets(), statistics) {
        (false, _) => "The model predicts pixels; nothing is scaled.",
        (true, Statistics::True) => {
            "The model predicts normalised patches: each is scaled back with its true mean and spread, which the model was not \
             shown."
        }
        (true, Statistics::Visible) => {
            "The model predicts normalised patches: hidden ones are scaled back with the mean and spread of the visible patches \
             around them."
        }
    };
    vec![
        format!(
            "{hidden} of {patches} patches hidden by {} (seed {}); mean squared error of their pixels {}",
            spec.mask.strategy,
            spec.seed,
            table::number(drawn.mse)
        ),
        scaling.to_string(),
        format!("Weights: {origin}"),
    ]
}

fn write(folder: &Path, name: &str, drawn: &Redrawn, notes: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let parts = [
        ("original", &drawn.original),
        ("masked", &drawn.masked),
        ("reconstruction", &drawn.reconstruction),
        ("pasted", &drawn.pasted),
    ];
    let captions = ["original", "masked", "reconstruction", "with visible patches"];
    let panels: Vec<Panel<'_>> = parts
        .iter()
        .zip(captions)
        .map(|((_, picture), caption)| Panel {
            caption,
            rgb: &picture.rgb,
        })
        .collect();
    let (width, height) = (drawn.original.width, drawn.original.height);
    let whole = sheet(name, &panels, width, height, notes);
    let whole = Picture {
        width: whole.width() as usize,
        height: whole.height() as usize,
        rgb: whole.into_raw(),
    };
    let mut files = Vec::new();
    for (part, picture) in [("sheet", &whole)].into_iter().chain(parts) {
        let file = folder.join(format!("{name}_{part}.png"));
        files::write(&file, &png(picture).map_err(anyhow::Error::new)?)?;
        files.push(file);
    }
    Ok(files)
}

fn record(args: &Args, spec: &TrialSpec, origin: &str, digest: &str, model: &Mae, pictures: Vec<Json>) -> Json {
    let config = spec.to_config();
    json!({
        "weights": origin,
        "weights_digest": digest,
        "mask": config["mask"],
        "seed": spec.seed,
        "statistics": model.normalises_targets().then_some(args.statistics),
        "model": spec.model,
        "pictures": pictures,
    })
}
