//! How long policies take: to decide about one mail, and to load.
//!
//! `cargo bench --bench policy`. What was measured is in README.md beside this.
#![expect(clippy::expect_used, reason = "what cannot be set up cannot be measured")]

#[path = "documents.rs"]
mod documents;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use documents::document;
use sesgate::policy::{Context, Document, Key, Policies, Principal, Request, Value};

const RESOURCE: &str = "arn:aws:ses:us-east-1:123456789012:identity/example.com";

criterion_group!(benches, decide, load);
criterion_main!(benches);

/// A mail that is allowed, so that no statement is spared: every Deny is asked and holds back.
fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let principal = Principal::parse("arn:aws:iam::123456789012:user/app").expect("a principal");
    for statements in [1, 10, 100, 1000] {
        let (document, _) = Document::parse("bench", &document(statements)).expect("a document");
        let policies = Policies::new(vec![Arc::new(document)]);
        for recipients in [1, 5, 50] {
            let context = context(recipients);
            let request = Request {
                principal: &principal,
                action: "ses:SendRawEmail",
                resource: RESOURCE,
                attached: RESOURCE,
                resource_account: "123456789012",
                context: &context,
            };
            let name = BenchmarkId::new(format!("{statements} statements"), recipients);
            group.bench_function(name, |bencher| bencher.iter(|| policies.decide(black_box(&request))));
        }
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let mut text = document(10);
    let mut statements = 10;
    while text.len() < 1_000_000 {
        statements = statements * 1_000_000 / text.len() + 1;
        text = document(statements);
    }
    let mut group = criterion.benchmark_group("load");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("1 MB", |bencher| {
        bencher.iter(|| Document::parse("bench", black_box(&text)).map(|(document, _)| document.kind()));
    });
    group.finish();
}

fn context(recipients: usize) -> Context<'static> {
    let mut context = Context::new();
    context.set(Key::FromAddress, Value::text("app@example.com"));
    context.set(Key::FeedbackAddress, Value::text("bounces@example.com"));
    context.set(Key::SourceIp, Value::from(std::net::IpAddr::from([10, 0, 5, 7])));
    let addresses = (0..recipients).map(|number| Value::text(format!("someone{number}@example.net")));
    context.set_all(Key::Recipients, addresses);
    context
}
