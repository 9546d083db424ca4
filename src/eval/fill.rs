//! Fills that know nothing: what is behind a mask guessed from the visible patches alone, to tell how hard a mask is before
//! any model is asked. On the host; they depend on pictures and masks and on no model.
//!
//! `C` channels, `H`, `W` picture, `L` patches in raster order.

use mae_strategies::{Grid, Mask};

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
    /// Number of channels, `C`.
    pub channels: usize,
    /// Columns of pixels, `W`.
    pub width: usize,
    /// Side of a patch in pixels.
    pub side: usize,
}

impl Cut<'_> {
    /// The picture with its hidden patches filled, in its own units.
    ///
    /// # Shapes
    /// → `[C, H, W]`.
    ///
    /// # Panics
    /// When the picture has not the mask's patches.
    #[must_use]
    pub fn filled(&self, mask: &Mask, fill: Fill) -> Vec<f32> {
        let plane = self.pixels.len() / self.channels;
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

    fn filled(pixels: &[f32], channels: usize, (width, side): (usize, usize), mask: &Mask) -> [Vec<f32>; 2] {
        let cut = Cut {
            pixels,
            channels,
            width,
            side,
        };
        [Fill::Mean, Fill::Nearest].map(|fill| cut.filled(mask, fill))
    }

    #[test]
    fn four_patches_by_hand() {
        let [mean, nearest] = filled(&[0.0, 1.0, 2.0, 9.0], 1, (4, 1), &mask(1, 4, &[1, 2]));
        assert_eq!(mean, [0.0, 4.5, 4.5, 9.0]);
        assert_eq!(nearest, [0.0, 0.0, 9.0, 9.0]);
    }

    #[test]
    fn channels_are_filled_each_by_its_own_mean() {
        let [mean, nearest] = filled(&[1.0, 2.0, 5.0, 3.0, 4.0, 9.0], 2, (3, 1), &mask(1, 3, &[1]));
        assert_eq!(mean, [1.0, 3.0, 5.0, 3.0, 6.0, 9.0]);
        assert_eq!(nearest, [1.0, 1.0, 5.0, 3.0, 3.0, 9.0]);
    }

    #[test]
    fn a_patch_is_copied_pixel_by_pixel() {
        // Two patches of 2x2 with the same rising pixels: the copy is right, the mean is not.
        let pixels = [0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0];
        let [mean, nearest] = filled(&pixels, 1, (4, 2), &mask(1, 2, &[1]));
        assert_eq!(nearest, pixels);
        assert_eq!(mean, [0.0, 1.0, 1.5, 1.5, 2.0, 3.0, 1.5, 1.5]);
    }

    #[test]
    fn the_first_of_equally_near_patches_is_copied() {
        assert_eq!(sources(&mask(3, 3, &[4])), [(4, 1)]);
        assert_eq!(sources(&mask(2, 3, &[0, 1, 3, 4])), [(0, 2), (1, 2), (3, 5), (4, 5)]);
        let shuffled = Mask::from_order(Grid::new(1, 3), vec![2, 0, 1], 2);
        assert_eq!(sources(&shuffled), [(1, 0)], "whatever order the visible ones are in");
    }
}
