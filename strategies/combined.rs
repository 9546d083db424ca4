//! `combined`: hides a block, then random patches among those left.
//!
//! Algorithm: a block as in `block` (a square unless `shape = "rows"`), then uniformly drawn patches outside it.
//! `random_ratio` is a share of the patches that remain after the block; `random_of = "total"` takes it of all patches,
//! as published code does against its description.
//! Source: the façade variant of MAE (combined). On 14x14 with 0.3 and 0.45 the square has side 7, 49 patches, then
//! int(.45 * 147) = 66 are drawn: 115 hidden (of the total: int(.45 * 196) = 88, 137 hidden).
//! Count: block plus random part where `random_ratio` is given; else `L - int(L * (1 - ratio))` hidden, the random part
//! being what the block leaves open. Without `block_ratio` the block takes 0.4 * ratio of the picture (0.3 at 0.75).

use rand::Rng;
use rand::seq::SliceRandom;

use crate::block::{FLIPPED, HORIZONTAL_RANDOM_OFFSET, RANDOM_OFFSET, SHAPES, Size};
use crate::{Error, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Combined;

/// Part of the hidden share that the block takes where `block_ratio` is not given: .3 of .75.
const BLOCK_PART: f64 = 0.4;

static PARAMS: &[Param] = &[
    Param::choice(
        "shape",
        SHAPES,
        "square",
        "Shape of the block: a square or full-width rows.",
    ),
    Param::share(
        "block_ratio",
        "Share of the picture that the block takes, rounded down to a whole square or whole rows. Unset: 0.4 * ratio.",
    ),
    Param::share(
        "random_ratio",
        "Share of the patches hidden at random after the block (see random_of); with the block it then sets the count \
         instead of ratio. Unset: as many as are missing to the count that ratio asks for.",
    ),
    Param::choice(
        "random_of",
        &["remaining", "total"],
        "remaining",
        "What random_ratio is a share of: the patches that remain after the block, or all patches.",
    ),
    FLIPPED,
    RANDOM_OFFSET,
    HORIZONTAL_RANDOM_OFFSET,
];

impl MaskingStrategy for Combined {
    fn id(&self) -> &'static str {
        "combined"
    }

    fn summary(&self) -> &'static str {
        "Hides a block (a square or full-width rows), then random patches among those left. Hides block plus random_ratio \
         of the patches where that is given, else exactly L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "The façade-reconstruction variant of MAE (combined masking)"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        let (block, random) = parts(req)?;
        Ok(block.area() + random)
    }

    fn is_random(&self, req: &Request) -> bool {
        parts(req).is_ok_and(|(block, random)| {
            let left = req.grid.len() - block.area();
            (random > 0 && random < left) || block.moves(req)
        })
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let (block, random) = parts(req).expect("hidden accepted the request");
        let mut hidden = block.place(req, rng).flags(req.grid);
        let mut left: Vec<usize> = (0..hidden.len()).filter(|patch| !hidden[*patch]).collect();
        for patch in &*left.partial_shuffle(rng, random).0 {
            hidden[*patch] = true;
        }
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

/// The block's size and the number of patches drawn besides.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "floor meant"
)]
fn parts(req: &Request) -> Result<(Size, usize), Error> {
    let share = req.params.float("block_ratio").unwrap_or(BLOCK_PART * req.ratio);
    let block = Size::of_share(req, share);
    let left = req.grid.len() - block.area();
    let Some(random_ratio) = req.params.float("random_ratio") else {
        return match req.hidden_by_ratio().checked_sub(block.area()) {
            Some(random) => Ok((block, random)),
            None => Err(too_large(req, share, block.area())),
        };
    };
    let of = if req.params.text("random_of") == Some("total") {
        req.grid.len()
    } else {
        left
    };
    let random = (of as f64 * random_ratio) as usize;
    if random > left {
        Err(too_many(req, random, left))
    } else {
        Ok((block, random))
    }
}

fn too_large(req: &Request, share: f64, area: usize) -> Error {
    Error::Refused(format!(
        "mask.block_ratio = {share} hides {area} patches of grid {}, more than the {} that mask.ratio = {} asks for: \
         lower block_ratio, raise ratio or give random_ratio",
        req.grid,
        req.hidden_by_ratio(),
        req.ratio
    ))
}

fn too_many(req: &Request, random: usize, left: usize) -> Error {
    Error::Refused(format!(
        "mask.random_ratio asks for {random} random patches, and the block leaves {left} of grid {}: lower random_ratio \
         or block_ratio, or set random_of to remaining",
        req.grid
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, reach, rng, snapshot, try_plan};

    const BLOCK: (&str, f64) = ("block_ratio", 0.3);

    fn facade(random_ratio: f64, extra: &[(&'static str, crate::Value)]) -> Vec<(&'static str, crate::Value)> {
        [(BLOCK.0, BLOCK.1.into()), ("random_ratio", random_ratio.into())]
            .into_iter()
            .chain(extra.iter().cloned())
            .collect()
    }

    #[test]
    fn counts_of_the_facade_variant() {
        assert_eq!(plan("combined", "14x14", 0.75, &facade(0.45, &[])).hidden(), 49 + 66);
        assert_eq!(
            plan(
                "combined",
                "14x14",
                0.75,
                &facade(0.45, &[("random_of", "total".into())])
            )
            .hidden(),
            49 + 88
        );
        assert_eq!(
            plan("combined", "14x14", 0.75, &facade(0.45, &[("shape", "rows".into())])).hidden(),
            56 + 63
        );
    }

    #[test]
    fn ratio_alone_sets_the_count_and_the_block_takes_two_fifths() {
        let plan = plan("combined", "14x14", 0.75, &[]);
        assert_eq!(plan.hidden(), 147);
        let always = reach(&plan, 300)
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count == 300);
        let corner: Vec<usize> = (0..7).flat_map(|row| (0..7).map(move |col| row * 14 + col)).collect();
        assert_eq!(always.map(|(patch, _)| patch).collect::<Vec<_>>(), corner);
    }

    #[test]
    fn a_drawn_block_reaches_every_row_and_column() {
        let extra = [
            ("random_offset", true.into()),
            ("horizontal_random_offset", true.into()),
        ];
        for grid in ["14x14", "16x5"] {
            let counts = reach(&plan("combined", grid, 0.75, &facade(0.0, &extra)), 400);
            assert!(
                counts.iter().all(|c| *c > 0),
                "{grid} never hides some patch: {counts:?}"
            );
        }
    }

    #[test]
    fn contradictions_are_refused_with_the_cure() {
        let message = |ratio, params: &[_]| try_plan("combined", "14x14", ratio, params).unwrap_err().to_string();
        let large = message(0.2, &[("block_ratio", 0.3.into())]);
        assert!(
            large.contains("hides 49 patches") && large.contains("lower block_ratio, raise ratio"),
            "{large}"
        );
        let many = message(0.75, &facade(0.9, &[("random_of", "total".into())]));
        assert!(
            many.contains("asks for 176 random patches, and the block leaves 147"),
            "{many}"
        );
    }

    #[test]
    fn the_block_is_hidden_whole() {
        let mask = plan("combined", "14x14", 0.75, &facade(0.1, &[("flipped", true.into())]))
            .sample(&MaskContext::default(), &mut rng(2))
            .unwrap();
        let bits = mask.bits();
        assert!((7..14).all(|row| bits[row * 14..row * 14 + 7].iter().all(|b| *b == 1)));
    }

    #[test]
    fn snapshots() {
        let flipped: &[_] = &[
            ("block_ratio", 0.3.into()),
            ("random_ratio", 0.45.into()),
            ("flipped", true.into()),
        ];
        let rows: &[_] = &[("shape", "rows".into()), ("random_offset", true.into())];
        snapshot(
            "combined",
            &[("14x14", 0.75, &[]), ("14x14", 0.75, flipped), ("7x13", 0.6, rows)],
        );
    }
}
