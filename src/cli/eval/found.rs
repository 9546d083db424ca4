//! What `eval` found about one encoder: printed, as JSON, and recorded beside its run.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use mae_strategies::Registry;
use serde_json::{Map, Value as Json, json};

use super::Args;
use super::anomaly::AnomalyArgs;
use super::subject::Subject;
use crate::cli::failure::Failure;
use crate::cli::options::features_beside;
use crate::cli::{runs, table};
use crate::data::Split;
use crate::eval::Judge;
use crate::eval::perceptual::Perceptual;
use crate::eval::tasks::cache::{Cache, key, weights_digest};
use crate::eval::tasks::{self, Bank, Finding};
use crate::model::{Device, Mae};
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::{EvalTask, Feature};
use crate::store::rows::{EvaluationRow, Picture, ProtocolRow};

/// All four features of whole pictures: what is kept for later.
const FEATURES: [Feature; 4] = [Feature::Cls, Feature::ClsNorm, Feature::Mean, Feature::MeanNorm];

/// Values of one feature over all pictures up to which all four are read: a GiB of them.
const MOST_KEPT: usize = 1 << 26;

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
    begun: String,
}

impl About {
    /// Adds a finding to the run's evaluations.
    fn record(&self, args: &Args, finding: &Finding) -> Result<(), Failure> {
        let Some(run) = &self.run else {
            return Ok(());
        };
        let row = EvaluationRow {
            protocol: finding.protocol.clone().row(),
            figures: finding.figures.clone(),
            data: self.data.clone(),
            place: self.place.clone(),
            own: self.own,
            weights: self.digest.clone(),
            program: env!("CARGO_PKG_VERSION").into(),
            created_at: self.begun.clone(),
            pictures: Vec::new(),
        };
        Ok(args.model.store.existing()?.add_evaluation(run, &row)?)
    }
}

impl Found {
    /// Runs the tasks of a subject, and records what is found about a run as it is found.
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
            begun,
            ..
        } = subject;
        let plan = spec.mask.plan(registry, spec.model.grid(), END)?;
        let judge = Judge::new(&spec, set.clone(), registry, plan).map_err(anyhow::Error::new)?;
        let perceptual = match asked.contains(&EvalTask::Reconstruction) {
            true => Perceptual::of(&spec.eval, device).map_err(|error| Failure::usage(error.to_string()))?,
            false => None,
        };
        let judge = judge.with_perceptual(perceptual);
        let features: BTreeSet<Feature> = asked
            .iter()
            .filter_map(|task| tasks::feature(*task, &spec.eval))
            .collect();
        let bank = if features.is_empty() {
            Bank::default()
        } else {
            let key = key(model, &spec, &set);
            let values = (set.len(Split::Train) + set.len(Split::Val)) * spec.model.embed_dim;
            bank(args, &judge, model, (&key, &features, values <= MOST_KEPT), device)?
        };
        let subject = About {
            name,
            run: run.map(|run| run.id),
            own,
            weights: path,
            digest: weights_digest(model),
            data: set.digest().to_string(),
            place: set.place().to_string(),
            begun,
        };
        let mut findings = Vec::new();
        for task in asked {
            eprintln!("  {}", task.word());
            let finding = one(task, &judge, model, &bank, &spec, device)?;
            // At once: another task may fail.
            subject.record(args, &finding)?;
            findings.push(finding);
        }
        for skipped in set.skipped() {
            eprintln!("warning: picture {} left out: {}", skipped.name, skipped.error);
        }
        Ok(Self { subject, findings })
    }

    pub(super) fn print(&self) {
        let shown = |(name, value): &(String, f64)| vec![name.clone(), table::number(*value)];
        let all = || self.findings.iter().flat_map(|finding| &finding.figures);
        let rows: Vec<Vec<String>> = all().filter(|(name, _)| !name.contains('/')).map(shown).collect();
        table::print(&["figure", "value"], &rows);
        let under: Vec<(&str, &str, f64)> = all()
            .filter_map(|(name, value)| name.split_once('/').map(|(figure, column)| (figure, column, *value)))
            .filter(|(figure, ..)| figure.starts_with("cross_"))
            .collect();
        print_columns(&under);
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

/// Figures of the model under the masks of columns, as (figure, column, value): a row for each column.
fn print_columns(under: &[(&str, &str, f64)]) {
    let distinct = |of: fn(&(&str, &str, f64)) -> String| {
        let mut all: Vec<String> = Vec::new();
        under.iter().map(of).for_each(|name| {
            if !all.contains(&name) {
                all.push(name);
            }
        });
        all
    };
    let (figures, columns) = (distinct(|one| one.0.to_owned()), distinct(|one| one.1.to_owned()));
    if columns.is_empty() {
        return;
    }
    let cell = |column: &str, figure: &str| {
        let value = under.iter().find(|one| (one.0, one.1) == (figure, column));
        value.map_or_else(|| "-".to_owned(), |one| table::number(one.2))
    };
    let rows: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let cells = figures.iter().map(|figure| cell(column, figure));
            std::iter::once(column.clone()).chain(cells).collect()
        })
        .collect();
    let names = figures.iter().map(|figure| figure.trim_start_matches("cross_"));
    let header: Vec<&str> = std::iter::once("under the masks of").chain(names).collect();
    table::print(&header, &rows);
    println!("(fills under these masks: in the document of --json)");
}

/// Adds the figures of anomaly maps, begun at a time, and some of them as pictures, to a run's evaluations. They are of other
/// pictures than the run's own.
pub(super) fn record_maps(
    args: &Args,
    (run, begun): (&str, &str),
    record: &Json,
    pictures: Vec<Picture>,
) -> Result<(), Failure> {
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
            parameters: settings_of_maps(&args.anomaly, protocol),
        },
        figures: figures.collect(),
        data: text("data_digest"),
        place: text("data"),
        own: false,
        weights: text("weights_digest"),
        program: env!("CARGO_PKG_VERSION").into(),
        created_at: begun.into(),
        pictures,
    };
    Ok(args.model.store.existing()?.add_evaluation(run, &row)?)
}

/// What maps of several runs have in common, and under `found` what is of the one run. The input size is the model's, and the
/// smoothing follows from its patches unless asked for otherwise.
fn settings_of_maps(asked: &AnomalyArgs, protocol: &Json) -> Json {
    let (mut settings, mut found) = (Map::new(), Map::new());
    for (key, value) in protocol.as_object().into_iter().flatten() {
        let of_run = ["weights", "weights_digest", "model"].contains(&key.as_str());
        let known = ["task", "version", "data", "data_digest", "mae_exp"].contains(&key.as_str());
        if of_run {
            found.insert(key.clone(), value.clone());
        } else if !known {
            settings.insert(key.clone(), value.clone());
        }
    }
    settings.insert("img_size".into(), protocol["model"]["img_size"].clone());
    if asked.sigma.is_none() {
        let sigma = settings.insert("sigma".into(), json!("a quarter of a patch"));
        found.extend(sigma.map(|sigma| ("sigma".to_owned(), sigma)));
    }
    settings.insert("found".into(), found.into());
    settings.into()
}

/// The document of maps: who was judged, and what was found.
pub(super) fn document_of_maps(name: &str, run: Option<&str>, record: Json) -> Json {
    let mut document = json!({ "name": name, "run": run });
    if let (Json::Object(document), Json::Object(record)) = (&mut document, record) {
        document.extend(record);
    }
    document
}

/// Features of all labelled pictures: kept ones, or read now and kept.
fn bank(
    args: &Args,
    judge: &Judge,
    model: &Mae,
    (key, features, few): (&str, &BTreeSet<Feature>, bool),
    device: &Device,
) -> Result<Bank, Failure> {
    let cache = (!args.no_cache).then(|| Cache::new(&features_beside(&args.model.store.store)));
    if let Some(bank) = cache.as_ref().and_then(|cache| cache.find(key, features)) {
        eprintln!("  features as read before (--no-cache reads them anew)");
        return Ok(bank);
    }
    eprintln!("  reading features");
    // All that later tasks may ask for, where that is not much.
    let all = BTreeSet::from(FEATURES);
    let bank = judge
        .bank(model, if few { &all } else { features }, device)
        .map_err(anyhow::Error::new)?;
    if let Some(why) = cache.and_then(|cache| cache.keep(key, &bank).err()) {
        eprintln!("warning: {why}");
    }
    Ok(bank)
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
    if task == EvalTask::Reconstruction {
        return Ok(judge.reconstruction(model, device).map_err(anyhow::Error::new)?);
    }
    let bar = indicatif::ProgressBar::new(0);
    let mut tell = |done: f64, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        ControlFlow::Continue(())
    };
    let found = judge
        .trained(task, model, device, &mut tell)
        .map_err(anyhow::Error::new);
    bar.finish_and_clear();
    found?.ok_or_else(|| Failure::usage(format!("{} is not a task that eval runs by itself", task.word())))
}
