//! What the crate's own tests share: plans by text, seeded generators, snapshots; and the tests that hold the catalogue,
//! its files and its snapshots together.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Error, Grid, Mask, Plan, Registry, Sight, Value, conformance};

/// Files beside the strategies that are none.
const INFRASTRUCTURE: &[&str] = &[
    "broken",
    "canvas",
    "cells",
    "color_noise",
    "complete",
    "lib",
    "conformance",
    "law",
    "error",
    "mask",
    "params",
    "patch_grid",
    "properties",
    "rank",
    "rectangle",
    "registry",
    "sandbox",
    "script_tests",
    "sight",
    "stats",
    "strategy",
    "testing",
    "value",
];

pub(crate) type Given<'a> = &'a [(&'a str, Value)];

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn try_plan(name: &str, grid: &str, ratio: f64, params: Given<'_>) -> Result<Plan, Error> {
    let params = params
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    Registry::builtin().plan(name, grid.parse()?, ratio, params)
}

pub(crate) fn plan(name: &str, grid: &str, ratio: f64, params: Given<'_>) -> Plan {
    try_plan(name, grid, ratio, params).unwrap()
}

/// Masks of the seeds 0 to `count`, for one made-up picture.
pub(crate) fn moving(plan: &Plan, count: u64) -> Vec<Mask> {
    let sight = Sight::made_up(plan.grid(), 0);
    (0..count)
        .map(|seed| plan.sample(&sight.context(), &mut rng(seed)).unwrap())
        .collect()
}

/// How many of `count` masks hide each patch.
pub(crate) fn reach(plan: &Plan, count: u64) -> Vec<u32> {
    let mut counts = vec![0; plan.grid().len()];
    for mask in moving(plan, count) {
        counts.iter_mut().zip(mask.bits()).for_each(|(c, b)| *c += u32::from(b));
    }
    counts
}

pub(crate) fn ascii(name: &str, grid: &str, params: Given<'_>) -> String {
    moving(&plan(name, grid, 0.5, params), 1)[0].ascii()
}

/// Compares two masks of each case with `snapshots/<id>.snap`.
pub(crate) fn snapshot(id: &str, cases: &[(&str, f64, Given<'_>)]) {
    let mut text = String::new();
    for (grid, ratio, params) in cases {
        let plan = plan(id, grid, *ratio, params);
        let keys: String = params.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        for (seed, mask) in moving(&plan, 2).into_iter().enumerate() {
            writeln!(
                text,
                "{grid} ratio={ratio}{keys} seed={seed}: {} hidden\n{mask}\n",
                mask.hidden()
            )
            .unwrap();
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(id, text));
}

fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = files.filter(|path| path.extension().is_some_and(|e| e == extension));
    wanted
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn ids() -> BTreeSet<String> {
    Registry::builtin().names().into_iter().map(str::to_owned).collect()
}

#[test]
fn file_stem_is_id_is_snapshot() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let infrastructure = INFRASTRUCTURE.iter().map(|stem| (*stem).to_owned()).collect();
    let files: BTreeSet<String> = stems(here, "rs").difference(&infrastructure).cloned().collect();
    assert_eq!(files, ids(), "strategy files (left) and registered ids (right)");
    assert_eq!(
        stems(&here.join("snapshots"), "snap"),
        ids(),
        "snapshots (left) and registered ids (right)"
    );
}

#[test]
fn every_builtin_conforms() {
    for strategy in Registry::builtin().iter() {
        if let Err(failures) = conformance::check(strategy) {
            let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
            panic!("{} breaks {} laws:\n{}", strategy.id(), lines.len(), lines.join("\n"));
        }
    }
}

#[test]
fn masks_of_a_large_batch_are_quick() {
    // The aim in a release build is 3 ms for random and block and 20 ms for all others; the bounds leave room for unoptimised
    // builds and busy machines.
    let room = if cfg!(debug_assertions) { 20 } else { 2 };
    for name in Registry::builtin().names() {
        let Ok(plan) = try_plan(name, "14x14", 0.75, &[]) else {
            continue;
        };
        let once = || {
            let start = Instant::now();
            assert_eq!(moving(&plan, 256).len(), 256);
            start.elapsed()
        };
        let best = (0..5).map(|_| once()).min().unwrap();
        let aim = Duration::from_millis(if ["random", "block"].contains(&name) { 3 } else { 20 });
        assert!(best < aim * room, "256 masks of {name} took {best:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever grid and ratio: the count is exactly the ratio's, each index occurs once, and restore inverts shuffle.
    #[test]
    fn any_grid_and_ratio(
        (rows, cols) in (1usize..24, 1usize..24), ratio in 0.001f64..0.999, seed: u64, which: prop::sample::Index
    ) {
        let registry = Registry::builtin();
        let name = *which.get(&registry.names());
        let grid = Grid::new(rows, cols);
        let visible = crate::keep_count(grid.len(), ratio);
        let plan = registry.plan(name, grid, ratio, Default::default());
        prop_assert_eq!(plan.is_ok(), visible > 0 && visible < grid.len());
        if let Ok(plan) = plan {
            let mask = plan.sample(&Sight::made_up(plan.grid(), 1).context(), &mut rng(seed)).unwrap();
            prop_assert_eq!(mask.defect(), None);
            prop_assert_eq!(mask.visible(), visible);
            let restore = mask.ids_restore();
            prop_assert!(mask.ids_shuffle().iter().enumerate().all(|(place, id)| restore[*id as usize] as usize == place));
            prop_assert_eq!(mask.bits().iter().filter(|b| **b == 1).count(), mask.hidden());
        }
    }

    /// Whatever parameters block and combined take: refused with a message, or exactly the announced count.
    #[test]
    fn any_block(
        (rows, cols) in (1usize..20, 1usize..20), ratio in 0.01f64..0.99, block in proptest::option::of(0.0f64..=1.0),
        random in proptest::option::of(0.0f64..=1.0), flags: [bool; 5], policy in 0usize..4, seed: u64
    ) {
        let policies = ["topup_adjacent", "topup_random", "trim_raster", "trim_random"];
        let shared = [
            ("shape", Value::from(if flags[0] { "rows" } else { "square" })),
            ("flipped", flags[1].into()),
            ("random_offset", flags[2].into()),
            ("horizontal_random_offset", flags[3].into()),
        ];
        let block = block.map(|b| ("block_ratio", b.into()));
        let of = ("random_of", Value::from(if flags[4] { "total" } else { "remaining" }));
        let own = [
            ("block", vec![("complete", policies[policy].into())]),
            ("combined", random.map(|r| ("random_ratio", r.into())).into_iter().chain([of]).collect()),
        ];
        for (name, own) in own {
            let params: Vec<_> = shared.iter().cloned().chain(block.clone()).chain(own).collect();
            if let Ok(plan) = try_plan(name, &format!("{rows}x{cols}"), ratio, &params) {
                let mask = plan.sample(&Sight::made_up(plan.grid(), 1).context(), &mut rng(seed)).unwrap();
                prop_assert_eq!((mask.defect(), mask.hidden()), (None, plan.hidden()));
            }
        }
    }
}
