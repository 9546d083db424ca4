//! Lists the photograph set for `src/data/photos.rs`, and names the folders whose new files must cause a build.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    for folder in [
        "build.rs",
        "configs",
        "data/photos/train",
        "data/photos/val",
        "src/store/migrations",
    ] {
        println!("cargo:rerun-if-changed={folder}");
    }
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    println!("cargo:rustc-env=PINNED_BURN_VERSION={}", burn_version(&root)?);
    let mut code = String::new();
    for (name, folder) in [("TRAIN", "train"), ("VAL", "val")] {
        let folder = format!("data/photos/{folder}");
        let pictures = list(&Path::new(&root).join(&folder))?;
        writeln!(code, "static {name}: &[(&str, &str, &[u8])] = &[").map_err(io::Error::other)?;
        for (class, file) in pictures {
            // The project's folder is looked up when the code is compiled: it may have moved since this ran.
            let bytes = format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{folder}/{class}/{file}\"))");
            writeln!(code, "    ({class:?}, {file:?}, {bytes}),").map_err(io::Error::other)?;
        }
        code.push_str("];\n");
    }
    fs::write(Path::new(&out).join("photos.rs"), code)
}

/// The version of burn that the manifest pins.
fn burn_version(root: &str) -> io::Result<String> {
    let manifest = fs::read_to_string(Path::new(root).join("Cargo.toml"))?;
    let line = manifest
        .lines()
        .find(|line| line.starts_with("burn = "))
        .unwrap_or_default();
    let version = line.split('"').nth(1).unwrap_or_default();
    version
        .strip_prefix('=')
        .map(str::to_string)
        .ok_or_else(|| io::Error::other("Cargo.toml pins no version of burn"))
}

/// Class and file name of every picture of `folder/class/file`, sorted.
fn list(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut pictures = Vec::new();
    for class in fs::read_dir(folder)? {
        let class = class?;
        for file in fs::read_dir(class.path())? {
            let file = file?;
            let name = |name: std::ffi::OsString| name.to_string_lossy().into_owned();
            pictures.push((name(class.file_name()), name(file.file_name())));
        }
    }
    pictures.sort();
    Ok(pictures)
}
