//! The program: an allocator that keeps its pages, arguments in, exit code out. Everything else is in the library.

use std::ffi::c_int;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the bindings leave unnamed; the manifest pins their version.
const PURGE_DELAY: c_int = 15;

fn main() -> ExitCode {
    keep_pages();
    mae_exp::cli::main()
}

/// Has the allocator keep freed memory: every training step asks for what the step before it gave back, and the system would
/// clear each page anew. `MIMALLOC_PURGE_DELAY` in the environment comes first.
fn keep_pages() {
    // SAFETY: it asks that no other thread uses options at the same time, and there is none yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) };
}
