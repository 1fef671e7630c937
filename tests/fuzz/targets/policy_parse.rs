//! No text makes the policy parser panic, and what it points at lies within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesgate::policy::Document;

fuzz_target!(|text: &str| {
    let findings = match Document::parse("fuzz", text) {
        Ok((_, findings)) | Err(findings) => findings,
    };
    for finding in findings {
        assert!(finding.span.start <= finding.span.end && finding.span.end <= text.len(), "{finding:?}");
    }
});
