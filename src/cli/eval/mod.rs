//! `mae-exp eval`: judges the encoders of runs, or of any weights, by tasks, on their own pictures or on others. What is found
//! about a run is recorded beside it.

mod anomaly;
mod anomaly_files;
mod anomaly_kept;
mod found;
mod subject;

use std::path::PathBuf;
use std::time::Instant;

use mae_strategies::Registry;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::DeviceOption;
use crate::cli::weights::{ModelOption, RunOption};
use crate::cli::{outside, table};
use crate::spec::judged_by;
use crate::spec::trial::EvalTask;

use found::Found;
use subject::{Pictures, Subject, Which};

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs, or sweeps for all of their runs that are finished: name, id, unique prefix of an id, or latest.
    #[arg(value_name = "RUN", required_unless_present = "weights", conflicts_with = "weights")]
    runs: Vec<String>,
    /// Weights instead of a run: a .pth or .safetensors file, or a folder that holds one.
    #[arg(long, value_name = "WEIGHTS", requires = "data")]
    weights: Option<String>,
    /// Tasks; those of the run's eval.tasks where none is named.
    #[arg(
        long = "task",
        value_name = "TASK",
        value_delimiter = ',',
        required_unless_present = "runs"
    )]
    tasks: Vec<Task>,
    /// Folder of pictures in place of the run's own: train/ and val/, or one folder that is divided; sub-folders are classes.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder to write error maps, scores and their page to (--task anomaly).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read features anew, and keep none.
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    model: ModelOption,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    anomaly: anomaly::AnomalyArgs,
}

/// What an encoder, or a whole model, is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Task {
    /// Held-out pictures reconstructed under the common masks and those of `eval.cross`: error, structure, perception, and the
    /// same of trivial fills.
    Reconstruction,
    /// Weighted k-nearest-neighbour classification on frozen features.
    Knn,
    /// One linear layer trained on frozen features by LARS or SGD.
    Linear,
    /// Multinomial logistic regression on frozen features, solved to its minimum.
    Logistic,
    /// Attention pooling of frozen patch tokens and a linear layer.
    Attentive,
    /// The whole encoder trained with labels.
    Finetune,
    /// Held-out pictures look for training pictures of their class.
    Retrieval,
    /// K-means on frozen features, compared with the classes.
    Clustering,
    /// Maps of what the model does not expect; with labels, how well they tell defective pictures. By itself only.
    Anomaly,
}

impl Task {
    fn of_encoder(self) -> Option<EvalTask> {
        match self {
            Self::Reconstruction => Some(EvalTask::Reconstruction),
            Self::Knn => Some(EvalTask::Knn),
            Self::Linear => Some(EvalTask::Linear),
            Self::Logistic => Some(EvalTask::Logistic),
            Self::Attentive => Some(EvalTask::Attentive),
            Self::Finetune => Some(EvalTask::Finetune),
            Self::Retrieval => Some(EvalTask::Retrieval),
            Self::Clustering => Some(EvalTask::Clustering),
            Self::Anomaly => None,
        }
    }
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    if args.tasks.contains(&Task::Anomaly) {
        return maps(args, registry);
    }
    if args.out.is_some() {
        return Err(Failure::usage(
            "--out goes with --task anomaly: figures of other tasks are recorded, or printed by --json",
        ));
    }
    let device = args.device.resolve()?;
    let mut documents = Vec::new();
    let mut pictures = Pictures::default();
    for which in Which::all(args)? {
        let begun = Instant::now();
        let mut subject = Subject::of(args, which, &mut pictures, registry)?;
        let model = subject.model(&device)?;
        eprintln!("{}: {}", subject.name, subject.set.describe());
        let found = Found::by(args, subject, &model, registry, &device)?;
        if !args.json {
            found.print();
        }
        eprintln!("{} s", table::number(begun.elapsed().as_secs_f64()));
        documents.push(found.document());
    }
    if args.json {
        return table::json(&json!({ "evaluations": documents }));
    }
    Ok(())
}

/// Anomaly maps of a folder, by every run that is named.
fn maps(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let ([Task::Anomaly], Some(data)) = (args.tasks.as_slice(), &args.data) else {
        return Err(Failure::usage(
            "--task anomaly is run by itself, on pictures of its own: name them with --data DIR",
        ));
    };
    // Found before pictures are looked at: a run that is removed meanwhile gets no row.
    let subjects = Which::all(args)?;
    let several = subjects.len() > 1;
    let mut documents = Vec::new();
    for which in subjects {
        let (name, word, run, keys) = match which {
            Which::Run(run) => {
                // Pictures as the run saw its own.
                let colours = |(key, _): &(String, _)| ["data.mean", "data.std"].contains(&key.as_str());
                let keys = judged_by(&run.config).into_iter().filter(colours).collect();
                let name = format!("run {} ({})", run.id, run.label);
                (name, run.id.clone(), Some(run.id), keys)
            }
            Which::Weights(word) => (word.clone(), word, None, Vec::new()),
        };
        if several {
            eprintln!("{name}");
        }
        let on = RunOption {
            weights: word.clone(),
            model: args.model.clone(),
            device: args.device.clone(),
            json: args.json,
        };
        // One folder for each of several.
        let out = args
            .out
            .as_ref()
            .map(|out| if several { out.join(&word) } else { out.clone() });
        let place = anomaly::Place {
            data,
            out: out.as_deref(),
            keys: &keys,
        };
        let begun = outside::now();
        let (found, record) = anomaly::run(&args.anomaly, place, &on, registry)?;
        if let Some(run) = &run {
            found::record_maps(args, (run, &begun), &record, anomaly_kept::kept(&found)?)?;
        }
        documents.push(found::document_of_maps(&name, run.as_deref(), record));
    }
    if args.json {
        return table::json(&json!({ "evaluations": documents }));
    }
    Ok(())
}
