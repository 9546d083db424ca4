//! What trials are made from besides their configuration: pictures, weights to start from, marked regions. Each is opened
//! once for a sweep, and its digest is part of a trial's identity. Nothing is trained here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{ImageSet, Regions};
use crate::eval::perceptual::Perceptual;
use crate::eval::tasks;
use crate::model::weights::Weights;
use crate::model::weights::build::check_start;
use crate::spec::trial::ModelSpec;
use crate::spec::{self, Experiment, Freeze, TrialSpec};

use super::SweepError;
use super::plan::{Action, Planned};

/// Image sets of one sweep, each opened once: one for each `[data]` and input size, which decide how large its pictures are.
#[derive(Default)]
pub(super) struct Sets {
    open: HashMap<String, Arc<ImageSet>>,
}

impl Sets {
    pub(super) fn open(&mut self, spec: &TrialSpec) -> Result<Arc<ImageSet>, SweepError> {
        let (data, size) = (&spec.data, spec.model.img_size);
        let key = serde_json::to_string(&(data, size)).expect("a data section is plain data");
        if let Some(set) = self.open.get(&key) {
            return Ok(set.clone());
        }
        let set = Arc::new(ImageSet::open(data, size)?);
        self.open.insert(key, set.clone());
        Ok(set)
    }
}

/// What a trial starts from and looks at besides its pictures, as it was when it was planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Digest of the weights; `None` when the trial starts from its seed.
    pub digest: Option<String>,
    /// Digest of the marked regions that its masks follow; `None` when they follow none.
    pub regions: Option<String>,
    /// Digest of the network that pictures are compared by; `None` when the user gives none.
    pub lpips: Option<String>,
    /// What the user should know, one line each.
    pub notes: Vec<String>,
}

impl Start {
    /// Digest of all that a trial is made from besides its configuration: its pictures, these weights, these regions and this
    /// network.
    pub(super) fn inputs(&self, set: &ImageSet) -> String {
        let weights = self.digest.iter().map(|digest| format!(" {digest}"));
        let regions = self.regions.iter().map(|digest| format!(" regions-{digest}"));
        std::iter::once(set.digest().to_string())
            .chain(weights)
            .chain(regions)
            .chain(self.lpips.iter().map(|digest| format!(" lpips-{digest}")))
            .collect()
    }
}

/// Weights that trials of one sweep start from, read and checked once for each `[model]` section, and the digests of marked
/// regions, once for each path and set of pictures.
#[derive(Default)]
pub(super) struct Starts {
    known: HashMap<String, Start>,
    regions: HashMap<(String, String), String>,
    /// By path and network.
    networks: HashMap<(String, &'static str), String>,
}

impl Starts {
    /// What one trial starts from: weights must fit its model, each of its pictures must have its regions, a network for
    /// perceptual distance must be whole, and tasks must find their classes.
    pub(super) fn of(&mut self, spec: &TrialSpec, set: &ImageSet) -> Result<Start, SweepError> {
        tasks::check_all(spec, set)?;
        let mut start = Start {
            regions: self.regions(spec, set)?,
            lpips: self.network(spec)?,
            ..self.weights(spec)?
        };
        start.notes.extend(tasks::notes(&spec.eval.tasks, set));
        Ok(start)
    }

    fn regions(&mut self, spec: &TrialSpec, set: &ImageSet) -> Result<Option<String>, SweepError> {
        let Some(path) = spec.mask.regions_path() else {
            return Ok(None);
        };
        let key = (path.to_string(), set.digest().to_string());
        if let Some(digest) = self.regions.get(&key) {
            return Ok(Some(digest.clone()));
        }
        let digest = Regions::open(path, set, spec.model.grid())?.digest().to_string();
        self.regions.insert(key, digest.clone());
        Ok(Some(digest))
    }

    fn network(&mut self, spec: &TrialSpec) -> Result<Option<String>, SweepError> {
        let Some(path) = spec.eval.lpips_path() else {
            return Ok(None);
        };
        let key = (path.display().to_string(), spec.eval.lpips_net.name());
        if let Some(digest) = self.networks.get(&key) {
            return Ok(Some(digest.clone()));
        }
        let digest = Perceptual::digest_of(&spec.eval)?;
        self.networks.extend(digest.clone().map(|digest| (key, digest)));
        Ok(digest)
    }

    fn weights(&mut self, spec: &TrialSpec) -> Result<Start, SweepError> {
        let Some(path) = spec.model.init_path() else {
            return Ok(Start::default());
        };
        // What is held as it is makes no difference to what fits.
        let model = ModelSpec {
            freeze: Freeze::default(),
            ..spec.model.clone()
        };
        let key = serde_json::to_string(&model).expect("a model section is plain data");
        if let Some(start) = self.known.get(&key) {
            return Ok(start.clone());
        }
        let weights = Weights::read(path)?;
        let digest = Some(weights.digest.clone());
        let from = path.display();
        let notes = check_start(weights, &spec.model)?
            .into_iter()
            .map(|note| format!("model.init {from}: {note}"));
        let start = Start {
            digest,
            regions: None,
            lpips: None,
            notes: notes.collect(),
        };
        self.known.insert(key, start.clone());
        Ok(start)
    }

    /// Digests of the weights that all trials of an experiment start from, of the regions that all their masks follow and of
    /// the network that all are judged with; empty where there are none or they are swept.
    pub(super) fn common(&mut self, experiment: &Experiment, sets: &mut Sets) -> Result<String, SweepError> {
        let Some(first) = experiment.trials.first() else {
            return Ok(String::new());
        };
        let (common, mut digests) = (&experiment.common, Vec::new());
        if common["model"].get("init").is_some() {
            digests.extend(self.weights(&first.spec)?.digest);
        }
        let mask = &common["mask"];
        if mask["strategy"].is_string() && (mask["path"].is_string() || mask["file"]["path"].is_string()) {
            let set = sets.open(&first.spec)?;
            digests.extend(self.regions(&first.spec, &set)?);
        }
        if common["eval"].get("lpips_weights").is_some() {
            digests.extend(self.network(&first.spec)?);
        }
        Ok(digests.join(" "))
    }

    /// Whether a recorded run can go on with its pictures and weights as they are now; leaves it alone if not. A run that
    /// has a checkpoint does not need the weights themselves any more.
    pub(super) fn check(&mut self, planned: &mut Planned) {
        let same = |inputs: &str| spec::identity(&planned.row.config, inputs) == planned.row.identity;
        match self.of(&planned.spec, &planned.set) {
            Ok(start) => {
                planned.inputs = start.inputs(&planned.set);
                planned.start = start;
            }
            Err(error) => {
                let recorded = planned.row.environment["inputs"].as_str().unwrap_or_default();
                let regions = planned.spec.mask.regions_path().is_some();
                let resumes = matches!(planned.action, Action::Resume(_)) && !regions;
                if !resumes || !recorded.starts_with(planned.set.digest()) {
                    planned.action = Action::Skip(format!("{error}; put the file back"));
                    return;
                }
                planned.inputs = recorded.to_string();
            }
        }
        if !same(&planned.inputs) {
            let why = "its pictures, marked regions, the weights it starts from or the program have changed since; sweep its \
                       file again";
            planned.action = Action::Skip(why.into());
        }
    }
}
