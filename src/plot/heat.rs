//! Numbers as colours: one scale from light to dark, and small maps of cells in it.
//! The scale is ordered by lightness, so that it reads in grey and with any colour vision, and its colours are the same on
//! light and dark pages: what stands in a cell takes its colour from the cell, not from the page.

use plotters::prelude::*;

use super::Rgb;
use super::colour::blend;
use super::frame::fine;
use super::pen::{Canvas, Drawn, fill};

/// Viridis, from its light end to its dark end.
const SCALE: [Rgb; 6] = [
    Rgb(0xFD, 0xE7, 0x25),
    Rgb(0x7A, 0xD1, 0x51),
    Rgb(0x22, 0xA8, 0x84),
    Rgb(0x2A, 0x78, 0x8E),
    Rgb(0x41, 0x44, 0x87),
    Rgb(0x44, 0x01, 0x54),
];
/// What stands for a number that is not there.
const NOTHING: Rgb = Rgb(0x9A, 0x9B, 0x9C);
/// Colours told apart in a map: neighbours of one colour are drawn as one.
const LEVELS: f64 = 40.0;
/// Cells of a map along a side at most; more are averaged.
const MOST_CELLS: usize = 40;

/// The colour of a share of the scale: light at 0, dark at 1, grey for what is no number.
pub fn heat(share: f64) -> Rgb {
    if !share.is_finite() {
        return NOTHING;
    }
    let last = SCALE.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let low = (place.floor() as usize).min(last - 1);
    blend(SCALE[low], SCALE[low + 1], place - low as f64)
}

/// Black or white, whichever reads better on `ground`: of the two one always has a contrast of 4.5.
pub(super) fn legible(ground: Rgb) -> Rgb {
    let (dark, light) = (Rgb(0x00, 0x00, 0x00), Rgb(0xFF, 0xFF, 0xFF));
    if contrast(dark, ground) >= contrast(light, ground) {
        dark
    } else {
        light
    }
}

/// Contrast ratio of two colours, 1 to 21 (WCAG 2.1, relative luminance).
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

/// Shares between 0 and 1 on a grid, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `rows * cols` shares.
    pub values: Vec<f64>,
}

impl Map {
    /// Width and height of the map inside a square of `side`.
    pub(super) fn size(&self, side: f64) -> (f64, f64) {
        let longer = self.rows.max(self.cols).max(1) as f64;
        (side * self.cols as f64 / longer, side * self.rows as f64 / longer)
    }

    /// Draws the map with its upper left corner at `at`, both in typographic pixels.
    pub(super) fn draw(&self, canvas: &Canvas<'_>, at: (f64, f64), side: f64) -> Drawn {
        let (width, height) = self.size(side);
        let small = self.reduced();
        let x = |col: usize| fine(at.0 + width * col as f64 / small.cols as f64);
        let y = |row: usize| fine(at.1 + height * row as f64 / small.rows as f64);
        for (row, values) in small.values.chunks(small.cols.max(1)).enumerate() {
            let levels: Vec<f64> = values.iter().map(|v| (v * LEVELS).round() / LEVELS).collect();
            let mut start = 0;
            for run in levels.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                rectangle(canvas, (x(start), y(row)), (x(end), y(row + 1)), heat(run[0]))?;
                start = end;
            }
        }
        Ok(())
    }

    /// The same with at most [`MOST_CELLS`] cells along a side, each the mean of those that it stands for.
    fn reduced(&self) -> Self {
        let (rows, cols) = (self.rows.min(MOST_CELLS), self.cols.min(MOST_CELLS));
        if (rows, cols) == (self.rows, self.cols) {
            return self.clone();
        }
        let part = |i: usize, of: usize, all: usize| i * all / of..(i + 1) * all / of;
        let cell = |row: usize, col: usize| {
            let inside = part(row, rows, self.rows).flat_map(|r| {
                let row = r * self.cols;
                part(col, cols, self.cols).map(move |c| row + c)
            });
            let values: Vec<f64> = inside.filter_map(|i| self.values.get(i).copied()).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let values = (0..rows * cols).map(|i| cell(i / cols, i % cols)).collect();
        Self { rows, cols, values }
    }
}

/// A filled rectangle between two corners in sub-pixels.
pub(super) fn rectangle(canvas: &Canvas<'_>, from: (i32, i32), to: (i32, i32), colour: Rgb) -> Drawn {
    Ok(canvas.draw(&Rectangle::new([from, to], fill(colour, 1.0)))?)
}

/// The scale as a bar of `width`, light end first, in typographic pixels.
pub(super) fn bar(canvas: &Canvas<'_>, at: (f64, f64), width: f64, height: f64) -> Drawn {
    let steps = 32;
    (0..steps).try_for_each(|i| {
        let x = |i: usize| fine(at.0 + width * i as f64 / steps as f64);
        let share = i as f64 / (steps - 1) as f64;
        rectangle(canvas, (x(i), fine(at.1)), (x(i + 1), fine(at.1 + height)), heat(share))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_darkens_all_the_way() {
        let steps: Vec<f64> = (0..=100).map(|i| luminance(heat(f64::from(i) / 100.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[0] > pair[1]), "{steps:?}");
        assert_eq!((heat(0.0), heat(1.0)), (SCALE[0], SCALE[5]));
        assert_eq!((heat(-3.0), heat(7.0), heat(f64::NAN)), (SCALE[0], SCALE[5], NOTHING));
    }

    #[test]
    fn text_on_every_colour_can_be_read() {
        let grounds = (0..=100).map(|i| heat(f64::from(i) / 100.0)).chain([NOTHING]);
        for ground in grounds {
            let ratio = contrast(legible(ground), ground);
            assert!(ratio >= 4.5, "{ground:?}: {ratio:.2}");
        }
    }

    #[test]
    fn large_maps_are_averaged_and_keep_their_mean() {
        let (rows, cols) = (90, 120);
        let values = (0..rows * cols).map(|i| f64::from(u8::from(i % cols < 60))).collect();
        let small = Map { rows, cols, values }.reduced();
        assert_eq!((small.rows, small.cols), (MOST_CELLS, MOST_CELLS));
        assert!(small.values[..20].iter().all(|v| *v == 1.0) && small.values[20..40].iter().all(|v| *v == 0.0));
        let mean = small.values.iter().sum::<f64>() / small.values.len() as f64;
        assert!((mean - 0.5).abs() < 1e-12, "{mean}");
    }
}
