//! The photograph set of the repository's `data/photos`, built into the binary so that an installed program works
//! anywhere, and one whole photograph to show masks on. Only pictures are embedded; their attribution lies beside them in
//! `data/photos/ATTRIBUTION.md`.

use super::source::{Found, Item, Origin};
use super::{Picture, decode};

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

/// File name of the [`specimen`] under `data/photos/originals`.
pub const SPECIMEN: &str = "red_panda.jpg";

/// A whole photograph (CC0, by Mathias Appel), to show masks on.
///
/// # Panics
/// Never: a test decodes it.
#[must_use]
pub fn specimen() -> Picture {
    let bytes = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/photos/originals/red_panda.jpg"
    ));
    decode(bytes).expect("a test decodes this picture")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specimen_is_a_photograph_of_some_size() {
        let picture = specimen();
        assert!(
            picture.width.min(picture.height) >= 224,
            "{}x{}",
            picture.width,
            picture.height
        );
        assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
        let levels: std::collections::BTreeSet<u8> = picture.rgb.iter().copied().collect();
        assert!(levels.len() > 200, "{} levels", levels.len());
    }
}
