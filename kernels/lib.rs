//! The arithmetic of the fused operations on the processor: plain functions over `f32` slices, one file per operation,
//! each with its backward.
//!
//! They exist because burn composes LayerNorm, GELU, attention and AdamW from element-wise passes that read and write
//! memory many times over. Nothing here knows tensors, devices or gradients' bookkeeping; the callers bring contiguous
//! slices and the shapes.
//!
//! Shapes are row-major. `N` pictures, `T` tokens, `H` heads, `d` width of a head, `D` width of a row. Every function
//! panics when a slice's length contradicts the shape it is given, because that is a mistake of the caller and never
//! of the data.
//!
//! The same inputs give the same bits on one machine, whatever the number of threads: work is divided by the shape
//! alone, and partial sums are added in the order of the blocks.

pub mod adamw;
pub mod attention;
mod attention_backward;
mod blocks;
mod dispatch;
pub mod gelu;
mod head;
pub mod layer_norm;
pub mod linear;
pub mod patch_loss;
pub mod patches;
mod product;
mod special;

#[cfg(test)]
mod patch_tests;
#[cfg(test)]
mod tests;
