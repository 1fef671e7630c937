//! From the audit record of a mail to the spans of its trace: `mail`, and in it a span for each step, one behind the
//! other. What they say is named as it is in the record, with `sesgate.` before it.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::telemetry::{Record, Steps};

/// The trace of the mail that a record is about.
pub(super) fn of(record: &Record<'_>, trace: TraceId, ids: &RandomIdGenerator) -> Vec<SpanData> {
    let Steps { inspect_microseconds, judge_microseconds, deliver_microseconds } = record.steps;
    let [inspected, judged, delivered] =
        [inspect_microseconds, judge_microseconds, deliver_microseconds].map(Duration::from_micros);
    let begun = record.time.parse::<Timestamp>().map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
    let (inspected, mail) = (begun + inspected, ids.new_span_id());
    let (judged, settled) = (inspected + judged, inspected + judged + delivered);
    let step = |name, kind, from, to, status, attributes| {
        span(Span { name, kind, from, to, status, attributes }, context(trace, ids.new_span_id()), mail)
    };
    let root = Span {
        name: "mail",
        kind: SpanKind::Server,
        from: begun,
        to: settled,
        status: of_reply(record),
        attributes: of_mail(record),
    };
    let mut spans = vec![
        span(root, context(trace, mail), SpanId::INVALID),
        step("inspect", SpanKind::Internal, begun, inspected, Status::Unset, Vec::new()),
        step("judge", SpanKind::Internal, inspected, judged, Status::Unset, of_judgement(record)),
    ];
    // What was not permitted was not delivered.
    if record.ses_mail_from.is_some() {
        let status = match record.ses_message_id {
            Some(_) => Status::Unset,
            None => Status::error(record.outcome.clone().into_owned()),
        };
        spans.push(step("deliver", SpanKind::Client, judged, settled, status, of_delivery(record)));
    }
    spans
}

/// What differs between spans.
struct Span {
    name: &'static str,
    kind: SpanKind,
    from: SystemTime,
    to: SystemTime,
    status: Status,
    attributes: Vec<KeyValue>,
}

fn span(span: Span, span_context: SpanContext, parent_span_id: SpanId) -> SpanData {
    SpanData {
        span_context,
        parent_span_id,
        parent_span_is_remote: false,
        span_kind: span.kind,
        name: span.name.into(),
        start_time: span.from,
        end_time: span.to,
        attributes: span.attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.status,
        instrumentation_scope: InstrumentationScope::builder("sesgate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

/// A mail that is refused is no error of the relay; one that it put off is.
fn of_reply(record: &Record<'_>) -> Status {
    if record.reply.starts_with('4') {
        Status::error(record.outcome.clone().into_owned())
    } else {
        Status::Unset
    }
}

fn of_mail(record: &Record<'_>) -> Vec<KeyValue> {
    let always = [
        ("sesgate.decision_id", text(&record.decision_id)),
        ("sesgate.app", text(&record.app)),
        ("sesgate.known_by", text(&record.known_by)),
        ("sesgate.client", text(&record.client)),
        ("sesgate.listener", text(&record.listener)),
        ("sesgate.tls", record.tls.into()),
        ("sesgate.mail_from", text(&record.mail_from)),
        ("sesgate.recipients", number(record.recipients.len())),
        ("sesgate.octets", number(record.octets)),
        ("sesgate.effect", text(record.effect.word())),
        ("sesgate.enforced", record.enforced.into()),
        ("sesgate.outcome", text(&record.outcome)),
        ("sesgate.reply", text(&record.reply)),
    ];
    let if_known = [("sesgate.from", record.from.as_deref()), ("sesgate.repeats", record.repeats.as_deref())];
    attributes(always, if_known)
}

fn of_judgement(record: &Record<'_>) -> Vec<KeyValue> {
    attributes([("sesgate.effect", text(record.effect.word()))], [("sesgate.statement", record.statement())])
}

fn of_delivery(record: &Record<'_>) -> Vec<KeyValue> {
    let if_known = [
        ("sesgate.ses_endpoint", record.ses_endpoint.as_deref()),
        ("sesgate.ses_session", record.ses_session.as_deref()),
        ("sesgate.ses_message_id", record.ses_message_id.as_deref()),
    ];
    attributes([("sesgate.outcome", text(&record.outcome))], if_known)
}

fn attributes<const N: usize, const M: usize>(
    always: [(&'static str, Value); N],
    if_known: [(&'static str, Option<&str>); M],
) -> Vec<KeyValue> {
    let if_known = if_known.into_iter().filter_map(|(name, value)| Some((name, text(value?))));
    always.into_iter().chain(if_known).map(|(name, value)| KeyValue::new(name, value)).collect()
}

fn text(text: &str) -> Value {
    text.to_owned().into()
}

fn number(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
