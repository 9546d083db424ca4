//! The catalogue of masking strategies as people look at it: statistics of their masks, the contact sheet on a photograph,
//! the documentation. Plans and numbers in, values and text out: nothing here prints, reads files or the clock, or trains.
//!
//! Map: `scene` is the photograph that masks are drawn for, with stand-ins for what only a training model knows; `profile`
//! measures the masks of one plan; `sheet` (its SVG in `sheet_svg`) and `charts` draw; `docs` writes the page of every strategy.

mod charts;
mod docs;
mod profile;
mod scene;
mod sheet;
mod sheet_svg;

pub(crate) use charts::{MEANING, strips};
pub use charts::{html as charts_html, svg as charts_svg};
pub use docs::page as docs;
pub use profile::{Profile, Sampling, draw};
pub use scene::{Scene, stand_ins};
pub use sheet::{Exhibit, Sheet};

/// A page or drawing that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The template failed.
    #[error("render the page: {0}")]
    Template(#[from] askama::Error),
    /// A figure failed.
    #[error(transparent)]
    Plot(#[from] crate::plot::PlotError),
    /// The photograph could not be encoded.
    #[error("encode the photograph: {0}")]
    Picture(#[from] image::ImageError),
}
