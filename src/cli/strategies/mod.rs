//! `mae-exp strategies list|show|preview|stats|check`: the catalogue of masks.

mod check;
mod preview;
mod show;
pub(super) mod stats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mae_strategies::{Grid, MaskingStrategy, Plan, Registry, Value};
use serde_json::{Map, Value as Json};

use super::failure::Failure;
use super::{files, table};
use crate::catalogue::{self, Scene};
use crate::spec::script_text;

/// Arguments of `strategies`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all strategies
    List {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Describe one strategy: algorithm, source, parameters
    Show {
        /// Its name.
        name: String,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Draw masks as text (# hidden, . visible), or on a photograph with --out
    Preview(preview::Preview),
    /// Measure masks: distances, boundaries, regions, how often each patch is hidden, masks a second
    Stats(stats::Stats),
    /// Test a script of one's own
    Check(check::Args),
    /// Write the documentation of all strategies
    #[command(hide = true)]
    Docs {
        /// File to write; standard output when there is none.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    match args.command {
        None => show::list(registry, args.json),
        Some(Command::List { json }) => show::list(registry, json || args.json),
        Some(Command::Show { name, json }) => show::show(registry.get(&name)?, json || args.json),
        Some(Command::Preview(preview)) => preview::run(&preview, registry, args.json),
        Some(Command::Stats(stats)) => stats::run(&stats, registry, args.json),
        Some(Command::Check(check)) => check::run(&check, registry, args.json),
        Some(Command::Docs { out }) => docs(out.as_deref(), registry),
    }
}

fn docs(out: Option<&Path>, registry: &Registry) -> Result<(), Failure> {
    let page = catalogue::docs(registry).map_err(Failure::usage)?;
    match out {
        Some(path) => files::write(path, page.as_bytes()),
        None => {
            print!("{page}");
            Ok(())
        }
    }
}

/// Which strategies are asked for, and how their masks are drawn.
#[derive(Debug, clap::Args)]
struct Asked {
    /// Strategies; all when none is named.
    names: Vec<String>,
    /// Rows and columns of patches.
    #[arg(long, default_value = "14x14", value_name = "ROWSxCOLUMNS")]
    grid: Grid,
    /// Share of the patches hidden.
    #[arg(long, default_value_t = 0.75)]
    ratio: f64,
    /// Seed of the masks.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Share of a training that counts as done, for strategies that change over it.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", value_parser = share)]
    progress: f64,
    /// Set a parameter of the strategy, such as `block_ratio=0.3`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it is a share from 0 to 1".to_owned())
}

impl Asked {
    /// A plan for each strategy asked for. Where none is named, those that cannot be had with these parameters are left out,
    /// which is said.
    fn plans(&self, registry: &Registry) -> Result<Vec<Plan>, Failure> {
        let params = self
            .sets
            .iter()
            .map(|set| param(set))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let plan = |name: &str| -> Result<Plan, Failure> {
            let params = with_script(name, params.clone())?;
            Ok(registry.plan(name, self.grid, self.ratio, params)?)
        };
        if !self.names.is_empty() {
            let plans = self.names.iter().map(|name| plan(name));
            return plans.collect();
        }
        let (mut plans, mut refused) = (Vec::new(), Vec::new());
        for strategy in registry.iter().map(MaskingStrategy::id) {
            match plan(strategy) {
                Ok(plan) => plans.push(plan),
                Err(error) => refused.push((strategy, error)),
            }
        }
        if plans.is_empty()
            && let Some((_, error)) = refused.pop()
        {
            return Err(error);
        }
        for (strategy, error) in refused {
            eprintln!("left out {strategy}: {}", error.text().unwrap_or_default());
        }
        Ok(plans)
    }

    /// The photograph, where a plan needs to know of a picture.
    fn scene(&self, plans: &[Plan]) -> Result<Option<Scene>, Failure> {
        let needed = plans.iter().any(|plan| plan.needs() != Default::default());
        if needed { self.photograph().map(Some) } else { Ok(None) }
    }

    fn photograph(&self) -> Result<Scene, Failure> {
        Scene::new(self.grid).map_err(Failure::usage)
    }

    /// How masks are drawn, in words.
    fn how(&self, samples: usize) -> String {
        let Self { grid, ratio, seed, .. } = self;
        let sets: String = self.sets.iter().map(|set| format!(", {set}")).collect();
        format!("{samples} masks of each strategy on {grid} patches, ratio {ratio}, seed {seed}{sets}.")
    }
}

/// Prints one JSON document: a list under `key`, whatever its length. Of one strategy the keys stand at the top as well, so that
/// they can be read without the list.
fn listed(key: &str, documents: Vec<Json>) -> Result<(), Failure> {
    let mut top = match documents.as_slice() {
        [Json::Object(one)] => one.clone(),
        _ => Map::new(),
    };
    top.insert(key.into(), documents.into());
    table::json(&top.into())
}

/// What a drawing is written as.
enum Format {
    Svg,
    Html,
}

/// The format that a file's name asks for, when it can be written there.
fn format(out: &Path) -> Result<Format, Failure> {
    let format = match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Format::Svg,
        Some("html" | "htm") => Format::Html,
        _ => {
            let out = out.display();
            return Err(Failure::usage(format!(
                "cannot tell what to draw from --out {out}: end it in .svg or .html"
            )));
        }
    };
    files::check_output(out, &[]).map(|()| format)
}

/// Puts the text of a script beside its path, as it is done for experiments.
fn with_script(strategy: &str, mut params: BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Failure> {
    let prefix = match strategy {
        "script" => "",
        "mixture" => "script.",
        _ => return Ok(params),
    };
    let (path, source) = (format!("{prefix}path"), format!("{prefix}source"));
    if let Some(Value::Text(file)) = params.get(&path).filter(|_| !params.contains_key(&source)) {
        let wrong = |problem| Failure::usage(format!("mask.{path} = {file:?} {problem}"));
        let text = script_text(file).map_err(wrong)?;
        params.insert(source, text.into());
    }
    Ok(params)
}

/// `key=value`, the value as TOML would read it, else text; `mask.` before the key is accepted.
fn param(set: &str) -> Result<(String, Value), Failure> {
    let Some((key, value)) = set.split_once('=') else {
        return Err(Failure::usage(format!(
            "--set {set} has no value: write --set key=value"
        )));
    };
    let key = key.trim().trim_start_matches("mask.").to_string();
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut t| t.remove("value"));
    // What is not TOML is text.
    let value = parsed
        .and_then(from_toml)
        .unwrap_or_else(|| Value::Text(value.to_string()));
    Ok((key, value))
}

fn from_toml(value: toml::Value) -> Option<Value> {
    match value {
        toml::Value::Boolean(v) => Some(Value::Bool(v)),
        toml::Value::Integer(v) => Some(Value::Int(v)),
        toml::Value::Float(v) => Some(Value::Float(v)),
        toml::Value::String(v) => Some(Value::Text(v)),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect::<Option<_>>().map(Value::List),
        _ => None,
    }
}
