//! What a user writes, turned into what will run.
//!
//! Files, parts, environment and `--set` become layers whose every value is checked against one table of keys
//! (`schema`) and remembers its origin; a sweep's points (`written` → `grid` of `factor`s → `points`) are stacked on top; each
//! result is validated and typed.
//! This module must not print, read the environment or the clock, or know tensors and SQL.

mod axes;
mod column;
mod common;
mod condition;
mod document;
mod draw;
mod error;
mod factor;
mod figures;
mod file;
mod flat;
mod freeze;
mod grid;
mod identity;
mod img_size;
mod kind;
mod layer;
mod limits;
mod load;
mod lpips;
mod nested;
mod overrides;
mod parts;
mod points;
pub mod protocols;
pub mod ramp;
mod range;
mod recorded;
mod render;
mod resolve;
mod schema;
mod scripts;
mod seeds;
mod tasks;
pub mod trial;
mod validate;
mod warnings;
mod weights;
mod written;
mod zip;

#[cfg(test)]
mod tests;

pub use axes::Axis;
pub use column::{CROSS, Column};
pub use error::SpecError;
pub use figures::{FIGURES, Figure, When, figure};
pub use freeze::Freeze;
pub use identity::identity;
pub use limits::{Budget, EarlyStop, Goal, StopKind};
pub use load::{Experiment, Request, Trial, load, model_part};
pub use overrides::condition;
pub use parts::{Part, parts};
pub use recorded::judged_by;
pub use scripts::text as script_text;
pub use trial::TrialSpec;
pub use validate::validate;
pub use warnings::late_warmups;
pub use weights::{Said, for_weights};
