//! The command `jarkeeper`: arguments, logs, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    jarkeeper::cli::main()
}
