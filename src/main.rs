//! Parse, run, map the result to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    opsdeck::cli::main()
}
