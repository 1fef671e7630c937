#![cfg(test)]
//! Many mails of many clients while SES misbehaves in every way at once: at the end every mail that was answered 250 is
//! at SES, and none is there twice without having been announced.
//!
//! A thousand mails by default. All that the project promises is shown by more of them:
//!
//! ```sh
//! SESGATE_SOAK_MAILS=20000 SESGATE_SOAK_SEED=7 cargo test --test soak
//! ```

#[path = "soak/client.rs"]
mod client;
#[path = "soak/dice.rs"]
mod dice;
#[path = "soak/ledger.rs"]
mod ledger;
#[path = "clients/relay.rs"]
mod relay;
#[path = "soak/round_trips.rs"]
mod round_trips;

use std::fmt::Write as _;
use std::fs;
use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Attempt, Client, Mail};
use dice::Dice;
use ledger::{Ledger, Sum};
use relay::{Relay, SENDER, account, way};
use sesgate::sandbox::{Endpoints, Login, Settings, StandIn, Step};
use sesgate::secret::Secret;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Few enough for every run of the tests.
const MAILS: usize = 1000;
const CLIENTS: usize = 50;
/// Recipients a second.
const SENDING_RATE: u32 = 500;
const IDLE_TIMEOUT: Duration = Duration::from_millis(400);
/// For so long SES refuses a login that is new.
const NEW_LOGIN_DELAY: Duration = Duration::from_secs(5);
/// Between two looks at what nobody tells.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A soak that takes so long for a mail has failed.
const PATIENCE_PER_MAIL: Duration = Duration::from_millis(100);
/// No other test is given a port of this address while SES is away.
const ELSEWHERE: &str = "127.71.71.75:0";

/// By chance, at every step: one mail in five meets one.
const FAULTS: &[&str] = &[
    "any~0.3%=reset",
    "any~0.3%=close",
    "any~0.5%=delay 30ms",
    "connect~2%=delay 100ms",
    "greeting~0.5%=too-many-connections",
    "ehlo~0.5%=say SSH-2.0-OpenSSH_9.6",
    "auth~0.5%=auth-failure",
    "mail~0.5%=timeout",
    "mail~0.5%=stale-transaction",
    "rcpt~0.2%=temporary-failure",
    "data~0.5%=service-failure",
    "data~0.2%=cut 354 End d",
    "message~0.5%=reset",
    "end-of-data~0.5%=unavailable",
    "end-of-data~0.5%=close-after",
    "end-of-data~0.5%=close",
    "end-of-data~0.3%=cut 250 Ok 0106",
    "end-of-data~0.3%=no-message-id",
    "after-acceptance~1%=close",
    "after-acceptance~1%=old-timeout",
];

/// What befalls SES as a whole.
#[derive(Debug, Clone, Copy)]
enum Disturbance {
    Throttling,
    /// Everybody is told 421, connections are refused for a while, and all is as before.
    Restart,
    /// Every connection ends with RST, wherever it stands.
    Reset,
    /// Nobody sends for so long that SES closes all connections.
    Lull,
}

/// Each in turn, so that a short soak meets all.
const DISTURBANCES: [Disturbance; 4] =
    [Disturbance::Throttling, Disturbance::Restart, Disturbance::Reset, Disturbance::Lull];
/// Mails from one to the next.
const DISTURBED_EVERY: usize = 200;

/// What is the same for all who take part.
struct World {
    stand_in: StandIn,
    relay: SocketAddr,
    ledger: Mutex<Ledger>,
    settled: AtomicUsize,
    /// Nobody sends before this.
    lull: Mutex<Instant>,
    /// How often each of `DISTURBANCES` was.
    befell: Mutex<[usize; DISTURBANCES.len()]>,
    /// How often another login took the place of the one before.
    rotations: AtomicUsize,
}

fn number_from<T: FromStr>(variable: &str, default: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}

fn settings(mails: usize, seed: u64) -> Settings {
    let any = ELSEWHERE.parse().unwrap();
    Settings {
        endpoints: Endpoints { implicit_tls: any, starttls: any, plain: any },
        recipients_per_second_max: SENDING_RATE,
        recipients_per_day_max: u32::MAX,
        idle_timeout: IDLE_TIMEOUT,
        session_mails_max: 15,
        connections_max: 8,
        connection_age_max: Some(Duration::from_secs(5)),
        new_login_delay: NEW_LOGIN_DELAY,
        stored_mails_max: 2 * mails,
        stored_octets_max: usize::MAX,
        seed,
        ..account()
    }
}

/// Sends its mails in order, each until it is taken.
async fn send(world: Arc<World>, mails: Vec<Mail>, mut dice: Dice) {
    let mut client = Client::new(world.relay);
    for mail in mails {
        loop {
            let lull = *world.lull.lock().unwrap();
            sleep_until(lull).await;
            match client.attempt(&mail).await {
                Attempt::Replied(reply) => {
                    if world.ledger.lock().unwrap().hear(mail.number, &reply) {
                        break;
                    }
                }
                lost @ (Attempt::Unsent | Attempt::Interrupted | Attempt::Unanswered) => {
                    panic!("the relay hung up on mail {}: {lost:?}", mail.number)
                }
            }
            sleep(Duration::from_millis(dice.between(20, 300))).await;
        }
        world.settled.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has something befall SES, again and again.
async fn disturb(world: Arc<World>, mut dice: Dice) {
    for round in 0.. {
        while world.settled.load(Ordering::Relaxed) < round * DISTURBED_EVERY {
            sleep(LOOK_AGAIN).await;
        }
        let kind = round % DISTURBANCES.len();
        world.befell.lock().unwrap()[kind] += 1;
        let pause = Duration::from_millis(dice.between(50, 300));
        match DISTURBANCES[kind] {
            Disturbance::Throttling => {
                world.stand_in.change_settings(|settings| settings.recipients_per_second_max = 20);
                sleep(pause).await;
                world.stand_in.change_settings(|settings| settings.recipients_per_second_max = SENDING_RATE);
            }
            Disturbance::Restart => world.stand_in.restart(pause).await.unwrap(),
            Disturbance::Reset => world.stand_in.drop_connections(),
            Disturbance::Lull => *world.lull.lock().unwrap() = Instant::now() + IDLE_TIMEOUT + pause,
        }
    }
}

/// Puts a login where the relay reads it, one half after the other.
fn publish(folder: &Path, login: &Login) {
    fs::write(folder.join("user_name"), &login.user_name).unwrap();
    fs::write(folder.join("password"), login.password.expose()).unwrap();
}

/// Rotates the login, again and again: a new one, which SES refuses at first, is published, and the one before is taken
/// away when the relay uses it for nothing any more. No mail pays for that: once SES has taken a login, none is refused.
async fn rotate(world: &World, relay: &Relay, folder: &Path) {
    let mut old = world.stand_in.login().clone();
    for round in 1.. {
        let new = Login {
            user_name: format!("AKIA{round:016}"),
            password: Secret::new(format!("secret of {round}")),
        };
        world.stand_in.add_login(new.clone());
        publish(folder, &new);
        while relay.app.logins().unwrap().in_use.unwrap().user_name != new.user_name {
            sleep(LOOK_AGAIN).await;
        }
        let refused = refused_logins(world);
        let label = format!("user_name=\"{}\"", old.user_name);
        while relay.app.metrics().text().contains(&label) {
            sleep(LOOK_AGAIN).await;
        }
        world.stand_in.remove_login(&old.user_name);
        sleep(IDLE_TIMEOUT).await;
        assert_eq!(refused_logins(world), refused, "a login was refused after {} was taken", new.user_name);
        world.rotations.fetch_add(1, Ordering::Relaxed);
        old = new;
    }
}

fn refused_logins(world: &World) -> u64 {
    world.stand_in.answers().get("535 Authentication Credentials Invalid").copied().unwrap_or_default()
}

fn report(world: &World, sum: &Sum, seed: u64, took: Duration) -> String {
    let mut text = format!(
        "soak: seed {seed}: {} mails in {:.1} s; in doubt {}, held back {}, {} at SES twice and announced; {} \
         connections to SES, {} MAIL\n",
        sum.accepted,
        took.as_secs_f64(),
        sum.in_doubt,
        sum.withheld,
        sum.repeated,
        world.stand_in.times_reached(Step::Connect),
        world.stand_in.times_reached(Step::Mail),
    );
    for (fault, struck) in world.stand_in.faults().struck() {
        let _ = writeln!(text, "  {struck:>6}  {fault}");
    }
    for (disturbance, times) in DISTURBANCES.iter().zip(*world.befell.lock().unwrap()) {
        let _ = writeln!(text, "  {times:>6}  {disturbance:?}");
    }
    let _ = writeln!(text, "  {:>6}  Rotation", world.rotations.load(Ordering::Relaxed));
    text.push_str("SES said\n");
    for (answer, times) in world.stand_in.answers() {
        let _ = writeln!(text, "  {times:>6}  {answer}");
    }
    text.push_str("clients were told\n");
    for (reply, times) in &sum.put_off {
        let _ = writeln!(text, "  {times:>6}  {reply}");
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_ses_does_each_mail_is_there_once_or_announced() {
    let (mails, seed) = (number_from("SESGATE_SOAK_MAILS", MAILS), number_from("SESGATE_SOAK_SEED", 1));
    let _ = writeln!(stderr(), "soak: {mails} mails, seed {seed}");
    let stand_in = StandIn::start(settings(mails, seed)).await.unwrap();
    for fault in FAULTS {
        stand_in.faults().add(fault.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), stand_in.login());
    let mut way = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
    way.retain(|(name, _)| !["SES_USER_NAME", "SES_PASSWORD"].contains(name));
    way.push(("SES_USER_NAME_FILE", folder.path().join("user_name").display().to_string()));
    way.push(("SES_PASSWORD_FILE", folder.path().join("password").display().to_string()));
    way.push(("SES_MAX_SEND_RATE", SENDING_RATE.to_string()));
    way.push(("DELIVERY_HOLD", "2s".to_owned()));
    way.push(("DELIVERY_IN_DOUBT_WAIT", "500ms".to_owned()));
    let relay = Relay::start(None, way, stand_in.ca_pem());
    let world = Arc::new(World {
        stand_in,
        relay: relay.address(),
        ledger: Mutex::default(),
        settled: AtomicUsize::new(0),
        lull: Mutex::new(Instant::now()),
        befell: Mutex::default(),
        rotations: AtomicUsize::new(0),
    });

    let mut dice = Dice::new(seed);
    let mut clients = JoinSet::new();
    let mut all: Vec<Vec<Mail>> = vec![Vec::new(); CLIENTS];
    for number in 0..mails {
        let recipients = if dice.between(0, 20) == 0 { 10 } else { 1 };
        let octets = dice.between(100, 20_000).try_into().unwrap();
        all[number % CLIENTS].push(Mail::new(number, SENDER, recipients, octets));
    }
    let begun = Instant::now();
    for mails in all {
        clients.spawn(send(Arc::clone(&world), mails, Dice::new(dice.between(0, u64::MAX))));
    }
    let disturbing = tokio::spawn(disturb(Arc::clone(&world), dice.clone()));
    let patience = Duration::from_mins(1) + PATIENCE_PER_MAIL * u32::try_from(mails).unwrap();
    let done = async {
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        while world.rotations.load(Ordering::Relaxed) == 0 {
            sleep(LOOK_AGAIN).await;
        }
    };
    let soaking = async {
        tokio::select! {
            () = done => {}
            () = rotate(&world, &relay, folder.path()) => {}
        }
    };
    if timeout(patience, soaking).await.is_err() {
        let (settled, rotations) = (&world.settled, world.rotations.load(Ordering::Relaxed));
        let answers = world.stand_in.answers();
        panic!(
            "{settled:?} of {mails} mails and {rotations} rotations after {patience:?}; SES said {answers:?}"
        );
    }
    disturbing.abort();
    let took = begun.elapsed();
    let sum = world.ledger.lock().unwrap().settle(mails, &world.stand_in.mailbox().mails(), &relay.records());
    relay.stop().await;
    let report = report(&world, &sum, seed, took);
    let lines = if mails > MAILS { usize::MAX } else { 1 };
    for line in report.lines().take(lines) {
        let _ = writeln!(stderr(), "{line}");
    }
}
