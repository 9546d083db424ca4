//! What anomaly maps leave in a folder: a sheet for each picture, scores as CSV and JSON, and the page.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::outside;
use crate::data::Picture;
use crate::data::inspection::Kind;
use crate::eval::anomaly::draw::{coloured, overlay, whole};
use crate::eval::pictures::png;
use crate::report::anomaly::{AnomalyReport, LabelRow, SHOWN, Section, Shown, html};

use super::anomaly::{Found, Judged};

/// Share of all pixels whose error the scale spans: the few above have its end.
const SPAN: f64 = 0.998;

/// Writes `maps/…png`, `scores.csv`, `anomaly.json` and `index.html`.
pub(super) fn write(out: &Path, found: &Found, record: &Json) -> Result<(), Failure> {
    files::folder(out)?;
    let top = scale(found);
    let mut taken = HashSet::new();
    for one in &found.judged {
        let name = sheet_name(&one.known.name, &mut taken);
        let file = out.join("maps").join(name);
        files::folder(file.parent().unwrap_or(out))?;
        let over = overlay(&one.picture, &one.map, top, one.marked.as_deref());
        let notes = [format!(
            "score {:.3e}; {}",
            one.score,
            found.protocol["score"].as_str().unwrap_or_default()
        )];
        let sheet = whole(&one.known.name, &one.picture, &over, &one.map, top, &notes);
        let sheet = Picture {
            width: sheet.width() as usize,
            height: sheet.height() as usize,
            rgb: sheet.into_raw(),
        };
        files::write(&file, &encoded(&sheet)?)?;
    }
    files::write(&out.join("scores.csv"), csv(found).as_bytes())?;
    files::write_json(&out.join("anomaly.json"), record)?;
    let page = html(&report(found, top)?).map_err(anyhow::Error::new)?;
    files::write(&out.join("index.html"), page.as_bytes())
}

/// The picture's name as a PNG; with its own extension before that where another has the same stem.
fn sheet_name(name: &str, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let short = Path::new(name).with_extension("png");
    let free = taken.insert(short.clone());
    if free {
        short
    } else {
        PathBuf::from(format!("{name}.png"))
    }
}

pub(super) fn encoded(picture: &Picture) -> Result<Vec<u8>, Failure> {
    png(picture).map_err(|error| Failure::Failed(error.into()))
}

/// The error with the lightest colour, the same for all maps.
pub(super) fn scale(found: &Found) -> f32 {
    let mut values: Vec<f32> = found.judged.iter().flat_map(|one| one.map.iter().copied()).collect();
    let last = values.len().saturating_sub(1);
    let place = (last as f64 * SPAN) as usize;
    let (_, value, _) = values.select_nth_unstable_by(place, f32::total_cmp);
    if *value > 0.0 { *value } else { 1.0 }
}

/// A line for each picture. Names are quoted as RFC 4180 says.
fn csv(found: &Found) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let line = |one: &Judged| {
        format!(
            "{},{},{}\n",
            quoted(&one.known.name),
            quoted(&one.known.label),
            one.score
        )
    };
    std::iter::once("path,label,score\n".to_owned())
        .chain(found.judged.iter().map(line))
        .collect()
}

fn report(found: &Found, top: f32) -> Result<AnomalyReport, Failure> {
    let sections = [
        ("Defective", Kind::Defective),
        ("Faultless", Kind::Good),
        ("Unlabelled", Kind::Unlabelled),
    ];
    let sections = sections.map(|(heading, kind)| section(found, heading, kind, top));
    let sections: Result<Vec<Section>, Failure> = sections.into_iter().collect();
    let data = found.protocol["data"].as_str().unwrap_or_default();
    Ok(AnomalyReport {
        title: format!("Anomaly maps of {data}"),
        byline: format!("{} pictures", found.judged.len()),
        made_at: outside::now(),
        found: sentences(found),
        protocol: protocol(&found.protocol),
        pictures_curve: found.curve.clone(),
        pixels_curve: found.pixel_curve.clone(),
        labels: found.labels().into_iter().map(label).collect(),
        sections: sections?.into_iter().filter(|section| section.count > 0).collect(),
        top: f64::from(top),
        notes: found.notes.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

fn label((label, kind, scores, auroc): (String, Kind, Vec<f64>, Option<f64>)) -> LabelRow {
    let kind = serde_json::json!(kind).as_str().unwrap_or_default().to_owned();
    LabelRow {
        label,
        kind,
        scores,
        auroc,
    }
}

/// Pictures of a kind, highest score first.
fn section(found: &Found, heading: &str, kind: Kind, top: f32) -> Result<Section, Failure> {
    let mut all: Vec<&Judged> = found.judged.iter().filter(|one| one.known.kind == kind).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let shown = |one: &&Judged| {
        let over = overlay(&one.picture, &one.map, top, one.marked.as_deref());
        let map = Picture {
            rgb: coloured(&one.map, top),
            ..one.picture.clone()
        };
        Ok(Shown {
            name: one.known.name.clone(),
            score: one.score,
            parts: [encoded(&one.picture)?, encoded(&over)?, encoded(&map)?],
        })
    };
    let pictures: Result<Vec<Shown>, Failure> = all.iter().take(SHOWN).map(shown).collect();
    Ok(Section {
        heading: heading.into(),
        count: all.len(),
        pictures: pictures?,
    })
}

fn sentences(found: &Found) -> Vec<String> {
    let of = |kind| found.judged.iter().filter(|one| one.known.kind == kind).count();
    let (good, defective) = (of(Kind::Good), of(Kind::Defective));
    let mut sentences = Vec::new();
    if let Some(area) = found.auroc {
        sentences.push(format!(
            "AUROC over pictures {area:.3}: of {good} faultless and {defective} defective pictures, so large a share of pairs has \
             the higher score at the defective one."
        ));
    }
    if let Some(area) = found.pixel_auroc {
        let marked = found.judged.iter().filter(|one| one.marked.is_some()).count();
        sentences.push(format!(
            "AUROC over pixels {area:.3}, at the model’s input size, from {marked} pictures with ground truth and the faultless \
             ones."
        ));
    }
    if sentences.is_empty() {
        sentences.push("No AUROC: it takes faultless and defective pictures.".into());
    }
    sentences
}

/// The protocol as terms and texts.
fn protocol(said: &Json) -> Vec<(String, String)> {
    let text = |key: &str| match &said[key] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let folds = format!(
        "{} folds, {} partitions (seed {}): the strategy complementary hides every patch once in the passes of a partition, and \
         what is compared with a patch comes from the pass that hid it. All pictures have the same masks.",
        text("folds"),
        text("repeats"),
        text("seed")
    );
    let error = match said["statistics"].as_str() {
        None => String::new(),
        Some("true") => {
            " Predictions of normalised patches are scaled back with the true mean and spread of each patch.".into()
        }
        Some(_) => {
            " Predictions of normalised patches are scaled back with the mean and spread of the visible patches around."
                .into()
        }
    };
    let mut rows = vec![
        ("Passes", folds),
        (
            "Error",
            format!("Squared error of pixels in [0, 1], mean over channels and partitions.{error}"),
        ),
        (
            "Smoothing",
            format!(
                "Gaussian with a standard deviation of {} pixels of the input.",
                text("sigma")
            ),
        ),
        ("Score", text("score")),
        ("Input", format!("{}: {}", said["model"]["img_size"], text("transform"))),
        ("Weights", format!("{} ({})", text("weights"), text("weights_digest"))),
        ("Pictures", format!("{} ({})", text("data"), text("data_digest"))),
        (
            "Code",
            format!("mae-exp {}, anomaly protocol {}", text("mae_exp"), text("version")),
        ),
    ];
    rows.drain(..).map(|(term, text)| (term.to_owned(), text)).collect()
}
