//! The program: an allocator that keeps its pages, arguments in, exit code out. Everything else is in the library.

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the bindings leave unnamed, and its default in milliseconds.
const PURGE_DELAY: (c_int, c_long) = (15, 10);

fn main() -> ExitCode {
    keep_pages();
    // A reader that stops early (`mae-exp runs | head`) ends the program quietly.
    sigpipe::reset();
    mae_exp::cli::main()
}

/// Has the allocator keep freed memory: every training step asks for what the step before it gave back, and the system would
/// clear each page anew. `MIMALLOC_PURGE_DELAY` in the environment comes first.
fn keep_pages() {
    let (option, default) = PURGE_DELAY;
    // SAFETY: both functions ask that no other thread uses them, and there is none yet; a number that is no option is ignored.
    unsafe {
        if libmimalloc_sys::mi_option_get(option) == default {
            libmimalloc_sys::mi_option_set_default(option, -1);
        }
    }
}
