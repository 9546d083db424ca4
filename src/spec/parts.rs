//! The parts an experiment is made of: `model/nano`, `data/photos`, `train/quick`, …
//! Looked up beside the experiment, then in `./configs`, then among those built into the binary, so that an
//! installed binary works anywhere. It must not know how parts are layered.

use std::path::{Path, PathBuf};

use figment::Figment;
use include_dir::{Dir, include_dir};

use super::document::{self, Entries};
use super::error::{SpecError, did_you_mean};
use super::layer::{Layer, Origin};
use super::schema::{SECTIONS, Schema};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/configs");
const DEFAULTS: &str = include_str!("defaults.toml");

/// A part built into the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name, such as `model/nano`.
    pub name: String,
    /// The first comment of its file.
    pub summary: String,
}

/// The parts built into the binary, by name.
pub fn parts() -> Vec<Part> {
    let files = BUILT_IN.dirs().flat_map(|folder| folder.files());
    let mut parts: Vec<Part> = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "toml"))
        .map(|file| {
            let first = file
                .contents_utf8()
                .and_then(|text| text.lines().next())
                .unwrap_or_default();
            Part {
                name: name_of(file.path()),
                summary: first.trim_start_matches('#').trim().into(),
            }
        })
        .collect();
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    parts
}

/// The layer beneath all others.
pub(super) fn defaults(schema: &Schema) -> Result<Layer, SpecError> {
    let origin = Origin::defaults();
    Layer::typed(document::toml(DEFAULTS, &origin.place)?, origin, schema)
}

/// The folders that parts are looked up in, before those built in.
#[derive(Debug, Clone, Default)]
pub(super) struct Library {
    folders: Vec<PathBuf>,
}

impl Library {
    /// Parts beside `experiment`, where there is one, then in `./configs`.
    pub(super) fn beside(experiment: Option<&str>) -> Self {
        let beside = experiment
            .and_then(|file| Path::new(file).parent())
            .map(Path::to_path_buf);
        Self {
            folders: beside.into_iter().chain([PathBuf::from("configs")]).collect(),
        }
    }

    /// The checked layer of the part `name`, asked for at `place`.
    pub(super) fn layer(&self, name: &str, place: &str, schema: &Schema) -> Result<Layer, SpecError> {
        let name = name.strip_suffix(".toml").unwrap_or(name);
        let file = format!("{name}.toml");
        let on_disk = self
            .folders
            .iter()
            .map(|folder| folder.join(&file))
            .find(|path| path.is_file());
        if let Some(path) = on_disk.map(|path| path.display().to_string()) {
            return Layer::new(document::read(&path)?, Origin::file(&path), schema);
        }
        let built_in = BUILT_IN.get_file(&file).and_then(|file| file.contents_utf8());
        let text = built_in.ok_or_else(|| self.unknown(name, place))?;
        let origin = Origin::built_in(name);
        Layer::new(document::toml(text, &origin.place)?, origin, schema)
    }

    /// The layers of `entries`: parts named in place of a section (`model = "base"`) first, then the rest.
    pub(super) fn layers(&self, entries: Entries, origin: &Origin, schema: &Schema) -> Result<Vec<Layer>, SpecError> {
        let (parts, keys): (Entries, Entries) = entries
            .into_iter()
            .partition(|(key, value)| SECTIONS.contains(&key.as_str()) && value.is_string());
        let mut layers = Vec::new();
        for (section, value) in parts {
            layers.push(self.section(&section, value.as_str().unwrap_or_default(), &origin.place, schema)?);
        }
        layers.push(Layer::new(keys, origin.clone(), schema)?);
        Ok(layers)
    }

    /// The part `name` of a section, with or without the section in front.
    pub(super) fn section(&self, section: &str, name: &str, place: &str, schema: &Schema) -> Result<Layer, SpecError> {
        let full = if name.starts_with(&format!("{section}/")) {
            name.into()
        } else {
            format!("{section}/{name}")
        };
        self.layer(&full, place, schema)
    }

    fn unknown(&self, part: &str, place: &str) -> SpecError {
        let mut names: Vec<String> = parts().into_iter().map(|part| part.name).collect();
        names.extend(self.folders.iter().flat_map(|folder| listing(folder)));
        names.sort();
        names.dedup();
        let leaf = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let same_leaf = names.iter().find(|name| leaf(name) == leaf(part));
        let hint = same_leaf.map(|name| format!(": did you mean {name}?"));
        let hint = hint.unwrap_or_else(|| did_you_mean(part, names.iter().map(String::as_str)));
        SpecError::UnknownPart {
            part: part.into(),
            place: place.into(),
            hint,
            available: names.join(", "),
        }
    }
}

/// Stacks layers, the last on top.
pub(super) fn stack(base: Figment, layers: &[Layer]) -> Figment {
    layers.iter().fold(base, |figment, layer| figment.merge(layer.clone()))
}

/// The names of the parts in a folder.
fn listing(folder: &Path) -> Vec<String> {
    let toml_files = |section: &str| {
        let files = folder.join(section).read_dir().into_iter().flatten().flatten();
        let paths = files
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "toml"));
        paths.map(|path| name_of(&path)).collect::<Vec<_>>()
    };
    SECTIONS.iter().flat_map(|section| toml_files(section)).collect()
}

/// `…/model/nano.toml` as `model/nano`.
fn name_of(path: &Path) -> String {
    let section = path
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    format!("{section}/{}", path.file_stem().unwrap_or_default().to_string_lossy())
}
