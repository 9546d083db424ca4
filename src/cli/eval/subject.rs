//! What `eval` judges: the weights of a run or of a file, the configuration that they are judged under, and the pictures.

use std::path::Path;
use std::sync::Arc;

use mae_strategies::Registry;

use super::Args;
use crate::cli::failure::Failure;
use crate::data::ImageSet;
use crate::eval::tasks;
use crate::model::weights::Weights;
use crate::spec::trial::EvalTask;
use crate::spec::{TrialSpec, judged_by};
use crate::store::rows::{RunRow, Status};

/// One encoder to be judged.
pub(super) struct Subject {
    /// For people.
    pub(super) name: String,
    /// The run, where it is one.
    pub(super) run: Option<RunRow>,
    pub(super) weights: Weights,
    pub(super) spec: TrialSpec,
    pub(super) set: Arc<ImageSet>,
    /// In the order in which they run.
    pub(super) tasks: Vec<EvalTask>,
    /// Whether pictures and settings are those of the run itself.
    pub(super) own: bool,
}

impl Subject {
    /// All that the arguments name. Nothing is computed yet, so that a mistake about the last one is told first.
    pub(super) fn all(args: &Args, registry: &Registry) -> Result<Vec<Self>, Failure> {
        if let Some(weights) = &args.weights {
            return Ok(vec![Self::of_weights(args, weights, registry)?]);
        }
        let store = args.model.store.existing()?;
        let mut subjects = Vec::new();
        for word in &args.runs {
            let ids = store.choose(std::slice::from_ref(word))?.ids();
            let alone = ids.len() == 1;
            for id in ids {
                let run = store.run(&id)?.ok_or_else(|| Failure::usage(format!("run {id} was removed a moment ago")))?;
                if run.status == Status::Finished || alone {
                    subjects.push(Self::of_run(args, run, registry)?);
                }
            }
        }
        if subjects.is_empty() {
            return Err(Failure::usage("none of these runs is finished, so there is nothing to judge yet"));
        }
        Ok(subjects)
    }

    fn of_run(args: &Args, run: RunRow, registry: &Registry) -> Result<Self, Failure> {
        let weights = args.model.read(&run.id)?;
        let mut said = weights.said(None);
        said.keys.extend(judged_by(&run.config));
        let spec = args.model.spec_of(&said, &more(args), registry)?;
        let mut own = TrialSpec::from_config(&run.config)?.eval;
        let tasks = tasks_of(args, &own.tasks);
        // Which tasks are asked for, and what only reconstruction reads, is no difference.
        own.tasks.clone_from(&spec.eval.tasks);
        own.cross.clone_from(&spec.eval.cross);
        let own = own == spec.eval && args.data.is_none();
        let name = format!("run {} ({})", run.id, run.label);
        Self::new(name, Some(run), weights, spec, tasks, own)
    }

    fn of_weights(args: &Args, word: &str, registry: &Registry) -> Result<Self, Failure> {
        if !Path::new(word).exists() {
            return Err(Failure::usage(format!(
                "--weights {word} is not there: name a file of weights or a folder that holds one; runs are named without \
                 --weights"
            )));
        }
        let weights = args.model.read(word)?;
        let spec = args.model.spec_of(&weights.said(None), &more(args), registry)?;
        let tasks = tasks_of(args, &[]);
        Self::new(format!("weights {word}"), None, weights, spec, tasks, false)
    }

    fn new(
        name: String,
        run: Option<RunRow>,
        weights: Weights,
        spec: TrialSpec,
        tasks: Vec<EvalTask>,
        own: bool,
    ) -> Result<Self, Failure> {
        let set = Arc::new(ImageSet::open(&spec.data, spec.model.img_size)?);
        for task in &tasks {
            tasks::check(*task, &set).map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(Self {
            name,
            run,
            weights,
            spec,
            set,
            tasks,
            own,
        })
    }
}

/// Settings that `--data` makes.
fn more(args: &Args) -> Vec<String> {
    let folder = args.data.iter();
    folder
        .flat_map(|folder| ["data.kind=folder".into(), format!("data.path={}", folder.display())])
        .collect()
}

/// The tasks asked for, else those of the run; each once, in the order in which they run.
fn tasks_of(args: &Args, own: &[EvalTask]) -> Vec<EvalTask> {
    let named: Vec<EvalTask> = args.tasks.iter().filter_map(|task| task.of_encoder()).collect();
    let asked = if args.tasks.is_empty() { own } else { &named };
    let single = |task: &EvalTask| *task != EvalTask::Reconstruction;
    EvalTask::ALL.into_iter().filter(single).filter(|task| asked.contains(task)).collect()
}
