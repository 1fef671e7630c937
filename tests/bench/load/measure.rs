//! One run of one peer: what its mails took, and what it took meanwhile.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::load::drive::{Sent, drive};
use crate::load::figures::{Figures, quantile, ratio};
use crate::load::peers::Standing;
use crate::load::scenarios::{Load, Peer, Scenario};
use crate::load::sink::{Sink, Taken};

/// Connections are opened and buffers grow before anything counts.
const WARM_UP: Duration = Duration::from_millis(500);
const STARTS: usize = 10;

/// How things stand at one moment.
struct Moment {
    at: Instant,
    processor_time: Option<Duration>,
    taken: Taken,
}

pub async fn measure(standing: &Standing, scenario: &Scenario, sink: &Sink, during: Duration) -> Figures {
    match scenario.load {
        Load::Start => starts(standing.peer, sink).await,
        Load::Idle(connections) => {
            let crowd = standing.way.crowd(0..connections).await;
            let figures = load(standing, scenario, sink, during).await;
            assert_eq!(crowd.len(), connections);
            figures
        }
        Load::Closed(_) | Load::Fresh(_) | Load::Open(_) | Load::Soak(_) => {
            load(standing, scenario, sink, during).await
        }
    }
}

async fn load(standing: &Standing, scenario: &Scenario, sink: &Sink, during: Duration) -> Figures {
    let taken_before = sink.taken().mails;
    let begin = Instant::now() + WARM_UP;
    let end = begin + during;
    let driving = tokio::spawn(drive(standing.way.clone(), scenario.load, scenario.mail, end));
    sleep_until(begin.into()).await;
    let before = Moment::now(standing, sink);
    sleep_until(end.into()).await;
    let after = Moment::now(standing, sink);
    let resident_kb = standing.resident_kb();
    let sent = driving.await.expect("clients without fault");
    assert_eq!(sink.taken().mails - taken_before, sent.len(), "what clients heard of, and what SES has");

    let (mails, times) = within(&sent, &before, &after);
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let processor_time =
        after.processor_time.zip(before.processor_time).map(|(after, before)| after.saturating_sub(before));
    let connections = after.taken.connections - before.taken.connections;
    Figures([
        ratio(times.len(), seconds),
        processor_time.map(|time| time.as_secs_f64() * 1000.0 / mails),
        quantile(&times, 500),
        quantile(&times, 990),
        quantile(&times, 999),
        resident_kb.and_then(|resident_kb| ratio(resident_kb, 1000.0 / 1.024)),
        ratio(connections, mails),
    ])
}

/// The mails that were answered between two moments: how many, and the times that they took, in order.
fn within(sent: &[Sent], before: &Moment, after: &Moment) -> (f64, Vec<Duration>) {
    let answered = sent.iter().filter(|sent| (before.at..after.at).contains(&sent.answered));
    let mut times: Vec<Duration> = answered.map(|sent| sent.took).collect();
    times.sort_unstable();
    (f64::from(u32::try_from(times.len()).expect("fewer mails")), times)
}

/// From start to first answer.
async fn starts(peer: Peer, sink: &Sink) -> Figures {
    let (mut times, mut processor_times, mut resident) = (Vec::new(), Vec::new(), None);
    for _ in 0..STARTS {
        let begun = Instant::now();
        let started = Standing::start(peer, sink).await;
        let _client = started.way.connect([127, 0, 0, 1].into()).await;
        times.push(begun.elapsed());
        processor_times.extend(started.processor_time());
        resident = started.resident_kb();
    }
    times.sort_unstable();
    processor_times.sort_unstable();
    Figures([
        None,
        quantile(&processor_times, 500),
        quantile(&times, 500),
        quantile(&times, 990),
        quantile(&times, 999),
        resident.and_then(|resident_kb| ratio(resident_kb, 1000.0 / 1.024)),
        None,
    ])
}

impl Moment {
    fn now(standing: &Standing, sink: &Sink) -> Self {
        Self { processor_time: standing.processor_time(), taken: sink.taken(), at: Instant::now() }
    }
}
