#![cfg(test)]
//! The logins of SES change while the relay runs: no mail is lost or put off for that, and nothing that is half
//! done, or wrong, replaces what works.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/relay.rs"]
mod relay;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use dialogue::send_hello;
use relay::{Relay, SENDER, Way, account, way};
use sesgate::credentials::KeyringState;
use sesgate::sandbox::{Login, Settings, StandIn, Step};
use sesgate::secret::Secret;
use tempfile::TempDir;

/// How often the relay looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// More looks than a proof that is put off waits.
const MANY_LOOKS: u32 = 40;
/// In which whatever a look sets off happens.
const MOMENT: Duration = Duration::from_millis(20);
const CANNOT_SEND: &str =
    "451 4.3.0 The relay cannot send mail at present; nothing was sent, try again later";

fn login(name: &str) -> Login {
    Login { user_name: name.to_owned(), password: Secret::new(format!("secret of {name}")) }
}

/// The login in one file, as `rotate` writes it.
fn write(folder: &Path, file: &str, name: &str) {
    let text = format!(r#"{{"user": "{name}", "password": "secret of {name}"}}"#);
    fs::write(folder.join(file), text).unwrap();
}

struct World {
    folder: TempDir,
    ses: StandIn,
    relay: Relay,
}

impl World {
    /// With what is in the folder already, named in these words. All else the relay is told by variables.
    async fn new(folder: TempDir, login_keys: &str) -> Self {
        let file = folder.path().join("sesgate.toml");
        fs::write(&file, format!("[[listener]]\naddress = \"127.0.0.1:0\"\n[ses]\n{login_keys}")).unwrap();
        Self::by(folder, |way, ca_pem| Relay::start(Some(&file), way, ca_pem)).await
    }

    async fn by(folder: TempDir, start: impl FnOnce(Way, &str) -> Relay) -> Self {
        let ses = StandIn::start(Settings { login: Some(login("first")), ..account() }).await.unwrap();
        let mut way = way("implicit", ses.endpoints().implicit_tls, &ses);
        way.retain(|(name, _)| !["SES_USER_NAME", "SES_PASSWORD"].contains(name));
        let relay = start(way, ses.ca_pem());
        Self { folder, ses, relay }
    }

    /// To each mail that the relay took, SES gave a name.
    async fn end(self) {
        for record in self.relay.records() {
            let is_taken = record["reply"].as_str().is_some_and(|reply| reply.starts_with("250 "));
            assert_eq!(is_taken, record["ses_message_id"].is_string(), "{record}");
        }
        self.relay.stop().await;
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// SES takes these logins and no others.
    fn takes(&self, names: &[&str]) {
        for name in ["first", "second"] {
            self.ses.remove_login(name);
        }
        for name in names {
            self.ses.add_login(login(name));
        }
    }

    fn logins(&self) -> KeyringState {
        self.relay.app.logins().unwrap()
    }

    fn in_use(&self) -> String {
        self.logins().in_use.unwrap().user_name
    }

    async fn look(&self) {
        tokio::time::pause();
        tokio::time::advance(INTERVAL).await;
        tokio::time::resume();
        tokio::time::sleep(MOMENT).await;
    }

    async fn look_until(&self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..MANY_LOOKS {
            if is_so(self) {
                return;
            }
            self.look().await;
        }
        panic!("never: {:?}", self.logins());
    }

    async fn assert_sends(&self) {
        let reply = send_hello(self.relay.address(), SENDER).await;
        assert!(reply.starts_with("250 2.0.0 Ok 0"), "{reply}");
    }

    /// However long the relay looks, it sends, and by this login.
    async fn assert_stays(&self, name: &str) {
        for _ in 0..4 {
            self.look().await;
            assert_eq!(self.in_use(), name);
        }
        self.assert_sends().await;
    }
}

#[cfg(not(feature = "aws"))]
#[test]
fn rotate_says_what_this_program_was_built_without() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sesgate")).arg("rotate").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert!(wrong.contains("built without the feature `aws`"), "{wrong}");
}

#[tokio::test]
async fn two_files_are_changed_one_after_the_other_while_the_new_key_is_not_yet_known() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("name"), "first\n").unwrap();
    fs::write(folder.path().join("secret"), "secret of first\n").unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let files = [("SES_USER_NAME_FILE", path("name")), ("SES_PASSWORD_FILE", path("secret"))];
    let world =
        World::by(folder, |way, ca_pem| Relay::start(None, [way, files.to_vec()].concat(), ca_pem)).await;
    world.assert_sends().await;

    fs::write(world.path().join("secret"), "secret of second\n").unwrap();
    world.assert_stays("first").await;
    fs::write(world.path().join("name"), "second\n").unwrap();
    world.assert_stays("first").await;

    world.takes(&["first", "second"]);
    world.look_until(|world| world.in_use() == "second").await;
    world.takes(&["second"]);
    world.assert_sends().await;
    assert!(world.logins().is_proven());
    let changed = world.logins().in_use.unwrap().changed;
    assert_eq!(changed, fs::metadata(world.path().join("name")).unwrap().modified().unwrap());
    world.end().await;
}

#[tokio::test]
async fn a_mounted_folder_is_swapped_as_orchestrators_do_it() {
    let folder = tempfile::tempdir().unwrap();
    let mount = |version: &str, name: &str| {
        fs::create_dir(folder.path().join(version)).unwrap();
        write(folder.path(), &format!("{version}/login.json"), name);
        symlink(version, folder.path().join("..data_tmp")).unwrap();
        fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    };
    mount("..v1", "first");
    mount("..v2", "first");
    symlink("..data/login.json", folder.path().join("login.json")).unwrap();
    let keys = r#"user_name = { file = "login.json", key = "user" }
        password = { file = "login.json", key = "password" }"#;
    let path = folder.path().to_owned();
    let world = World::new(folder, keys).await;
    world.takes(&["first", "second"]);
    fs::create_dir(path.join("..v3")).unwrap();
    write(&path, "..v3/login.json", "second");
    symlink("..v3", path.join("..data_tmp")).unwrap();
    fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    world.look_until(|world| world.in_use() == "second").await;
    world.assert_sends().await;
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_a_login_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "login.json", "first");
    let keys = r#"user_name = { file = "login.json", key = "user" }
        password = { file = "login.json", key = "password" }"#;
    let world = World::new(folder, keys).await;
    world.assert_sends().await;
    let attempts = world.ses.times_reached(Step::Auth);
    let file = world.path().join("login.json");
    for text in [
        "",
        r#"{"user": "second", "passw"#,
        r#"{"user": "second"}"#,
        r#"{"user": "second", "password": ""}"#,
        r#"{"user": "second", "password": 7}"#,
        // Temporary, and with a token that SMTP cannot carry.
        r#"{"user": "ASIAIOSFODNN7EXAMPLE", "password": "secret of second"}"#,
    ] {
        fs::write(&file, text).unwrap();
        world.assert_stays("first").await;
    }
    fs::remove_file(&file).unwrap();
    world.assert_stays("first").await;
    write(world.path(), "login.json", "first");
    world.assert_stays("first").await;
    // Sessions end by themselves, and those that come after log in; nothing else was tried.
    assert!(world.ses.times_reached(Step::Auth) <= attempts + 8);
    assert_eq!(world.logins().logins.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_fallback_sends_while_the_first_is_refused_and_when_both_are_that_is_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "login.json", "first");
    write(folder.path(), "fallback.json", "second");
    let keys = r#"user_name = { file = "login.json", key = "user" }
        password = { file = "login.json", key = "password" }
        fallback_user_name = { file = "fallback.json", key = "user" }
        fallback_password = { file = "fallback.json", key = "password" }"#;
    let world = World::new(folder, keys).await;
    world.takes(&["second"]);
    world.assert_sends().await;
    assert_eq!(world.in_use(), "second");

    world.takes(&["first"]);
    world.look_until(|world| world.in_use() == "first").await;
    world.assert_sends().await;

    world.takes(&[]);
    // Who is logged in stays so; the next connection is refused.
    while world.logins().failing_since.is_none() {
        let reply = send_hello(world.relay.address(), SENDER).await;
        assert!(reply.starts_with("250 ") || reply.starts_with(CANNOT_SEND), "{reply}");
        world.look().await;
    }

    let metrics = world.relay.app.metrics().text();
    for line in [
        ",standing=\"refused\"} 2.0",
        ",user_name=\"first\"} ",
        "sesgate_ses_logins_failing{endpoint=\"127.0.0.1:",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    assert!(!metrics.contains("secret of"), "{metrics}");

    // No mail is needed to find out that it is over.
    world.takes(&["first", "second"]);
    world.look_until(|world| world.logins().failing_since.is_none() && world.in_use() == "first").await;
    world.assert_sends().await;
    world.end().await;
}
