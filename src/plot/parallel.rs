//! Parallel coordinates: one upright axis for each quantity, one line through all of them for each thing.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::draw::PlotError;
use super::frame::{TEXT, fine, text_width};
use super::pen::{Canvas, Drawn, Script, stroke, write};
use super::{Rgb, theme};

/// Height of the axes in typographic pixels.
const HEIGHT: f64 = 210.0;
/// Room between two axes at least.
const APART: f64 = 96.0;
/// Ticks of an axis that are written at most.
const TICKS: usize = 16;

/// A drawing in parallel coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Parallel {
    /// What it shows, for readers that cannot see it.
    pub title: String,
    /// Axes from the left.
    pub axes: Vec<Coordinate>,
    /// Lines from back to front.
    pub lines: Vec<ParallelLine>,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinate {
    /// Its name.
    pub name: String,
    /// Places from 0 (below) to 1 (above), and their text.
    pub ticks: Vec<(f64, String)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelLine {
    /// Its place on each axis, from 0 to 1.
    pub places: Vec<f64>,
    /// Its colour.
    pub colour: Rgb,
}

impl Parallel {
    /// Colours that the drawing uses.
    pub fn colours(&self) -> Vec<Rgb> {
        self.lines
            .iter()
            .map(|l| l.colour)
            .chain([Rgb::INK, Rgb::GREY])
            .collect()
    }
}

/// The drawing as a standalone SVG document.
pub fn parallel_svg(parallel: &Parallel) -> Result<String, PlotError> {
    let place = Place::of(parallel);
    let (width, height) = (place.width.ceil(), (HEIGHT + TEXT * 4.0).ceil());
    let mut text = String::new();
    let size = (fine(width).unsigned_abs(), fine(height).unsigned_abs());
    let drawn = {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(parallel, &place, &canvas)
    };
    drawn.map_err(|e| PlotError::new(&parallel.title, &*e))?;
    Ok(theme::standalone(&text, &parallel.title, width as u32, height as u32))
}

/// Where the axes stand, in typographic pixels.
struct Place {
    axes: Vec<f64>,
    width: f64,
}

impl Place {
    fn of(parallel: &Parallel) -> Self {
        let widest = |axis: &Coordinate| axis.ticks.iter().map(|t| text_width(&t.1)).fold(0.0, f64::max) + 14.0;
        let name = |axis: &Coordinate| text_width(&axis.name);
        let mut axes = vec![];
        let mut edge = parallel.axes.first().map_or(0.0, |axis| name(axis) / 2.0 + 2.0);
        for (i, axis) in parallel.axes.iter().enumerate() {
            axes.push(edge);
            let names = parallel
                .axes
                .get(i + 1)
                .map_or(0.0, |next| f64::midpoint(name(axis), name(next)) + 12.0);
            edge += APART.max(widest(axis) + 24.0).max(names);
        }
        let right = parallel
            .axes
            .last()
            .map_or(0.0, |axis| widest(axis).max(name(axis) / 2.0) + 2.0);
        let width = axes.last().map_or(0.0, |x| x + right);
        Self {
            axes,
            width: width.max(1.0),
        }
    }
}

/// Distance of a place on an axis from the upper edge.
fn level(share: f64) -> f64 {
    TEXT * 2.6 + (1.0 - share) * HEIGHT
}

fn draw(parallel: &Parallel, place: &Place, canvas: &Canvas<'_>) -> Drawn {
    for line in &parallel.lines {
        let points = place
            .axes
            .iter()
            .zip(&line.places)
            .map(|(x, share)| (fine(*x), fine(level(*share))));
        canvas.draw(&PathElement::new(
            points.collect::<Vec<_>>(),
            stroke(line.colour, 1.2, 0.75),
        ))?;
    }
    for (axis, x) in parallel.axes.iter().zip(&place.axes) {
        coordinate(axis, *x, canvas)?;
    }
    Ok(canvas.present()?)
}

fn coordinate(axis: &Coordinate, x: f64, canvas: &Canvas<'_>) -> Drawn {
    let ends = vec![(fine(x), fine(level(0.0))), (fine(x), fine(level(1.0)))];
    canvas.draw(&PathElement::new(ends, stroke(Rgb::INK, 0.9, 1.0)))?;
    let head = (fine(x), fine(1.0));
    write(
        canvas,
        &axis.name,
        head,
        (HPos::Center, VPos::Top),
        Script::plain(Rgb::GREY),
    )?;
    let step = axis.ticks.len().div_ceil(TICKS).max(1);
    for (share, text) in axis.ticks.iter().step_by(step) {
        let y = fine(level(*share));
        canvas.draw(&PathElement::new(
            vec![(fine(x), y), (fine(x + 3.5), y)],
            stroke(Rgb::INK, 0.9, 1.0),
        ))?;
        write(
            canvas,
            text,
            (fine(x + 6.0), y),
            (HPos::Left, VPos::Center),
            Script::plain(Rgb::INK),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_through_their_places_on_every_axis() {
        let axis = |name: &str| Coordinate {
            name: name.into(),
            ticks: vec![(0.0, "low".into()), (1.0, "<high>".into())],
        };
        let line = ParallelLine {
            places: vec![0.0, 1.0],
            colour: Rgb(1, 2, 3),
        };
        let drawing = Parallel {
            title: "all".into(),
            axes: vec![axis("a"), axis("b")],
            lines: vec![line],
        };
        let text = parallel_svg(&drawing).unwrap();
        let place = Place::of(&drawing);
        let point = |i: usize, share: f64| format!("{},{}", fine(place.axes[i]), fine(level(share)));
        assert!(text.contains(&format!("{} {}", point(0, 0.0), point(1, 1.0))), "{text}");
        assert!(text.contains("&lt;high&gt;") && text.contains("#010203"));
    }

    #[test]
    fn nothing_at_all_is_drawn() {
        let empty = Parallel {
            title: "none".into(),
            axes: vec![],
            lines: vec![],
        };
        assert!(parallel_svg(&empty).unwrap().ends_with("</svg>\n"));
    }
}
