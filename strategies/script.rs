//! `script`: hides what a script of the user's own ranks highest, without recompiling.
//!
//! Algorithm: a script in the language [Rhai](https://rhai.rs/book/) gives each patch a score; the patches with the
//! highest scores are hidden, ties drawn at random. It defines one of two functions:
//!
//! - `fn score(p)`, called for every patch, returns its score. `p` has `row`, `col` (from 0), `rows`, `cols`, `ratio`,
//!   `progress` (share of the training done), `noise` (a random number of this patch) and `draw(k)` (random number `k` of
//!   this mask, the same for all its patches).
//! - `fn mask(g)`, called once for a mask, sets them with `g.set(row, col, score)`; those not set are 0. It is quicker where
//!   scores share work. `g` has `rows`, `cols`, `ratio`, `progress`, `draw(k)`, `noise(row, col)` and `get(row, col)`.
//!
//! Random numbers lie from 0 to below 1. Functions see nothing but their argument; what stands outside of functions is not
//! run. Scores that depend on neither random numbers nor progress are computed once. The limits are those of `sandbox`.
//! Source: the user's. Count: `L - int(L * (1 - ratio))` hidden.

use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;
use rhai::Dynamic;

use crate::canvas::{Canvas, PROGRESS, RANDOM};
use crate::sandbox::Program;
use crate::strategy::Draw;
use crate::{Error, Kind, Mask, MaskContext, MaskingStrategy, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Script;

/// What is run where no script is given: diagonal stripes.
const STRIPES: &str = "fn score(p) { (p.row + p.col) % 4 }";

static PARAMS: &[Param] = &[
    Param {
        name: "path",
        kind: Kind::Text,
        default: None,
        doc: "File of the script. Its text is recorded as source when an experiment is read, and belongs to a trial's \
              identity; the path does not.",
    },
    Param {
        name: "source",
        kind: Kind::Text,
        default: None,
        doc: "The script itself, in Rhai: a function score(p) that returns a number for each patch, or mask(g) that sets \
              them all. The highest scores are hidden. Unset: diagonal stripes.",
    },
];

impl MaskingStrategy for Script {
    fn id(&self) -> &'static str {
        "script"
    }

    fn summary(&self) -> &'static str {
        "Hides the patches that a script of one's own ranks highest, ties drawn; without one, diagonal stripes. Hides \
         L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "The user's own rule, in the language Rhai"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        Prepared::new(req).map_or(true, |prepared| prepared.varies)
    }

    fn prepare(&'static self, req: &Request) -> Result<Draw, Error> {
        let prepared = Prepared::new(req)?;
        Ok(Arc::new(move |ctx, rng| prepared.mask(ctx, rng)))
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        Prepared::new(req)?.mask(ctx, rng)
    }
}

/// Scores of all patches, in raster order.
type Scores = Arc<[f64]>;

/// A script that was compiled and ran once.
struct Prepared {
    req: Request,
    program: Program,
    /// Whether `mask(g)` sets all scores in one call.
    whole: bool,
    /// Scores that never change.
    fixed: Option<Scores>,
    /// Scores that depend on progress alone, for the progress that was last asked for, by its bits.
    latest: Mutex<Option<(u64, Scores)>>,
    /// Whether masks vary with the seed, at the start of training.
    varies: bool,
}

impl Prepared {
    fn new(req: &Request) -> Result<Self, Error> {
        let source = source(req)?;
        let name = req.params.text("path").unwrap_or("mask.source");
        let compile = |calls| Program::compile(source, name, req.grid, calls);
        let mut program = compile(req.grid.len())?;
        let whole = match (program.has("score"), program.has("mask")) {
            (true, false) => false,
            (false, true) => true,
            (true, true) => return Err(program.refused("it defines both score(p) and mask(g): keep one")),
            (false, false) => {
                let example = format!("it defines neither score(p) nor mask(g): begin with {STRIPES}");
                return Err(program.refused(&example));
            }
        };
        if whole {
            program = compile(1)?;
        }
        let mut prepared = Self {
            req: req.clone(),
            program,
            whole,
            fixed: None,
            latest: Mutex::new(None),
            varies: true,
        };
        let (scores, looked_at) = prepared.run(0.0, [0; 32])?;
        if looked_at & PROGRESS != 0 {
            for tenth in 1..=10 {
                prepared.run(f64::from(tenth) / 10.0, [0; 32])?;
            }
        }
        prepared.varies = looked_at & RANDOM != 0 || cuts_a_tie(&scores, req.visible_by_ratio());
        prepared.fixed = (looked_at == 0).then_some(scores);
        Ok(prepared)
    }

    fn mask(&self, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let scores = match &self.fixed {
            Some(scores) => scores.clone(),
            None => self.scores(ctx.progress, rng)?,
        };
        let ranked = scores
            .iter()
            .zip(0u32..)
            .map(|(score, l)| (*score + 0.0, rng.next_u32(), l));
        let mut ranked: Vec<(f64, u32, u32)> = ranked.collect();
        ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let order = ranked.into_iter().map(|(.., l)| l).collect();
        Ok(Mask::from_order(self.req.grid, order, self.req.visible_by_ratio()))
    }

    /// Scores for the mask at hand. The seed is taken from `rng` whether it is needed or not, so that what is remembered
    /// has no influence.
    fn scores(&self, progress: f64, rng: &mut dyn Rng) -> Result<Scores, Error> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let known = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, scores)) = known().as_ref().filter(|(bits, _)| *bits == progress.to_bits()) {
            return Ok(scores.clone());
        }
        let (scores, looked_at) = self.run(progress, seed)?;
        if looked_at & RANDOM == 0 {
            *known() = Some((progress.to_bits(), scores.clone()));
        }
        Ok(scores)
    }

    /// Runs the script: all scores, and what it looked at.
    fn run(&self, progress: f64, seed: [u8; 32]) -> Result<(Scores, u8), Error> {
        let canvas = Canvas::new(&self.req, progress, seed);
        let scores: Scores = if self.whole {
            let fresh = || Canvas::new(&self.req, progress, seed);
            let handed = || (if canvas.is_blank() { canvas.clone() } else { fresh() },);
            let _nothing = self.program.call("mask", handed)?;
            canvas.scores().into()
        } else {
            let one = |l| self.number(&self.program.call("score", || (canvas.patch(l),))?, l);
            (0..self.req.grid.len()).map(one).collect::<Result<_, _>>()?
        };
        if scores.is_empty() {
            return Err(self
                .program
                .refused("mask(g) set no score: call g.set(row, col, score)"));
        }
        Ok((scores, canvas.looked_at()))
    }

    /// A score as a number that can be compared.
    fn number(&self, value: &Dynamic, l: usize) -> Result<f64, Error> {
        let whole = || value.as_int().map(|number| number as f64);
        let number = value.as_float().or_else(|_| whole());
        let found = match number {
            Ok(number) if !number.is_nan() => return Ok(number),
            Ok(_) => "NaN",
            Err(_) => value.type_name(),
        };
        let (row, col) = (l / self.req.grid.cols, l % self.req.grid.cols);
        let text = format!(
            "score(p) returned {found} for the patch in row {row}, column {col}, where it must return a number"
        );
        Err(self.program.refused_in("score", &text))
    }
}

/// The text of the script; a path alone is not enough, because this crate reads no files.
fn source(req: &Request) -> Result<&str, Error> {
    match (req.params.text("source"), req.params.text("path")) {
        (Some(source), _) => Ok(source),
        (None, None) => Ok(STRIPES),
        (None, Some(path)) => Err(Error::Refused(format!(
            "mask.path = {path:?}: the script's text was not read; hand it over as mask.source"
        ))),
    }
}

/// Whether patches of one score are divided between the `visible` lowest and the others.
fn cuts_a_tie(scores: &[f64], visible: usize) -> bool {
    let mut sorted: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let ends = visible
        .checked_sub(1)
        .and_then(|last| sorted.get(last))
        .zip(sorted.get(visible));
    ends.is_some_and(|(last, next)| last.total_cmp(next).is_eq())
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
