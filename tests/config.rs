#![cfg(test)]
//! The configuration as an operator meets it: the example, every key from a variable, every way to be wrong.
//!
//! `tests/config/bad/*.toml` are wrong files, each beside the exact words (`.txt`) that the relay has for it. A
//! line `# with NAME=value` sets a variable. `variables.txt` says what each variable does.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use sesgate::config::{self, Config, Environment, Key, Place, Presence};
use sesgate::credentials::smtp_password;
use sesgate::secret::Secret;
use sesgate::upstream::Roots;
use tempfile::TempDir;

/// The one secret of all these files.
const SECRET: &str = "hunter2";

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

/// Of `correct horse`.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$OZEtDVEgCQxNd3Uh5cuqdQ$rU4Zg5skSwRzuxJe56FZ8QFLwdIc/ubxP6IEo/vhznE";

/// A folder with a file of these words and a policy.
fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    fs::copy("tests/config/policy.json", folder.path().join("policy/send.json")).unwrap();
    let path = folder.path().join("sesgate.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str, variables: &[(&str, &str)]) -> Config {
    let (_folder, path) = folder(text);
    config::load(Some(&path), &environment(variables)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn certificate() -> String {
    rcgen::generate_simple_self_signed(["ses.example.com".to_owned()]).unwrap().cert.pem()
}

/// Two certificates with their keys, and the key of the first by itself.
fn write_certificates(folder: &Path) {
    for name in ["relay", "other"] {
        let made = rcgen::generate_simple_self_signed([format!("{name}.example.com")]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(folder.join(format!("{name}.pem")), certificate + &key).unwrap();
        fs::write(folder.join(format!("{name}-key.pem")), key).unwrap();
    }
}

/// What cannot be left out, all but the login.
const NEEDED: &str = r#"
    [ses]
    region = "ap-northeast-1"
    account_id = "123456789012"
    identities = ["mail1.tak1wa.com"]
"#;

const LOGIN: [(&str, &str); 2] = [("SESGATE_SES_USER_NAME", "user"), ("SESGATE_SES_PASSWORD", SECRET)];

fn wrong_files() -> Vec<PathBuf> {
    let paths = fs::read_dir("tests/config/bad").unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    paths
}

fn variables_of(path: &Path) -> Environment {
    let octets = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&octets);
    let variables = text.lines().filter_map(|line| line.strip_prefix("# with ")?.split_once('='));
    environment(&variables.collect::<Vec<_>>())
}

#[test]
fn every_wrong_file_is_told_what_is_wrong_with_it() {
    let mut differences = String::new();
    for path in wrong_files() {
        let errors = config::load(Some(&path), &variables_of(&path)).map(|_| path.clone()).unwrap_err();
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        let found = format!("{errors}\n");
        if found != expected {
            writeln!(differences, "{}:\n--- expected\n{expected}--- found\n{found}", path.display()).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn no_message_and_no_line_shown_beneath_it_holds_a_secret() {
    for path in wrong_files() {
        let errors = config::load(Some(&path), &variables_of(&path)).map(|_| path.clone()).unwrap_err();
        assert!(!errors.to_string().contains(SECRET), "{}", path.display());
        for line in errors.text().lines().filter(|line| !line.starts_with("# with ")) {
            assert!(!line.contains(SECRET), "{}: {line}", path.display());
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_problem() {
    for (path, expected) in [
        (
            "tests/config/none.toml",
            "cannot read `tests/config/none.toml`: No such file or directory (os error 2)",
        ),
        ("tests/config", "`tests/config` is a folder, not a file"),
        ("/dev/zero", "`/dev/zero` is larger than 1 MiB"),
    ] {
        let errors = config::load(Some(Path::new(path)), &environment(&LOGIN)).unwrap_err();
        assert_eq!(errors.to_string(), format!("{path}: {expected}"));
    }
}

#[test]
fn a_variable_that_is_not_utf8_is_named() {
    let (_folder, path) = folder(NEEDED);
    let variables = LOGIN.map(|(name, value)| (name.into(), value.into()));
    let latin1 = ("SESGATE_SERVER_HOSTNAME".into(), OsString::from_vec(b"caf\xe9".to_vec()));
    let errors = config::load(Some(&path), &variables.into_iter().chain([latin1]).collect()).unwrap_err();
    let expected = "variable SESGATE_SERVER_HOSTNAME: server.hostname: the variable's value is not UTF-8";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn without_a_file_every_setting_comes_from_the_environment() {
    let needed = [
        ("SESGATE_SES_REGION", "us-east-1"),
        ("SESGATE_SES_ACCOUNT_ID", "123456789012"),
        ("SESGATE_SES_IDENTITIES", "example.com, bob@example.net"),
        ("SESGATE_POLICY_FILES", "tests/config/policy.json"),
    ];
    let config = config::load(None, &environment(&[&needed[..], &LOGIN].concat())).unwrap();
    let identities = config.ses.identities.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(identities, ["example.com", "bob@example.net"]);
    assert_eq!(config.ses.host, "email-smtp.us-east-1.amazonaws.com");
    assert_eq!(config.policy.files[0].path, Path::new("tests/config/policy.json"));

    let errors = config::load(None, &environment(&needed)).unwrap_err();
    assert!(matches!(errors.problems()[0].place, Place::Environment), "{errors}");
}

#[test]
fn every_key_can_come_from_a_variable() {
    let text = fs::read_to_string("tests/config/variables.txt").unwrap();
    let cases = text.lines().filter(|line| !line.starts_with('#'));
    let cases = cases.map(|line| {
        let (variable, shown) = line.split_once(" -> ").unwrap();
        let (name, value) = variable.split_once('=').unwrap();
        (name, value, shown)
    });
    let cases = cases.collect::<Vec<_>>();
    let (folder, path) = folder(NEEDED);
    // Where nobody can log in, logins cannot be required.
    let login =
        format!("[[app]]\nname = \"a\"\nlogins = [{{ user_name = \"b\", password_hash = \"{HASH}\" }}]");
    let with_login = folder.path().join("with-login.toml");
    fs::write(&with_login, format!("{login}\n{NEEDED}")).unwrap();
    for (name, text) in [
        ("ca.pem", certificate().as_str()),
        ("secret", "hunter3\r\n"),
        ("user-name", "from-a-file\n"),
        ("access-key-id", "AKIAIOSFODNN7EXAMPLE"),
        ("hash-key", "0123456789abcdef\n"),
        ("other.json", "{}"),
        ("token", "0123456789abcdef\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    write_certificates(folder.path());
    let before = config::load(Some(&path), &environment(&LOGIN)).unwrap();
    for &(name, value, shown) in &cases {
        let path = if name == "SESGATE_LISTENER_REQUIRE_LOGIN" { &with_login } else { &path };
        let after = config::load(Some(path), &environment(&[&beside(name), &[(name, value)][..]].concat()));
        if name.starts_with("SESGATE_TRACES_") && !cfg!(feature = "otlp") {
            let expected = "traces.endpoint: this sesgate was built without the feature `otlp`";
            assert!(after.unwrap_err().to_string().contains(expected));
            continue;
        }
        let after = format!("{:?}", after.unwrap_or_else(|errors| panic!("{errors}")));
        assert!(after.contains(shown), "{name}: no {shown} in {after}");
        let says_the_same = format!("{before:?}").contains(shown);
        // The other transport needs the feature `aws`.
        let may_say_the_same = shown == "password: [secret]" || name == "SESGATE_SES_TRANSPORT";
        assert!(!says_the_same || may_say_the_same, "{name}: {shown} was there before");
    }
    let known = config::keys().into_iter().flat_map(|key| [key.variable(), key.file_variable()]);
    let tried = cases.iter().map(|(name, ..)| (*name).to_owned());
    assert_eq!(tried.collect::<BTreeSet<_>>(), known.flatten().collect());
}

/// The variables that `name` goes with, a login always among them.
fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    let with_login = |more: &[(&'static str, &'static str)]| [&LOGIN[..], more].concat();
    let tls = ("SESGATE_LISTENER_TLS", "starttls");
    let certificates = ("SESGATE_LISTENER_CERTIFICATE_FILES", "relay.pem");
    match name {
        "SESGATE_LISTENER_TLS" => return with_login(&[certificates]),
        "SESGATE_LISTENER_CERTIFICATE_FILES" => return with_login(&[tls]),
        "SESGATE_LISTENER_REQUIRE_TLS" | "SESGATE_LISTENER_KEY_FILES" => {
            return with_login(&[tls, certificates]);
        }
        "SESGATE_LISTENER_REQUIRE_LOGIN" => {
            return with_login(&[("SESGATE_LISTENER_PLAINTEXT_LOGIN", "true")]);
        }
        "SESGATE_LISTENER_CLIENT_CERTIFICATE" => {
            return with_login(&[tls, certificates, ("SESGATE_LISTENER_CLIENT_CA_FILE", "ca.pem")]);
        }
        "SESGATE_LISTENER_CLIENT_CA_FILE" => {
            return with_login(&[tls, certificates, ("SESGATE_LISTENER_CLIENT_CERTIFICATE", "optional")]);
        }
        "SESGATE_LISTENER_PROXY" => return with_login(&[("SESGATE_LISTENER_PROXY_FROM", "10.0.0.1")]),
        "SESGATE_AUDIT_STDOUT" | "SESGATE_AUDIT_FILE_OCTETS_MAX" | "SESGATE_AUDIT_FILES_MAX" => {
            return with_login(&[("SESGATE_AUDIT_FILE", "audit.jsonl")]);
        }
        "SESGATE_TRACES_RATIO" => return with_login(&[("SESGATE_TRACES_ENDPOINT", "http://[::1]:4318")]),
        "SESGATE_LOG_HASH_KEY" | "SESGATE_LOG_HASH_KEY_FILE" => {
            return with_login(&[("SESGATE_LOG_ADDRESSES", "hashed")]);
        }
        "SESGATE_LISTENER_PROXY_FROM" => return with_login(&[("SESGATE_LISTENER_PROXY", "required")]),
        _ => {}
    }
    match name.trim_start_matches("SESGATE_SES_").trim_end_matches("_FILE") {
        "FALLBACK_USER_NAME" => with_login(&[("SESGATE_SES_FALLBACK_PASSWORD", SECRET)]),
        "FALLBACK_PASSWORD" => with_login(&[("SESGATE_SES_FALLBACK_USER_NAME", "other")]),
        "FALLBACK_ACCESS_KEY_ID" => with_login(&[("SESGATE_SES_FALLBACK_SECRET_ACCESS_KEY", SECRET)]),
        "FALLBACK_SECRET_ACCESS_KEY" => {
            with_login(&[("SESGATE_SES_FALLBACK_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")])
        }
        "USER_NAME" => vec![("SESGATE_SES_PASSWORD", SECRET)],
        "PASSWORD" => vec![("SESGATE_SES_USER_NAME", "user")],
        "ACCESS_KEY_ID" => vec![("SESGATE_SES_SECRET_ACCESS_KEY", SECRET)],
        "SECRET_ACCESS_KEY" => vec![("SESGATE_SES_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")],
        _ => LOGIN.to_vec(),
    }
}

#[test]
fn a_variable_goes_before_the_file() {
    let text = format!("{NEEDED}\nport = 2465\ntls = \"starttls\"\n");
    assert_eq!(load(&text, &LOGIN).ses.port, 2465);
    assert_eq!(load(&text, &[&LOGIN[..], &[("SESGATE_SES_PORT", "587")]].concat()).ses.port, 587);
}

#[test]
fn a_secret_is_what_its_file_or_variable_holds_without_the_end_of_the_line() {
    for (octets, expected) in
        [("hunter2\n", SECRET), ("hunter2\r\n", SECRET), ("hunter2", SECRET), ("a b", "a b")]
    {
        let (folder, path) =
            folder(&format!("{NEEDED}\nuser_name = \"user\"\npassword = {{ file = \"s\" }}"));
        fs::write(folder.path().join("s"), octets).unwrap();
        let login = config::load(Some(&path), &environment(&[])).unwrap().ses.login;
        let login = login.unwrap().loaded.unwrap().login;
        let (user_name, password) = (login.user_name(), login.password());
        assert_eq!((user_name, password.expose()), ("user", expected));
    }
    let keys = r#"
        access_key_id = "AKIAIOSFODNN7EXAMPLE"
        secret_access_key = { env = "SESGATE_OF_MY_OWN" }
    "#;
    let login = load(&format!("{NEEDED}{keys}"), &[("SESGATE_OF_MY_OWN", SECRET)]).ses.login;
    let derived = smtp_password(&Secret::new(SECRET.to_owned()), "ap-northeast-1");
    assert_eq!(login.unwrap().loaded.unwrap().login.password().expose(), derived.expose());
}

#[test]
fn a_loopback_endpoint_needs_neither_tls_nor_login() {
    for host in ["127.0.0.1", "127.9.9.9", "::1", "localhost"] {
        let config = load(&format!("{NEEDED}\nhost = \"{host}\"\ntls = \"none\"\nport = 2525"), &[]);
        assert!(config.ses.login.is_none());
        assert_eq!(config.ses.host, host);
    }
}

#[test]
fn policy_files_come_once_by_name_and_hidden_ones_not_at_all() {
    let (folder, path) = folder(&format!("{NEEDED}\n[policy]\nfiles = [\"policy/*.json\", \"policy/b*\"]"));
    for name in ["b.json", "a.json", ".b.json", "c.txt"] {
        fs::write(folder.path().join("policy").join(name), name).unwrap();
    }
    let config = config::load(Some(&path), &environment(&LOGIN)).unwrap();
    let files = config.policy.files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap());
    assert_eq!(files.collect::<Vec<_>>(), ["a.json", "b.json", "send.json"]);
    assert_eq!(config.policy.files[0].text, "a.json");
}

#[test]
fn a_folder_may_be_named_like_a_pattern() {
    let (folder, _) = folder("");
    let odd = folder.path().join("[odd]*");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("p.json"), "{}").unwrap();
    fs::write(odd.join("sesgate.toml"), format!("{NEEDED}\n[policy]\nfiles = [\"*.json\"]")).unwrap();
    let config = config::load(Some(&odd.join("sesgate.toml")), &environment(&LOGIN)).unwrap();
    assert_eq!(config.policy.files[0].path, odd.join("p.json"));
}

const EXAMPLE_VARIABLES: [(&str, &str); 3] =
    [("SES_USER_NAME", "user"), ("SES_PASSWORD", SECRET), ("ADMIN_TOKEN", "0123456789abcdef")];

#[test]
fn the_example_works_as_it_is() {
    let config = load(&fs::read_to_string("config/sesgate.toml").unwrap(), &EXAMPLE_VARIABLES);
    assert_eq!(config.ses.region, "ap-northeast-1");
    assert_eq!(config.ses.account_id, "123456789012");
    assert_eq!(config.ses.identities[0].to_string(), "mail1.tak1wa.com");
    assert_eq!(config.ses.roots, Roots::System);
}

#[test]
fn the_example_shows_every_key_once_and_each_default_as_it_is() {
    let text = fs::read_to_string("config/sesgate.toml").unwrap();
    let mut section = "";
    let mut shown = Vec::new();
    for line in text.lines() {
        let uncommented = line.trim_start_matches('#');
        if uncommented.starts_with('[') {
            section = uncommented.trim_matches(['[', ']']);
            // A section within a section is a key of that one.
            let outer = section.split_once('.');
            let keys = config::keys().into_iter();
            let key = keys.filter(|key| Some((key.section, key.name)) == outer);
            shown.extend(key.map(|key| (key.section, key.name)));
        }
        // A comment begins with `# `, a key that is commented out with `#` alone.
        let Some((name, value)) = line.trim_start_matches('#').split_once(" = ") else { continue };
        if name.contains(' ') {
            continue;
        }
        let key = config::keys().into_iter().find(|key| key.section == section && key.name == name);
        let key = key.unwrap_or_else(|| panic!("no key {section}.{name}"));
        if let Presence::Default(default) = &key.presence {
            assert_eq!(value.trim_matches(['[', ']', '"']), default, "{section}.{name}");
        }
        shown.push((key.section, key.name));
    }
    let mut known = config::keys().iter().map(|key| (key.section, key.name)).collect::<Vec<_>>();
    known.sort_unstable();
    shown.sort_unstable();
    assert_eq!(shown, known);
}

#[test]
fn what_the_example_comments_out_is_right_as_well() {
    let text = fs::read_to_string("config/sesgate.toml").unwrap();
    let others = [
        "access_key_id",
        "secret_access_key",
        "fallback_",
        "ca_file",
        "certificate",
        "client_",
        "key_files",
        "proxy_from",
        "hash_key",
        "endpoint",
    ];
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') && !others.iter().any(|key| rest.starts_with(key)) => rest,
        _ => line,
    });
    // The logins of the example need a listener that takes them, and there are no certificates.
    let text =
        lines.collect::<Vec<_>>().join("\n").replace("plaintext_login = false", "plaintext_login = true");
    let (folder, path) = folder(&text);
    fs::copy("tests/config/policy.json", folder.path().join("policy/billing.json")).unwrap();
    let config = config::load(Some(&path), &environment(&EXAMPLE_VARIABLES));
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.apps[0].name, "billing");
    assert_eq!(config.ses.bounce_address.unwrap().as_str(), "bounces@mail1.tak1wa.com");
}

#[test]
fn the_readme_lists_every_key_with_its_form_and_default() {
    let readme = fs::read_to_string("config/README.md").unwrap();
    let listed = readme.lines().filter(|line| line.contains("| `SESGATE_") || line.contains(" | – | "));
    let listed = listed.collect::<Vec<_>>();
    let known = config::keys();
    for key in &known {
        let row = row(key);
        assert!(listed.iter().any(|line| line.starts_with(&row)), "config/README.md needs the row\n{row}");
    }
    assert_eq!(listed.len(), known.len(), "config/README.md lists a key that does not exist");
}

fn row(key: &Key) -> String {
    let default = match &key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional => "none".to_owned(),
        Presence::Default(text) => format!("`{text}`"),
        Presence::Derived(words) => (*words).to_owned(),
    };
    let variable = key.variable().map_or_else(|| "–".to_owned(), |variable| format!("`{variable}`"));
    format!("| `{}.{}` | {} | {default} | {variable} | ", key.section, key.name, key.expects)
}

#[test]
fn the_examples_of_the_readme_work() {
    let readme = fs::read_to_string("config/README.md").unwrap();
    let examples = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut count = 0;
    for example in examples {
        let (folder, path) = folder(&example.replace("/run/secrets/", "./"));
        fs::write(folder.path().join("ses_access_key_id"), "AKIAIOSFODNN7EXAMPLE\n").unwrap();
        fs::write(folder.path().join("ses_secret_access_key"), SECRET).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate()).unwrap();
        write_certificates(folder.path());
        fs::write(folder.path().join("billing-2027.hash"), HASH).unwrap();
        let variables = [&EXAMPLE_VARIABLES[..], &[("PAYROLL_HASH", HASH)]].concat();
        let config = config::load(Some(&path), &environment(&variables));
        let needs_aws = [
            (
                "secretsmanager",
                "this sesgate was built without the feature `aws`, and cannot ask Secrets Manager",
                2,
            ),
            ("\"api\"", "this sesgate was built without the feature `aws`, and speaks SMTP alone", 1),
        ];
        match needs_aws.into_iter().find(|(word, ..)| example.contains(word)) {
            Some((_, refusal, refused)) if !cfg!(feature = "aws") => {
                let errors = config.unwrap_err();
                assert_eq!(errors.to_string().matches(refusal).count(), refused, "{errors}");
            }
            _ => drop(config.unwrap_or_else(|errors| panic!("{errors}"))),
        }
        count += 1;
    }
    assert_eq!(count, 11);
}

#[test]
fn a_certificate_and_a_key_that_cannot_be_used_together_are_told_apart() {
    let (folder, path) = folder("");
    write_certificates(folder.path());
    let relay = fs::read_to_string(folder.path().join("relay.pem")).unwrap();
    let certificate_alone = relay.split("-----BEGIN PRIVATE KEY").next().unwrap();
    for (name, text) in [
        ("alone.pem", certificate_alone),
        ("none.pem", "no PEM here"),
        ("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("unended.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    for (certificates, keys, expected) in [
        (r#"["alone.pem"]"#, r#"["relay-key.pem"]"#, None),
        (r#"["relay.pem", "other.pem"]"#, r#"["relay-key.pem", "other-key.pem"]"#, None),
        (r#"["alone.pem"]"#, r#"["other-key.pem"]"#, Some("the private key is not the certificate's")),
        (r#"["alone.pem"]"#, r#"["alone.pem"]"#, Some("the key file holds no private key in PEM form")),
        (r#"["none.pem"]"#, r#"["relay-key.pem"]"#, Some("the certificate file holds no certificate")),
        (r#"["broken.pem"]"#, r#"["relay-key.pem"]"#, Some("the certificate is unreadable")),
        (r#"["unended.pem"]"#, r#"["relay-key.pem"]"#, Some("the certificate file is not PEM")),
        (r#"["gone.pem"]"#, r#"["relay-key.pem"]"#, Some("cannot read")),
        (r#"["relay.pem", "other.pem"]"#, r#"["relay-key.pem"]"#, Some("certificate files: 2, key files: 1")),
    ] {
        let listener =
            format!("tls = \"starttls\"\ncertificate_files = {certificates}\nkey_files = {keys}\n");
        fs::write(&path, format!("[[listener]]\n{listener}{NEEDED}")).unwrap();
        let errors =
            config::load(Some(&path), &environment(&LOGIN)).map(|_| ()).map_err(|errors| errors.to_string());
        match expected {
            None => assert_eq!(errors, Ok(()), "{listener}"),
            Some(expected) => {
                assert!(errors.as_ref().is_err_and(|text| text.contains(expected)), "{errors:?}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reading_panic(at in 0_usize..6_000, length in 0_usize..60, insertion in "[\\PC\n]{0,12}") {
        let mut text = fs::read_to_string("config/sesgate.toml").unwrap();
        let end = text.floor_char_boundary(at + length);
        text.replace_range(text.floor_char_boundary(at)..end, &insertion);
        let (_folder, path) = folder(&text);
        if let Err(errors) = config::load(Some(&path), &environment(&EXAMPLE_VARIABLES)) {
            proptest::prop_assert!(!errors.problems().is_empty() && !errors.to_string().is_empty());
        }
    }
}
