//! Sets of large JPEGs: the size of their pictures, whatever the order, the cache and the threads.

use std::sync::Arc;

use image::{ImageBuffer, Rgb};
use tempfile::TempDir;

use super::set_tests::{SIZE, collect, config, folder_spec, spec};
use super::*;
use crate::spec::trial::{DataKind, DataSpec, ImgSize};

/// A folder of JPEGs of several sizes, in colour, large enough that some are decoded at half and some at a quarter.
fn large_jpegs() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (n, (w, h)) in [(400, 300), (60, 80), (170, 180), (300, 301), (33, 400), (512, 640)]
        .into_iter()
        .enumerate()
    {
        let wave = |x: u32, y: u32| (128.0 + 90.0 * (x as f64 / 17.0).sin() * (y as f64 / 23.0 + n as f64).cos()) as u8;
        let image = ImageBuffer::from_fn(w, h, |x, y| Rgb([wave(x, y), wave(y, x), wave(x + y, x)]));
        let path = dir.path().join(format!("{n}.jpg"));
        image.save_with_format(path, image::ImageFormat::Jpeg).unwrap();
    }
    dir
}

#[test]
fn large_jpegs_are_smaller_in_the_set_and_the_same_in_any_order_cached_or_not() {
    let dir = large_jpegs();
    let data = DataSpec {
        val_fraction: 0.34,
        ..folder_spec(dir.path())
    };
    let open = || ImageSet::open(&data, SIZE).unwrap();
    let (cached, uncached, backwards) = (open(), open().uncached(), open());
    let all: Vec<(Split, usize)> = [Split::Train, Split::Val]
        .into_iter()
        .flat_map(|split| (0..cached.len(split)).map(move |i| (split, i)))
        .collect();
    for &(split, i) in all.iter().rev() {
        backwards.picture(split, i).unwrap();
    }
    let mut sides = Vec::new();
    for (split, i) in all {
        let picture = cached.picture(split, i).unwrap();
        assert_eq!(picture, cached.picture(split, i).unwrap());
        assert_eq!(picture, uncached.picture(split, i).unwrap());
        assert_eq!(picture, backwards.picture(split, i).unwrap());
        sides.push((cached.name(split, i).to_owned(), picture.width, picture.height));
    }
    sides.sort();
    let sides: Vec<_> = sides.into_iter().map(|(_, w, h)| (w, h)).collect();
    assert_eq!(
        sides,
        [(100, 75), (60, 80), (170, 180), (300, 301), (33, 400), (128, 160)]
    );
    let batches = |set, workers| collect(train_batches(&Arc::new(set), config(&data, 2, workers), 5, 1, 0));
    assert_eq!(batches(cached, 0), batches(uncached, 2));
}

#[test]
fn a_set_serves_no_other_input_size_or_crops_than_its_own() {
    let data = spec(DataKind::Synthetic);
    let set = Arc::new(ImageSet::open(&data, SIZE).unwrap());
    let size = ImgSize { height: 48, width: 32 };
    let crops = DataSpec {
        crop_scale: [0.1, 1.0],
        ..data.clone()
    };
    let larger = LoaderConfig {
        size,
        ..config(&data, 2, 2)
    };
    for other in [larger, config(&crops, 2, 0)] {
        let mut batches = train_batches(&set, other, 0, 0, 0);
        assert!(matches!(batches.next(), Some(Err(DataError::OtherInput(_)))));
        assert!(batches.next().is_none());
    }
}
