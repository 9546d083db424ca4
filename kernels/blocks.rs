//! How work is divided among threads: by shape alone, never by how many threads there are, so that results do not
//! depend on them.

use rayon::prelude::*;

/// Elements that one task of an element-wise pass takes: 64 KiB of each slice, enough to hide the cost of a task.
pub(super) const ELEMENTS: usize = 1 << 14;

/// Fewer elements than this are not worth a second block when partial sums have to be kept.
const PER_PARTIAL: usize = 1 << 13;

/// The most partial sums of a reduction over rows.
const PARTIALS: usize = 64;

/// Rows of a block when a reduction over `rows` rows of `width` keeps one partial sum per block.
pub(super) fn rows_per_partial(rows: usize, width: usize) -> usize {
    let by_work = PER_PARTIAL.div_ceil(width.max(1));
    rows.div_ceil(PARTIALS).max(by_work).max(1)
}

/// Runs every block, in parallel when there is more than one.
pub(super) fn each<I: Send>(blocks: Vec<I>, work: impl Fn(I) + Sync + Send) {
    if blocks.len() < 2 || rayon::current_num_threads() < 2 {
        blocks.into_iter().for_each(work);
    } else {
        blocks.into_par_iter().for_each(work);
    }
}

/// Adds the partial sums, `width` values each, into `total`, in the order of the blocks.
pub(super) fn add_partials(partials: &[f32], total: &mut [f32]) {
    total.fill(0.0);
    for partial in partials.chunks_exact(total.len().max(1)) {
        for (total, part) in total.iter_mut().zip(partial) {
            *total += part;
        }
    }
}
