//! Thousands of connections need more descriptors than a process may have that does not ask for them.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

const RAISED: &str = "SESGATE_DESCRIPTORS";

/// Begins this program anew with as many as the system lets it have, unless that is done.
pub fn raise() {
    if std::env::var_os(RAISED).is_none() {
        let program = std::env::current_exe().expect("a path");
        let mut again = Command::new("sh");
        again.args(["-c", "ulimit -n \"$(ulimit -H -n)\" && exec \"$0\" \"$@\""]).arg(program);
        let error = again.args(std::env::args_os().skip(1)).env(RAISED, "yes").exec();
        panic!("no shell to raise the limit of descriptors: {error}");
    }
}
