//! `semantic_parts`: hides a share of every part of the picture at first, and whole parts in the end.
//!
//! Algorithm: the patches are divided into `parts` clusters that lie together and are attended to alike: k-means over
//! row, column (both in units of the longer side) and `weight` times the rank of the attention that a teacher's class
//! token pays them, from drawn starting points. With the parts in drawn order, the hidden number of each is mixed of
//! two: its share of ratio (within parts), and all of it up to the count (whole parts). The whole-part share is
//! `progress` to the power of `gamma`, laid between `start` and `end`. Which patches of a part are hidden is drawn;
//! left-over fractions go to the parts with the largest ones.
//! Source: Li et al., *SemMAE*, NeurIPS 2022, section 3.3, from intra-part to inter-part masking.
//! How it differs: the paper learns its parts beforehand, by reconstructing pictures from part embeddings which refine
//! the several attention heads of a pre-trained encoder. Here the parts come from the class token's attention averaged
//! over heads, which separates the object from its surroundings but hardly one part of it from another; place has to do
//! that. For parts in the paper's sense a teacher would have to hand over more: the attention of each head, or the
//! features of its patches, to be clustered instead. The paper's teacher is also trained beforehand and fixed, so that a
//! picture has the same parts throughout; here it is the moving average of the model under training, parts change with it, and
//! are hardly better than those by place in the first epochs.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::rank::{scores, share, value};
use crate::{Error, Grid, Kind, Literal, Mask, MaskContext, MaskingStrategy, Needs, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct SemanticParts;

/// Rounds of k-means at most; it has mostly come to rest by then, and parts need not be perfect.
const ROUNDS: usize = 8;

/// Row, column and attention of a patch.
type Feature = [f32; 3];

static PARAMS: &[Param] = &[
    Param {
        name: "parts",
        kind: Kind::Int { min: 1, max: 32 },
        default: Some(Literal::Int(6)),
        doc: "Number of parts that a picture is divided into.",
    },
    Param {
        name: "weight",
        kind: Kind::Float { min: 0.0, max: 10.0 },
        default: Some(Literal::Float(1.0)),
        doc: "Weight of attention against place when patches are put into parts; 0 divides by place alone.",
    },
    share(
        "start",
        0.0,
        "Whole-part share of the mask at the start of the training.",
    ),
    share("end", 1.0, "Whole-part share of the mask at the end of the training."),
    Param {
        name: "gamma",
        kind: Kind::Float { min: 0.1, max: 10.0 },
        default: Some(Literal::Float(2.0)),
        doc: "Power of the training's progress by which start passes into end: above 1 slowly at first.",
    },
];

impl MaskingStrategy for SemanticParts {
    fn id(&self) -> &'static str {
        "semantic_parts"
    }

    fn summary(&self) -> &'static str {
        "Divides the picture into parts by a teacher's attention and place, hides patches within every part at first and whole \
         parts at the end of the training. The paper learns its parts; attention averaged over heads tells the object from \
         its surroundings, and hardly one part of it from another. Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "Li et al., SemMAE: Semantic-Guided Masking for Learning Masked Autoencoders, NeurIPS 2022 (arXiv 2206.10207), section \
         3.3; parts from attention and place instead of learned ones"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn needs(&self, _req: &Request) -> Needs {
        Needs {
            attention: true,
            ..Needs::default()
        }
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let scores = scores(req, ctx.attention, self.id(), "a teacher's attention")?;
        let wanted = req.params.int("parts").map_or(1, |n| n.unsigned_abs() as usize);
        let features = features(req.grid, scores, value(req, "weight") as f32);
        let mut parts = cluster(&features, wanted, rng);
        parts.shuffle(rng);
        let (start, end) = (value(req, "start"), value(req, "end"));
        let whole = start + ctx.progress.clamp(0.0, 1.0).powf(value(req, "gamma")) * (end - start);
        let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
        let mut hidden = vec![false; req.grid.len()];
        for (part, count) in parts.iter_mut().zip(counts(&sizes, req.hidden_by_ratio(), whole)) {
            part.partial_shuffle(rng, count)
                .0
                .iter()
                .for_each(|patch| hidden[*patch] = true);
        }
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

/// How many patches of each part are hidden, `hide` in all, at this whole-part share.
fn counts(sizes: &[usize], hide: usize, whole: f64) -> Vec<usize> {
    let len: usize = sizes.iter().sum();
    let mut left = hide;
    let exact: Vec<f64> = sizes
        .iter()
        .map(|size| {
            let all = left.min(*size);
            left -= all;
            whole * all as f64 + (1.0 - whole) * (hide * size) as f64 / len as f64
        })
        .collect();
    // The sum of the exact numbers is a whole one; what rounding down leaves goes to the largest fractions.
    let mut counts: Vec<usize> = exact
        .iter()
        .zip(sizes)
        .map(|(e, size)| ((e + 1e-9) as usize).min(*size))
        .collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|a, b| (exact[*b] - counts[*b] as f64).total_cmp(&(exact[*a] - counts[*a] as f64)));
    let mut missing = hide.saturating_sub(counts.iter().sum());
    for part in order.into_iter().cycle() {
        if missing == 0 {
            break;
        }
        if counts[part] < sizes[part] {
            counts[part] += 1;
            missing -= 1;
        }
    }
    counts
}

/// Place and weighted rank of the attention, each about from 0 to 1.
fn features(grid: Grid, attention: &[f32], weight: f32) -> Vec<Feature> {
    let side = grid.rows.max(grid.cols).max(2) as f32 - 1.0;
    let mut order: Vec<usize> = (0..grid.len()).collect();
    order.sort_by(|a, b| attention[*a].total_cmp(&attention[*b]));
    let place = |patch: usize| {
        [
            (patch / grid.cols) as f32 / side,
            (patch % grid.cols) as f32 / side,
            0.0,
        ]
    };
    let mut features: Vec<Feature> = (0..grid.len()).map(place).collect();
    for (rank, patch) in order.into_iter().enumerate() {
        features[patch][2] = weight * rank as f32 / grid.len() as f32;
    }
    features
}

/// The members of each part that has any: k-means from drawn starting points, each drawn in proportion to its squared
/// distance to the ones before.
fn cluster(features: &[Feature], parts: usize, rng: &mut dyn Rng) -> Vec<Vec<usize>> {
    let mut centres = starts(features, parts, rng);
    let mut part_of = vec![0; features.len()];
    for _ in 0..ROUNDS {
        let nearest: Vec<usize> = features.iter().map(|f| nearest(&centres, f).0).collect();
        if nearest == part_of {
            break;
        }
        part_of = nearest;
        let mut sums = vec![([0.0f32; 3], 0.0f32); centres.len()];
        for (feature, part) in features.iter().zip(&part_of) {
            sums[*part].0.iter_mut().zip(feature).for_each(|(s, f)| *s += f);
            sums[*part].1 += 1.0;
        }
        let filled = centres.iter_mut().zip(sums).filter(|(_, (_, n))| *n > 0.0);
        filled.for_each(|(centre, (sum, n))| *centre = sum.map(|s| s / n));
    }
    let mut members = vec![Vec::new(); centres.len()];
    part_of
        .iter()
        .enumerate()
        .for_each(|(patch, part)| members[*part].push(patch));
    members.retain(|part| !part.is_empty());
    members
}

fn starts(features: &[Feature], parts: usize, rng: &mut dyn Rng) -> Vec<Feature> {
    let mut centres = vec![features[rng.random_range(0..features.len())]];
    let mut gaps = vec![f32::INFINITY; features.len()];
    while centres.len() < parts.min(features.len()) {
        let newest = &centres[centres.len() - 1..];
        gaps.iter_mut()
            .zip(features)
            .for_each(|(gap, f)| *gap = gap.min(nearest(newest, f).1));
        let mut left = rng.random::<f32>() * gaps.iter().sum::<f32>();
        let chosen = gaps.iter().position(|gap| {
            left -= gap;
            left < 0.0
        });
        centres.push(features[chosen.unwrap_or(features.len() - 1)]);
    }
    centres
}

/// The nearest centre and its squared distance.
fn nearest(centres: &[Feature], feature: &Feature) -> (usize, f32) {
    let mut best = (0, f32::INFINITY);
    for (part, centre) in centres.iter().enumerate() {
        let gap: f32 = (0..3).map(|i| (centre[i] - feature[i]).powi(2)).sum();
        if gap < best.1 {
            best = (part, gap);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sight;
    use crate::testing::{plan, rng, snapshot};

    #[test]
    fn counts_pass_from_shares_to_whole_parts() {
        let sizes = [10, 20, 30, 40];
        assert_eq!(counts(&sizes, 60, 0.0), [6, 12, 18, 24]);
        assert_eq!(counts(&sizes, 60, 1.0), [10, 20, 30, 0]);
        assert_eq!(counts(&sizes, 60, 0.5), [8, 16, 24, 12]);
        assert_eq!(counts(&sizes, 35, 1.0), [10, 20, 5, 0]);
        for hide in 1..100 {
            for whole in [0.0, 0.1, 0.37, 0.5, 0.99, 1.0] {
                let counts = counts(&sizes, hide, whole);
                assert_eq!(counts.iter().sum::<usize>(), hide);
                assert!(counts.iter().zip(sizes).all(|(n, size)| *n <= size), "{counts:?}");
            }
        }
    }

    #[test]
    fn patches_attended_alike_are_one_part() {
        // The right half is attended to, the left is not: two parts with a heavy weight are the halves.
        let grid = Grid::new(6, 6);
        let attention: Vec<f32> = (0..36).map(|patch| if patch % 6 > 2 { 1.0 } else { 0.0 }).collect();
        let parts = cluster(&features(grid, &attention, 10.0), 2, &mut rng(1));
        let halves: Vec<bool> = parts
            .iter()
            .map(|part| part.iter().all(|p| (p % 6 > 2) == (part[0] % 6 > 2)))
            .collect();
        assert_eq!(halves, [true, true], "{parts:?}");
    }

    #[test]
    fn parts_hold_every_patch_once() {
        for parts in [1, 2, 6, 32, 100] {
            let grid = Grid::new(7, 9);
            let flat = vec![0.0; grid.len()];
            let parts = cluster(&features(grid, &flat, 0.0), parts, &mut rng(3));
            let mut all = parts.concat();
            all.sort_unstable();
            assert_eq!(all, (0..63).collect::<Vec<_>>());
        }
    }

    #[test]
    fn whole_parts_make_larger_regions_late_in_training() {
        let plan = plan("semantic_parts", "14x14", 0.5, &[]);
        let sight = Sight::made_up(plan.grid(), 0);
        let edges = |progress: f64| -> usize {
            let masks = (0..30).map(|seed| plan.sample(&sight.context().at(progress), &mut rng(seed)).unwrap());
            masks.map(|mask| crate::stats::boundary_edges(&mask)).sum()
        };
        assert!(edges(1.0) * 2 < edges(0.0), "{} {}", edges(1.0), edges(0.0));
    }

    #[test]
    fn snapshots() {
        let whole: &[_] = &[("start", 1.0.into())];
        snapshot(
            "semantic_parts",
            &[("14x14", 0.75, &[]), ("14x14", 0.5, whole), ("7x13", 0.6, whole)],
        );
    }
}
