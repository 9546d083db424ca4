//! mae-exp: an experiment manager for masked autoencoders.
//!
//! The modules, in the order in which a trial passes through them:
//!
//! - [`cli`]: one file per command; the only place that prints, reads the clock and the environment.
//! - [`spec`]: what a user writes → what will run: layers, validation, identity of a trial.
//! - [`sweep`]: plan → trials → states.
//! - [`data`]: pictures: sources, decoding, transforms, loader.
//! - [`model`]: the network and the devices it runs on.
//! - [`train`]: the loop, optimiser groups, schedule, checkpoints, events.
//! - [`eval`]: reconstruction quality, k-nearest neighbours, pictures.
//! - [`store`]: the only SQL.
//! - [`stats`]: means, intervals, paired differences and their tests.
//! - [`plot`]: series → SVG.
//! - [`catalogue`]: masking strategies shown: statistics, contact sheet, documentation.
//! - [`report`]: rows → one self-contained page, CSV, LaTeX, JSON.
//! - [`serve`]: reports as a local server shows them while sweeps run: requests → answers.
//! - [`seed`]: every random draw is a function of (run seed, purpose, epoch, index).
//!
//! Masking strategies are a crate of their own, `mae_strategies`, which knows no tensors. A program that brings its own
//! strategy hands a registry to [`cli::main_with`].

pub mod catalogue;
pub mod cli;
pub mod data;
pub mod eval;
pub mod model;
pub mod plot;
pub mod report;
pub mod seed;
pub mod serve;
pub mod spec;
pub mod stats;
pub mod store;
pub mod sweep;
pub mod train;
