//! Safetensors files, read with memory bounded by their true size and written whole or not at all.
//! Format: <https://huggingface.co/docs/safetensors#format>. What the tensors mean is not decided here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::error::WeightError;
use super::raw::{self, AGAIN, Float, shown, unreadable};
use crate::model::names::Named;

/// Longest header accepted, in bytes: room for a hundred thousand tensors; the format itself allows 100 MB.
const HEADER_LIMIT: u64 = 16 << 20;
/// Bytes converted at a time.
const CHUNK: usize = 1 << 16;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// Floating-point tensors by name, as `f32`: `f16` and `bf16` exactly, `f64` rounded.
    pub tensors: BTreeMap<String, Named>,
    /// The `__metadata__` of the header.
    pub metadata: BTreeMap<String, String>,
    /// Names of tensors of integers and booleans, which are not read.
    pub ignored: Vec<String>,
}

/// Reads a file of weights.
///
/// # Errors
/// When the file is missing, damaged, not safetensors, holds a type that cannot be read, or values that are not finite.
pub fn read(path: &Path) -> Result<Contents, WeightError> {
    read_with(path, raw::finite)
}

/// Reads a file of inputs: as [`read`], but values may be NaN or infinite.
///
/// # Errors
/// As [`read`].
pub fn read_inputs(path: &Path) -> Result<Contents, WeightError> {
    read_with(path, |_, _, _| Ok(()))
}

type Check = fn(&Path, &str, &[f32]) -> Result<(), WeightError>;

fn read_with(path: &Path, check: Check) -> Result<Contents, WeightError> {
    let (file, length) = raw::open(path)?;
    let mut file = BufReader::new(file);
    let header = read_header(path, &mut file, length)?;
    let mut contents = Contents {
        metadata: header
            .metadata()
            .iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        ..Contents::default()
    };
    // `Metadata` has made sure that tensors follow each other without gap or overlap, so this is a single pass.
    for name in header.offset_keys() {
        let info = header.info(&name).expect("the name comes from the header");
        match kind(info.dtype) {
            Kind::Float(float) => {
                let values = read_values(path, &mut file, info, float)?;
                check(path, &shown(&name), &values)?;
                contents.tensors.insert(
                    name,
                    Named {
                        shape: info.shape.clone(),
                        values,
                    },
                );
            }
            Kind::Integer => {
                let bytes = info.data_offsets.1 - info.data_offsets.0;
                skip(path, &mut file, bytes as u64)?;
                contents.ignored.push(name);
            }
            Kind::Foreign => return Err(foreign(path, &name, info.dtype)),
        }
    }
    contents.ignored.sort();
    Ok(contents)
}

/// Reads the header and checks it against the length of the file.
fn read_header(path: &Path, file: &mut impl Read, length: u64) -> Result<Metadata, WeightError> {
    let mut start = [0; 8];
    if length < 10 {
        return Err(unreadable(
            path,
            format!("{length} bytes are too few for a safetensors file; {AGAIN}"),
        ));
    }
    file.read_exact(&mut start)
        .map_err(|source| raw::reading(path, source))?;
    let size = u64::from_le_bytes(start);
    if size > HEADER_LIMIT || size > length - 8 {
        return Err(unreadable(path, wrong_size(start, length)));
    }
    let mut json = Vec::new();
    file.take(size)
        .read_to_end(&mut json)
        .map_err(|source| raw::reading(path, source))?;
    let header: Metadata = serde_json::from_slice(&json)
        .map_err(|error| unreadable(path, format!("the safetensors header is damaged ({error}); {AGAIN}")))?;
    let (promised, held) = (header.data_len() as u64, length - 8 - size);
    if promised != held {
        let why = format!("the header promises {promised} bytes of tensors but the file holds {held}; {AGAIN}");
        return Err(unreadable(path, why));
    }
    Ok(header)
}

/// Why the first eight bytes are no length of a header.
fn wrong_size(start: [u8; 8], length: u64) -> String {
    let size = u64::from_le_bytes(start);
    match start {
        [b'P', b'K', ..] | [0x80, 2..=5, ..] => {
            "this is not safetensors but looks like a PyTorch checkpoint; give it a name that ends in .pth".to_owned()
        }
        _ => format!(
            "not a safetensors file, or a damaged one: it claims a header of {size} bytes in a file of {length} \
             (at most {HEADER_LIMIT} are read); {AGAIN}"
        ),
    }
}

enum Kind {
    Float(Float),
    Integer,
    Foreign,
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F16 => Kind::Float(Float::F16),
        Dtype::BF16 => Kind::Float(Float::Bf16),
        Dtype::F32 => Kind::Float(Float::F32),
        Dtype::F64 => Kind::Float(Float::F64),
        Dtype::BOOL | Dtype::U8 | Dtype::I8 | Dtype::U16 | Dtype::I16 => Kind::Integer,
        Dtype::U32 | Dtype::I32 | Dtype::U64 | Dtype::I64 => Kind::Integer,
        _ => Kind::Foreign,
    }
}

fn foreign(path: &Path, name: &str, dtype: Dtype) -> WeightError {
    let name = shown(name);
    unreadable(
        path,
        format!("tensor `{name}` is of type {dtype}; export it as F32, F16, BF16 or F64"),
    )
}

/// One tensor, converted piece by piece: the values are the only copy.
fn read_values(path: &Path, file: &mut impl Read, info: &TensorInfo, float: Float) -> Result<Vec<f32>, WeightError> {
    let mut left = info.data_offsets.1 - info.data_offsets.0;
    let mut values = Vec::with_capacity(left / float.size());
    let mut chunk = [0; CHUNK];
    while left > 0 {
        let part = &mut chunk[..left.min(CHUNK)];
        file.read_exact(part).map_err(|source| raw::reading(path, source))?;
        float.extend(part, &mut values);
        left -= part.len();
    }
    Ok(values)
}

fn skip(path: &Path, file: &mut impl Read, bytes: u64) -> Result<(), WeightError> {
    let skipped = std::io::copy(&mut file.take(bytes), &mut std::io::sink());
    match skipped.map_err(|source| raw::reading(path, source))? {
        all if all == bytes => Ok(()),
        _ => Err(raw::reading(path, std::io::ErrorKind::UnexpectedEof.into())),
    }
}

/// Writes tensors of `f32` and `i64`, with the same bytes for the same contents, through a file beside that takes the
/// name once it is whole and on the disk.
///
/// # Errors
/// When a shape disagrees with its values, a name stands twice or is `__metadata__`, or the file system refuses.
pub fn write(
    path: &Path,
    tensors: &BTreeMap<String, Named>,
    integers: &BTreeMap<String, (Vec<usize>, Vec<i64>)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightError> {
    let header = header(tensors, integers, metadata).map_err(|why| misfit(path, why))?;
    let part = beside(path)?;
    let body = |file: &mut BufWriter<&File>| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        let longs = integers.values().flat_map(|(_, values)| values);
        longs
            .map(|value| value.to_le_bytes())
            .try_for_each(|bytes| file.write_all(&bytes))?;
        let floats = tensors.values().flat_map(|tensor| &tensor.values);
        floats
            .map(|value| value.to_le_bytes())
            .try_for_each(|bytes| file.write_all(&bytes))
    };
    let written = write_through(&part, body).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // The rest of a failed write is of no use to anyone; the error is about the write, not about this.
        let _ = fs::remove_file(&part);
        raw::io("write", path, source)
    })
}

fn misfit(path: &Path, why: String) -> WeightError {
    WeightError::Misfit {
        path: path.to_path_buf(),
        why,
    }
}

fn write_through(part: &Path, body: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>) -> std::io::Result<()> {
    let file = File::create(part)?;
    let mut buffer = BufWriter::with_capacity(CHUNK, &file);
    body(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    file.sync_all()
}

/// A hidden name in the same folder, which no other process uses.
fn beside(path: &Path) -> Result<PathBuf, WeightError> {
    let Some(name) = path.file_name() else {
        return Err(unreadable(
            path,
            "this is not the name of a file; end it in .safetensors",
        ));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(hidden))
}

/// The header, padded with spaces to whole words of 8 bytes: integers first, so that every tensor stays aligned.
fn header(
    tensors: &BTreeMap<String, Named>,
    integers: &BTreeMap<String, (Vec<usize>, Vec<i64>)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let mut entries = serde_json::Map::new();
    if !metadata.is_empty() {
        entries.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let longs = integers
        .iter()
        .map(|(name, (shape, values))| (name, "I64", shape, values.len(), 8));
    let floats = tensors
        .iter()
        .map(|(name, tensor)| (name, "F32", &tensor.shape, tensor.values.len(), 4));
    let mut start = 0;
    for (name, dtype, shape, count, size) in longs.chain(floats) {
        if shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n)) != Some(count) {
            return Err(format!(
                "tensor `{name}` has {count} values, which is not its shape {shape:?}"
            ));
        }
        let end = start + count * size;
        let entry = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]});
        if name == "__metadata__" || entries.insert(name.clone(), entry).is_some() {
            return Err(format!(
                "tensor `{name}` cannot be written under that name: it is taken"
            ));
        }
        start = end;
    }
    let mut json = serde_json::to_vec(&entries).map_err(|error| error.to_string())?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}

#[cfg(test)]
#[path = "safetensors_tests.rs"]
mod tests;
