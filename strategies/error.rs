//! What can be wrong with a masking configuration. Messages name the key and the cure; keys carry the prefix `mask.`
//! under which users write them. Nothing here decides anything.

use crate::Grid;

/// A masking configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No strategy has this name.
    #[error("unknown masking strategy mask.strategy = {name:?}{}; there are {}", hint(nearest.as_deref()), known.join(", "))]
    UnknownStrategy {
        /// The name asked for.
        name: String,
        /// The registered name most like it, if one is alike.
        nearest: Option<String>,
        /// All registered names.
        known: Vec<String>,
    },
    /// The strategy has no such parameter.
    #[error("unknown parameter mask.{name} of strategy {strategy}{}; it takes {}", hint(nearest.as_deref()), list(known))]
    UnknownParam {
        /// Strategy id.
        strategy: String,
        /// The parameter as written.
        name: String,
        /// The accepted name most like it, if one is alike.
        nearest: Option<String>,
        /// All parameters of the strategy.
        known: Vec<String>,
    },
    /// The ratio is not a share strictly between 0 and 1.
    #[error("mask.ratio = {0} is outside (0, 1): it is the share of patches to hide, such as 0.75")]
    Ratio(f64),
    /// A parameter's value has the wrong type.
    #[error("mask.{name} = {value} is {found}: strategy {strategy} needs {needed}")]
    WrongKind {
        /// Strategy id.
        strategy: String,
        /// Parameter.
        name: String,
        /// The value as written.
        value: String,
        /// Its type, with article.
        found: &'static str,
        /// What is needed, with article.
        needed: String,
    },
    /// A parameter's value has the right type and cannot be used.
    #[error("mask.{name} = {value} is not {needed}{}", hint(nearest.as_deref()))]
    BadValue {
        /// Parameter.
        name: String,
        /// The value as written.
        value: String,
        /// What is accepted.
        needed: String,
        /// The accepted value most like it, if one is alike.
        nearest: Option<String>,
    },
    /// Nothing would be visible, or nothing hidden.
    #[error(
        "strategy {strategy} at mask.ratio = {ratio} hides {hidden} of the {} patches of grid {grid}: at least one must be \
         visible and one hidden; change the ratio, the strategy's own shares or the grid", grid.len()
    )]
    Count {
        /// Strategy id.
        strategy: String,
        /// Grid of the model.
        grid: Grid,
        /// The ratio asked for.
        ratio: f64,
        /// The resulting number of hidden patches.
        hidden: usize,
    },
    /// Two strategies of one registry share an id.
    #[error("masking strategy {id:?} is registered twice: give yours another id")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// An id is not snake_case.
    #[error("masking strategy id {id:?} is not snake_case: use a-z, 0-9 and single _, starting with a letter")]
    BadId {
        /// The id.
        id: String,
    },
    /// A text is not a grid.
    #[error("grid {text:?} is not ROWSxCOLS with both from 1 to 65535: write for example 14x14")]
    Grid {
        /// The text.
        text: String,
    },
    /// A strategy's own reason to refuse a request: name the key and the cure.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// The same about a member of a mixture, whose parameters stand under its name.
    #[must_use]
    pub fn of_member(mut self, member: &str) -> Self {
        match &mut self {
            Self::UnknownParam { name, .. } | Self::WrongKind { name, .. } | Self::BadValue { name, .. } => {
                *name = format!("{member}.{name}");
            }
            Self::Refused(text) => *text = format!("{text} (in mask.{member}, a member of the mixture)"),
            _ => {}
        }
        self
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|n| format!(": did you mean {n}?")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none besides ratio".to_owned()
    } else {
        names.join(", ")
    }
}

/// The candidate most like `name`, unless none is alike.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let scored = candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(&name.to_lowercase(), c), c));
    scored
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c.to_owned())
}
