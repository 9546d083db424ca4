//! `mae-exp eval --task anomaly`: error maps of pictures, scores, and how well they tell defective pictures from faultless ones.

use std::path::Path;

use mae_strategies::Registry;
use serde_json::{Value as Json, json};

use crate::cli::failure::Failure;
use crate::cli::table;
use crate::cli::weights::{RunOption, say};
use crate::data::inspection::{Inspected, Inspection, Kind};
use crate::data::{Normalise, Picture, Transformer};
use crate::eval::anomaly::roc::{auroc, curve};
use crate::eval::anomaly::{Passes, Scoring, Setting, VERSION};
use crate::eval::redraw::Statistics;
use crate::model::weights::build::build;
use crate::model::{Device, Mae};
use crate::spec::TrialSpec;

use super::anomaly_files::write;

/// Settings of anomaly maps.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Anomaly maps (--task anomaly)")]
pub(super) struct AnomalyArgs {
    /// Passes over a picture, in which every patch is hidden once: 4 hide a quarter of the patches each.
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u64).range(2..=4096))]
    folds: u64,
    /// Partitions of the patches, over which errors are averaged.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: u64,
    /// Standard deviation of the Gaussian that maps are smoothed by, in pixels of the model's input: a quarter of a patch unless
    /// given; 0 for none.
    #[arg(long, value_name = "PIXELS", value_parser = pixels)]
    pub(super) sigma: Option<f64>,
    /// Score of a picture: mean of this percentage of the highest pixels, in place of the highest pixel.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    top: Option<f64>,
    /// For models of normalised patches: scale predictions back with the mean and spread of the visible patches around, or
    /// with the true ones, which hides part of a defect.
    #[arg(long, value_name = "WHICH", default_value = "visible")]
    statistics: Statistics,
}

fn pixels(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|sigma| (0.0..=1000.0).contains(sigma));
    number.ok_or_else(|| "give pixels from 0 to 1000".into())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|percent| *percent > 0.0 && *percent <= 100.0);
    number.ok_or_else(|| "give a percentage above 0 and up to 100".into())
}

/// What is read, and where results go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Folder of pictures.
    pub(super) data: &'a Path,
    /// Folder to write to.
    pub(super) out: Option<&'a Path>,
    /// Keys that the run of the weights, where they are of one, decides.
    pub(super) keys: &'a [(String, Json)],
}

/// A judged picture.
pub(super) struct Judged {
    pub(super) known: Inspected,
    /// As the model sees it.
    pub(super) picture: Picture,
    /// Smoothed, `[H, W]`.
    pub(super) map: Vec<f32>,
    pub(super) score: f64,
    /// Marked pixels, `[H, W]`, of a defective picture with marks.
    pub(super) marked: Option<Vec<bool>>,
}

/// All that was found.
pub(super) struct Found {
    /// In the order of their names.
    pub(super) judged: Vec<Judged>,
    pub(super) auroc: Option<f64>,
    pub(super) pixel_auroc: Option<f64>,
    pub(super) curve: Vec<(f64, f64)>,
    pub(super) pixel_curve: Vec<(f64, f64)>,
    /// What was left out, and what is missing, one line each.
    pub(super) notes: Vec<String>,
    /// Settings, digests and versions.
    pub(super) protocol: Json,
}

/// Judges a folder, writes what was found, prints it unless a document is asked for, and returns it with its record.
pub(super) fn run(
    args: &AnomalyArgs,
    place: Place<'_>,
    on: &RunOption,
    registry: &Registry,
) -> Result<(Found, Json), Failure> {
    let found = evaluate(args, place, on, registry)?;
    let record = found.record();
    if let Some(out) = place.out {
        write(out, &found, &record)?;
    }
    if !on.json {
        say(&found.notes);
        found.print(place.out);
    }
    Ok((found, record))
}

fn evaluate(args: &AnomalyArgs, place: Place<'_>, on: &RunOption, registry: &Registry) -> Result<Found, Failure> {
    let device = on.device.resolve()?;
    let set = Inspection::open(place.data)?;
    let weights = on.model.read(&on.weights)?;
    let mut said = weights.said(None);
    said.keys.extend(place.keys.iter().cloned());
    let spec = on.model.spec_of(&said, &[], registry)?;
    if !weights.has_decoder() {
        return Err(Failure::usage(format!(
            "weights {} have no decoder, so nothing can be predicted: name weights of the whole model",
            weights.path.display()
        )));
    }
    let setting = setting(args, &spec)?;
    let scoring = Scoring {
        sigma: args
            .sigma
            .unwrap_or_else(|| Scoring::default_sigma(spec.model.patch_size)),
        top: args.top.map(|percent| percent / 100.0),
    };
    let passes = Passes::new(registry, spec.model.grid(), setting)?;
    let mut protocol = json!({
        "task": "anomaly",
        "version": VERSION,
        "mae_exp": env!("CARGO_PKG_VERSION"),
        "folds": setting.folds,
        "repeats": setting.repeats,
        "seed": setting.seed,
        "sigma": scoring.sigma,
        "score": scoring.words(),
        "weights": weights.path,
        "weights_digest": weights.digest,
        "data": place.data,
        "data_digest": set.digest,
        "model": spec.model,
        "mean": spec.data.mean,
        "std": spec.data.std,
        "transform": "shorter side to the input size, bicubic with antialias, then the centre",
    });
    let (model, notes) = build(weights, &spec.model, spec.seed, &device)?;
    say(&notes);
    protocol["statistics"] = json!(model.normalises_targets().then_some(setting.statistics));
    let judge = Judge {
        normalise: Normalise::new(spec.model.in_chans, &spec.data)?,
        model,
        spec,
        passes,
        scoring,
        device,
    };
    let (judged, notes) = judge.all(&set)?;
    Ok(Found::of(judged, notes, protocol))
}

fn setting(args: &AnomalyArgs, spec: &TrialSpec) -> Result<Setting, Failure> {
    let (folds, patches) = (args.folds as usize, spec.model.grid().len());
    if folds > patches {
        return Err(Failure::usage(format!(
            "--folds {folds} is more than the {patches} patches of a picture: give {patches} or less"
        )));
    }
    Ok(Setting {
        folds,
        repeats: args.repeats as usize,
        seed: spec.seed,
        statistics: args.statistics,
    })
}

/// What judges pictures.
struct Judge {
    model: Mae,
    spec: TrialSpec,
    normalise: Normalise,
    passes: Passes,
    scoring: Scoring,
    device: Device,
}

impl Judge {
    /// All pictures of a set, as many at a time as `eval.batch_size` says, and notes on those that are left out.
    fn all(&self, set: &Inspection) -> Result<(Vec<Judged>, Vec<String>), Failure> {
        let (mut judged, mut notes) = (Vec::new(), Vec::new());
        let mut transformer = Transformer::new(self.spec.model.img_size, self.normalise.clone());
        let bar = indicatif::ProgressBar::new(set.pictures.len() as u64);
        for batch in set.pictures.chunks(self.spec.eval.batch_size) {
            let (mut pixels, mut read) = (Vec::new(), Vec::new());
            for one in batch {
                match one.read() {
                    Ok(picture) => {
                        transformer.eval(&picture, &mut pixels);
                        read.push((one, self.marked(one, &picture, set, &mut notes)));
                    }
                    Err(why) => notes.push(format!("{} left out: {why}", one.name)),
                }
            }
            judged.extend(self.judge(read, &pixels));
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        if judged.is_empty() {
            let first = notes.first().cloned().unwrap_or_default();
            return Err(Failure::usage(format!("none of the pictures can be read: {first}")));
        }
        Ok((judged, notes))
    }

    fn marked(
        &self,
        one: &Inspected,
        picture: &Picture,
        set: &Inspection,
        notes: &mut Vec<String>,
    ) -> Option<Vec<bool>> {
        match one.marked(picture, self.spec.model.img_size) {
            Ok(None) if set.has_marks && one.kind == Kind::Defective => {
                notes.push(format!(
                    "{} has no marks in ground_truth: left out of the pixel AUROC",
                    one.name
                ));
                None
            }
            Ok(marked) => marked,
            Err(why) => {
                notes.push(format!("{} left out of the pixel AUROC: {why}", one.name));
                None
            }
        }
    }

    fn judge(&self, read: Vec<(&Inspected, Option<Vec<bool>>)>, pixels: &[f32]) -> Vec<Judged> {
        if read.is_empty() {
            return Vec::new();
        }
        let (model, size) = (&self.spec.model, self.spec.model.img_size);
        let maps = self
            .passes
            .maps(&self.model, model, &self.normalise, pixels, &self.device);
        let pictures = pixels.chunks_exact(pixels.len() / read.len());
        let cases = read.into_iter().zip(maps).zip(pictures);
        cases
            .map(|(((known, marked), map), pixels)| {
                let (map, score) = self.scoring.score(&map, size.width);
                Judged {
                    known: known.clone(),
                    picture: self.normalise.to_picture(pixels, size),
                    map,
                    score,
                    marked,
                }
            })
            .collect()
    }
}

impl Found {
    fn of(judged: Vec<Judged>, mut notes: Vec<String>, protocol: Json) -> Self {
        let labelled = judged.iter().filter(|one| one.known.kind != Kind::Unlabelled);
        let labelled = labelled.map(|one| (one.score as f32, one.known.kind == Kind::Defective));
        let (scores, defective): (Vec<f32>, Vec<bool>) = labelled.unzip();
        let has = |kind| judged.iter().any(|one| one.known.kind == kind);
        match (has(Kind::Good), has(Kind::Defective)) {
            (true, true) => {}
            (false, false) => notes.push("no picture has a label: maps without AUROC".into()),
            (false, true) => notes.push("no faultless pictures (in a folder good): maps without AUROC".into()),
            (true, false) => notes.push("no defective pictures (in folders beside good): maps without AUROC".into()),
        }
        let (values, marked) = pixels_of(&judged);
        Self {
            auroc: auroc(&scores, &defective),
            curve: curve(&scores, &defective),
            pixel_auroc: auroc(&values, &marked),
            pixel_curve: curve(&values, &marked),
            judged,
            notes,
            protocol,
        }
    }

    /// Label, kind, scores and area of every folder, in the order of the names, `good` first.
    pub(super) fn labels(&self) -> Vec<(String, Kind, Vec<f64>, Option<f64>)> {
        let mut labels: Vec<(&str, Kind)> = self
            .judged
            .iter()
            .map(|one| (one.known.label.as_str(), one.known.kind))
            .collect();
        labels.sort_by_key(|(label, kind)| (*kind != Kind::Good, *label));
        labels.dedup();
        let scores = |kind: Kind, label: Option<&str>| -> Vec<f64> {
            let of = |one: &&Judged| one.known.kind == kind && label.is_none_or(|label| one.known.label == label);
            self.judged.iter().filter(of).map(|one| one.score).collect()
        };
        let good = scores(Kind::Good, None);
        let row = |(label, kind): (&str, Kind)| {
            let own = scores(kind, Some(label));
            let both: Vec<f32> = good.iter().chain(&own).map(|score| *score as f32).collect();
            let positive: Vec<bool> = (0..both.len()).map(|i| i >= good.len()).collect();
            let area = (kind == Kind::Defective).then(|| auroc(&both, &positive)).flatten();
            (label.to_owned(), kind, own, area)
        };
        labels.into_iter().map(row).collect()
    }

    fn record(&self) -> Json {
        let labels = self.labels().into_iter().map(
            |(label, kind, scores, auroc)| json!({ "label": label, "kind": kind, "pictures": scores.len(), "auroc": auroc }),
        );
        let pictures = self.judged.iter().map(|one| {
            let (known, score) = (&one.known, one.score);
            json!({ "path": known.name, "label": known.label, "kind": known.kind, "score": score, "marks": one.marked.is_some() })
        });
        json!({
            "protocol": self.protocol,
            "anomaly_auroc": self.auroc,
            "anomaly_pixel_auroc": self.pixel_auroc,
            "labels": labels.collect::<Vec<_>>(),
            "notes": self.notes,
            "pictures": pictures.collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: Option<&Path>) {
        let rows: Vec<Vec<String>> = self
            .labels()
            .into_iter()
            .map(|(label, kind, scores, area)| {
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                let kind = json!(kind).as_str().unwrap_or_default().to_owned();
                let area = area.map_or("-".into(), |area| format!("{area:.4}"));
                vec![label, kind, scores.len().to_string(), table::number(mean), area]
            })
            .collect();
        table::print(&["folder", "kind", "pictures", "mean score", "AUROC"], &rows);
        for (what, area) in [
            ("AUROC over pictures", self.auroc),
            ("AUROC over pixels", self.pixel_auroc),
        ] {
            if let Some(area) = area {
                println!("{what}: {area:.4}");
            }
        }
        if let Some(out) = out {
            println!("{}", out.join("index.html").display());
        }
    }
}

/// Values of all pixels that are known to be defective or not: those of faultless pictures and of pictures with marks. None
/// where nothing is marked.
fn pixels_of(judged: &[Judged]) -> (Vec<f32>, Vec<bool>) {
    let (mut values, mut marked) = (Vec::new(), Vec::new());
    if judged.iter().all(|one| one.marked.is_none()) {
        return (values, marked);
    }
    for one in judged {
        match (&one.marked, one.known.kind) {
            (Some(own), _) => marked.extend(own),
            (None, Kind::Good) => marked.extend(std::iter::repeat_n(false, one.map.len())),
            (None, _) => continue,
        }
        values.extend(&one.map);
    }
    (values, marked)
}
