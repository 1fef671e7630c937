//! Deciding never panics, and agrees with the trace that tools show. A document, then values between NULs.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sesgate::policy::{Context, Document, Key, Policies, Principal, Request, Value, Verdict};

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let Ok((document, _)) = Document::parse_leniently("fuzz", parts.next().unwrap_or_default()) else {
        return;
    };
    let policies = Policies::new(vec![Arc::new(document)]);
    let resource = parts.next().unwrap_or("arn:aws:ses:us-east-1:123456789012:identity/example.com");
    let principal = Principal::parse("arn:aws:iam::123456789012:user/app").unwrap();
    let mut context = Context::new();
    for (key, value) in Key::ALL.into_iter().filter(|key| !key.is_multivalued()).zip(&mut parts) {
        context.set(key, Value::text(value));
    }
    context.set_all(Key::Recipients, parts.map(Value::text));
    let trace = policies.trace(&Request {
        principal: &principal,
        action: "ses:SendRawEmail",
        resource,
        attached: resource,
        resource_account: "123456789012",
        context: &context,
    });
    let is_named = trace.decision.statement.is_some_and(|statement| trace.matched.contains(&statement));
    assert_eq!(trace.decision.verdict != Verdict::ImplicitDeny, is_named, "{trace:?}");
});
