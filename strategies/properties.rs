//! Properties that every registered strategy has, whatever grid, ratio and parameters; and statistical tests for what a
//! count cannot show: patches that are never reached, and hiding probabilities that are not flat. `broken` shows that
//! the tests see what they are for.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::RngExt;

use crate::stats::{Stats, marginal};
use crate::testing::{plan, rng, try_plan};
use crate::{Kind, Mask, MaskContext, Param, Pixels, Plan, Registry, Sight, Value};

/// Strategies that by default hide the same patches in every mask, or always some of them.
const FIXED: &[&str] = &["block", "combined", "raster", "script"];

/// Masks of the seeds 0 to `count`, for 64 pictures in turn in which no place is like another: pixels and scores are
/// noise.
pub(crate) fn drawn(plan: &Plan, count: u64) -> Vec<Mask> {
    let grid = plan.grid();
    let noise = |number: u64| -> Vec<f32> {
        let mut rng = rng(1000 + number);
        (0..grid.len() * 4).map(|_| rng.random()).collect()
    };
    let pictures: Vec<Vec<f32>> = (0..64).map(noise).collect();
    let sample = |(seed, values): (u64, &Vec<f32>)| {
        let pixels = Pixels {
            values,
            channels: 1,
            height: grid.rows * 2,
            width: grid.cols * 2,
        };
        let scores = &values[..grid.len()];
        let ctx = MaskContext::default().with_pixels(pixels).with_attention(scores);
        plan.sample(&ctx.with_loss(scores).with_regions(scores), &mut rng(seed))
            .unwrap()
    };
    (0..count).zip(pictures.iter().cycle()).map(sample).collect()
}

/// Patches that all masks hide, or none.
pub(crate) fn blind_spots(masks: &[Mask]) -> Vec<usize> {
    let shares = marginal(masks).into_iter().enumerate();
    shares
        .filter(|(_, share)| [0.0, 1.0].contains(share))
        .map(|(patch, _)| patch)
        .collect()
}

/// Values for some of the parameters, whatever their kind; `raw` holds numbers from 0 to 1.
fn given(params: &[Param], raw: &[f64]) -> BTreeMap<String, Value> {
    let value = |param: &Param, u: f64| match param.kind {
        Kind::Bool => Some(Value::Bool(u < 0.5)),
        Kind::Int { min, max } => Some(Value::Int(min + (u.powi(3) * (max - min) as f64).round() as i64)),
        Kind::Float { min, max } => Some(Value::Float(min + u * (max - min))),
        Kind::Choice(options) => options
            .get((u * options.len() as f64) as usize)
            .map(|text| Value::from(*text)),
        _ => None,
    };
    let some = params.iter().zip(raw).filter(|(_, raw)| **raw >= 0.25);
    some.filter_map(|(param, raw)| Some((param.name.to_owned(), value(param, (raw - 0.25) / 0.75)?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    /// Refused with a message, or masks with each patch once and exactly the announced count, the same from the same
    /// seed.
    #[test]
    fn any_strategy_with_any_parameters(
        which: prop::sample::Index, (rows, cols) in (1usize..=64, 1usize..=64), ratio in 0.001f64..0.999,
        raw in prop::collection::vec(0.0f64..1.0, 12), seed: u64, progress in 0.0f64..=1.0, pass in 0usize..9
    ) {
        let registry = Registry::builtin();
        let name = *which.get(&registry.names());
        let params = given(registry.get(name).unwrap().params(), &raw);
        let case = format!("{name} {rows}x{cols} {ratio} {params:?}");
        match registry.plan(name, crate::Grid::new(rows, cols), ratio, params) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(plan) => {
                let sight = Sight::made_up(plan.grid(), 0);
                let ctx = sight.context().at(progress).on_pass(pass);
                let mask = plan.sample(&ctx, &mut rng(seed)).unwrap();
                prop_assert_eq!(mask.defect(), None, "{}", &case);
                prop_assert_eq!((mask.grid(), mask.hidden()), (plan.grid(), plan.hidden()), "{}", &case);
                prop_assert_eq!(&plan.sample(&ctx, &mut rng(seed)).unwrap(), &mask, "{}", &case);
            }
        }
    }
}

#[test]
fn every_patch_is_hidden_in_some_masks_and_visible_in_others() {
    for name in Registry::builtin().names() {
        for grid in ["14x14", "7x13", "16x4"] {
            let Ok(plan) = try_plan(name, grid, 0.75, &[]) else {
                continue;
            };
            let spots = blind_spots(&drawn(&plan, 1000));
            assert_eq!(spots.is_empty(), !FIXED.contains(&name), "{name} on {grid}: {spots:?}");
        }
    }
}

#[test]
fn drawn_blocks_reach_every_patch_too() {
    let offsets = [
        ("random_offset", true.into()),
        ("horizontal_random_offset", true.into()),
    ];
    for name in ["block", "combined"] {
        for shape in ["rows", "square"] {
            let params: Vec<_> = offsets.iter().cloned().chain([("shape", shape.into())]).collect();
            for grid in ["14x14", "7x13", "16x4"] {
                let spots = blind_spots(&drawn(&plan(name, grid, 0.25, &params), 1000));
                assert_eq!(spots, [0usize; 0], "{name} of {shape} on {grid}");
            }
        }
    }
}

/// The expected value is 1 for all of these; what differs is how far it strays. Few large regions stray most: the four
/// positions of a grid have three degrees of freedom, and a standard deviation of sqrt(2 / 3).
#[test]
fn hiding_probabilities_are_flat_where_nothing_prefers_a_place() {
    let cases = [
        ("random", "14x14", 1.5),
        ("random", "7x13", 1.6),
        ("grid", "14x14", 4.5),
        ("uniform", "14x14", 1.5),
        ("simmim", "14x14", 2.0),
        ("pixio_grid", "16x16", 3.0),
        ("hiera_units", "16x16", 2.0),
        ("inverse_block", "14x14", 3.0),
        ("inverse_block", "16x4", 3.5),
        ("red", "14x14", 2.5),
        ("blue", "14x14", 1.5),
        ("green", "14x14", 2.0),
        ("purple", "7x13", 2.5),
        ("complementary", "14x14", 1.5),
        ("hard_patches", "14x14", 1.5),
    ];
    for (name, grid, bound) in cases {
        let masks = drawn(&plan(name, grid, 0.75, &[]), 4000);
        let unevenness = Stats::of(&masks, 16.0).unwrap().unevenness();
        assert!(unevenness < bound, "{name} on {grid}: {unevenness}");
    }
}

/// Boundary edges on 14x14 at 147 hidden, where masks of a strategy are told from those of another, and from themselves
/// permuted once more: that leaves the 137 of random masks.
#[test]
fn masks_keep_the_shape_that_their_strategy_gives_them() {
    let edges = [
        ("random", 137.1),
        ("grid", 182.0),
        ("block", 21.0),
        ("combined", 123.5),
        ("blockwise", 39.9),
        ("simmim", 66.5),
        ("pixio_grid", 40.7),
        ("uniform", 161.0),
        ("inverse_block", 27.6),
        ("inverse_blocks", 58.7),
        ("multi_block", 36.5),
        ("red", 66.3),
        ("blue", 148.5),
        ("green", 80.3),
        ("purple", 145.7),
        ("raster", 15.0),
        ("hiera_units", 69.7),
    ];
    for (name, wanted) in edges {
        let masks = drawn(&plan(name, "14x14", 0.75, &[]), 400);
        let found = Stats::of(&masks, 16.0).unwrap().boundary_edges;
        assert!((found - wanted).abs() < 2.0, "{name}: {found} edges, {wanted} wanted");
    }
}
