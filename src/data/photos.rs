//! The photograph set of the repository's `data/photos`, built into the binary so that an installed program works
//! anywhere. Only the pictures are embedded; their attribution lies beside them in `data/photos/ATTRIBUTION.md`.

use include_dir::{Dir, include_dir};

use super::source::{Found, Item, Origin};

static TRAIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data/photos/train");
static VAL: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data/photos/val");

/// The embedded pictures: one folder per class, the same classes in both splits.
pub(super) fn find() -> Found {
    let mut classes: Vec<String> = TRAIN.dirs().map(|d| d.path().to_string_lossy().into_owned()).collect();
    classes.sort_unstable();
    let (train, val) = (items(&TRAIN, "train", &classes), items(&VAL, "val", &classes));
    Found {
        place: "photos".into(),
        classes,
        train,
        val,
    }
}

fn items(dir: &'static Dir<'static>, prefix: &str, classes: &[String]) -> Vec<Item> {
    let item = |class: &str, file: &'static include_dir::File<'static>| Item {
        name: format!("{prefix}/{}", file.path().to_string_lossy().replace('\\', "/")),
        label: classes.binary_search_by(|c| c.as_str().cmp(class)).ok(),
        origin: Origin::Embedded(file.contents()),
    };
    dir.dirs()
        .flat_map(|class| class.files().map(move |f| item(&class.path().to_string_lossy(), f)))
        .collect()
}
