//! Series to SVG. The only room that knows plotters; it knows nothing about runs, metrics or files.
//! A [`Plot`] is a list of layers over two axes; [`svg`] draws it in the look of a two-column paper.
//! A [`Matrix`] is a heat map with numbers, [`Strips`] are rows of small maps and bars. [`Parallel`] are parallel coordinates,
//! [`spark`] is one small curve as a path, and a [`Contact`] sheet holds pictures. A [`Sheet`] puts plots on paper, and [`Press`] makes any of these drawings a file
//! for a paper.

mod axis;
mod colour;
mod contact;
mod downsample;
mod draw;
mod frame;
mod heat;
mod mark;
mod matrix;
mod parallel;
mod pdf;
mod pen;
mod print;
mod sheet;
mod spark;
mod strips;
mod theme;

pub use axis::{Axis, Scale};
pub use colour::{Rgb, categorical, dark, sequential};
pub use contact::{Contact, ContactRow, Thumb, contact_svg};
pub use downsample::min_max;
pub use draw::{PlotError, svg};
pub use frame::REFERENCE_LINE;
pub use heat::{Map, heat};
pub use mark::Mark;
pub use matrix::{Matrix, MatrixRow, Tile, matrix_svg, matrix_svg_within};
pub use parallel::{Coordinate, Parallel, ParallelLine, parallel_svg};
pub use print::{Press, Printed, Span};
pub use sheet::{Sheet, sheet_svg};
pub use spark::{SPARK_HEIGHT, SPARK_WIDTH, spark};
pub use strips::{Strip, Strips, strips_svg};
pub use theme::{dark_rules, embed, escape};

/// One thing drawn inside the axes; later layers lie on top.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A line through the points; it breaks where a value is not finite.
    Line {
        /// Points as (x, y).
        points: Vec<(f64, f64)>,
        /// Colour.
        colour: Rgb,
        /// Width in typographic pixels.
        width: f64,
        /// Opacity from 0 to 1.
        opacity: f64,
    },
    /// The area between a lower and an upper line, points as (x, low, high).
    Band {
        /// Points as (x, low, high).
        points: Vec<(f64, f64, f64)>,
        /// Colour, drawn faintly.
        colour: Rgb,
    },
    /// Dots.
    Dots {
        /// Centres.
        points: Vec<(f64, f64)>,
        /// Colour.
        colour: Rgb,
        /// Radius in typographic pixels.
        radius: f64,
        /// Filled, or an open ring.
        filled: bool,
        /// Opacity from 0 to 1.
        opacity: f64,
    },
    /// Straight segments, for error bars.
    Segments {
        /// Ends of each segment.
        segments: Vec<((f64, f64), (f64, f64))>,
        /// Colour.
        colour: Rgb,
        /// Width in typographic pixels.
        width: f64,
    },
}

/// A dashed line at one value of an axis, with its name outside the axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where on the axis.
    pub value: f64,
    /// Its name.
    pub label: String,
    /// Which axis `value` is on.
    pub on: On,
}

/// An axis of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The horizontal axis.
    X,
    /// The vertical axis.
    Y,
}

/// A figure, or a panel of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it shows, for readers that cannot see it.
    pub title: String,
    /// Width in typographic pixels.
    pub width: u32,
    /// Height in typographic pixels.
    pub height: u32,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, from back to front.
    pub layers: Vec<Layer>,
    /// Reference lines.
    pub references: Vec<Reference>,
    /// Room kept free above the axes in typographic pixels, so that panels side by side align.
    pub headroom: u32,
    /// Names and colours listed to the right of the axes (empty: no legend).
    pub legend: Vec<(String, Rgb)>,
    /// Marks of series beside their colours; a colour without one is drawn with the default.
    pub marks: Vec<(Rgb, Mark)>,
}

impl Plot {
    /// An empty plot of the usual size.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        let (layers, references, legend, marks) = (vec![], vec![], vec![], vec![]);
        Self {
            title: title.into(),
            width: 360,
            height: 236,
            x,
            y,
            layers,
            references,
            headroom: 0,
            legend,
            marks,
        }
    }

    /// The mark of the series in that colour.
    fn mark(&self, colour: Rgb) -> Mark {
        let found = self.marks.iter().find(|m| m.0 == colour);
        found.map(|m| m.1).unwrap_or_default()
    }

    /// Every colour that the plot uses.
    pub fn colours(&self) -> Vec<Rgb> {
        let of_layer = |layer: &Layer| match layer {
            Layer::Line { colour, .. }
            | Layer::Band { colour, .. }
            | Layer::Dots { colour, .. }
            | Layer::Segments { colour, .. } => *colour,
        };
        let legend = self.legend.iter().map(|l| l.1);
        self.layers
            .iter()
            .map(of_layer)
            .chain(legend)
            .chain([Rgb::INK, Rgb::GREY, Rgb::GRID])
            .collect()
    }
}
