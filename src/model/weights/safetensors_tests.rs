//! Safetensors written and read back; damaged ones are in `hostile_tests`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Contents, Named, WeightError, read, read_inputs, write};

fn named(shape: &[usize], values: &[f32]) -> Named {
    Named {
        shape: shape.to_vec(),
        values: values.to_vec(),
    }
}

/// A file of one tensor `x`, from its header entry and bytes.
fn file(folder: &Path, entry: &str, data: &[u8]) -> PathBuf {
    let header = format!("{{\"x\":{entry}}}");
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
    let path = folder.join("x.safetensors");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_written_is_read_and_always_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let many: Vec<f32> = (0..40_000).map(|n| n as f32 * 0.37 - 5e3).collect();
    let tensors = BTreeMap::from([
        ("z.long".to_owned(), named(&[200, 200], &many)),
        ("a.scalar".to_owned(), named(&[], &[-0.0])),
        ("empty".to_owned(), named(&[0, 7], &[])),
        (
            "deep".to_owned(),
            named(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2], &[f32::MIN_POSITIVE, f32::MAX]),
        ),
    ]);
    let integers = BTreeMap::from([("ids".to_owned(), (vec![3], vec![i64::MIN, 0, 7]))]);
    let metadata: BTreeMap<_, _> = (0..20)
        .map(|n| (format!("key {n}"), "\"value\"\n".to_owned()))
        .collect();
    write(&a, &tensors, &integers, &metadata).unwrap();
    write(&b, &tensors, &integers, &metadata).unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert_eq!(
        read(&a).unwrap(),
        Contents {
            tensors,
            metadata,
            ignored: vec!["ids".to_owned()]
        }
    );
    let bytes = fs::read(&a).unwrap();
    let other = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(other.tensor("ids").unwrap().data()[..8], i64::MIN.to_le_bytes());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "a temporary file is left"
    );
}

#[test]
fn a_write_that_cannot_be_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, none) = (folder.path().join("a.safetensors"), BTreeMap::new());
    let wrong = BTreeMap::from([("x".to_owned(), named(&[3], &[1.0]))]);
    let error = write(&path, &wrong, &BTreeMap::new(), &none).unwrap_err().to_string();
    assert!(
        error.contains("`x` has 1 values, which is not its shape [3]"),
        "{error}"
    );
    let one = BTreeMap::from([("x".to_owned(), named(&[1], &[1.0]))]);
    let twice = BTreeMap::from([("x".to_owned(), (vec![1], vec![1]))]);
    assert!(write(&path, &one, &twice, &none).is_err());
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        write(&path, &one, &BTreeMap::new(), &none),
        Err(WeightError::Io { .. })
    ));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "a temporary file is left"
    );
}

#[test]
fn narrow_types_are_exact_and_f64_is_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let two = |dtype: &str, size: usize| format!(r#"{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{size}]}}"#);
    let f16 = [0x00, 0x3c, 0x01, 0x80]; // 1, -2^-24
    let bf16 = [0x49, 0x40, 0x80, 0x00]; // 3.140625, 2^-126
    let f64 = [0.1_f64.to_le_bytes(), (-1e300_f64.recip()).to_le_bytes()].concat();
    for (dtype, bytes, expected) in [
        ("F16", &f16[..], [1.0, -(2_f32.powi(-24))]),
        ("BF16", &bf16[..], [3.140_625, f32::MIN_POSITIVE]),
        ("F64", &f64[..], [0.1_f32, -0.0]),
    ] {
        let contents = read(&file(folder.path(), &two(dtype, bytes.len()), bytes)).unwrap();
        assert_eq!(contents.tensors["x"], named(&[2], &expected), "{dtype}");
    }
    let path = file(folder.path(), &two("F8_E4M3", 2), &[1, 2]);
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("`x` is of type F8_E4M3; export it as F32"), "{error}");
}

#[test]
fn values_that_are_not_finite_are_counted_for_weights_and_kept_for_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let values = [f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]
        .map(f32::to_le_bytes)
        .concat();
    let path = file(
        folder.path(),
        r#"{"dtype":"F32","shape":[5],"data_offsets":[0,20]}"#,
        &values,
    );
    let error = read(&path).unwrap_err().to_string();
    assert!(
        error.contains("tensor `x` holds 2 NaN and 2 infinite values of 5; "),
        "{error}"
    );
    let kept = read_inputs(&path).unwrap().tensors.remove("x").unwrap();
    assert!(kept.values[0].is_nan() && kept.values[2] == f32::INFINITY);
}
