//! The network: patches, positions, blocks, the masked autoencoder, its sizes and the devices it runs on; and its weights,
//! in and out (`weights`, the only part that touches files). Nothing here draws masks or trains; see `train` and `eval`.

pub mod batch;
pub mod block;
pub mod classifier;
pub mod cross;
pub mod device;
pub mod drop_path;
pub mod freeze;
pub mod hog;
pub mod info;
pub mod init;
pub mod kernels;
pub mod mae;
pub mod masks;
pub mod names;
pub mod norm;
pub mod partial;
pub mod patch;
pub mod position;
pub mod precision;
pub mod weights;

pub use burn::tensor::Device;
pub use info::ModelInfo;
pub use mae::{Mae, Outputs, Tokens};
pub use masks::MaskBatch;
pub use partial::Partial;
