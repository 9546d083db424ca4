//! `saliency`: hides the patches in which the picture itself shows most, or least.
//!
//! Algorithm: patches are ranked by a measure of their brightness (the sum of the channels), equal ones in drawn order:
//! `entropy` is that of its histogram with 16 bins between the darkest and the brightest place of the picture, and
//! contrast decides between equal entropies; `gradient` is the sum of squared differences to the next places to the
//! right and below. Large patches are looked at in 6x6 evenly spaced places, which keeps the cost of a mask below that
//! of decoding the picture. `mode` high hides the highest, low the lowest; `random` leaves a share of the hidden
//! patches to chance, so that the mask of a picture varies.
//! Source: no single paper; a control without a teacher for `attention` and `hard_patches`. Entropy: Shannon, 1948.
//! Count: `L - int(L * (1 - ratio))` hidden.

use rand::Rng;

use crate::rank::{falling, hide_first, part, share, value};
use crate::{Error, Grid, Mask, MaskContext, MaskingStrategy, Needs, Param, Pixels, Request};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Saliency;

/// Places looked at along a patch's side, at most.
const PLACES: usize = 6;
/// Bins of the brightness histogram.
const BINS: usize = 16;
/// Weight of the contrast against the entropy.
const TIES: f64 = 1e-6;

static PARAMS: &[Param] = &[
    Param::choice(
        "measure",
        &["entropy", "gradient"],
        "entropy",
        "What is measured of a patch: the entropy of its brightness, or the energy of its gradient.",
    ),
    Param::choice(
        "mode",
        &["high", "low"],
        "high",
        "Hide the highest patches or the lowest.",
    ),
    share(
        "random",
        0.25,
        "Share of the hidden patches drawn among all others instead of taken by rank.",
    ),
];

impl MaskingStrategy for Saliency {
    fn id(&self) -> &'static str {
        "saliency"
    }

    fn summary(&self) -> &'static str {
        "Hides the patches of the picture with the highest (or lowest) entropy or gradient energy, and drawn patches besides. \
         Hides L - int(L * (1 - ratio)) patches."
    }

    fn source(&self) -> &'static str {
        "A control for masks that need a teacher; entropy as in Shannon, A Mathematical Theory of Communication, 1948"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn is_random(&self, req: &Request) -> bool {
        part(req.hidden_by_ratio(), value(req, "random")) > 0
    }

    fn needs(&self, _req: &Request) -> Needs {
        Needs {
            pixels: true,
            ..Needs::default()
        }
    }

    fn sample(&self, req: &Request, ctx: &MaskContext<'_>, rng: &mut dyn Rng) -> Result<Mask, Error> {
        let view = View::new(req, ctx.pixels)?;
        let mut scores = if req.params.text("measure") == Some("gradient") {
            view.gradients()
        } else {
            view.entropies()
        };
        if req.params.text("mode") == Some("low") {
            scores.iter_mut().for_each(|score| *score = -*score);
        }
        let hide = req.hidden_by_ratio();
        let by_rank = hide - part(hide, value(req, "random"));
        Ok(hide_first(req.grid, falling(&scores, rng), by_rank, hide, rng))
    }
}

/// Brightness at evenly spaced places, as many of them in each patch.
struct View {
    grid: Grid,
    /// Places in a patch, from top to bottom and from left to right.
    places: (usize, usize),
    bright: Vec<f32>,
}

impl View {
    fn new(req: &Request, pixels: Option<Pixels<'_>>) -> Result<Self, Error> {
        let grid = req.grid;
        let fits = |p: &Pixels<'_>| {
            let whole = p.height.is_multiple_of(grid.rows) && p.width.is_multiple_of(grid.cols);
            whole && !p.values.is_empty() && p.values.len() == p.channels * p.height * p.width
        };
        let pixels = pixels.filter(fits).ok_or_else(|| {
            Error::Refused(format!(
                "mask.strategy = \"saliency\" needs the picture's pixels, whole patches of grid {grid}: fill them into the mask \
                 context"
            ))
        })?;
        let patch = (pixels.height / grid.rows, pixels.width / grid.cols);
        let places = (patch.0.min(PLACES), patch.1.min(PLACES));
        let at = |place: usize, places: usize, patch: usize| place / places * patch + place % places * patch / places;
        let columns: Vec<usize> = (0..grid.cols * places.1).map(|x| at(x, places.1, patch.1)).collect();
        let mut bright = vec![0.0; grid.rows * places.0 * columns.len()];
        let size = pixels.height * pixels.width;
        for (y, line) in bright.chunks_exact_mut(columns.len()).enumerate() {
            let start = at(y, places.0, patch.0) * pixels.width;
            let row = |channel: usize| &pixels.values[channel * size + start..][..pixels.width];
            if pixels.channels == 3 && usual(line, [row(0), row(1), row(2)], patch.1) {
                continue;
            }
            for from in (0..pixels.channels).map(row) {
                line.iter_mut().zip(&columns).for_each(|(to, x)| *to += from[*x]);
            }
        }
        Ok(Self { grid, places, bright })
    }

    /// Visits every place, as runs of places side by side in one patch: the patch, and where the run starts.
    fn visit(&self, mut visitor: impl FnMut(usize, usize)) {
        for y in 0..self.grid.rows * self.places.0 {
            for col in 0..self.grid.cols {
                let patch = y / self.places.0 * self.grid.cols + col;
                visitor(patch, y * self.width() + col * self.places.1);
            }
        }
    }

    fn width(&self) -> usize {
        self.grid.cols * self.places.1
    }

    /// Entropy of each patch's brightness in bits, and a millionth of its contrast (0 to 1), which decides between
    /// equal ones.
    fn entropies(&self) -> Vec<f64> {
        let (low, high) = span(&self.bright);
        let scale = 1.0 / (high - low).max(f32::MIN_POSITIVE);
        let bin = |bright: &f32| whole((bright - low) * scale * BINS as f32).min(BINS as u8 - 1);
        let mut patches = vec![([0u8; BINS], f32::INFINITY, f32::NEG_INFINITY); self.grid.len()];
        let (width, mut bins) = (self.width(), vec![0; self.width()]);
        let mut ends = vec![(f32::INFINITY, f32::NEG_INFINITY); width];
        // A row of patches at a time; what can be done for all its columns at once goes through no patch.
        let rows = patches.chunks_exact_mut(self.grid.cols);
        for (patches, lines) in rows.zip(self.bright.chunks_exact(width * self.places.0)) {
            ends.fill((f32::INFINITY, f32::NEG_INFINITY));
            for line in lines.chunks_exact(width) {
                bins.iter_mut().zip(line).for_each(|(to, bright)| *to = bin(bright));
                let widened = ends.iter_mut().zip(line);
                widened.for_each(|(ends, bright)| *ends = (least(ends.0, *bright), most(ends.1, *bright)));
                for ((counts, ..), bins) in patches.iter_mut().zip(bins.chunks_exact(self.places.1)) {
                    bins.iter().for_each(|bin| counts[usize::from(*bin) % BINS] += 1);
                }
            }
            for ((_, darkest, brightest), ends) in patches.iter_mut().zip(ends.chunks_exact(self.places.1)) {
                for (low, high) in ends {
                    (*darkest, *brightest) = (least(*darkest, *low), most(*brightest, *high));
                }
            }
        }
        let all = self.places.0 * self.places.1;
        // n log2 n for every count that there can be.
        let terms: Vec<f64> = (0..=all).map(|n| n as f64 * (n.max(1) as f64).log2()).collect();
        let entropy =
            |bins: &[u8; BINS]| (terms[all] - bins.iter().map(|n| terms[usize::from(*n)]).sum::<f64>()) / all as f64;
        let score = |(bins, darkest, brightest): &([u8; BINS], f32, f32)| {
            entropy(bins) + TIES * f64::from((brightest - darkest) * scale)
        };
        patches.iter().map(score).collect()
    }

    /// Energy of each patch's gradient.
    fn gradients(&self) -> Vec<f64> {
        let width = self.width();
        let last = self.bright.len() - width;
        let mut energy = vec![0.0; self.grid.len()];
        self.visit(|patch, start| {
            let mut sum = 0.0;
            for place in start..start + self.places.1 {
                // At the picture's edge there is no next place.
                let right = if (place + 1) % width > 0 { place + 1 } else { place };
                let below = if place < last { place + width } else { place };
                let here = self.bright[place];
                sum += (self.bright[right] - here).powi(2) + (self.bright[below] - here).powi(2);
            }
            energy[patch] += f64::from(sum);
        });
        energy
    }
}

/// The brightness of one row of places in colour, for patches of the usual widths: no place needs to be looked up.
fn usual(line: &mut [f32], channels: [&[f32]; 3], width: usize) -> bool {
    match width {
        8 => of_patches::<8>(line, channels),
        14 => of_patches::<14>(line, channels),
        16 => of_patches::<16>(line, channels),
        32 => of_patches::<32>(line, channels),
        _ => return false,
    }
    true
}

/// The same for patches `P` pixels wide, 6 or more.
fn of_patches<const P: usize>(line: &mut [f32], [red, green, blue]: [&[f32]; 3]) {
    let patches = red.chunks_exact(P).zip(green.chunks_exact(P)).zip(blue.chunks_exact(P));
    for (to, ((red, green), blue)) in line.chunks_exact_mut(PLACES).zip(patches) {
        for (place, to) in to.iter_mut().enumerate() {
            let x = place * P / PLACES;
            *to = red[x] + green[x] + blue[x];
        }
    }
}

/// The whole part of a number from 0 to 255, 0 of what is no number: the same as a cast, in steps that processors do for many
/// numbers at once.
fn whole(value: f32) -> u8 {
    // From here on floats have no fractions, and their last bits count.
    const WHOLE: f32 = 8_388_608.0;
    let rounded = (value + WHOLE) - WHOLE;
    let floor = if rounded > value { rounded - 1.0 } else { rounded };
    (floor + WHOLE).to_bits() as u8
}

/// The lesser of two values, the first where the second is no number: one instruction, unlike `f32::min`.
fn least(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The greater of two values, the first where the second is no number.
fn most(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The least and the greatest of some values, in lanes that do not wait for each other.
fn span(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for values in chunks {
        for lane in 0..LANES {
            (low[lane], high[lane]) = (least(low[lane], values[lane]), most(high[lane], values[lane]));
        }
    }
    let lows = low.iter().chain(rest).copied().fold(f32::INFINITY, least);
    let highs = high.iter().chain(rest).copied().fold(f32::NEG_INFINITY, most);
    (lows, highs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, rng, snapshot};

    /// One channel of 2x2 patches of 16x16 pixels: noise in the last patch, a step in the second, the others flat.
    fn picture() -> Vec<f32> {
        let value = |y: usize, x: usize| match (y / 16, x / 16) {
            (1, 1) => ((y * 31 + x * 17) % 23) as f32,
            (0, 1) => {
                if x < 24 {
                    3.0
                } else {
                    9.0
                }
            }
            (row, _) => row as f32,
        };
        (0..32 * 32).map(|place| value(place / 32, place % 32)).collect()
    }

    fn hidden(params: &[(&str, crate::Value)], ratio: f64) -> Vec<u8> {
        let values = picture();
        let pixels = Pixels {
            values: &values,
            channels: 1,
            height: 32,
            width: 32,
        };
        let params: Vec<_> = params.iter().cloned().chain([("random", 0.0.into())]).collect();
        let plan = plan("saliency", "2x2", ratio, &params);
        plan.sample(&MaskContext::default().with_pixels(pixels), &mut rng(0))
            .unwrap()
            .bits()
    }

    #[test]
    fn busy_patches_are_hidden_first_or_last() {
        for measure in ["entropy", "gradient"] {
            let measure = ("measure", measure.into());
            assert_eq!(hidden(std::slice::from_ref(&measure), 0.25), [0, 0, 0, 1]);
            assert_eq!(hidden(&[measure, ("mode", "low".into())], 0.75), [1, 1, 1, 0]);
        }
        assert_eq!(hidden(&[], 0.5), [0, 1, 0, 1]);
    }

    #[test]
    fn entropy_is_measured_in_bits() {
        let values = picture();
        let pixels = Pixels {
            values: &values,
            channels: 1,
            height: 32,
            width: 32,
        };
        let plan = plan("saliency", "2x2", 0.5, &[]);
        let entropies = View::new(plan.request(), Some(pixels)).unwrap().entropies();
        assert_eq!((entropies[0], entropies[2]), (0.0, 0.0));
        assert!((entropies[1] - 1.0).abs() < 1e-6, "{entropies:?}");
        assert!((2.0..=4.0).contains(&entropies[3]), "{entropies:?}");
    }

    #[test]
    fn the_whole_part_is_that_of_a_cast() {
        for step in 0..=16 * 256 {
            let value = step as f32 / 256.0;
            assert_eq!(whole(value), value as u8, "{value}");
            assert_eq!(
                whole(value.next_down().max(0.0)),
                value.next_down() as u8,
                "below {value}"
            );
        }
        assert_eq!(whole(f32::NAN), 0);
    }

    #[test]
    fn flat_pictures_leave_everything_to_chance() {
        let values = vec![0.5; 3 * 14 * 14 * 4];
        let pixels = Pixels {
            values: &values,
            channels: 3,
            height: 28,
            width: 28,
        };
        let plan = plan("saliency", "14x14", 0.75, &[("random", 0.0.into())]);
        let ctx = MaskContext::default().with_pixels(pixels);
        let mut shown = vec![0; 196];
        for seed in 0..100 {
            plan.sample(&ctx, &mut rng(seed))
                .unwrap()
                .ids_keep()
                .iter()
                .for_each(|id| shown[*id as usize] += 1);
        }
        assert!(shown.iter().all(|n| *n > 0), "{shown:?}");
    }

    #[test]
    fn a_picture_that_does_not_fit_is_refused() {
        let pixels = Pixels {
            values: &[0.0; 12],
            channels: 1,
            height: 3,
            width: 4,
        };
        let ctx = MaskContext::default().with_pixels(pixels);
        let error = plan("saliency", "2x2", 0.5, &[])
            .sample(&ctx, &mut rng(0))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("needs the picture's pixels, whole patches of grid 2x2"),
            "{error}"
        );
    }

    #[test]
    fn snapshots() {
        let low: &[_] = &[("measure", "gradient".into()), ("mode", "low".into())];
        snapshot(
            "saliency",
            &[("14x14", 0.75, &[]), ("14x14", 0.5, low), ("7x13", 0.6, &[])],
        );
    }
}
