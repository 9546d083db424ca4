//! How a trial is judged: reconstruction and k-nearest neighbours on held-out pictures, on ground common to all trials.
//! Models come in without gradients, and are left as they are: `finetune` and `attentive` train copies or what stands on
//! top. Nothing here prints or writes.

pub mod anomaly;
pub mod attentive;
pub mod cross;
pub mod features;
pub mod fill;
pub mod finetune;
pub mod forward;
pub mod judge;
pub mod knn;
pub mod linear;
pub mod lpips;
pub mod neighbours;
pub mod npy;
pub mod perceptual;
pub mod pictures;
pub mod quality;
pub mod quality_judge;
mod quality_ssim;
mod rebuilt;
pub mod reconstruction;
pub mod redraw;
pub mod sheet;
mod sheet_text;
pub mod tasks;

pub use judge::{EvalError, Judge, Judgement, Moment};
