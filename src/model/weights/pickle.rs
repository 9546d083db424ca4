//! PyTorch checkpoints (`.pth`, `.pt`), read without executing their pickle. First the pickle is followed instruction by
//! instruction and refused if Python would call anything foreign; only then its tensors are read, those of the model
//! alone and one at a time. What the tensors mean is not decided here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use pytorch_reader::{DType, MAX_PICKLE_SIZE, PytorchError, PytorchReader, Tensor};

use super::error::WeightError;
use super::facts::Facts;
use super::pickle_scan::{Findings, Plain, STEP_LIMIT, Trouble, scan};
use super::raw::{self, AGAIN, Float, shown, unreadable};
use crate::model::names::Named;
use crate::spec::trial::ImgSize;

/// Where training scripts keep the weights, in the order tried; else they are at the root.
const KEYS: [&str; 3] = ["model", "state_dict", "model_state_dict"];
/// A legacy file opens with so many pickles: magic, protocol, system, the checkpoint, keys of storages.
const LEGACY_PICKLES: usize = 5;
/// Tensors may take so many times the bytes of their file (tied weights are read twice), plus [`SPARE`].
const EXPANSION: u64 = 4;
/// Bytes that tensors may take however small their file is.
const SPARE: u64 = 16 << 20;

/// What a checkpoint holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Checkpoint {
    /// Floating-point tensors of the model by name, as `f32`: `f16` and `bf16` exactly, `f64` rounded.
    pub(super) tensors: BTreeMap<String, Named>,
    /// What the training arguments say.
    pub(super) facts: Facts,
    /// Name of the model in the training arguments, such as `mae_vit_base_patch16`.
    pub(super) model_name: Option<String>,
    /// Names of the model's tensors of integers and booleans, which are not read.
    pub(super) ignored: Vec<String>,
}

/// Reads a checkpoint: the tensors under `model`, `state_dict` or `model_state_dict`, else those at the root.
/// Optimizer state is never read into memory.
///
/// # Errors
/// When the file is missing, damaged, no checkpoint, would run code in Python, would need far more memory than it takes
/// on the disk, or holds values that are not finite.
pub(super) fn read(path: &Path) -> Result<Checkpoint, WeightError> {
    let (file, length) = raw::open(path)?;
    let findings = inspect(path, file)?;
    let tensors = open_tensors(path)?;
    check_size(path, &tensors, length)?;
    let mut checkpoint = from_arguments(&findings.args);
    for (name, tensor) in tensors {
        match float(tensor.dtype()) {
            Some(float) => drop(checkpoint.tensors.insert(name, read_tensor(path, &tensor, float)?)),
            None => checkpoint.ignored.push(name),
        }
    }
    Ok(checkpoint)
}

/// Follows every pickle that a loader would execute.
fn inspect(path: &Path, file: File) -> Result<Findings, WeightError> {
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|source| raw::reading(path, source))?;
    if let Some(why) = other_kind(start) {
        return Err(unreadable(path, why));
    }
    let findings = if start.starts_with(b"PK") {
        inspect_zip(file)
    } else {
        inspect_stream(&mut file)
    };
    findings.map_err(|why| unreadable(path, why))
}

/// Why a file that starts so is not one for this reader.
fn other_kind(start: &[u8]) -> Option<String> {
    let opens_json = start.get(8) == Some(&b'{') && start.get(5..8) == Some(&[0; 3]);
    if opens_json {
        Some("this is a safetensors file; give it a name that ends in .safetensors".to_owned())
    } else if start.get(257..262) == Some(b"ustar") {
        Some("this was saved by PyTorch before 0.1.10; load it with PyTorch and save it again".to_owned())
    } else if start.starts_with(b"version https://git-lfs") {
        Some("this is a git-lfs pointer, not the weights; run `git lfs pull`".to_owned())
    } else if is_text(start) {
        Some(format!("this is text, not a PyTorch checkpoint; {AGAIN}"))
    } else {
        None
    }
}

/// Whether a file begins as prose, markup or source code does, and as no pickle can.
fn is_text(start: &[u8]) -> bool {
    let start = &start[..start.len().min(64)];
    let printable = start
        .iter()
        .all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e));
    printable && !start.starts_with(b"PK") && !matches!(start, [b'(' | b'}' | b']' | b'c' | b'L' | b'I', ..])
}

/// Follows each `data.pkl` of an archive; the arguments are those of the one nearest to the root, which is the one read.
fn inspect_zip(file: BufReader<File>) -> Result<Findings, String> {
    let damaged = |error: zip::result::ZipError| format!("the archive is damaged or cut off ({error}); {AGAIN}");
    let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
    let mut names = Vec::new();
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.to_string();
        if name == "data.pkl" || name.ends_with("/data.pkl") {
            names.push((name.len(), place));
        }
    }
    names.sort_unstable();
    let (mut left, mut steps) = (MAX_PICKLE_SIZE, STEP_LIMIT);
    let mut all = Vec::new();
    for (_, place) in names {
        let entry = archive.by_index(place).map_err(damaged)?;
        let mut bounded = BufReader::new(entry.take(left));
        all.push(scan(&mut bounded, &mut steps).map_err(with_cure)?);
        left = bounded.get_ref().limit();
    }
    let none = || format!("the archive holds no data.pkl, so it is no PyTorch checkpoint; {AGAIN}");
    all.into_iter().next().ok_or_else(none)
}

/// Follows the pickles of a plain or legacy file: one if it is a mapping, else those before the storages.
fn inspect_stream(file: &mut (impl BufRead + Seek)) -> Result<Findings, String> {
    let mut bounded = file.take(MAX_PICKLE_SIZE);
    let mut steps = STEP_LIMIT;
    let first = scan(&mut bounded, &mut steps).map_err(with_cure)?;
    if first.is_mapping {
        return Ok(first);
    }
    let mut found = first;
    for _ in 1..LEGACY_PICKLES {
        let next = scan(&mut bounded, &mut steps).map_err(with_cure)?;
        if next.is_mapping {
            found = next;
        }
    }
    Ok(found)
}

/// A reason with a cure.
fn with_cure(trouble: Trouble) -> String {
    match trouble {
        Trouble::Damaged(why) => format!("not a PyTorch checkpoint, or a damaged one: {why}; {AGAIN}"),
        Trouble::Refused(why) => why,
    }
}

/// The tensors of the model, not yet read, by name.
fn open_tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, WeightError> {
    for key in KEYS {
        match PytorchReader::with_top_level_key(path, key) {
            Ok(reader) if !reader.is_empty() => return Ok(reader.into_tensors().into_iter().collect()),
            // The key is absent, or holds something else than tensors, such as the name of the model.
            Ok(_) | Err(PytorchError::KeyNotFound(_) | PytorchError::InvalidFormat(_)) => {}
            Err(error) => return Err(opening(path, error)),
        }
    }
    let reader = PytorchReader::new(path).map_err(|error| opening(path, error))?;
    let mut tensors: BTreeMap<_, _> = reader.into_tensors().into_iter().collect();
    tensors.retain(|name, _| !name.starts_with("optimizer"));
    if tensors.is_empty() {
        return Err(unreadable(
            path,
            "the checkpoint holds no tensors; save the model's state_dict",
        ));
    }
    Ok(tensors)
}

fn opening(path: &Path, error: PytorchError) -> WeightError {
    match error {
        PytorchError::Io(source) => raw::reading(path, source),
        error => {
            let why = shown(&error.to_string());
            unreadable(path, format!("{why}; {AGAIN}, or save the model's state_dict"))
        }
    }
}

/// Refuses tensors that would take far more memory than the file has bytes: views repeat a value at will, and archives
/// compress.
fn check_size(path: &Path, tensors: &BTreeMap<String, Tensor>, length: u64) -> Result<(), WeightError> {
    let sizes = tensors
        .values()
        .filter(|tensor| float(tensor.dtype()).is_some())
        .map(|tensor| tensor.byte_len() as u64);
    let asked = sizes.fold(0_u64, u64::saturating_add);
    if asked <= length.saturating_mul(EXPANSION).saturating_add(SPARE) {
        return Ok(());
    }
    let why =
        format!("its tensors would take {asked} bytes but the file has {length}; save them whole, as safetensors");
    Err(unreadable(path, why))
}

fn float(dtype: DType) -> Option<Float> {
    match dtype {
        DType::F16 => Some(Float::F16),
        DType::BF16 => Some(Float::Bf16),
        DType::F32 => Some(Float::F32),
        DType::F64 => Some(Float::F64),
        _ => None,
    }
}

fn read_tensor(path: &Path, tensor: &Tensor, float: Float) -> Result<Named, WeightError> {
    let mut bytes = tensor.read().map_err(|source| raw::reading(path, source))?;
    if cfg!(target_endian = "big") {
        // The library gives the machine's order, the conversion below expects that of the file.
        bytes.chunks_exact_mut(float.size()).for_each(<[u8]>::reverse);
    }
    let mut values = Vec::with_capacity(bytes.len() / float.size());
    float.extend(&bytes, &mut values);
    raw::finite(path, &shown(&tensor.name), &values)?;
    Ok(Named {
        shape: tensor.shape().to_vec(),
        values,
    })
}

/// A checkpoint without tensors, from the arguments of the script that trained it.
fn from_arguments(args: &BTreeMap<String, Plain>) -> Checkpoint {
    let side = match args.get("input_size") {
        Some(&Plain::Int(side)) => usize::try_from(side).ok().filter(|&side| side > 0),
        _ => None,
    };
    let norm_pix_loss = match args.get("norm_pix_loss") {
        Some(&Plain::Bool(on)) => Some(on),
        _ => None,
    };
    let model_name = match args.get("model") {
        Some(Plain::Text(name)) => Some(name.clone()),
        _ => None,
    };
    let img_size = side.map(|side| ImgSize {
        height: side,
        width: side,
    });
    Checkpoint {
        facts: Facts {
            img_size,
            norm_pix_loss,
            ..Facts::default()
        },
        model_name,
        ..Checkpoint::default()
    }
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
pub(super) mod tests;
