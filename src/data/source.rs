//! One picture of a set before it is decoded, and what is done to lists of them: limiting, splitting, digesting.
//! This is what `folder`, `photos` and `synthetic` hand to `set`; it knows no decoding.

use std::borrow::Cow;
use std::path::PathBuf;

use super::Split;
use super::synthetic::Recipe;
use crate::seed::{self, Purpose};

/// Sets of at most this many files …
const DIGEST_FILES: usize = 2000;
/// … and at most this many bytes are digested by content, larger ones by their listing.
const DIGEST_BYTES: u64 = 512 << 20;

/// Where a picture's samples come from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// In the binary.
    Embedded(&'static [u8]),
    /// On disk, with its size in bytes when it was listed.
    File(PathBuf, u64),
    /// Drawn when asked for.
    Generated(Recipe),
}

/// One picture: its name inside the set, its class and its origin.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) label: Option<usize>,
    pub(super) origin: Origin,
}

impl Item {
    /// The encoded bytes; `None` for a generated picture.
    pub(super) fn bytes(&self) -> std::io::Result<Option<Cow<'_, [u8]>>> {
        Ok(match &self.origin {
            Origin::Embedded(bytes) => Some(Cow::Borrowed(*bytes)),
            Origin::File(path, _) => Some(Cow::Owned(std::fs::read(path)?)),
            Origin::Generated(_) => None,
        })
    }

    /// Nanoseconds from 1970 to when its file was last changed; 0 where that is not known.
    pub(super) fn modified(&self) -> u128 {
        let Origin::File(path, _) = &self.origin else { return 0 };
        let changed = std::fs::metadata(path).and_then(|about| about.modified()).ok();
        let since = changed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_nanos())
    }

    fn size(&self) -> u64 {
        match &self.origin {
            Origin::Embedded(bytes) => bytes.len() as u64,
            Origin::File(_, size) => *size,
            Origin::Generated(_) => 0,
        }
    }
}

/// Everything that was found, before limits.
#[derive(Debug)]
pub(super) struct Found {
    /// Words for people: `photos`, or the path.
    pub(super) place: String,
    pub(super) classes: Vec<String>,
    pub(super) train: Vec<Item>,
    pub(super) val: Vec<Item>,
}

impl Found {
    /// Sorts both splits by name, byte by byte.
    pub(super) fn sorted(mut self) -> Self {
        self.train.sort_by(|a, b| a.name.cmp(&b.name));
        self.val.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

/// At most `limit` items, evenly spaced over the list.
pub(super) fn limited(items: Vec<Item>, limit: Option<usize>) -> Vec<Item> {
    let count = items.len();
    match limit {
        Some(limit) if limit < count => (0..limit).map(|i| items[i * count / limit].clone()).collect(),
        _ => items,
    }
}

/// Splits a list into training and held-out pictures, class by class, so that the classes keep their shares.
/// The same names give the same split under every run seed. A class of two or more pictures keeps at least one on
/// either side while `val_fraction` is above 0.
pub(super) fn split(items: Vec<Item>, val_fraction: f64) -> (Vec<Item>, Vec<Item>) {
    let mut groups = std::collections::BTreeMap::<Option<usize>, Vec<Item>>::new();
    for item in items {
        groups.entry(item.label).or_default().push(item);
    }
    let (mut train, mut val) = (Vec::new(), Vec::new());
    for (label, group) in groups {
        let mut keyed = keyed(group, label);
        keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.name.cmp(&y.name)));
        let held = held_out(keyed.len(), val_fraction);
        val.extend(keyed.drain(..held).map(|(_, item)| item));
        train.extend(keyed.into_iter().map(|(_, item)| item));
    }
    (train, val)
}

/// Pairs each item with its draw.
fn keyed(group: Vec<Item>, label: Option<usize>) -> Vec<(u64, Item)> {
    use rand::Rng;
    let mut rng = seed::rng(0, Purpose::Split, 0, label.map_or(u64::MAX, |l| l as u64));
    group.into_iter().map(|item| (rng.next_u64(), item)).collect()
}

fn held_out(count: usize, val_fraction: f64) -> usize {
    let held = (count as f64 * val_fraction).round() as usize;
    if count < 2 || val_fraction <= 0.0 {
        held.min(count)
    } else {
        held.clamp(1, count - 1)
    }
}

/// The set's digest, by the rule that `ImageSet::digest` states. Generated pictures enter by their recipe's text.
pub(super) fn digest(train: &[Item], val: &[Item]) -> String {
    let all = || [(Split::Train, train), (Split::Val, val)];
    let files: usize = all().iter().map(|(_, items)| items.len()).sum();
    let bytes: u64 = all().iter().flat_map(|(_, items)| items.iter()).map(Item::size).sum();
    let content = files <= DIGEST_FILES && bytes <= DIGEST_BYTES;
    let mut hash = blake3::Hasher::new();
    for (split, items) in all() {
        for item in items {
            hash.update(format!("{split}\0{}\0{:?}\0{}\0", item.name, item.label, item.size()).as_bytes());
            if let Origin::Generated(recipe) = &item.origin {
                hash.update(recipe.text().as_bytes());
            } else if content {
                hash_content(&mut hash, item);
            }
        }
    }
    let kind = if content { "content" } else { "listing" };
    format!("{kind}-{}", hash.finalize().to_hex())
}

/// A picture that cannot be read enters as such: it will be skipped and named when it is used.
fn hash_content(hash: &mut blake3::Hasher, item: &Item) {
    if let Ok(Some(bytes)) = item.bytes() {
        hash.update(&bytes);
    } else {
        hash.update(b"\0unreadable");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(per_class: &[usize]) -> Vec<Item> {
        let one = |(c, n): (usize, &usize)| -> Vec<Item> {
            let item = |i| Item {
                name: format!("{c}/{i:03}"),
                label: Some(c),
                origin: Origin::Embedded(b"x"),
            };
            (0..*n).map(item).collect()
        };
        per_class.iter().enumerate().flat_map(one).collect()
    }

    fn names(items: &[Item]) -> Vec<&str> {
        items.iter().map(|i| i.name.as_str()).collect()
    }

    #[test]
    fn split_is_stratified_complete_and_repeatable() {
        let (train, val) = split(items(&[10, 40, 2, 1]), 0.2);
        let held = |c| val.iter().filter(|i| i.label == Some(c)).count();
        assert_eq!([held(0), held(1), held(2), held(3)], [2, 8, 1, 0]);
        assert_eq!(train.len() + val.len(), 53);
        let again = split(items(&[10, 40, 2, 1]), 0.2);
        assert_eq!(names(&val), names(&again.1));
        let mut all: Vec<_> = names(&train).into_iter().chain(names(&val)).collect();
        all.sort_unstable();
        assert_eq!(all, names(&items(&[10, 40, 2, 1])));
        assert_ne!(
            names(&val)[..2],
            ["0/000", "0/001"],
            "the split must not just take the first"
        );
    }

    #[test]
    fn limits_are_evenly_spaced() {
        assert_eq!(
            names(&limited(items(&[10]), Some(4))),
            ["0/000", "0/002", "0/005", "0/007"]
        );
        assert_eq!(limited(items(&[10]), Some(99)).len(), 10);
        assert_eq!(limited(items(&[10]), None).len(), 10);
        assert!(limited(items(&[10]), Some(0)).is_empty());
    }

    #[test]
    fn digest_sees_names_content_and_split() {
        let base = digest(&items(&[3]), &items(&[1]));
        assert!(base.starts_with("content-") && base.len() == 8 + 64);
        let mut renamed = items(&[3]);
        renamed[0].name = "other".into();
        let mut changed = items(&[3]);
        changed[1].origin = Origin::Embedded(b"y");
        for (train, val) in [
            (renamed, items(&[1])),
            (changed, items(&[1])),
            (items(&[1]), items(&[3])),
        ] {
            assert_ne!(digest(&train, &val), base);
        }
        assert!(digest(&items(&[2000]), &items(&[1])).starts_with("listing-"));
    }
}
