//! The image set: two lists of pictures with names, classes and a digest, opened once and shared by every trial of a
//! sweep and every decoding thread. It decodes on demand, remembers what could not be read, and keeps decoded pictures
//! in memory while they fit, because a sweep reads the same few thousand pictures hundreds of times.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::reduce::Least;
use super::source::{Found, Item, Origin, digest, limited};
use super::{DataError, Picture, decode_for, folder, photos, synthetic};
use crate::spec::trial::{DataKind, DataSpec, ImgSize};

/// Decoded pictures are kept until they fill this many bytes; the rest is decoded each time.
const CACHE_BYTES: usize = 256 << 20;

/// Which part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Pictures trained on.
    Train,
    /// Held-out pictures.
    Val,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
        })
    }
}

/// A picture that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the set.
    pub name: String,
    /// What the system or the decoder said.
    pub error: String,
}

/// A set of pictures, ready to be read. Share it in an `Arc`.
pub struct ImageSet {
    place: String,
    classes: Vec<String>,
    parts: [Part; 2],
    digest: String,
    least: Least,
    skipped: Mutex<BTreeMap<String, String>>,
    cached: AtomicUsize,
    cache_bytes: usize,
}

/// One split: its pictures, and the decoded ones (`None`: unreadable).
struct Part {
    items: Vec<Item>,
    decoded: Vec<OnceLock<Option<Arc<Picture>>>>,
}

impl Part {
    fn new(items: Vec<Item>) -> Self {
        Self {
            decoded: items.iter().map(|_| OnceLock::new()).collect(),
            items,
        }
    }
}

impl ImageSet {
    /// Finds the pictures of `[data]`, for input of `size`; decodes none.
    ///
    /// # Errors
    /// A missing path, a folder without pictures, a split left empty: each names the path and the cure.
    pub fn open(spec: &DataSpec, size: ImgSize) -> Result<Self, DataError> {
        let found = match spec.kind {
            DataKind::Photos => photos::find(),
            DataKind::Folder => folder::find(spec)?,
            DataKind::Synthetic => synthetic::find(spec)?,
        };
        let mut found = found.sorted();
        found.train = limited(found.train, spec.train_limit);
        found.val = limited(found.val, spec.val_limit);
        for (split, items) in [(Split::Train, &found.train), (Split::Val, &found.val)] {
            if items.is_empty() {
                let (place, cure) = (found.place, cure(spec, split));
                return Err(DataError::EmptySplit { split, place, cure });
            }
        }
        Ok(Self::new(found, Least::new(size, spec)))
    }

    /// Every picture of a folder as held out: to read features of all of them. Nothing is decoded. `spec` and `size` say
    /// what the network was trained on, so that it sees pictures as it saw them then.
    ///
    /// # Errors
    /// A missing path, a folder without pictures.
    pub fn whole(folder: &Path, spec: &DataSpec, size: ImgSize) -> Result<Self, DataError> {
        Ok(Self::new(folder::all(folder)?.sorted(), Least::new(size, spec)))
    }

    fn new(found: Found, least: Least) -> Self {
        let Found {
            place,
            classes,
            train,
            val,
        } = found;
        Self {
            digest: digest(&train, &val),
            place,
            classes,
            least,
            parts: [Part::new(train), Part::new(val)],
            skipped: Mutex::default(),
            cached: AtomicUsize::new(0),
            cache_bytes: CACHE_BYTES,
        }
    }

    /// The same set without its cache: every picture is read and decoded each time. For measurements.
    #[must_use]
    pub fn uncached(self) -> Self {
        Self { cache_bytes: 0, ..self }
    }

    /// The same pictures for input of `size` with the crops of `data`: this set where it serves them, else one of its own,
    /// which decodes them anew.
    #[must_use]
    pub fn serving(self: &Arc<Self>, data: &DataSpec, size: ImgSize) -> Arc<Self> {
        let least = Least::new(size, data);
        if self.least == least {
            return Arc::clone(self);
        }
        let part = |split| Part::new(self.part(split).items.clone());
        Arc::new(Self {
            place: self.place.clone(),
            classes: self.classes.clone(),
            parts: [part(Split::Train), part(Split::Val)],
            digest: self.digest.clone(),
            least,
            skipped: Mutex::default(),
            cached: AtomicUsize::new(0),
            cache_bytes: self.cache_bytes,
        })
    }

    /// What its pictures are large enough for; with anything else it must not be used.
    #[must_use]
    pub fn least(&self) -> Least {
        self.least
    }

    /// Class names in order of label; empty when the pictures have no classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Pictures in a split, unreadable ones included; never 0.
    #[must_use]
    pub fn len(&self, split: Split) -> usize {
        self.part(split).items.len()
    }

    /// Class of a picture.
    ///
    /// # Panics
    /// When `index` is not below `len(split)`; so do `name` and `picture`.
    #[must_use]
    pub fn label(&self, split: Split, index: usize) -> Option<usize> {
        self.part(split).items[index].label
    }

    /// Name of a picture: its path inside the set, with `/`.
    #[must_use]
    pub fn name(&self, split: Split, index: usize) -> &str {
        &self.part(split).items[index].name
    }

    /// What tells this set from others: `content-` + blake3 over split, name, class, size and bytes of every picture
    /// used, for sets of at most 2000 files and 512 MiB; `listing-` + blake3 over the same without the bytes for
    /// larger ones (there a file changed without changing its size goes unnoticed).
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where its pictures are, for people: a folder, or the name of a set.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// One line for people: `photos: 1500 training and 300 held-out pictures in 10 classes`.
    #[must_use]
    pub fn describe(&self) -> String {
        let classes = match self.classes.len() {
            0 => "without classes".into(),
            1 => "in 1 class".into(),
            n => format!("in {n} classes"),
        };
        let (train, val) = (self.len(Split::Train), self.len(Split::Val));
        format!("{}: {train} training and {val} held-out pictures {classes}", self.place)
    }

    /// Digest of when the pictures were last changed, where [`ImageSet::digest`] does not read their bytes; else empty.
    #[must_use]
    pub fn modified(&self) -> String {
        if self.digest.starts_with("content-") {
            return String::new();
        }
        let mut hash = blake3::Hasher::new();
        for item in self.parts.iter().flat_map(|part| &part.items) {
            hash.update(&item.modified().to_le_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    /// The pictures that could not be read so far, each once, by name.
    #[must_use]
    pub fn skipped(&self) -> Vec<Skipped> {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped
            .iter()
            .map(|(name, error)| Skipped {
                name: name.clone(),
                error: error.clone(),
            })
            .collect()
    }

    /// The decoded picture, at a size that depends on its file and on `least` alone; `None` when it cannot be read, which
    /// is then told by `skipped`.
    #[must_use]
    pub fn picture(&self, split: Split, index: usize) -> Option<Arc<Picture>> {
        let part = self.part(split);
        if let Some(known) = part.decoded[index].get() {
            return known.clone();
        }
        let picture = match read(&part.items[index], &self.least) {
            Ok(picture) => Some(Arc::new(picture)),
            Err(error) => {
                self.skip(split, index, error);
                None
            }
        };
        if self.reserve(picture.as_ref().map_or(0, |p| p.rgb.len())) {
            // Another thread may have been first; both decoded the same.
            let _ = part.decoded[index].set(picture.clone());
        }
        picture
    }

    /// Notes that a picture cannot be used, and why.
    pub(super) fn skip(&self, split: Split, index: usize, error: String) {
        let name = self.name(split, index).to_owned();
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.entry(name).or_insert(error);
    }

    /// The error for a split of which nothing could be read.
    pub(super) fn all_unreadable(&self, split: Split) -> DataError {
        let skipped = self.skipped();
        let of_split = |s: &&Skipped| self.part(split).items.iter().any(|i| i.name == s.name);
        let first = skipped.iter().find(of_split);
        let (name, error) = first.map_or_else(Default::default, |s| (s.name.clone(), s.error.clone()));
        DataError::AllUnreadable {
            split,
            place: self.place.clone(),
            name,
            error,
        }
    }

    /// Takes `bytes` from the cache's budget, if they are still there.
    fn reserve(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.cache_bytes);
        self.cached
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .is_ok()
    }

    fn part(&self, split: Split) -> &Part {
        &self.parts[split as usize]
    }
}

impl fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSet")
            .field("describe", &self.describe())
            .field("digest", &self.digest)
            .finish()
    }
}

fn read(item: &Item, least: &Least) -> Result<Picture, String> {
    if let Origin::Generated(recipe) = &item.origin {
        return Ok(recipe.draw());
    }
    let bytes = item.bytes().map_err(|e| e.to_string())?;
    let bytes = bytes.unwrap_or_default();
    // A decoder that panics on a damaged picture costs that picture, not the trial.
    let decoded = std::panic::catch_unwind(|| decode_for(&bytes, least));
    decoded.unwrap_or_else(|_| Err("the decoder panicked: the file is damaged".to_owned()))
}

fn cure(spec: &DataSpec, split: Split) -> &'static str {
    match (split, spec.kind) {
        (Split::Train, _) if spec.train_limit == Some(0) => "set data.train_limit to 1 or more, or leave it out",
        (Split::Val, _) if spec.val_limit == Some(0) => "set data.val_limit to 1 or more, or leave it out",
        (Split::Train, DataKind::Synthetic) => "set data.synthetic_train to 1 or more",
        (Split::Val, DataKind::Synthetic) => "set data.synthetic_val to 1 or more",
        (Split::Train, _) => "lower data.val_fraction or add pictures",
        (Split::Val, _) => "raise data.val_fraction, or put held-out pictures into val/ beside train/",
    }
}
