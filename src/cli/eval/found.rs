//! What `eval` found about one encoder: printed, as JSON, and recorded beside its run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mae_strategies::Registry;
use serde_json::{Map, Value as Json, json};

use super::Args;
use super::subject::Subject;
use crate::cli::failure::Failure;
use crate::cli::options::checkpoints_beside;
use crate::cli::{outside, runs, table};
use crate::eval::Judge;
use crate::eval::tasks::cache::{Cache, key, weights_digest};
use crate::eval::tasks::{self, Bank, Finding};
use crate::model::{Device, Mae};
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::{EvalTask, Feature};
use crate::store::rows::{EvaluationRow, ProtocolRow};

/// All four features of whole pictures: what is kept for later.
const FEATURES: [Feature; 4] = [Feature::Cls, Feature::ClsNorm, Feature::Mean, Feature::MeanNorm];

/// What was found.
pub(super) struct Found {
    subject: About,
    findings: Vec<Finding>,
}

/// What it was found about.
struct About {
    name: String,
    run: Option<String>,
    own: bool,
    weights: PathBuf,
    digest: String,
    data: String,
    place: String,
}

impl Found {
    /// Runs the tasks of a subject.
    pub(super) fn by(
        args: &Args,
        subject: Subject,
        model: &Mae,
        registry: &Registry,
        device: &Device,
    ) -> Result<Self, Failure> {
        let Subject {
            name,
            run,
            path,
            spec,
            set,
            tasks: asked,
            own,
            ..
        } = subject;
        let plan = spec.mask.plan(registry, spec.model.grid(), END)?;
        let judge = Judge::new(&spec, set.clone(), registry, plan).map_err(anyhow::Error::new)?;
        let features: BTreeSet<Feature> = asked
            .iter()
            .filter_map(|task| tasks::feature(*task, &spec.eval))
            .collect();
        let bank = if features.is_empty() {
            Bank::default()
        } else {
            let key = key(model, &spec, &set);
            bank(args, &judge, model, (&key, &features), device)?
        };
        let mut findings = Vec::new();
        for task in asked {
            eprintln!("  {}", task.word());
            findings.push(one(task, &judge, model, &bank, &spec, device)?);
        }
        let subject = About {
            name,
            run: run.map(|run| run.id),
            own,
            weights: path,
            digest: weights_digest(model),
            data: set.digest().to_string(),
            place: set.place().to_string(),
        };
        Ok(Self { subject, findings })
    }

    pub(super) fn print(&self) {
        let shown = |(name, value): &(String, f64)| vec![name.clone(), table::number(*value)];
        let rows: Vec<Vec<String>> = self.findings.iter().flat_map(|f| f.figures.iter().map(shown)).collect();
        table::print(&["figure", "value"], &rows);
    }

    /// Adds what was found to the run's evaluations.
    pub(super) fn record(&self, args: &Args) -> Result<(), Failure> {
        let Some(run) = &self.subject.run else {
            return Ok(());
        };
        let store = args.model.store.existing()?;
        for finding in &self.findings {
            let row = EvaluationRow {
                protocol: finding.protocol.clone().row(),
                figures: finding.figures.clone(),
                data: self.subject.data.clone(),
                place: self.subject.place.clone(),
                own: self.subject.own,
                weights: self.subject.digest.clone(),
                program: env!("CARGO_PKG_VERSION").into(),
                created_at: outside::now(),
            };
            store.add_evaluation(run, &row)?;
        }
        Ok(())
    }

    pub(super) fn document(&self) -> Json {
        let about = &self.subject;
        let tasks = self.findings.iter().map(|finding| {
            let figures = finding.figures.iter();
            json!({
                "task": finding.protocol.task.word(),
                "version": finding.protocol.version,
                "figures": figures.map(|(name, value)| (name.clone(), runs::number(*value))).collect::<Map<_, _>>(),
                "parameters": finding.protocol.parameters,
            })
        });
        json!({
            "name": about.name,
            "run": about.run,
            "own": about.own,
            "weights": about.weights,
            "weights_digest": about.digest,
            "data": about.place,
            "data_digest": about.data,
            "tasks": tasks.collect::<Vec<_>>(),
        })
    }
}

/// Adds the figures of anomaly maps to a run's evaluations. They are of other pictures than the run's own.
pub(super) fn record_maps(args: &Args, run: &str, record: &Json) -> Result<(), Failure> {
    let protocol = &record["protocol"];
    let text = |key: &str| {
        let value = &protocol[key];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let names = ["anomaly_auroc", "anomaly_pixel_auroc"];
    let figures = names
        .iter()
        .filter_map(|name| Some(((*name).to_string(), record[*name].as_f64()?)));
    let row = EvaluationRow {
        protocol: ProtocolRow {
            task: "anomaly".into(),
            version: protocol["version"].as_i64().unwrap_or_default(),
            parameters: protocol.clone(),
        },
        figures: figures.collect(),
        data: text("data_digest"),
        place: text("data"),
        own: false,
        weights: text("weights_digest"),
        program: env!("CARGO_PKG_VERSION").into(),
        created_at: outside::now(),
    };
    Ok(args.model.store.existing()?.add_evaluation(run, &row)?)
}

/// Features of all labelled pictures: kept ones, or read now and kept.
fn bank(
    args: &Args,
    judge: &Judge,
    model: &Mae,
    (key, features): (&str, &BTreeSet<Feature>),
    device: &Device,
) -> Result<Bank, Failure> {
    let cache = (!args.no_cache).then(|| Cache::new(&features_beside(&args.model.store.store)));
    if let Some(bank) = cache.as_ref().and_then(|cache| cache.find(key, features)) {
        eprintln!("  features as read before (--no-cache reads them anew)");
        return Ok(bank);
    }
    eprintln!("  reading features");
    let all = BTreeSet::from(FEATURES);
    let bank = judge.bank(model, &all, device).map_err(anyhow::Error::new)?;
    if let Some(why) = cache.and_then(|cache| cache.keep(key, &bank).err()) {
        eprintln!("warning: {why}");
    }
    Ok(bank)
}

/// Folder of features, beside the checkpoints.
fn features_beside(store: &str) -> PathBuf {
    let path = store.strip_prefix("sqlite://").unwrap_or(store);
    let beside = checkpoints_beside(std::path::Path::new(path));
    let name = beside
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .replace("-checkpoints", "-features");
    beside.with_file_name(name)
}

fn one(
    task: EvalTask,
    judge: &Judge,
    model: &Mae,
    bank: &Bank,
    spec: &TrialSpec,
    device: &Device,
) -> Result<Finding, Failure> {
    if let Some(found) = tasks::run(task, bank, spec, device).map_err(anyhow::Error::new)? {
        return Ok(found);
    }
    let bar = indicatif::ProgressBar::new(0);
    let mut tell = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let found = judge
        .trained(task, model, device, &mut tell)
        .map_err(anyhow::Error::new);
    bar.finish_and_clear();
    found?.ok_or_else(|| Failure::usage(format!("{} is not a task that eval runs by itself", task.word())))
}
