//! What `eval` judges: the weights of a run or of a file, the configuration that they are judged under, and the pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mae_strategies::Registry;

use super::Args;
use crate::cli::failure::Failure;
use crate::cli::outside;
use crate::cli::weights::say;
use crate::data::ImageSet;
use crate::eval::cross::Cross;
use crate::eval::tasks;
use crate::model::weights::Weights;
use crate::model::weights::build::build;
use crate::model::{Device, Mae};
use crate::spec::trial::{EvalTask, ModelSpec};
use crate::spec::{CROSS, Freeze, TrialSpec, judged_by, late_warmups};
use crate::store::rows::{RunRow, Status};

/// One encoder to be judged.
pub(super) struct Subject {
    /// For people.
    pub(super) name: String,
    /// The run, where it is one.
    pub(super) run: Option<RunRow>,
    /// Where the weights lie.
    pub(super) path: PathBuf,
    weights: Option<Weights>,
    pub(super) spec: TrialSpec,
    pub(super) set: Arc<ImageSet>,
    /// In the order in which they run.
    pub(super) tasks: Vec<EvalTask>,
    /// Whether pictures and settings are those of the run itself.
    pub(super) own: bool,
    /// When its weights began to be read: what is found is of no later ones.
    pub(super) begun: String,
}

/// What the arguments name.
pub(super) enum Which {
    Run(Box<RunRow>),
    Weights(String),
}

impl Which {
    /// All of them; of a sweep, the finished runs.
    pub(super) fn all(args: &Args) -> Result<Vec<Self>, Failure> {
        if let Some(weights) = &args.weights {
            return Ok(vec![Self::Weights(weights.clone())]);
        }
        let store = args.model.store.existing()?;
        let mut all = Vec::new();
        for word in &args.runs {
            let ids = store.choose(std::slice::from_ref(word))?.ids();
            let alone = ids.len() == 1;
            for id in ids {
                let run = store.run(&id)?;
                let run = run.filter(|run| run.status == Status::Finished || alone);
                all.extend(run.map(|run| Self::Run(Box::new(run))));
            }
        }
        if all.is_empty() {
            return Err(Failure::usage(
                "none of these runs is finished, so there is nothing to judge yet",
            ));
        }
        Ok(all)
    }
}

/// The pictures of the subject before, for one that is judged on the same.
#[derive(Default)]
pub(super) struct Pictures(Option<(String, Arc<ImageSet>)>);

impl Pictures {
    fn of(&mut self, spec: &TrialSpec) -> Result<Arc<ImageSet>, Failure> {
        let key = serde_json::json!([spec.data, spec.model.img_size]).to_string();
        if let Some((_, set)) = self.0.as_ref().filter(|(known, _)| *known == key) {
            return Ok(set.clone());
        }
        let set = Arc::new(ImageSet::open(&spec.data, spec.model.img_size)?);
        self.0 = Some((key, set.clone()));
        Ok(set)
    }
}

impl Subject {
    /// Everything about one subject but its model: mistakes are told before anything is computed.
    pub(super) fn of(args: &Args, which: Which, pictures: &mut Pictures, registry: &Registry) -> Result<Self, Failure> {
        let mut subject = match which {
            Which::Run(run) => Self::of_run(args, *run, pictures, registry)?,
            Which::Weights(word) => Self::of_weights(args, &word, pictures, registry)?,
        };
        if subject.tasks.is_empty() {
            subject.tasks.push(EvalTask::Knn);
        }
        for task in &subject.tasks {
            tasks::check_with(*task, &subject.spec, &subject.set).map_err(|error| Failure::usage(error.to_string()))?;
        }
        let whole = subject.weights.as_ref().is_none_or(Weights::has_decoder);
        if subject.tasks.contains(&EvalTask::Reconstruction) && !whole {
            return Err(Failure::usage(format!(
                "weights {} have no decoder, so nothing can be reconstructed: name weights of the whole model, or leave the \
                 task out",
                subject.path.display()
            )));
        }
        say(&tasks::notes(&subject.tasks, &subject.set));
        for late in late_warmups(&subject.spec.eval, &subject.tasks) {
            eprintln!("warning: {late}");
        }
        Ok(subject)
    }

    fn of_run(args: &Args, run: RunRow, pictures: &mut Pictures, registry: &Registry) -> Result<Self, Failure> {
        let begun = outside::now();
        let weights = args.model.read(&run.id)?;
        let mut said = weights.said(None);
        said.keys.extend(judged_by(&run.config));
        let mut spec = args.model.spec_of(&said, &more(args), registry)?;
        let recorded = TrialSpec::from_config(&run.config)?;
        let tasks = tasks_of(args, &recorded.eval.tasks);
        if spec.eval.cross.is_empty() && !args.model.sets(CROSS) && tasks.contains(&EvalTask::Reconstruction) {
            // As they are recorded, with the texts of scripts: the files may be gone.
            spec.eval.cross.clone_from(&recorded.eval.cross);
            Cross::new(&spec, registry).map_err(|error| {
                Failure::usage(format!(
                    "run {} has columns in {CROSS} that do not go with these settings: {error}; name others with \
                     --set '{CROSS}=[\"random\"]', or none with --set '{CROSS}=[]'",
                    run.id
                ))
            })?;
        }
        let set = pictures.of(&spec)?;
        let own = is_own(&run, recorded, &spec, &set);
        let name = format!("run {} ({})", run.id, run.label);
        Ok(Self {
            name,
            run: Some(run),
            path: weights.path.clone(),
            weights: Some(weights),
            set,
            spec,
            tasks,
            own,
            begun,
        })
    }

    fn of_weights(args: &Args, word: &str, pictures: &mut Pictures, registry: &Registry) -> Result<Self, Failure> {
        if !Path::new(word).exists() {
            return Err(Failure::usage(format!(
                "--weights {word} is not there: name a file of weights or a folder that holds one; runs are named without \
                 --weights"
            )));
        }
        let begun = outside::now();
        let weights = args.model.read(word)?;
        let spec = args.model.spec_of(&weights.said(None), &more(args), registry)?;
        Ok(Self {
            name: format!("weights {word}"),
            run: None,
            path: weights.path.clone(),
            weights: Some(weights),
            set: pictures.of(&spec)?,
            spec,
            tasks: tasks_of(args, &[]),
            own: false,
            begun,
        })
    }

    /// The model of the weights, once.
    pub(super) fn model(&mut self, device: &Device) -> Result<Mae, Failure> {
        let weights = self.weights.take().expect("a subject is judged once");
        let (model, notes) = build(weights, &self.spec.model, self.spec.seed, device)?;
        say(&notes);
        Ok(model)
    }
}

/// Whether figures are the run's own: of its last weights, on its pictures, under its settings. Which tasks are asked for, what
/// only reconstruction under other masks reads, what is drawn, and how much is computed at once, is no difference.
fn is_own(run: &RunRow, mut recorded: TrialSpec, spec: &TrialSpec, set: &ImageSet) -> bool {
    let eval = &mut recorded.eval;
    eval.tasks.clone_from(&spec.eval.tasks);
    eval.cross.clone_from(&spec.eval.cross);
    eval.pictures = spec.eval.pictures;
    eval.picture_every = spec.eval.picture_every;
    eval.batch_size = spec.eval.batch_size;
    recorded.data.workers = spec.data.workers;
    let inputs = run.environment["inputs"].as_str().unwrap_or_default();
    run.status == Status::Finished
        && (&recorded.eval, &recorded.data, recorded.seed) == (&spec.eval, &spec.data, spec.seed)
        && as_it_stands(&recorded.model) == as_it_stands(&spec.model)
        && inputs.starts_with(set.digest())
}

/// What weights tell of a model, and the widths inside its MLPs: not which of its blocks are extra ones, what it started from and
/// what was left as it was.
fn as_it_stands(model: &ModelSpec) -> (ModelSpec, [usize; 2]) {
    let widths = [model.embed_dim, model.decoder_embed_dim].map(|width| model.mlp_width(width));
    let plain = ModelSpec {
        variant: String::new(),
        encoder_depth: model.blocks(),
        extra_blocks: 0,
        mlp_ratio: 0.0,
        init: None,
        freeze: Freeze::default(),
        ..model.clone()
    };
    (plain, widths)
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
    // A run that was judged by reconstruction has all its figures already.
    let single = |task: &EvalTask| *task != EvalTask::Reconstruction || !args.tasks.is_empty();
    EvalTask::ALL
        .into_iter()
        .filter(single)
        .filter(|task| asked.contains(task))
        .collect()
}
