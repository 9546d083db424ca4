//! Pictures: the same held-out pictures under every group, and over training. Nothing is scaled by the program.

use base64::Engine as _;

use super::data::RunReport;
use super::definitions::SCALED_BACK;
use super::format;
use super::groups::Groups;
use crate::store::rows::Picture;

/// Columns of the picture over training, at most.
const STEPS: usize = 7;
/// Points shown at most.
pub(super) const POINTS: usize = 40;
/// Rows of the picture over training, at most.
const ROWS: usize = 4;

/// A grid of pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Gallery {
    /// What the columns are values of.
    pub(super) axis: String,
    /// Heading of the first column.
    pub(super) first: &'static str,
    /// Column headings after the first column.
    pub(super) columns: Vec<String>,
    /// Rows of cells, the first of which stands in the first column; `new_item` begins another picture.
    pub(super) rows: Vec<Row>,
    /// Caption.
    pub(super) caption: String,
}

/// A row of a gallery.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Whether it begins another held-out picture.
    pub(super) new_item: bool,
    /// First cell: original or masked.
    pub(super) reference: Option<Image>,
    /// One cell per column.
    pub(super) cells: Vec<Option<Image>>,
}

/// A picture ready for the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    /// `data:` address.
    pub(super) uri: String,
    /// What it shows.
    pub(super) alt: String,
    /// Pixels.
    pub(super) width: i64,
    /// Pixels.
    pub(super) height: i64,
}

/// At most `most` pictures: original and masked once per picture, reconstruction and pasted side by side across the groups.
pub(super) fn across_groups(groups: &Groups, most: usize) -> Option<Gallery> {
    let mut shown: Vec<(&str, &RunReport)> = groups
        .all
        .iter()
        .filter_map(|g| Some((g.label.as_str(), representative(&g.runs)?)))
        .collect();
    let finished = shown.iter().filter(|s| s.1.finished()).count();
    // A search stops most trials early: their pictures are not what training gives.
    if finished > 0 && finished * 2 < shown.len() {
        shown.retain(|s| s.1.finished());
    }
    let found = shown.len();
    let all: Vec<&str> = shown.iter().map(|s| s.0).collect();
    shown = chosen(groups, &all).into_iter().map(|i| shown[i]).collect();
    let mut items = items(shown.iter().flat_map(|s| &s.1.pictures));
    items.truncate(most);
    if items.is_empty() {
        return None;
    }
    let shared = items.iter().all(|(item, _)| same(&column(&shown, *item, "masked")));
    let rows = items
        .iter()
        .flat_map(|(item, _)| item_rows(&shown, *item, shared))
        .collect();
    let names: Vec<String> = items.iter().map(|i| i.1.clone()).collect();
    let trials = whose(&shown);
    let mask = eval_mask(shown[0].1);
    let layout = if shared {
        format!(
            "First column: the original, and below it what the encoder sees under the common evaluation mask{mask}. Other \
             columns: the reconstruction, and below it the reconstruction with the visible patches pasted in."
        )
    } else {
        "First column: the original. Other columns, from top: what the encoder sees under the evaluation mask, the \
             reconstruction, and the reconstruction with the visible patches pasted in."
            .to_owned()
    };
    let pictures = format::list(&names);
    let mut caption = format!("Held-out pictures after training{trials}. {layout} Pictures from top: {pictures}.");
    if groups.mean_fill().is_some() {
        caption.push_str(SCALED_BACK);
    }
    caption.push_str(&unfinished(&shown));
    if shown.len() < found {
        caption.push_str(&format!(" {} of {found} points are shown: {CHOICE}.", shown.len()));
    }
    if found < groups.all.len() {
        caption.push_str(" Points without pictures after a whole training are left out.");
    }
    let axis = if groups.keys.len() == 1 {
        groups.keys[0].name.clone()
    } else {
        String::new()
    };
    let first = if shared { "original / masked" } else { "original" };
    Some(Gallery {
        axis,
        first,
        columns: headings(groups, &shown),
        rows,
        caption,
    })
}

/// Which points are shown where there are too many.
pub(super) const CHOICE: &str = "the best and the next by each metric, the baseline, and evenly chosen ones";

/// Indices of the points that are shown, in their order, at most [`POINTS`]: what [`CHOICE`] says.
pub(super) fn chosen(groups: &Groups, labels: &[&str]) -> Vec<usize> {
    if labels.len() <= POINTS {
        return (0..labels.len()).collect();
    }
    let named = |label: &str| labels.iter().position(|l| *l == label);
    let best = groups.headline().into_iter().filter(|m| groups.comparable(m));
    let mut wanted: Vec<&str> = best
        .flat_map(|m| groups.ranked(&m).into_iter().take(2))
        .map(|i| groups.all[i].label.as_str())
        .collect();
    wanted.extend(groups.baseline.as_deref());
    let mut kept: std::collections::BTreeSet<usize> = wanted.into_iter().filter_map(named).collect();
    let rest: Vec<usize> = (0..labels.len()).filter(|i| !kept.contains(i)).collect();
    let room = POINTS.saturating_sub(kept.len()).max(1);
    kept.extend((0..room).map(|i| rest[i * rest.len() / room]));
    kept.into_iter().collect()
}

/// Which trials the pictures are from.
pub(super) fn whose(shown: &[(&str, &RunReport)]) -> String {
    let seeds: Vec<String> = shown.iter().map(|s| s.1.run.seed.to_string()).collect();
    if seeds.windows(2).all(|w| w[0] == w[1]) {
        format!(", seed {}", seeds[0])
    } else {
        format!(
            ", of the first finished trial with pictures of each swept point (seeds {}, from left)",
            format::list(&seeds)
        )
    }
}

/// Says which pictures are from trials that did not finish.
fn unfinished(shown: &[(&str, &RunReport)]) -> String {
    let open: Vec<String> = shown
        .iter()
        .filter(|s| !s.1.finished())
        .map(|s| s.0.to_owned())
        .collect();
    match open.as_slice() {
        [] => String::new(),
        _ if shown.len() == 1 => " The trial has not finished.".to_owned(),
        _ => format!(" No trial with pictures has finished for {}.", format::list(&open)),
    }
}

/// The points, or what is shown where there is only one.
fn headings(groups: &Groups, shown: &[(&str, &RunReport)]) -> Vec<String> {
    let heading = |s: &(&str, &RunReport)| {
        if groups.keys.is_empty() {
            "reconstruction / pasted in".to_owned()
        } else {
            s.0.to_owned()
        }
    };
    shown.iter().map(heading).collect()
}

/// The reconstructions of one group from before training to its end.
pub(super) fn over_training(groups: &Groups) -> Option<Gallery> {
    let chosen = groups
        .headline()
        .iter()
        .find_map(|m| groups.best(m))
        .into_iter()
        .chain(0..groups.all.len());
    let (index, run) = chosen
        .filter_map(|i| Some((i, representative(&groups.all[i].runs)?)))
        .find(|(_, run)| epochs(run).len() > 1)?;
    let epochs = spread(&epochs(run), STEPS);
    let items: Vec<(i64, String)> = items(run.pictures.iter()).into_iter().take(ROWS).collect();
    let rows = items.iter().map(|(item, _)| Row {
        new_item: true,
        reference: last(run, *item, "original").map(image),
        cells: epochs
            .iter()
            .map(|e| at(run, *item, "reconstruction", *e).map(image))
            .collect(),
    });
    Some(Gallery {
        axis: "epoch".to_owned(),
        first: "original",
        rows: rows.collect(),
        columns: epochs.iter().map(|e| number(*e)).collect(),
        caption: format!(
            "Reconstructions over training, from the {} network (epoch 0) to the end, all under the common evaluation \
             mask; {}.",
            groups.start,
            if groups.all.len() > 1 {
                format!("{}, seed {}", groups.all[index].label_with_key(groups), run.run.seed)
            } else {
                format!("seed {}", run.run.seed)
            }
        ),
    })
}

/// The run whose pictures stand for a group: the first finished one that has any, else the first that has any.
pub(super) fn representative<'a>(runs: &[&'a RunReport]) -> Option<&'a RunReport> {
    let drawn = |r: &&&'a RunReport| r.pictures.iter().any(|p| p.kind == "reconstruction");
    runs.iter()
        .filter(drawn)
        .find(|r| r.finished())
        .or_else(|| runs.iter().find(drawn))
        .copied()
}

/// Distinct held-out pictures with their names.
pub(super) fn items<'a>(pictures: impl Iterator<Item = &'a Picture>) -> Vec<(i64, String)> {
    let mut found: Vec<(i64, String)> = vec![];
    for picture in pictures {
        if !found.iter().any(|f| f.0 == picture.item) {
            found.push((picture.item, picture.caption.clone()));
        }
    }
    found.sort_by_key(|f| f.0);
    found
}

/// The latest picture of a kind in every column.
fn column<'a>(shown: &[(&str, &'a RunReport)], item: i64, kind: &str) -> Vec<Option<&'a Picture>> {
    shown.iter().map(|s| last(s.1, item, kind)).collect()
}

/// Whether all pictures that are there are the same.
pub(super) fn same(pictures: &[Option<&Picture>]) -> bool {
    let mut present = pictures.iter().flatten();
    present.next().is_none_or(|first| present.all(|p| p.png == first.png))
}

/// The rows of one picture: two, or three where the masked picture differs between groups.
fn item_rows(shown: &[(&str, &RunReport)], item: i64, shared: bool) -> Vec<Row> {
    let of = |kind: &str| column(shown, item, kind);
    let first = |kind: &str| of(kind).into_iter().flatten().next();
    let row = |new_item: bool, reference: Option<&Picture>, kind: &str| Row {
        new_item,
        reference: reference.map(image),
        cells: of(kind)
            .iter()
            .enumerate()
            .map(|(i, p)| p.map(|p| labelled(p, shown[i].0)))
            .collect(),
    };
    let mut rows = if shared {
        vec![
            row(true, first("original"), "reconstruction"),
            row(false, first("masked"), "pasted"),
        ]
    } else {
        vec![
            row(true, first("original"), "masked"),
            row(false, None, "reconstruction"),
            row(false, None, "pasted"),
        ]
    };
    rows.retain(|r| r.reference.is_some() || r.cells.iter().any(Option::is_some));
    rows
}

/// The latest picture of a kind.
pub(super) fn last<'a>(run: &'a RunReport, item: i64, kind: &str) -> Option<&'a Picture> {
    let matching = run.pictures.iter().filter(|p| p.item == item && p.kind == kind);
    matching.max_by(|a, b| a.epoch.total_cmp(&b.epoch))
}

pub(super) fn at<'a>(run: &'a RunReport, item: i64, kind: &str, epoch: f64) -> Option<&'a Picture> {
    run.pictures
        .iter()
        .find(|p| p.item == item && p.kind == kind && p.epoch == epoch)
}

/// Epochs at which reconstructions were drawn.
pub(super) fn epochs(run: &RunReport) -> Vec<f64> {
    let mut all: Vec<f64> = run
        .pictures
        .iter()
        .filter(|p| p.kind == "reconstruction")
        .map(|p| p.epoch)
        .collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// At most `limit` of `all`, evenly spread, both ends kept.
pub(super) fn spread(all: &[f64], limit: usize) -> Vec<f64> {
    if all.len() <= limit {
        return all.to_vec();
    }
    (0..limit)
        .map(|i| all[(i * (all.len() - 1) + (limit - 1) / 2) / (limit - 1)])
        .collect()
}

pub(super) fn number(epoch: f64) -> String {
    if epoch.fract() == 0.0 {
        format!("{epoch:.0}")
    } else {
        format!("{epoch:.1}")
    }
}

fn eval_mask(run: &RunReport) -> String {
    let text = |key: &str| run.config(key).map(format::value);
    match (text("eval.mask_strategy"), text("eval.mask_ratio")) {
        (Some(strategy), Some(ratio)) => format!(" ({strategy}, {ratio} of the patches hidden)"),
        _ => String::new(),
    }
}

pub(super) fn image(picture: &Picture) -> Image {
    labelled(picture, "")
}

pub(super) fn labelled(picture: &Picture, group: &str) -> Image {
    let of = if group.is_empty() {
        String::new()
    } else {
        format!(", {group}")
    };
    Image {
        uri: format!(
            "data:image/png;base64,{}",
            base64::engine::general_purpose::STANDARD.encode(&picture.png)
        ),
        alt: format!(
            "{}: {}{of}, epoch {}",
            picture.caption,
            picture.kind,
            number(picture.epoch)
        ),
        width: picture.width,
        height: picture.height,
    }
}
