//! `file`: hides, or keeps visible, what a picture of marked regions says: objects, annotations, regions of interest.
//!
//! Algorithm: a patch belongs to the region when at least `threshold` of it is marked. With `mode = "hide"` the region is
//! hidden, with `"show"` it stays visible. Where the region is larger than the count, patches of it drawn at random are
//! given up (`trim_random`); where it is smaller, `complete` says which others join it: random ones (`topup_random`), or
//! those fewest steps away from it, up, down, left or right (`topup_adjacent`; all alike where nothing is marked).
//! Source: this project; masks from annotations are an ablation in many papers. Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::{Error, Grid, Kind, Literal, Mask, MaskContext, MaskingStrategy, Needs, Param, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct File;

static PARAMS: &[Param] = &[
    Param {
        name: "path",
        kind: Kind::Text,
        default: None,
        doc: "Picture of marked regions (PNG, or a two-dimensional NPY array; anything but 0 is marked) for all pictures, or \
              a folder with one for each, of the picture's name with .png or .npy. It is stretched over its picture, and \
              cropped and mirrored with it.",
    },
    Param::choice(
        "mode",
        &["hide", "show"],
        "hide",
        "Whether the marked region is hidden or stays visible.",
    ),
    Param {
        name: "threshold",
        kind: Kind::Float { min: 0.001, max: 1.0 },
        default: Some(Literal::Float(0.5)),
        doc: "A patch belongs to the region when at least this share of it is marked.",
    },
    Param::choice(
        "complete",
        &["topup_random", "topup_adjacent"],
        "topup_random",
        "Which patches join a region that is smaller than the count: random ones, or those nearest to it.",
    ),
];

impl MaskingStrategy for File {
    fn id(&self) -> &'static str {
        "file"
    }

    fn summary(&self) -> &'static str {
        "Hides the marked region of each picture, or all but it, as a file says; trimmed or completed to the exact count. \
         Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "This project: masks from annotations or regions of interest"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn needs(&self, _req: &Request) -> Needs {
        Needs {
            regions: true,
            ..Needs::default()
        }
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let regions = ctx.regions.filter(|regions| regions.len() == req.grid.len());
        let regions = regions.ok_or_else(|| {
            Error::Refused(
                "strategy file has no marked regions of this picture: say where they are with mask.path".into(),
            )
        })?;
        let threshold = req.params.float("threshold").unwrap_or(0.5);
        let region: Vec<bool> = regions.iter().map(|share| f64::from(*share) >= threshold).collect();
        let steps = if req.params.text("complete") == Some("topup_adjacent") {
            steps_from(req.grid, &region)
        } else {
            region.iter().map(|inside| u32::from(!inside)).collect()
        };
        let mut ranked: Vec<(u32, u32, usize)> = (0..req.grid.len()).map(|l| (steps[l], rng.next_u32(), l)).collect();
        ranked.sort_unstable();
        let shown = req.params.text("mode") == Some("show");
        let count = if shown {
            req.visible_by_ratio()
        } else {
            req.hidden_by_ratio()
        };
        let mut hidden = vec![shown; req.grid.len()];
        ranked[..count].iter().for_each(|(.., l)| hidden[*l] = !shown);
        Ok(Mask::from_hidden(req.grid, &hidden))
    }
}

/// Steps up, down, left or right from each patch to the region; 0 inside, and everywhere when there is no region.
fn steps_from(grid: Grid, region: &[bool]) -> Vec<u32> {
    let mut steps: Vec<u32> = region.iter().map(|inside| if *inside { 0 } else { u32::MAX }).collect();
    let mut front: Vec<usize> = (0..grid.len()).filter(|l| region[*l]).collect();
    if front.is_empty() {
        return vec![0; grid.len()];
    }
    for distance in 1.. {
        let near: Vec<usize> = front.iter().flat_map(|l| neighbours(grid, *l)).collect();
        front.clear();
        for l in near {
            if steps[l] == u32::MAX {
                steps[l] = distance;
                front.push(l);
            }
        }
        if front.is_empty() {
            break;
        }
    }
    steps
}

fn neighbours(grid: Grid, l: usize) -> impl Iterator<Item = usize> {
    let (row, col) = (l / grid.cols, l % grid.cols);
    let up = (row > 0).then(|| l - grid.cols);
    let down = (row + 1 < grid.rows).then(|| l + grid.cols);
    let left = (col > 0).then(|| l - 1);
    let right = (col + 1 < grid.cols).then(|| l + 1);
    [up, down, left, right].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Given, plan, rng};

    /// A disc of 21 patches in the middle of 7x7.
    fn disc() -> Vec<f32> {
        let near = |l: usize| (l / 7).abs_diff(3).pow(2) + (l % 7).abs_diff(3).pow(2) <= 5;
        (0..49).map(|l| if near(l) { 0.8 } else { 0.3 }).collect()
    }

    fn mask(regions: &[f32], ratio: f64, params: Given<'_>, seed: u64) -> Mask {
        let context = MaskContext::default().with_regions(regions);
        plan("file", "7x7", ratio, params)
            .sample(&context, &mut rng(seed))
            .unwrap()
    }

    /// How many patches of the region are hidden.
    fn covered(mask: &Mask, regions: &[f32]) -> usize {
        mask.bits()
            .iter()
            .zip(regions)
            .filter(|(bit, share)| **bit == 1 && **share >= 0.5)
            .count()
    }

    #[test]
    fn the_region_is_hidden_or_shown_as_far_as_the_count_allows() {
        let show: Given<'_> = &[("mode", "show".into())];
        assert_eq!(disc().iter().filter(|share| **share >= 0.5).count(), 21);
        for seed in 0..20 {
            // 0.25 hides 13, 0.75 hides 37 and leaves 12 visible.
            assert_eq!(covered(&mask(&disc(), 0.25, &[], seed), &disc()), 13);
            assert_eq!(covered(&mask(&disc(), 0.75, &[], seed), &disc()), 21);
            assert_eq!(covered(&mask(&disc(), 0.25, show, seed), &disc()), 0);
            assert_eq!(covered(&mask(&disc(), 0.75, show, seed), &disc()), 21 - 12);
        }
    }

    #[test]
    fn a_region_grows_evenly_where_the_nearest_join_it() {
        let adjacent: Given<'_> = &[("complete", "topup_adjacent".into())];
        // The 16 patches at one step from the disc fill it up to 37 of 49: exactly what 0.75 hides.
        let grown = mask(&disc(), 0.75, adjacent, 1);
        assert_eq!(grown, mask(&disc(), 0.75, adjacent, 2));
        let corners = [0, 1, 5, 6, 7, 13, 35, 41, 42, 43, 47, 48];
        let visible: Vec<usize> = (0..49).filter(|l| grown.bits()[*l] == 0).collect();
        assert_eq!(visible, corners, "\n{grown}");
        let scattered = mask(&disc(), 0.75, &[], 1);
        assert_ne!(scattered, mask(&disc(), 0.75, &[], 2));
    }

    #[test]
    fn the_threshold_says_what_belongs_to_the_region() {
        let low: Given<'_> = &[("threshold", 0.3.into())];
        assert_ne!(mask(&disc(), 0.4, low, 1), mask(&disc(), 0.4, &[], 1));
        let none = vec![0.0; 49];
        let adjacent: Given<'_> = &[("complete", "topup_adjacent".into())];
        assert_ne!(mask(&none, 0.5, adjacent, 1), mask(&none, 0.5, adjacent, 2));
    }

    #[test]
    fn without_regions_it_says_what_is_missing() {
        let plan = plan("file", "7x7", 0.5, &[]);
        let short = [1.0; 3];
        for context in [MaskContext::default(), MaskContext::default().with_regions(&short)] {
            let error = plan.sample(&context, &mut rng(0)).unwrap_err().to_string();
            assert!(error.contains("mask.path"), "{error}");
        }
        assert!(plan.needs().regions);
    }

    #[test]
    fn snapshots() {
        let adjacent: Given<'_> = &[("complete", "topup_adjacent".into()), ("mode", "show".into())];
        crate::testing::snapshot("file", &[("14x14", 0.75, &[]), ("7x13", 0.6, adjacent)]);
    }
}
