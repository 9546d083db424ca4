//! The photograph set of the repository's `data/photos`, built into the binary so that an installed program works
//! anywhere. Only the pictures are embedded; their attribution lies beside them in `data/photos/ATTRIBUTION.md`.

use super::source::{Found, Item, Origin};

/// One picture: class, file name, bytes of the file.
type Embedded = (&'static str, &'static str, &'static [u8]);

// `TRAIN` and `VAL`, sorted by class and file name; written by build.rs.
include!(concat!(env!("OUT_DIR"), "/photos.rs"));

/// The embedded pictures: one folder per class, the same classes in both splits.
pub(super) fn find() -> Found {
    let mut classes: Vec<String> = TRAIN.iter().map(|(class, ..)| (*class).to_string()).collect();
    classes.dedup();
    let (train, val) = (items(TRAIN, "train", &classes), items(VAL, "val", &classes));
    Found {
        place: "photos".into(),
        classes,
        train,
        val,
    }
}

fn items(pictures: &[Embedded], prefix: &str, classes: &[String]) -> Vec<Item> {
    let item = |(class, file, bytes): &Embedded| Item {
        name: format!("{prefix}/{class}/{file}"),
        label: classes.binary_search_by(|c| c.as_str().cmp(class)).ok(),
        origin: Origin::Embedded(bytes),
    };
    pictures.iter().map(item).collect()
}
