//! `mixture`: draws one of several strategies for each picture, with weights.
//!
//! Algorithm: one uniform number picks a member in proportion to its weight; the member draws the mask. Every member must
//! hide the same number of patches, so that a batch is rectangular; a parameter of member `block` is written
//! `mask.block.shape`. Source: this project; mixing masks within a batch is common practice in augmentation.
//! Count: that of its members.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use crate::error::nearest;
use crate::{
    Error, Grid, Kind, Literal, Mask, MaskContext, MaskingStrategy, Needs, Param, Params, Plan, Registry, Request,
    Value,
};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Mixture;

static NAME: Kind = Kind::Text;
static WEIGHT: Kind = Kind::Float { min: 0.0, max: 1e6 };

static PARAMS: &[Param] = &[
    Param {
        name: "of",
        kind: Kind::List(&NAME),
        default: Some(Literal::List(&[Literal::Text("random"), Literal::Text("block")])),
        doc: "Names of the strategies to draw from. Their own parameters stand in tables of their names, such as \
              mask.block.shape.",
    },
    Param {
        name: "weights",
        kind: Kind::List(&WEIGHT),
        default: None,
        doc: "How often each of them is drawn, in their order: numbers of any sum. Unset: all equally often.",
    },
];

impl MaskingStrategy for Mixture {
    fn id(&self) -> &'static str {
        "mixture"
    }

    fn summary(&self) -> &'static str {
        "Draws one of several strategies for each picture, with weights. All of them must hide the same number of patches, \
         which is what it hides."
    }

    fn source(&self) -> &'static str {
        "This project: masks of several kinds within one batch"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn mixes(&self) -> bool {
        true
    }

    fn hidden(&self, req: &Request) -> Result<usize, Error> {
        weights(&req.params)?;
        let members = req.params.members();
        let Some(first) = members.first() else {
            return Err(Error::Refused(
                "mask.of = [] names no strategy: name at least one, such as [\"random\", \"block\"]".into(),
            ));
        };
        match members.iter().find(|member| member.hidden() != first.hidden()) {
            Some(other) => Err(unequal(req, first, other)),
            None => Ok(first.hidden()),
        }
    }

    fn is_random(&self, req: &Request) -> bool {
        let drawn = drawn(&req.params);
        drawn.len() > 1 || drawn.iter().any(|member| member.strategy().is_random(member.request()))
    }

    fn needs(&self, req: &Request) -> Needs {
        let members = req.params.members().iter();
        members.fold(Needs::default(), |needs, member| needs.or(member.needs()))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let weights = weights(&req.params)?;
        let mut at = rng.random::<f64>() * weights.iter().sum::<f64>();
        let mut chosen = 0;
        for (place, weight) in weights.into_iter().enumerate().filter(|(_, weight)| *weight > 0.0) {
            chosen = place;
            if at < weight {
                break;
            }
            at -= weight;
        }
        req.params.members()[chosen].sample(ctx, rng)
    }
}

/// Between a member and its parameter.
const SEPARATOR: char = '.';

/// Checks a mixture's own parameters and makes the plans of its members.
pub(crate) fn params(
    registry: &Registry,
    mixture: &dyn MaskingStrategy,
    grid: Grid,
    ratio: f64,
    given: BTreeMap<String, Value>,
) -> Result<Params, Error> {
    let (of_members, own): (BTreeMap<_, _>, BTreeMap<_, _>) =
        given.into_iter().partition(|(name, _)| name.contains(SEPARATOR));
    let params = Params::resolve(mixture.id(), mixture.params(), own)?;
    let items = params.list("of").unwrap_or_default().iter();
    let names: Vec<&str> = items
        .filter_map(|item| {
            if let Value::Text(name) = item {
                Some(name.as_str())
            } else {
                None
            }
        })
        .collect();
    known(registry, &names)?;
    let of = |key: &str| key.split(SEPARATOR).next().unwrap_or_default().to_owned();
    if let Some(stray) = of_members.keys().find(|key| !names.contains(&of(key).as_str())) {
        return Err(Error::Refused(format!(
            "mask.{stray} is a parameter of {}, which is not in mask.of = [{}]: add it there or leave the parameter out",
            of(stray),
            names.join(", ")
        )));
    }
    let member = |name: &&str| {
        let own = |(key, value): (&String, &Value)| {
            Some((
                key.strip_prefix(name)?.strip_prefix(SEPARATOR)?.to_owned(),
                value.clone(),
            ))
        };
        let given = of_members.iter().filter_map(own).collect();
        registry
            .plan(name, grid, ratio, given)
            .map_err(|error| error.of_member(name))
    };
    let members: Vec<Plan> = names.iter().map(member).collect::<Result<_, _>>()?;
    match members
        .iter()
        .find(|member| member.strategy().passes(member.request()) > 1)
    {
        Some(member) => Err(Error::Refused(format!(
            "mask.of names {}, whose masks of a picture belong together from one pass to the next: drawn now and then they would              not cover it; leave it out",
            member.strategy().id()
        ))),
        None => Ok(params.with_members(members)),
    }
}

/// Refuses what cannot be a member: unknown names, mixtures, and a name given twice.
fn known(registry: &Registry, names: &[&str]) -> Result<(), Error> {
    for (place, name) in names.iter().enumerate() {
        let Ok(strategy) = registry.get(name) else {
            let hint = nearest(name, registry.names()).map(|near| format!(": did you mean {near}?"));
            return Err(Error::Refused(format!(
                "mask.of names {name:?}, which is no masking strategy{}; there are {}",
                hint.unwrap_or_default(),
                registry.names().join(", ")
            )));
        };
        if strategy.mixes() {
            return Err(Error::Refused(format!(
                "mask.of names {name}, which is a mixture itself: name its members instead"
            )));
        }
        if names[..place].contains(name) {
            return Err(Error::Refused(format!(
                "mask.of names {name} twice: keep one and give it more weight in mask.weights"
            )));
        }
    }
    Ok(())
}

/// The weight of each member.
fn weights(params: &Params) -> Result<Vec<f64>, Error> {
    let members = params.members().len();
    let Some(items) = params.list("weights") else {
        return Ok(vec![1.0; members]);
    };
    let weights: Vec<f64> = items
        .iter()
        .filter_map(|item| {
            if let Value::Float(weight) = item {
                Some(*weight)
            } else {
                None
            }
        })
        .collect();
    if weights.len() != members {
        let given = weights.len();
        return Err(Error::Refused(format!(
            "mask.weights has {given} numbers for the {members} strategies of mask.of: give one for each"
        )));
    }
    if weights.iter().sum::<f64>() > 0.0 {
        Ok(weights)
    } else {
        Err(Error::Refused(
            "mask.weights are all 0: give one strategy a positive weight".into(),
        ))
    }
}

/// The members that are drawn at all.
fn drawn(params: &Params) -> Vec<&Plan> {
    let weights = weights(params).unwrap_or_default();
    let members = params.members().iter().zip(weights);
    members
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(member, _)| member)
        .collect()
}

fn unequal(req: &Request, first: &Plan, other: &Plan) -> Error {
    Error::Refused(format!(
        "mask.of: at mask.ratio = {} on grid {} strategy {} hides {} patches and {} hides {}: give them parameters with \
         which all hide as many",
        req.ratio,
        req.grid,
        first.strategy().id(),
        first.hidden(),
        other.strategy().id(),
        other.hidden()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, rng, snapshot, try_plan};

    fn texts(names: &[&str]) -> Value {
        Value::List(names.iter().map(|name| Value::from(*name)).collect())
    }

    fn numbers(weights: &[f64]) -> Value {
        Value::List(weights.iter().map(|weight| Value::from(*weight)).collect())
    }

    /// How many of `count` masks are blocks of rows, all hidden patches at the bottom.
    fn blocks(weights: &[f64], count: u64) -> usize {
        let given = [
            ("of", texts(&["random", "block"])),
            ("weights", numbers(weights)),
            ("block.shape", "rows".into()),
            ("block.flipped", true.into()),
        ];
        let plan = plan("mixture", "14x14", 0.5, &given);
        let rows = |seed: &u64| {
            let mask = plan.sample(&MaskContext::default(), &mut rng(*seed)).unwrap();
            mask.bits()[98..].iter().all(|bit| *bit == 1)
        };
        (0..count).filter(rows).count()
    }

    #[test]
    fn members_are_drawn_by_weight() {
        // Of 2000 draws at 1/4: 500, standard deviation 19.
        let quarter = blocks(&[3.0, 1.0], 2000);
        assert!((420..580).contains(&quarter), "{quarter} of 2000");
        assert_eq!((blocks(&[1.0, 0.0], 200), blocks(&[0.0, 2.0], 200)), (0, 200));
    }

    #[test]
    fn mistakes_name_the_member_and_the_cure() {
        let message = |params: &[(&str, Value)]| try_plan("mixture", "14x14", 0.75, params).unwrap_err().to_string();
        for (params, expected) in [
            (
                vec![("of", texts(&["randm"]))],
                "mask.of names \"randm\", which is no masking strategy: did you mean random?",
            ),
            (vec![("of", texts(&[]))], "mask.of = [] names no strategy"),
            (
                vec![("of", texts(&["mixture"]))],
                "mask.of names mixture, which is a mixture itself",
            ),
            (vec![("of", texts(&["grid", "grid"]))], "mask.of names grid twice"),
            (
                vec![("of", texts(&["random", "complementary"]))],
                "mask.of names complementary, whose masks of a picture belong together from one pass to the next",
            ),
            (
                vec![("weights", numbers(&[1.0]))],
                "mask.weights has 1 numbers for the 2 strategies of mask.of",
            ),
            (vec![("weights", numbers(&[0.0, 0.0]))], "mask.weights are all 0"),
            (
                vec![("grid.random_offset", true.into())],
                "mask.grid.random_offset is a parameter of grid, which is not in mask.of",
            ),
            (
                vec![("block.shpe", "rows".into())],
                "unknown parameter mask.block.shpe of strategy block: did you mean shape?",
            ),
            (
                vec![("block.shape", "sqare".into())],
                "mask.block.shape = \"sqare\" is not one of",
            ),
            (
                vec![("block.flipped", 3i64.into())],
                "mask.block.flipped = 3 is an integer: strategy block needs",
            ),
            (
                vec![("block.block_ratio", 0.3.into())],
                "strategy random hides 147 patches and block hides 56",
            ),
        ] {
            let shown = message(&params);
            assert!(shown.contains(expected), "{shown}");
        }
        let elsewhere = try_plan("random", "14x14", 0.75, &[("block.shape", "rows".into())]);
        assert!(
            elsewhere
                .unwrap_err()
                .to_string()
                .starts_with("unknown parameter mask.block.shape of strategy random")
        );
    }

    #[test]
    fn it_needs_what_its_members_need_and_varies_where_they_do() {
        let regions = plan("mixture", "14x14", 0.75, &[("of", texts(&["random", "file"]))]);
        assert!(regions.needs().regions && !regions.needs().pixels);
        let only = |name: &str| plan("mixture", "14x14", 0.5, &[("of", texts(&[name]))]);
        let varies = |plan: &Plan| plan.strategy().is_random(plan.request());
        assert!(varies(&only("random")) && !varies(&only("block")));
        assert_eq!(only("random"), only("random"));
        assert_ne!(only("random"), only("grid"));
    }

    #[test]
    fn snapshots() {
        let three = [
            ("of", texts(&["random", "grid", "block"])),
            ("weights", numbers(&[1.0, 1.0, 2.0])),
            ("block.shape", "square".into()),
        ];
        snapshot("mixture", &[("14x14", 0.75, &[]), ("8x8", 0.75, &three)]);
    }
}
