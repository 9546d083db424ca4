//! Draws a [`Plot`] with plotters' SVG back end. plotters places on whole pixels, so everything is drawn several times larger
//! inside a `viewBox`; text is laid out from its length, since no font is loaded.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::frame::{Frame, coordinates, fine};
use super::mark::Ink;
use super::pen::{Drawn, Pen, fill};
use super::{Layer, Plot, Rgb};

/// A figure that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("draw figure `{title}`: {reason}")]
pub struct PlotError {
    title: String,
    reason: String,
}

impl PlotError {
    pub(super) fn new(title: &str, reason: &dyn std::error::Error) -> Self {
        Self {
            title: title.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// The plot as a standalone SVG document.
pub fn svg(plot: &Plot) -> Result<String, PlotError> {
    Ok(super::theme::standalone(
        &drawn(plot)?,
        &plot.title,
        plot.width,
        plot.height,
    ))
}

/// The plot as plotters writes it, in sub-pixels.
pub(super) fn drawn(plot: &Plot) -> Result<String, PlotError> {
    let mut text = String::new();
    draw(plot, &mut text).map_err(|e| PlotError::new(&plot.title, &*e))?;
    Ok(text)
}

fn draw(plot: &Plot, text: &mut String) -> Drawn {
    let size = (fine(f64::from(plot.width)), fine(f64::from(plot.height)));
    let canvas = SVGBackend::with_string(text, (size.0.unsigned_abs(), size.1.unsigned_abs())).into_drawing_area();
    let (xs, ys) = coordinates(plot);
    let (x, y) = (plot.x.lay_out(&xs), plot.y.lay_out(&ys));
    let frame = Frame::around(plot, &y);
    let field = canvas
        .margin(frame.top, frame.bottom, frame.left, frame.right)
        .apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            x.low..x.high,
            y.low..y.high,
            (frame.left..size.0 - frame.right, size.1 - frame.bottom..frame.top),
        ));
    let pen = Pen {
        plot,
        canvas: &canvas,
        field: &field,
        x: &x,
        y: &y,
    };
    pen.grid()?;
    plot.references.iter().try_for_each(|r| pen.reference_line(r))?;
    plot.layers.iter().try_for_each(|layer| pen.layer(layer))?;
    pen.axes()?;
    pen.reference_names()?;
    pen.legend(size.0 - frame.right)?;
    canvas.present()?;
    Ok(())
}

impl Pen<'_, '_> {
    fn layer(&self, layer: &Layer) -> Drawn {
        match layer {
            Layer::Line {
                points,
                colour,
                width,
                opacity,
            } => {
                for run in points.split(|p| self.place(*p).is_none()) {
                    let pixels: Vec<_> = run
                        .iter()
                        .filter_map(|p| self.place(*p))
                        .map(|p| self.pixel(p.0, p.1))
                        .collect();
                    match pixels.as_slice() {
                        [lone] => self
                            .canvas
                            .draw(&Circle::new(*lone, fine(*width), fill(*colour, *opacity)))?,
                        _ => self
                            .plot
                            .mark(*colour)
                            .line(self.canvas, pixels, (*colour, *width, *opacity))?,
                    }
                }
            }
            Layer::Band { points, colour } => self.band(points, *colour)?,
            Layer::Dots {
                points,
                colour,
                radius,
                filled,
                opacity,
            } => {
                let ink = Ink {
                    colour: *colour,
                    filled: *filled,
                    opacity: *opacity,
                };
                for (x, y) in points.iter().filter_map(|p| self.place(*p)) {
                    self.plot
                        .mark(*colour)
                        .dot(self.canvas, self.pixel(x, y), *radius, ink)?;
                }
            }
            Layer::Segments {
                segments,
                colour,
                width,
            } => {
                for (a, b) in segments
                    .iter()
                    .filter_map(|(a, b)| Some((self.place(*a)?, self.place(*b)?)))
                {
                    self.path(vec![self.pixel(a.0, a.1), self.pixel(b.0, b.1)], *colour, *width, 1.0)?;
                }
            }
        }
        Ok(())
    }

    fn band(&self, points: &[(f64, f64, f64)], colour: Rgb) -> Drawn {
        let upper = points.iter().filter_map(|p| self.place((p.0, p.2)));
        let lower = points.iter().rev().filter_map(|p| self.place((p.0, p.1)));
        let outline: Vec<_> = upper.chain(lower).map(|p| self.pixel(p.0, p.1)).collect();
        if outline.len() > 2 {
            Ok(self.canvas.draw(&Polygon::new(outline, fill(colour, 0.16)))?)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, On, Reference};

    fn plot() -> Plot {
        let mut plot = Plot::new(
            "a <title> & \"more\"",
            Axis::linear("epoch"),
            Axis::linear("loss <script>"),
        );
        plot.layers.push(Layer::Line {
            points: vec![
                (0.0, 1.0),
                (1.0, f64::NAN),
                (2.0, 0.5),
                (3.0, f64::INFINITY),
                (4.0, 0.25),
                (5.0, 0.2),
            ],
            colour: Rgb(0, 114, 178),
            width: 1.0,
            opacity: 1.0,
        });
        plot.references.push(Reference {
            value: 0.7,
            label: "chance </text>".into(),
            on: On::Y,
        });
        plot
    }

    #[test]
    fn text_is_escaped_and_numbers_are_finite() {
        let text = svg(&plot()).unwrap();
        assert!(
            text.contains("loss &lt;script&gt;") && !text.contains("<script"),
            "{text}"
        );
        assert!(
            text.contains("<title>a &lt;title&gt; &amp; &quot;more&quot;</title>"),
            "{text}"
        );
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn every_tag_is_closed_in_order() {
        let text = svg(&plot()).unwrap();
        let mut open: Vec<&str> = vec![];
        for tag in text.split('<').skip(1).map(|t| t.split('>').next().unwrap()) {
            let name = tag
                .trim_start_matches('/')
                .split_whitespace()
                .next()
                .unwrap()
                .trim_end_matches('/');
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?} left open");
    }

    #[test]
    fn an_empty_plot_still_has_axes() {
        let text = svg(&Plot::new("empty", Axis::log("x"), Axis::names("y", vec![]))).unwrap();
        assert!(text.contains("polyline"));
    }

    #[test]
    fn a_line_breaks_at_values_that_are_not_finite() {
        let text = svg(&plot()).unwrap();
        assert_eq!(
            text.matches("stroke=\"#0072B2\"").count(),
            1,
            "one stretch of two points: {text}"
        );
        assert_eq!(
            text.matches("fill=\"#0072B2\"").count(),
            2,
            "two lone points, as dots: {text}"
        );
    }
}
