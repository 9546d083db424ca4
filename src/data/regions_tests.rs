//! Marked regions of a set: found by name, digested by content, cropped and mirrored as the pictures are.

use std::fs;

use image::{GrayImage, ImageBuffer, Luma, Rgb};
use tempfile::TempDir;

use super::*;
use crate::data::set_tests::{SIZE, collect, config, folder_spec};
use crate::data::{eval_batches, train_batches};
use crate::spec::trial::DataSpec;

const GRID: Grid = Grid::new(3, 4);

/// A folder of six pictures whose brightness is their marks: white where marked, black elsewhere; the same as marks, three as
/// PNG and three as NPY.
fn bench() -> (TempDir, DataSpec, String) {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..6u32 {
        let white = move |x: u32, y: u32| (x / 13 + y / 11 + n).is_multiple_of(2);
        let picture = ImageBuffer::from_fn(64, 48, |x, y| Rgb([if white(x, y) { 255u8 } else { 0 }; 3]));
        let name = format!("pictures/{}/{n}.png", n % 2);
        let path = dir.path().join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
        let marks = dir.path().join("marks").join(format!("{}/{n}.png", n % 2));
        fs::create_dir_all(marks.parent().unwrap()).unwrap();
        if n < 3 {
            let marked: GrayImage = ImageBuffer::from_fn(64, 48, |x, y| Luma([u8::from(white(x, y))]));
            marked.save(marks).unwrap();
        } else {
            let marked = (0..48).flat_map(|y| (0..64).map(move |x| u8::from(white(x, y))));
            let head = format!(
                "{:117}\n",
                "{'descr': '|u1', 'fortran_order': False, 'shape': (48, 64), }"
            );
            let bytes: Vec<u8> = b"\x93NUMPY\x01\0\x76\0"
                .iter()
                .copied()
                .chain(head.bytes())
                .chain(marked)
                .collect();
            fs::write(marks.with_extension("npy"), bytes).unwrap();
        }
    }
    let spec = DataSpec {
        mean: [0.0; 3],
        std: [1.0; 3],
        ..folder_spec(&dir.path().join("pictures"))
    };
    let marks = dir.path().join("marks").display().to_string();
    (dir, spec, marks)
}

/// Mean brightness of each patch of the first channel.
fn brightness(pixels: &[f32]) -> Vec<f32> {
    let (high, wide) = (SIZE.height / GRID.rows, SIZE.width / GRID.cols);
    let mut sums = vec![0.0; GRID.len()];
    for (at, value) in pixels.iter().take(SIZE.height * SIZE.width).enumerate() {
        sums[at / SIZE.width / high * GRID.cols + at % SIZE.width / wide] += value;
    }
    sums.iter().map(|sum| sum / (high * wide) as f32).collect()
}

#[test]
fn marks_follow_the_crop_and_the_mirror_of_their_picture() {
    let (_dir, spec, marks) = bench();
    let set = Arc::new(ImageSet::open(&spec, SIZE).unwrap());
    let regions = Arc::new(Regions::open(&marks, &set, GRID).unwrap());
    let mut compared = 0;
    for workers in [0, 2] {
        let config = || config(&spec, 2, workers).with_regions(Some(regions.clone()));
        let mut batches: Vec<_> = (0..8)
            .flat_map(|epoch| collect(train_batches(&set, config(), 1, epoch, 0)))
            .collect();
        batches.extend(collect(eval_batches(&set, config(), Split::Val)));
        for batch in batches {
            assert_eq!(batch.regions.len(), batch.len * GRID.len());
            let pictures = batch.images.chunks(3 * SIZE.height * SIZE.width);
            for (pixels, marked) in pictures.zip(batch.regions.chunks(GRID.len())) {
                for (bright, marked) in brightness(pixels).iter().zip(marked) {
                    // The resize blurs edges between patches by a pixel or so.
                    assert!((bright - marked).abs() < 0.2, "{:?}\n{marked}", brightness(pixels));
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500);
}

#[test]
fn one_file_may_serve_all_pictures() {
    let (dir, spec, marks) = bench();
    let set = ImageSet::open(&spec, SIZE).unwrap();
    let one = dir.path().join("marks/0/0.png").display().to_string();
    let all = Regions::open(&one, &set, GRID).unwrap();
    let view = View {
        top: 0.0,
        left: 0.0,
        height: 1.0,
        width: 1.0,
        flip: false,
    };
    let shares = |split, index| all.shares(split, index, &view).unwrap();
    assert_eq!(shares(Split::Train, 0), shares(Split::Val, 0));
    assert_ne!(all.digest(), Regions::open(&marks, &set, GRID).unwrap().digest());
}

#[test]
fn the_digest_follows_the_content() {
    let (dir, spec, marks) = bench();
    let set = ImageSet::open(&spec, SIZE).unwrap();
    let digest = || Regions::open(&marks, &set, GRID).unwrap().digest().to_owned();
    let first = digest();
    assert_eq!(first, digest());
    fs::copy(dir.path().join("marks/1/1.png"), dir.path().join("marks/0/2.png")).unwrap();
    assert_ne!(first, digest());
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let (dir, spec, marks) = bench();
    let set = Arc::new(ImageSet::open(&spec, SIZE).unwrap());
    let message = |path: &str| Regions::open(path, &set, GRID).unwrap_err().to_string();
    assert!(message("nowhere").starts_with("read marked regions nowhere: "));
    fs::write(dir.path().join("broken.png"), "no picture").unwrap();
    assert!(message(&dir.path().join("broken.png").display().to_string()).contains("neither PNG nor NPY"));
    let large = dir.path().join("large.npy");
    fs::File::create(&large).unwrap().set_len(3 << 30).unwrap();
    let error = message(&large.display().to_string());
    assert!(
        error.contains("large.npy: a file of 3221225472 bytes; marks have at most"),
        "{error}"
    );
    fs::write(&large, b"\x93NUMPY\x01\0").unwrap();
    assert!(message(&large.display().to_string()).contains("large.npy: "));
    // A broken one among many costs its picture, as an unreadable picture would, and is named.
    fs::write(dir.path().join("marks/1/1.png"), "no picture").unwrap();
    let regions = Arc::new(Regions::open(&marks, &set, GRID).unwrap());
    let seen: usize = [Split::Train, Split::Val]
        .into_iter()
        .flat_map(|split| {
            collect(eval_batches(
                &set,
                config(&spec, 2, 0).with_regions(Some(regions.clone())),
                split,
            ))
        })
        .map(|batch| batch.len)
        .sum();
    assert_eq!((seen, set.skipped().len()), (5, 1));
    assert!(
        set.skipped()[0].error.contains("marks/1/1.png: neither PNG nor NPY"),
        "{:?}",
        set.skipped()
    );
    fs::remove_file(dir.path().join("marks/1/1.png")).unwrap();
    let missing = message(&marks);
    assert!(
        missing.contains("picture 1/1.png") && missing.contains("marks/1/1.png"),
        "{missing}"
    );
}
