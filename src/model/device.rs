//! Devices: the only place that knows which back ends are compiled in and how they are called.
//! LibTorch is deprecated upstream; what concerns it stays in this file and in `kernels`.

use burn::tensor::Device;

use crate::spec::trial::Precision;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The name is none of ours.
    #[error("unknown device {0}: use flex, tch, tch:N, cuda:N or vulkan")]
    Unknown(String),
    /// The back end is not in this binary.
    #[error("device {name} is not compiled into this binary: build it with --features {feature} (this one has {})", compiled().join(", "))]
    NotCompiled {
        /// As the user wrote it.
        name: String,
        /// Cargo feature that brings it.
        feature: &'static str,
    },
    /// The back end computes in single precision only.
    #[error(
        "device {0} computes in f32 only: leave out train.precision = \"bf16\", or use --device tch, tch:N or cuda:N"
    )]
    OnlySingle(String),
    /// LibTorch sees no such GPU.
    #[error("device {name} is not there: {why}")]
    Absent {
        /// As the user wrote it.
        name: String,
        /// What was found instead.
        why: String,
    },
}

/// Whether a device, by its name, computes in such numbers.
///
/// # Errors
/// When it does not; the message names the device.
pub fn computes_in(name: &str, precision: Precision) -> Result<(), DeviceError> {
    let rounds = name.starts_with("tch") || name.starts_with("cuda");
    if rounds || precision == Precision::F32 {
        return Ok(());
    }
    Err(DeviceError::OnlySingle(name.into()))
}

/// Back ends of this binary, in the order in which the default is chosen.
#[must_use]
pub fn compiled() -> Vec<&'static str> {
    let all = [
        ("flex", cfg!(feature = "flex")),
        ("tch", cfg!(feature = "tch")),
        ("cuda", cfg!(feature = "cuda")),
        ("vulkan", cfg!(feature = "vulkan")),
    ];
    all.into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name)
        .collect()
}

/// The device used when none is named: the first that is compiled in.
#[must_use]
pub fn default_name() -> &'static str {
    compiled().first().copied().unwrap_or("flex")
}

/// Finds a device by its name: `flex`, `tch` (LibTorch on the CPU), `tch:0` (LibTorch on the first GPU), `cuda:0`, `vulkan`.
///
/// # Errors
/// When the name is unknown, the back end is not compiled in, or the GPU is not there.
pub fn resolve(name: &str) -> Result<Device, DeviceError> {
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => (
            kind,
            Some(index.parse().map_err(|_| DeviceError::Unknown(name.into()))?),
        ),
        None => (name, None),
    };
    match (kind, index) {
        ("flex", None) => flex(name),
        ("tch", index) => tch(name, index),
        ("cuda", index) => cuda(name, index.unwrap_or(0)),
        ("vulkan", None) => vulkan(name),
        _ => Err(DeviceError::Unknown(name.into())),
    }
}

#[cfg(feature = "flex")]
fn flex(_: &str) -> Result<Device, DeviceError> {
    Ok(Device::flex())
}

#[cfg(not(feature = "flex"))]
fn flex(name: &str) -> Result<Device, DeviceError> {
    Err(DeviceError::NotCompiled {
        name: name.into(),
        feature: "flex",
    })
}

#[cfg(feature = "tch")]
#[expect(
    deprecated,
    reason = "burn deprecates LibTorch, but it is the fastest CPU and CUDA back end of 0.22"
)]
fn tch(name: &str, index: Option<usize>) -> Result<Device, DeviceError> {
    let Some(index) = index else {
        return Ok(Device::libtorch());
    };
    let count = Device::enumerate(burn::tensor::DeviceType::LibTorch)
        .iter()
        .count()
        .saturating_sub(1);
    if index >= count {
        let why = format!("LibTorch sees {count} CUDA devices; run on the CPU with --device tch");
        return Err(DeviceError::Absent { name: name.into(), why });
    }
    Ok(Device::libtorch_cuda(index))
}

#[cfg(not(feature = "tch"))]
fn tch(name: &str, _: Option<usize>) -> Result<Device, DeviceError> {
    Err(DeviceError::NotCompiled {
        name: name.into(),
        feature: "tch",
    })
}

#[cfg(feature = "cuda")]
fn cuda(_: &str, index: usize) -> Result<Device, DeviceError> {
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn cuda(name: &str, _: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotCompiled {
        name: name.into(),
        feature: "cuda",
    })
}

#[cfg(feature = "vulkan")]
fn vulkan(_: &str) -> Result<Device, DeviceError> {
    Ok(Device::vulkan(Default::default()))
}

#[cfg(not(feature = "vulkan"))]
fn vulkan(name: &str) -> Result<Device, DeviceError> {
    Err(DeviceError::NotCompiled {
        name: name.into(),
        feature: "vulkan",
    })
}
