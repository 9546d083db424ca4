//! The laws that every masking strategy keeps, as a suite that also users run on their own strategies:
//!
//! ```
//! # use mae_strategies::{Registry, conformance};
//! let strategy = Registry::builtin().get("random")?;
//! conformance::check(strategy).expect("random keeps every law");
//! # Ok::<(), mae_strategies::Error>(())
//! ```
//!
//! It sees a strategy only through its trait, and tries default and varied parameters on square and other grids.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use crate::law::{Failure, Law};
use crate::registry::is_snake_case;
use crate::{Error, Grid, Kind, Mask, MaskingStrategy, Needs, Param, Plan, Registry, Sight, Value, keep_count};

/// Grids tried: square, wide, tall, one row, one column, both sides odd.
const GRIDS: &[(usize, usize)] = &[(14, 14), (7, 13), (16, 4), (4, 16), (1, 12), (9, 1), (1, 2), (2, 2)];
/// Ratios tried, near 0 and 1 included.
const RATIOS: &[f64] = &[0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999];
/// Seeds of which some pair must differ where a strategy says that it is random.
const SEEDS: u64 = 16;
/// Made-up pictures that a strategy is shown where it looks at them.
const PICTURES: u32 = 6;
/// Moments of the training, in tenths, at which masks are drawn; the first counts for everything else that is tried.
const TENTHS: std::ops::RangeInclusive<u8> = 0..=10;
/// Most combinations of parameter values tried.
const MAX_SETTINGS: usize = 128;
/// Most failures reported.
const MAX_FAILURES: usize = 20;

/// Tests a strategy against every [`Law`].
///
/// # Errors
/// The broken laws, at most 20 of them, each with the case that shows it.
pub fn check(strategy: &'static dyn MaskingStrategy) -> Result<(), Vec<Failure>> {
    check_with(strategy, &Setting::new())
}

/// Tests a strategy with some of its parameters fixed, such as the source of a script; the others vary.
///
/// # Errors
/// The broken laws, at most 20 of them, each with the case that shows it.
pub fn check_with(strategy: &'static dyn MaskingStrategy, fixed: &Setting) -> Result<(), Vec<Failure>> {
    let registry = match Registry::builtin_and(strategy) {
        Ok(registry) => registry,
        Err(error) => return Err(vec![failure(Law::Declaration, "", error)]),
    };
    let mut failures = Vec::new();
    declaration(strategy, &mut failures);
    unknown_parameter(&registry, strategy, &mut failures);
    let sights: Vec<(Grid, Sight)> = GRIDS
        .iter()
        .map(|&(rows, cols)| (Grid::new(rows, cols), Sight::made_up(Grid::new(rows, cols), 0)))
        .collect();
    for setting in settings(strategy.params(), fixed) {
        for (grid, sight) in &sights {
            for &ratio in RATIOS {
                let case = Case {
                    strategy,
                    grid: *grid,
                    ratio,
                    setting: &setting,
                    fixed,
                    sight,
                };
                let run = catch_unwind(AssertUnwindSafe(|| case.check(&registry)));
                failures.extend(
                    run.unwrap_or_else(|cause| Err(case.fail(Law::NoPanic, panic_text(&*cause))))
                        .err(),
                );
            }
        }
        if failures.len() >= MAX_FAILURES {
            break;
        }
    }
    one_patch(&registry, strategy, &mut failures);
    failures.truncate(MAX_FAILURES);
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn failure(law: Law, case: &str, detail: impl fmt::Display) -> Failure {
    Failure {
        law,
        case: case.to_owned(),
        detail: detail.to_string(),
    }
}

fn panic_text(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

fn declaration(strategy: &dyn MaskingStrategy, failures: &mut Vec<Failure>) {
    let mut require = |holds: bool, detail: String| {
        if !holds {
            failures.push(failure(Law::Declaration, "", detail));
        }
    };
    require(!strategy.summary().trim().is_empty(), "the summary is empty".to_owned());
    require(!strategy.source().trim().is_empty(), "the source is empty".to_owned());
    let params = strategy.params();
    for (i, param) in params.iter().enumerate() {
        let name = param.name;
        require(is_snake_case(name), format!("parameter {name:?} is not snake_case"));
        require(
            !["ratio", "strategy"].contains(&name),
            format!("parameter {name} is a key of every strategy"),
        );
        require(
            params[..i].iter().all(|p| p.name != name),
            format!("parameter {name} is declared twice"),
        );
        require(!param.doc.trim().is_empty(), format!("parameter {name} has no doc"));
        if let Some(value) = param.default_value() {
            let checked = param.check(strategy.id(), value.clone());
            require(
                checked.as_ref() == Ok(&value),
                format!("the default of {name}, {value}, is not {}", param.kind),
            );
        }
    }
}

/// A parameter's name with a letter too many must be refused, and the right name proposed.
fn unknown_parameter(registry: &Registry, strategy: &dyn MaskingStrategy, failures: &mut Vec<Failure>) {
    for name in strategy.params().iter().map(|p| p.name).chain(["ratio"]) {
        let wrong = format!("{name}q");
        let given = BTreeMap::from([(wrong.clone(), Value::Bool(true))]);
        match registry.plan(strategy.id(), Grid::new(14, 14), 0.75, given) {
            Err(Error::UnknownParam {
                nearest: Some(found), ..
            }) if found == name => {}
            Err(error) => failures.push(failure(Law::UnknownParameter, &wrong, error)),
            Ok(_) => failures.push(failure(Law::UnknownParameter, &wrong, "it was accepted")),
        }
    }
}

/// A single patch cannot be both visible and hidden.
fn one_patch(registry: &Registry, strategy: &dyn MaskingStrategy, failures: &mut Vec<Failure>) {
    if registry
        .plan(strategy.id(), Grid::new(1, 1), 0.5, BTreeMap::new())
        .is_ok()
    {
        failures.push(failure(Law::Grids, "1x1 ratio=0.5", "a grid of one patch was accepted"));
    }
}

/// Parameters and their values.
pub type Setting = BTreeMap<String, Value>;

/// Combinations of some values of every parameter, the defaults first: all, or an even selection where there are many.
fn settings(params: &[Param], fixed: &Setting) -> Vec<Setting> {
    let choices = |param: &Param| {
        fixed
            .get(param.name)
            .map_or_else(|| values(param), |value| vec![Some(value.clone())])
    };
    let choices: Vec<Vec<Option<Value>>> = params.iter().map(choices).collect();
    let total = choices
        .iter()
        .fold(1usize, |product, values| product.saturating_mul(values.len()));
    // A step without a factor in common with the total lets every parameter take all of its values.
    let even = |step: &usize| total.div_ceil(*step) <= MAX_SETTINGS && gcd(*step, total) == 1;
    let step = (1..=total).find(even).unwrap_or(1);
    (0..total)
        .step_by(step)
        .take(MAX_SETTINGS)
        .map(|number| setting(params, &choices, number))
        .collect()
}

/// The combination of this number, read as one digit for each parameter.
fn setting(params: &[Param], choices: &[Vec<Option<Value>>], mut number: usize) -> Setting {
    let mut setting = Setting::new();
    for (param, values) in params.iter().zip(choices) {
        if let Some(value) = &values[number % values.len()] {
            setting.insert(param.name.to_owned(), value.clone());
        }
        number /= values.len();
    }
    setting
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Values tried for a parameter; `None` leaves it out.
fn values(param: &Param) -> Vec<Option<Value>> {
    let values = match param.kind {
        Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Kind::Int { min, max } => vec![Value::Int(min), Value::Int(max)],
        Kind::Float { min, max } => vec![Value::Float(min), Value::Float(min + 0.3 * (max - min))],
        Kind::Choice(options) => options.iter().map(|text| Value::from(*text)).collect(),
        Kind::Text | Kind::List(_) => Vec::new(),
    };
    let default = param.default_value();
    std::iter::once(None)
        .chain(
            values
                .into_iter()
                .filter(|value| Some(value) != default.as_ref())
                .map(Some),
        )
        .collect()
}

/// One grid, ratio and setting of a strategy under test.
struct Case<'a> {
    strategy: &'static dyn MaskingStrategy,
    grid: Grid,
    ratio: f64,
    setting: &'a Setting,
    /// What the user fixed: with nothing else set, all other parameters have their defaults.
    fixed: &'a Setting,
    sight: &'a Sight,
}

impl Case<'_> {
    fn fail(&self, law: Law, detail: impl fmt::Display) -> Failure {
        let varied = self.setting.iter().filter(|(key, _)| !self.fixed.contains_key(*key));
        let keys: String = varied.map(|(key, value)| format!(" {key}={value}")).collect();
        failure(law, &format!("{} ratio={}{keys}", self.grid, self.ratio), detail)
    }

    fn require(&self, law: Law, holds: bool, detail: impl FnOnce() -> String) -> Result<(), Failure> {
        if holds { Ok(()) } else { Err(self.fail(law, detail())) }
    }

    fn check(&self, registry: &Registry) -> Result<(), Failure> {
        let plan = registry.plan(self.strategy.id(), self.grid, self.ratio, self.setting.clone());
        if self.setting == self.fixed {
            self.check_default(&plan)?;
        }
        let Ok(plan) = plan else { return Ok(()) };
        let again = self.strategy.hidden(plan.request());
        self.require(Law::ExactCount, again == Ok(plan.hidden()), || {
            format!("the count changed to {again:?}")
        })?;
        for tenth in TENTHS {
            // At both ends of the training several seeds, between them one.
            let seeds = if tenth % 10 == 0 { 3 } else { 1 };
            for seed in 0..seeds {
                self.check_draw(&plan, f64::from(tenth) / 10.0, seed)?;
            }
        }
        self.check_seeds(&plan)
    }

    /// One mask at a moment of the training: well formed, and the same when drawn again.
    fn check_draw(&self, plan: &Plan, progress: f64, seed: u64) -> Result<(), Failure> {
        let mask = self.draw_at(plan, self.sight, progress, seed)?;
        self.check_mask(plan, &mask)?;
        let same = self.draw_at(plan, self.sight, progress, seed)? == mask;
        self.require(Law::SameSeedSameMask, same, || {
            format!("seed {seed} gave two masks at progress {progress}")
        })
    }

    /// Default parameters: accepted wherever the ratio leaves something visible and something hidden, with that count.
    fn check_default(&self, plan: &Result<Plan, Error>) -> Result<(), Failure> {
        let visible = keep_count(self.grid.len(), self.ratio);
        let usable = visible > 0 && visible < self.grid.len();
        match plan {
            Ok(plan) => {
                self.require(Law::Grids, usable, || "accepted, though nothing is visible".to_owned())?;
                self.require(Law::ExactCount, plan.visible() == visible, || {
                    format!("{} visible announced, {visible} asked for", plan.visible())
                })
            }
            Err(error) => self.require(Law::Grids, !usable, || error.to_string()),
        }
    }

    fn draw_from(&self, plan: &Plan, sight: &Sight, seed: u64) -> Result<Mask, Failure> {
        self.draw_at(plan, sight, 0.0, seed)
    }

    fn draw_at(&self, plan: &Plan, sight: &Sight, progress: f64, seed: u64) -> Result<Mask, Failure> {
        let context = sight.context().at(progress);
        let mask = plan.unchecked(&context, &mut ChaCha8Rng::seed_from_u64(seed));
        mask.map_err(|error| self.fail(Law::Draws, format_args!("{error} (at progress {progress})")))
    }

    fn check_mask(&self, plan: &Plan, mask: &Mask) -> Result<(), Failure> {
        self.require(Law::Grids, mask.grid() == self.grid, || {
            format!("a mask of grid {}", mask.grid())
        })?;
        self.require(Law::EachIndexOnce, mask.defect().is_none(), || {
            mask.defect().unwrap_or_default()
        })?;
        let (hidden, wanted) = (mask.hidden(), plan.hidden());
        self.require(Law::ExactCount, hidden == wanted, || {
            format!("{hidden} hidden, {wanted} announced")
        })?;
        let restore = mask.ids_restore();
        let inverse = (0u32..)
            .zip(mask.ids_shuffle())
            .all(|(place, id)| restore.get(*id as usize) == Some(&place));
        let bits = mask.bits();
        let agree = (0..bits.len())
            .all(|id| usize::from(bits[id] == 0) == usize::from((restore[id] as usize) < mask.visible()));
        self.require(Law::RestoreInvertsShuffle, inverse && agree, || {
            "indices or bits disagree".to_owned()
        })
    }

    /// Small grids have few masks, so that all seeds may agree by chance: seeds must differ where many masks exist. A picture
    /// may decide a mask alone, so that one of several pictures is enough for strategies that look at it.
    fn check_seeds(&self, plan: &Plan) -> Result<(), Failure> {
        let one_of_many = |sight: &Sight| -> Result<bool, Failure> {
            let first = self.draw_from(plan, sight, 0)?.bits();
            let mut differ = false;
            for seed in 1..SEEDS {
                differ = differ || self.draw_from(plan, sight, seed)?.bits() != first;
            }
            Ok(differ)
        };
        let mut differ = one_of_many(self.sight)?;
        for picture in 1..if plan.needs() == Needs::default() { 1 } else { PICTURES } {
            differ = differ || one_of_many(&Sight::made_up(self.grid, picture))?;
        }
        let many = self.grid.len() >= 40 && plan.visible().min(plan.hidden()) >= 4;
        if self.strategy.is_random(plan.request()) {
            self.require(Law::SeedsDiffer, differ || !many, || {
                format!("{SEEDS} seeds gave one mask")
            })
        } else {
            self.require(Law::SeedsDiffer, !differ, || {
                "masks differ, and is_random says they do not".to_owned()
            })
        }
    }
}
