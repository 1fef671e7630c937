//! The environment as the configuration sees it: an argument, never read from the process here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

pub(super) const PREFIX: &str = "SESGATE_";
/// Names the file itself; the command line reads it.
const FILE_VARIABLE: &str = "SESGATE_CONFIG";
/// What Kubernetes adds to every pod beside a Service named `sesgate`, as Docker's links did before it. They are
/// nobody's mistake, and no section has these names.
const SERVICE_LINKS: [&str; 2] = ["SESGATE_SERVICE_", "SESGATE_PORT"];

/// Variables by name. `std::env::vars_os().collect()` makes the process's own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

/// A variable whose value is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Environment {
    pub(super) fn value(&self, name: &str) -> Option<Result<&str, NotUtf8>> {
        self.0.get(name).map(|value| value.to_str().ok_or(NotUtf8))
    }

    /// The names that only the relay's own settings can have.
    pub(super) fn ours(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with(PREFIX) && *name != FILE_VARIABLE)
            .filter(|name| !SERVICE_LINKS.iter().any(|link| name.starts_with(link)))
    }
}

/// `SESGATE_<SECTION>_<KEY>`
pub(super) fn variable_name(section: &str, key: &str) -> String {
    format!("{PREFIX}{section}_{key}").to_ascii_uppercase()
}

/// The variable that names the file a secret is in.
pub(super) fn file_variable_name(section: &str, key: &str) -> String {
    format!("{}_FILE", variable_name(section, key))
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        Self(
            variables.into_iter().map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect(),
        )
    }
}

/// Values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn what_a_cluster_adds_is_not_ours() {
        let environment = [
            "SESGATE_CONFIG",
            "SESGATE_SERVICE_HOST",
            "SESGATE_SERVICE_PORT_SMTP",
            "SESGATE_PORT",
            "SESGATE_PORT_2525_TCP_ADDR",
            "SESGATE_SES_PORT",
            "HOME",
        ];
        let environment: Environment =
            environment.map(|name| (name.into(), "x".into())).into_iter().collect();
        assert_eq!(environment.ours().collect::<Vec<_>>(), ["SESGATE_SES_PORT"]);
        assert!(!format!("{environment:?}").contains("\"x\""));
    }
}
