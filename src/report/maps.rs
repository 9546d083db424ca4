//! Anomaly maps of the same pictures under every point: what later evaluations of an inspection set kept of them.

use super::data::RunReport;
use super::format;
use super::gallery::{CHOICE, Gallery, Image, Row, chosen, items, labelled, last, whose};
use super::groups::Groups;
use crate::store::rows::Picture;

/// The kind of picture that a map is.
const MAP: &str = "overlay";

/// A row for each picture, a column for each point; `None` where no run has maps. The groups are those of runs whose pictures are
/// maps of one set.
pub(super) fn gallery(groups: &Groups, place: &str) -> Option<Gallery> {
    let mapped = |run: &&&RunReport| run.pictures.iter().any(|picture| picture.kind == MAP);
    let all: Vec<(&str, &RunReport)> = groups
        .all
        .iter()
        .filter_map(|group| Some((group.label.as_str(), *group.runs.iter().find(mapped)?)))
        .collect();
    let labels: Vec<&str> = all.iter().map(|(label, _)| *label).collect();
    let shown: Vec<(&str, &RunReport)> = chosen(groups, &labels).into_iter().map(|i| all[i]).collect();
    let items = items(shown.iter().flat_map(|(_, run)| &run.pictures));
    if items.is_empty() {
        return None;
    }
    let names: Vec<String> = items.iter().map(|(_, name)| name.clone()).collect();
    let mut caption = format!(
        "Anomaly maps of pictures of {place}{}: the error of each patch predicted without being seen, laid over the picture in \
         grey. Colours reach from no error to the error that 0.2 % of a model’s pixels exceed; a red line is around what is marked \
         as defective. Pictures from top: {}.",
        whose(&shown),
        format::list(&names)
    );
    if shown.len() < all.len() {
        caption.push_str(&format!(
            " {} of {} points are shown: {CHOICE}.",
            shown.len(),
            all.len()
        ));
    }
    Some(Gallery {
        axis: match groups.keys.as_slice() {
            [key] => key.name.clone(),
            _ => String::new(),
        },
        first: "original",
        columns: match groups.keys.is_empty() {
            true => vec!["anomaly map".to_owned()],
            false => shown.iter().map(|(label, _)| (*label).to_owned()).collect(),
        },
        rows: items.iter().map(|(item, _)| row(&shown, *item)).collect(),
        caption,
    })
}

fn row(shown: &[(&str, &RunReport)], item: i64) -> Row {
    let of = |kind| shown.iter().map(move |(label, run)| (*label, last(run, item, kind)));
    let image = |(label, picture): (&str, Option<&Picture>)| picture.map(|picture| drawn(picture, label));
    Row {
        new_item: true,
        reference: of("original").find_map(|(_, picture)| picture).map(|p| drawn(p, "")),
        cells: of(MAP).map(image).collect(),
    }
}

fn drawn(picture: &Picture, group: &str) -> Image {
    let what = if picture.kind == MAP { "anomaly map" } else { "original" };
    let words = [picture.caption.as_str(), what, group];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    Image {
        alt: words.join(", "),
        ..labelled(picture, group)
    }
}
