//! Scripts of the masking strategy `script`: `mask.path` is read when a configuration is resolved, and its text recorded as
//! `mask.source`, so that a trial can be repeated from the store alone and counts as another one when the script changes.
//! It must not compile or run them: the strategy does.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Value, json};

use super::column::CROSS;
use super::error::SpecError;
use super::layer::Origin;
use super::render::render;

/// Strategies that name a file whose content, not its path, decides what they do.
const SCRIPT: &str = "script";
const FILE: &str = "file";

/// A script is a few lines; more than this many bytes are a slip.
const MOST_BYTES: u64 = 64 << 10;

/// Puts the text of scripts beside their paths.
pub(super) fn embed(config: &mut Value, origins: &mut BTreeMap<String, Origin>) -> Result<(), SpecError> {
    for Place { prefix, pointer } in tables(config) {
        let (path_key, source_key) = (format!("{prefix}.path"), format!("{prefix}.source"));
        let given = config.pointer(&pointer);
        let Some(path) = given.and_then(|given| given["path"].as_str()).map(str::to_owned) else {
            continue;
        };
        let fail = |problem: &str| render(&format!("{{{path_key}}} {problem}"), config, origins);
        if given.is_some_and(|given| given.get("source").is_some()) {
            return Err(fail(&format!("and {source_key} are both given: keep one of them")));
        }
        let text = text(&path).map_err(|problem| fail(&problem))?;
        if let Some(Value::Object(given)) = config.pointer_mut(&pointer) {
            given.insert("source".into(), text.into());
            if !source_key.contains('[') {
                origins.insert(source_key, Origin::file(&path));
            }
        }
    }
    Ok(())
}

/// The text of a script.
///
/// # Errors
/// Why it cannot be had, to be said after its path.
pub fn text(path: &str) -> Result<String, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "names no file; relative paths start at the working directory".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("is no file: name a script such as experiments/masks/diagonal.rhai".into());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!(
            "has more than {MOST_BYTES} bytes: a script of masks is a few lines"
        ));
    }
    String::from_utf8(bytes).map_err(|_| "is no text in UTF-8: name a script in Rhai".into())
}

/// Whether a key of a configuration is the path of a file whose content counts in its place.
pub(super) fn is_path(config: &Value, key: &str) -> bool {
    let strategy = config["mask"]["strategy"].as_str();
    match key {
        "mask.path" => matches!(strategy, Some(SCRIPT | FILE)),
        _ => key
            .strip_prefix("mask.")
            .and_then(|key| key.strip_suffix(".path"))
            .is_some_and(|id| [SCRIPT, FILE].contains(&id)),
    }
}

/// Where the parameters of a script stand, in the words of a message and as a JSON pointer.
struct Place {
    prefix: String,
    pointer: String,
}

/// The scripts of `[mask]` and of the columns of the cross table.
fn tables(config: &Value) -> Vec<Place> {
    let mut places = within(&config["mask"], "mask", "/mask");
    for (index, column) in config["eval"]["cross"].as_array().into_iter().flatten().enumerate() {
        places.extend(within(
            column,
            &format!("{CROSS}[{index}]"),
            &format!("/eval/cross/{index}"),
        ));
    }
    places
}

/// A script as the strategy of `mask`, or as the member of a mixture.
fn within(mask: &Value, prefix: &str, pointer: &str) -> Vec<Place> {
    let place = |end: &str| Place {
        prefix: format!("{prefix}{}", end.replace('/', ".")),
        pointer: format!("{pointer}{end}"),
    };
    let own = (mask["strategy"] == SCRIPT).then(|| place(""));
    let member = mask[SCRIPT].is_object().then(|| place(&format!("/{SCRIPT}")));
    own.into_iter().chain(member).collect()
}

/// The columns of the cross table without the paths of scripts, whose content counts in their place.
pub(super) fn without_paths(columns: Value) -> Value {
    let mut config = json!({ "eval": { "cross": columns } });
    for Place { pointer, .. } in tables(&config) {
        if let Some(Value::Object(given)) = config.pointer_mut(&pointer) {
            given.remove("path");
        }
    }
    config["eval"]["cross"].take()
}
