//! Parameters under the names of the official checkpoints, in their shapes: `blocks.0.attn.qkv.weight` is `[3D, D]`,
//! `patch_embed.proj.weight` is `[D, C, p, p]`. The translation to and from the module's own layout lives here alone.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use super::Mae;

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// Why named tensors do not fit a model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// A parameter has no tensor.
    #[error("tensor {0} is missing")]
    Missing(String),
    /// A tensor has another shape.
    #[error("tensor {name} has shape {found:?}, the model needs {wanted:?}")]
    Shape {
        /// Official name.
        name: String,
        /// Shape of the tensor.
        found: Vec<usize>,
        /// Shape of the parameter.
        wanted: Vec<usize>,
    },
}

/// Official names of the fixed position tables, which are not parameters and have a leading dimension of 1.
const TABLES: [&str; 2] = ["pos_embed", "decoder_pos_embed"];

/// All parameters of a model and its position tables under their official names.
#[must_use]
pub fn export(model: &Mae) -> BTreeMap<String, Named> {
    let mut tensors = export_parameters(model, model.patch_size());
    for (name, table) in TABLES.iter().zip(model.tables()) {
        let [rows, width] = table.dims();
        let values = table.clone().into_data().iter::<f32>().collect();
        let shape = vec![1, rows, width];
        tensors.insert((*name).to_string(), Named { shape, values });
    }
    tensors
}

/// All parameters of a module made of this crate's layers, under their official names; `patch` is the side of a patch.
#[must_use]
pub fn export_parameters<M: Module>(module: &M, patch: usize) -> BTreeMap<String, Named> {
    let mut visitor = Exporter {
        path: Path::new(patch),
        tensors: BTreeMap::new(),
    };
    module.visit(&mut visitor);
    visitor.tensors
}

/// The official name of every parameter of a module, by the parameter's number.
#[must_use]
pub fn of_parameters<M: Module>(module: &M, patch: usize) -> HashMap<ParamId, String> {
    let (path, names) = (Path::new(patch), HashMap::new());
    let mut visitor = Numbers { path, names };
    module.visit(&mut visitor);
    visitor.names
}

/// Puts named tensors into a module's parameters; those that it does not have are left alone.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub fn import_parameters<M: Module>(
    module: M,
    patch: usize,
    tensors: &BTreeMap<String, Named>,
) -> Result<M, NameError> {
    import_under(module, patch, "", tensors)
}

/// The same of tensors whose names begin with `prefix`.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub fn import_under<M: Module>(
    module: M,
    patch: usize,
    prefix: &str,
    tensors: &BTreeMap<String, Named>,
) -> Result<M, NameError> {
    import_some(module, patch, prefix, tensors, &|_| true)
}

/// The same of the parameters whose official names are `wanted`; the others stay as they are.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub fn import_some<M: Module>(
    module: M,
    patch: usize,
    prefix: &str,
    tensors: &BTreeMap<String, Named>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<M, NameError> {
    let mut mapper = Importer {
        path: Path::new(patch),
        prefix,
        tensors,
        wanted,
        error: None,
    };
    let module = module.map(&mut mapper);
    mapper.error.map_or(Ok(module), Err)
}

/// Puts named tensors into a model. Position tables may be absent; tensors that the model does not have are left alone.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub fn import(model: Mae, tensors: &BTreeMap<String, Named>) -> Result<Mae, NameError> {
    let patch = model.patch_size();
    let model = import_parameters(model, patch, tensors)?;
    let mut tables = model.tables().map(Clone::clone);
    for (name, table) in TABLES.iter().zip(&mut tables) {
        let ([rows, width], device) = (table.dims(), table.device());
        if let Some(given) = tensors.get(*name) {
            given.check(name, &[1, rows, width])?;
            *table = Tensor::from_data(TensorData::new(given.values.clone(), [rows, width]), &device);
        }
    }
    Ok(model.with_tables(tables))
}

impl Named {
    fn check(&self, name: &str, wanted: &[usize]) -> Result<(), NameError> {
        if self.shape == wanted {
            return Ok(());
        }
        let (found, wanted) = (self.shape.clone(), wanted.to_vec());
        Err(NameError::Shape {
            name: name.to_string(),
            found,
            wanted,
        })
    }
}

/// Where a traversal stands.
struct Path {
    parts: Vec<String>,
    patch: usize,
}

impl Path {
    fn new(patch: usize) -> Self {
        Self {
            parts: Vec::new(),
            patch,
        }
    }

    fn official(&self) -> String {
        let part = |p: &String| match p.as_str() {
            "gamma" => "weight".to_string(),
            "beta" => "bias".to_string(),
            "patch_embed" => "patch_embed.proj".to_string(),
            other => other.to_string(),
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(".")
    }

    /// How the parameter at hand is laid out officially.
    fn layout(&self, rank: usize) -> Layout {
        match (self.parts.first().map(String::as_str), rank) {
            (Some("patch_embed"), 2) => Layout::Patch(self.patch),
            (_, 2) => Layout::Transposed,
            _ => Layout::Same,
        }
    }
}

/// How the official layout of a tensor differs from ours.
#[derive(Clone, Copy)]
enum Layout {
    Same,
    /// Ours is `[in, out]`, official `[out, in]`.
    Transposed,
    /// Ours is `[p·p·C, D]`, channel last; official `[D, C, p, p]`.
    Patch(usize),
}

impl Layout {
    fn official_shape(self, ours: &[usize]) -> Vec<usize> {
        match self {
            Self::Same => ours.to_vec(),
            Self::Transposed => vec![ours[1], ours[0]],
            Self::Patch(p) => vec![ours[1], ours[0] / (p * p), p, p],
        }
    }

    /// For every value in official order, its place in ours.
    fn places(self, ours: &[usize]) -> Vec<usize> {
        let count: usize = ours.iter().product();
        let from_ours = |at: usize| match self {
            Self::Same => at,
            Self::Transposed => at % ours[0] * ours[1] + at / ours[0],
            Self::Patch(p) => {
                let channels = ours[0] / (p * p);
                let (d, rest) = (at / ours[0], at % ours[0]);
                let (channel, pixel) = (rest / (p * p), rest % (p * p));
                (pixel * channels + channel) * ours[1] + d
            }
        };
        (0..count).map(from_ours).collect()
    }
}

struct Exporter {
    path: Path,
    tensors: BTreeMap<String, Named>,
}

impl ModuleVisitor for Exporter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (layout, data) = (self.path.layout(D), param.val().into_data());
        let (ours, flat): (Vec<usize>, Vec<f32>) = (data.shape().to_vec(), data.iter::<f32>().collect());
        let values = match layout {
            Layout::Same => flat,
            _ => layout.places(&ours).into_iter().map(|place| flat[place]).collect(),
        };
        self.tensors.insert(
            self.path.official(),
            Named {
                shape: layout.official_shape(&ours),
                values,
            },
        );
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.parts.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.parts.pop();
    }
}

struct Numbers {
    path: Path,
    names: HashMap<ParamId, String>,
}

impl ModuleVisitor for Numbers {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.insert(param.id, self.path.official());
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.parts.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.parts.pop();
    }
}

struct Importer<'a> {
    path: Path,
    prefix: &'a str,
    tensors: &'a BTreeMap<String, Named>,
    wanted: &'a dyn Fn(&str) -> bool,
    error: Option<NameError>,
}

impl Importer<'_> {
    fn find(&self, name: &str, wanted: &[usize]) -> Result<&Named, NameError> {
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| NameError::Missing(name.to_string()))?;
        tensor.check(name, wanted)?;
        Ok(tensor)
    }
}

impl ModuleMapper for Importer<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (layout, ours) = (self.path.layout(D), param.val().dims());
        let name = self.path.official();
        if !(self.wanted)(&name) {
            return param;
        }
        let name = format!("{}{name}", self.prefix);
        let tensor = match self.find(&name, &layout.official_shape(&ours)) {
            Ok(tensor) => tensor,
            Err(error) => {
                self.error.get_or_insert(error);
                return param;
            }
        };
        let mut values = vec![0.0; tensor.values.len()];
        for (place, value) in layout.places(&ours).into_iter().zip(&tensor.values) {
            values[place] = *value;
        }
        param.map(|old| {
            let new = Tensor::from_data(TensorData::new(values, ours), &old.device());
            new.set_require_grad(old.is_require_grad())
        })
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.parts.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.parts.pop();
    }
}
