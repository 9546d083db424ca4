//! Fills that know nothing: what is behind a mask guessed from the visible patches alone, to tell how hard a mask is before
//! any model is asked. On the host; they depend on pictures and masks and on no model.
//!
//! `C` channels, `H`, `W` picture, `L` patches in raster order.

use mae_strategies::{Grid, Mask};

/// Mean squared errors of one picture's hidden patches, in pixels of [0, 1].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Fills {
    /// Of filling every hidden patch with the mean colour of the visible ones.
    pub mean: f64,
    /// Of copying the nearest visible patch (between centres; of equally near ones, the first in raster order).
    pub nearest: f64,
}

/// A fill that knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The mean colour of the visible patches.
    Mean,
    /// The nearest visible patch (between centres; of equally near ones, the first in raster order).
    Nearest,
}

/// A picture cut into patches.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// Normalised pixels, `[C, H, W]`.
    pub pixels: &'a [f32],
    /// Standard deviations that the channels were divided by, `[C]`.
    pub std: &'a [f32],
    /// Columns of pixels, `W`.
    pub width: usize,
    /// Side of a patch in pixels.
    pub side: usize,
}

impl Cut<'_> {
    /// Errors of the fills under a mask.
    ///
    /// # Panics
    /// When the picture has not the mask's patches.
    #[must_use]
    pub fn errors(&self, mask: &Mask) -> Fills {
        let plane = self.pixels.len() / self.std.len();
        let (mut mean, mut nearest) = (0.0, 0.0);
        let sources = sources(mask);
        for (channel, std) in self.pixels.chunks_exact(plane).zip(self.std) {
            let scale = f64::from(*std).powi(2);
            let colour = self.mean(channel, mask);
            let squares = |fill: &dyn Fn(usize, usize) -> f64| -> f64 {
                let of_patch = |(hidden, source): &(usize, usize)| -> f64 {
                    let (at, from) = (self.places(*hidden, mask.grid()), self.places(*source, mask.grid()));
                    at.zip(from).map(|(at, from)| fill(at, from).powi(2)).sum()
                };
                sources.iter().map(of_patch).sum::<f64>() * scale
            };
            mean += squares(&|at, _| f64::from(channel[at]) - colour);
            nearest += squares(&|at, from| f64::from(channel[at]) - f64::from(channel[from]));
        }
        let values = (sources.len() * self.side * self.side * self.std.len()) as f64;
        Fills {
            mean: mean / values,
            nearest: nearest / values,
        }
    }

    /// The picture with its hidden patches filled, in its own units.
    ///
    /// # Shapes
    /// → `[C, H, W]`.
    ///
    /// # Panics
    /// When the picture has not the mask's patches.
    #[must_use]
    pub fn filled(&self, mask: &Mask, fill: Fill) -> Vec<f32> {
        let plane = self.pixels.len() / self.std.len();
        let sources = sources(mask);
        let mut filled = self.pixels.to_vec();
        for (channel, out) in self.pixels.chunks_exact(plane).zip(filled.chunks_exact_mut(plane)) {
            let colour = self.mean(channel, mask) as f32;
            for (hidden, source) in &sources {
                let (at, from) = (self.places(*hidden, mask.grid()), self.places(*source, mask.grid()));
                at.zip(from).for_each(|(at, from)| {
                    out[at] = match fill {
                        Fill::Mean => colour,
                        Fill::Nearest => channel[from],
                    };
                });
            }
        }
        filled
    }

    /// Mean of a channel over the visible patches.
    fn mean(&self, channel: &[f32], mask: &Mask) -> f64 {
        let visible = mask.ids_keep().iter();
        let values = visible
            .flat_map(|id| self.places(*id as usize, mask.grid()))
            .map(|at| f64::from(channel[at]));
        values.sum::<f64>() / (mask.visible() * self.side * self.side) as f64
    }

    /// Where the pixels of a patch are in a channel, row by row.
    fn places(&self, patch: usize, grid: Grid) -> impl Iterator<Item = usize> + use<> {
        let (side, width) = (self.side, self.width);
        let corner = patch / grid.cols * side * width + patch % grid.cols * side;
        (0..side * side).map(move |i| corner + i / side * width + i % side)
    }
}

/// Every hidden patch with the visible one that is nearest to it.
fn sources(mask: &Mask) -> Vec<(usize, usize)> {
    let cols = mask.grid().cols;
    let mut visible: Vec<usize> = mask.ids_keep().iter().map(|id| *id as usize).collect();
    visible.sort_unstable();
    let squared = |a: usize, b: usize| {
        let (rows, columns) = ((a / cols).abs_diff(b / cols), (a % cols).abs_diff(b % cols));
        rows * rows + columns * columns
    };
    let hidden = mask.ids_shuffle()[mask.visible()..].iter().map(|id| *id as usize);
    let nearest = |patch: usize| visible.iter().copied().min_by_key(|other| squared(patch, *other));
    hidden.filter_map(|patch| Some((patch, nearest(patch)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: usize, cols: usize, hidden: &[usize]) -> Mask {
        let flags: Vec<bool> = (0..rows * cols).map(|i| hidden.contains(&i)).collect();
        Mask::from_hidden(Grid::new(rows, cols), &flags)
    }

    fn errors(pixels: &[f32], std: &[f32], width: usize, side: usize, mask: &Mask) -> Fills {
        let cut = Cut {
            pixels,
            std,
            width,
            side,
        };
        cut.errors(mask)
    }

    #[test]
    fn four_patches_by_hand() {
        let got = errors(&[0.0, 1.0, 2.0, 9.0], &[1.0], 4, 1, &mask(1, 4, &[1, 2]));
        // Mean of 0 and 9 is 4.5; patch 1 copies 0, patch 2 copies 9.
        assert_eq!(got.mean, (3.5_f64.powi(2) + 2.5_f64.powi(2)) / 2.0);
        assert_eq!(got.nearest, (1.0 + 49.0) / 2.0);
    }

    #[test]
    fn channels_are_scaled_back_each_by_its_own_deviation() {
        let pixels = [0.0, 2.0, 0.0, 2.0];
        let got = errors(&pixels, &[0.5, 0.25], 2, 1, &mask(1, 2, &[1]));
        assert_eq!(got.mean, (1.0 + 0.25) / 2.0);
        assert_eq!(got.nearest, got.mean, "one visible patch is both");
    }

    #[test]
    fn a_patch_is_copied_pixel_by_pixel() {
        // Two patches of 2x2 with the same rising pixels: the copy is right, the mean is not.
        let pixels = [0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0];
        let got = errors(&pixels, &[1.0], 4, 2, &mask(1, 2, &[1]));
        assert_eq!((got.mean, got.nearest), (1.25, 0.0));
    }

    #[test]
    fn what_is_filled_in_has_the_errors_that_are_told() {
        let pixels: Vec<f32> = (0..2 * 4 * 6).map(|i| (i * 37 % 23) as f32 / 7.0).collect();
        let (std, mask) = ([0.5, 0.25], mask(2, 3, &[0, 2, 4]));
        let cut = Cut {
            pixels: &pixels,
            std: &std,
            width: 6,
            side: 2,
        };
        let told = cut.errors(&mask);
        for (fill, want) in [(Fill::Mean, told.mean), (Fill::Nearest, told.nearest)] {
            let filled = cut.filled(&mask, fill);
            let square = |i: usize| (f64::from(filled[i] - pixels[i]) * f64::from(std[i / 24])).powi(2);
            // Three patches of four pixels and two channels; the visible ones are as they were.
            let got = (0..pixels.len()).map(square).sum::<f64>() / 24.0;
            assert!((got - want).abs() < 1e-6, "{fill:?}: {got} for {want}");
        }
    }

    #[test]
    fn the_first_of_equally_near_patches_is_copied() {
        assert_eq!(sources(&mask(3, 3, &[4])), [(4, 1)]);
        assert_eq!(sources(&mask(2, 3, &[0, 1, 3, 4])), [(0, 2), (1, 2), (3, 5), (4, 5)]);
        let shuffled = Mask::from_order(Grid::new(1, 3), vec![2, 0, 1], 2);
        assert_eq!(sources(&shuffled), [(1, 0)], "whatever order the visible ones are in");
    }
}
