//! Cutting only the named patches out of pictures, and the backward.
//!
//! Shapes: `images` `[N, C, H, W]`, given as `shape`; `p` the side of a patch; `L = (H/p)·(W/p)` patches of a picture
//! in raster order; a row names patch `l` of picture `n` as `n·L + l`; `out`, `d` `[R, P]` with `P = p·p·C` values
//! ordered row, column, channel, channel last.

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, each};
use super::dispatch::vectorised;

const RANGE: &str = "patches: a row names a patch that the pictures do not have";

/// `out[r]` = the patch that `rows[r]` names.
pub fn gather<I: Copy + Sync + TryInto<usize>>(
    images: &[f32],
    shape: [usize; 4],
    rows: &[I],
    p: usize,
    out: &mut [f32],
) {
    let grid = Grid::new(shape, p);
    grid.check(images.len(), rows.len(), out.len());
    let block = grid.rows_per_block();
    let blocks = rows.chunks(block).zip(out.chunks_mut((block * grid.values()).max(1)));
    each(blocks.collect(), |(rows, out)| {
        vectorised(Gather {
            grid,
            images,
            rows,
            out,
        });
    });
}

/// The gradient of `images`, overwritten: every `d[r]` is added where `rows[r]` was cut out; the others are zero.
pub fn scatter<I: Copy + Sync + TryInto<usize>>(
    d: &[f32],
    shape: [usize; 4],
    rows: &[I],
    p: usize,
    images: &mut [f32],
) {
    let grid = Grid::new(shape, p);
    grid.check(images.len(), rows.len(), d.len());
    if images.is_empty() {
        return;
    }
    let named = by_picture(grid, rows);
    each(
        images.chunks_exact_mut(grid.picture()).zip(named).collect(),
        |(picture, named)| {
            vectorised(Scatter {
                grid,
                d,
                named,
                picture,
            });
        },
    );
}

/// For every picture its `(row, patch)` pairs, rows in order, so that pictures can be filled independently.
fn by_picture<I: Copy + TryInto<usize>>(grid: Grid, rows: &[I]) -> Vec<Vec<(usize, usize)>> {
    let mut named = vec![Vec::new(); grid.n];
    for (row, &name) in rows.iter().enumerate() {
        let (picture, patch) = grid.place(name);
        named[picture].push((row, patch));
    }
    named
}

/// Pictures and the patches on them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    p: usize,
}

impl Grid {
    pub(super) fn new([n, c, h, w]: [usize; 4], p: usize) -> Self {
        assert!(
            p > 0 && h.is_multiple_of(p) && w.is_multiple_of(p),
            "patches: {h} by {w} is not whole patches of {p}"
        );
        Self { n, c, h, w, p }
    }

    pub(super) fn check(self, images: usize, rows: usize, patches: usize) {
        assert_eq!(
            images,
            self.n * self.picture(),
            "patches: the pictures do not fit their shape"
        );
        assert_eq!(
            patches,
            rows * self.values(),
            "patches: {rows} rows do not fit the patches' length"
        );
    }

    /// Values of a patch.
    pub(super) fn values(self) -> usize {
        self.p * self.p * self.c
    }

    /// Rows that one task takes.
    pub(super) fn rows_per_block(self) -> usize {
        (ELEMENTS / self.values().max(1)).max(1)
    }

    fn picture(self) -> usize {
        self.c * self.h * self.w
    }

    /// Picture and patch that a row names.
    #[inline(always)]
    fn place<I: TryInto<usize>>(self, row: I) -> (usize, usize) {
        let Ok(row) = row.try_into() else { panic!("{RANGE}") };
        let patches = (self.h / self.p) * (self.w / self.p);
        assert!(row < self.n * patches, "{RANGE}");
        (row / patches, row % patches)
    }

    /// Where line `y` of channel zero of a patch begins in its picture.
    #[inline(always)]
    fn start(self, patch: usize, y: usize) -> usize {
        let across = self.w / self.p;
        ((patch / across) * self.p + y) * self.w + (patch % across) * self.p
    }

    /// Copies the patch that a row names.
    #[inline(always)]
    pub(super) fn cut<I: TryInto<usize>>(self, images: &[f32], row: I, out: &mut [f32]) {
        let (picture, patch) = self.place(row);
        let picture = &images[picture * self.picture()..][..self.picture()];
        for (y, line) in out.chunks_exact_mut(self.p * self.c).enumerate() {
            let first = self.start(patch, y);
            match self.c {
                1 => line.copy_from_slice(&picture[first..][..self.p]),
                3 => self.interleave::<3>(picture, first, line),
                _ => self.channels(first, |channel, start| {
                    let values = &picture[start..][..self.p];
                    for (out, value) in line.iter_mut().skip(channel).step_by(self.c).zip(values) {
                        *out = *value;
                    }
                }),
            }
        }
    }

    /// A line of a patch with its `C` channels side by side.
    #[inline(always)]
    fn interleave<const C: usize>(self, picture: &[f32], first: usize, line: &mut [f32]) {
        let mut channels: [&[f32]; C] = [&[]; C];
        for (channel, values) in channels.iter_mut().enumerate() {
            *values = &picture[first + channel * self.h * self.w..][..self.p];
        }
        for (x, pixel) in line.as_chunks_mut::<C>().0.iter_mut().enumerate() {
            for (value, channel) in pixel.iter_mut().zip(channels) {
                *value = channel[x];
            }
        }
    }

    /// Runs over the channels, each with the start of its line.
    #[inline(always)]
    fn channels(self, first: usize, mut work: impl FnMut(usize, usize)) {
        for channel in 0..self.c {
            work(channel, first + channel * self.h * self.w);
        }
    }
}

struct Gather<'a, I> {
    grid: Grid,
    images: &'a [f32],
    rows: &'a [I],
    out: &'a mut [f32],
}

impl<I: Copy + TryInto<usize>> WithSimd for Gather<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let patches = self.out.chunks_exact_mut(self.grid.values().max(1));
        for (&row, out) in self.rows.iter().zip(patches) {
            self.grid.cut(self.images, row, out);
        }
    }
}

struct Scatter<'a> {
    grid: Grid,
    d: &'a [f32],
    named: Vec<(usize, usize)>,
    picture: &'a mut [f32],
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Grid { c, p, .. } = self.grid;
        self.picture.fill(0.0);
        for (row, patch) in self.named {
            let d = &self.d[row * self.grid.values()..][..self.grid.values()];
            for (y, line) in d.chunks_exact(p * c).enumerate() {
                self.grid.channels(self.grid.start(patch, y), |channel, start| {
                    let values = line.iter().skip(channel).step_by(c);
                    for (out, value) in self.picture[start..][..p].iter_mut().zip(values) {
                        *out += *value;
                    }
                });
            }
        }
    }
}
