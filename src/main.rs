//! The `sesgate` program: reads the command line and leaves with its exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sesgate::cli::Arguments::parse().run().into()
}
