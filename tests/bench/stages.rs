//! What each stage of a mail's path takes of a processor, so that a regression has a name. Sockets are not part of it.
//!
//! `cargo bench --bench stages`. README.md beside this says which stage is what, and what was measured.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up cannot be measured")]

#[path = "documents.rs"]
mod documents;
#[path = "letter.rs"]
mod letter;

mod stages {
    pub mod ses;
}

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sesgate::gate::{
    AppSettings, Case, DecisionId, Enforcement, Gate, IdentityName, Occasion, PermittedMail, RecipientsScope,
    Settings,
};
use sesgate::inspect::{self, AddedField, Edits, Findings, Limits, Protocol, Received};
use sesgate::mail::{
    Address, Client, Dialect, Envelope, Evidence, Greeting, KnownApp, Message, ReversePath, Submission,
    Transport,
};
use sesgate::policy::Document;
use sesgate::smtp::{self, Command, MessageReader, take_line};
use sesgate::upstream::Progress;
use tokio::runtime::Builder;

const KIB_10: usize = 10 << 10;
const MB_10: usize = 10_000_000;
/// What one read of a socket brings.
const PIECE_OCTETS: usize = 64 << 10;

criterion_group!(benches, line, data, inspect, facts_and_decision, edit, judge, upstream);
criterion_main!(benches);

/// The commands of one mail, read.
fn line(criterion: &mut Criterion) {
    let commands = letter::commands(1).concat();
    let read = |mut input: BytesMut| {
        while let Some(line) = take_line(&mut input, 2048) {
            black_box(Command::parse(&line.expect("a line"))).expect("a command");
        }
    };
    criterion.bench_function("line", |bencher| {
        bencher.iter_batched(|| BytesMut::from(commands.as_str()), read, BatchSize::SmallInput);
    });
}

/// A message, framed.
fn data(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("data");
    for (name, octets) in [("10 KiB", KIB_10), ("10 MB", MB_10)] {
        let message = letter::message(octets);
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| pieces(&message), read, BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// A header, read.
fn inspect(criterion: &mut Criterion) {
    let header = header();
    criterion.bench_function("inspect", |bencher| bencher.iter(|| findings(black_box(&header))));
}

/// A mail in the policy's words, and what one statement says of it.
fn facts_and_decision(criterion: &mut Criterion) {
    let (gate, header, submission) = (gate(), header(), submission());
    let findings = findings(&header);
    let now = SystemTime::now();
    criterion.bench_function("facts and decision", |bencher| {
        bencher.iter(|| {
            let opinion = gate.opinion(&Case::new(black_box(&submission), &findings, now));
            assert!(opinion.refusal.is_none());
        });
    });
}

/// The header that goes on, written.
fn edit(criterion: &mut Criterion) {
    let (header, added) = (header(), [received()]);
    let findings = findings(&header);
    let edits = Edits { pass_headers: &[], added: &added };
    criterion.bench_function("edit", |bencher| bencher.iter(|| inspect::edit(&findings, black_box(&edits))));
}

/// All that becomes of a mail between its last octet and its first word to SES.
fn judge(criterion: &mut Criterion) {
    let gate = gate();
    criterion.bench_function("judge", |bencher| {
        bencher.iter_batched(submission, |submission| permit(&gate, submission), BatchSize::SmallInput);
    });
}

/// A permitted mail, said to an SES that answers at once.
fn upstream(criterion: &mut Criterion) {
    let gate = gate();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let upstream = {
        let _runtime = runtime.enter();
        stages::ses::upstream()
    };
    let mail = permit(&gate, submission());
    criterion.bench_function("upstream", |bencher| {
        bencher.iter(|| {
            let progress = Progress::default();
            let delivery = runtime.block_on(upstream.deliver("default", &mail, &progress));
            assert!(delivery.outcome.may_be_sent(), "{}", delivery.outcome);
        });
    });
}

/// As they come off a socket.
fn pieces(message: &[u8]) -> Vec<BytesMut> {
    message.chunks(PIECE_OCTETS).map(BytesMut::from).collect()
}

fn read(pieces: Vec<BytesMut>) -> Message {
    let mut reader = MessageReader::new(&smtp::Settings::default());
    let mut input = BytesMut::new();
    for piece in pieces {
        input.unsplit(piece);
        if let smtp::Progress::Done(message) = reader.read(&mut input) {
            return message.expect("a message");
        }
    }
    panic!("it has a final dot")
}

fn header() -> Bytes {
    submission().message.header().clone()
}

fn findings(header: &[u8]) -> Findings<'_> {
    inspect::inspect(header, &Limits::default()).expect("a header without defect")
}

fn permit(gate: &Gate, submission: Submission) -> PermittedMail {
    let header = submission.message.header().clone();
    let occasion = Occasion { now: SystemTime::now(), decision: DecisionId::new(1, 1), received: received() };
    gate.judge(submission, &findings(&header), occasion).ruling.expect("a permit")
}

fn received() -> AddedField {
    Received {
        greeting_name: "app.test",
        client: [10, 0, 5, 7].into(),
        hostname: "sesgate",
        protocol: Protocol::Esmtp,
        id: "01KAZZZZZZZZZZZZ",
        date: "Thu, 1 Jan 2026 09:30:00 +0000",
    }
    .field()
}

fn submission() -> Submission {
    let address = |text| Address::parse(text).expect("an address");
    let sender = ReversePath::Mailbox(address("app@example.com"));
    Submission {
        app: KnownApp { name: "default".into(), by: Evidence::Network },
        client: Client::new(([10, 0, 5, 7], 4711).into(), "default".into(), Transport::Plain),
        greeting: Greeting { name: "app.test".to_owned(), dialect: Dialect::Esmtp },
        envelope: Envelope::new(sender, vec![address("someone0@example.com")]).expect("a recipient"),
        message: read(pieces(&letter::message(KIB_10))),
    }
}

fn gate() -> Gate {
    let settings = Settings {
        region: "us-east-1".to_owned(),
        other_regions: Vec::new(),
        account_id: "123456789012".to_owned(),
        identities: vec![IdentityName::parse("example.com").expect("an identity")],
        configuration_set: None,
        pass_headers: Vec::new(),
        bounce_address: None,
        recipients: RecipientsScope::EnvelopeAndHeader,
        source_vpc: None,
        source_vpce: None,
        enforcement: Enforcement::Enforced,
        apps: vec![AppSettings { name: "default".to_owned(), ..AppSettings::default() }],
    };
    let (document, _) = Document::parse("bench", &documents::document(1)).expect("a document");
    Gate::new(settings, vec![Arc::new(document)]).expect("a gate")
}
