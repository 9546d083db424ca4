//! Weights on the command line: what names them, and the configuration that they are used under.

use std::path::{Path, PathBuf};

use mae_strategies::Registry;

use crate::model::weights::Weights;
use crate::spec::{Said, TrialSpec, for_weights};

use super::failure::Failure;
use super::options::{DeviceOption, SetOption, StoreOption, checkpoints};

/// How the user completes what weights say about their model.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ModelOption {
    /// Model that the weights are of, where they do not say it: a part such as base, or a file.
    #[arg(long = "model", value_name = "PART")]
    model: Option<String>,
    #[command(flatten)]
    sets: SetOption,
    #[command(flatten)]
    pub(super) store: StoreOption,
}

/// What every command that runs a model on weights takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunOption {
    /// Weights: a .pth or .safetensors file, a folder that holds one, or a run (id or latest).
    #[arg(long, value_name = "WEIGHTS")]
    pub(super) weights: String,
    #[command(flatten)]
    pub(super) model: ModelOption,
    #[command(flatten)]
    pub(super) device: DeviceOption,
    /// Print one JSON document.
    #[arg(long)]
    pub(super) json: bool,
}

impl ModelOption {
    /// Reads weights from a path, or from the newest checkpoint of a run: its id, a unique beginning of it, or `latest`.
    pub(super) fn read(&self, weights: &str) -> Result<Weights, Failure> {
        let path = Path::new(weights);
        let path = if path.exists() {
            path.to_path_buf()
        } else {
            self.checkpoint(weights).unwrap_or_else(|| path.to_path_buf())
        };
        let weights = Weights::read(&path)?;
        say(&weights.notes);
        Ok(weights)
    }

    fn checkpoint(&self, run: &str) -> Option<PathBuf> {
        if run.contains(['/', '.']) || !self.store.exists() {
            return None;
        }
        let store = self.store.existing().ok()?;
        let run = store.find_run(run).ok()?;
        Some(checkpoints(&store).join(run.id))
    }

    /// The configuration for work on these weights. `picture` is the height and width of pictures at hand, `more` are
    /// settings that the command makes itself.
    pub(super) fn spec(
        &self,
        weights: &Weights,
        picture: Option<[usize; 2]>,
        more: &[String],
        registry: &Registry,
    ) -> Result<TrialSpec, Failure> {
        self.spec_of(&weights.said(picture), more, registry)
    }

    /// Whether a key is set on the command line.
    pub(super) fn sets(&self, key: &str) -> bool {
        let mut named = self.sets.sets.iter().filter_map(|set| set.split_once('='));
        named.any(|(name, _)| name.trim() == key)
    }

    /// The same for what is said about weights already.
    pub(super) fn spec_of(&self, said: &Said, more: &[String], registry: &Registry) -> Result<TrialSpec, Failure> {
        let part = |name: &String| {
            if name.contains(['/', '.']) {
                name.clone()
            } else {
                format!("model/{name}")
            }
        };
        let mut request = self.sets.request(self.model.iter().map(part).collect());
        request.sets.extend(more.iter().cloned());
        Ok(for_weights(said, &request, registry)?)
    }
}

/// Notes for the user, on stderr.
pub(super) fn say(notes: &[String]) {
    for note in notes {
        eprintln!("note: {note}");
    }
}
