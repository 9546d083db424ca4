//! A made-up picture with everything that a strategy may need to know of it: for the conformance suite, and wherever masks
//! are drawn without a model. Values are smooth over the grid, differ from patch to patch and depend on a number alone.

use crate::{Grid, MaskContext, Pixels};

/// Pixels of a patch's side in made-up pictures.
const SIDE: usize = 4;

/// Owns what a [`MaskContext`] borrows.
#[derive(Clone, Debug)]
pub struct Sight {
    grid: Grid,
    pixels: Vec<f32>,
    attention: Vec<f32>,
    loss: Vec<f32>,
    regions: Vec<f32>,
}

impl Sight {
    /// Picture number `number` for a grid: three channels, patches of 4 x 4 pixels.
    #[must_use]
    pub fn made_up(grid: Grid, number: u32) -> Self {
        let (height, width) = (grid.rows * SIDE, grid.cols * SIDE);
        let at = |place: usize, side: usize| wave(place % side, place / side, number);
        let pixels = (0..3)
            .flat_map(|channel| (0..height * width).map(move |place| at(place, width) * (1.0 + channel as f32)))
            .collect();
        let over = |shift: u32| -> Vec<f32> {
            let value = |l: usize| wave(l % grid.cols, l / grid.cols, number.wrapping_add(shift));
            (0..grid.len()).map(value).collect()
        };
        Self {
            grid,
            pixels,
            attention: over(1).iter().map(|v| (v + 1.0) / 2.0).collect(),
            loss: over(2).iter().map(|v| v + 1.0).collect(),
            regions: over(3).iter().map(|v| (v + 1.0) / 2.0).collect(),
        }
    }

    /// The context with all of it.
    #[must_use]
    pub fn context(&self) -> MaskContext<'_> {
        let pixels = Pixels {
            values: &self.pixels,
            channels: 3,
            height: self.grid.rows * SIDE,
            width: self.grid.cols * SIDE,
        };
        MaskContext::default()
            .with_pixels(pixels)
            .with_attention(&self.attention)
            .with_loss(&self.loss)
            .with_regions(&self.regions)
    }
}

/// From -1 to 1.
fn wave(x: usize, y: usize, number: u32) -> f32 {
    let phase = number as f32 * 1.7;
    let (x, y) = (x as f32, y as f32);
    ((x * 0.71 + phase).sin() + (y * 0.43 - phase).cos() + (x * y * 0.037 + phase).sin()) / 3.0
}
