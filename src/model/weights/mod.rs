//! Weights in and out: official checkpoints, timm and Hugging Face files are read into tensors under official names, with
//! what they say about their model; models are written in any of the three namings. Nothing in a file is executed.
//!
//! Map: `read` finds out what a path holds; `safetensors` and `pickle` read the two containers; `naming`, `hf` and `config`
//! translate names and `config.json`; `sizes` and `facts` tell the architecture; `fit` compares with a model; `build` makes
//! one; `write` exports.

mod any;
pub mod build;
pub mod config;
mod config_out;
pub mod error;
pub mod facts;
pub mod fit;
mod hf;
pub mod naming;
mod pickle;
mod pickle_allow;
mod pickle_code;
mod pickle_scan;
mod raw;
mod read;
pub mod safetensors;
pub mod sizes;
pub mod write;

#[cfg(test)]
mod hostile_tests;

pub use any::tensors;
pub use error::WeightError;
pub use facts::Facts;
pub use naming::Naming;
pub use read::Weights;
