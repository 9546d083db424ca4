//! `mae-exp model convert`: weights in another naming.

use std::path::PathBuf;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::table;
use crate::cli::weights::{ModelOption, say};
use crate::model::weights::{Naming, write};

/// Arguments of `model convert`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Weights to read: a .pth or .safetensors file, a folder that holds one, or a run (id or latest).
    #[arg(long, value_name = "WEIGHTS")]
    from: String,
    /// Where to write: a folder (model.safetensors and config.json go into it) or a .safetensors file.
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// Naming of the tensors: fb (official), timm (encoder only) or hf (Hugging Face ViTMAE).
    #[arg(long)]
    format: Naming,
    #[command(flatten)]
    model: ModelOption,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let mut weights = args.model.read(&args.from)?;
    let (file, folder) = write::target(&args.to)?;
    if folder.is_dir() {
        files::check_output(&file, &[&weights.path])?;
    }
    let spec = args.model.spec(&weights, None, &[], registry)?;
    say(&weights.fit(&spec.model)?.into_iter().collect::<Vec<_>>());
    let full = weights.has_decoder();
    let about = write::About {
        model: &spec.model,
        mask_ratio: spec.mask.ratio,
    };
    let [file, config] = write::export(&args.to, &weights.tensors, about, args.format)?;
    let (kind, left) = match (full, args.format) {
        (true, Naming::Timm) => ("encoder", ", without the decoder, which timm has no place for"),
        (true, _) => ("encoder and decoder", ""),
        (false, _) => ("encoder", ""),
    };
    say(&write::caveat(args.format, &spec.model).into_iter().collect::<Vec<_>>());
    if args.json {
        return table::json(&json!({
            "from": weights.path,
            "naming": weights.naming.to_string(),
            "to": file,
            "config": config,
            "format": args.format.to_string(),
            "parts": kind,
            "digest": weights.digest,
            "model": write::section(&spec.model, full && args.format != Naming::Timm),
        }));
    }
    println!("{}", file.display());
    println!("{}", config.display());
    println!(
        "{kind}{left}, read from {} in {} naming",
        weights.path.display(),
        weights.naming
    );
    Ok(())
}
