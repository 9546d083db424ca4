//! From a command's inputs to the trials of an experiment: layers are stacked, swept and validated.
//! The order of layers is decided here: defaults < base parts < `[set]` < environment < `--set` < the sweep's point.
//! It must not read the environment or the clock, and must not run anything.

use std::collections::BTreeMap;

use figment::Figment;
use mae_strategies::Registry;
use serde_json::{Map, Value};

use super::axes::{self, Axis, Point, Seeds, Swept};
use super::common::common;
use super::error::SpecError;
use super::file::{self, Source};
use super::layer::{Layer, Origin, merged};
use super::overrides::Overrides;
use super::parts::{self, Library, stack};
use super::render::render;
use super::resolve::{resolve, section};
use super::schema::Schema;
use super::trial::{ModelSpec, TrialSpec};
use super::validate::{check, check_model};

/// What a command was asked to run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// One experiment file, one flat YAML file, or any number of parts (names or files).
    pub inputs: Vec<String>,
    /// `--set` values, as `key=value`.
    pub sets: Vec<String>,
    /// The environment; only variables that begin with `MAE_EXP_` are looked at.
    pub env: Vec<(String, String)>,
}

/// An experiment, resolved into trials.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Name: of the sweep, and of its folder under `reports/`.
    pub name: String,
    /// What is asked.
    pub question: String,
    /// What is expected.
    pub expect: String,
    /// What it costs to run.
    pub cost: String,
    /// What was seen.
    pub analysis: String,
    /// The inputs it was read from.
    pub file: String,
    /// What is swept, outermost first; `seed` last where seeds are swept.
    pub axes: Vec<Axis>,
    /// What a sweep is known by: the configuration beneath its points, nested by section, less the seed and every key
    /// that the sweep may decide. A part among the swept values takes out the whole of every section that it sets.
    /// Adding values to an axis, cases of the same keys or seeds leaves it as it is.
    pub common: Value,
    /// Every point, in order.
    pub trials: Vec<Trial>,
    /// What is allowed and probably not meant, one line each.
    pub warnings: Vec<String>,
}

/// One point of an experiment.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Place in the experiment, from 0.
    pub position: usize,
    /// What runs.
    pub spec: TrialSpec,
    /// The same, nested by section, with only those strategy parameters that were given.
    pub config: Value,
    /// Where each dotted key comes from.
    pub origins: BTreeMap<String, String>,
    /// The swept keys and their values, without the seed.
    pub point: Map<String, Value>,
    /// For people: `mask.ratio=0.75 seed=1`.
    pub label: String,
}

/// Reads, resolves and validates an experiment.
///
/// # Errors
/// The first mistake, as one line that names the thing, where it stands and its cure.
pub fn load(request: &Request, registry: &Registry) -> Result<Experiment, SpecError> {
    let schema = Schema::new(registry);
    let source = file::gather(&request.inputs, &schema)?;
    let overrides = Overrides::read(&request.env, &request.sets, &source.library, &schema)?;
    let base = stack(Figment::new().merge(parts::defaults(&schema)?), &source.layers);
    let base = stack(base, &overrides.layers);
    let swept = axes::axes(&source, &schema)?;
    let (seeds, place) = seeds(&source, &overrides)?;
    axes::limit(&swept, &seeds)?;
    let common = common(&base, &swept)?;
    let mut trials = Vec::new();
    for point in axes::points(&swept) {
        let figment = stack(base.clone(), &point.layers);
        let first = merged(&figment)?["seed"].as_u64().unwrap_or_default();
        for seed in seeds.from(first)? {
            let figment = match &place {
                Some(origin) => {
                    figment
                        .clone()
                        .merge(Layer::new(vec![("seed".into(), seed.into())], origin.clone(), &schema)?)
                }
                None => figment.clone(),
            };
            trials.push(trial(trials.len(), &figment, &point, registry)?);
        }
    }
    let warnings = warnings(&source, &overrides, &swept, &seeds, &trials);
    let axes = swept
        .into_iter()
        .map(|swept| swept.axis)
        .chain(seed_axis(&seeds, &trials))
        .collect();
    let Source {
        name,
        question,
        expect,
        cost,
        analysis,
        file,
        ..
    } = source;
    Ok(Experiment {
        name,
        question,
        expect,
        cost,
        analysis,
        file,
        axes,
        common,
        trials,
        warnings,
    })
}

/// The network of a part (`base`, `model/base`) or of a file that holds one.
///
/// # Errors
/// An unknown part, or a network that cannot be built.
pub fn model_part(name: &str) -> Result<ModelSpec, SpecError> {
    let schema = Schema::new(&Registry::builtin());
    let layers = if name.contains('/') || name.contains('.') {
        file::gather(&[name.to_owned()], &schema)?.layers
    } else {
        vec![Library::beside(None).section("model", name, "the models", &schema)?]
    };
    let figment = stack(Figment::new().merge(parts::defaults(&schema)?), &layers);
    let (config, origins) = resolve(&figment)?;
    let model = section(&config, "model")?;
    check_model(&model).map_err(|message| render(&message, &config, &origins))?;
    Ok(model)
}

fn trial(position: usize, figment: &Figment, point: &Point, registry: &Registry) -> Result<Trial, SpecError> {
    let (config, origins) = resolve(figment)?;
    let spec = TrialSpec::from_config(&config)?;
    check(&spec, registry).map_err(|message| render(&message, &config, &origins))?;
    let point = point.values.clone();
    let label = point
        .iter()
        .map(|(key, value)| format!("{key}={} ", plain(value)))
        .collect::<String>();
    let label = format!("{label}seed={}", spec.seed);
    let origins = origins.into_iter().map(|(key, origin)| (key, origin.name)).collect();
    Ok(Trial {
        position,
        spec,
        config,
        origins,
        point,
        label,
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The seeds to run and where they were asked for; the last word is `--set seeds`, then the environment's.
fn seeds(source: &Source, overrides: &Overrides) -> Result<(Seeds, Option<Origin>), SpecError> {
    if let Some((value, origin)) = &overrides.seeds {
        return Ok((Seeds::read(value, &origin.place)?, Some(origin.clone())));
    }
    let given: Vec<_> = source
        .sweep
        .iter()
        .filter(|(key, _)| key == "seeds" || key == "seed")
        .collect();
    let file = &source.sweep_file;
    match given[..] {
        [] => Ok((Seeds::One, None)),
        [(_, value)] => Ok((Seeds::read(value, file)?, Some(Origin::sweep_section(file)))),
        _ => Err(SpecError::Invalid(format!(
            "[sweep] in {file} gives both seed and seeds: keep seeds"
        ))),
    }
}

fn seed_axis(seeds: &Seeds, trials: &[Trial]) -> Option<Axis> {
    let mut values = Vec::new();
    for trial in trials.iter().filter(|_| *seeds != Seeds::One) {
        let seed = Value::from(trial.spec.seed);
        if !values.contains(&seed) {
            values.push(seed);
        }
    }
    (!values.is_empty()).then(|| Axis {
        key: "seed".into(),
        values,
    })
}

fn warnings(source: &Source, overrides: &Overrides, swept: &[Swept], seeds: &Seeds, trials: &[Trial]) -> Vec<String> {
    let mut warnings = Vec::new();
    let from_set = source
        .layers
        .iter()
        .filter(|layer| layer.origin.name.ends_with(" [set]"));
    for layer in from_set.chain(&overrides.layers) {
        for key in layer.keys() {
            let listed = key == "seed" && matches!(seeds, Seeds::List(_));
            let swept = swept
                .iter()
                .find(|swept| swept.keys().any(|swept| swept == key))
                .map(|swept| swept.axis.key.as_str());
            if let Some(axis) = swept.or(listed.then_some("seeds")) {
                let (origin, file) = (&layer.origin.name, &source.sweep_file);
                warnings.push(format!("{key} from {origin} has no effect: {file} sweeps {axis}"));
            }
        }
    }
    if let Some(trial) = trials
        .iter()
        .find(|trial| trial.spec.train.warmup_epochs >= trial.spec.train.epochs as f64)
    {
        let (warmup, epochs) = (trial.spec.train.warmup_epochs, trial.spec.train.epochs);
        warnings.push(format!(
            "train.warmup_epochs = {warmup} is not below train.epochs = {epochs}: the learning rate ends before its peak"
        ));
    }
    warnings
}
