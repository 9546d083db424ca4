//! Ranks: hides the patches with the highest scores and, where a part is left to chance, drawn ones besides. Strategies
//! that look at a picture share this; where the scores come from is theirs.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::{Error, Grid, Literal, Mask, Param, Request};

/// A share parameter with a default.
pub(crate) const fn share(name: &'static str, default: f64, doc: &'static str) -> Param {
    let mut param = Param::share(name, doc);
    param.default = Some(Literal::Float(default));
    param
}

/// This share of a count, rounded down.
pub(crate) fn part(count: usize, share: f64) -> usize {
    ((count as f64 * share) as usize).min(count)
}

/// The value of a number parameter that has a default.
pub(crate) fn value(req: &Request, name: &str) -> f64 {
    req.params.float(name).unwrap_or(0.0)
}

/// One score for each patch, out of the context.
///
/// # Errors
/// When they are not there, or are not as many as patches.
pub(crate) fn scores<'a>(req: &Request, given: Option<&'a [f32]>, of: &str, what: &str) -> Result<&'a [f32], Error> {
    given.filter(|scores| scores.len() == req.grid.len()).ok_or_else(|| {
        let found = given.map_or("none is given".to_owned(), |scores| format!("{} are given", scores.len()));
        Error::Refused(format!(
            "mask.strategy = {of:?} needs {what} for each of the {} patches of grid {}, and {found}: fill them into the mask \
             context",
            req.grid.len(),
            req.grid
        ))
    })
}

/// Patches by falling score; equal ones in drawn order, those that are no number last.
pub(crate) fn falling<S: Copy + Into<f64>>(scores: &[S], rng: &mut dyn Rng) -> Vec<usize> {
    let key = |patch: &usize| {
        let score: f64 = scores[*patch].into();
        if score.is_nan() { f64::NEG_INFINITY } else { score }
    };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.shuffle(rng);
    order.sort_by(|a, b| key(b).total_cmp(&key(a)));
    order
}

/// Hides the first `top` patches of an order and draws further ones among the others, `hide` in all.
pub(crate) fn hide_first(grid: Grid, mut order: Vec<usize>, top: usize, hide: usize, rng: &mut dyn Rng) -> Mask {
    let mut hidden = vec![false; grid.len()];
    let (first, others) = order.split_at_mut(top.min(hide));
    let drawn = others.partial_shuffle(rng, hide - first.len()).0;
    first.iter().chain(&*drawn).for_each(|patch| hidden[*patch] = true);
    Mask::from_hidden(grid, &hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn ranks_fall_ties_are_drawn_and_nan_comes_last() {
        let scores = [0.5, f32::NAN, 0.9, 0.5, -1.0];
        let mut second = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let order = falling(&scores, &mut rng(seed));
            assert_eq!((order[0], order[3], order[4]), (2, 4, 1));
            second.insert(order[1]);
        }
        assert_eq!(second.into_iter().collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn the_first_are_hidden_and_the_rest_drawn() {
        let order: Vec<usize> = (0..10).rev().collect();
        let mut drawn = vec![0; 10];
        for seed in 0..60 {
            let bits = hide_first(Grid::new(2, 5), order.clone(), 3, 5, &mut rng(seed)).bits();
            assert_eq!((&bits[7..], bits.iter().sum::<u8>()), (&[1, 1, 1][..], 5));
            drawn.iter_mut().zip(bits).for_each(|(n, b)| *n += u32::from(b));
        }
        assert!(drawn.iter().all(|n| *n > 0), "{drawn:?}");
    }

    #[test]
    fn missing_scores_are_named() {
        let req = Request {
            grid: Grid::new(2, 3),
            ratio: 0.5,
            params: Default::default(),
        };
        let message = |given| scores(&req, given, "attention", "attention").unwrap_err().to_string();
        assert!(message(None).contains("needs attention for each of the 6 patches of grid 2x3, and none is given"));
        assert!(message(Some(&[0.5])).contains("1 are given"));
        assert_eq!(part(147, 0.5), 73);
    }
}
