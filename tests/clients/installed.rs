//! Whether this machine has what a test drives.

use std::io::Write as _;
use std::process::Stdio;

/// Variables of which any, with its value, says that a program may not be missing.
pub type NeededIf = &'static [(&'static str, &'static str)];

/// Where changes are checked: `.ci/run` installs it.
pub const IN_CI: NeededIf = &[("CI", "true"), ("CLIENTS", "all")];

/// Whether `probe` succeeds. What is missing is told, and where it may not be missing, it fails the test.
pub fn is_installed(name: &str, probe: &[&str], needed_if: NeededIf) -> bool {
    let [program, arguments @ ..] = probe else { panic!("{name}: no probe") };
    let mut probe = std::process::Command::new(program);
    probe.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let found = probe.status().is_ok_and(|status| status.success());
    let is_set = |(name, value): &(&str, &str)| std::env::var_os(name).is_some_and(|found| found == *value);
    assert!(found || !needed_if.iter().any(is_set), "{name} is not installed");
    if !found {
        // Not by a macro of printing, whose words nobody sees when the test is green.
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not installed");
    }
    found
}
