//! Baseline JPEGs decoded at 1/2, 1/4 or 1/8 of their size: of each block only the coefficients are transformed that a
//! picture of that size can hold. Everything else (progressive, CMYK, damaged, …) is left to the decoder of full size,
//! and which files these are depends on their bytes alone. This file must not choose the size: that is `reduce`'s.
//!
//! Source: ITU-T T.81 (1992) for the format, the JFIF specification 1.02 for its colours.

mod header;
mod huffman;
mod idct;
mod rows;

#[cfg(test)]
mod tests;

use header::{Component, Header};
use huffman::{Bits, END};
use idct::Block;
use rows::Strip;

use super::Picture;
use super::decode::after_scan;
use super::reduce::Least;

/// Place of each coefficient of the zigzag order in its block.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The picture at the size that `least` asks for. `None` when that is its full size, and when it cannot be had.
pub(super) fn reduced(bytes: &[u8], least: &Least) -> Option<Picture> {
    let head = header::read(bytes, &|height, width| least.divisor(height, width) > 1)?;
    scan(bytes, &head, 8 / least.divisor(head.height, head.width))
}

/// A channel while it is decoded.
struct Channel<'a> {
    component: &'a Component,
    /// Where each coefficient goes; 64 for those that are not needed.
    places: [u8; 64],
    strip: Strip,
    level: i32,
}

/// Decodes the only scan; a block becomes `side` samples squared at full sampling.
fn scan(bytes: &[u8], head: &Header, side: usize) -> Option<Picture> {
    let most = |of: fn(&Component) -> usize| head.components.iter().map(of).max().unwrap_or(1);
    let (across, down) = (most(|c| c.across), most(|c| c.down));
    let (columns, lines) = (head.width.div_ceil(8 * across), head.height.div_ceil(8 * down));
    let channel = |component| {
        Channel::new(
            component,
            [across / component.across, down / component.down],
            side,
            columns,
        )
    };
    let mut channels: Vec<Channel<'_>> = head.components.iter().map(channel).collect();
    let (height, width) = ((head.height * side).div_ceil(8), (head.width * side).div_ceil(8));
    let mut rgb = vec![0; height * width * 3];
    let mut bits = Bits::new(bytes, head.data);
    for (line, out) in rgb.chunks_mut(down * side * width * 3).enumerate().take(lines) {
        for column in 0..columns {
            let unit = line * columns + column;
            if head.restart > 0 && unit > 0 && unit % head.restart == 0 {
                bits.restart(unit / head.restart - 1)?;
                channels.iter_mut().for_each(|c| c.level = 0);
            }
            channels.iter_mut().try_for_each(|c| c.unit(&mut bits, column))?;
        }
        if bits.overrun() {
            return None;
        }
        let strips: Vec<&Strip> = channels.iter().map(|c| &c.strip).collect();
        rows::to_rgb(&strips, width, out);
    }
    // Another scan would change what was read.
    let ends = bytes.get(after_scan(bytes, bits.place()) + 1) == Some(&0xD9);
    ends.then_some(Picture { width, height, rgb })
}

impl<'a> Channel<'a> {
    /// A channel whose samples are `spread` pixels apart across and down: its blocks are transformed to more samples, as
    /// far as they hold them, and samples are repeated beyond that.
    fn new(component: &'a Component, spread: [usize; 2], side: usize, columns: usize) -> Self {
        let larger = spread[0].min(spread[1]).min(8 / side);
        let own = side * larger;
        let kept = |place: u8| usize::from(place / 8) < own && usize::from(place % 8) < own;
        Self {
            component,
            places: ZIGZAG.map(|place| if kept(place) { place } else { 64 }),
            strip: Strip::new(
                own,
                [component.across * columns, component.down],
                spread.map(|s| s / larger),
            ),
            level: 0,
        }
    }

    /// Decodes the channel's blocks of one unit.
    fn unit(&mut self, bits: &mut Bits<'_>, column: usize) -> Option<()> {
        let Component { across, down, .. } = *self.component;
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
            let mut block = [0.0; 65];
            let last = self.block(bits, &mut block)?;
            self.strip.put(&block, last, column * across + x, y);
        }
        Some(())
    }

    /// Reads one block; returns the zigzag number of its last coefficient.
    #[inline(always)]
    fn block(&mut self, bits: &mut Bits<'_>, block: &mut Block) -> Option<usize> {
        let Component { dc, ac, steps, .. } = self.component;
        self.level = self.level.wrapping_add(dc.next(bits, false)?.1);
        block[0] = self.level as f32 * steps[0];
        let mut last = 0;
        loop {
            let (run, value) = ac.next(bits, true)?;
            let at = last + 1 + run;
            if at > 63 {
                return (run == END).then_some(last);
            }
            block[usize::from(self.places[at])] = value as f32 * steps[at];
            last = at;
            if last == 63 {
                return Some(last);
            }
        }
    }
}
