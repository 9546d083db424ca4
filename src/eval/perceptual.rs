//! The user's network for perceptual distance: a file of named tensors, read, checked and told apart by its digest. The
//! distance itself is `lpips`. No network is shipped or downloaded.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use super::lpips::{Lpips, Network};
use crate::model::names::NameError;
use crate::model::weights::{self, WeightError};
use crate::spec::trial::{EvalSpec, LpipsNet};

/// Why there is no perceptual distance.
#[derive(Debug, thiserror::Error)]
pub enum PerceptualError {
    /// The file cannot be read.
    #[error("use eval.lpips_weights: {0}")]
    Weights(#[from] WeightError),
    /// It is of another network.
    #[error(
        "use eval.lpips_weights {} as eval.lpips_net = \"{net}\": {source}; save the backbone's features and the five heads in one \
         file (docs/quality.md), or choose the other network", file.display()
    )]
    Tensors {
        /// The file.
        file: PathBuf,
        /// The network asked for.
        net: &'static str,
        /// What is missing or of another shape.
        source: NameError,
    },
    /// The file is no longer the one that was planned with.
    #[error("use eval.lpips_weights: {} has changed since the sweep began: put it back, or sweep again", .0.display())]
    Changed(PathBuf),
}

/// A network that compares pictures, and which one it is.
#[derive(Debug, Clone)]
pub struct Perceptual {
    lpips: Lpips,
    /// `weights-` and BLAKE3 over names, shapes and values of the file.
    pub digest: String,
}

impl Perceptual {
    /// Reads the network of `eval.lpips_weights`, safetensors or `.pth`; `None` where none is asked for.
    ///
    /// # Errors
    /// When the file cannot be read or lacks tensors of `eval.lpips_net`.
    pub fn of(eval: &EvalSpec, device: &Device) -> Result<Option<Self>, PerceptualError> {
        let path = eval.lpips_path();
        path.map(|path| Self::read(path, eval.lpips_net, device)).transpose()
    }

    fn read(path: &Path, net: LpipsNet, device: &Device) -> Result<Self, PerceptualError> {
        let (tensors, digest) = weights::tensors(path)?;
        let lpips = Lpips::new(network(net), &tensors, device).map_err(|source| misfit(path, net, source))?;
        Ok(Self { lpips, digest })
    }

    /// The digest of the file that a trial is judged with, once it is known to fit; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn digest_of(eval: &EvalSpec) -> Result<Option<String>, PerceptualError> {
        let Some(path) = eval.lpips_path() else {
            return Ok(None);
        };
        let (tensors, digest) = weights::tensors(path)?;
        let checked = network(eval.lpips_net).check(&tensors);
        checked.map_err(|source| misfit(path, eval.lpips_net, source))?;
        Ok(Some(digest))
    }

    /// The same, if it is the one that was planned with.
    ///
    /// # Errors
    /// When the file has changed since.
    pub fn planned(eval: &EvalSpec, digest: Option<&str>, device: &Device) -> Result<Option<Self>, PerceptualError> {
        let known = Self::of(eval, device)?;
        match (&known, digest) {
            (Some(known), Some(digest)) if known.digest != digest => Err(PerceptualError::Changed(
                eval.lpips_path().unwrap_or(Path::new("")).to_path_buf(),
            )),
            _ => Ok(known),
        }
    }

    /// Distances of pairs of pictures; grey is compared as three equal channels.
    ///
    /// # Shapes
    /// first, second `[N, C, H, W]` in [0, 1], C 1 or 3 → `N` values.
    #[must_use]
    pub fn distances(&self, first: Tensor<4>, second: Tensor<4>) -> Vec<f64> {
        let colour = |x: Tensor<4>| if x.dims()[1] == 1 { x.repeat_dim(1, 3) } else { x };
        let distance = self.lpips.distance(colour(first), colour(second)).into_data();
        distance.iter::<f32>().map(f64::from).collect()
    }
}

fn network(net: LpipsNet) -> Network {
    match net {
        LpipsNet::Alex => Network::Alex,
        LpipsNet::Vgg => Network::Vgg,
    }
}

fn misfit(path: &Path, net: LpipsNet, source: NameError) -> PerceptualError {
    PerceptualError::Tensors {
        file: path.to_path_buf(),
        net: net.name(),
        source,
    }
}
