//! Rectangles of a drawn area and aspect, at a drawn place of the grid. Every place is possible, the last row and
//! column included; a side that does not fit is clamped and the other one solved anew from the area.

use rand::{Rng, RngExt};

use crate::{Error, Grid, Kind, Literal, Param, Request};

/// Bounds of an aspect, height over width.
const ASPECTS: Kind = Kind::Float { min: 0.1, max: 10.0 };

/// A number parameter with a default and these bounds.
const fn number(name: &'static str, kind: Kind, default: f64, doc: &'static str) -> Param {
    Param {
        name,
        kind,
        default: Some(Literal::Float(default)),
        doc,
    }
}

/// The parameter `min_aspect`.
pub(crate) const fn min_aspect(default: f64) -> Param {
    number(
        "min_aspect",
        ASPECTS,
        default,
        "Least height over width of a rectangle.",
    )
}

/// The parameter `max_aspect`.
pub(crate) const fn max_aspect(default: f64) -> Param {
    number(
        "max_aspect",
        ASPECTS,
        default,
        "Greatest height over width of a rectangle; at least min_aspect.",
    )
}

/// A parameter for the least or greatest share of the grid that a rectangle takes.
pub(crate) const fn scale(name: &'static str, default: f64, doc: &'static str) -> Param {
    number(name, Kind::Float { min: 0.01, max: 1.0 }, default, doc)
}

/// The values of the parameters `min_<what>` and `max_<what>`.
pub(crate) fn range(req: &Request, what: &str) -> (f64, f64) {
    let value = |end: &str| req.params.float(&format!("{end}_{what}")).unwrap_or(1.0);
    (value("min"), value("max"))
}

/// Refuses a range that is upside down.
///
/// # Errors
/// With the names of both keys.
pub(crate) fn check_range(req: &Request, what: &str) -> Result<(), Error> {
    let (min, max) = range(req, what);
    if min <= max {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "mask.min_{what} = {min} is above mask.max_{what} = {max}: lower min_{what} or raise max_{what}"
    )))
}

/// A number between two others, its logarithm uniform: an aspect is as often above 1 as its inverse below.
pub(crate) fn log_uniform((min, max): (f64, f64), rng: &mut dyn Rng) -> f64 {
    (min.ln() + rng.random::<f64>() * (max.ln() - min.ln())).exp()
}

/// A number between two others.
pub(crate) fn uniform((min, max): (f64, f64), rng: &mut dyn Rng) -> f64 {
    min + rng.random::<f64>() * (max - min)
}

/// Rows and columns of a rectangle of this aspect that has at most `area` patches, or at least that many with `around`.
/// `area` must be at least 1 and at most that of the grid.
pub(crate) fn sides(grid: Grid, area: usize, aspect: f64, around: bool) -> (usize, usize) {
    let divide = |by: usize| if around { area.div_ceil(by) } else { area / by };
    let rows = ((area as f64 * aspect).sqrt().round() as usize).clamp(1, grid.rows.min(area));
    if divide(rows) <= grid.cols {
        (rows, divide(rows))
    } else {
        (divide(grid.cols), grid.cols)
    }
}

/// The patches, in raster order, of a rectangle at a drawn place.
pub(crate) fn place(grid: Grid, (rows, cols): (usize, usize), rng: &mut dyn Rng) -> Vec<usize> {
    let top = rng.random_range(0..=grid.rows - rows);
    let left = rng.random_range(0..=grid.cols - cols);
    (top..top + rows)
        .flat_map(|r| (left..left + cols).map(move |c| r * grid.cols + c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn sides_fit_and_keep_to_the_area() {
        for (rows, cols) in [(14, 14), (7, 13), (16, 4), (1, 12), (9, 1), (1, 1)] {
            let grid = Grid::new(rows, cols);
            for area in 1..=grid.len() {
                for aspect in [0.1, 0.3, 1.0, 2.2, 10.0] {
                    let (h, w) = sides(grid, area, aspect, false);
                    assert!(
                        (1..=rows).contains(&h) && (1..=cols).contains(&w) && h * w <= area,
                        "{grid} {area}"
                    );
                    let (h, w) = sides(grid, area, aspect, true);
                    assert!(
                        (1..=rows).contains(&h) && (1..=cols).contains(&w) && h * w >= area,
                        "{grid} {area}"
                    );
                }
            }
        }
        assert_eq!(sides(Grid::new(14, 14), 32, 2.0, false), (8, 4));
        assert_eq!(sides(Grid::new(4, 16), 32, 2.0, false), (4, 8));
        assert_eq!(sides(Grid::new(16, 4), 32, 0.5, false), (8, 4));
    }

    #[test]
    fn places_reach_the_last_row_and_column() {
        let grid = Grid::new(5, 6);
        let mut rng = rng(0);
        let mut seen = vec![0; grid.len()];
        (0..200).for_each(|_| place(grid, (2, 3), &mut rng).iter().for_each(|patch| seen[*patch] += 1));
        assert!(seen.iter().all(|n| *n > 0), "{seen:?}");
    }

    #[test]
    fn drawn_aspects_are_as_often_above_one_as_below() {
        let mut rng = rng(0);
        let above = (0..1000).filter(|_| log_uniform((0.25, 4.0), &mut rng) > 1.0).count();
        assert!((440..560).contains(&above), "{above}");
    }
}
