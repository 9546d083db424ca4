//! Strategies that each break one law, and tests that the conformance suite sees it: a suite that passes everything
//! would prove nothing.

use rand::{Rng, RngExt};

use crate::conformance::{Law, check};
use crate::random::Random;
use crate::{Error, Grid, Literal, Mask, MaskContext, MaskingStrategy, Param, Request};

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
