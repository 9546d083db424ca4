//! A TOML or YAML text as a flat list of dotted keys and values, in the order of the file.
//! `"mask.ratio" = 1`, `mask.ratio = 1` and `[mask] ratio = 1` are the same entry; order matters because
//! sweeps nest as they are written. It must not know which keys mean something.

use std::path::Path;

use figment::providers::{Format, Yaml};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::error::{SpecError, nearest, one_line};
use super::layer::nest;

/// Dotted keys and their values, in file order.
pub(super) type Entries = Vec<(String, Value)>;

/// Reads and parses the file at `path`; YAML by its extension, TOML otherwise.
pub(super) fn read(path: &str) -> Result<Entries, SpecError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(SpecError::Missing {
                path: path.into(),
                hint: neighbours(path),
            });
        }
        Err(source) => {
            return Err(SpecError::Unreadable {
                path: path.into(),
                source,
            });
        }
    };
    if is_yaml(path) {
        yaml(&text, path)
    } else {
        toml(&text, path)
    }
}

/// Whether a path names a YAML file.
pub(super) fn is_yaml(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Parses TOML; `path` is for messages.
pub(super) fn toml(text: &str, path: &str) -> Result<Entries, SpecError> {
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        SpecError::Syntax {
            path: path.into(),
            line,
            column,
            message: one_line(error.message()),
        }
    })?;
    let mut leaves = Vec::new();
    collect(table.get_ref(), "", path, &mut leaves)?;
    leaves.sort_by_key(|(start, ..)| *start);
    unique(leaves.into_iter().map(|(_, key, value)| (key, value)).collect(), path)
}

/// A value written on the command line or in the environment: TOML if it parses as such, inline tables included, else text.
pub(super) fn scalar(text: &str) -> Value {
    let line = format!("value = {text}");
    match toml(&line, "") {
        Ok(entries) if entries.len() == 1 && entries[0].0 == "value" => entries[0].1.clone(),
        Ok(entries) if !entries.is_empty() && entries.iter().all(|(key, _)| key.starts_with("value.")) => {
            nest(entries)["value"].take()
        }
        _ => Value::from(text),
    }
}

/// The leaves of a table inside a value, such as one case of a sweep.
pub(super) fn flatten(table: &Map<String, Value>, place: &str) -> Result<Entries, SpecError> {
    let mut entries = Vec::new();
    descend(table, "", &mut entries);
    unique(entries, place)
}

fn yaml(text: &str, path: &str) -> Result<Entries, SpecError> {
    let value: Value = Yaml::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let message = one_line(&error.to_string());
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        SpecError::Syntax {
            path: path.into(),
            line,
            column,
            message,
        }
    })?;
    match value {
        Value::Object(table) => flatten(&table, path),
        Value::Null => Ok(Entries::new()),
        other => Err(SpecError::wrong_type("the content", path, "a table of keys", &other)),
    }
}

fn descend(table: &Map<String, Value>, prefix: &str, entries: &mut Entries) {
    for (key, value) in table {
        match value {
            Value::Object(inner) => descend(inner, &format!("{prefix}{key}."), entries),
            Value::Null => {}
            leaf => entries.push((format!("{prefix}{key}"), leaf.clone())),
        }
    }
}

fn collect(
    table: &DeTable<'_>,
    prefix: &str,
    path: &str,
    leaves: &mut Vec<(usize, String, Value)>,
) -> Result<(), SpecError> {
    for (key, value) in table {
        let dotted = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, &format!("{dotted}."), path, leaves)?,
            leaf => leaves.push((value.span().start, dotted.clone(), json(leaf, &dotted, path)?)),
        }
    }
    Ok(())
}

fn json(value: &DeValue<'_>, key: &str, path: &str) -> Result<Value, SpecError> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(when) => Value::from(when.to_string()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map(Value::from)
            .or_else(|_| u64::from_str_radix(digits.as_str(), digits.radix()).map(Value::from))
            .map_err(|_| SpecError::Invalid(format!("{key} = {digits} in {path} is too large")))?,
        DeValue::Float(digits) => {
            let number = digits
                .as_str()
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64);
            let finite = || SpecError::Invalid(format!("{key} = {digits} in {path} must be a finite number"));
            Value::Number(number.ok_or_else(finite)?)
        }
        DeValue::Array(items) => items
            .iter()
            .map(|item| json(item.get_ref(), key, path))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        DeValue::Table(table) => {
            let mut leaves = Vec::new();
            collect(table, "", path, &mut leaves)?;
            leaves.sort_by_key(|(start, ..)| *start);
            leaves
                .into_iter()
                .map(|(_, key, value)| (key, value))
                .collect::<Map<_, _>>()
                .into()
        }
    })
}

fn unique(entries: Entries, place: &str) -> Result<Entries, SpecError> {
    for (index, (key, _)) in entries.iter().enumerate() {
        if entries[..index].iter().any(|(earlier, _)| earlier == key) {
            return Err(SpecError::Invalid(format!("{key} is given twice in {place}: keep one")));
        }
    }
    Ok(entries)
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// What to say about a missing file: the nearest name in its folder, or what the folder holds.
fn neighbours(path: &str) -> String {
    let path = Path::new(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Ok(listing) = folder.read_dir() else {
        return format!(": there is no folder {}", folder.display());
    };
    let mut names: Vec<String> = listing
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_yaml(name) || name.ends_with(".toml"))
        .collect();
    names.sort();
    let stem = |name: &str| {
        Path::new(name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let stems: Vec<String> = names.iter().map(|name| stem(name)).collect();
    if let Some(near) = nearest(&stem(&path.to_string_lossy()), stems.iter().map(String::as_str)) {
        let name = names
            .iter()
            .find(|name| stem(name) == near)
            .map_or(near, String::as_str);
        return format!(": did you mean {}?", path.with_file_name(name).display());
    }
    names.truncate(8);
    let there = if names.len() == 1 { "there is" } else { "there are" };
    match names.join(", ") {
        names if names.is_empty() => String::new(),
        names if folder == Path::new(".") => format!(" here: {there} {names}"),
        names => format!(": in {} {there} {names}", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_key_is_one_entry_in_file_order() {
        let text = "z.b = 1\n\"a.c\" = [0x10, 1.5]\nz.a = \"x\"\n[m]\nq = true\ncases = [{ \"k.l\" = 1, k.m = 2 }]\n";
        let entries = toml(text, "t.toml").unwrap();
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["z.b", "a.c", "z.a", "m.q", "m.cases"]);
        assert_eq!(entries[1].1, serde_json::json!([16, 1.5]));
        assert_eq!(entries[4].1, serde_json::json!([{ "k.l": 1, "k.m": 2 }]));
    }

    #[test]
    fn mistakes_name_file_line_and_column() {
        let error = toml("a = 1\nb = [1,\nc = 2", "x.toml").unwrap_err().to_string();
        assert!(error.starts_with("x.toml:3:"), "{error}");
        assert!(!error.contains('\n'));
        let error = yaml("a: [1\nb: 2", "x.yaml").unwrap_err().to_string();
        assert!(error.starts_with("x.yaml:2:"), "{error}");
        let error = toml("a.b = 1\n\"a.b\" = 2", "x.toml").unwrap_err().to_string();
        assert_eq!(error, "a.b is given twice in x.toml: keep one");
        let error = toml("a.b = nan", "x.toml").unwrap_err().to_string();
        assert_eq!(error, "a.b = nan in x.toml must be a finite number");
    }

    #[test]
    fn what_is_not_toml_is_text() {
        assert_eq!(scalar("3"), serde_json::json!(3));
        assert_eq!(scalar("[96, 128]"), serde_json::json!([96, 128]));
        assert_eq!(scalar("square"), serde_json::json!("square"));
        assert_eq!(scalar("\"3\""), serde_json::json!("3"));
        assert_eq!(
            scalar("{ a = 1, b.c = 2 }"),
            serde_json::json!({ "a": 1, "b": { "c": 2 } })
        );
        assert_eq!(scalar("{ a"), serde_json::json!("{ a"));
        assert_eq!(scalar("3\nother = 4"), serde_json::json!("3\nother = 4"));
        assert_eq!(scalar(""), serde_json::json!(""));
    }
}
