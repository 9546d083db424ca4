//! One `[sweep]` read: its factors in the order in which they nest, its draws, and the points left out and added.
//! Factors nest in file order, one under a condition after the keys that the condition is about. It must not make points.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::document;
use super::error::SpecError;
use super::factor::{Choice, Factor, Reader};
use super::layer::Origin;
use super::parts::Library;
use super::points::Point;
use super::range::MOST_STORED;
use super::schema::{SECTIONS, Schema};
use super::seeds::Seeds;
use super::written::Written;

/// Draws are trials: more than these are a slip.
const MOST_SAMPLES: u64 = 10_000;

/// A sweep ready to be expanded.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// In nesting order, the first outermost, draws aside.
    pub(super) factors: Vec<Factor>,
    /// How many draws; `None` where nothing is drawn.
    pub(super) samples: Option<usize>,
    /// Points left out.
    pub(super) exclude: Vec<Condition>,
    /// Points added.
    pub(super) include: Vec<Point>,
    /// What `seeds` says.
    pub(super) seeds: Option<Seeds>,
    /// The file that it stands in.
    pub(super) file: String,
}

impl Grid {
    /// Reads the entries of a `[sweep]`.
    pub(super) fn read(
        entries: &document::Entries,
        file: &str,
        library: &Library,
        schema: &Schema,
    ) -> Result<Self, SpecError> {
        let written = Written::read(entries, file, schema)?;
        let whole = |name: &str, value: &Option<Value>, least: u64, most: u64| -> Result<Option<u64>, SpecError> {
            let Some(value) = value else { return Ok(None) };
            let number = value.as_u64().filter(|number| (least..=most).contains(number));
            let expected = || format!("a whole number from {least} to {most}");
            number
                .map(Some)
                .ok_or_else(|| SpecError::wrong_type(name, file, expected(), value))
        };
        let samples = whole("samples", &written.samples, 1, MOST_SAMPLES)?;
        let search_seed = whole("search_seed", &written.search_seed, 0, MOST_STORED)?;
        let reader = Reader {
            file,
            library,
            schema,
            samples: samples.map(|samples| samples as usize),
            search_seed: search_seed.unwrap_or_default(),
        };
        let factors = factors(&written, &reader)?;
        let drawn = factors.iter().any(|factor| factor.drawn);
        if let Some(name) = [("samples", samples), ("search_seed", search_seed)]
            .into_iter()
            .find_map(|(name, value)| value.filter(|_| !drawn).map(|_| name))
        {
            return Err(SpecError::Invalid(format!(
                "{name} in {file} has no effect, because no key is drawn: give one as {{ uniform = [least, most] }}, or leave \
                 {name} out"
            )));
        }
        Ok(Self {
            samples: reader.samples,
            exclude: exclude(&written, &factors, &reader)?,
            include: include(&written, &factors, &reader)?,
            seeds: written.seeds.map(|seeds| Seeds::read(&seeds, file)).transpose()?,
            file: file.into(),
            factors,
        })
    }
}

/// The factors in nesting order, with their conditions.
fn factors(written: &Written, reader: &Reader<'_>) -> Result<Vec<Factor>, SpecError> {
    let mut factors = Vec::new();
    for item in &written.items {
        factors.push(reader.factor(item)?);
    }
    let names: Vec<String> = factors.iter().flat_map(|factor| factor.keys.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (factor, item) in factors.iter_mut().zip(&written.items) {
        let what = format!("when of {}", item.key);
        factor.when = Condition::read(&item.when, &what, &names, reader.file, reader.schema)?;
    }
    if let Some(zip) = &written.zip {
        super::zip::join(&mut factors, zip, reader.file)?;
    }
    factors.iter().try_for_each(|factor| factor.distinct(reader.file))?;
    ordered(factors, reader.file)
}

/// Each factor after those that its condition is about, else in file order.
fn ordered(mut waiting: Vec<Factor>, file: &str) -> Result<Vec<Factor>, SpecError> {
    let mut done: Vec<Factor> = Vec::new();
    while !waiting.is_empty() {
        let settled = |key: &str| done.iter().flat_map(|factor| &factor.keys).any(|known| known == key);
        match waiting.iter().position(|factor| factor.when.keys().all(settled)) {
            Some(next) => done.push(waiting.remove(next)),
            None => return Err(circle(&waiting, file)),
        }
    }
    Ok(done)
}

/// The circle among factors that all wait for one another.
fn circle(waiting: &[Factor], file: &str) -> SpecError {
    let holder = |key: &str| {
        waiting
            .iter()
            .position(|factor| factor.keys.iter().any(|own| own == key))
    };
    let mut path = vec![0];
    let (from, path) = loop {
        let next = waiting[path[path.len() - 1]]
            .when
            .keys()
            .find_map(holder)
            .unwrap_or_default();
        match path.iter().position(|at| *at == next) {
            Some(from) => break (from, path),
            None => path.push(next),
        }
    };
    let keys: Vec<&str> = path[from..].iter().map(|at| waiting[*at].keys[0].as_str()).collect();
    SpecError::Invalid(match keys[..] {
        [key] => format!("when of {key} in {file} is about {key} itself: name another key"),
        _ => format!(
            "the conditions of {} in {file} go round in a circle: take one `when` away",
            keys.join(" and ")
        ),
    })
}

/// The tables of `exclude` or `include`, each with at least one key.
fn tables(name: &str, value: &Value, file: &str) -> Result<Vec<document::Entries>, SpecError> {
    let expected = "a list of tables such as { \"mask.ratio\" = 0.9 }";
    let wrong = || SpecError::wrong_type(name, file, expected, value);
    let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)?;
    let table = |item: &Value| {
        let entries = document::flatten(item.as_object().ok_or_else(wrong)?, file)?;
        if entries.is_empty() { Err(wrong()) } else { Ok(entries) }
    };
    items.iter().map(table).collect()
}

fn exclude(written: &Written, factors: &[Factor], reader: &Reader<'_>) -> Result<Vec<Condition>, SpecError> {
    let Some(value) = &written.exclude else {
        return Ok(Vec::new());
    };
    let names: Vec<&str> = factors.iter().flat_map(|f| &f.keys).map(String::as_str).collect();
    let read = |entries: &document::Entries| Condition::read(entries, "exclude", &names, reader.file, reader.schema);
    tables("exclude", value, reader.file)?.iter().map(read).collect()
}

fn include(written: &Written, factors: &[Factor], reader: &Reader<'_>) -> Result<Vec<Point>, SpecError> {
    let Some(value) = &written.include else {
        return Ok(Vec::new());
    };
    let points = tables("include", value, reader.file)?
        .into_iter()
        .map(|entries| added(entries, factors, reader));
    points.collect()
}

/// One added point: cases and parts beneath, then its keys.
fn added(mut entries: document::Entries, factors: &[Factor], reader: &Reader<'_>) -> Result<Point, SpecError> {
    let file = reader.file;
    if entries.iter().any(|(key, _)| key == "seed" || key == "seeds") {
        return Err(SpecError::Invalid(format!(
            "include in {file} names the seed: every point runs with all seeds, leave it out"
        )));
    }
    let mut values = Map::new();
    for (key, value) in &entries {
        let part = key == "case" || SECTIONS.contains(&key.as_str());
        let value = if part {
            value.clone()
        } else {
            reader.schema.check(key, value.clone(), file)?
        };
        values.insert(key.clone(), value);
    }
    let mut layers = Vec::new();
    if let Some(at) = entries.iter().position(|(key, _)| key == "case") {
        let (_, name) = entries.remove(at);
        layers.extend(case(&name, factors, file)?.layers.clone());
    }
    layers.extend(
        reader
            .library
            .layers(entries, &Origin::sweep_section(file), reader.schema)?,
    );
    Ok(Point { values, layers })
}

fn case<'f>(name: &Value, factors: &'f [Factor], file: &str) -> Result<&'f Choice, SpecError> {
    let cases = factors.iter().filter(|factor| factor.keys == ["case"]);
    let named = cases
        .flat_map(|factor| &factor.choices)
        .find(|choice| choice.values[0] == *name);
    named.ok_or_else(|| {
        SpecError::Invalid(format!(
            "include in {file} names case {name}, which is not among cases: use the name of one"
        ))
    })
}
