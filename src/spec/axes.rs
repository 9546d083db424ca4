//! The `[sweep]` section: axes of values, and the points of their grid.
//! Swept keys nest in file order, the first outermost, seeds innermost; `cases` couples several keys into one
//! axis, and a section's name (`model`) sweeps over parts. It must not resolve or validate what a point gives.

use serde_json::{Map, Value};

use super::document::{self, Entries};
use super::error::SpecError;
use super::file::Source;
use super::layer::{Layer, Origin};
use super::range::{self, MOST_STORED};
use super::render::render_one;
use super::schema::{SECTIONS, Schema};

/// More trials than this are a slip, not a plan.
const MOST_TRIALS: usize = 10_000;

/// One swept key and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The dotted key; `model`, `data`, … for parts, `case` for coupled values, `seed` for seeds (always last).
    pub key: String,
    /// Its values in the order written; part names and case names as text.
    pub values: Vec<Value>,
}

/// An axis with the layer that each of its values stands for.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) axis: Axis,
    layers: Vec<Vec<Layer>>,
}

/// One point of the grid: its label without the seed, and its layers.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    pub(super) values: Map<String, Value>,
    pub(super) layers: Vec<Layer>,
}

/// How the seeds of a sweep are given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seeds {
    /// The configured seed only.
    One,
    /// So many, counting up from the configured seed.
    Count(u64),
    /// Exactly these.
    List(Vec<u64>),
}

/// The axes of a sweep, outermost first, without the seeds.
pub(super) fn axes(source: &Source, schema: &Schema) -> Result<Vec<Swept>, SpecError> {
    let file = &source.sweep_file;
    let mut swept = Vec::new();
    for (key, value) in source.sweep.iter().filter(|(key, _)| key != "seeds" && key != "seed") {
        let axis = if key == "cases" {
            cases(source, value, schema)?
        } else {
            one_key(source, key, value, schema)?
        };
        for (index, value) in axis.axis.values.iter().enumerate() {
            if axis.axis.values[..index].contains(value) {
                return Err(SpecError::Invalid(format!(
                    "{key} in {file} lists {value} twice: each value makes one trial"
                )));
            }
        }
        swept.push(axis);
    }
    Ok(swept)
}

/// Refuses more trials than anybody means, seeds included.
pub(super) fn limit(swept: &[Swept], seeds: &Seeds) -> Result<(), SpecError> {
    let axes = swept.iter().map(|swept| swept.axis.values.len());
    let trials = axes.fold(seeds.len(), usize::saturating_mul);
    if trials > MOST_TRIALS {
        return Err(SpecError::Invalid(format!(
            "the sweep makes more than {MOST_TRIALS} trials, seeds included: sweep fewer values or seeds"
        )));
    }
    Ok(())
}

/// Every combination of the axes' values, the first axis outermost.
pub(super) fn points(swept: &[Swept]) -> Vec<Point> {
    let mut points = vec![Point::default()];
    for Swept { axis, layers } in swept {
        let each = points.iter().flat_map(|point| {
            axis.values.iter().zip(layers).map(|(value, layer)| {
                let mut point = point.clone();
                point.values.insert(axis.key.clone(), value.clone());
                point.layers.extend_from_slice(layer);
                point
            })
        });
        points = each.collect();
    }
    points
}

impl Swept {
    /// The keys that this axis decides.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flatten().flat_map(Layer::keys)
    }

    /// Whether this axis may decide `key`: one it gives or, where it names parts, any of a section that they are about.
    pub(super) fn decides(&self, key: &str) -> bool {
        let section = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
        let by = |layer: &Layer| {
            let whole = !layer.origin.is_sweep_section();
            layer
                .keys()
                .any(|given| given == key || (whole && section(given) == section(key)))
        };
        section(key) == self.axis.key || self.layers.iter().flatten().any(by)
    }
}

impl Seeds {
    /// Reads `seeds = 3` or `seeds = [0, 7]`, standing at `place`.
    pub(super) fn read(value: &Value, place: &str) -> Result<Self, SpecError> {
        let wrong = || {
            SpecError::wrong_type(
                "seeds",
                place,
                "a whole number from 1 to 1000, or a list of seeds",
                value,
            )
        };
        let Value::Array(items) = value else {
            let count = value
                .as_u64()
                .filter(|count| (1..=1000).contains(count))
                .ok_or_else(wrong)?;
            return Ok(Self::Count(count));
        };
        let seeds = items
            .iter()
            .map(Value::as_u64)
            .collect::<Option<Vec<_>>>()
            .filter(|seeds| !seeds.is_empty());
        let seeds = seeds.ok_or_else(wrong)?;
        for item in items {
            range::check("seed", item).map_err(|message| render_one(&message, "seed", item, place))?;
        }
        for (index, seed) in seeds.iter().enumerate() {
            if seeds[..index].contains(seed) {
                return Err(SpecError::Invalid(format!(
                    "seeds in {place} lists {seed} twice: each seed makes one trial"
                )));
            }
        }
        Ok(Self::List(seeds))
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Count(count) => *count as usize,
            Self::List(seeds) => seeds.len(),
        }
    }

    /// The seeds, counted from `first` where only their number is given.
    pub(super) fn from(&self, first: u64) -> Result<Vec<u64>, SpecError> {
        match self {
            Self::One => Ok(vec![first]),
            Self::Count(count) => match first.checked_add(*count) {
                Some(end) if end - 1 <= MOST_STORED => Ok((first..end).collect()),
                _ => Err(SpecError::Invalid(format!(
                    "seeds = {count} counts up from seed = {first} beyond {MOST_STORED}, the largest number that the store \
                     keeps: use a smaller seed"
                ))),
            },
            Self::List(seeds) => Ok(seeds.clone()),
        }
    }
}

fn one_key(source: &Source, key: &str, value: &Value, schema: &Schema) -> Result<Swept, SpecError> {
    let file = &source.sweep_file;
    let origin = Origin::sweep_section(file);
    let section = SECTIONS.contains(&key);
    if !section && !schema.names().any(|name| name == key) {
        return Err(SpecError::unknown_key(
            key,
            file,
            schema.names().chain(["seeds", "cases"]),
        ));
    }
    let wrong = || SpecError::wrong_type(key, file, "a list of the values to try", value);
    let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)?;
    let mut values = Vec::new();
    let mut layers = Vec::new();
    for item in items {
        if section {
            let part = item
                .as_str()
                .ok_or_else(|| SpecError::wrong_type(key, file, "a list of part names", value))?;
            layers.push(vec![source.library.section(
                key,
                part,
                &format!("[sweep] of {file}"),
                schema,
            )?]);
            values.push(item.clone());
        } else {
            let checked = schema.check(key, item.clone(), file)?;
            layers.push(vec![Layer::new(
                vec![(key.into(), checked.clone())],
                origin.clone(),
                schema,
            )?]);
            values.push(checked);
        }
    }
    Ok(Swept {
        axis: Axis {
            key: key.into(),
            values,
        },
        layers,
    })
}

fn cases(source: &Source, value: &Value, schema: &Schema) -> Result<Swept, SpecError> {
    let file = &source.sweep_file;
    let wrong = || {
        SpecError::wrong_type(
            "cases",
            file,
            "a list of tables, each with a name and the keys it sets",
            value,
        )
    };
    let mut axis = Axis {
        key: "case".into(),
        values: Vec::new(),
    };
    let mut layers = Vec::new();
    for item in value.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)? {
        let mut entries: Entries = document::flatten(item.as_object().ok_or_else(wrong)?, file)?;
        let at = entries.iter().position(|(key, _)| key == "name").ok_or_else(wrong)?;
        let (_, name) = entries.remove(at);
        axis.values.push(name.as_str().map(Value::from).ok_or_else(wrong)?);
        layers.push(source.library.layers(entries, &Origin::sweep_section(file), schema)?);
    }
    Ok(Swept { axis, layers })
}
