//! What a mail costs, and how long it takes: the relay in a process of its own, between clients and a sink of this one,
//! beside a blind proxy in the same place.
//!
//! `cargo bench --bench load -- --help`. README.md beside this says how to read what it prints, and what was measured.
//! `SESGATE_PROGRAM` measures a program built elsewhere.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up cannot be measured")]

#[path = "certificate.rs"]
mod certificate;
#[path = "client.rs"]
mod client;
#[path = "descriptors.rs"]
mod descriptors;
#[path = "documents.rs"]
mod documents;
#[path = "letter.rs"]
mod letter;
#[path = "process.rs"]
mod process;
#[path = "relay.rs"]
mod relay;

mod load {
    pub mod drive;
    pub mod figures;
    pub mod measure;
    pub mod peers;
    pub mod proxy;
    pub mod scenarios;
    pub mod sink;
    pub mod soak;
}

use std::time::Duration;

use clap::Parser;
use load::figures::{Figures, print_header, say};
use load::measure::measure;
use load::peers::Standing;
use load::proxy;
use load::scenarios::{Load, SCENARIOS, Scenario};
use load::sink::Sink;
use load::soak::soak;

#[derive(Parser)]
struct Options {
    /// Scenarios by name, or by its part before a hyphen; without any, all but `soak`
    names: Vec<String>,
    /// How often each is measured; what is told is the median
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long one measurement takes, beside its warm-up
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Tells the names, and measures nothing
    #[arg(long)]
    list: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, address, target] = words.as_slice()
        && word == proxy::OWN
    {
        let parse = |text: &String| text.parse().expect("an address");
        return runtime.block_on(proxy::run(parse(address), parse(target)));
    }
    let options = Options::parse();
    if options.list {
        return SCENARIOS.iter().for_each(|scenario| say(scenario.name));
    }
    descriptors::raise();
    let is_meant = |scenario: &Scenario, name: &String| {
        scenario.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let is_wanted = |scenario: &&Scenario| {
        let is_named = options.names.iter().any(|name| is_meant(scenario, name));
        is_named || (options.names.is_empty() && !scenario.is_long())
    };
    say(&format!("the blind proxy is {}", proxy::name()));
    for scenario in SCENARIOS.iter().filter(is_wanted) {
        runtime.block_on(compare(scenario, &options));
    }
}

/// All peers of a scenario in turns, the other way round in every second round, so that what else happens on the
/// machine befalls them alike.
async fn compare(scenario: &Scenario, options: &Options) {
    let sink = Sink::open(scenario.ses).await;
    if let Load::Soak(mails) = scenario.load {
        return soak(mails, scenario, &sink).await;
    }
    let mut standing = Vec::new();
    for peer in scenario.peers {
        standing.push((Standing::start(*peer, &sink).await, Vec::new()));
    }
    for round in 0..options.rounds {
        let during = Duration::from_secs_f64(options.seconds);
        for index in 0..standing.len() {
            let index = if round % 2 == 0 { index } else { standing.len() - 1 - index };
            let (peer, rounds) = standing.get_mut(index).expect("a peer");
            rounds.push(measure(peer, scenario, &sink, during).await);
        }
    }
    print(scenario, &standing, sink.overshoot());
}

fn print(scenario: &Scenario, standing: &[(Standing, Vec<Figures>)], overshoot: f64) {
    say("");
    print_header(scenario.name);
    for (standing, rounds) in standing {
        Figures::median(rounds).print(standing.peer.name());
    }
    let Some(((first, baseline), others)) = standing.split_first() else { return };
    for (standing, rounds) in others {
        let ratios: Vec<Figures> =
            rounds.iter().zip(baseline).map(|(own, baseline)| own.of(*baseline)).collect();
        let name = format!("  {} / {}", standing.peer.name(), first.peer.name());
        Figures::median(&ratios).print_ratio(&name);
    }
    for (standing, rounds) in standing {
        if let (Some(bound), Some(rate)) =
            (scenario.bound(overshoot), Figures::median(rounds).mails_per_second())
        {
            let name = standing.peer.name();
            say(&format!("  {name}: {:.2} of the {bound:.0} mails/s that SES's delays allow", rate / bound));
        }
    }
}
