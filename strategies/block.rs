//! `block`: hides one block, either full-width rows or a square.
//!
//! Algorithm: rows hide `int(gh * block_ratio)` full rows; a square has side `int(sqrt(int(block_ratio * L)))`, and
//! where that is longer than a side of the grid, it is clamped there and the other side solved anew from the area.
//! The block starts at the upper left corner; `flipped` counts rows from the bottom; `random_offset` draws the first row
//! for each picture and overrides `flipped`; `horizontal_random_offset` slides the square sideways. Every position is
//! possible, the last row and column included.
//! Source: the façade variant of MAE (rows and square); block-wise sampling in He et al., CVPR 2022, table 1f.
//! Count: the whole rows or the whole square where `block_ratio` is given; else `L - int(L * (1 - ratio))` hidden, for
//! which the largest block within (or, when trimmed, the smallest block around) is completed by the policy `complete`.

use rand::{Rng, RngExt};

use crate::complete::{POLICIES, Policy, even_out};
use crate::{Error, Grid, Mask, MaskContext, MaskingStrategy, Param, Params, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Block;

/// Parameters that place a block; `combined` has the same.
pub(crate) const FLIPPED: Param = Param::flag(
    "flipped",
    false,
    "Count row 0 from the bottom of the picture, so that the block is masked from the bottom up.",
);
pub(crate) const RANDOM_OFFSET: Param = Param::flag(
    "random_offset",
    false,
    "Draw the block's first row for each picture; overrides flipped.",
);
pub(crate) const HORIZONTAL_RANDOM_OFFSET: Param = Param::flag(
    "horizontal_random_offset",
    false,
    "Draw the square's first column for each picture. Rows span the full width and ignore it.",
);
pub(crate) const SHAPES: &[&str] = &["rows", "square"];

static PARAMS: &[Param] = &[
    Param::choice("shape", SHAPES, "rows", "Hide full-width rows or a square."),
    Param::share(
        "block_ratio",
        "Share of the picture that the block takes, rounded down to whole rows or a whole square; it then sets the count \
         instead of ratio. Unset: the block is completed to the count that ratio asks for.",
    ),
    FLIPPED,
    RANDOM_OFFSET,
    HORIZONTAL_RANDOM_OFFSET,
    Param::choice(
        "complete",
        POLICIES,
        "topup_adjacent",
        "How a block that is not exactly ratio's count is completed: topup_adjacent hides further patches nearest to the \
         block (ties drawn), topup_random hides further patches anywhere, trim_raster shows the first patches of a larger \
         block, trim_random shows random patches of it. Unused where block_ratio is given.",
    ),
];

impl MaskingStrategy for Block {
    fn id(&self) -> &'static str {
        "block"
    }

    fn summary(&self) -> &'static str {
        "Hides one block: full-width rows or a square, from the top, the bottom or a drawn position. Hides whole rows or \
         a whole square where block_ratio is given, else exactly L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "The façade-reconstruction variant of MAE (rows, square); block-wise sampling in He et al., CVPR 2022 \
         (arXiv 2111.06377), table 1f"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        Ok(match req.params.float("block_ratio") {
            Some(share) => Size::of_share(req, share).area(),
            None => req.hidden_by_ratio(),
        })
    }

    fn is_random(&self, req: &Request) -> bool {
        let size = size(req);
        let completed = size.area() != self.hidden(req).unwrap_or(0) && Policy::of(req) != Policy::TrimRaster;
        completed || size.moves(req)
    }

    fn sample(&self, req: &Request, _ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let rect = size(req).place(req, rng);
        let mut hidden = rect.flags(req.grid);
        if req.params.float("block_ratio").is_none() {
            let all = (0..hidden.len()).collect();
            let near = |patch: usize| rect.distance(patch / req.grid.cols, patch % req.grid.cols);
            even_out(&mut hidden, all, req.hidden_by_ratio(), Policy::of(req), near, rng);
        }
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

/// The block's size, before completion.
fn size(req: &Request) -> Size {
    match req.params.float("block_ratio") {
        Some(share) => Size::of_share(req, share),
        None if Policy::of(req).trims() => Size::around(req),
        None => Size::within(req.grid, &req.params, req.hidden_by_ratio()),
    }
}

/// Rows and columns of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    rows: usize,
    cols: usize,
}

impl Size {
    /// The block that takes `share` of the grid, rounded down.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "floor meant"
    )]
    pub(crate) fn of_share(req: &Request, share: f64) -> Self {
        if is_rows(&req.params) {
            Self {
                rows: (req.grid.rows as f64 * share) as usize,
                cols: req.grid.cols,
            }
        } else {
            Self::within(req.grid, &req.params, (req.grid.len() as f64 * share) as usize)
        }
    }

    /// The largest block of at most `area` patches.
    fn within(grid: Grid, params: &Params, area: usize) -> Self {
        let side = area.isqrt();
        if is_rows(params) {
            Self {
                rows: area / grid.cols,
                cols: grid.cols,
            }
        } else if side > grid.rows {
            Self {
                rows: grid.rows,
                cols: area / grid.rows,
            }
        } else if side > grid.cols {
            Self {
                rows: area / grid.cols,
                cols: grid.cols,
            }
        } else {
            Self { rows: side, cols: side }
        }
    }

    /// The smallest block of at least the count that `ratio` asks for.
    fn around(req: &Request) -> Self {
        let (grid, area) = (req.grid, req.hidden_by_ratio());
        let side = area.isqrt() + usize::from(area.isqrt().pow(2) < area);
        if is_rows(&req.params) || side > grid.cols {
            Self {
                rows: area.div_ceil(grid.cols),
                cols: grid.cols,
            }
        } else if side > grid.rows {
            Self {
                rows: grid.rows,
                cols: area.div_ceil(grid.rows),
            }
        } else {
            Self { rows: side, cols: side }
        }
    }

    pub(crate) fn area(self) -> usize {
        self.rows * self.cols
    }

    /// Whether the block's place varies from picture to picture.
    pub(crate) fn moves(self, req: &Request) -> bool {
        let on = |name| req.params.bool(name) == Some(true);
        let vertical = on("random_offset") && self.rows < req.grid.rows;
        let horizontal = on("horizontal_random_offset") && self.cols < req.grid.cols;
        self.area() > 0 && (vertical || horizontal)
    }

    /// Chooses where the block lies.
    pub(crate) fn place(self, req: &Request, rng: &mut dyn Rng) -> Rect {
        let on = |name| req.params.bool(name) == Some(true);
        let mut draw = |slack: usize| rng.random_range(0..=slack as u64) as usize;
        let slack = req.grid.rows - self.rows;
        let top = match (on("random_offset"), on("flipped")) {
            (true, _) => draw(slack),
            (false, true) => slack,
            (false, false) => 0,
        };
        let left = if on("horizontal_random_offset") {
            draw(req.grid.cols - self.cols)
        } else {
            0
        };
        Rect { top, left, size: self }
    }
}

/// A placed block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    top: usize,
    left: usize,
    size: Size,
}

impl Rect {
    /// One flag for each patch in raster order, `true` inside the block.
    pub(crate) fn flags(self, grid: Grid) -> Vec<bool> {
        let mut flags = vec![false; grid.len()];
        for row in self.top..self.top + self.size.rows {
            let start = row * grid.cols + self.left;
            flags[start..start + self.size.cols].fill(true);
        }
        flags
    }

    /// Steps from a patch to the block, diagonal ones included; 0 inside.
    fn distance(self, row: usize, col: usize) -> usize {
        let gap = |x: usize, start: usize, len: usize| start.saturating_sub(x).max((x + 1).saturating_sub(start + len));
        gap(row, self.top, self.size.rows).max(gap(col, self.left, self.size.cols))
    }
}

fn is_rows(params: &Params) -> bool {
    params.text("shape") == Some("rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ascii, moving, plan, reach, rng, snapshot};

    #[test]
    fn whole_rows_and_whole_squares_set_the_count() {
        let hidden = |grid, params: &[(&str, crate::Value)]| plan("block", grid, 0.75, params).hidden();
        assert_eq!(hidden("14x14", &[("block_ratio", 0.5.into())]), 7 * 14);
        assert_eq!(hidden("14x14", &[("block_ratio", 0.3.into())]), 4 * 14);
        let square = |share: f64| [("shape", "square".into()), ("block_ratio", share.into())];
        assert_eq!(hidden("14x14", &square(0.3)), 49);
        assert_eq!(hidden("4x16", &square(0.75)), 48);
        assert_eq!(hidden("16x4", &square(0.75)), 48);
    }

    #[test]
    fn the_anchor_is_the_top_the_bottom_or_drawn() {
        let half = ("block_ratio", 0.5.into());
        assert_eq!(ascii("block", "4x3", std::slice::from_ref(&half)), "###\n###\n...\n...");
        assert_eq!(
            ascii("block", "4x3", &[half.clone(), ("flipped", true.into())]),
            "...\n...\n###\n###"
        );
        let drawn = plan(
            "block",
            "4x3",
            0.5,
            &[half, ("flipped", true.into()), ("random_offset", true.into())],
        );
        let tops = moving(&drawn, 64).into_iter().map(|m| m.ascii().find('#').unwrap() / 4);
        assert_eq!(
            tops.collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }

    #[test]
    fn a_drawn_block_reaches_every_row_and_column() {
        let drawn = [
            ("random_offset", true.into()),
            ("horizontal_random_offset", true.into()),
            ("block_ratio", 0.1.into()),
        ];
        for shape in SHAPES {
            let params: Vec<_> = drawn.iter().cloned().chain([("shape", (*shape).into())]).collect();
            for grid in ["14x14", "16x5"] {
                let counts = reach(&plan("block", grid, 0.75, &params), 400);
                assert!(
                    counts.iter().all(|c| *c > 0),
                    "{shape} on {grid} never hides some patch: {counts:?}"
                );
            }
        }
    }

    #[test]
    fn completion_stays_near_the_block_or_inside_it() {
        let grid = Grid::new(14, 14);
        for (policy, rows) in [
            ("topup_adjacent", 10..11),
            ("trim_raster", 0..1),
            ("trim_random", 0..11),
        ] {
            let mask = plan("block", "14x14", 0.75, &[("complete", policy.into())])
                .sample(&MaskContext::default(), &mut rng(5))
                .unwrap();
            let ragged: Vec<usize> = mask
                .bits()
                .chunks(grid.cols)
                .map(|r| r.iter().filter(|b| **b == 1).count())
                .collect();
            let partial = ragged.iter().enumerate().filter(|(_, n)| **n % grid.cols != 0);
            assert!(
                partial.map(|(row, _)| row).all(|row| rows.contains(&row)),
                "{policy}: {ragged:?}"
            );
            assert!(ragged[11..].iter().all(|n| *n == 0), "{policy}: {ragged:?}");
        }
        let spread = plan("block", "14x14", 0.75, &[("complete", "topup_random".into())]);
        assert!(reach(&spread, 200)[10 * 14..].iter().all(|c| *c > 0));
    }

    #[test]
    fn distances_are_counted_from_the_edges() {
        let rect = Rect {
            top: 2,
            left: 3,
            size: Size { rows: 2, cols: 1 },
        };
        let distances: Vec<usize> = [(2, 3), (3, 3), (1, 3), (4, 4), (0, 0), (7, 3)]
            .map(|(r, c)| rect.distance(r, c))
            .into();
        assert_eq!(distances, [0, 0, 1, 1, 3, 4]);
    }

    #[test]
    fn snapshots() {
        let square: &[_] = &[
            ("shape", "square".into()),
            ("random_offset", true.into()),
            ("horizontal_random_offset", true.into()),
        ];
        let rows: &[_] = &[("block_ratio", 0.3.into()), ("flipped", true.into())];
        snapshot(
            "block",
            &[
                ("14x14", 0.75, &[]),
                ("14x14", 0.75, rows),
                ("14x14", 0.5, square),
                ("4x16", 0.75, square),
            ],
        );
    }
}
