//! Draws a [`Plot`] with plotters' SVG back end. plotters places on whole pixels, so everything is drawn [`FINE`] times larger
//! inside a `viewBox`; text is laid out from its length, since no font is loaded.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, RGBColor};

use super::axis::Layout;
use super::{Layer, On, Plot, Reference, Rgb, Scale};

/// Sub-pixels per typographic pixel.
pub(super) const FINE: f64 = 8.0;
/// Size of tick and axis text in typographic pixels.
const TEXT: f64 = 11.0;
/// Headroom that each reference line on the horizontal axis needs for its name.
pub const REFERENCE_LINE: u32 = 13;
/// Mean width of a letter as a share of the text size.
const LETTER: f64 = 0.56;

/// A figure that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("draw figure `{title}`: {reason}")]
pub struct PlotError {
    title: String,
    reason: String,
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Field<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The plot as a standalone SVG document.
pub fn svg(plot: &Plot) -> Result<String, PlotError> {
    let mut text = String::new();
    draw(plot, &mut text).map_err(|e| PlotError { title: plot.title.clone(), reason: e.to_string() })?;
    Ok(super::theme::standalone(&text, plot))
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
    let pen = Pen { plot, canvas: &canvas, field: &field, x: &x, y: &y };
    pen.grid()?;
    plot.references.iter().try_for_each(|r| pen.reference_line(r))?;
    plot.layers.iter().try_for_each(|layer| pen.layer(layer))?;
    pen.axes()?;
    pen.reference_names()?;
    pen.legend(size.0 - frame.right)?;
    canvas.present()?;
    Ok(())
}

/// Typographic pixels to sub-pixels.
fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * LETTER
}

/// Room around the axes for text, in sub-pixels.
struct Frame {
    top: i32,
    right: i32,
    bottom: i32,
    left: i32,
}

impl Frame {
    fn around(plot: &Plot, y: &Layout) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let ticks = widest(&mut y.ticks.iter().map(|t| text_width(&t.1)));
        let title = if plot.y.label.is_empty() { 0.0 } else { TEXT * 1.5 };
        let beside = widest(&mut plot.references.iter().filter(|r| r.on == On::Y).map(|r| text_width(&r.label) + 6.0));
        let legend = widest(&mut plot.legend.iter().map(|l| text_width(&l.0) + 26.0));
        Self {
            top: fine(6.0 + f64::from(plot.headroom)),
            right: fine(10.0 + beside + legend),
            bottom: fine(TEXT * if plot.x.label.is_empty() { 2.0 } else { 3.3 }),
            left: fine(ticks + title + 9.0),
        }
    }
}

/// All coordinates that must be inside the axes.
fn coordinates(plot: &Plot) -> (Vec<f64>, Vec<f64>) {
    let (mut xs, mut ys) = (vec![], vec![]);
    let mut add = |x: f64, y: f64| {
        xs.extend(plot.x.place(x));
        ys.extend(plot.y.place(y));
    };
    for layer in &plot.layers {
        match layer {
            Layer::Line { points, .. } | Layer::Dots { points, .. } => points.iter().for_each(|p| add(p.0, p.1)),
            Layer::Band { points, .. } => points.iter().for_each(|p| {
                add(p.0, p.1);
                add(p.0, p.2);
            }),
            Layer::Segments { segments, .. } => segments.iter().flat_map(|s| [s.0, s.1]).for_each(|p| add(p.0, p.1)),
        }
    }
    for reference in &plot.references {
        match reference.on {
            On::X => xs.extend(plot.x.place(reference.value)),
            On::Y => ys.extend(plot.y.place(reference.value)),
        }
    }
    (xs, ys)
}

/// Everything a part of the drawing needs.
struct Pen<'p, 'a> {
    plot: &'p Plot,
    canvas: &'p Canvas<'a>,
    field: &'p Field<'a>,
    x: &'p Layout,
    y: &'p Layout,
}

impl Pen<'_, '_> {
    fn place(&self, point: (f64, f64)) -> Option<(f64, f64)> {
        Some((self.plot.x.place(point.0)?, self.plot.y.place(point.1)?))
    }

    fn pixel(&self, x: f64, y: f64) -> (i32, i32) {
        self.field.map_coordinate(&(x, y))
    }

    fn path(&self, points: Vec<(i32, i32)>, colour: Rgb, width: f64, opacity: f64) -> Drawn {
        Ok(self.canvas.draw(&PathElement::new(points, stroke(colour, width, opacity)))?)
    }

    fn write(&self, text: &str, at: (i32, i32), anchor: (HPos, VPos), colour: Rgb, turn: FontTransform) -> Drawn {
        // plotters divides the size by 1.24 when it writes it.
        let colour = RGBColor(colour.0, colour.1, colour.2);
        let style = TextStyle::from((super::theme::FONT, TEXT * FINE * 1.24).into_font().transform(turn))
            .color(&colour)
            .pos(Pos::new(anchor.0, anchor.1));
        Ok(self.canvas.draw(&Text::new(text.to_owned(), at, style))?)
    }

    fn grid(&self) -> Drawn {
        if !matches!(self.plot.x.scale, Scale::Names(_)) {
            for (x, _) in &self.x.ticks {
                self.path(vec![self.pixel(*x, self.y.low), self.pixel(*x, self.y.high)], Rgb::GRID, 0.6, 1.0)?;
            }
        }
        for (y, _) in &self.y.ticks {
            self.path(vec![self.pixel(self.x.low, *y), self.pixel(self.x.high, *y)], Rgb::GRID, 0.6, 1.0)?;
        }
        Ok(())
    }

    fn axes(&self) -> Drawn {
        let corner = self.pixel(self.x.low, self.y.low);
        self.path(vec![self.pixel(self.x.low, self.y.high), corner, self.pixel(self.x.high, self.y.low)], Rgb::INK, 0.8, 1.0)?;
        for (x, text) in &self.x.ticks {
            let (px, py) = self.pixel(*x, self.y.low);
            self.path(vec![(px, py), (px, py + fine(3.0))], Rgb::INK, 0.8, 1.0)?;
            self.write(text, (px, py + fine(5.5)), (HPos::Center, VPos::Top), Rgb::INK, FontTransform::None)?;
        }
        for (y, text) in &self.y.ticks {
            let (px, py) = self.pixel(self.x.low, *y);
            self.path(vec![(px - fine(3.0), py), (px, py)], Rgb::INK, 0.8, 1.0)?;
            self.write(text, (px - fine(5.5), py), (HPos::Right, VPos::Center), Rgb::INK, FontTransform::None)?;
        }
        self.titles(corner)
    }

    fn titles(&self, corner: (i32, i32)) -> Drawn {
        let far = self.pixel(self.x.high, self.y.high);
        let height = fine(f64::from(self.plot.height));
        let (mid_x, mid_y) = ((corner.0 + far.0) / 2, (corner.1 + far.1) / 2);
        let below = (mid_x, height - fine(3.0));
        self.write(&self.plot.x.label, below, (HPos::Center, VPos::Bottom), Rgb::INK, FontTransform::None)?;
        let beside = (fine(1.0), mid_y);
        self.write(&self.plot.y.label, beside, (HPos::Center, VPos::Top), Rgb::INK, FontTransform::Rotate270)
    }

    fn layer(&self, layer: &Layer) -> Drawn {
        match layer {
            Layer::Line { points, colour, width, opacity } => {
                for run in points.split(|p| self.place(*p).is_none()) {
                    let pixels: Vec<_> =
                        run.iter().filter_map(|p| self.place(*p)).map(|p| self.pixel(p.0, p.1)).collect();
                    match pixels.as_slice() {
                        [lone] => self.canvas.draw(&Circle::new(*lone, fine(*width), fill(*colour, *opacity)))?,
                        _ => self.path(pixels, *colour, *width, *opacity)?,
                    }
                }
            }
            Layer::Band { points, colour } => self.band(points, *colour)?,
            Layer::Dots { points, colour, radius, filled, opacity } => {
                let style = if *filled { fill(*colour, *opacity) } else { stroke(*colour, 1.1, *opacity) };
                for (x, y) in points.iter().filter_map(|p| self.place(*p)) {
                    self.canvas.draw(&Circle::new(self.pixel(x, y), fine(*radius), style))?;
                }
            }
            Layer::Segments { segments, colour, width } => {
                for (a, b) in segments.iter().filter_map(|(a, b)| Some((self.place(*a)?, self.place(*b)?))) {
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
        if outline.len() > 2 { Ok(self.canvas.draw(&Polygon::new(outline, fill(colour, 0.16)))?) } else { Ok(()) }
    }

    /// A dashed line across the axes.
    fn reference_line(&self, reference: &Reference) -> Drawn {
        let Some((from, to)) = self.reference_ends(reference) else { return Ok(()) };
        let (length, dash) = (f64::from((to.0 - from.0).abs() + (to.1 - from.1).abs()), 7.0 * FINE);
        let at = |share: f64| {
            let mix = |a: i32, b: i32| a + (f64::from(b - a) * share.min(1.0)).round() as i32;
            (mix(from.0, to.0), mix(from.1, to.1))
        };
        for i in 0..(length / dash).ceil() as i32 {
            let start = f64::from(i) * dash / length;
            self.path(vec![at(start), at(start + dash * 0.6 / length)], Rgb::GREY, 1.0, 1.0)?;
        }
        Ok(())
    }

    fn reference_ends(&self, reference: &Reference) -> Option<((i32, i32), (i32, i32))> {
        Some(match reference.on {
            On::Y => {
                let y = self.plot.y.place(reference.value)?;
                (self.pixel(self.x.low, y), self.pixel(self.x.high, y))
            }
            On::X => {
                let x = self.plot.x.place(reference.value)?;
                (self.pixel(x, self.y.low), self.pixel(x, self.y.high))
            }
        })
    }

    /// Names of the reference lines: beside the axes for a vertical axis, stacked above for a horizontal one.
    fn reference_names(&self) -> Drawn {
        let mut named: Vec<_> =
            self.plot.references.iter().filter_map(|r| Some((r, self.reference_ends(r)?.1))).collect();
        named.sort_by_key(|(_, end)| std::cmp::Reverse(end.1));
        let mut free = i32::MAX;
        let (mut row, far) = (0.0, self.pixel(self.x.high, self.y.high));
        for (reference, end) in named {
            if reference.on == On::Y {
                let y = end.1.min(free);
                free = y - fine(TEXT * 1.05);
                let at = (end.0 + fine(4.0), y);
                self.write(&reference.label, at, (HPos::Left, VPos::Center), Rgb::GREY, FontTransform::None)?;
            } else {
                let wide = fine(text_width(&reference.label));
                let anchor = if end.0 + wide > far.0 { HPos::Right } else { HPos::Left };
                let at = (end.0, end.1 - fine(3.0 + row * f64::from(REFERENCE_LINE)));
                row += 1.0;
                self.write(&reference.label, at, (anchor, VPos::Bottom), Rgb::GREY, FontTransform::None)?;
            }
        }
        Ok(())
    }

    fn legend(&self, right_of: i32) -> Drawn {
        let beside = self.plot.references.iter().filter(|r| r.on == On::Y).map(|r| text_width(&r.label) + 6.0);
        let left = right_of + fine(8.0 + beside.fold(0.0, f64::max));
        for (i, (name, colour)) in self.plot.legend.iter().enumerate() {
            let y = fine(12.0 + i as f64 * TEXT * 1.35);
            self.path(vec![(left, y), (left + fine(12.0), y)], *colour, 2.0, 1.0)?;
            self.write(name, (left + fine(16.0), y), (HPos::Left, VPos::Center), Rgb::INK, FontTransform::None)?;
        }
        Ok(())
    }
}

fn stroke(colour: Rgb, width: f64, opacity: f64) -> ShapeStyle {
    RGBColor(colour.0, colour.1, colour.2).mix(opacity).stroke_width(fine(width).unsigned_abs())
}

fn fill(colour: Rgb, opacity: f64) -> ShapeStyle {
    RGBColor(colour.0, colour.1, colour.2).mix(opacity).filled()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Axis;

    fn plot() -> Plot {
        let mut plot = Plot::new("a <title> & \"more\"", Axis::linear("epoch"), Axis::linear("loss <script>"));
        plot.layers.push(Layer::Line {
            points: vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5), (3.0, f64::INFINITY), (4.0, 0.25), (5.0, 0.2)],
            colour: Rgb(0, 114, 178),
            width: 1.0,
            opacity: 1.0,
        });
        plot.references.push(Reference { value: 0.7, label: "chance </text>".into(), on: On::Y });
        plot
    }

    #[test]
    fn text_is_escaped_and_numbers_are_finite() {
        let text = svg(&plot()).unwrap();
        assert!(text.contains("loss &lt;script&gt;") && !text.contains("<script"), "{text}");
        assert!(text.contains("<title>a &lt;title&gt; &amp; &quot;more&quot;</title>"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn every_tag_is_closed_in_order() {
        let text = svg(&plot()).unwrap();
        let mut open: Vec<&str> = vec![];
        for tag in text.split('<').skip(1).map(|t| t.split('>').next().unwrap()) {
            let name = tag.trim_start_matches('/').split_whitespace().next().unwrap().trim_end_matches('/');
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
        assert_eq!(text.matches("stroke=\"#0072B2\"").count(), 1, "one stretch of two points: {text}");
        assert_eq!(text.matches("fill=\"#0072B2\"").count(), 2, "two lone points, as dots: {text}");
    }
}
