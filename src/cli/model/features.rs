//! `mae-exp model features`: frozen features of pictures, for any other tool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mae_strategies::Registry;
use serde_json::{Value as Json, json};

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::table;
use crate::cli::weights::{RunOption, say};
use crate::data::{ImageSet, LoaderConfig, Split, eval_batches};
use crate::eval::features::{Rows, of_pixels, rows};
use crate::eval::npy;
use crate::model::names::Named;
use crate::model::weights::build::build;
use crate::model::weights::{safetensors, write};
use crate::model::{Device, Mae};
use crate::spec::TrialSpec;
use crate::spec::trial::Feature;

/// Arguments of `model features`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of pictures; sub-folders are classes.
    #[arg(long, value_name = "DIR", required_unless_present = "inputs")]
    data: Option<PathBuf>,
    /// Safetensors with `images` [N,C,H,W], already normalised, in place of a folder.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    inputs: Option<PathBuf>,
    /// File to write: .safetensors (features, labels, and how they were made) or .npy (with .npy.json beside).
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Class token (cls) or mean of the patch tokens (mean), before or after the last norm (…_norm).
    #[arg(long, default_value = "cls")]
    feature: Feature,
    #[command(flatten)]
    on: RunOption,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let form = Form::of(&args.out)?;
    let device = args.on.device.resolve()?;
    let read: Vec<&Path> = args
        .inputs
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new(&args.on.weights)])
        .collect();
    files::check_output(&args.out, &read)?;
    let weights = args.on.model.read(&args.on.weights)?;
    let spec = args.on.model.spec(&weights, None, &[], registry)?;
    let mut record = json!({
        "feature": args.feature,
        "width": spec.model.embed_dim,
        "weights": weights.path,
        "weights_digest": weights.digest,
        "model": write::section(&spec.model, weights.has_decoder()),
    });
    let (model, notes) = build(weights, &spec.model, spec.seed, &device)?;
    say(&notes);
    let found = match (&args.data, &args.inputs) {
        (Some(folder), _) => of_folder(folder, &model, &spec, args.feature, &device, &mut record)?,
        (None, Some(file)) => {
            let digest = blake3::hash(&std::fs::read(file)?).to_hex().to_string();
            record["inputs"] = json!(file);
            record["inputs_digest"] = json!(digest);
            of_inputs(file, &model, &spec, args.feature, &device)?
        }
        (None, None) => return Err(Failure::usage("name pictures with --data DIR or --inputs FILE")),
    };
    record["rows"] = json!(found.indices.len());
    form.write(&args.out, &found, &record)?;
    if args.on.json {
        return table::json(&record);
    }
    let word = json!(args.feature);
    println!("{}", args.out.display());
    println!(
        "{} rows of {} values: {}",
        found.indices.len(),
        found.width,
        word.as_str().unwrap_or_default()
    );
    Ok(())
}

fn of_folder(
    folder: &Path,
    model: &Mae,
    spec: &TrialSpec,
    feature: Feature,
    device: &Device,
    record: &mut Json,
) -> Result<Rows, Failure> {
    let set = Arc::new(ImageSet::whole(folder, &spec.data, spec.model.img_size)?);
    let loader = LoaderConfig::of(spec, spec.eval.batch_size);
    let found = rows(
        model,
        &spec.model,
        feature,
        eval_batches(&set, loader, Split::Val),
        device,
    )?;
    let skipped: Vec<String> = set
        .skipped()
        .iter()
        .map(|s| format!("{} skipped: {}", s.name, s.error))
        .collect();
    say(&skipped);
    let names: Vec<&str> = found.indices.iter().map(|i| set.name(Split::Val, *i)).collect();
    record["data"] = json!(folder);
    record["data_digest"] = json!(set.digest());
    record["transform"] = json!({
        "resize": "shorter side to the input size, bicubic with antialias, then the centre",
        "size": spec.model.img_size,
        "mean": spec.data.mean,
        "std": spec.data.std,
    });
    record["classes"] = json!(set.classes());
    record["pictures"] = json!(names);
    record["skipped"] = json!(skipped);
    Ok(found)
}

fn of_inputs(path: &Path, model: &Mae, spec: &TrialSpec, feature: Feature, device: &Device) -> Result<Rows, Failure> {
    let (shape, pixels) = super::forward::images(path, &spec.model)?;
    let [n, rest @ ..] = shape;
    let batch = spec.eval.batch_size;
    let values = pixels.chunks(batch * rest.iter().product::<usize>()).flat_map(|part| {
        let count = part.len() / rest.iter().product::<usize>();
        of_pixels(
            model,
            part.to_vec(),
            [count, rest[0], rest[1], rest[2]],
            feature,
            device,
        )
    });
    Ok(Rows {
        values: values.collect(),
        width: spec.model.embed_dim,
        indices: (0..n).collect(),
        labels: vec![None; n],
    })
}

/// Kind of file, by its extension.
enum Form {
    Safetensors,
    Npy,
}

impl Form {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npy") => Ok(Self::Npy),
            _ => Err(Failure::usage(format!(
                "--out {} is neither .safetensors nor .npy: name one of them",
                path.display()
            ))),
        }
    }

    fn write(&self, path: &Path, found: &Rows, record: &Json) -> Result<(), Failure> {
        let labels: Option<Vec<i64>> = found.labels.iter().map(|label| label.map(|l| l as i64)).collect();
        let n = found.indices.len();
        match self {
            Self::Safetensors => {
                let features = Named {
                    shape: vec![n, found.width],
                    values: found.values.clone(),
                };
                let labels = labels.map(|labels| ("labels".to_string(), (vec![n], labels)));
                let metadata = [
                    ("format".to_string(), "pt".to_string()),
                    ("mae_exp_features".to_string(), record.to_string()),
                ];
                safetensors::write(
                    path,
                    &BTreeMap::from([("features".to_string(), features)]),
                    &labels.into_iter().collect(),
                    &metadata.into_iter().collect(),
                )?;
            }
            Self::Npy => {
                let mut bytes = Vec::new();
                npy::write(&mut bytes, n, found.width, &found.values)?;
                files::write(path, &bytes)?;
                let mut record = record.clone();
                record["labels"] = json!(labels);
                files::write_json(&beside(path), &record)?;
            }
        }
        Ok(())
    }
}

/// `F.npy.json`, beside `F.npy`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".json");
    path.with_file_name(name)
}
