//! Keeps the shape of the code: layers, the one home of each outside crate, lengths, and what a file says of
//! itself. A rule that this test cannot check is in `src/ARCHITECTURE.md` instead.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 60;

/// A folder imports strictly lower layers, never a sibling; the last layer wires and may import anything.
const LAYERS: &[&[&str]] = &[
    &["mail", "json", "secret"],
    &["smtp", "policy", "inspect"],
    &["gate"],
    &["compare"],
    &["telemetry"],
    &["credentials", "admission", "traces"],
    &["upstream"],
    &["relay"],
    &["server", "sandbox", "admin"],
    &["config"],
    &["app", "cli", "main"],
];

/// Below this layer: no I/O, no clock, no async, no logging.
const PURE_BELOW: usize = 4;

/// Where each outside crate lives. Its types do not leak out of there. What is not listed may be used anywhere.
const HOMES: &[(&str, &[&str])] = &[
    ("mail_parser", &["inspect", "sandbox"]),
    ("lettre", &["upstream"]),
    ("ipnetwork", &["policy", "admission"]),
    ("argon2", &["admission"]),
    ("serde_json", &["json", "telemetry", "sandbox", "cli"]),
    ("toml", &["config"]),
    ("serde", &["json", "telemetry", "admin", "sandbox", "cli"]),
    ("glob", &["config"]),
    ("strsim", &["config"]),
    ("clap", &["cli", "main"]),
    ("annotate_snippets", &["cli"]),
    ("rcgen", &["sandbox"]),
    ("secrecy", &["secret"]),
    ("idna", &["mail"]),
    ("rustls", &["upstream", "sandbox", "config", "server", "traces"]),
    ("tokio_rustls", &["upstream", "sandbox", "server"]),
    ("rustls_native_certs", &["upstream"]),
    ("webpki", &["server"]),
    ("socket2", &["server", "upstream"]),
    (
        "tokio",
        &["admission", "traces", "upstream", "sandbox", "relay", "server", "admin", "app", "cli", "main"],
    ),
    ("tokio_util", &["traces", "upstream", "sandbox", "server", "admin", "app", "cli"]),
    ("prometheus_client", &["telemetry"]),
    ("opentelemetry", &["traces"]),
    ("opentelemetry_http", &["traces"]),
    ("opentelemetry_otlp", &["traces"]),
    ("opentelemetry_sdk", &["traces"]),
    ("hyper_rustls", &["traces"]),
    ("axum", &["admin", "sandbox"]),
    ("aws_config", &["credentials"]),
    ("aws_sdk_iam", &["credentials"]),
    ("aws_sdk_secretsmanager", &["credentials"]),
    ("aws_sdk_sesv2", &["upstream"]),
    ("aws_smithy_http_client", &["upstream"]),
    ("aws_smithy_types", &["upstream"]),
    ("askama", &["admin"]),
    ("hyper", &["admin", "upstream"]),
    ("hyper_util", &["admin"]),
    (
        "tracing",
        &[
            "telemetry",
            "traces",
            "credentials",
            "admission",
            "upstream",
            "sandbox",
            "relay",
            "server",
            "admin",
            "app",
            "cli",
        ],
    ),
    ("tracing_subscriber", &["telemetry", "upstream"]),
];

struct File {
    path: PathBuf,
    folder: String,
    text: String,
    syntax: syn::File,
}

#[test]
fn a_folder_imports_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in sources() {
        let own = layer(&file.folder);
        for (line, segments) in paths(&file.syntax) {
            let [first, second, ..] = segments.as_slice() else { continue };
            if first != "crate" || *second == file.folder || own == LAYERS.len() - 1 {
                continue;
            }
            if layer(second) >= own {
                wrong.push(format!("{}:{line}: `{}` imports `{second}`", file.path.display(), file.folder));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_outside_crate_has_its_home() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (line, segments) in paths(&file.syntax) {
            // A path of one segment is a name of our own.
            let [krate, _, ..] = segments.as_slice() else { continue };
            let Some(home) = HOMES.iter().find(|(name, _)| krate == name) else { continue };
            if !home.1.contains(&file.folder.as_str()) {
                wrong.push(format!("{}:{line}: `{}` lives in {:?}", file.path.display(), home.0, home.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engines_are_pure() {
    const IMPURE: &[&str] =
        &["std::net::TcpStream", "std::fs", "std::env", "std::thread", "std::time::Instant"];
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| layer(&file.folder) < PURE_BELOW) {
        for (line, segments) in paths(&file.syntax) {
            let path = segments.join("::");
            if IMPURE.iter().any(|impure| path == *impure || path.starts_with(&format!("{impure}::"))) {
                wrong.push(format!("{}:{line}: `{path}`", file.path.display()));
            }
        }
        for word in ["async fn", "async move", ".await", "Timestamp::now", "Zoned::now", "SystemTime::now"] {
            if file.text.contains(word) {
                wrong.push(format!("{}: `{word}`", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_show_their_layer() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            let is_import = line.starts_with("use ") || line.starts_with("pub use ");
            let is_hidden =
                line.contains("super::super") || line.contains("crate::{") || line.contains("::*;");
            if is_import && is_hidden {
                wrong.push(format!("{}:{}: {line}", file.path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_has_one_subject_and_says_which() {
    let mut wrong = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.path.display()));
        }
        let has_head = file.text.starts_with("//!") || file.text.starts_with("#![doc = include_str!");
        if !has_head {
            wrong.push(format!("{}: does not open with `//!`", file.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_function_fits_a_screen() {
    #[derive(Default)]
    struct Lengths(Vec<(String, usize, usize)>);
    impl Lengths {
        fn add(&mut self, name: &syn::Ident, block: &syn::Block) {
            let (start, end) = (name.span().start().line, block.span().end().line);
            self.0.push((name.to_string(), start, end - start + 1));
        }
    }
    impl<'ast> Visit<'ast> for Lengths {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            self.add(&function.sig.ident, &function.block);
            visit::visit_item_fn(self, function);
        }
        fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
            self.add(&function.sig.ident, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
        fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
            // A table of cases in a test may be as long as it needs.
            if module.ident != "tests" {
                visit::visit_item_mod(self, module);
            }
        }
    }
    let mut wrong = Vec::new();
    for file in sources() {
        let mut lengths = Lengths::default();
        lengths.visit_file(&file.syntax);
        for (name, line, length) in lengths.0 {
            if length > FUNCTION_LINES_MAX {
                wrong.push(format!("{}:{line}: `{name}` has {length} lines", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_project_stands_alone() {
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    collect(&root(), &mut files, &|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        !(name == "target" || name == ".git" || name == "node_modules")
    });
    let outside = ["..", "shared"].join("/");
    for path in files.iter().filter(|path| !path.ends_with("tests/tidy.rs")) {
        let Ok(text) = fs::read_to_string(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if line.contains(&outside) {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Paths, transcripts and tests.
#[test]
fn what_the_tables_of_attacks_and_limits_name_is_there() {
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let wheres: Vec<&str> = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next()).collect();
    assert!(wheres.len() > 60, "the tables are not where this test looks for them");
    let mut files = Vec::new();
    collect(&root().join("tests"), &mut files, &|path| !path.ends_with("target"));
    let is_source = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let tests: String =
        files.iter().filter(is_source).map(|path| fs::read_to_string(path).unwrap()).collect();
    let is_there = |name: &&str| {
        ["tests", "src"].iter().any(|folder| root().join(folder).join(name).exists())
            || files.iter().any(|path| path.ends_with(name))
            || tests.contains(&format!("fn {name}("))
    };
    let named = wheres.iter().flat_map(|place| place.split('`').skip(1).step_by(2));
    let missing: Vec<&str> = named.filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<File> {
    let src = root().join("src");
    let mut paths = Vec::new();
    collect(&src, &mut paths, &|_| true);
    let files: Vec<File> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.ends_with("src/lib.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let syntax = syn::parse_file(&text).unwrap();
            let relative = path.strip_prefix(&src).unwrap();
            let folder = relative.components().next().unwrap().as_os_str().to_string_lossy();
            File { folder: folder.trim_end_matches(".rs").to_owned(), path, text, syntax }
        })
        .collect();
    assert!(files.len() > 20, "the sources are not where this test looks for them");
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, enters: &dyn Fn(&Path) -> bool) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if enters(&path) {
                collect(&path, files, enters);
            }
        } else {
            files.push(path);
        }
    }
}

fn layer(folder: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&folder))
        .unwrap_or_else(|| panic!("`{folder}` has no layer: add it to the table and to src/ARCHITECTURE.md"))
}

/// Every path of the file, in `use` declarations and in expressions alike, with its line.
fn paths(file: &syn::File) -> BTreeSet<(usize, Vec<String>)> {
    #[derive(Default)]
    struct Paths(BTreeSet<(usize, Vec<String>)>);
    impl Paths {
        fn add(&mut self, span: proc_macro2::Span, path: Vec<String>) {
            self.0.insert((span.start().line, path));
        }

        fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
            let extend = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
            match tree {
                syn::UseTree::Path(path) => self.add_tree(&extend(&path.ident), &path.tree),
                syn::UseTree::Name(name) => self.add(name.span(), extend(&name.ident)),
                syn::UseTree::Rename(name) => self.add(name.span(), extend(&name.ident)),
                syn::UseTree::Glob(glob) => self.add(glob.span(), prefix.to_vec()),
                syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
            }
        }
    }
    impl<'ast> Visit<'ast> for Paths {
        fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
            self.add_tree(&[], &item.tree);
        }
        fn visit_path(&mut self, path: &'ast syn::Path) {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.0.insert((path.span().start().line, segments));
            visit::visit_path(self, path);
        }
    }
    let mut found = Paths::default();
    found.visit_file(file);
    found.0
}
