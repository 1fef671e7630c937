#![cfg(test)]
//! Logins under attack, with the clock paused: what a failure costs, who is locked out and for how long, and that
//! nothing but the log tells one failure from another.

use std::time::Duration;

use sesgate::admission::{
    Admission, App, ClearText, Limits, ListenerRules, Login, PasswordHash, Settings, Strangers,
};
use sesgate::mail::{Client, Evidence, Transport};
use sesgate::secret::Secret;
use sesgate::smtp::{Credentials, LoginOffer, LoginOutcome, Standing};
use tokio::time::{Instant, advance};

/// Of `correct horse`.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$OZEtDVEgCQxNd3Uh5cuqdQ$rU4Zg5skSwRzuxJe56FZ8QFLwdIc/ubxP6IEo/vhznE";
const RIGHT: &str = "correct horse";
const SECOND: Duration = Duration::from_secs(1);

fn app(name: &str, networks: &[&str], user_name: &str, requires: &[Evidence]) -> App {
    let logins =
        vec![Login { user_name: user_name.to_owned(), password_hash: PasswordHash::parse(HASH).unwrap() }];
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    App { name: name.into(), networks, logins, requires: requires.to_vec(), ..App::default() }
}

fn admission(limits: Limits) -> Admission {
    Admission::new(Settings {
        apps: vec![
            app("either", &["10.0.5.0/24"], "ann", &[]),
            app("both", &["10.0.6.0/24"], "bob", &[Evidence::Network, Evidence::Login]),
        ],
        listeners: vec![ListenerRules {
            listener: "strict".into(),
            clear_text: ClearText::Taken,
            strangers: Strangers::Everybody,
            asks_for_certificates: false,
        }],
        limits,
    })
}

fn client(address: &str) -> Client {
    Client::new(format!("{address}:4711").parse().unwrap(), "default".into(), Transport::Plain)
}

/// What becomes of a login, and after how long.
async fn try_login(
    admission: &Admission,
    address: &str,
    user: &str,
    password: &str,
) -> (LoginOutcome, Duration) {
    let begun = Instant::now();
    let credentials = Credentials { user_name: user.to_owned(), password: Secret::new(password.to_owned()) };
    let outcome = admission.prove(&client(address), credentials).await;
    (outcome, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn no_failure_looks_like_another_only_longer_each_time() {
    let admission = admission(Limits::default());
    for (count, (user, password)) in (1..).zip([
        ("ann", "wrong"),
        ("nobody", "wrong"),
        ("nobody", RIGHT),
        ("bob", RIGHT),
        ("bob", "wrong"),
    ]) {
        let answer = try_login(&admission, "192.0.2.1", user, password).await;
        assert_eq!(answer, (LoginOutcome::Refused, count * SECOND), "{user} {password}");
    }
}

/// What takes time for one must take time for the other, or who listens closely learns who has a login.
#[tokio::test(start_paused = true)]
async fn a_user_name_that_nobody_has_waits_for_its_turn_like_any_other() {
    let admission = admission(Limits { checks_max: 0, ..Limits::default() });
    let known = try_login(&admission, "10.0.7.7", "ann", "guess").await;
    assert_eq!(known.0, LoginOutcome::Unchecked);
    assert_eq!(try_login(&admission, "10.0.7.7", "nobody", "guess").await, known);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_too_often_is_locked_out_for_a_while_and_no_other() {
    let admission = admission(Limits { failures_max: 4, ..Limits::default() });
    for _ in 0..4 {
        assert_eq!(try_login(&admission, "192.0.2.1", "ann", "wrong").await.0, LoginOutcome::Refused);
    }
    let proven = LoginOutcome::Proven { app: "either".into() };
    let locked_out = (LoginOutcome::LockedOut, Duration::ZERO);
    assert_eq!(try_login(&admission, "192.0.2.2", "ann", RIGHT).await.0, proven);
    // Not even the right password, nor one that was proven just now.
    assert_eq!(try_login(&admission, "192.0.2.1", "ann", RIGHT).await, locked_out);
    advance(Duration::from_mins(9)).await;
    assert_eq!(try_login(&admission, "192.0.2.1", "ann", RIGHT).await, locked_out);
    advance(Duration::from_mins(1)).await;
    assert_eq!(try_login(&admission, "192.0.2.1", "ann", RIGHT).await.0, proven);
}

#[tokio::test(start_paused = true)]
async fn a_success_between_does_not_make_room_for_more_guesses() {
    let admission = admission(Limits { failures_max: 4, ..Limits::default() });
    for _ in 0..4 {
        try_login(&admission, "192.0.2.1", "bob", "wrong").await;
        try_login(&admission, "192.0.2.1", "ann", RIGHT).await;
    }
    assert_eq!(try_login(&admission, "192.0.2.1", "bob", "wrong").await.0, LoginOutcome::LockedOut);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_one_ipv6_address_has_its_neighbours() {
    let admission = admission(Limits { failures_max: 2, ..Limits::default() });
    for address in ["[2001:db8:0:1::1]", "[2001:db8:0:1:ffff::2]"] {
        assert_eq!(try_login(&admission, address, "ann", "wrong").await.0, LoginOutcome::Refused);
    }
    assert_eq!(try_login(&admission, "[2001:db8:0:1::3]", "ann", RIGHT).await.0, LoginOutcome::LockedOut);
    let proven = LoginOutcome::Proven { app: "either".into() };
    assert_eq!(try_login(&admission, "[2001:db8:0:2::1]", "ann", RIGHT).await.0, proven);
}

#[tokio::test(start_paused = true)]
async fn guessing_at_once_gains_little() {
    let admission = admission(Limits { failures_max: 3, checks_max: 1, ..Limits::default() });
    let guesses = (0..20).map(|_| try_login(&admission, "192.0.2.1", "ann", "wrong"));
    let outcomes = futures(guesses).await;
    let refused = outcomes.iter().filter(|(outcome, _)| *outcome == LoginOutcome::Refused).count();
    assert!((3..=4).contains(&refused), "{refused} guesses were looked at");
}

/// All of them at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[test]
fn what_a_client_is_welcomed_with_follows_from_its_address_and_its_listener() {
    let admission = admission(Limits::default());
    let known = |address, listener: &str, transport| {
        let client = Client { listener: listener.into(), transport, ..client(address) };
        let welcome = admission.welcome(&client);
        let app = match welcome.standing {
            Standing::Known(app) => app.name.to_string(),
            Standing::LoginNeeded => "login needed".to_owned(),
            Standing::TlsNeeded => "TLS needed".to_owned(),
            Standing::Stranger => "stranger".to_owned(),
        };
        (app, welcome.login)
    };
    let (plain, tls) = (Transport::Plain, Transport::Tls);
    for (address, listener, transport, app, login) in [
        ("10.0.5.7", "default", plain, "either", LoginOffer::NeedsTls),
        ("10.0.5.7", "default", tls, "either", LoginOffer::Now),
        ("10.0.6.7", "default", tls, "login needed", LoginOffer::Now),
        ("10.0.7.7", "default", plain, "login needed", LoginOffer::NeedsTls),
        ("10.0.5.7", "strict", plain, "login needed", LoginOffer::Now),
    ] {
        assert_eq!(known(address, listener, transport), (app.to_owned(), login), "{address} {listener}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_is_shown_by_all_that_it_requires_and_by_nothing_less() {
    use Evidence::{Certificate, Login as Password, Network};
    let asks = |name: &str, requires: &[Evidence]| {
        let networks = [format!("10.0.{}.0/24", name.len())];
        let certificates = vec![format!("DNS:{name}.internal").parse().unwrap()];
        App { certificates, ..app(name, &[&networks[0]], name, requires) }
    };
    for requires in [
        &[][..],
        &[Network, Certificate],
        &[Network, Password],
        &[Certificate, Password],
        &[Network, Certificate, Password],
    ] {
        let apps = vec![asks("app", requires), asks("other", &[])];
        let admission = Admission::new(Settings { apps, listeners: Vec::new(), limits: Limits::default() });
        for shown in 0..8 {
            let has = |evidence: Evidence| match evidence {
                Network => shown & 1 > 0,
                Certificate => shown & 2 > 0,
                Password => shown & 4 > 0,
            };
            let address = if has(Network) { "10.0.3.7" } else { "10.9.9.9" };
            let names = ["DNS:app.internal", "DNS:unknown.internal"].map(|name| name.parse().unwrap());
            let certified = if has(Certificate) { names.into() } else { [].into() };
            let client = Client { certified, transport: Transport::Tls, ..client(address) };
            let is_app = if has(Password) {
                let password = Secret::new(RIGHT.to_owned());
                let credentials = Credentials { user_name: "app".to_owned(), password };
                admission.prove(&client, credentials).await == LoginOutcome::Proven { app: "app".into() }
            } else {
                matches!(admission.welcome(&client).standing, Standing::Known(known) if &*known.name == "app")
            };
            let expected = shown > 0 && requires.iter().all(|required| has(*required));
            assert_eq!(is_app, expected, "{requires:?} of {shown:03b}");
        }
    }
}

#[test]
fn a_client_that_could_show_a_certificate_is_asked_for_tls_and_no_other() {
    let with = |logins: Vec<Login>| {
        let certificates = vec!["DNS:app.internal".parse().unwrap()];
        let apps = vec![App { name: "app".into(), certificates, logins, ..App::default() }];
        let listener = |name: &str, asks_for_certificates| ListenerRules {
            listener: name.into(),
            clear_text: ClearText::Refused,
            strangers: Strangers::Unknown,
            asks_for_certificates,
        };
        let listeners = vec![listener("default", true), listener("other", false)];
        Admission::new(Settings { apps, listeners, limits: Limits::default() })
    };
    let standing = |admission: &Admission, listener: &str, transport| {
        admission.welcome(&Client { listener: listener.into(), transport, ..client("10.0.5.7") }).standing
    };
    let (without, with) = (with(Vec::new()), with(app("app", &[], "ann", &[]).logins));
    for (listener, transport, without_logins, with_logins) in [
        ("default", Transport::Plain, Standing::TlsNeeded, Standing::TlsNeeded),
        ("default", Transport::Tls, Standing::Stranger, Standing::LoginNeeded),
        ("other", Transport::Plain, Standing::Stranger, Standing::LoginNeeded),
    ] {
        assert_eq!(standing(&without, listener, transport), without_logins, "{listener} {transport:?}");
        assert_eq!(standing(&with, listener, transport), with_logins, "{listener} {transport:?}");
    }
}

#[test]
fn a_certificate_goes_before_the_network_and_is_nobodys_if_it_names_two_apps() {
    let named = |name: &str| {
        let certificates = vec![format!("spiffe://prod/{name}").parse().unwrap()];
        App { certificates, ..app(name, &[], name, &[]) }
    };
    let apps = vec![named("one"), named("two"), app("near", &["10.0.5.0/24"], "near", &[])];
    let admission = Admission::new(Settings { apps, listeners: Vec::new(), limits: Limits::default() });
    for (names, expected) in [
        (&["spiffe://prod/one"][..], "one by certificate"),
        (&["spiffe://prod/one", "DNS:one.internal"], "one by certificate"),
        (&["spiffe://prod/one", "spiffe://prod/two"], "near by network"),
        (&["spiffe://prod/ONE"], "near by network"),
        (&[], "near by network"),
    ] {
        let certified = names.iter().map(|name| name.parse().unwrap()).collect();
        match admission.welcome(&Client { certified, ..client("10.0.5.7") }).standing {
            Standing::Known(known) => assert_eq!(format!("{} by {}", known.name, known.by), expected),
            standing => panic!("{names:?}: {standing:?}"),
        }
    }
}
