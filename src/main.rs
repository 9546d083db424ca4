//! The program: an allocator that keeps its pages, arguments in, exit code out. Everything else is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A reader that stops early (`mae-exp runs | head`) ends the program quietly.
    sigpipe::reset();
    mae_exp::cli::main()
}
