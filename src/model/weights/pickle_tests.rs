//! Checkpoints that must be read, from fixtures and by hand: pickles are written byte by byte, so no Python is needed.

use std::io::Write;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::safetensors;
use crate::spec::trial::ImgSize;

pub(in super::super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/mae_forward")
        .join(name)
}

pub(in super::super) fn text(text: &str) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap().to_le_bytes();
    [b"X", &size[..], text.as_bytes()].concat()
}

pub(in super::super) fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// `{key: value, …}`, as the instructions that push it.
pub(in super::super) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items = items
        .iter()
        .flat_map(|(key, value)| [text(key), value.clone()].concat());
    [b"}(".to_vec(), items.collect(), b"u".to_vec()].concat()
}

/// A pickle of protocol 2 with one value.
pub(in super::super) fn whole(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02", value, b"."].concat()
}

/// A tensor of one dimension in storage `key`; `stride` 0 repeats the first element.
pub(in super::super) fn tensor(class: &str, key: &str, held: u8, size: u32, stride: u8) -> Vec<u8> {
    let size = [b"J", &size.to_le_bytes()[..]].concat();
    [
        global("torch._utils", "_rebuild_tensor_v2"),
        b"((".to_vec(),
        text("storage"),
        global("torch", class),
        text(key),
        text("cpu"),
        vec![b'K', held],
        b"tQK\x00(".to_vec(),
        size,
        vec![b't', b'(', b'K', stride, b't', 0x89],
        global("collections", "OrderedDict"),
        b")RtR".to_vec(),
    ]
    .concat()
}

/// An archive as `torch.save` writes it.
pub(in super::super) fn archive(folder: &Path, pickle: &[u8], storages: &[(&str, &[u8])]) -> PathBuf {
    named_archive("made", folder, pickle, storages)
}

fn named_archive(name: &str, folder: &Path, pickle: &[u8], storages: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("made.pth");
    let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file(format!("{name}/data.pkl"), stored).unwrap();
    zip.write_all(pickle).unwrap();
    for (key, bytes) in storages {
        zip.start_file(format!("{name}/data/{key}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// The same archive with the end that `torch.save` writes: a 64-bit end of the directory though none is needed.
fn with_wide_end(archive: &[u8]) -> Vec<u8> {
    let (body, end) = archive.split_at(archive.len() - 22);
    let wide = |range: std::ops::Range<usize>| {
        let mut bytes = [0; 8];
        bytes[..range.len()].copy_from_slice(&end[range]);
        bytes
    };
    let (count, size, start) = (wide(10..12), wide(12..16), wide(16..20));
    let record = [
        &b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x1e\x03\x2d\0"[..],
        &[0; 8],
        &count,
        &count,
        &size,
        &start,
    ]
    .concat();
    let place = (body.len() as u64).to_le_bytes();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &place, &[1, 0, 0, 0]].concat();
    [body, &record, &locator, end].concat()
}

/// A stream as PyTorch 0.1.10 to 1.5 wrote it, with one storage of two `f32`.
pub(in super::super) fn legacy(folder: &Path, root: &[u8]) -> PathBuf {
    let path = folder.join("legacy.pth");
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let system = dict(&[("little_endian", vec![0x88])]);
    let keys = [b"](".to_vec(), text("0"), b"e".to_vec()].concat();
    let pickles = [magic, &b"M\xe9\x03"[..], &system, root, &keys].map(whole).concat();
    let values = [1.5_f32, -2.0].map(f32::to_le_bytes).concat();
    std::fs::write(&path, [&pickles[..], &2_u64.to_le_bytes(), &values].concat()).unwrap();
    path
}

#[test]
fn official_checkpoints_hold_the_same_tensors_as_safetensors() {
    let reference = safetensors::read(&fixture("weights_fb.safetensors")).unwrap().tensors;
    let full = super::read(&fixture("fb_checkpoint-20.pth")).unwrap();
    assert_eq!(full.tensors, reference);
    assert_eq!(full.model_name.as_deref(), Some("mae_tiny_fixture"));
    assert_eq!(full.facts.img_size, Some(ImgSize { height: 32, width: 32 }));
    assert_eq!(full.facts.norm_pix_loss, Some(true));
    let encoder = super::read(&fixture("fb_encoder_only.pth")).unwrap();
    assert!(!encoder.tensors.is_empty() && encoder.tensors.len() < reference.len());
    for (name, tensor) in &encoder.tensors {
        assert_eq!(Some(tensor), reference.get(name), "{name}");
    }
    assert_eq!((encoder.model_name, encoder.facts), Default::default());
}

#[test]
fn narrow_types_are_exact_and_integers_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let root = dict(&[
        ("half", tensor("HalfStorage", "0", 2, 2, 1)),
        ("brain", tensor("BFloat16Storage", "1", 2, 2, 1)),
        ("double", tensor("DoubleStorage", "2", 1, 1, 1)),
        ("count", tensor("LongStorage", "3", 1, 1, 1)),
    ]);
    let double = 0.1_f64.to_le_bytes();
    let storages: [(&str, &[u8]); 4] = [
        ("0", &[0, 0x3c, 1, 0x80]),
        ("1", &[0x49, 0x40, 0x80, 0]),
        ("2", &double),
        ("3", &[7, 0, 0, 0, 0, 0, 0, 0]),
    ];
    let read = super::read(&archive(folder.path(), &whole(&root), &storages)).unwrap();
    assert_eq!(read.tensors["half"].values, [1.0, -(2_f32.powi(-24))]);
    assert_eq!(read.tensors["brain"].values, [3.140_625, f32::MIN_POSITIVE]);
    assert_eq!(read.tensors["double"].values, [0.1_f32]);
    assert_eq!(read.ignored, ["count"]);
}

#[test]
fn the_models_tensors_are_found_and_the_optimizers_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let weights = dict(&[("w", tensor("FloatStorage", "0", 2, 2, 1))]);
    // Storage 9 is not in the archive: reading it would fail.
    let state = dict(&[("momentum", tensor("FloatStorage", "9", 2, 2, 1))]);
    let args = dict(&[
        ("input_size", vec![b'K', 64]),
        ("model", text("mae_x")),
        ("norm_pix_loss", vec![0x89]),
    ]);
    let values = [1.5_f32, -2.0].map(f32::to_le_bytes).concat();
    let own = |key| (key, weights.clone());
    for root in [
        dict(&[own("model"), ("optimizer", state.clone()), ("args", args.clone())]),
        dict(&[
            ("model", text("a name")),
            own("state_dict"),
            ("optimizer", state.clone()),
            ("args", args.clone()),
        ]),
        dict(&[
            own("model_state_dict"),
            ("optimizer_state_dict", state.clone()),
            ("args", args.clone()),
        ]),
        dict(&[
            ("w", tensor("FloatStorage", "0", 2, 2, 1)),
            ("optimizer", state.clone()),
            ("args", args.clone()),
        ]),
    ] {
        let read = super::read(&archive(folder.path(), &whole(&root), &[("0", &values)])).unwrap();
        assert_eq!(read.tensors.keys().collect::<Vec<_>>(), ["w"]);
        assert_eq!(read.tensors["w"].values, [1.5, -2.0]);
        assert_eq!(read.model_name.as_deref(), Some("mae_x"));
        assert_eq!(read.facts.norm_pix_loss, Some(false));
        assert_eq!(read.facts.img_size.map(|size| size.width), Some(64));
    }
}

#[test]
fn streams_of_old_pytorch_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = dict(&[("model", dict(&[("w", tensor("FloatStorage", "0", 2, 2, 1))]))]);
    let read = super::read(&legacy(folder.path(), &root)).unwrap();
    assert_eq!(read.tensors["w"].values, [1.5, -2.0]);
}

#[test]
fn an_archive_is_read_whatever_the_length_of_its_name() {
    // Versions 9.1 to 9.4 of the `zip` crate take such an archive for a damaged one when the first entry's name has 30
    // characters, as in `mae_pretrain_vit_base/data.pkl`.
    let folder = tempfile::tempdir().unwrap();
    let root = whole(&dict(&[("w", tensor("FloatStorage", "0", 1, 1, 1))]));
    for name in (1..40).map(|length| "n".repeat(length)) {
        let path = named_archive(&name, folder.path(), &root, &[("0", &1.5_f32.to_le_bytes())]);
        let bytes = with_wide_end(&std::fs::read(&path).unwrap());
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(super::read(&path).unwrap().tensors["w"].values, [1.5], "{name}");
    }
}
