//! What the inputs of a command say: one experiment file, one flat file, or a list of parts.
//! Finds out which it is and takes the experiment's own keys apart; values under `[sweep]` stay raw for `grid`. It must not resolve anything.

use std::path::Path;

use serde_json::{Map, Value};

use super::document::{self, Entries, is_yaml};
use super::error::SpecError;
use super::flat;
use super::layer::{Layer, Origin};
use super::limits::{self, Budget, EarlyStop};
use super::nested::{self, Block};
use super::parts::Library;
use super::schema::{SECTIONS, Schema};

/// The keys of an experiment file that stand outside `[set]` and `[sweep]`.
const EXPERIMENT_KEYS: [&str; 14] = [
    "name",
    "question",
    "expect",
    "cost",
    "base",
    "set",
    "sweep",
    "sweeps",
    "budget",
    "early_stop",
    "analysis",
    "analysis.text",
    "analysis.baseline",
    "analysis.objective",
];

/// The inputs of a command, taken apart.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) question: String,
    pub(super) expect: String,
    pub(super) cost: String,
    pub(super) analysis: String,
    pub(super) baseline: String,
    pub(super) objective: String,
    pub(super) file: String,
    pub(super) library: Library,
    /// Base parts, then `[set]`.
    pub(super) layers: Vec<Layer>,
    /// `[sweep]`, or each of `[[sweeps]]`; one without a key where there is neither.
    pub(super) blocks: Vec<Block>,
    /// The file that they stand in.
    pub(super) sweep_file: String,
    pub(super) budget: Budget,
    pub(super) early_stop: Option<EarlyStop>,
    /// What is probably not meant, one line each.
    pub(super) warnings: Vec<String>,
}

/// Reads the inputs: one experiment or flat file, or any number of parts.
pub(super) fn gather(inputs: &[String], schema: &Schema) -> Result<Source, SpecError> {
    let [first, rest @ ..] = inputs else {
        return Err(SpecError::Invalid(
            "no input: name an experiment file or parts such as model/nano".into(),
        ));
    };
    let mut source = Source {
        library: Library::beside(None),
        file: inputs.join(" "),
        blocks: vec![Block::default()],
        ..Source::default()
    };
    for input in inputs {
        if !is_file(input) {
            source.layers.push(source.library.layer(input, "the inputs", schema)?);
            continue;
        }
        let entries = document::read(input)?;
        if entries.is_empty() {
            return Err(SpecError::Invalid(format!(
                "{input} holds no key: give it a base, [set] and [sweep]"
            )));
        }
        let form = form(input, &entries);
        if form == Form::Part {
            check_top_level(&entries, input, |key| SECTIONS.contains(&key) || key == "seed")?;
            source.layers.push(Layer::new(entries, Origin::file(input), schema)?);
        } else if rest.is_empty() {
            return if form == Form::Flat {
                flat_file(first, entries, schema)
            } else {
                experiment(first, entries, schema)
            };
        } else {
            let message = format!("{input} is an experiment of its own: give it alone, or give parts only");
            return Err(SpecError::Invalid(message));
        }
    }
    source.name = inputs.iter().map(|input| stem(input)).collect::<Vec<_>>().join("-");
    Ok(source)
}

fn is_file(input: &str) -> bool {
    let path = Path::new(input);
    path.is_file()
        || is_yaml(input)
        || (path.extension().is_some_and(|end| end == "toml") && !Path::new("configs").join(input).is_file())
}

fn stem(input: &str) -> String {
    Path::new(input)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn root(key: &str) -> &str {
    key.split('.').next().unwrap_or_default()
}

/// What a file is.
#[derive(PartialEq)]
enum Form {
    Experiment,
    Flat,
    Part,
}

fn form(path: &str, entries: &Entries) -> Form {
    if entries.iter().any(|(key, _)| EXPERIMENT_KEYS.contains(&root(key))) {
        Form::Experiment
    } else if is_yaml(path) && flat::is_flat(entries) {
        Form::Flat
    } else {
        Form::Part
    }
}

fn check_top_level(entries: &Entries, path: &str, known: impl Fn(&str) -> bool) -> Result<(), SpecError> {
    let unknown = entries.iter().map(|(key, _)| root(key)).find(|root| !known(root));
    unknown.map_or(Ok(()), |key| {
        Err(SpecError::unknown_key(
            key,
            path,
            EXPERIMENT_KEYS.into_iter().chain(SECTIONS).chain(["seed"]),
        ))
    })
}

fn flat_file(path: &str, entries: Entries, schema: &Schema) -> Result<Source, SpecError> {
    let library = Library::beside(Some(path));
    let layers = library.layers(flat::expand(entries, path)?, &Origin::file(path), schema)?;
    Ok(Source {
        name: stem(path),
        file: path.into(),
        library,
        layers,
        blocks: vec![Block::default()],
        ..Source::default()
    })
}

fn experiment(path: &str, entries: Entries, schema: &Schema) -> Result<Source, SpecError> {
    check_top_level(&entries, path, |key| {
        EXPERIMENT_KEYS.contains(&key) || SECTIONS.contains(&key)
    })?;
    let mut source = Source {
        name: stem(path),
        file: path.into(),
        sweep_file: path.into(),
        ..Source::default()
    };
    source.library = Library::beside(Some(path));
    let [mut set, mut sweep, mut budget, mut early_stop] = [const { Entries::new() }; 4];
    let mut sweeps = None;
    for (key, value) in entries {
        if let Some(key) = key.strip_prefix("set.") {
            set.push((key.into(), value));
        } else if let Some(key) = key.strip_prefix("sweep.") {
            sweep.push((key.into(), value));
        } else if root(&key) == "sweeps" {
            sweeps = Some(if key == "sweeps" { value } else { Map::new().into() });
        } else if key.starts_with("budget.") {
            budget.push((key, value));
        } else if key.starts_with("early_stop.") {
            early_stop.push((key, value));
        } else if key == "base" {
            source.layers = base(&value, path, &source.library, schema)?;
        } else {
            text_key(&mut source, &key, value, path)?;
        }
    }
    source.budget = limits::budget(&budget, path)?;
    (source.early_stop, source.warnings) = limits::early_stop(&early_stop, path)?;
    source.blocks = nested::blocks(sweep, sweeps, path, &source.library, schema)?;
    if source.name.is_empty() || source.name.starts_with('.') || !source.name.chars().all(is_name_char) {
        let name = Value::from(source.name);
        return Err(SpecError::Invalid(format!(
            "name = {name} in {path} names a folder: use letters, digits, _, - and ."
        )));
    }
    source
        .layers
        .extend(source.library.layers(set, &Origin::set_section(path), schema)?);
    Ok(source)
}

fn is_name_char(letter: char) -> bool {
    letter.is_alphanumeric() || "_-.".contains(letter)
}

fn base(value: &Value, path: &str, library: &Library, schema: &Schema) -> Result<Vec<Layer>, SpecError> {
    let wrong = || SpecError::wrong_type("base", path, "a list of part names such as \"model/nano\"", value);
    let parts = value.as_array().ok_or_else(wrong)?;
    let place = format!("base of {path}");
    parts
        .iter()
        .map(|part| library.layer(part.as_str().ok_or_else(wrong)?, &place, schema))
        .collect()
}

fn text_key(source: &mut Source, key: &str, value: Value, path: &str) -> Result<(), SpecError> {
    let slot = match key {
        "name" => &mut source.name,
        "question" => &mut source.question,
        "expect" => &mut source.expect,
        "cost" => &mut source.cost,
        "analysis" | "analysis.text" => &mut source.analysis,
        "analysis.baseline" => &mut source.baseline,
        "analysis.objective" => &mut source.objective,
        "set" | "sweep" | "budget" | "early_stop" => return Err(SpecError::wrong_type(key, path, "a table", &value)),
        _ if SECTIONS.contains(&root(key)) => {
            let message = format!(
                "{key} in {path} stands outside [set]: move it to [set] or to [set.{}]",
                root(key)
            );
            return Err(SpecError::Invalid(message));
        }
        _ => return Err(SpecError::unknown_key(key, path, EXPERIMENT_KEYS)),
    };
    let number = (key == "analysis.baseline" && !value.is_string()).then(|| value.to_string());
    *slot = number
        .as_deref()
        .or_else(|| value.as_str())
        .ok_or_else(|| SpecError::wrong_type(key, path, "text", &value))?
        .trim()
        .to_owned();
    Ok(())
}
