//! What training leaves out beyond the mask: hidden patches that are not decoded, and visible ones that the encoder sees
//! as a token only. Both are drawn for each picture and epoch apart from the mask, which stays as it is; judging leaves
//! nothing out.
//!
//! - `train.decode_ratio`: partial prediction as in CrossMAE (Fu et al., arXiv 2401.14391, 2024). The decoder reads the
//!   visible tokens and the mask tokens of the chosen patches, and the loss is the mean over these. The paper gives the
//!   share of all patches: its prediction ratio is `decode_ratio * mask.ratio`.
//! - `train.secondary_ratio`: secondary masking as in UM-MAE (Li et al., arXiv 2205.10063, 2022; 0.25 there). The embedding
//!   of the chosen visible patches is a learned token with the position of the patch, and the loss stays on hidden patches.
//!   The paper does this on a picture compacted to its visible patches, for encoders with windows; here the encoder is the
//!   plain one, every token keeps its true position, and any strategy will do.

use rand::RngExt;

use super::MaskBatch;
use crate::seed::{self, ChaCha8Rng, Purpose};
use crate::spec::trial::TrainSpec;

/// Shares of the patches that take part in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partial {
    /// Share of the hidden patches that is decoded, above 0 to 1.
    pub decode_ratio: f64,
    /// Share of the visible patches that the encoder sees as a token, from 0 to below 1.
    pub secondary_ratio: f64,
}

impl Partial {
    /// What `[train]` asks for.
    #[must_use]
    pub fn of(train: &TrainSpec) -> Self {
        Self {
            decode_ratio: train.decode_ratio,
            secondary_ratio: train.secondary_ratio,
        }
    }

    /// The masks of the pictures `indices`, with what is left out: a function of (seed, epoch, picture). Where nothing is,
    /// the masks come back as they are.
    #[must_use]
    pub fn apply(self, masks: MaskBatch, seed: u64, epoch: u64, indices: &[usize]) -> MaskBatch {
        let draws = |purpose| move |n: usize| seed::rng(seed, purpose, epoch, indices[n] as u64);
        let masks = self.decode(masks, draws(Purpose::Decode));
        self.replace(masks, draws(Purpose::Secondary))
    }

    fn decode(self, masks: MaskBatch, rng: impl Fn(usize) -> ChaCha8Rng) -> MaskBatch {
        let (hidden, count) = (masks.hidden(), decoded(masks.hidden(), self.decode_ratio));
        if count == hidden {
            return masks;
        }
        masks.decoding(count, |n, row| draw_first(row, count, &mut rng(n)))
    }

    fn replace(self, masks: MaskBatch, rng: impl Fn(usize) -> ChaCha8Rng) -> MaskBatch {
        let (visible, count) = (masks.visible, replaced(masks.visible, self.secondary_ratio));
        if count == 0 {
            return masks;
        }
        let mut flags = vec![false; masks.n * visible];
        for (n, flags) in flags.chunks_exact_mut(visible).enumerate() {
            let mut places: Vec<u32> = (0..visible as u32).collect();
            draw_first(&mut places, count, &mut rng(n));
            places[..count].iter().for_each(|place| flags[*place as usize] = true);
        }
        masks.replacing(flags)
    }
}

/// Of so many hidden patches those that are decoded: the nearest number to the share, at least one.
#[must_use]
pub fn decoded(hidden: usize, ratio: f64) -> usize {
    ((hidden as f64 * ratio).round() as usize).max(1).min(hidden)
}

/// Of so many visible patches those that are replaced by a token: the nearest number to the share, never all.
#[must_use]
pub fn replaced(visible: usize, ratio: f64) -> usize {
    ((visible as f64 * ratio).round() as usize).min(visible.saturating_sub(1))
}

/// Draws `count` of the items to the front.
fn draw_first(items: &mut [u32], count: usize, rng: &mut ChaCha8Rng) {
    for place in 0..count {
        items.swap(place, rng.random_range(place..items.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mae_strategies::{Grid, MaskContext, Registry};

    use super::*;

    const INDICES: [usize; 3] = [4, 0, 9];

    fn masks() -> MaskBatch {
        let plan = Registry::builtin().plan("random", Grid::new(14, 14), 0.75, Default::default());
        let plan = plan.unwrap();
        let rng = |index: usize| seed::rng(3, Purpose::Mask, 0, index as u64);
        let mask = |index| plan.sample(&MaskContext::default(), &mut rng(index)).unwrap();
        MaskBatch::new(&INDICES.map(mask))
    }

    fn partial(decode_ratio: f64, secondary_ratio: f64) -> Partial {
        Partial {
            decode_ratio,
            secondary_ratio,
        }
    }

    fn device() -> burn::tensor::Device {
        crate::model::device::resolve(crate::model::device::compiled()[0]).unwrap()
    }

    fn flags(masks: &MaskBatch) -> Vec<f32> {
        let flags = masks
            .replaced(&device())
            .map(|flags| flags.into_data().iter::<f32>().collect());
        flags.unwrap_or_default()
    }

    #[test]
    fn whole_shares_leave_the_masks_alone() {
        let (before, after) = (masks(), partial(1.0, 0.0).apply(masks(), 3, 0, &INDICES));
        assert_eq!(after.decoded, 147);
        assert_eq!(after.decoded_rows(), before.hidden_rows());
        assert_eq!(after.visible_rows(), before.visible_rows());
        assert!(after.replaced(&device()).is_none());
    }

    #[test]
    fn a_share_of_the_hidden_is_decoded_and_the_mask_stays() {
        let before = masks();
        let after = partial(0.25, 0.0).apply(masks(), 3, 0, &INDICES);
        assert_eq!(
            (after.decoded, after.hidden(), after.decoded_rows().len()),
            (37, 147, 3 * 37)
        );
        let set = |rows: &[u32]| rows.iter().copied().collect::<BTreeSet<u32>>();
        assert_eq!(set(&after.hidden_rows()), set(&before.hidden_rows()));
        assert_eq!(after.visible_rows(), before.visible_rows());
        let chosen = set(&after.decoded_rows());
        assert!(chosen.len() == 3 * 37 && chosen.is_subset(&set(&before.hidden_rows())));
        assert_eq!(
            after.decoded_rows()[..],
            after.hidden_rows()[..37]
                .iter()
                .chain(&after.hidden_rows()[147..184])
                .chain(&after.hidden_rows()[294..331])
                .copied()
                .collect::<Vec<u32>>()[..]
        );
    }

    #[test]
    fn a_share_of_the_visible_becomes_a_token() {
        let after = partial(1.0, 0.25).apply(masks(), 3, 0, &INDICES);
        let flags = flags(&after);
        assert_eq!(flags.len(), 3 * 49);
        for (n, flags) in flags.chunks(49).enumerate() {
            assert_eq!(flags.iter().sum::<f32>(), 12.0, "picture {n}");
        }
        assert_eq!(after.decoded_rows(), masks().hidden_rows());
    }

    #[test]
    fn draws_depend_on_seed_epoch_and_picture_alone() {
        let draw = |seed, epoch, indices: &[usize]| {
            let masks = partial(0.5, 0.25).apply(masks(), seed, epoch, indices);
            (masks.decoded_rows().to_vec(), flags(&masks))
        };
        let first = draw(3, 0, &INDICES);
        assert_eq!(draw(3, 0, &INDICES), first);
        for other in [draw(4, 0, &INDICES), draw(3, 1, &INDICES), draw(3, 0, &[4, 0, 8])] {
            assert!(other.0 != first.0 && other.1 != first.1);
        }
        let (rows, seen) = draw(3, 0, &[4, 1, 2]);
        assert_eq!(
            (&rows[..74], &seen[..49]),
            (&first.0[..74], &first.1[..49]),
            "picture 4 is as before"
        );
    }

    #[test]
    fn every_hidden_patch_is_decoded_as_often() {
        let mut counts = [0_u32; 147];
        let before: Vec<u32> = masks().hidden_rows()[..147].to_vec();
        for epoch in 0..2000 {
            let rows = partial(0.25, 0.0).apply(masks(), 3, epoch, &INDICES).decoded_rows();
            let places = rows[..37]
                .iter()
                .filter_map(|row| before.iter().position(|other| other == row));
            places.for_each(|place| counts[place] += 1);
        }
        // Standard deviation of a share: sqrt(.25 * .75 / 2000) = .0097; 5 of them are .049.
        let shares = counts.map(|count| f64::from(count) / 2000.0);
        assert!(
            shares.iter().all(|share| (share - 37.0 / 147.0).abs() < 0.049),
            "{shares:?}"
        );
    }

    #[test]
    fn counts_at_the_edges() {
        assert_eq!([0.001, 0.5, 1.0].map(|ratio| decoded(3, ratio)), [1, 2, 3]);
        assert_eq!([0.0, 0.25, 0.99].map(|ratio| replaced(4, ratio)), [0, 1, 3]);
        assert_eq!(replaced(1, 0.9), 0);
    }
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod numbers;
