//! Files that must be refused: damaged, of another kind, oversized, or asking Python to run code. Each ends in an error
//! that says why, never in a crash.

use std::io::Write;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::pickle::tests::{archive, dict, fixture, global, legacy, tensor, text, whole};
use super::{pickle, safetensors};

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The error of reading a checkpoint, which must contain `part`.
#[track_caller]
fn refuses(path: &Path, part: &str) {
    let error = pickle::read(path).unwrap_err().to_string();
    assert!(error.contains(part), "expected `{part}` in: {error}");
}

/// `module.name("id")` by a REDUCE.
fn call(module: &str, name: &str) -> Vec<u8> {
    [global(module, name), b"(".to_vec(), text("id"), b"tR".to_vec()].concat()
}

fn weights() -> Vec<u8> {
    tensor("FloatStorage", "0", 2, 2, 1)
}

const VALUES: [u8; 8] = [0, 0, 128, 63, 0, 0, 0, 64];

#[test]
fn a_pickle_that_would_run_code_is_refused_by_name_wherever_the_call_hides() {
    let folder = tempfile::tempdir().unwrap();
    let system = call("posix", "system");
    let memoised = [
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94".to_vec(), // memo 0 and 1
        b"00}".to_vec(),                                         // both dropped; the root
        text("w"),
        b"h\x00h\x01\x93".to_vec(), // STACK_GLOBAL of what the memo kept
        text("id"),
        b"\x85Rs.".to_vec(),
    ];
    let cases = [
        ("at the root", whole(&system)),
        (
            "in the model",
            whole(&dict(&[("model", dict(&[("w", system.clone())]))])),
        ),
        (
            "beside the model",
            whole(&dict(&[
                ("model", dict(&[("w", weights())])),
                ("epoch", system.clone()),
            ])),
        ),
        (
            "dropped",
            whole(&[&system, &b"0"[..], &dict(&[("w", weights())])].concat()),
        ),
        (
            "dropped with a mark",
            whole(&[b"(", &system[..], b"1", &dict(&[("w", weights())])].concat()),
        ),
        ("memoised", memoised.concat()),
        (
            "INST",
            whole(&[&b"("[..], &text("id"), b"iposix\nsystem\n0", &dict(&[("w", weights())])].concat()),
        ),
        (
            "OBJ",
            whole(&[&b"("[..], &global("posix", "system"), &text("id"), b"o"].concat()),
        ),
        (
            "NEWOBJ",
            whole(&[global("posix", "system"), b"(".to_vec(), text("id"), b"t\x81".to_vec()].concat()),
        ),
        ("never ends", [b"\x80\x02", &system[..]].concat()),
    ];
    for (place, pickle) in cases {
        for path in [
            archive(folder.path(), &pickle, &[("0", &VALUES)]),
            put(folder.path(), "plain.pkl", &pickle),
        ] {
            let error = pickle::read(&path).unwrap_err().to_string();
            assert!(
                error.contains("the pickle asks Python to call posix.system; nothing was run"),
                "{place}: {error}"
            );
            assert!(
                error.contains("save only the tensors, as safetensors"),
                "{place}: {error}"
            );
        }
    }
    refuses(
        &legacy(folder.path(), &dict(&[("w", system)])),
        "call posix.system; nothing was run",
    );
}

#[test]
fn calls_that_look_harmless_but_are_not_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (module, name) in [
        ("torch.storage", "_load_from_bytes"),
        ("builtins", "getattr"),
        ("torch", "hub.load"),
    ] {
        let pickle = whole(&dict(&[("w", call(module, name))]));
        refuses(
            &archive(folder.path(), &pickle, &[]),
            &format!("call {module}.{name}; nothing was run"),
        );
    }
    let computed = [&b"\x80\x04"[..], &call("builtins", "str"), &text("system"), b"\x93."].concat();
    refuses(
        &archive(folder.path(), &computed, &[]),
        "a name it computes or hides; nothing was run",
    );
    refuses(
        &archive(folder.path(), b"\x80\x02\x82\x01.", &[]),
        "a name it computes or hides; nothing was run",
    );
    let escape = whole(&global("\u{1b}[2Jmodule", "f"));
    refuses(&archive(folder.path(), &escape, &[]), r"\u{1b}[2Jmodule.f");
}

#[test]
fn a_call_in_any_pickle_of_the_archive_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.pth");
    let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
    let good = whole(&dict(&[("w", weights())]));
    let evil = whole(&call("posix", "system"));
    for (name, bytes) in [
        ("a/data.pkl", &good[..]),
        ("a/data/0", &VALUES),
        ("a/deeper/data.pkl", &evil),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    refuses(&path, "posix.system");
}

#[test]
fn files_cut_off_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let legacy = std::fs::read(legacy(folder.path(), &dict(&[("w", weights())]))).unwrap();
    for end in 0..legacy.len() {
        refuses(&put(folder.path(), "cut.pth", &legacy[..end]), "cut.pth");
    }
    for (name, tensors) in [("fb_encoder_only.pth", false), ("weights_fb.safetensors", true)] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let ends = (0..120)
            .chain((120..bytes.len()).step_by(bytes.len() / 60))
            .chain(bytes.len() - 40..bytes.len());
        for end in ends {
            let path = put(folder.path(), "cut", &bytes[..end]);
            let error = if tensors {
                safetensors::read(&path).err()
            } else {
                pickle::read(&path).err()
            };
            let error = error
                .unwrap_or_else(|| panic!("{name} cut at {end} is read"))
                .to_string();
            assert!(error.contains("again"), "{name} cut at {end}: {error}");
        }
    }
}

#[test]
fn changed_bytes_never_crash_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let root = dict(&[
        ("model", dict(&[("w", weights()), ("v", weights())])),
        ("args", dict(&[("a", text("b"))])),
    ]);
    let zip = std::fs::read(archive(folder.path(), &whole(&root), &[("0", &VALUES)])).unwrap();
    let pickle = whole(&root);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut read = 0;
    for round in 0..ROUNDS {
        let mut bytes = if round % 2 == 0 { zip.clone() } else { pickle.clone() };
        for _ in 0..=next(3) {
            let place = next(bytes.len());
            bytes[place] = if next(2) == 0 {
                u8::try_from(next(256)).unwrap()
            } else {
                pickle[next(pickle.len())]
            };
        }
        let path = if round % 2 == 0 {
            put(folder.path(), "changed.pth", &bytes)
        } else {
            archive(folder.path(), &bytes, &[("0", &VALUES)])
        };
        read += usize::from(pickle::read(&path).is_ok());
        assert!(safetensors::read(&path).is_err());
    }
    assert!(read < ROUNDS, "no change was noticed");
}

const ROUNDS: usize = 2_000;

#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |bytes: &[u8]| put(folder.path(), "w.pth", bytes);
    refuses(&file(b""), "the file is empty");
    refuses(
        &file(b"<!DOCTYPE html><html>not found</html>"),
        "this is text, not a PyTorch checkpoint",
    );
    refuses(
        &file(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "git-lfs pointer",
    );
    refuses(&file(&[0xff; 300]), "byte 0xff is no instruction of a pickle");
    refuses(
        &file(b"PK\x03\x04 and then nothing"),
        "the archive is damaged or cut off",
    );
    refuses(&fixture("weights_fb.safetensors"), "this is a safetensors file");
    refuses(folder.path(), "this is a folder");
    refuses(&folder.path().join("absent.pth"), "read ");
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    refuses(
        &file(&tar),
        "PyTorch before 0.1.10; load it with PyTorch and save it again",
    );
    refuses(&archive(folder.path(), &whole(b"}"), &[]), "holds no tensors");
    let error = safetensors::read(&fixture("fb_encoder_only.pth"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("looks like a PyTorch checkpoint"), "{error}");
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let repeated = whole(&dict(&[("w", tensor("FloatStorage", "0", 2, 1 << 30, 0))]));
    refuses(
        &archive(folder.path(), &repeated, &[("0", &VALUES)]),
        "would take 4294967296 bytes but the file has",
    );
    let bomb = |piece: &[u8], times: usize| {
        let path = folder.path().join("bomb.pth");
        let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file("bomb/data.pkl", deflated).unwrap();
        (0..times).for_each(|_| zip.write_all(piece).unwrap());
        zip.finish().unwrap();
        assert!(path.metadata().unwrap().len() < 1 << 20);
        path
    };
    refuses(&bomb(&[b'N'; 1 << 16], 80), "more than 4000000 instructions");
    let long = [&b"\x8e\x00\x00\x00\x40\x00\x00\x00\x00"[..], &[0; 1 << 16]].concat();
    refuses(&bomb(&long, 1800), "the pickle ends in the middle");
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = whole(&dict(&[("model", dict(&[("w", weights())]))]));
    let values = [f32::NAN, f32::INFINITY].map(f32::to_le_bytes).concat();
    refuses(
        &archive(folder.path(), &pickle, &[("0", &values)]),
        "tensor `w` holds 1 NaN and 1 infinite values of 2; ",
    );
}

#[test]
fn headers_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |size: u64, rest: &[u8]| [&size.to_le_bytes()[..], rest].concat();
    let entry = |entry: &str| {
        let header = format!("{{{entry}}}");
        file(header.len() as u64, &[header.as_bytes(), &[0; 8]].concat())
    };
    for (bytes, part) in [
        (
            file(u64::MAX, b"{}"),
            "claims a header of 18446744073709551615 bytes in a file of 10",
        ),
        (file(1 << 42, b"{}"), "claims a header of 4398046511104 bytes"),
        (
            file(90_000_000, &[b' '; 90_000_000]),
            "claims a header of 90000000 bytes",
        ),
        (file(5, b"hello"), "the safetensors header is damaged"),
        (file(2, b"\xff\xff"), "the safetensors header is damaged"),
        (
            entry(r#""w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}"#),
            "promises 4398046511104",
        ),
        (
            entry(r#""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#),
            "promises 4 bytes of tensors but the file holds 8",
        ),
        (
            entry(r#""w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#),
            "damaged",
        ),
        (
            entry(r#""w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#),
            "damaged",
        ),
        (
            entry(r#""w":{"dtype":"F32","shape":[18446744073709551615,2,0],"data_offsets":[0,8]}"#),
            "damaged",
        ),
        (
            entry(r#""w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}"#),
            "damaged",
        ),
        (
            entry(
                r#""v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#,
            ),
            "damaged",
        ),
        (
            b"<!DOCTYPE html><html>not found</html>".to_vec(),
            "not a safetensors file",
        ),
        (b"abc".to_vec(), "3 bytes are too few"),
    ] {
        let path = put(folder.path(), "w.safetensors", &bytes);
        let error = safetensors::read(&path).unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains("again"),
            "expected `{part}` in: {error}"
        );
    }
}
