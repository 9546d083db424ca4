//! Options that several commands share.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::model::{Device, device};
use crate::spec::trial::Precision;
use crate::store::{Store, StoreError};

use super::failure::Failure;

/// Where runs are recorded.
#[derive(Debug, Clone, Args)]
pub(super) struct StoreOption {
    /// SQLite file, as a path or `sqlite:///abs/path.db`.
    #[arg(long, value_name = "URL", env = "MAE_EXP_STORE", default_value = "runs/mae-exp.db")]
    pub(super) store: String,
}

impl StoreOption {
    pub(super) fn create(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.store)?)
    }

    /// Whether there is a store to read.
    pub(super) fn exists(&self) -> bool {
        !matches!(Store::open_existing(&self.store), Err(StoreError::Missing { .. }))
    }

    pub(super) fn existing(&self) -> Result<Store, Failure> {
        Ok(Store::open_existing(&self.store)?)
    }
}

/// Folder of checkpoints, beside the store.
pub(super) fn checkpoints(store: &Store) -> PathBuf {
    checkpoints_beside(store.path())
}

/// Folder of checkpoints beside the store in that file.
pub(super) fn checkpoints_beside(path: &Path) -> PathBuf {
    beside(path, "checkpoints")
}

/// Folder of features that `eval` keeps, beside the store of that path or address.
pub(super) fn features_beside(store: &str) -> PathBuf {
    beside(Path::new(store.strip_prefix("sqlite://").unwrap_or(store)), "features")
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path
        .file_stem()
        .map_or_else(|| "store".into(), |stem| stem.to_string_lossy().into_owned());
    path.parent().unwrap_or(Path::new(".")).join(format!("{name}-{what}"))
}

/// Where to compute.
#[derive(Debug, Clone, Args)]
pub(super) struct DeviceOption {
    /// flex (CPU), tch (LibTorch, CPU), tch:0 (LibTorch, first GPU), cuda:0 or vulkan, as far as compiled in.
    #[arg(long, value_name = "DEVICE", env = "MAE_EXP_DEVICE", default_value = device::default_name())]
    pub(super) device: String,
}

impl DeviceOption {
    pub(super) fn resolve(&self) -> Result<Device, Failure> {
        Ok(device::resolve(&self.device)?)
    }

    pub(super) fn computes_in(&self, precision: Precision) -> Result<(), Failure> {
        Ok(device::computes_in(&self.device, precision)?)
    }
}

/// Where reports go.
#[derive(Debug, Clone, Args)]
pub(super) struct ReportsOption {
    /// Folder of reports; each goes into a folder of its experiment's name.
    #[arg(long, value_name = "DIR", env = "MAE_EXP_REPORTS", default_value = "reports")]
    pub(super) reports: PathBuf,
}

/// Changes to a configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct SetOption {
    /// Set a key, such as `train.epochs=3` or `mask.ratio=0.6`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}

impl SetOption {
    /// The request for these inputs, with the environment of this process.
    pub(super) fn request(&self, inputs: Vec<String>) -> crate::spec::Request {
        let env = std::env::vars()
            .filter(|(key, _)| key.starts_with("MAE_EXP_"))
            .collect();
        crate::spec::Request {
            inputs,
            sets: self.sets.clone(),
            env,
        }
    }
}
