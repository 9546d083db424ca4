//! Anomaly maps of the same pictures under every point: what later evaluations of an inspection set kept of them.

use super::data::RunReport;
use super::format;
use super::gallery::{Gallery, Image, POINTS, Row, items, labelled, last, whose};
use super::groups::Groups;
use crate::store::rows::Picture;

/// The kind of picture that a map is.
const MAP: &str = "overlay";
/// Bytes of pictures at most; beyond, the last ones are left out.
const BYTES: usize = 4 << 20;

/// A point, and the trial whose maps stand for it.
type Shown<'a> = (&'a str, &'a RunReport);

/// A row for each picture, a column for each point; `None` where no run has maps. The groups are those of runs whose pictures are
/// maps of one set.
pub(super) fn gallery(groups: &Groups, place: &str) -> Option<Gallery> {
    let mapped = |run: &&&RunReport| run.pictures.iter().any(|picture| picture.kind == MAP);
    let all: Vec<Shown> = groups
        .all
        .iter()
        .filter_map(|group| Some((group.label.as_str(), *group.runs.iter().find(mapped)?)))
        .collect();
    let few = all.len().min(POINTS);
    let shown: Vec<Shown> = (0..few).map(|i| all[i * all.len() / few]).collect();
    let all_items = items(shown.iter().flat_map(|(_, run)| &run.pictures));
    let kept = &all_items[..fitting(&shown, &all_items)];
    if kept.is_empty() {
        return None;
    }
    let names: Vec<String> = kept.iter().map(|(_, name)| name.clone()).collect();
    let mut caption = format!(
        "Anomaly maps of pictures of {place}{}. First column: the picture; others: the error of each patch, predicted without \
         being seen, laid over the picture in grey. Each column has a scale of its own, from no error to the error that 0.2 % of \
         the pixels exceed; a red line is around what is marked as defective. Pictures from top: {}.",
        whose(&shown),
        format::list(&names)
    );
    if kept.len() < all_items.len() {
        caption.push_str(" Further pictures are left out to keep this file small; the store holds them.");
    }
    if shown.len() < all.len() {
        caption.push_str(&format!(" Of {} points {few} are shown, evenly chosen.", all.len()));
    }
    if all.len() < groups.all.len() {
        caption.push_str(" Points without maps in the store are left out: evaluate them again.");
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
        rows: kept.iter().map(|(item, _)| row(&shown, *item)).collect(),
        caption,
    })
}

/// How many of the pictures fit into the page, one at least.
fn fitting(shown: &[Shown], items: &[(i64, String)]) -> usize {
    let size = |item: i64| -> usize {
        let of = |kind| shown.iter().filter_map(move |(_, run)| last(run, item, kind));
        let all = of(MAP).chain(of("original").take(1));
        all.map(|picture| picture.png.len()).sum()
    };
    let upto = |i: &usize| items[..=*i].iter().map(|(item, _)| size(*item)).sum::<usize>();
    (0..items.len()).take_while(|i| *i == 0 || upto(i) <= BYTES).count()
}

fn row(shown: &[Shown], item: i64) -> Row {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::data::ReportData;
    use crate::report::testing::{report, run};

    /// `points` of two seeds with maps of three pictures of `bytes` each.
    fn mapped(points: i64, bytes: usize) -> ReportData {
        let picture = |kind: &str, item: i64| Picture {
            kind: kind.into(),
            item,
            caption: format!("cut/{item}.png"),
            epoch: 0.0,
            width: 4,
            height: 4,
            png: vec![item as u8; bytes],
        };
        let one = |position: i64| {
            let mut run = run(position, json!({"mask.ratio": position / 2}), position % 2, &[]);
            run.pictures = (0..3)
                .flat_map(|item| [picture("original", item), picture(MAP, item)])
                .collect();
            run
        };
        let values: Vec<i64> = (0..points).collect();
        report(
            json!([{"key": "mask.ratio", "values": values}]),
            (0..2 * points).map(one).collect(),
        )
    }

    #[test]
    fn rows_are_pictures_and_columns_points() {
        let mut data = mapped(2, 10);
        let found = gallery(&Groups::of(&data), "screws").unwrap();
        assert_eq!(
            (found.columns.as_slice(), found.rows.len()),
            (["0", "1"].map(str::to_owned).as_slice(), 3)
        );
        assert_eq!(found.rows[1].reference.as_ref().unwrap().alt, "cut/1.png, original");
        assert_eq!(
            found.rows[1].cells[1].as_ref().unwrap().alt,
            "cut/1.png, anomaly map, 1"
        );
        assert!(found.caption.contains("of screws, seed 0") && !found.caption.contains("left out"));
        // Maps of the second seed stand in, and a point without any is left out.
        data.runs[0].pictures.clear();
        let found = gallery(&Groups::of(&data), "screws").unwrap();
        assert!(
            found.caption.contains("(seeds 1 and 0, from left)"),
            "{}",
            found.caption
        );
        data.runs[1].pictures.clear();
        let found = gallery(&Groups::of(&data), "screws").unwrap();
        assert!(found.columns == ["1"] && found.caption.contains("Points without maps"));
        data.runs.iter_mut().for_each(|run| run.pictures.clear());
        assert_eq!(gallery(&Groups::of(&data), "screws"), None);
    }

    #[test]
    fn many_points_and_large_pictures_are_told() {
        let data = mapped(POINTS as i64 + 10, 10);
        let found = gallery(&Groups::of(&data), "screws").unwrap();
        assert_eq!(found.columns.len(), POINTS);
        assert!(found.caption.contains("Of 50 points 40 are shown"), "{}", found.caption);
        let data = mapped(2, BYTES / 6);
        let found = gallery(&Groups::of(&data), "screws").unwrap();
        assert!(
            found.rows.len() == 2 && found.caption.contains("Further pictures"),
            "{}",
            found.caption
        );
        let data = mapped(1, BYTES + 1);
        assert_eq!(gallery(&Groups::of(&data), "screws").unwrap().rows.len(), 1);
    }
}
