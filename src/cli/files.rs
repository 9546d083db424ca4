//! Files that commands write: whole or not at all, and never over what they read.

use std::io::Write as _;
use std::path::Path;

use super::failure::Failure;

/// Writes a file through one beside it that takes its name when it is whole.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let refuse = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = std::fs::File::create(&part).map_err(refuse)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(refuse)?;
    std::fs::rename(&part, path).map_err(refuse)
}

/// A JSON document as a file.
pub(super) fn write_json(path: &Path, document: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).map_err(anyhow::Error::new)? + "\n";
    write(path, text.as_bytes())
}

/// Makes a folder, if it is not there.
pub(super) fn folder(path: &Path) -> Result<(), Failure> {
    let refuse = |error| Failure::usage(format!("cannot make the folder {}: {error}", path.display()));
    std::fs::create_dir_all(path).map_err(refuse)
}

/// Refuses an output that is one of the inputs, or whose folder is not there, before anything is computed.
pub(super) fn check_output(output: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let folder = output.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let (output, folder) = (output.display(), folder.display());
        return Err(Failure::usage(format!(
            "cannot write {output}: there is no folder {folder}"
        )));
    }
    let Ok(place) = output.canonicalize() else {
        return Ok(());
    };
    let is_input = |input: &&&Path| input.canonicalize().is_ok_and(|input| input == place);
    match inputs.iter().find(is_input) {
        Some(_) => Err(Failure::usage(format!(
            "{} is an input of this command and would be replaced: name another file",
            output.display()
        ))),
        None => Ok(()),
    }
}
