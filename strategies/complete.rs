//! Exact counts: what an algorithm leaves open or hides too much is evened out here, by one of four stated policies, so
//! that every strategy with a parameter `complete` means the same by it. Pieces are hidden one after another by
//! [`Pieces`].

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::{Grid, Mask, Param, Request};

/// Values of the parameter `complete`.
pub(crate) const POLICIES: &[&str] = &["topup_adjacent", "topup_random", "trim_raster", "trim_random"];

/// How the exact count is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Hides further patches, nearest to the hidden ones first, ties drawn.
    TopupAdjacent,
    /// Hides further patches anywhere.
    TopupRandom,
    /// Shows the first patches, in raster order, of the piece that was too much.
    TrimRaster,
    /// Shows drawn patches of the piece that was too much.
    TrimRandom,
}

impl Policy {
    /// The value of the parameter `complete`.
    pub(crate) fn of(req: &Request) -> Self {
        match req.params.text("complete") {
            Some("topup_random") => Self::TopupRandom,
            Some("trim_raster") => Self::TrimRaster,
            Some("trim_random") => Self::TrimRandom,
            _ => Self::TopupAdjacent,
        }
    }

    /// Whether too much is hidden first and then shown again.
    pub(crate) fn trims(self) -> bool {
        matches!(self, Self::TrimRaster | Self::TrimRandom)
    }
}

/// The parameter `complete` of strategies that hide piece by piece.
pub(crate) const fn of_pieces(default: &'static str) -> Param {
    Param::choice(
        "complete",
        POLICIES,
        default,
        "How the exact count is reached: the topup policies hide whole pieces as long as they fit and then further patches, \
         nearest to the hidden ones (topup_adjacent, ties drawn) or anywhere (topup_random); the trim policies hide one \
         piece too much and show its first patches (trim_raster) or drawn patches of it (trim_random) again.",
    )
}

/// Flips patches among `candidates`, which are in raster order, until `want` of all patches are hidden: hides some
/// where too few are hidden, `near` (steps from what is hidden) telling which come first, and shows some where too many
/// are.
pub(crate) fn even_out(
    hidden: &mut [bool],
    mut candidates: Vec<usize>,
    want: usize,
    policy: Policy,
    near: impl Fn(usize) -> usize,
    rng: &mut dyn Rng,
) {
    let have = hidden.iter().filter(|h| **h).count();
    let (hide, count) = (have < want, have.abs_diff(want));
    candidates.retain(|patch| hidden[*patch] != hide);
    match (hide, policy) {
        (false, Policy::TrimRaster) => {}
        (false, _) | (true, Policy::TopupRandom) => candidates = candidates.partial_shuffle(rng, count).0.to_vec(),
        (true, _) => {
            candidates.shuffle(rng);
            candidates.sort_by_key(|patch| near(*patch));
        }
    }
    candidates.iter().take(count).for_each(|patch| hidden[*patch] = hide);
}

/// Hides pieces one after another up to the count that `ratio` asks for.
pub(crate) struct Pieces {
    grid: Grid,
    hidden: Vec<bool>,
    missing: usize,
    want: usize,
    policy: Policy,
}

impl Pieces {
    /// Nothing hidden yet; the policy is that of the parameter `complete`.
    pub(crate) fn new(req: &Request) -> Self {
        let want = req.hidden_by_ratio();
        Self {
            grid: req.grid,
            hidden: vec![false; req.grid.len()],
            missing: want,
            want,
            policy: Policy::of(req),
        }
    }

    /// Number of patches still to be hidden.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Hides a piece, given in raster order, and says whether it did: not where all of it is hidden, nor, under a
    /// policy that tops up, where it is too much. Under one that trims, only the missing part of what is too much stays
    /// hidden.
    pub(crate) fn add(&mut self, piece: &[usize], rng: &mut dyn Rng) -> bool {
        let fresh: Vec<usize> = piece.iter().copied().filter(|patch| !self.hidden[*patch]).collect();
        let too_much = fresh.len() > self.missing;
        if self.missing == 0 || fresh.is_empty() || (too_much && !self.policy.trims()) {
            return false;
        }
        fresh.iter().for_each(|patch| self.hidden[*patch] = true);
        self.missing = self.missing.saturating_sub(fresh.len());
        if too_much {
            even_out(&mut self.hidden, fresh, self.want, self.policy, |_| 0, rng);
        }
        true
    }

    /// Hides what is still missing. Where nothing is hidden yet, `topup_adjacent` starts from a drawn patch; the trim
    /// policies top up in the same way where no piece reached the count.
    pub(crate) fn finish(mut self, rng: &mut dyn Rng) -> Mask {
        if self.missing > 0 {
            if self.missing == self.want && self.policy != Policy::TopupRandom {
                let start = rng.random_range(0..self.hidden.len());
                self.hidden[start] = true;
            }
            let steps = steps(self.grid, &self.hidden);
            let all = (0..self.hidden.len()).collect();
            even_out(&mut self.hidden, all, self.want, self.policy, |patch| steps[patch], rng);
        }
        Mask::from_hidden(self.grid, &self.hidden)
    }
}

/// Steps, diagonal ones included, from each patch to the nearest hidden one; 0 everywhere where none is hidden.
fn steps(grid: Grid, hidden: &[bool]) -> Vec<usize> {
    let mut steps: Vec<Option<usize>> = hidden.iter().map(|h| h.then_some(0)).collect();
    let mut front: Vec<usize> = (0..hidden.len()).filter(|patch| hidden[*patch]).collect();
    let mut step = 0;
    while !front.is_empty() {
        step += 1;
        let mut next = Vec::new();
        for patch in front {
            let (row, col) = (patch / grid.cols, patch % grid.cols);
            for r in row.saturating_sub(1)..(row + 2).min(grid.rows) {
                for c in col.saturating_sub(1)..(col + 2).min(grid.cols) {
                    let there = &mut steps[r * grid.cols + c];
                    if there.is_none() {
                        *there = Some(step);
                        next.push(r * grid.cols + c);
                    }
                }
            }
        }
        front = next;
    }
    steps.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::testing::rng;

    fn request(policy: &'static str) -> Request {
        static PARAMS: &[Param] = &[of_pieces("topup_adjacent")];
        let given = [("complete".to_owned(), policy.into())].into();
        Request {
            grid: Grid::new(4, 5),
            ratio: 0.5,
            params: Params::resolve("test", PARAMS, given).unwrap(),
        }
    }

    #[test]
    fn steps_count_diagonals() {
        let mut hidden = vec![false; 12];
        assert_eq!(steps(Grid::new(3, 4), &hidden), [0; 12]);
        hidden[0] = true;
        hidden[11] = true;
        assert_eq!(steps(Grid::new(3, 4), &hidden), [0, 1, 2, 2, 1, 1, 1, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn topping_up_refuses_what_is_too_much_and_trimming_cuts_it() {
        let piece: Vec<usize> = (0..12).collect();
        for policy in POLICIES {
            let req = request(policy);
            let (mut pieces, mut rng) = (Pieces::new(&req), rng(1));
            assert_eq!(pieces.missing(), 10);
            assert_eq!(pieces.add(&piece, &mut rng), policy.starts_with("trim"), "{policy}");
            let mask = pieces.finish(&mut rng);
            assert_eq!((mask.hidden(), mask.defect()), (10, None), "{policy}");
            if *policy == "trim_raster" {
                assert_eq!(mask.ascii(), "..###\n#####\n##...\n.....");
            }
        }
    }

    #[test]
    fn topping_up_stays_near_where_it_says_so() {
        for seed in 0..20 {
            let (mut pieces, mut rng) = (Pieces::new(&request("topup_adjacent")), rng(seed));
            assert!(pieces.add(&[0, 1, 2, 5, 6, 7], &mut rng));
            assert!(!pieces.add(&[0, 1], &mut rng), "nothing new in it");
            let bits = pieces.finish(&mut rng).bits();
            assert!(
                [4, 9, 14, 15, 16, 17, 18, 19].iter().all(|far| bits[*far] == 0),
                "{bits:?}"
            );
        }
    }
}
