#![cfg(test)]
#![cfg(feature = "aws")]
//! `sesgate rotate`, the program as it ships, against an emulation of IAM and Secrets Manager, and the stand-in for SES:
//! whole, step by step, killed in the middle, and where it must not go on.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "moto/mod.rs"]
mod moto;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iam::types::StatusType;
use dialogue::send_hello;
use moto::Moto;
use sesgate::app::App;
use sesgate::config;
use sesgate::credentials::smtp_password;
use sesgate::sandbox::{Login, Settings, StandIn, Step};
use sesgate::secret::Secret;
use sesgate::telemetry::JsonLines;
use tempfile::TempDir;

/// IAM dates keys by the second, and which is the older one must show.
const SECOND: Duration = Duration::from_millis(1_100);
const MOMENT: Duration = Duration::from_millis(50);
const TOKEN: &str = "correct horse battery staple";
const SHORT: [&str; 6] = ["--wait", "0s", "--grace", "0s", "--prove-within", "0s"];

#[derive(Clone, Copy, PartialEq)]
enum Place {
    TwoFiles,
    OneFile,
    SecretsManager,
}

struct World {
    moto: &'static Moto,
    user: String,
    place: Place,
    folder: TempDir,
    ses: StandIn,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
    first: String,
}

impl World {
    async fn new(moto: &'static Moto, place: Place, user: &str) -> Self {
        let credentials = || Credentials::new("test", "test", None, None, "test");
        let iam = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&moto.endpoint)
            .credentials_provider(credentials());
        let secrets = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&moto.endpoint)
            .credentials_provider(credentials());
        let iam = aws_sdk_iam::Client::from_conf(iam.build());
        let secrets = aws_sdk_secretsmanager::Client::from_conf(secrets.build());
        iam.create_user().user_name(user).send().await.unwrap();
        let key = iam.create_access_key().user_name(user).send().await.unwrap().access_key.unwrap();
        let password = smtp_password(&Secret::new(key.secret_access_key), "us-east-1");
        let first = Login { user_name: key.access_key_id, password };
        let json = format!(
            r#"{{"note": "kept", "user": "{}", "password": "{}"}}"#,
            first.user_name,
            first.password.expose()
        );
        let folder = tempfile::tempdir().unwrap();
        let (names, file) = match place {
            Place::TwoFiles => {
                fs::write(folder.path().join("user"), format!("{}\n", first.user_name)).unwrap();
                fs::write(folder.path().join("password"), first.password.expose()).unwrap();
                ([r#"{ file = "user" }"#, r#"{ file = "password" }"#].map(str::to_owned), "password")
            }
            Place::OneFile => {
                fs::write(folder.path().join("login.json"), json).unwrap();
                (
                    ["user", "password"].map(|key| format!(r#"{{ file = "login.json", key = "{key}" }}"#)),
                    "login.json",
                )
            }
            Place::SecretsManager => {
                secrets.create_secret().name(user).secret_string(json).send().await.unwrap();
                let half = |key| format!(r#"{{ secretsmanager = "{user}", key = "{key}" }}"#);
                (["user", "password"].map(half), "ca.pem")
            }
        };
        let user_name = first.user_name.clone();
        let ses = StandIn::start(Settings { login: Some(first), ..Settings::default() }).await.unwrap();
        fs::write(folder.path().join("ca.pem"), ses.ca_pem()).unwrap();
        fs::set_permissions(folder.path().join(file), fs::Permissions::from_mode(0o644)).unwrap();
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
        fs::write(folder.path().join("allow.json"), policy).unwrap();
        let endpoint = ses.endpoints().implicit_tls;
        let config = format!(
            "[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\nidentities = [\"example.com\"]\n\
            host = \"{}\"\nport = {}\nserver_name = \"email-smtp.us-east-1.amazonaws.com\"\nca_file = \"ca.pem\"\n\
            user_name = {}\npassword = {}\n[policy]\nfiles = [\"allow.json\"]\n",
            endpoint.ip(),
            endpoint.port(),
            names[0],
            names[1]
        );
        fs::write(folder.path().join("sesgate.toml"), config).unwrap();
        tokio::time::sleep(SECOND).await;
        Self { moto, user: user.to_owned(), place, folder, ses, iam, secrets, first: user_name }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
        command.arg("rotate").args(arguments).arg("--config").arg(self.folder.path().join("sesgate.toml"));
        command.envs(self.moto.variables()).env("SESGATE_ADMIN_TOKEN", TOKEN);
        command
    }

    /// A relay as `serve` would start it, that SES has let in, and its admin listener.
    async fn relay(&self) -> (App, String) {
        let variables = [
            ("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0"),
            ("SESGATE_ADMIN_ADDRESS", "127.0.0.1:0"),
            ("SESGATE_ADMIN_TOKEN", TOKEN),
            // Sessions that are kept do so no longer than the test lasts.
            ("SESGATE_SES_CONNECTION_AGE_MAX", "1s"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into())).into_iter().collect();
        let config = config::load(Some(&self.folder.path().join("sesgate.toml")), &variables);
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        let app = App::start(&config, Arc::new(JsonLines::new(std::io::sink()))).unwrap();
        app.probe_ses().await.unwrap();
        let admin = format!("http://{}", app.admin_address().unwrap());
        (app, admin)
    }

    /// What the command says, if it ends well, or else what is wrong. Neither is a secret.
    async fn rotate(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let wrong = String::from_utf8(output.stderr).unwrap();
        for login in
            [self.current().await, self.pending().await.unwrap_or_else(|| ("-".into(), "-  -".into()))]
        {
            assert!(!said.contains(&login.1) && !wrong.contains(&login.1), "{said}{wrong}");
        }
        if output.status.success() { Ok(said) } else { Err(wrong) }
    }

    /// Each key, and whether it is active.
    async fn keys(&self) -> Vec<(String, bool)> {
        let listed = self.iam.list_access_keys().user_name(&self.user).send().await.unwrap();
        let keys = listed.access_key_metadata.into_iter();
        keys.map(|key| (key.access_key_id.unwrap(), key.status == Some(StatusType::Active))).collect()
    }

    /// Every other key than the first.
    async fn second(&self) -> String {
        self.keys().await.into_iter().find(|(id, _)| *id != self.first).unwrap().0
    }

    async fn current(&self) -> (String, String) {
        self.login("AWSCURRENT", "").await.unwrap()
    }

    async fn pending(&self) -> Option<(String, String)> {
        self.login("AWSPENDING", ".next").await
    }

    async fn login(&self, stage: &str, ending: &str) -> Option<(String, String)> {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(format!("{name}{ending}"))).ok();
        let json = match self.place {
            Place::TwoFiles => {
                return Some((read("user")?.trim().to_owned(), read("password")?.trim().to_owned()));
            }
            Place::OneFile => read("login.json")?,
            Place::SecretsManager => {
                let asked = self.secrets.get_secret_value().secret_id(&self.user).version_stage(stage);
                asked.send().await.ok()?.secret_string.unwrap()
            }
        };
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["note"], "kept");
        Some((json["user"].as_str().unwrap().to_owned(), json["password"].as_str().unwrap().to_owned()))
    }

    /// SES hears of the key that is pending, as it does after some minutes.
    async fn make_known(&self) {
        let (user_name, password) = self.pending().await.unwrap();
        self.ses.add_login(Login { user_name, password: Secret::new(password) });
    }
}

/// One step a run is what being killed after each step comes to.
async fn rotate_step_by_step(place: Place, user: &str) {
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, place, user).await;
    let old = world.current().await;
    let step = async |more: &[&str]| world.rotate(&[&["--one-step"], &SHORT[..], more].concat()).await;

    // It says what it would do, and does nothing.
    let said = world.rotate(&["--dry-run"]).await.unwrap();
    assert!(said.starts_with(&format!("would create a second key of the IAM user {user}")), "{said}");
    assert_eq!(world.keys().await.len(), 1);
    assert_eq!((world.current().await, world.pending().await), (old.clone(), None));
    let said = world.rotate(&["--if-older-than", "90d"]).await.unwrap();
    assert_eq!(said, "do nothing: the key is young enough\n");

    let said = step(&[]).await.unwrap();
    let new = world.second().await;
    assert_eq!(said, format!("created the key {new} of the IAM user {user}\n"));
    assert_eq!(world.pending().await.unwrap().0, new);

    // SES does not know it yet, and it is not published, however the run ends.
    let wrong = step(&[]).await.unwrap_err();
    assert!(
        wrong.contains(&format!("{new} is not good after 0 minutes: SES refused the login: `535 ")),
        "{wrong}"
    );
    let mut killed = world.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with(&format!("proving {new} at ")));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(world.current().await, old);
    assert_eq!(world.keys().await.len(), 2);

    world.make_known().await;
    let pending = world.pending().await.unwrap();
    let said = step(&[]).await.unwrap();
    assert!(said.ends_with(&format!("Amazon SES takes {new}; published it\n")), "{said}");
    assert_eq!((world.current().await, world.pending().await), (pending, None));

    // The relays have their time, and the old key too.
    let said = world.rotate(&["--one-step", "--wait", "1h"]).await.unwrap();
    assert!(said.contains("for the relays to use the new key"), "{said}");
    assert!(world.keys().await.iter().all(|(_, is_active)| *is_active));
    let said = step(&[]).await.unwrap();
    assert!(said.starts_with(&format!("deactivated the old key {}; ", world.first)), "{said}");
    assert!(world.keys().await.contains(&(world.first.clone(), false)));
    let said = world.rotate(&["--wait", "0s"]).await.unwrap();
    assert!(said.starts_with(&format!("keep the old key {}, which is inactive", world.first)), "{said}");
    let said = world.rotate(&SHORT).await.unwrap();
    assert_eq!(
        said,
        format!("deleted the key {}\ndo nothing more: the rotation of {user} is complete\n", world.first)
    );
    assert_eq!(world.keys().await, [(new, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_are_rotated_step_by_step() {
    rotate_step_by_step(Place::TwoFiles, "two-files").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_is_rotated_step_by_step() {
    rotate_step_by_step(Place::OneFile, "one-file").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_step_by_step() {
    rotate_step_by_step(Place::SecretsManager, "stored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_through_in_one_run() {
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, Place::OneFile, "whole").await;
    let file = world.folder.path().join("login.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let run = world.command(&["--wait", "0s", "--grace", "0s"]).stdout(Stdio::piped()).spawn().unwrap();
    while world.pending().await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.make_known().await;
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let verbs: Vec<&str> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verbs, ["created", "proving", "Amazon", "deactivated", "deleted", "do"], "{said}");
    assert!(output.status.success());
    assert_eq!(world.keys().await, [(world.current().await.0, true)]);
    // What others could read they can no more.
    assert_eq!(mode(&file), 0o640);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_is_good_until_each_relay_has_let_go_of_it_and_no_mail_in_hand_is_disturbed() {
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, Place::OneFile, "fleet").await;
    let ((one, first), (other, second)) = (world.relay().await, world.relay().await);
    world.ses.faults().add("end-of-data=delay 15s".parse().unwrap());
    let mail = tokio::spawn(send_hello(one.addresses()[0], "app@example.com"));
    while world.ses.times_reached(Step::EndOfData) == 0 {
        tokio::time::sleep(MOMENT).await;
    }
    let arguments = ["--relay", &first, "--relay", &second, "--wait", "2m"];
    let run = world.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    while world.pending().await.is_none() {
        tokio::time::sleep(MOMENT).await;
    }
    world.make_known().await;
    let old = world.first.clone();
    while !mail.is_finished() {
        let keys = world.keys().await;
        assert!(mail.is_finished() || keys.contains(&(old.clone(), true)), "{keys:?}");
        tokio::time::sleep(MOMENT).await;
    }
    let reply = mail.await.unwrap();
    assert!(reply.starts_with("250 2.0.0 Ok "), "{reply}");
    let output = tokio::task::spawn_blocking(|| run.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let busy = format!(
        "for relays to let go of {old}, and then deactivate it: the relay at {} has sessions open by {old}, of which \
        there are 1\n",
        first.strip_prefix("http://").unwrap()
    );
    assert!(said.contains(&busy), "{said}");
    assert!(said.contains(&format!("\ndeactivated the old key {old}; ")), "{said}");
    assert!(world.keys().await.contains(&(old.clone(), false)));
    // Who lets nobody in by the old key sends all the same.
    world.ses.remove_login(&old);
    for relay in [one, other] {
        let reply = send_hello(relay.addresses()[0], "app@example.com").await;
        assert!(reply.starts_with("250 2.0.0 Ok "), "{reply}");
        assert_eq!(relay.logins().unwrap().in_use.unwrap().user_name, world.current().await.0);
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_does_not_go_along_keeps_a_rotation_from_beginning_and_from_ending() {
    const NOBODY: &str = "http://127.0.0.1:1";
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, Place::OneFile, "unfit").await;
    let (relay, admin) = world.relay().await;
    let address = admin.strip_prefix("http://").unwrap();
    let old = &world.first;

    let wrong = world.rotate(&["--relay", &admin, "--relay", NOBODY]).await.unwrap_err();
    let reason = "no rotation begins while relays would not take part in it: the relay at 127.0.0.1:1 cannot be asked: \
        Connection refused";
    assert!(wrong.contains(reason), "{wrong}");
    let stranger =
        world.command(&["--relay", &admin]).env("SESGATE_ADMIN_TOKEN", "another token, of nobody").output();
    let wrong = String::from_utf8(stranger.unwrap().stderr).unwrap();
    assert!(
        wrong.contains(&format!("the relay at {address} cannot be asked: it wants another token")),
        "{wrong}"
    );
    let said = world
        .rotate(&["--dry-run", "--relay", &admin, "--relay", NOBODY, "--unreachable", "wait"])
        .await
        .unwrap();
    assert!(
        said.starts_with(&format!("the relay at {address} uses the published key and no other\n")),
        "{said}"
    );
    assert!(said.contains("\nthe relay at 127.0.0.1:1 cannot be asked: "), "{said}");
    assert!(said.contains("\nwould create a second key"), "{said}");
    assert_eq!(world.keys().await, [(old.clone(), true)]);

    world.rotate(&["--one-step", "--relay", &admin]).await.unwrap();
    world.make_known().await;
    world.rotate(&["--one-step", "--relay", &admin]).await.unwrap();
    // It takes a moment to read what is published.
    let wrong = world.rotate(&["--wait", "0s", "--relay", &admin]).await.unwrap_err();
    let reason = format!("the relay at {address} logs in with {old}; run again, with a longer `--wait`");
    assert!(
        wrong.contains(&format!("the old key `{old}` stays as it is")) && wrong.contains(&reason),
        "{wrong}"
    );
    assert!(world.keys().await.contains(&(old.clone(), true)));
    // Run again, it goes on.
    let said = world.rotate(&["--wait", "2m", "--relay", &admin]).await.unwrap();
    assert!(said.contains(&format!("deactivated the old key {old}; ")), "{said}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_secret_nobody_kept_is_deleted_only_when_told_to() {
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, Place::SecretsManager, "lost").await;
    world.iam.create_access_key().user_name("lost").send().await.unwrap();
    let lost = world.second().await;
    let wrong = world.rotate(&SHORT).await.unwrap_err();
    assert!(wrong.contains(&format!("there is a second key `{lost}`")), "{wrong}");
    assert!(wrong.contains("`--discard-unused` deletes it"), "{wrong}");
    assert_eq!(world.second().await, lost);
    let discard = [&["--discard-unused", "--one-step"], &SHORT[..]].concat();
    assert_eq!(world.rotate(&discard).await.unwrap(), format!("deleted the key {lost}\n"));
    assert!(world.rotate(&discard).await.unwrap().starts_with("created the key "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rotated_is_told_with_the_reason() {
    let Some(moto) = Moto::shared() else { return };
    let world = World::new(moto, Place::TwoFiles, "told").await;
    let file = world.folder.path().join("sesgate.toml");
    let config = fs::read_to_string(&file).unwrap();
    for (half, expected) in [
        (r#"{ secretsmanager = "told", key = "password" }"#, "when both halves are in one secret"),
        (r#"{ env = "AWS_SECRET_ACCESS_KEY" }"#, "nobody can change a variable"),
    ] {
        fs::write(&file, config.replace(r#"{ file = "password" }"#, half)).unwrap();
        let wrong = world.rotate(&[]).await.unwrap_err();
        assert!(wrong.contains(expected), "{wrong}");
    }
    // One that would be locked out.
    let standby = format!(
        "[[ses.standby]]\nregion = \"us-west-2\"\nuser_name = \"{}\"\npassword = {{ file = \"standby.json\", key = \"x\" }}",
        world.first
    );
    fs::write(world.folder.path().join("standby.json"), r#"{"x": "another"}"#).unwrap();
    fs::write(&file, config.replace("[policy]", &format!("{standby}\n[policy]"))).unwrap();
    let wrong = world.rotate(&["--dry-run"]).await.unwrap_err();
    assert!(wrong.contains("another login has the same key by the file `standby.json`"), "{wrong}");
    let fallback = format!(
        "fallback_user_name = \"{}\"\nfallback_password = {{ file = \"standby.json\", key = \"x\" }}\n[policy]",
        world.first
    );
    fs::write(&file, config.replace("[policy]", &fallback)).unwrap();
    let wrong = world.rotate(&["--dry-run"]).await.unwrap_err();
    assert!(wrong.contains("another login has the same key by the file `standby.json`"), "{wrong}");
    // A key that somebody replaced by hand.
    fs::write(&file, config).unwrap();
    fs::write(world.folder.path().join("user"), "AKIAIOSFODNN7EXAMPLE").unwrap();
    let wrong = world.rotate(&["--user", "told"]).await.unwrap_err();
    assert!(
        wrong.contains("the published key `AKIAIOSFODNN7EXAMPLE` is none of the IAM user's keys"),
        "{wrong}"
    );
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
