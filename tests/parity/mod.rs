//! The reference's numbers: every case of `tests/fixtures` at the tolerance that its manifest advises. Each comparison
//! prints one line; `docs/parity.md` keeps them.

mod finetune;
mod forward;
mod hog;
mod masks;
mod probe;
pub(crate) mod quality;
mod tables;
mod training;
mod transforms;
