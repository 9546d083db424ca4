//! Small matrix products inside one attention head: too small for the packing and the set-up of the `gemm` crate.
//!
//! Every product is `c[i] (+)= Σₖ a[i, k] · b[k]` with rows of `b` and `c` as vectors: tiles of six rows by up to four
//! vectors stay in registers.

use pulp::{Simd, WithSimd};

const SHORT: &str = "operands hold whole tiles";

/// The left operand: where `a[i, k]` lies in a slice.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Row `i` begins at `i · stride` and is contiguous.
    Rows(&'a [f32], usize),
    /// Row `k` begins at `k · stride` and holds `a[.., k]`.
    Columns(&'a [f32], usize),
}

/// `c = a · b`, or `c += a · b`: `rows` by `depth` times `depth` by `width`, where rows of `b` and `c` are `width`
/// long, whole vectors.
#[inline(always)]
pub(super) fn product<S: Simd>(
    simd: S,
    a: Left,
    (rows, depth): (usize, usize),
    b: &[f32],
    c: &mut [f32],
    width: usize,
    add: bool,
) {
    // One function per instruction set: inlined at every call, the tiles would be compiled many times over.
    simd.vectorize(Product {
        a,
        rows,
        depth,
        b,
        c,
        width,
        add,
    });
}

struct Product<'a> {
    a: Left<'a>,
    rows: usize,
    depth: usize,
    b: &'a [f32],
    c: &'a mut [f32],
    width: usize,
    add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            a,
            rows,
            depth,
            b,
            c,
            width,
            add,
        } = self;
        let vectors = width / S::F32_LANES;
        let (b, c) = (S::as_simd_f32s(b).0, S::as_mut_simd_f32s(c).0);
        let (b, c) = (&b[..depth * vectors], &mut c[..rows * vectors]);
        // AVX-512 and NEON have 32 registers, AVX2 and SSE2 sixteen.
        let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        let mut first = 0;
        while first < vectors {
            let place = Place {
                first,
                vectors,
                depth,
                add,
            };
            first += match widest.min(vectors - first) {
                1 => columns::<S, 1>(simd, a, rows, b, c, place),
                2 | 3 => columns::<S, 2>(simd, a, rows, b, c, place),
                _ => columns::<S, 4>(simd, a, rows, b, c, place),
            };
        }
    }
}

/// Where a column of tiles lies: its first vector, vectors per row, terms of the sum, and whether the result is added.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    vectors: usize,
    depth: usize,
    add: bool,
}

/// All rows of `W` vectors; returns `W`.
#[inline(always)]
fn columns<S: Simd, const W: usize>(
    simd: S,
    a: Left,
    rows: usize,
    b: &[S::f32s],
    c: &mut [S::f32s],
    place: Place,
) -> usize {
    let mut row = 0;
    while row < rows {
        row += match rows - row {
            1 => tile::<S, 1, W>(simd, a, row, b, c, place),
            2 | 3 => tile::<S, 2, W>(simd, a, row, b, c, place),
            4 | 5 => tile::<S, 4, W>(simd, a, row, b, c, place),
            _ => tile::<S, 6, W>(simd, a, row, b, c, place),
        };
    }
    W
}

/// One tile of `R` rows by `W` vectors; returns `R`.
// No `map` or `from_fn` on arrays in here: the compiler leaves them as calls, and the sums go through memory.
#[inline(always)]
fn tile<S: Simd, const R: usize, const W: usize>(
    simd: S,
    a: Left,
    row: usize,
    b: &[S::f32s],
    c: &mut [S::f32s],
    place: Place,
) -> usize {
    let Place {
        first,
        vectors,
        depth,
        add,
    } = place;
    let mut sums = [[simd.splat_f32s(0.0); W]; R];
    match a {
        Left::Rows(values, stride) => {
            let mut lines: [&[f32]; R] = [&[]; R];
            for (r, line) in lines.iter_mut().enumerate() {
                *line = &values[(row + r) * stride..][..depth];
            }
            for k in 0..depth {
                let right: &[S::f32s; W] = b[k * vectors + first..].first_chunk().expect(SHORT);
                for r in 0..R {
                    add_scaled(simd, &mut sums[r], lines[r][k], right);
                }
            }
        }
        Left::Columns(values, stride) => {
            for k in 0..depth {
                let line: &[f32; R] = values[k * stride + row..].first_chunk().expect(SHORT);
                let right: &[S::f32s; W] = b[k * vectors + first..].first_chunk().expect(SHORT);
                for r in 0..R {
                    add_scaled(simd, &mut sums[r], line[r], right);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let out = &mut c[(row + r) * vectors + first..][..W];
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = if add { simd.add_f32s(*out, sum) } else { sum };
        }
    }
    R
}

#[inline(always)]
fn add_scaled<S: Simd, const W: usize>(simd: S, sums: &mut [S::f32s; W], scale: f32, b: &[S::f32s; W]) {
    let scale = simd.splat_f32s(scale);
    for w in 0..W {
        sums[w] = simd.mul_add_e_f32s(scale, b[w], sums[w]);
    }
}
