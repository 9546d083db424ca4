//! `mae-exp bench input`: the input pipeline alone, as training runs it, on the pictures of a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::table;
use crate::data::{ImageSet, LoaderConfig, train_batches};
use crate::spec::trial::{DataKind, DataSpec, ImgSize};
use crate::spec::{Request, load};

/// Share of a folder without `val/` that is left out: one picture of each class, since no set may lack a split.
const LEFT_OUT: f64 = 1e-6;

/// Arguments of `bench input`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of pictures, in any of the layouts of `data.path`; its training pictures are read.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Decoding threads; as many as there are cores when absent.
    #[arg(long)]
    threads: Option<usize>,
    /// Side of the square input that pictures are cropped and resized to.
    #[arg(long, default_value_t = 224)]
    size: usize,
    /// Pictures measured, after the warm-up; the folder is read again as often as that takes.
    #[arg(long, default_value_t = 1000)]
    images: usize,
    /// Pictures before the measurement.
    #[arg(long, default_value_t = 200)]
    warmup: usize,
    /// Pictures a batch.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let threads = match args.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    if [threads, args.size, args.images, args.batch].contains(&0) {
        return Err(Failure::usage(
            "--threads, --size, --images and --batch must be at least 1",
        ));
    }
    let data = data(args, registry)?;
    let size = ImgSize {
        height: args.size,
        width: args.size,
    };
    let set = Arc::new(ImageSet::open(&data, size)?.uncached());
    let config = LoaderConfig {
        size,
        channels: 3,
        data,
        batch_size: args.batch,
        workers: threads,
        regions: None,
        augment: None,
    };
    read(&set, &config, args.warmup)?;
    let begun = Instant::now();
    let images = read(&set, &config, args.images)?;
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = images as f64 / seconds;
    if !args.json {
        println!(
            "{images} pictures to {0}x{0} in {seconds:.2} s on {threads} threads: {per_second:.1} pictures/s \
             ({1:.1} a thread), JPEGs decoded as small as crops allow, nothing cached, {2} unreadable",
            args.size,
            per_second / threads as f64,
            set.skipped().len()
        );
        return Ok(());
    }
    table::json(&json!({
        "images_per_s": per_second,
        "threads": threads,
        "images": images,
        "size": args.size,
        "batch": args.batch,
        "seconds": seconds,
        "decoded": "reduced",
        "cached": false,
        "unreadable": set.skipped().len(),
    }))
}

/// Runs training epochs until at least `wanted` pictures came out; returns how many did.
fn read(set: &Arc<ImageSet>, config: &LoaderConfig, wanted: usize) -> Result<usize, Failure> {
    let mut images = 0;
    for epoch in 0.. {
        if images >= wanted {
            break;
        }
        for batch in train_batches(set, config.clone(), 0, epoch, 0) {
            images += batch?.len;
            if images >= wanted {
                break;
            }
        }
    }
    Ok(images)
}

/// The default recipe's augmentation and normalisation, over the folder.
fn data(args: &Args, registry: &Registry) -> Result<DataSpec, Failure> {
    let request = Request {
        inputs: vec!["model/nano".into()],
        sets: Vec::new(),
        env: Vec::new(),
    };
    let first = load(&request, registry)?.trials.into_iter().next();
    let trial = first.ok_or_else(|| Failure::usage("the model part describes no trial"))?;
    Ok(DataSpec {
        kind: DataKind::Folder,
        path: Some(args.data.display().to_string()),
        val_fraction: LEFT_OUT,
        train_limit: None,
        ..trial.spec.data
    })
}
