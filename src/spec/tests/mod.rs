//! The module as its users see it: files in, trials or one line of error out.

mod bounds;
mod columns;
mod common;
mod conditions;
mod errors;
mod grown;
mod layers;
mod limits;
mod masks;
mod nested;
mod search;
mod shipped;
mod sweeps;

use mae_strategies::Registry;
use tempfile::TempDir;

use super::{Experiment, Request, SpecError, load};

/// A folder of experiment files.
struct Bench(TempDir);

impl Bench {
    fn new(experiment: &str) -> Self {
        let bench = Self(TempDir::new().unwrap());
        bench.write("x.toml", experiment);
        bench
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn load_with(&self, sets: &[&str], env: &[(&str, &str)]) -> Result<Experiment, SpecError> {
        request(&[&self.path("x.toml")], sets, env)
    }

    fn load(&self) -> Experiment {
        self.load_with(&[], &[]).unwrap()
    }

    /// The error of loading, with the folder cut off its paths.
    fn error(&self, sets: &[&str], env: &[(&str, &str)]) -> String {
        let error = self.load_with(sets, env).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn request(inputs: &[&str], sets: &[&str], env: &[(&str, &str)]) -> Result<Experiment, SpecError> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(
        &Request {
            inputs: owned(inputs),
            sets: owned(sets),
            env,
        },
        &Registry::builtin(),
    )
}

fn error_of(experiment: &str) -> String {
    Bench::new(experiment).error(&[], &[])
}

fn labels(experiment: &Experiment) -> Vec<&str> {
    experiment.trials.iter().map(|trial| trial.label.as_str()).collect()
}

const NANO: &str = "base = [\"model/nano\", \"data/synthetic\", \"train/quick\"]\n";
