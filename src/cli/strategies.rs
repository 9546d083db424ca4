//! `mae-exp strategies list|show|preview|check`: the catalogue of masks.

use std::collections::BTreeMap;

use mae_strategies::{Error, Grid, Mask, MaskingStrategy, Plan, Registry, Sight, Value};
use serde_json::{Value as Json, json};

use crate::seed::{Purpose, rng};
use crate::spec::script_text;

use super::failure::Failure;
use super::{strategies_check, table};

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
    /// Draw masks as text: # hidden, . visible
    Preview(Preview),
    /// Test a script of one's own
    Check(strategies_check::Args),
}

/// Arguments of `strategies preview`.
#[derive(Debug, clap::Args)]
struct Preview {
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
    /// Masks of each strategy.
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// Set a parameter of the strategy, such as `block_ratio=0.3`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, registry: &Registry) -> Result<(), Failure> {
    match args.command {
        None => list(registry, args.json),
        Some(Command::List { json }) => list(registry, json || args.json),
        Some(Command::Show { name, json }) => show(registry.get(&name)?, json || args.json),
        Some(Command::Preview(preview)) => self::preview(&preview, registry, args.json || preview.json),
        Some(Command::Check(check)) => strategies_check::run(&check, registry, args.json),
    }
}

fn list(registry: &Registry, json: bool) -> Result<(), Failure> {
    if json {
        return table::json(&json!({ "strategies": registry.iter().map(describe).collect::<Vec<_>>() }));
    }
    let row = |s: &'static dyn MaskingStrategy| vec![s.id().to_string(), s.summary().to_string()];
    table::print(&["strategy", "hides"], &registry.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn describe(strategy: &'static dyn MaskingStrategy) -> Json {
    let param = |p: &mae_strategies::Param| {
        json!({
            "name": p.name,
            "kind": p.kind.to_string(),
            "default": p.default_value().map(|v| v.to_string()),
            "doc": p.doc,
        })
    };
    let params: Vec<Json> = strategy.params().iter().map(param).collect();
    json!({ "name": strategy.id(), "summary": strategy.summary(), "source": strategy.source(), "params": params })
}

fn show(strategy: &'static dyn MaskingStrategy, json: bool) -> Result<(), Failure> {
    if json {
        return table::json(&describe(strategy));
    }
    println!(
        "{}: {}\nsource: {}",
        strategy.id(),
        strategy.summary(),
        strategy.source()
    );
    if strategy.params().is_empty() {
        println!("no parameters of its own; mask.ratio sets the share of hidden patches");
        return Ok(());
    }
    println!();
    let row = |p: &mae_strategies::Param| {
        let default = p.default_value().map_or_else(|| "-".to_string(), |v| v.to_string());
        vec![p.name.to_string(), p.kind.to_string(), default, p.doc.to_string()]
    };
    table::print(
        &["parameter", "kind", "default", ""],
        &strategy.params().iter().map(row).collect::<Vec<_>>(),
    );
    Ok(())
}

fn preview(args: &Preview, registry: &Registry, json: bool) -> Result<(), Failure> {
    let params: BTreeMap<String, Value> = args.sets.iter().map(|set| param(set)).collect::<Result<_, _>>()?;
    let names: Vec<&str> = match args.names.as_slice() {
        [] => registry.names(),
        names => names.iter().map(String::as_str).collect(),
    };
    let mut documents = Vec::new();
    for name in names {
        let params = with_script(name, params.clone())?;
        let plan = registry.plan(name, args.grid, args.ratio, params)?;
        let masks = (0..args.samples).map(|i| sample(&plan, args.seed, i));
        let masks: Vec<Mask> = masks.collect::<Result<_, _>>()?;
        if json {
            documents.push(json!({
                "strategy": name,
                "grid": [args.grid.rows, args.grid.cols],
                "hidden": plan.hidden(),
                "masks": masks.iter().map(Mask::bits).collect::<Vec<_>>(),
            }));
            continue;
        }
        println!("{name}: {} of {} patches hidden", plan.hidden(), args.grid.len());
        for mask in masks {
            println!("{}", mask.ascii().trim_end());
            println!();
        }
    }
    match (json, documents.as_slice()) {
        (false, _) => Ok(()),
        (true, [one]) => table::json(one),
        (true, many) => table::json(&json!({ "previews": many })),
    }
}

/// A mask of a made-up picture, for strategies that look at it.
fn sample(plan: &Plan, seed: u64, index: usize) -> Result<Mask, Error> {
    let sight = Sight::made_up(plan.grid(), index as u32);
    plan.sample(&sight.context(), &mut rng(seed, Purpose::Mask, 0, index as u64))
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
