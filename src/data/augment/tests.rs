//! The operations against Pillow's numbers, how they are drawn, and the bounds of the erased rectangle.

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

use super::erasing;
use super::ops::{COUNT, Op};
use super::policy;
use super::*;
use crate::seed::{Purpose, rng};

/// `reference/ops.json`, made by the script beside it.
#[derive(Deserialize)]
struct Reference {
    width: usize,
    height: usize,
    fill: [u8; 3],
    picture: String,
    operations: BTreeMap<String, String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn reference() -> (Reference, Samples) {
    let reference: Reference = serde_json::from_str(include_str!("reference/ops.json")).unwrap();
    let samples = Samples {
        height: reference.height,
        width: reference.width,
        channels: 3,
        values: bytes(&reference.picture),
    };
    (reference, samples)
}

fn op(name: &str) -> Op {
    let (name, argument) = name.split_once(' ').unwrap_or((name, "0"));
    let argument: f64 = argument.parse().unwrap();
    match name {
        "AutoContrast" => Op::AutoContrast,
        "Equalize" => Op::Equalize,
        "Invert" => Op::Invert,
        "Rotate" => Op::Rotate(argument),
        "Posterize" => Op::Posterize(argument as u32),
        "Solarize" => Op::Solarize(argument as u16),
        "SolarizeAdd" => Op::SolarizeAdd(argument as u8),
        "Color" => Op::Color(argument),
        "Contrast" => Op::Contrast(argument),
        "Brightness" => Op::Brightness(argument),
        "Sharpness" => Op::Sharpness(argument),
        "ShearX" => Op::ShearX(argument),
        "ShearY" => Op::ShearY(argument),
        "TranslateX" => Op::TranslateX(argument),
        "TranslateY" => Op::TranslateY(argument),
        other => panic!("no operation {other}"),
    }
}

#[test]
fn operations_on_values_give_pillows_numbers() {
    let (reference, picture) = reference();
    let mut seen = std::collections::BTreeSet::new();
    for (name, want) in &reference.operations {
        if name.starts_with("Shear") || name.starts_with("Translate") || name.starts_with("Rotate") {
            continue;
        }
        let mut got = picture.clone();
        op(name).apply(&mut got, &reference.fill);
        assert_eq!(got.values, bytes(want), "{name}");
        seen.insert(name.split(' ').next().unwrap());
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

/// Places agree exactly: the same pixels are filled from outside. Values agree as far as two bicubic kernels do.
#[test]
fn operations_on_places_fetch_from_where_pillow_does() {
    let (reference, picture) = reference();
    let mut count = 0;
    for (name, want) in &reference.operations {
        if !(name.starts_with("Shear") || name.starts_with("Translate") || name.starts_with("Rotate")) {
            continue;
        }
        count += 1;
        let (mut got, want) = (picture.clone(), bytes(want));
        op(name).apply(&mut got, &reference.fill);
        let (got, want) = (got.values.as_chunks::<3>().0, want.as_chunks::<3>().0);
        let outside = |pixels: &[[u8; 3]]| pixels.iter().map(|p| *p == reference.fill).collect::<Vec<_>>();
        assert_eq!(outside(got), outside(want), "{name}");
        assert!(outside(got).contains(&true), "{name} fetches from outside");
        let apart = |a: &[[u8; 3]], b: &[[u8; 3]]| {
            let sum: u32 = a
                .as_flattened()
                .iter()
                .zip(b.as_flattened())
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum();
            f64::from(sum) / a.as_flattened().len() as f64
        };
        let (distance, before) = (apart(got, want), apart(picture.values.as_chunks::<3>().0, want));
        assert!(
            distance < 2.5 && distance < before / 10.0,
            "{name}: {distance:.2} levels apart on average, {before:.2} before it"
        );
    }
    assert_eq!(count, 7);
}

#[test]
fn levels_reach_the_documented_strengths() {
    let at = |level: f64| (0..COUNT).map(|kind| Op::at(kind, level, false)).collect::<Vec<_>>();
    assert_eq!(
        at(10.0)[3..],
        [
            Op::Rotate(30.0),
            Op::Posterize(0),
            Op::Solarize(0),
            Op::SolarizeAdd(110),
            Op::Color(1.9),
            Op::Contrast(1.9),
            Op::Brightness(1.9),
            Op::Sharpness(1.9),
            Op::ShearX(0.3),
            Op::ShearY(0.3),
            Op::TranslateX(0.45),
            Op::TranslateY(0.45),
        ]
    );
    assert_eq!(Op::at(3, 9.0, true), Op::Rotate(-27.0));
    assert_eq!(Op::at(9, 10.0, true), Op::Brightness(0.1));
    let (reference, picture) = reference();
    for kind in 3..COUNT {
        let mut same = picture.clone();
        Op::at(kind, 0.0, false).apply(&mut same, &reference.fill);
        let weakest = if kind == 4 {
            bytes(&reference.operations["Posterize 4"])
        } else {
            picture.values.clone()
        };
        assert_eq!(same.values, weakest, "operation {kind} at level 0");
    }
}

#[test]
fn grey_pictures_stay_pictures() {
    let grey = Samples {
        height: 30,
        width: 40,
        channels: 1,
        values: (0..1200).map(|i| (i * 37 % 180 + 30) as u8).collect(),
    };
    for kind in 0..COUNT {
        let mut got = grey.clone();
        Op::at(kind, 9.0, true).apply(&mut got, &[7]);
        assert_eq!(got.values.len(), 1200);
        assert_eq!(
            got == grey,
            kind == 7,
            "operation {kind}: colour alone has no meaning here"
        );
    }
}

#[test]
fn one_operation_on_average_of_every_kind_alike() {
    let n = 6000;
    let mut counts = BTreeMap::<String, usize>::new();
    let mut total = 0;
    for i in 0..n {
        for op in policy::draw(9.0, &mut rng(3, Purpose::Augment, 0, i)) {
            let name = format!("{op:?}");
            *counts.entry(name.split('(').next().unwrap().to_owned()).or_default() += 1;
            total += 1;
        }
    }
    assert!((total as f64 / n as f64 - 1.0).abs() < 0.03, "{total} operations");
    assert_eq!(counts.len(), COUNT);
    let share = n as f64 / COUNT as f64;
    for (name, count) in counts {
        assert!(
            (count as f64 / share - 1.0).abs() < 0.2,
            "{name}: {count}, not about {share}"
        );
    }
}

#[test]
fn erased_rectangles_keep_to_their_bounds() {
    let (h, w) = (60, 90);
    for i in 0..3000 {
        let Some(found) = erasing::draw(h, w, &mut rng(1, Purpose::Augment, 1, i)) else {
            continue;
        };
        assert!(
            found.top + found.height <= h && found.left + found.width <= w,
            "{found:?}"
        );
        let share = (found.height * found.width) as f64 / (h * w) as f64;
        let aspect = found.height as f64 / found.width as f64;
        assert!(
            (0.016..0.35).contains(&share) && (0.26..3.9).contains(&aspect),
            "{found:?}"
        );
    }
}

#[test]
fn erasing_fills_one_rectangle_of_all_channels_with_noise_and_leaves_the_rest() {
    let shape = [3, 40, 32];
    let mut values = vec![9.0; shape.iter().product()];
    erasing::erase(&mut values, shape, &mut rng(1, Purpose::Augment, 0, 0));
    let planes: Vec<Vec<bool>> = values
        .chunks(40 * 32)
        .map(|plane| plane.iter().map(|v| *v != 9.0).collect())
        .collect();
    assert!(planes[0].contains(&true) && planes.iter().all(|plane| *plane == planes[0]));
    let drawn = erasing::draw(40, 32, &mut rng(1, Purpose::Augment, 0, 0)).unwrap();
    for (i, erased) in planes[0].iter().enumerate() {
        let (y, x) = (i / 32, i % 32);
        let inside =
            (drawn.top..drawn.top + drawn.height).contains(&y) && (drawn.left..drawn.left + drawn.width).contains(&x);
        assert_eq!(*erased, inside, "row {y} column {x}");
    }
    let noise: Vec<f32> = values.into_iter().filter(|v| *v != 9.0).collect();
    let mean = noise.iter().sum::<f32>() / noise.len() as f32;
    assert!(
        mean.abs() < 4.0 / (noise.len() as f32).sqrt(),
        "mean {mean} of {} values",
        noise.len()
    );
}

#[test]
fn nothing_is_drawn_where_nothing_is_asked_for() {
    let (_, picture) = reference();
    let none = Augment {
        magnitude: 0.0,
        erasing: 0.0,
    };
    let mut rng_ = rng(1, Purpose::Augment, 0, 0);
    let (mut samples, mut values) = (picture.clone(), vec![1.0; 12]);
    none.alter(&mut samples, &[0; 3], &mut rng_);
    none.erase(&mut values, [3, 2, 2], &mut rng_);
    assert_eq!((samples, values), (picture, vec![1.0; 12]));
    let next: f64 = StandardNormal.sample(&mut rng_);
    let first: f64 = StandardNormal.sample(&mut rng(1, Purpose::Augment, 0, 0));
    assert_eq!(next, first);
}
