//! Decoded blocks put side by side, and rows of them turned into RGB.

use super::idct::{self, Block, byte};

/// One row of units of a channel.
pub(super) struct Strip {
    samples: Vec<u8>,
    stride: usize,
    /// Samples along a block's side.
    side: usize,
    /// Pixels for which a sample stands, across and down.
    repeat: [usize; 2],
}

impl Strip {
    /// Room for `blocks` (across, down) of `side` samples squared.
    pub(super) fn new(side: usize, [across, down]: [usize; 2], repeat: [usize; 2]) -> Self {
        let stride = across * side;
        Self {
            samples: vec![0; stride * down * side],
            stride,
            side,
            repeat,
        }
    }

    /// Transforms a block into its place.
    pub(super) fn put(&mut self, block: &Block, last: usize, x: usize, y: usize) {
        let start = y * self.side * self.stride + x * self.side;
        idct::write(block, last, self.side, &mut self.samples[start..], self.stride);
    }

    /// Writes the samples of pixel row `y` to `row`.
    fn row(&self, y: usize, row: &mut [u8]) {
        let start = y / self.repeat[1] * self.stride;
        let from = &self.samples[start..start + self.stride];
        if self.repeat[0] == 1 {
            row.copy_from_slice(&from[..row.len()]);
        } else {
            for (pixels, &sample) in row.chunks_mut(self.repeat[0]).zip(from) {
                pixels.fill(sample);
            }
        }
    }
}

/// Fills `out`, rows of `width` pixels in RGB, from one (grey) or three (Y Cb Cr) strips.
pub(super) fn to_rgb(strips: &[&Strip], width: usize, out: &mut [u8]) {
    let mut rows = vec![vec![0; width]; strips.len()];
    for (y, line) in out.chunks_exact_mut(width * 3).enumerate() {
        for (strip, row) in strips.iter().zip(&mut rows) {
            strip.row(y, row);
        }
        if let [luma, blue, red] = rows.as_mut_slice() {
            convert(luma, blue, red);
            for (pixel, ((&r, &g), &b)) in line.chunks_exact_mut(3).zip(luma.iter().zip(&*blue).zip(&*red)) {
                pixel.copy_from_slice(&[r, g, b]);
            }
        } else {
            for (pixel, &grey) in line.chunks_exact_mut(3).zip(&rows[0]) {
                pixel.fill(grey);
            }
        }
    }
}

/// Y Cb Cr to R G B in place, as JFIF defines it.
fn convert(first: &mut [u8], second: &mut [u8], third: &mut [u8]) {
    for ((a, b), c) in first.iter_mut().zip(second).zip(third) {
        let (luma, blue, red) = (f32::from(*a), f32::from(*b) - 128.0, f32::from(*c) - 128.0);
        *a = byte(luma + 1.402 * red);
        *b = byte(luma - 0.344_136 * blue - 0.714_136 * red);
        *c = byte(luma + 1.772 * blue);
    }
}
