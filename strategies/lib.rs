//! Masking strategies for masked autoencoders: which patches of a picture are hidden.
//!
//! One file per strategy; the file's stem is the strategy's id. The [`Registry`] lists them, checks a configuration and
//! gives a [`Plan`], which draws one [`Mask`] for each picture. [`conformance::check`] tests a strategy, yours too.
//! This crate must not know tensors, files, SQL, clocks or networks.
//!
//! ```
//! use mae_strategies::{Grid, MaskContext, Registry};
//! use rand::SeedableRng;
//!
//! let plan = Registry::builtin().plan("random", Grid::new(14, 14), 0.75, Default::default())?;
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let mask = plan.sample(&MaskContext::default(), &mut rng)?;
//! assert_eq!((mask.visible(), mask.hidden()), (49, 147));
//! # Ok::<(), mae_strategies::Error>(())
//! ```

mod canvas;
mod cells;
mod color_noise;
mod complete;
mod error;
mod law;
mod mask;
mod params;
mod patch_grid;
mod rank;
mod rectangle;
mod registry;
mod sandbox;
mod sight;
mod strategy;
mod value;

pub mod conformance;
pub mod stats;

pub mod attention;
pub mod block;
pub mod blockwise;
pub mod blue;
pub mod combined;
pub mod complementary;
pub mod file;
pub mod green;
pub mod grid;
pub mod hard_patches;
pub mod hiera_units;
pub mod inverse_block;
pub mod inverse_blocks;
pub mod mixture;
pub mod multi_block;
pub mod pixio_grid;
pub mod purple;
pub mod random;
pub mod raster;
pub mod red;
pub mod saliency;
pub mod script;
pub mod semantic_parts;
pub mod simmim;
pub mod uniform;

#[cfg(test)]
mod broken;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use mask::{Mask, keep_count};
pub use params::Params;
pub use patch_grid::Grid;
pub use registry::{Plan, Registry};
pub use sight::Sight;
pub use strategy::{Draw, MaskContext, MaskingStrategy, Needs, Pixels, Request};
pub use value::{Kind, Literal, Param, Value};
