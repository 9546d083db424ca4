//! How series are told apart where colour is not enough: patterns of lines and shapes of dots, for print in grey and for
//! readers who see colours differently.

use plotters::prelude::*;

use super::Rgb;
use super::frame::{FINE, fine};
use super::pen::{Canvas, Drawn, fill, stroke};

/// Strokes and gaps of each pattern in typographic pixels; always pairs, none for a line without gaps.
const PATTERNS: [&[f64]; 7] = [
    &[],
    &[6.0, 2.6],
    &[1.6, 1.8],
    &[7.0, 2.2, 1.6, 2.2],
    &[11.0, 3.0],
    &[3.4, 1.8],
    &[7.0, 2.0, 1.6, 2.0, 1.6, 2.0],
];

/// The look of a series beside its colour. The default is a line without gaps and round dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark(usize);

impl Mark {
    /// The mark of the `index`-th of several series; marks repeat after seven.
    pub fn nth(index: usize) -> Self {
        Self(index % PATTERNS.len())
    }

    /// Draws a line through points in sub-pixels, with gaps.
    pub(super) fn line(
        self,
        canvas: &Canvas<'_>,
        points: Vec<(i32, i32)>,
        (colour, width, opacity): (Rgb, f64, f64),
    ) -> Drawn {
        let style = stroke(colour, width, opacity);
        cut(points, PATTERNS[self.0])
            .into_iter()
            .filter(|piece| piece.len() > 1)
            .try_for_each(|piece| Ok(canvas.draw(&PathElement::new(piece, style))?))
    }

    /// Draws a dot, filled or as an outline; `radius` is in typographic pixels.
    pub(super) fn dot(self, canvas: &Canvas<'_>, at: (i32, i32), radius: f64, ink: Ink) -> Drawn {
        let style = if ink.filled {
            fill(ink.colour, ink.opacity)
        } else {
            stroke(ink.colour, 1.1, ink.opacity)
        };
        let Some(mut corners) = self.corners(at, radius * FINE) else {
            return Ok(canvas.draw(&Circle::new(at, fine(radius), style))?);
        };
        if ink.filled {
            return Ok(canvas.draw(&Polygon::new(corners, style))?);
        }
        corners.extend(corners.first().copied());
        Ok(canvas.draw(&PathElement::new(corners, style))?)
    }

    /// Corners of the shape with about the area of a disc of that radius; `None` for the disc.
    fn corners(self, at: (i32, i32), radius: f64) -> Option<Vec<(i32, i32)>> {
        let place = |(x, y): (f64, f64)| (at.0 + (x * radius).round() as i32, at.1 + (y * radius).round() as i32);
        let star = [(0.35, 1.15), (0.35, 0.35), (1.15, 0.35)];
        let turned = |quarter: i32| {
            star.map(|(x, y)| match quarter {
                0 => (x, -y),
                1 => (y, x),
                2 => (-x, y),
                _ => (-y, -x),
            })
        };
        let plus = || (0..4).flat_map(turned).collect::<Vec<_>>();
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let shape: Vec<(f64, f64)> = match self.0 {
            0 => return None,
            1 => vec![(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)],
            2 => vec![(0.0, -1.35), (1.2, 0.75), (-1.2, 0.75)],
            3 => vec![(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            4 => vec![(0.0, 1.35), (1.2, -0.75), (-1.2, -0.75)],
            5 => plus()
                .into_iter()
                .map(|(x, y)| (half * (x - y), half * (x + y)))
                .collect(),
            _ => plus(),
        };
        Some(shape.into_iter().map(place).collect())
    }
}

/// What a dot is drawn with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) colour: Rgb,
    pub(super) filled: bool,
    pub(super) opacity: f64,
}

/// The strokes of a line with gaps.
fn cut(points: Vec<(i32, i32)>, pattern: &[f64]) -> Vec<Vec<(i32, i32)>> {
    let (Some(first), false) = (points.first().copied(), pattern.is_empty()) else {
        return vec![points];
    };
    let (mut strokes, mut current) = (vec![], vec![first]);
    let (mut part, mut left) = (0, pattern[0] * FINE);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let across = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let (length, mut gone) = (across.0.hypot(across.1), 0.0);
        while length - gone > left {
            gone += left;
            let share = gone / length;
            let here = (
                from.0 + (across.0 * share).round() as i32,
                from.1 + (across.1 * share).round() as i32,
            );
            if part % 2 == 0 {
                current.push(here);
                strokes.push(std::mem::take(&mut current));
            } else {
                current = vec![here];
            }
            part = (part + 1) % pattern.len();
            left = pattern[part] * FINE;
        }
        left -= length - gone;
        if part % 2 == 0 {
            current.push(to);
        }
    }
    strokes.extend((current.len() > 1).then_some(current));
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(points: &[(i32, i32)]) -> f64 {
        let step = |p: &[(i32, i32)]| f64::from(p[1].0 - p[0].0).hypot(f64::from(p[1].1 - p[0].1));
        points.windows(2).map(step).sum()
    }

    #[test]
    fn strokes_follow_the_line_around_corners_and_keep_their_share() {
        let bend = vec![(0, 0), (1000, 0), (1000, 1000), (2500, 1000)];
        for pattern in &PATTERNS[1..] {
            let strokes = cut(bend.clone(), pattern);
            assert!(strokes.len() > 5, "{strokes:?}");
            let drawn: f64 = strokes.iter().map(|s| length(s)).sum::<f64>() / length(&bend);
            let (on, all): (f64, f64) = (pattern.iter().step_by(2).sum(), pattern.iter().sum());
            assert!((drawn - on / all).abs() < 0.04, "{pattern:?}: {drawn}");
            let inside = |p: &(i32, i32)| p.1 == 0 || p.1 == 1000 || p.0 == 1000;
            assert!(strokes.iter().flatten().all(inside));
        }
        assert_eq!(cut(bend.clone(), &[]), [bend]);
        assert_eq!(cut(vec![], &[1.0, 1.0]), [vec![]]);
    }

    #[test]
    fn seven_marks_have_seven_patterns_and_shapes() {
        let shapes: std::collections::HashSet<_> = (0..7).map(|i| Mark::nth(i).corners((0, 0), 100.0)).collect();
        let patterns: std::collections::HashSet<_> = PATTERNS.iter().map(|p| format!("{p:?}")).collect();
        assert_eq!((shapes.len(), patterns.len()), (7, 7));
        assert_eq!(Mark::nth(7), Mark::default());
        assert!(PATTERNS.iter().all(|p| p.len() % 2 == 0));
    }
}
