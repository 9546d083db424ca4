//! Pictures: where they come from, how they are decoded, cropped and scaled, and how they reach the training loop
//! in batches from background threads. Everything here is plain `Vec`s; this module must not know tensors, the
//! store or the clock. Random draws (order, crop, flip, split, generated pictures) go through `crate::seed` only, so
//! a batch is the same whatever the number of workers.
//!
//! Map: `set` is the image set that others hold; `folder`, `photos` and `synthetic` find its pictures; `decode` turns
//! bytes into 8-bit RGB, `jpeg` does so at the smaller size that `reduce` allows; `crop`, `transform` and `normalise`
//! make network input of that, and `augment` what fine-tuning does to it besides; `loader` runs them on threads. `regions` finds files of marks that belong to pictures, and
//! `marks` averages them over the patches of what the network sees.

mod augment;
mod crop;
mod decode;
mod error;
mod feed;
mod folder;
pub mod inspection;
mod jpeg;
mod loader;
mod marks;
mod normalise;
mod photos;
mod reduce;
mod regions;
mod set;
mod source;
mod synthetic;
mod transform;

#[cfg(test)]
mod reduce_tests;
#[cfg(test)]
mod set_tests;

pub use augment::Augment;
pub use crop::{Crop, random_crop};
pub use decode::{Picture, decode, decode_for};
pub use error::DataError;
pub use feed::Feed;
pub use loader::{Batch, Batches, LoaderConfig, eval_batches, steps_per_epoch, train_batches};
pub use marks::View;
pub use normalise::Normalise;
pub use photos::{SPECIMEN, specimen};
pub use reduce::Least;
pub use regions::Regions;
pub use set::{ImageSet, Skipped, Split};
pub use transform::{Transformer, eval_transform};
