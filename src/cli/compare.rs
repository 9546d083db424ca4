//! `mae-exp compare RUN RUN…`: what differs between runs: configuration, environment, metrics.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::store::rows::RunRow;
use crate::store::{LastMetrics, Store};

use super::failure::Failure;
use super::options::StoreOption;
use super::{config, runs, show, table};

/// Keys of the environment that differ between any two processes and mean nothing.
const IDLE: [&str; 4] = ["memory_kills", "pid", "process_started", "process_ticks"];

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Runs: id, unique prefix of an id, or latest.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    which: Vec<String>,
    /// Show what is equal, too.
    #[arg(long)]
    all: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

/// One key and its value in every run; nothing where a run has none.
struct Line {
    key: String,
    values: Vec<Option<Json>>,
}

impl Line {
    fn is_equal(&self) -> bool {
        self.values.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn cells(&self) -> Vec<String> {
        let cell = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".into(), show::text);
        self.values.iter().map(cell).collect()
    }
}

/// What is compared.
struct Comparison {
    runs: Vec<RunRow>,
    config: Vec<Line>,
    environment: Vec<Line>,
    metrics: Vec<Line>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let store = args.store.existing()?;
    let mut comparison = gather(&store, &args.which)?;
    if !args.all {
        comparison.keep_different();
    }
    if args.json {
        return table::json(&comparison.document());
    }
    comparison.print(args.all);
    Ok(())
}

fn gather(store: &Store, which: &[String]) -> Result<Comparison, Failure> {
    let runs: Vec<RunRow> = which
        .iter()
        .map(|word| store.find_run(word))
        .collect::<Result<_, _>>()?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    if ids.windows(2).all(|pair| pair[0] == pair[1]) {
        let twice = format!("all of these are run {}: name two runs to compare", ids[0]);
        return Err(Failure::usage(twice));
    }
    let last = store.last_metrics(&ids)?;
    let environment = |run: &RunRow| -> Vec<(String, Json)> {
        let entries = run.environment.as_object().into_iter().flatten();
        let told = entries.filter(|(key, _)| !IDLE.contains(&key.as_str()));
        told.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    Ok(Comparison {
        config: lines(runs.iter().map(|run| config::leaves(&run.config))),
        environment: lines(runs.iter().map(environment)),
        metrics: lines(ids.iter().map(|id| measured(&last, id))),
        runs,
    })
}

fn measured(last: &LastMetrics, run: &str) -> Vec<(String, Json)> {
    let metrics = last.get(run).into_iter().flatten();
    metrics
        .map(|(name, value)| (name.clone(), runs::number(*value)))
        .collect()
}

/// Keys in the order of the first run that has them, each with its value in every run.
fn lines(runs: impl Iterator<Item = Vec<(String, Json)>>) -> Vec<Line> {
    let runs: Vec<Vec<(String, Json)>> = runs.collect();
    let mut lines: Vec<Line> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (i, entries) in runs.iter().enumerate() {
        for (key, value) in entries {
            let place = *places.entry(key.clone()).or_insert_with(|| {
                let (key, values) = (key.clone(), vec![None; runs.len()]);
                lines.push(Line { key, values });
                lines.len() - 1
            });
            lines[place].values[i] = Some(value.clone());
        }
    }
    lines
}

impl Comparison {
    fn keep_different(&mut self) {
        for lines in [&mut self.config, &mut self.environment, &mut self.metrics] {
            lines.retain(|line| !line.is_equal());
        }
    }

    /// Where each run has the value of a key from.
    fn origins(&self, key: &str) -> Vec<Json> {
        self.runs.iter().map(|run| run.origins[key].clone()).collect()
    }

    fn document(&self) -> Json {
        let plain = |line: &Line| json!({ "key": line.key, "values": line.values });
        let with_origins =
            |line: &Line| json!({ "key": line.key, "values": line.values, "origins": self.origins(&line.key) });
        let with_differences =
            |line: &Line| json!({ "name": line.key, "values": line.values, "differences": differences(line) });
        let about =
            |run: &RunRow| json!({ "id": run.id, "sweep": run.sweep, "label": run.label, "status": run.status });
        json!({
            "runs": self.runs.iter().map(about).collect::<Vec<_>>(),
            "config": self.config.iter().map(with_origins).collect::<Vec<_>>(),
            "environment": self.environment.iter().map(plain).collect::<Vec<_>>(),
            "metrics": self.metrics.iter().map(with_differences).collect::<Vec<_>>(),
        })
    }

    fn print(&self, all: bool) {
        for run in &self.runs {
            println!("{}  {}  {}  {}", run.id, run.sweep, run.label, run.status);
        }
        let ids: Vec<&str> = self.runs.iter().map(|run| run.id.as_str()).collect();
        let names = |first: &'static str, last: &[&'static str]| {
            let mut names = vec![first];
            names.extend(&ids);
            names.extend(last);
            names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        let config = self.config.iter().map(|line| line.row([self.origin(&line.key)]));
        section("configuration", &names("key", &["origin"]), config.collect(), all);
        let environment = self.environment.iter().map(|line| line.row([]));
        section("environment", &names("key", &[]), environment.collect(), all);
        let metrics = self.metrics.iter().map(Line::measured);
        section(
            "last metrics",
            &names("metric", &["difference"]),
            metrics.collect(),
            all,
        );
    }

    /// The origins of a key, once if they are the same.
    fn origin(&self, key: &str) -> String {
        let mut origins: Vec<String> = self
            .origins(key)
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect();
        origins.dedup();
        origins.join(" | ")
    }
}

impl Line {
    /// The cells of a metric, with four significant digits.
    fn measured(&self) -> Vec<String> {
        let cell = |value: &Option<Json>| match value {
            Some(Json::Number(number)) => table::number(number.as_f64().unwrap_or(f64::NAN)),
            Some(value) => show::text(value),
            None => "-".into(),
        };
        let values = self.values.iter().map(cell).collect();
        [vec![self.key.clone()], values, vec![difference(self)]].concat()
    }

    fn row<const N: usize>(&self, more: [String; N]) -> Vec<String> {
        [vec![self.key.clone()], self.cells(), more.into()].concat()
    }
}

/// Differences to the first run; null where either has no number.
fn differences(line: &Line) -> Vec<Option<f64>> {
    let number = |value: &Option<Json>| value.as_ref().and_then(Json::as_f64);
    let first = line.values.first().and_then(number);
    let others = line.values.iter().skip(1);
    others.map(|value| Some(number(value)? - first?)).collect()
}

fn difference(line: &Line) -> String {
    let cell = |difference: Option<f64>| difference.map_or_else(|| "-".into(), signed);
    differences(line).into_iter().map(cell).collect::<Vec<_>>().join("  ")
}

/// A difference with its sign, four significant digits.
fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "" } else { "+" };
    format!("{sign}{}", table::number(value))
}

fn section(title: &str, header: &[String], rows: Vec<Vec<String>>, all: bool) {
    println!("\n{title}");
    if rows.is_empty() {
        println!("{}", if all { "nothing" } else { "no difference" });
        return;
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table::print(&header, &rows);
}
