//! What a script sees: the grid, the ratio, how far training is, and random numbers of the mask at hand. It notes which
//! of those that change from mask to mask were looked at, so that scores which depend on none are computed once.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rhai::{Engine, EvalAltResult};

use crate::{Grid, Request};

/// Random numbers of a mask that a script may ask for by number.
const DRAWS: i64 = 10_000;

/// Noted when a script looks at a random number.
pub(crate) const RANDOM: u8 = 1;
/// Noted when it looks at the progress of training.
pub(crate) const PROGRESS: u8 = 2;

/// One mask under way, as `mask(g)` sees it.
#[derive(Clone, Debug)]
pub(crate) struct Canvas(Arc<Shown>);

/// One patch of it, as `score(p)` sees it.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    canvas: Canvas,
    row: i64,
    col: i64,
}

struct Shown {
    grid: Grid,
    ratio: f64,
    progress: f64,
    looked_at: AtomicU8,
    chance: Mutex<Chance>,
    /// Scores that `mask(g)` set; empty before the first.
    scores: Mutex<Vec<f64>>,
}

/// Random numbers, made when they are first asked for; which ones come out does not depend on the order of asking.
struct Chance {
    seed: [u8; 32],
    draws: Vec<f64>,
    noise: Vec<f64>,
}

type Outcome<T> = Result<T, Box<EvalAltResult>>;

impl Canvas {
    /// A mask of a request, at a share of the training, whose random numbers follow from `seed`.
    pub(crate) fn new(req: &Request, progress: f64, seed: [u8; 32]) -> Self {
        Self(Arc::new(Shown {
            grid: req.grid,
            ratio: req.ratio,
            progress,
            looked_at: AtomicU8::new(0),
            chance: Mutex::new(Chance {
                seed,
                draws: Vec::new(),
                noise: Vec::new(),
            }),
            scores: Mutex::new(Vec::new()),
        }))
    }

    /// Patch number `l`.
    pub(crate) fn patch(&self, l: usize) -> Patch {
        Patch {
            canvas: self.clone(),
            row: (l / self.0.grid.cols) as i64,
            col: (l % self.0.grid.cols) as i64,
        }
    }

    /// What was looked at so far: [`RANDOM`], [`PROGRESS`], both or neither.
    pub(crate) fn looked_at(&self) -> u8 {
        self.0.looked_at.load(Ordering::Relaxed)
    }

    fn note(&self, what: u8) {
        self.0.looked_at.fetch_or(what, Ordering::Relaxed);
    }

    fn progress(&self) -> f64 {
        self.note(PROGRESS);
        self.0.progress
    }

    /// Random number `k` of this mask, from 0 to below 1.
    fn draw(&self, k: i64) -> Outcome<f64> {
        self.note(RANDOM);
        if !(0..DRAWS).contains(&k) {
            return Err(format!("draw({k}): draws have the numbers 0 to {}", DRAWS - 1).into());
        }
        let mut chance = self.0.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let place = k as usize;
        if chance.draws.len() <= place {
            chance.draws = numbers(chance.seed, 0, (place + 1).next_power_of_two());
        }
        Ok(chance.draws[place])
    }

    /// Raster index of a patch that `what` is about.
    fn index(&self, what: &str, row: i64, col: i64) -> Outcome<usize> {
        let Grid { rows, cols } = self.0.grid;
        if (0..rows as i64).contains(&row) && (0..cols as i64).contains(&col) {
            return Ok(row as usize * cols + col as usize);
        }
        Err(format!("{what}({row}, {col}): the grid has {rows} rows and {cols} columns, from 0").into())
    }

    /// Sets the score of one patch; others have 0.
    fn set(&self, row: i64, col: i64, score: f64) -> Outcome<()> {
        let l = self.index("set", row, col)?;
        if score.is_nan() {
            return Err(format!("set({row}, {col}, NaN): a score must be a number").into());
        }
        let mut scores = self.0.scores.lock().unwrap_or_else(PoisonError::into_inner);
        scores.resize(self.0.grid.len(), 0.0);
        scores[l] = score;
        Ok(())
    }

    fn get(&self, row: i64, col: i64) -> Outcome<f64> {
        let l = self.index("get", row, col)?;
        let scores = self.0.scores.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(scores.get(l).copied().unwrap_or_default())
    }

    /// Whether no script was handed it yet, or none set a score.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.scores.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The scores that were set; empty when none was.
    pub(crate) fn scores(&self) -> Vec<f64> {
        self.0.scores.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The random number of one patch, from 0 to below 1.
    fn noise(&self, row: i64, col: i64) -> Outcome<f64> {
        self.note(RANDOM);
        let l = self.index("noise", row, col)?;
        let mut chance = self.0.chance.lock().unwrap_or_else(PoisonError::into_inner);
        if chance.noise.is_empty() {
            chance.noise = numbers(chance.seed, 1, self.0.grid.len());
        }
        Ok(chance.noise[l])
    }
}

/// The first numbers of a stream, the same however many are asked for.
fn numbers(seed: [u8; 32], stream: u64, count: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(stream);
    (0..count).map(|_| rng.random()).collect()
}

/// Makes both known to the language.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Canvas>("Grid")
        .register_get("rows", |g: &mut Canvas| g.0.grid.rows as i64)
        .register_get("cols", |g: &mut Canvas| g.0.grid.cols as i64)
        .register_get("ratio", |g: &mut Canvas| g.0.ratio)
        .register_get("progress", |g: &mut Canvas| g.progress())
        .register_fn("draw", |g: &mut Canvas, k: i64| g.draw(k))
        .register_fn("noise", |g: &mut Canvas, row: i64, col: i64| g.noise(row, col))
        .register_fn("get", |g: &mut Canvas, row: i64, col: i64| g.get(row, col))
        .register_fn("set", |g: &mut Canvas, row: i64, col: i64, score: f64| {
            g.set(row, col, score)
        })
        .register_fn("set", |g: &mut Canvas, row: i64, col: i64, score: i64| {
            g.set(row, col, score as f64)
        });
    engine
        .register_type_with_name::<Patch>("Patch")
        .register_get("row", |p: &mut Patch| p.row)
        .register_get("col", |p: &mut Patch| p.col)
        .register_get("rows", |p: &mut Patch| p.canvas.0.grid.rows as i64)
        .register_get("cols", |p: &mut Patch| p.canvas.0.grid.cols as i64)
        .register_get("ratio", |p: &mut Patch| p.canvas.0.ratio)
        .register_get("progress", |p: &mut Patch| p.canvas.progress())
        .register_get("noise", |p: &mut Patch| p.canvas.noise(p.row, p.col))
        .register_fn("draw", |p: &mut Patch, k: i64| p.canvas.draw(k));
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("grid", &self.grid)
            .finish_non_exhaustive()
    }
}
