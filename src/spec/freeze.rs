//! Which parts of a network training leaves as they are: `[model] freeze`, parsed, in its one spelling, and asked about
//! parameters by their official names.
//!
//! Parts, separated by commas:
//! - `patch_embed`: all that stands before the first block, the patch embedding and the class token;
//! - `encoder[a..b]`: the encoder's blocks `a` to `b − 1`, and nothing else; either end may be left out;
//! - `norm`: the encoder's final norm;
//! - `encoder`: patch embedding, class token and the encoder's blocks; the final norm as well, unless extra blocks stand
//!   between these and it (`model.extra_blocks`), which it then follows in training;
//! - `decoder[a..b]`: blocks of the decoder, and nothing else;
//! - `decoder`: all of it, from its embedding and mask token to its prediction.
//!
//! Extra blocks are in no part: they are there to be trained. Position tables are constants and never trained.
//! It must not know tensors.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::did_you_mean;
use super::trial::ModelSpec;

/// A selection of parts; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Freeze(Vec<Part>);

/// The halves of the network that have blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    Encoder,
    Decoder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    PatchEmbed,
    Whole(Half),
    /// From, to; to the last one without an end.
    Blocks(Half, usize, Option<usize>),
    Norm,
}

/// What may be written.
const WORDS: [&str; 4] = ["encoder", "decoder", "patch_embed", "norm"];

impl Half {
    fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        }
    }

    fn depth(self, model: &ModelSpec) -> usize {
        match self {
            Self::Encoder => model.encoder_depth,
            Self::Decoder => model.decoder_depth,
        }
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        let whole = |word: &str| match word {
            "encoder" => Some(Half::Encoder),
            "decoder" => Some(Half::Decoder),
            _ => None,
        };
        if let Some((word, range)) = text.strip_suffix(']').and_then(|text| text.split_once('['))
            && let Some(half) = whole(word.trim())
        {
            let (from, to) = blocks(range).ok_or_else(|| {
                format!(
                    "{text} names no blocks: write {word}[0..2] for the first two, {word}[2..] for those after them"
                )
            })?;
            return Ok(Self::Blocks(half, from, to));
        }
        match (text, whole(text)) {
            (_, Some(half)) => Ok(Self::Whole(half)),
            ("patch_embed", _) => Ok(Self::PatchEmbed),
            ("norm", _) => Ok(Self::Norm),
            _ => {
                let near = did_you_mean(text, WORDS);
                Err(if near.is_empty() {
                    format!(
                        "there is no part {text:?}: parts are encoder, encoder[0..2], patch_embed, norm, decoder, decoder[0..2]"
                    )
                } else {
                    format!("there is no part {text:?}{near}")
                })
            }
        }
    }

    /// Its blocks in a network, without an end beyond the last one.
    fn range(self, model: &ModelSpec) -> Option<(Half, Range<usize>)> {
        match self {
            Self::Whole(half) => Some((half, 0..half.depth(model))),
            Self::Blocks(half, from, to) => Some((half, from..to.unwrap_or(half.depth(model)))),
            Self::PatchEmbed | Self::Norm => None,
        }
    }
}

/// `a..b` with either end perhaps left out, and something in it.
fn blocks(range: &str) -> Option<(usize, Option<usize>)> {
    let (from, to) = range.split_once("..")?;
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let from = if from.trim().is_empty() { 0 } else { number(from)? };
    let to = if to.trim().is_empty() { None } else { Some(number(to)?) };
    to.is_none_or(|to| from < to).then_some((from, to))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PatchEmbed => f.write_str("patch_embed"),
            Self::Norm => f.write_str("norm"),
            Self::Whole(half) => f.write_str(half.name()),
            Self::Blocks(half, from, None) => write!(f, "{}[{from}..]", half.name()),
            Self::Blocks(half, from, Some(to)) => write!(f, "{}[{from}..{to}]", half.name()),
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(Part::to_string).collect();
        f.write_str(&parts.join(", "))
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> Self {
        freeze.to_string()
    }
}

impl TryFrom<String> for Freeze {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl Freeze {
    /// Reads parts separated by commas, in any order; empty text is none.
    ///
    /// # Errors
    /// The first part that is none, with its cure.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut parts = words.map(Part::parse).collect::<Result<Vec<_>, _>>()?;
        parts.sort();
        parts.dedup();
        Ok(Self(parts))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the parameter of this official name is in it (the first two words of the name decide, so that a module's own
    /// names will do).
    #[must_use]
    pub fn holds(&self, name: &str, model: &ModelSpec) -> bool {
        let mut words = name.split('.');
        let (first, number) = (words.next().unwrap_or_default(), words.next());
        let number = || number.and_then(|number| number.parse::<usize>().ok());
        match first {
            "patch_embed" | "cls_token" => self.has(&[Part::PatchEmbed, Part::Whole(Half::Encoder)]),
            "blocks" => number().is_some_and(|block| self.has_block(Half::Encoder, block, model)),
            "norm" => self.has_norm(model),
            "decoder_blocks" | "decoder_cross_blocks" => {
                number().is_some_and(|block| self.has_block(Half::Decoder, block, model))
            }
            "decoder_embed" | "mask_token" | "decoder_norm" | "decoder_pred" => self.has(&[Part::Whole(Half::Decoder)]),
            _ => false,
        }
    }

    fn has(&self, any: &[Part]) -> bool {
        self.0.iter().any(|part| any.contains(part))
    }

    fn has_norm(&self, model: &ModelSpec) -> bool {
        self.has(&[Part::Norm]) || (model.extra_blocks == 0 && self.has(&[Part::Whole(Half::Encoder)]))
    }

    fn has_block(&self, half: Half, block: usize, model: &ModelSpec) -> bool {
        let ranges = self.0.iter().filter_map(|part| part.range(model));
        let mut ranges = ranges.filter(|(of, _)| *of == half);
        block < half.depth(model) && ranges.any(|(_, range)| range.contains(&block))
    }

    /// Whether nothing at all would be trained.
    #[must_use]
    pub fn is_all(&self, model: &ModelSpec) -> bool {
        let encoder = (0..model.encoder_depth).all(|block| self.has_block(Half::Encoder, block, model));
        model.extra_blocks == 0
            && encoder
            && self.has(&[Part::Whole(Half::Decoder)])
            && self.holds("patch_embed", model)
            && self.has_norm(model)
    }

    /// What is wrong with it for this network, quoting keys in braces.
    pub(super) fn problem(&self, model: &ModelSpec) -> Option<String> {
        for part in &self.0 {
            let Part::Blocks(half, from, to) = *part else { continue };
            let (depth, name) = (half.depth(model), half.name());
            if to.unwrap_or(from + 1) > depth {
                let one = if depth == 1 {
                    "its only block is 0".into()
                } else {
                    format!("they are 0 to {}", depth - 1)
                };
                return Some(format!(
                    "{{model.freeze}} names blocks that the {name} with {{model.{name}_depth}} does not have: {one}, \
                     {name}[0..{depth}] in all"
                ));
            }
        }
        self.is_all(model).then(|| {
            "{model.freeze} leaves nothing to train: leave a part out, add model.extra_blocks, or judge the weights as they are \
             with train.epochs = 0"
                .into()
        })
    }
}

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod tests;
