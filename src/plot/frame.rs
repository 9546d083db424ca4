//! Measures of a drawing: sub-pixels, text, and the room around the axes.

use super::axis::Layout;
use super::{Layer, On, Plot};

/// Sub-pixels per typographic pixel.
pub(super) const FINE: f64 = 8.0;
/// Size of tick and axis text in typographic pixels.
pub(super) const TEXT: f64 = 11.0;
/// Headroom that each reference line on the horizontal axis needs for its name.
pub const REFERENCE_LINE: u32 = 13;
/// Mean width of a letter as a share of the text size.
pub(super) const LETTER: f64 = 0.56;

/// Typographic pixels to sub-pixels.
pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * LETTER
}

/// Room around the axes for text, in sub-pixels.
pub(super) struct Frame {
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
    pub(super) left: i32,
}

impl Frame {
    pub(super) fn around(plot: &Plot, y: &Layout) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let ticks = widest(&mut y.ticks.iter().map(|t| text_width(&t.1)));
        let title = if plot.y.label.is_empty() { 0.0 } else { TEXT * 1.5 };
        let beside = widest(
            &mut plot
                .references
                .iter()
                .filter(|r| r.on == On::Y)
                .map(|r| text_width(&r.label) + 6.0),
        );
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
pub(super) fn coordinates(plot: &Plot) -> (Vec<f64>, Vec<f64>) {
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
