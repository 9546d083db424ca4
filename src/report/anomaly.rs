//! The page of anomaly maps: what was found, how, and the pictures by their scores. Pure: numbers and PNGs in, one
//! self-contained document out.

use askama::Template;
use base64::Engine as _;

use super::policy::STILL;
use super::{ReportError, format};
use crate::plot::{Axis, Layer, Plot, Rgb, categorical, dark_rules, embed, svg};

/// Pictures shown of each kind; the rest is in the files beside the page.
pub const SHOWN: usize = 48;
/// Corners of a curve drawn at most.
const CORNERS: usize = 400;

/// What the page says.
#[derive(Debug, Clone, Default)]
pub struct AnomalyReport {
    /// Heading.
    pub title: String,
    /// What was looked at, in a line.
    pub byline: String,
    /// When, as RFC 3339.
    pub made_at: String,
    /// Sentences on what was found.
    pub found: Vec<String>,
    /// Settings and digests that make the run repeatable.
    pub protocol: Vec<(String, String)>,
    /// Corners of the curve over pictures as (false positive rate, true positive rate); empty: no curve.
    pub pictures_curve: Vec<(f64, f64)>,
    /// The same over pixels.
    pub pixels_curve: Vec<(f64, f64)>,
    /// A row for each label.
    pub labels: Vec<LabelRow>,
    /// Sections of pictures.
    pub sections: Vec<Section>,
    /// Error that has the lightest colour.
    pub top: f64,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// Version of the program.
    pub version: String,
}

/// A row of the table of labels.
#[derive(Debug, Clone, Default)]
pub struct LabelRow {
    /// Name of the folder.
    pub label: String,
    /// Faultless, defective or unlabelled.
    pub kind: String,
    /// Scores of its pictures.
    pub scores: Vec<f64>,
    /// Area under the curve against the faultless pictures.
    pub auroc: Option<f64>,
}

/// Pictures of a kind, in the order shown.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Heading.
    pub heading: String,
    /// How many there are, shown or not.
    pub count: usize,
    /// At most [`SHOWN`].
    pub pictures: Vec<Shown>,
}

/// A picture with its map.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Path inside the set.
    pub name: String,
    /// Score.
    pub score: f64,
    /// The picture, the overlay and the map as PNG.
    pub parts: [Vec<u8>; 3],
}

#[derive(Template)]
#[template(path = "anomaly.html")]
struct Page<'a> {
    report: &'a AnomalyReport,
    policy: &'static str,
    panels: Vec<String>,
    caption: String,
    dark: String,
    rows: Vec<[String; 6]>,
    scale: Vec<String>,
    top: String,
    made_at: String,
}

/// The page.
///
/// # Errors
/// When a figure or the template fails.
pub fn html(report: &AnomalyReport) -> Result<String, ReportError> {
    let (plots, captions): (Vec<Plot>, Vec<String>) = [scores(report), curve(report)].into_iter().flatten().unzip();
    let drawn: Result<Vec<String>, _> = plots.iter().map(|plot| svg(plot).map(|svg| embed(&svg))).collect();
    let page = Page {
        policy: STILL,
        panels: drawn?,
        caption: super::figures::lettered(&captions),
        dark: dark_rules(plots.iter().flat_map(Plot::colours)),
        rows: report.labels.iter().map(row).collect(),
        scale: (0..32)
            .map(|i| crate::plot::heat(1.0 - f64::from(i) / 31.0).hex())
            .collect(),
        top: number(report.top),
        made_at: format::moment(&report.made_at),
        report,
    };
    Ok(page.render()?)
}

/// Scores of all pictures, a column for each label.
fn scores(report: &AnomalyReport) -> Option<(Plot, String)> {
    let labels: Vec<&LabelRow> = report.labels.iter().filter(|row| !row.scores.is_empty()).collect();
    if labels.is_empty() {
        return None;
    }
    let names = labels.iter().map(|row| named(row).to_owned()).collect();
    let mut plot = Plot::new(
        "Scores of all pictures by label",
        Axis::names("", names),
        Axis::linear("score"),
    );
    for (x, row) in labels.iter().enumerate() {
        plot.layers.push(Layer::Dots {
            points: row
                .scores
                .iter()
                .enumerate()
                .map(|(i, y)| (x as f64 + aside(i), *y))
                .collect(),
            colour: colour(row),
            radius: 2.5,
            filled: true,
            opacity: 0.6,
        });
    }
    Some((plot, "the score of every picture, by folder".to_owned()))
}

/// Blue where faultless, vermilion where defective.
fn colour(row: &LabelRow) -> Rgb {
    match row.kind.as_str() {
        "good" => categorical(0),
        "defective" => categorical(1),
        _ => Rgb::GREY,
    }
}

/// A little to the side, so that dots do not hide each other: the same for the same number.
fn aside(i: usize) -> f64 {
    ((i * 7) % 11) as f64 / 11.0 * 0.5 - 0.23
}

/// The curves, and what they show.
fn curve(report: &AnomalyReport) -> Option<(Plot, String)> {
    let curves = [("pictures", &report.pictures_curve), ("pixels", &report.pixels_curve)];
    let drawn = curves
        .iter()
        .enumerate()
        .filter(|(_, (_, corners))| !corners.is_empty());
    let drawn: Vec<_> = drawn.map(|(i, (name, corners))| (i, *name, *corners)).collect();
    if drawn.is_empty() {
        return None;
    }
    let mut plot = Plot::new(
        "Receiver operating characteristic",
        Axis::linear("false positive rate"),
        Axis::linear("true positive rate"),
    );
    plot.layers.push(Layer::Line {
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        colour: Rgb::GRID,
        width: 1.0,
        opacity: 1.0,
    });
    for (i, name, corners) in &drawn {
        plot.layers.push(Layer::Line {
            points: thinned(corners),
            colour: categorical(*i + 2),
            width: 1.6,
            opacity: 1.0,
        });
        plot.legend.push(((*name).to_owned(), categorical(*i + 2)));
    }
    let over: Vec<String> = drawn.iter().map(|(_, name, _)| (*name).to_owned()).collect();
    Some((
        plot,
        format!(
            "receiver operating characteristic over {}: the diagonal is chance",
            format::list(&over)
        ),
    ))
}

/// At most [`CORNERS`] corners, the ends among them.
fn thinned(corners: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let last = corners.len().saturating_sub(1);
    if last < CORNERS {
        return corners.to_vec();
    }
    (0..=CORNERS).map(|i| corners[i * last / CORNERS]).collect()
}

fn named(row: &LabelRow) -> &str {
    if row.label.is_empty() { "no folder" } else { &row.label }
}

/// Label, kind, pictures, mean and range of scores, area.
fn row(row: &LabelRow) -> [String; 6] {
    let n = row.scores.len();
    let mean = row.scores.iter().sum::<f64>() / n as f64;
    let low = row.scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = row.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let area = row.auroc.map_or(format::NONE.to_owned(), |area| format!("{area:.3}"));
    [
        named(row).to_owned(),
        row.kind.clone(),
        n.to_string(),
        number(mean),
        format!("{} to {}", number(low), number(high)),
        area,
    ]
}

/// Three significant digits.
fn number(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

impl Shown {
    /// A PNG as an address.
    fn uri(&self, part: &usize) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(&self.parts[*part]);
        format!("data:image/png;base64,{text}")
    }

    fn shown_score(&self) -> String {
        number(self.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> AnomalyReport {
        let row = |label: &str, kind: &str, scores: &[f64], auroc| LabelRow {
            label: label.into(),
            kind: kind.into(),
            scores: scores.to_vec(),
            auroc,
        };
        AnomalyReport {
            title: "Anomaly maps of <parts>".into(),
            pictures_curve: vec![(0.0, 0.0), (0.0, 0.5), (1.0, 1.0)],
            labels: vec![
                row("good", "good", &[0.01, 0.02], None),
                row("cut", "defective", &[0.5], Some(1.0)),
            ],
            sections: vec![Section {
                heading: "Defective".into(),
                count: 60,
                pictures: vec![Shown {
                    name: "cut/a.png".into(),
                    score: 0.5,
                    parts: [vec![1], vec![2], vec![3]],
                }],
            }],
            top: 0.1,
            notes: vec!["cut/b.png left out".into()],
            ..AnomalyReport::default()
        }
    }

    #[test]
    fn the_page_says_what_it_was_given_and_loads_nothing() {
        let page = html(&report()).unwrap();
        for part in [
            "Anomaly maps of &#60;parts&#62;",
            "cut/a.png",
            "score 0.500",
            "cut/b.png left out",
            "0.0100 to 0.0200",
            "1.000",
            "true positive rate",
            "1 of 60",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
        assert_eq!(page.matches("data:image/png;base64,").count(), 3);
        assert!(
            !page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org").count()
        );
        assert!(!page.contains("<script"));
    }

    #[test]
    fn without_labels_there_is_no_curve() {
        let mut bare = report();
        bare.pictures_curve.clear();
        bare.labels[1].kind = "unlabelled".into();
        let page = html(&bare).unwrap();
        assert!(!page.contains("true positive rate") && page.contains("score of every picture"));
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let corners: Vec<(f64, f64)> = (0..=10_000).map(|i| (f64::from(i), 0.0)).collect();
        let few = thinned(&corners);
        assert_eq!((few.len(), few[0].0, few[CORNERS].0), (CORNERS + 1, 0.0, 10_000.0));
    }
}
