//! The explorer: the same held-out pictures under the same masks, for every point and every epoch at which they were drawn.
//! All of it stands in the page; the page's script shows one picture and one epoch at a time.

use std::collections::BTreeMap;

use image::RgbImage;

use super::data::RunReport;
use super::errors::{ErrorMap, decode};
use super::format;
use super::gallery::{self, Image};
use super::groups::{Group, Groups};
use crate::store::rows::Picture;

/// Bytes of reconstructions at most; beyond, epochs are left out first, then pictures.
const BYTES: usize = 4 << 20;

/// The explorer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explorer {
    /// Swept keys with their values, to choose points by.
    pub(super) choices: Vec<Choice>,
    /// Epochs in order.
    pub(super) epochs: Vec<String>,
    /// Held-out pictures.
    pub(super) views: Vec<View>,
    /// Caption.
    pub(super) caption: String,
}

/// A key to choose by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// One held-out picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) name: String,
    /// Original and masked, where all points share them, each with what it is.
    pub(super) references: Vec<(&'static str, Image)>,
    pub(super) stages: Vec<Stage>,
}

/// One epoch of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    /// Index of the epoch.
    pub(super) at: usize,
    pub(super) epoch: String,
    pub(super) cells: Vec<Cell>,
}

/// One point at an epoch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// Index of its value in each choice, spaces between.
    pub(super) at: String,
    pub(super) label: String,
    /// Original and masked, where points differ in them.
    pub(super) references: Vec<Image>,
    pub(super) reconstruction: Image,
    pub(super) error: Option<Error>,
}

/// An error map and its mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Error {
    pub(super) image: Image,
    pub(super) mean: String,
}

/// A point and the trial whose pictures stand for it.
struct Shown<'g> {
    group: &'g Group<'g>,
    run: &'g RunReport,
}

/// The explorer of all points; `None` without reconstructions.
pub(super) fn build(groups: &Groups) -> Option<Explorer> {
    let mut shown: Vec<Shown> = vec![];
    for group in &groups.all {
        shown.extend(gallery::representative(&group.runs).map(|run| Shown { group, run }));
    }
    let found = shown.len();
    let all: Vec<&str> = shown.iter().map(|s| s.group.label.as_str()).collect();
    let kept = gallery::chosen(groups, &all);
    shown = shown
        .into_iter()
        .enumerate()
        .filter(|(i, _)| kept.contains(i))
        .map(|s| s.1)
        .collect();
    let items = gallery::items(shown.iter().flat_map(|s| &s.run.pictures));
    let epochs = all_epochs(&shown);
    if items.is_empty() || epochs.is_empty() {
        return None;
    }
    let (items, epochs, whole) = fitting(&shown, items, epochs);
    let maps = Maps::of(&shown, &items, &epochs);
    let choices = choices(groups, &shown);
    let views = items
        .iter()
        .map(|item| view(&shown, item, &epochs, &maps, &choices))
        .collect();
    let mut caption = caption(&maps);
    if found > shown.len() {
        caption.push_str(&format!(
            " {} of {found} points are shown: {}.",
            shown.len(),
            gallery::CHOICE
        ));
    }
    if !whole {
        caption.push_str(" Some epochs or pictures are left out to keep this file small; the store holds all.");
    }
    Some(Explorer {
        choices,
        epochs: epochs.iter().map(|e| gallery::number(*e)).collect(),
        views,
        caption,
    })
}

fn caption(maps: &Maps) -> String {
    let mut text =
        "The same held-out pictures under the same masks, for each point and epoch: original and what the encoder \
                    sees, the reconstruction, and below it where it is wrong."
            .to_owned();
    if maps.found.is_empty() {
        text = text.replace(", and below it where it is wrong", "");
    } else {
        text.push_str(&format!(
            " Error maps: mean of |reconstruction − original| over the pixels and channels of each hidden patch as a share of \
             the full range, from 0 (yellow) to {} and more (dark violet; the largest error at the last epoch); visible \
             patches are grey. The number below a map is its mean.",
            format::fixed(maps.top, 3)
        ));
    }
    text
}

/// Epochs at which any of the trials has reconstructions.
fn all_epochs(shown: &[Shown]) -> Vec<f64> {
    let mut all: Vec<f64> = shown.iter().flat_map(|s| gallery::epochs(s.run)).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// Pictures and epochs that fit into [`BYTES`], and whether they are all.
fn fitting(shown: &[Shown], mut items: Vec<(i64, String)>, all: Vec<f64>) -> (Vec<(i64, String)>, Vec<f64>, bool) {
    let sizes: Vec<(i64, f64, usize)> = shown
        .iter()
        .flat_map(|s| &s.run.pictures)
        .filter(|p| p.kind == "reconstruction")
        .map(|p| (p.item, p.epoch, p.png.len()))
        .collect();
    let size = |items: &[(i64, String)], epochs: &[f64]| -> usize {
        let inside = |s: &&(i64, f64, usize)| items.iter().any(|i| i.0 == s.0) && epochs.contains(&s.1);
        sizes.iter().filter(inside).map(|s| s.2).sum()
    };
    let (before, mut epochs) = (items.len(), all.clone());
    while epochs.len() > 2 && size(&items, &epochs) > BYTES {
        epochs = gallery::spread(&all, epochs.len() - 1);
    }
    while items.len() > 1 && size(&items, &epochs) > BYTES {
        items.pop();
    }
    let whole = items.len() == before && epochs.len() == all.len();
    (items, epochs, whole)
}

/// Keys with more than one value among the points.
fn choices(groups: &Groups, shown: &[Shown]) -> Vec<Choice> {
    let values = |i: usize| {
        let mut found: Vec<String> = vec![];
        for text in shown.iter().map(|s| format::value(&s.group.point[i])) {
            if !found.contains(&text) {
                found.push(text);
            }
        }
        found
    };
    let keys = groups.keys.iter().enumerate();
    keys.map(|(i, key)| Choice {
        name: key.name.clone(),
        values: values(i),
    })
    .collect()
}

fn view(shown: &[Shown], item: &(i64, String), epochs: &[f64], maps: &Maps, choices: &[Choice]) -> View {
    let kinds = ["original", "masked"];
    let of =
        |s: &Shown<'_>, kind: &str| gallery::last(s.run, item.0, kind).map(|p| gallery::labelled(p, &s.group.label));
    let shared = kinds.iter().all(|kind| {
        let found: Vec<Option<&Picture>> = shown.iter().map(|s| gallery::last(s.run, item.0, kind)).collect();
        gallery::same(&found)
    });
    let first = |kind: &'static str| {
        let found = shown.iter().find_map(|s| gallery::last(s.run, item.0, kind));
        found.map(|p| (kind, gallery::image(p)))
    };
    let cell = |(i, s): (usize, &Shown<'_>), epoch: f64| {
        let picture = gallery::at(s.run, item.0, "reconstruction", epoch)?;
        let own = if shared {
            vec![]
        } else {
            kinds.iter().filter_map(|kind| of(s, kind)).collect()
        };
        Some(Cell {
            at: place(s.group, choices),
            label: s.group.label.clone(),
            references: own,
            reconstruction: gallery::labelled(picture, &s.group.label),
            error: maps.error(i, item.0, picture, &s.group.label),
        })
    };
    let stage = |(at, epoch): (usize, &f64)| Stage {
        at,
        epoch: gallery::number(*epoch),
        cells: shown.iter().enumerate().filter_map(|s| cell(s, *epoch)).collect(),
    };
    View {
        name: item.1.clone(),
        references: if shared {
            kinds.into_iter().filter_map(first).collect()
        } else {
            vec![]
        },
        stages: epochs.iter().enumerate().map(stage).collect(),
    }
}

/// Where a point is among the choices.
fn place(group: &Group, choices: &[Choice]) -> String {
    let index = |(value, choice): (&serde_json::Value, &Choice)| {
        let text = format::value(value);
        choice
            .values
            .iter()
            .position(|v| *v == text)
            .unwrap_or_default()
            .to_string()
    };
    group.point.iter().zip(choices).map(index).collect::<Vec<_>>().join(" ")
}

/// Error maps by point, picture and epoch, and the error at the dark end of their scale.
struct Maps {
    found: BTreeMap<(usize, i64, u64), ErrorMap>,
    top: f64,
}

impl Maps {
    fn of(shown: &[Shown], items: &[(i64, String)], epochs: &[f64]) -> Self {
        let (mut found, mut top) = (BTreeMap::new(), 0.0_f64);
        for (i, s) in shown.iter().enumerate() {
            let Some(patch) = patch(s.run) else { continue };
            let end = gallery::epochs(s.run).last().copied();
            for (item, _) in items {
                let pixels = |kind: &str| gallery::last(s.run, *item, kind).and_then(decode);
                let Some(original) = pixels("original") else { continue };
                let masked = pixels("masked");
                for epoch in epochs {
                    let Some(map) = map(s.run, (*item, *epoch), &original, masked.as_ref(), patch) else {
                        continue;
                    };
                    if end == Some(*epoch) {
                        top = top.max(map.largest());
                    }
                    found.insert((i, *item, epoch.to_bits()), map);
                }
            }
        }
        Self { found, top }
    }

    fn error(&self, index: usize, item: i64, picture: &Picture, label: &str) -> Option<Error> {
        let map = self.found.get(&(index, item, picture.epoch.to_bits()))?;
        let stand_in = Picture {
            kind: "error map".to_owned(),
            caption: picture.caption.clone(),
            png: map.png(self.top)?,
            ..*picture
        };
        Some(Error {
            image: gallery::labelled(&stand_in, label),
            mean: map
                .mean()
                .map_or(format::NONE.to_owned(), |mean| format::fixed(mean, 3)),
        })
    }
}

fn map(
    run: &RunReport,
    at: (i64, f64),
    original: &RgbImage,
    masked: Option<&RgbImage>,
    patch: u32,
) -> Option<ErrorMap> {
    let guess = decode(gallery::at(run, at.0, "reconstruction", at.1)?)?;
    ErrorMap::of(original, masked, &guess, patch)
}

/// Side of a patch in pixels.
fn patch(run: &RunReport) -> Option<u32> {
    run.config("model.patch_size")?.as_u64()?.try_into().ok()
}
