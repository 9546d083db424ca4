//! From a command's inputs to the trials of an experiment: layers are stacked, swept and validated.
//! The order of layers is decided here: defaults < base parts < `[set]` < environment < `--set` < the sweep's point.
//! It must not read the environment or the clock, and must not run anything.

use std::collections::{BTreeMap, HashMap};

use figment::Figment;
use mae_strategies::Registry;
use serde_json::{Map, Value};

use super::axes::{Axes, Axis};
use super::common::common;
use super::error::SpecError;
use super::figures;
use super::file::{self, Source};
use super::grid::Grid;
use super::layer::{Layer, Origin, merged};
use super::limits::{Budget, EarlyStop};
use super::nested::Block;
use super::overrides::Overrides;
use super::parts::{self, Library, stack};
use super::points::{Point, limit};
use super::render::render;
use super::resolve::{resolve, section};
use super::schema::Schema;
use super::scripts;
use super::seeds::Seeds;
use super::trial::{ModelSpec, TrialSpec};
use super::validate::{check, check_model};
use super::warnings;

/// The key of a point that tells nested sweeps apart.
const NESTED: &str = "sweep";

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
    /// The swept value or point that the report compares the others with; empty where the experiment names none.
    pub baseline: String,
    /// The figure that the experiment is about, by its name in the store; empty where it names none.
    pub objective: String,
    /// The inputs it was read from.
    pub file: String,
    /// What is swept, outermost first; `seed` last where seeds are swept. Drawn keys count as outermost, wherever they stand.
    pub axes: Vec<Axis>,
    /// How much of it may be run.
    pub budget: Budget,
    /// When a trial is given up; `None`: never.
    pub early_stop: Option<EarlyStop>,
    /// What a sweep is known by: the configuration beneath its points, nested by section, less the seed and every key
    /// that the sweep may decide, fixed values of nested sweeps included. A part among the swept values takes out the whole
    /// of every section that it sets. Adding values to an axis, draws, cases of the same keys or seeds leaves it as it is.
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
    let bottom = stack(Figment::new().merge(parts::defaults(&schema)?), &source.layers);
    let read = |block: &Block| Grid::read(&block.sweep, &source.sweep_file, &source.library, &schema);
    let grids: Vec<Grid> = source.blocks.iter().map(read).collect::<Result<_, _>>()?;
    let common = common(&stack(bottom.clone(), &overrides.layers), &source.blocks, &grids)?;
    let mut trials = Trials::default();
    let mut axes = Axes::default();
    for (block, grid) in source.blocks.iter().zip(&grids) {
        let base = stack(stack(bottom.clone(), &block.set), &overrides.layers);
        trials.add(block, grid, &base, &overrides, &schema, registry)?;
        let name = block.name.as_deref().map(Value::from);
        name.iter().for_each(|name| axes.add(NESTED, name));
    }
    grids.iter().for_each(|grid| axes.grid(grid));
    let Trials {
        trials,
        seeds,
        warnings,
        ..
    } = trials.finished();
    let warnings = [
        source.warnings.clone(),
        warnings,
        warnings::all(&source, &overrides, &grids, &seeds, &trials),
    ]
    .concat();
    let mut axes = axes.of(trials.iter().flat_map(|trial| &trial.point));
    axes.extend(seed_axis(&seeds, &trials));
    let Source {
        name,
        question,
        expect,
        cost,
        analysis,
        baseline,
        objective,
        file,
        budget,
        early_stop,
        ..
    } = source;
    figures::objective(&objective, &file, &trials)?;
    if let Some(stop) = &early_stop {
        figures::taken("early_stop.metric", &stop.metric, &file, &trials, false)?;
    }
    Ok(Experiment {
        name,
        question,
        expect,
        cost,
        analysis,
        baseline,
        objective,
        file,
        axes,
        budget,
        early_stop,
        common,
        trials,
        warnings,
    })
}

/// The trials of an experiment, as they are made.
#[derive(Default)]
struct Trials {
    trials: Vec<Trial>,
    /// How the seeds of each sweep are given.
    seeds: Vec<Seeds>,
    /// Place of each configuration.
    known: HashMap<String, usize>,
    /// How many repeated an earlier one, and the labels of the first that did and of what it repeats.
    repeated: Option<(usize, String, String)>,
    warnings: Vec<String>,
}

impl Trials {
    /// Adds the trials of one sweep above `base`.
    fn add(
        &mut self,
        block: &Block,
        grid: &Grid,
        base: &Figment,
        overrides: &Overrides,
        schema: &Schema,
        registry: &Registry,
    ) -> Result<(), SpecError> {
        let (seeds, place) = seeds(grid, overrides)?;
        let (points, warnings) = grid.points(seeds.len())?;
        limit(self.trials.len() + points.len().saturating_mul(seeds.len()))?;
        self.warnings.extend(warnings);
        for mut point in points {
            if let Some(name) = &block.name {
                point.values.shift_insert(0, NESTED.into(), name.as_str().into());
            }
            let figment = stack(base.clone(), &point.layers);
            let first = merged(&figment)?["seed"].as_u64().unwrap_or_default();
            for seed in seeds.from(first)? {
                let figment = match &place {
                    Some(origin) => {
                        let layer = Layer::new(vec![("seed".into(), seed.into())], origin.clone(), schema)?;
                        figment.clone().merge(layer)
                    }
                    None => figment.clone(),
                };
                self.push(trial(self.trials.len(), &figment, &point, registry)?);
            }
        }
        self.seeds.push(seeds);
        Ok(())
    }

    /// Keeps a trial unless one before it has the same configuration.
    fn push(&mut self, trial: Trial) {
        let known = *self.known.entry(trial.config.to_string()).or_insert(trial.position);
        if known == trial.position {
            self.trials.push(trial);
            return;
        }
        let first = || (0, trial.label.clone(), self.trials[known].label.clone());
        let (count, ..) = self.repeated.get_or_insert_with(first);
        *count += 1;
    }

    fn finished(mut self) -> Self {
        self.warnings.extend(self.repeated.take().map(|(count, label, of)| {
            let are = match count {
                1 => "1 trial is configured as an earlier one and is".into(),
                count => format!("{count} trials are configured as earlier ones and are"),
            };
            format!("{are} left out: {label} is {of}")
        }));
        self
    }
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
    let (mut config, mut origins) = resolve(figment)?;
    scripts::embed(&mut config, &mut origins)?;
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
fn seeds(grid: &Grid, overrides: &Overrides) -> Result<(Seeds, Option<Origin>), SpecError> {
    if let Some((value, origin)) = &overrides.seeds {
        return Ok((Seeds::read(value, &origin.place)?, Some(origin.clone())));
    }
    Ok(match &grid.seeds {
        Some(seeds) => (seeds.clone(), Some(Origin::sweep_section(&grid.file))),
        None => (Seeds::One, None),
    })
}

fn seed_axis(seeds: &[Seeds], trials: &[Trial]) -> Option<Axis> {
    let swept = seeds.iter().any(|seeds| *seeds != Seeds::One);
    let mut values = Vec::new();
    for trial in trials.iter().filter(|_| swept) {
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
