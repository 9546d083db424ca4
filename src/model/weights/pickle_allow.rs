//! The Python names that a pickle of weights may refer to. Unpickling calls them, so everything not known to be harmless
//! is refused: a name is on this list because calling it with any arguments runs no code of the file's choosing.
//! Not on it by intent: `torch.storage._load_from_bytes`, which unpickles its argument without restriction.

/// Names by module; `module` may stand in several rows.
const ALLOWED: &[(&str, &[&str])] = &[
    ("argparse", &["Namespace"]),
    ("builtins", PLAIN),
    ("__builtin__", PLAIN),
    ("_codecs", &["encode"]),
    ("collections", &["OrderedDict", "defaultdict", "Counter", "deque"]),
    ("copyreg", &["_reconstructor"]),
    ("copy_reg", &["_reconstructor"]),
    ("datetime", &["date", "datetime", "time", "timedelta", "timezone"]),
    ("numpy", &["dtype", "ndarray"]),
    ("numpy.core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy._core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy.core.numeric", &["_frombuffer"]),
    ("numpy._core.numeric", &["_frombuffer"]),
    ("pathlib", PATHS),
    ("pathlib._local", PATHS),
    (
        "torch",
        &[
            "Size",
            "Tensor",
            "device",
            "strided",
            "sparse_coo",
            "channels_last",
            "contiguous_format",
        ],
    ),
    ("torch", DTYPES),
    ("torch._tensor", &["_rebuild_from_type_v2"]),
    ("torch.nn.parameter", &["Parameter", "Buffer"]),
    ("torch.serialization", &["_get_layout"]),
    ("torch.torch_version", &["TorchVersion"]),
];

const PLAIN: &[&str] = &[
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "long",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "unicode",
    "xrange",
];

const PATHS: &[&str] = &[
    "Path",
    "PosixPath",
    "WindowsPath",
    "PurePath",
    "PurePosixPath",
    "PureWindowsPath",
];

const DTYPES: &[&str] = &[
    "bfloat16",
    "bool",
    "complex32",
    "complex64",
    "complex128",
    "double",
    "float",
    "float16",
    "float32",
    "float64",
    "half",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "qint8",
    "qint32",
    "quint8",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
];

/// Whether a pickle may refer to `module.name`.
pub(super) fn allows(module: &str, name: &str) -> bool {
    let listed = ALLOWED
        .iter()
        .any(|(home, names)| *home == module && names.contains(&name));
    listed
        || (module == "torch._utils" && rebuilds(name))
        || (matches!(module, "torch" | "torch.storage") && stores(name))
}

/// `_rebuild_tensor_v2`, `_rebuild_parameter`, …: a plain name, for a dot would reach into attributes.
fn rebuilds(name: &str) -> bool {
    name.starts_with("_rebuild_") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `FloatStorage`, `UntypedStorage`, …
fn stores(name: &str) -> bool {
    let stem = name.trim_start_matches('_').strip_suffix("Storage");
    stem.is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether an instance of `module.name` is, to this reader, a mapping of text to values: it starts empty and is filled.
pub(super) fn is_mapping(module: &str, name: &str) -> bool {
    matches!(
        (module, name),
        ("argparse", "Namespace")
            | ("collections", "OrderedDict" | "defaultdict" | "Counter")
            | ("builtins" | "__builtin__", "dict")
    )
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn what_checkpoints_hold_is_allowed() {
        for (module, name) in [
            ("torch._utils", "_rebuild_tensor_v2"),
            ("torch", "FloatStorage"),
            ("torch.storage", "UntypedStorage"),
            ("collections", "OrderedDict"),
            ("argparse", "Namespace"),
            ("numpy._core.multiarray", "scalar"),
            ("torch", "bfloat16"),
        ] {
            assert!(allows(module, name), "{module}.{name}");
        }
    }

    #[test]
    fn what_runs_code_is_not() {
        for (module, name) in [
            ("posix", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("builtins", "str.format"),
            ("torch.storage", "_load_from_bytes"),
            ("torch", "load"),
            ("torch", "storage._load_from_bytes"),
            ("torch", "serialization.os.system.Storage"),
            ("torch._utils", "_rebuild_.os.system"),
            ("torch._utils", "_import_dotted_name"),
            ("numpy", "load"),
            ("collections", "namedtuple"),
            ("_codecs", "decode"),
            ("pathlib", "Path.unlink"),
        ] {
            assert!(!allows(module, name), "{module}.{name}");
        }
    }
}
