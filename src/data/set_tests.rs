//! Sets and loaders on real files: what is found and named, what is skipped, and that batches do not depend on threads.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{ImageBuffer, Rgb};
use tempfile::TempDir;

use super::*;
use crate::spec::trial::{DataKind, DataSpec, ImgSize};

/// Input size of the sets here.
pub(super) const SIZE: ImgSize = ImgSize { height: 24, width: 32 };

/// The pre-training recipe's values.
pub(super) fn spec(kind: DataKind) -> DataSpec {
    DataSpec {
        kind,
        path: None,
        val_fraction: 0.25,
        train_limit: None,
        val_limit: None,
        crop_scale: [0.2, 1.0],
        crop_aspect: [0.75, 4.0 / 3.0],
        hflip: 0.5,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        synthetic_classes: 4,
        synthetic_train: 50,
        synthetic_val: 13,
        workers: 0,
    }
}

pub(super) fn folder_spec(path: &Path) -> DataSpec {
    DataSpec {
        path: Some(path.display().to_string()),
        ..spec(DataKind::Folder)
    }
}

/// Writes small pictures of different content.
fn folder(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (n, file) in files.iter().enumerate() {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = ImageBuffer::from_fn(20, 16, |x, y| Rgb([(x * 12) as u8, (y * 15) as u8, (n * 20) as u8]));
        let format = image::ImageFormat::from_path(&path).unwrap();
        image.save_with_format(path, format).unwrap();
    }
    dir
}

pub(super) fn config(data: &DataSpec, batch_size: usize, workers: usize) -> LoaderConfig {
    LoaderConfig {
        size: SIZE,
        channels: 3,
        data: data.clone(),
        batch_size,
        workers,
        regions: None,
        augment: None,
    }
}

pub(super) fn collect(batches: Batches) -> Vec<Batch> {
    batches.map(Result::unwrap).collect()
}

fn names(set: &ImageSet, split: Split) -> Vec<String> {
    (0..set.len(split)).map(|i| set.name(split, i).to_owned()).collect()
}

#[test]
fn embedded_photos_are_complete_and_all_readable() {
    let set = ImageSet::open(&spec(DataKind::Photos), SIZE).unwrap();
    assert_eq!(
        set.describe(),
        "photos: 1500 training and 300 held-out pictures in 10 classes"
    );
    assert_eq!(set.name(Split::Train, 0), "train/arthropod/bee_001.jpg");
    for (split, each) in [(Split::Train, 150), (Split::Val, 30)] {
        for class in 0..10 {
            assert_eq!(
                (0..set.len(split))
                    .filter(|&i| set.label(split, i) == Some(class))
                    .count(),
                each
            );
        }
        assert!((0..set.len(split)).all(|i| set.picture(split, i).is_some_and(|p| (p.width, p.height) == (96, 96))));
    }
    assert_eq!(set.skipped(), []);
    assert!(set.digest().starts_with("content-"));
}

#[test]
fn class_folders_with_train_and_val_are_labelled_and_sorted() {
    let dir = folder(&[
        "train/b/2.jpg",
        "train/b/1.PNG",
        "train/a/x/deep.bmp",
        "val/a/1.webp",
        "val/b/1.JPEG",
    ]);
    fs::write(dir.path().join("train/b/notes.txt"), "no picture").unwrap();
    fs::write(dir.path().join("train/b/.hidden.jpg"), "no picture").unwrap();
    fs::create_dir(dir.path().join("train/empty")).unwrap();
    let set = ImageSet::open(&folder_spec(dir.path()), SIZE).unwrap();
    assert_eq!(set.classes(), ["a", "b"]);
    assert_eq!(
        names(&set, Split::Train),
        ["train/a/x/deep.bmp", "train/b/1.PNG", "train/b/2.jpg"]
    );
    assert_eq!(names(&set, Split::Val), ["val/a/1.webp", "val/b/1.JPEG"]);
    assert_eq!(
        (set.label(Split::Train, 0), set.label(Split::Val, 1)),
        (Some(0), Some(1))
    );
    for (split, n) in [(Split::Train, 3), (Split::Val, 2)] {
        assert!((0..n).all(|i| set.picture(split, i).is_some()));
    }
}

#[test]
fn a_flat_folder_is_split_without_classes() {
    let dir = folder(&["1.png", "2.png", "3.png", "4.png", "5.png", "6.png", "7.png", "8.png"]);
    let set = ImageSet::open(&folder_spec(dir.path()), SIZE).unwrap();
    assert!(set.classes().is_empty());
    assert_eq!((set.len(Split::Train), set.len(Split::Val)), (6, 2));
    assert_eq!(set.label(Split::Train, 0), None);
    assert!(set.describe().ends_with("without classes"));
    let again = ImageSet::open(&folder_spec(dir.path()), SIZE).unwrap();
    assert_eq!(names(&set, Split::Val), names(&again, Split::Val));
    let limited = DataSpec {
        train_limit: Some(3),
        ..folder_spec(dir.path())
    };
    let limited = ImageSet::open(&limited, SIZE).unwrap();
    assert_eq!((limited.len(Split::Train), limited.len(Split::Val)), (3, 2));
    assert_ne!(limited.digest(), set.digest());
}

#[test]
fn errors_name_the_path_and_the_cure() {
    let message = |spec: &DataSpec| ImageSet::open(spec, SIZE).unwrap_err().to_string();
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().display().to_string();
    let told = message(&folder_spec(empty.path()));
    assert!(told.contains(&path) && told.contains("put .jpg"), "{told}");
    let told = message(&folder_spec(&empty.path().join("nowhere")));
    assert!(told.contains("nowhere: no such folder"), "{told}");
    fs::write(empty.path().join("file"), "x").unwrap();
    assert!(message(&folder_spec(&empty.path().join("file"))).contains("not a folder"));
    assert!(message(&spec(DataKind::Folder)).contains("data.path is not set"));
    let one = folder(&["1.png"]);
    let told = message(&folder_spec(one.path()));
    assert!(told.contains("no val pictures; raise data.val_fraction"), "{told}");
    let no_val = folder(&["train/1.png"]);
    fs::create_dir(no_val.path().join("val")).unwrap();
    let told = message(&folder_spec(no_val.path()));
    assert!(told.contains("val: none there"), "{told}");
    assert!(message(&folder_spec(folder(&["val/1.png"]).path())).contains("no train/"));
    let none = DataSpec {
        synthetic_val: 0,
        ..spec(DataKind::Synthetic)
    };
    assert!(message(&none).contains("data.synthetic_val"));
}

#[test]
fn unreadable_pictures_are_skipped_named_once_and_the_rest_is_used() {
    let dir = folder(&[
        "train/a/1.jpg",
        "train/a/2.png",
        "train/b/3.jpg",
        "train/b/4.png",
        "val/a/1.png",
    ]);
    let jpeg = dir.path().join("train/a/1.jpg");
    let bytes = fs::read(&jpeg).unwrap();
    fs::write(&jpeg, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(dir.path().join("train/b/4.png"), "this is no picture").unwrap();
    let data = folder_spec(dir.path());
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    for epoch in 0..3 {
        let batches = collect(train_batches(&set, config(&data, 4, 2), 0, epoch, 0));
        let mut seen = batches[0].indices.clone();
        seen.sort_unstable();
        assert_eq!((batches.len(), batches[0].len, seen), (1, 2, vec![1, 2]));
        assert_eq!(batches[0].images.len(), 2 * 3 * 24 * 32);
    }
    let skipped = set.skipped();
    let told: Vec<_> = skipped.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(told, ["train/a/1.jpg", "train/b/4.png"]);
    assert_eq!(skipped[0].error, "the JPEG is truncated");
    assert_eq!(skipped[1].error, "not a JPEG, PNG, WebP or BMP picture");
}

#[test]
fn only_a_split_without_any_readable_picture_is_fatal() {
    let dir = folder(&["train/1.png", "train/2.png", "train/3.png", "val/1.png"]);
    for file in ["train/1.png", "train/3.png", "val/1.png"] {
        fs::write(dir.path().join(file), "damaged").unwrap();
    }
    let data = folder_spec(dir.path());
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    for workers in [0, 2] {
        let train = collect(train_batches(&set, config(&data, 1, workers), 0, 0, 0));
        assert_eq!(train.iter().map(|b| b.indices.clone()).collect::<Vec<_>>(), [[1]]);
        let val: Vec<_> = eval_batches(&set, config(&data, 1, workers), Split::Val).collect();
        let told = val[0].as_ref().unwrap_err().to_string();
        assert!(
            val.len() == 1 && told.contains("none of the val pictures could be read (the first, val/1.png"),
            "{told}"
        );
    }
}

#[test]
fn batches_do_not_depend_on_workers_or_on_where_the_epoch_is_entered() {
    let data = spec(DataKind::Synthetic);
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let alone = collect(train_batches(&set, config(&data, 8, 0), 7, 3, 0));
    assert_eq!((alone.len(), steps_per_epoch(50, 8)), (6, 6));
    let held_out = collect(eval_batches(&set, config(&data, 8, 0), Split::Val));
    assert_eq!(held_out.iter().map(|b| b.len).collect::<Vec<_>>(), [8, 5]);
    for workers in [1, 4, 16] {
        assert_eq!(
            collect(train_batches(&set, config(&data, 8, workers), 7, 3, 0)),
            alone,
            "{workers} workers"
        );
        assert_eq!(
            collect(train_batches(&set, config(&data, 8, workers), 7, 3, 4)),
            alone[4..]
        );
        assert_eq!(
            collect(eval_batches(&set, config(&data, 8, workers), Split::Val)),
            held_out
        );
    }
}

#[test]
fn crops_belong_to_the_picture_not_to_its_batch_and_change_with_seed_and_epoch() {
    let data = spec(DataKind::Synthetic);
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let by_picture = |batch_size, seed, epoch| {
        let mut all: Vec<(usize, Vec<f32>)> = Vec::new();
        for batch in collect(train_batches(&set, config(&data, batch_size, 2), seed, epoch, 0)) {
            let each = batch
                .images
                .chunks_exact(batch.images.len() / batch.len)
                .map(<[f32]>::to_vec);
            all.extend(batch.indices.iter().copied().zip(each));
        }
        all
    };
    let base = by_picture(5, 1, 0);
    assert_eq!(base.len(), 50);
    assert_eq!(by_picture(10, 1, 0), base);
    let order = |v: &[(usize, Vec<f32>)]| v.iter().map(|(i, _)| *i).collect::<Vec<_>>();
    let of = |v: &[(usize, Vec<f32>)], i| v.iter().find(|(n, _)| *n == i).unwrap().1.clone();
    for other in [by_picture(5, 2, 0), by_picture(5, 1, 1)] {
        assert_ne!(order(&other), order(&base));
        assert_ne!(of(&other, 0), of(&base, 0));
        let mut sorted = order(&other);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn a_set_smaller_than_a_batch_gives_one_smaller_batch() {
    let data = DataSpec {
        synthetic_train: 3,
        ..spec(DataKind::Synthetic)
    };
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let batches = collect(train_batches(&set, config(&data, 8, 1), 0, 0, 0));
    assert_eq!(
        (
            batches.len(),
            batches[0].len,
            steps_per_epoch(3, 8),
            steps_per_epoch(0, 8)
        ),
        (1, 3, 1, 0)
    );
}

#[test]
fn grey_batches_have_one_channel_and_other_counts_are_refused() {
    let data = spec(DataKind::Synthetic);
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let grey = LoaderConfig {
        channels: 1,
        ..config(&data, 4, 1)
    };
    assert_eq!(
        collect(eval_batches(&set, grey, Split::Val))[0].images.len(),
        4 * 24 * 32
    );
    let two = LoaderConfig {
        channels: 2,
        ..config(&data, 4, 1)
    };
    let mut batches = eval_batches(&set, two, Split::Val);
    assert!(matches!(batches.next(), Some(Err(DataError::Channels(2)))));
    assert!(batches.next().is_none());
}

#[test]
fn dropping_early_stops_the_threads() {
    let data = DataSpec {
        synthetic_train: 100_000,
        ..spec(DataKind::Synthetic)
    };
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let batches = train_batches(&set, config(&data, 1000, 3), 0, 0, 0);
    std::thread::sleep(Duration::from_millis(20));
    let dropped = Instant::now();
    drop(batches);
    assert!(
        dropped.elapsed() < Duration::from_secs(2),
        "took {:?}",
        dropped.elapsed()
    );
    // No thread holds the set any more.
    assert_eq!(Arc::strong_count(&set), 1);
}

#[test]
fn without_its_cache_a_set_decodes_again_and_gives_the_same_batches() {
    let dir = folder(&["a.png", "b.jpg", "c.png", "d.jpg", "e.png", "f.png"]);
    let data = folder_spec(dir.path());
    let cached = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let uncached = Arc::new(ImageSet::open(&data, SIZE).unwrap().uncached());
    let twice = |set: &ImageSet| [0, 0].map(|i| set.picture(Split::Train, i).unwrap());
    let ([a, b], [c, d]) = (twice(&cached), twice(&uncached));
    assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&c, &d) && a == c && c == d);
    let batches = |set| {
        train_batches(set, config(&data, 2, 2), 1, 0, 0)
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(batches(&cached), batches(&uncached));
}

#[test]
fn sets_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<ImageSet>();
}
