//! Strategies that each break one law, and tests that the conformance suite sees it: a suite that passes everything
//! would prove nothing.

use rand::{Rng, RngExt};

use crate::blockwise::Blockwise;
use crate::conformance::{Law, check};
use crate::properties::{blind_spots, drawn};
use crate::random::Random;
use crate::stats::Stats;
use crate::{Error, Grid, Literal, Mask, MaskContext, MaskingStrategy, Param, Registry, Request};

type Sample = fn(&Request, &mut dyn Rng) -> Mask;
type Hidden = fn(&Request) -> Result<usize, Error>;

/// A strategy made of parts, one of which the tests spoil.
struct Parts {
    id: &'static str,
    summary: &'static str,
    params: &'static [Param],
    random: bool,
    hidden: Hidden,
    sample: Sample,
}

static SOUND: Parts = Parts {
    id: "parts",
    summary: "For tests.",
    params: &[],
    random: true,
    hidden: by_ratio,
    sample: by_noise,
};

impl MaskingStrategy for Parts {
    fn id(&self) -> &'static str {
        self.id
    }
    fn summary(&self) -> &'static str {
        self.summary
    }
    fn source(&self) -> &'static str {
        "A test"
    }
    fn params(&self) -> &'static [Param] {
        self.params
    }
    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        (self.hidden)(req)
    }
    fn is_random(&self, _req: &Request) -> bool {
        self.random
    }
    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        Ok((self.sample)(req, rng))
    }
}

fn by_ratio(req: &Request) -> Result<usize, Error> {
    Ok(req.hidden_by_ratio())
}

fn by_noise(req: &Request, rng: &mut dyn Rng) -> Mask {
    Random.sample(req, &MaskContext::default(), rng).unwrap()
}

/// The laws that a strategy breaks, each once, sorted.
fn broken(parts: Parts) -> Vec<Law> {
    let strategy: &'static Parts = Box::leak(Box::new(parts));
    let mut laws: Vec<Law> = check(strategy)
        .err()
        .into_iter()
        .flatten()
        .map(|failure| failure.law)
        .collect();
    laws.sort();
    laws.dedup();
    laws
}

fn broken_sample(sample: Sample) -> Vec<Law> {
    broken(Parts { sample, ..SOUND })
}

#[test]
fn the_sound_parts_pass() {
    assert_eq!(broken(Parts { ..SOUND }), []);
}

#[test]
fn one_patch_too_many_is_seen() {
    let laws = broken_sample(|req, rng| {
        let mask = by_noise(req, rng);
        Mask::from_order(req.grid, mask.ids_shuffle().to_vec(), mask.visible() + 1)
    });
    assert_eq!(laws, [Law::ExactCount]);
}

#[test]
fn a_count_that_varies_from_mask_to_mask_is_seen() {
    let laws = broken_sample(|req, rng| {
        let flags: Vec<bool> = (0..req.grid.len()).map(|_| rng.random_bool(req.ratio)).collect();
        Mask::from_hidden(req.grid, &flags)
    });
    assert_eq!(laws, [Law::ExactCount]);
}

#[test]
fn an_announced_count_other_than_the_ratios_is_seen() {
    let hidden: Hidden = |req| Ok((req.hidden_by_ratio() - 1).max(1));
    assert!(broken(Parts { hidden, ..SOUND }).contains(&Law::ExactCount));
}

#[test]
fn a_repeated_index_is_seen() {
    let laws = broken_sample(|req, rng| {
        let mut order = by_noise(req, rng).ids_shuffle().to_vec();
        order[0] = order[1];
        Mask::from_order(req.grid, order, req.visible_by_ratio())
    });
    assert_eq!(laws, [Law::EachIndexOnce]);
}

#[test]
fn an_ignored_seed_is_seen_and_an_honest_constant_is_not() {
    fn constant(req: &Request, _rng: &mut dyn Rng) -> Mask {
        let order = (0..u32::try_from(req.grid.len()).unwrap()).collect();
        Mask::from_order(req.grid, order, req.visible_by_ratio())
    }
    assert_eq!(broken_sample(constant), [Law::SeedsDiffer]);
    assert_eq!(
        broken(Parts {
            sample: constant,
            random: false,
            ..SOUND
        }),
        []
    );
    assert_eq!(broken(Parts { random: false, ..SOUND }), [Law::SeedsDiffer]);
}

#[test]
fn state_beside_the_seed_is_seen() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let laws = broken_sample(|req, rng| {
        for _ in 0..CALLS.fetch_add(1, Ordering::Relaxed) % 7 {
            rng.next_u32();
        }
        by_noise(req, rng)
    });
    assert!(laws.contains(&Law::SameSeedSameMask), "{laws:?}");
}

#[test]
fn a_grid_taken_for_square_is_seen() {
    let laws = broken_sample(|req, rng| {
        let side = req.grid.len().isqrt();
        let square = Request {
            grid: Grid::new(side, side),
            ..req.clone()
        };
        by_noise(&square, rng)
    });
    assert_eq!(laws, [Law::Grids]);
}

#[test]
fn a_refused_grid_and_a_panic_are_seen() {
    let hidden: Hidden = |req| {
        if req.grid.rows == req.grid.cols {
            by_ratio(req)
        } else {
            Err(Error::Refused("square grids only".into()))
        }
    };
    assert_eq!(broken(Parts { hidden, ..SOUND }), [Law::Grids]);
    let laws = broken_sample(|req, rng| {
        assert!(req.grid.rows > 1, "a grid of one row");
        by_noise(req, rng)
    });
    assert_eq!(laws, [Law::NoPanic]);
}

#[test]
fn bad_declarations_are_seen() {
    static UNDOCUMENTED: &[Param] = &[Param::flag("wide", true, " ")];
    static TWICE: &[Param] = &[Param::flag("wide", true, "A."), Param::flag("wide", true, "A.")];
    static RESERVED: &[Param] = &[Param::share("ratio", "A.")];
    static BAD_DEFAULT: &[Param] = &[Param {
        default: Some(Literal::Float(1.5)),
        ..Param::share("part", "A.")
    }];
    static BAD_CHOICE: &[Param] = &[Param::choice("kind", &["a", "b"], "c", "A.")];
    for params in [UNDOCUMENTED, TWICE, RESERVED, BAD_DEFAULT, BAD_CHOICE] {
        assert!(
            broken(Parts { params, ..SOUND }).contains(&Law::Declaration),
            "{params:?}"
        );
    }
    assert_eq!(broken(Parts { summary: "", ..SOUND }), [Law::Declaration]);
    assert_eq!(
        broken(Parts {
            id: "No-Snake",
            ..SOUND
        }),
        [Law::Declaration]
    );
}

#[test]
fn a_parameter_value_that_spoils_the_mask_is_seen() {
    static PARAMS: &[Param] = &[
        Param::choice("order", &["a", "b"], "a", "An order."),
        Param::flag("loud", false, "A flag."),
    ];
    let sample: Sample = |req, rng| {
        let spoilt = req.params.text("order") == Some("b") && req.params.bool("loud") == Some(true);
        let mask = by_noise(req, rng);
        Mask::from_order(
            req.grid,
            mask.ids_shuffle().to_vec(),
            mask.visible() - usize::from(spoilt),
        )
    };
    assert_eq!(
        broken(Parts {
            params: PARAMS,
            sample,
            ..SOUND
        }),
        [Law::ExactCount]
    );
}

/// Masks of 14x14 patches, of which a quarter are visible.
fn masks(sample: Sample) -> Vec<Mask> {
    let strategy: &'static Parts = Box::leak(Box::new(Parts { sample, ..SOUND }));
    let registry = Registry::empty().with(strategy).unwrap();
    let plan = registry
        .plan("parts", Grid::new(14, 14), 0.75, Default::default())
        .unwrap();
    drawn(&plan, 1000)
}

/// Shows a square at a drawn place, but never in the last `spare` rows and columns, and drawn patches up to the count.
fn square(req: &Request, rng: &mut dyn Rng, spare: usize) -> Mask {
    let (grid, visible) = (req.grid, req.visible_by_ratio());
    let side = visible.isqrt().min(grid.rows).min(grid.cols).max(1);
    let mut order = by_noise(req, rng).ids_shuffle().to_vec();
    let mut draw = |len: usize| rng.random_range(0..(len - side + 1).saturating_sub(spare).max(1));
    let (top, left) = (draw(grid.rows), draw(grid.cols));
    let inside = |id: u32| {
        let (row, col) = (id as usize / grid.cols, id as usize % grid.cols);
        (top..top + side).contains(&row) && (left..left + side).contains(&col)
    };
    order.sort_by_key(|id| !inside(*id));
    Mask::from_order(grid, order, visible)
}

#[test]
fn a_last_row_and_column_that_are_never_reached_are_seen() {
    // An exclusive upper bound keeps every law of counts and seeds, and is seen by what it never shows.
    let biased: Sample = |req, rng| square(req, rng, 1);
    assert_eq!(broken_sample(biased), []);
    // The last row and column are in no square, and one patch is in all of them.
    let last = (0..14)
        .map(|row| row * 14 + 13)
        .chain(13 * 14..196)
        .chain([6 * 14 + 6])
        .collect::<std::collections::BTreeSet<usize>>();
    let seen: std::collections::BTreeSet<usize> = blind_spots(&masks(biased)).into_iter().collect();
    assert_eq!(seen, last);
    assert_eq!(blind_spots(&masks(|req, rng| square(req, rng, 0))), [0usize; 0]);
}

#[test]
fn uneven_probabilities_are_seen() {
    let unevenness = |sample| Stats::of(&masks(sample), 16.0).unwrap().unevenness();
    let even = unevenness(by_noise);
    assert!((0.6..1.5).contains(&even), "{even}");
    // The first row is hidden in 69 % of the masks instead of 75 %: far too little to be seen in a picture.
    let biased: Sample = |req, rng| {
        let mut noise: Vec<f32> = (0..req.grid.len()).map(|_| rng.random()).collect();
        noise.iter_mut().take(14).for_each(|n| *n *= 0.8);
        crate::random::from_noise(req.grid, &noise, req.visible_by_ratio())
    };
    let uneven = unevenness(biased);
    assert!(uneven > 2.0, "{uneven}");
}

#[test]
fn rectangles_that_stop_short_are_seen() {
    // Rectangles until one does not fit, and nothing to complete them.
    let laws = broken_sample(|req, rng| {
        let mut hidden = vec![false; req.grid.len()];
        let mut missing = req.hidden_by_ratio();
        for _ in 0..10 {
            let sides = crate::rectangle::sides(req.grid, missing.div_ceil(2), 1.0, false);
            let piece = crate::rectangle::place(req.grid, sides, rng);
            piece.iter().for_each(|patch| hidden[*patch] = true);
            missing = req.hidden_by_ratio() - hidden.iter().filter(|h| **h).count();
            if missing == 0 {
                break;
            }
        }
        Mask::from_hidden(req.grid, &hidden)
    });
    assert_eq!(laws, [Law::ExactCount]);
}

#[test]
fn a_mask_that_is_permuted_again_is_seen() {
    let sound: Sample = |req, rng| Blockwise.sample(req, &MaskContext::default(), rng).unwrap();
    // Bits in raster order, read as though they were in the order of a shuffle: counts and laws are kept.
    let twice: Sample = |req, rng| {
        let bits = Blockwise.sample(req, &MaskContext::default(), rng).unwrap().bits();
        let order = by_noise(req, rng);
        let flags: Vec<bool> = order.ids_shuffle().iter().map(|id| bits[*id as usize] == 1).collect();
        Mask::from_hidden(req.grid, &flags)
    };
    assert_eq!(broken_sample(twice), []);
    let shape = |sample| {
        let stats = Stats::of(&masks(sample), 16.0).unwrap();
        (stats.avg_dist_px, stats.boundary_edges)
    };
    let (sound, twice, random) = (shape(sound), shape(twice), shape(by_noise));
    assert!(
        sound.0 > 2.0 * random.0 && sound.1 < 0.5 * random.1,
        "{sound:?} {random:?}"
    );
    // What is left of the rectangles is what random masks have.
    assert!(
        (twice.0 - random.0).abs() < 0.3 && (twice.1 - random.1).abs() < 1.5,
        "{twice:?} {random:?}"
    );
}

/// Fails when most of the training is done.
struct Late;

impl MaskingStrategy for Late {
    fn id(&self) -> &'static str {
        "late"
    }
    fn summary(&self) -> &'static str {
        "For tests."
    }
    fn source(&self) -> &'static str {
        "A test"
    }
    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        if ctx.progress > 0.85 {
            return Err(Error::Refused("too late".into()));
        }
        Ok(by_noise(req, rng))
    }
}

#[test]
fn what_fails_late_in_the_training_is_found() {
    let failures = check(&Late).unwrap_err();
    assert!(
        failures.iter().all(|failure| failure.law == Law::Draws),
        "{}",
        failures[0]
    );
    assert!(
        failures[0].to_string().contains("too late (at progress 0.9)"),
        "{}",
        failures[0]
    );
}
