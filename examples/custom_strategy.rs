//! A masking strategy of one's own, in one's own crate: it is swept, recorded and reported like the built-in ones.
//!
//! ```text
//! cargo run --release --example custom_strategy -- strategies preview diagonal
//! cargo run --release --example custom_strategy -- run model/nano data/synthetic train/quick \
//!     --set mask.strategy=diagonal --set mask.slope=2.0
//! ```

#![expect(clippy::print_stderr, reason = "a program may say why it ends")]

use std::process::ExitCode;

use mae_strategies::{Error, Grid, Kind, Literal, Mask, MaskContext, MaskingStrategy, Param, Registry, Request};
use rand::{Rng, RngExt};

/// Hides diagonal stripes, moved sideways at random.
struct Diagonal;

static MINE: Diagonal = Diagonal;

static PARAMS: [Param; 1] = [Param {
    name: "slope",
    kind: Kind::Float { min: 0.0, max: 64.0 },
    default: Some(Literal::Float(1.0)),
    doc: "columns that a stripe moves from one row to the next",
}];

impl MaskingStrategy for Diagonal {
    fn id(&self) -> &'static str {
        "diagonal"
    }

    fn summary(&self) -> &'static str {
        "diagonal stripes, moved sideways at random"
    }

    fn source(&self) -> &'static str {
        "the example in examples/custom_strategy.rs"
    }

    fn params(&self) -> &'static [Param] {
        &PARAMS
    }

    /// The patches are ranked by how far right of the stripe they lie, and the first are hidden: the count is exact.
    fn sample(&self, request: &Request, _: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let Grid { rows, cols } = request.grid;
        let hidden = request.hidden_by_ratio();
        let slope = request.params.float("slope").unwrap_or(1.0);
        let start = rng.random::<f64>() * cols as f64;
        let place = |i: usize| ((i % cols) as f64 + slope * (i / cols) as f64 + start).rem_euclid(cols as f64);
        let mut order: Vec<usize> = (0..rows * cols).collect();
        order.sort_by(|a, b| place(*a).total_cmp(&place(*b)).then(a.cmp(b)));
        let mut bits = vec![false; rows * cols];
        order[..hidden].iter().for_each(|i| bits[*i] = true);
        Ok(Mask::from_hidden(request.grid, &bits))
    }
}

fn main() -> ExitCode {
    match Registry::builtin().with(&MINE) {
        Ok(registry) => mae_exp::cli::main_with(&registry),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
