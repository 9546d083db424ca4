//! What goes from a report into a paper: figures in the widths of its columns, tables that say what they are made of, and
//! the check that a table still says what the store says.

mod check;
mod differences;
mod documents;
mod drawing;
mod figures;
pub(super) mod float;
mod grid;
pub(super) mod letters;
mod markdown;
mod stamp;
mod tables;

pub use check::{CheckError, Claim, Difference, claims};
pub use figures::{PaperFigure, figures, figures_tex};
pub use stamp::Stamp;
pub use tables::{Form, table};
