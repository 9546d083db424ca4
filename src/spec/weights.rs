//! The configuration under which given weights are used: what they say about themselves stands above the built-in
//! defaults and below everything that the user says.
//! It must not read the weights: `model` does.

use figment::Figment;
use mae_strategies::Registry;
use serde_json::Value;

use super::error::SpecError;
use super::file;
use super::layer::{Layer, Origin};
use super::load::Request;
use super::overrides::Overrides;
use super::parts::{self, Library, stack};
use super::render::render;
use super::resolve::resolve;
use super::schema::Schema;
use super::scripts;
use super::trial::TrialSpec;
use super::validate::check;

/// What weights say about the configuration that they belong to.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// How to name the weights: their path.
    pub weights: String,
    /// Keys of `[model]` and their values.
    pub keys: Vec<(String, Value)>,
    /// Keys that do not matter for these weights, and are as here whatever the user says.
    pub settled: Vec<(String, Value)>,
    /// Keys that they leave open and that the built-in defaults must not decide.
    pub open: Vec<&'static str>,
}

/// The sections for work on given weights: built-in defaults < what the weights say < parts < environment < `--set`.
///
/// # Errors
/// A mistake in what the user says, or a key that neither the weights nor the user give.
pub fn for_weights(said: &Said, request: &Request, registry: &Registry) -> Result<TrialSpec, SpecError> {
    let schema = Schema::new(registry);
    let mut figment = Figment::new().merge(parts::defaults(&schema)?);
    let origin = Origin::file(&said.weights);
    figment = figment.merge(Layer::new(said.keys.clone(), origin, &schema)?);
    let mut library = Library::beside(None);
    if !request.inputs.is_empty() {
        let source = file::gather(&request.inputs, &schema)?;
        figment = stack(figment, &source.layers);
        library = source.library;
    }
    let overrides = Overrides::read(&request.env, &request.sets, &library, &schema)?;
    let settled = Layer::new(said.settled.clone(), Origin::file(&said.weights), &schema)?;
    let (mut config, mut origins) = resolve(&stack(figment, &overrides.layers).merge(settled))?;
    scripts::embed(&mut config, &mut origins)?;
    let default = Origin::defaults().name;
    let undecided = |key: &&&str| origins.get(**key).is_none_or(|origin| origin.name == default);
    let undecided: Vec<&str> = said.open.iter().filter(undecided).copied().collect();
    if !undecided.is_empty() {
        return Err(open(&undecided, &said.weights));
    }
    let spec = TrialSpec::from_config(&config)?;
    check(&spec, registry).map_err(|message| render(&message, &config, &origins))?;
    Ok(spec)
}

fn open(keys: &[&str], weights: &str) -> SpecError {
    let set = |key: &&str| {
        let value = if key.ends_with("img_size") {
            "[HEIGHT,WIDTH]"
        } else {
            "N"
        };
        format!("--set {key}={value}")
    };
    SpecError::Invalid(format!(
        "{weights} does not say {}, and tensors do not tell it: add {}, or --model PART with the name or file of the model \
         (mae-exp model info lists the built-in ones)",
        keys.join(" and "),
        keys.iter().map(set).collect::<Vec<_>>().join(" ")
    ))
}
