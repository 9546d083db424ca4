//! How one head's queries, keys and values lie in the packed output of the fused linear layer, and the padded copies
//! that the loops work on.

use std::cell::Cell;

use super::dispatch::LANES;

/// Rows of scores worked on together, so that they stay near the processor.
const MOST_ROWS: usize = 64;

/// The shape of attention: pictures, tokens, heads and width of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) n: usize,
    pub(super) t: usize,
    pub(super) h: usize,
    pub(super) d: usize,
}

/// Which of the three parts of a packed row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Query = 0,
    Key = 1,
    Value = 2,
}

impl Shape {
    pub(super) fn new(n: usize, t: usize, h: usize, d: usize) -> Self {
        Self { n, t, h, d }
    }

    /// Values of one row of the packed layer.
    pub(super) fn packed(self) -> usize {
        3 * self.h * self.d
    }

    /// Values of one row of the result.
    pub(super) fn width(self) -> usize {
        self.h * self.d
    }

    /// Values of one picture's scores.
    pub(super) fn scores(self) -> usize {
        self.h * self.t * self.t
    }

    /// Tokens, filled up to whole vectors.
    pub(super) fn padded_tokens(self) -> usize {
        self.t.next_multiple_of(LANES)
    }

    /// Width of a head, filled up to whole vectors.
    pub(super) fn padded_width(self) -> usize {
        self.d.next_multiple_of(LANES)
    }

    /// One over the root of the width: what scores are multiplied by.
    pub(super) fn scale(self) -> f32 {
        (1.0 / (self.d as f64).sqrt()) as f32
    }

    /// Rows of a block: the tokens in equal parts of at most [`MOST_ROWS`].
    pub(super) fn block(self) -> usize {
        self.t.div_ceil(self.t.div_ceil(MOST_ROWS).max(1)).max(1)
    }

    /// A head's part of one picture, as rows at a distance.
    pub(super) fn part<'a>(self, picture: &'a [f32], part: Part, head: usize) -> Rows<'a> {
        let offset = (part as usize * self.h + head) * self.d;
        Rows {
            values: &picture[offset..],
            stride: self.packed(),
            width: self.d,
        }
    }

    /// A head's part of one picture of the result.
    pub(super) fn result<'a>(self, picture: &'a [f32], head: usize) -> Rows<'a> {
        Rows {
            values: &picture[head * self.d..],
            stride: self.width(),
            width: self.d,
        }
    }

    /// Hands every head its own rows of a picture whose rows are `groups` times `d` wide; group `g` gets
    /// `result[g][token]`.
    pub(super) fn share(self, picture: &mut [f32], groups: usize) -> Vec<Vec<&mut [f32]>> {
        let mut shares: Vec<Vec<_>> = (0..groups).map(|_| Vec::with_capacity(self.t)).collect();
        for (i, row) in picture.chunks_exact_mut(self.d).enumerate() {
            shares[i % groups].push(row);
        }
        shares
    }
}

/// Rows of `width` values, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    pub(super) fn row(self, i: usize) -> &'a [f32] {
        &self.values[i * self.stride..][..self.width]
    }

    /// Copies the rows next to each other, each filled with zeros to `padded` values.
    #[inline(always)]
    pub(super) fn copy_to(self, padded: usize, out: &mut [f32]) {
        for (i, out) in out.chunks_exact_mut(padded).enumerate() {
            out[..self.width].copy_from_slice(self.row(i));
            out[self.width..].fill(0.0);
        }
    }

    /// Writes the transpose of `count` rows times `scale`: `width` rows of `padded` values, zero beyond `count`.
    #[inline(always)]
    pub(super) fn transpose_to(self, count: usize, scale: f32, padded: usize, out: &mut [f32]) {
        let whole = count / 4 * 4;
        for first in (0..whole).step_by(4) {
            let [a, b, c, d] = [first, first + 1, first + 2, first + 3].map(|i| self.row(i));
            for (k, column) in out.chunks_exact_mut(padded).enumerate() {
                column[first..first + 4].copy_from_slice(&[a[k] * scale, b[k] * scale, c[k] * scale, d[k] * scale]);
            }
        }
        for (k, column) in out.chunks_exact_mut(padded).enumerate() {
            for (i, value) in column[whole..count].iter_mut().enumerate() {
                *value = self.row(whole + i)[k] * scale;
            }
            column[count..].fill(0.0);
        }
    }
}

thread_local! {
    /// Room for the copies of one head, kept from head to head: fresh memory costs more than the copies.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// A buffer of this thread with `length` values, whatever they are; [`give_back`] keeps it for the next head.
#[inline(always)]
pub(super) fn scratch(length: usize) -> Vec<f32> {
    let mut scratch = SCRATCH.take();
    if scratch.len() < length {
        scratch = vec![0.0; length];
    }
    scratch
}

#[inline(always)]
pub(super) fn give_back(scratch: Vec<f32>) {
    SCRATCH.set(scratch);
}

/// Takes `length` values off the front of what is left of a buffer.
#[inline(always)]
pub(super) fn take<'a>(left: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    left.split_off_mut(..length)
        .expect("the buffer was made for all its parts")
}
