//! What became of the tests, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cli::paint::{Paint, Tone};
use crate::cli::test::coverage::Covered;
use crate::cli::test::{CaseResult, Results};

pub fn text(results: &Results, paint: Paint) -> String {
    let mut text = String::new();
    // Writing into memory cannot fail.
    let mut line = |words: &str| {
        let _ = writeln!(text, "{words}");
    };
    let mut file = "";
    for case in &results.cases {
        if case.file != file {
            file = &case.file;
            line(&paint.tint(Tone::Heading, file));
        }
        let CaseResult { name, differences, reply, line: number, .. } = case;
        if differences.is_empty() {
            line(&format!("  {}    {name}", paint.tint(Tone::Good, "ok")));
            continue;
        }
        line(&format!("  {}  {name} (line {number})", paint.tint(Tone::Bad, "FAIL")));
        for difference in differences {
            line(&format!("        {difference}"));
        }
        line(&format!("        the client hears: {reply}"));
    }
    let failed = results.failed();
    let passed = results.cases.len().saturating_sub(failed);
    let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
    line("");
    line(&paint.tint(tone, &format!("{passed} passed, {failed} failed")));

    let coverage = &results.coverage;
    let tone = if results.is_covered() { Tone::Good } else { Tone::Bad };
    let (decided, total, percent) = (coverage.decided(), coverage.total(), coverage.percent());
    let mut words = format!("{decided} of {total} statements decide a test ({percent} %)");
    if let Some(min) = results.coverage_min.filter(|_| !results.is_covered()) {
        let _ = write!(words, ", fewer than {min} %");
    }
    line(&paint.tint(tone, &words));
    for Covered { name, document, line: number, matched, .. } in
        coverage.statements().filter(|covered| covered.decided == 0)
    {
        let how = match matched {
            0 => "no test matches it".to_owned(),
            1 => "one test matches it, where another decides".to_owned(),
            several => format!("{several} tests match it, where others decide"),
        };
        line(&format!("  {name}, {document}:{number}: {how}"));
    }
    text
}

pub fn json(results: &Results) -> Value {
    let failed = results.failed();
    let case = |case: &CaseResult| {
        json!({
            "file": case.file,
            "line": case.line,
            "name": case.name,
            "passed": case.differences.is_empty(),
            "differences": case.differences,
            "reply": case.reply,
        })
    };
    let statement = |covered: &Covered| {
        json!({
            "document": covered.document,
            "line": covered.line,
            "name": covered.name,
            "decided": covered.decided,
            "matched": covered.matched,
        })
    };
    let coverage = &results.coverage;
    json!({
        "passed": results.cases.len().saturating_sub(failed),
        "failed": failed,
        "cases": results.cases.iter().map(case).collect::<Vec<_>>(),
        "coverage": {
            "statements": coverage.total(),
            "decided": coverage.decided(),
            "percent": coverage.percent(),
            "sufficient": results.is_covered(),
            "each": coverage.statements().map(statement).collect::<Vec<_>>(),
        },
    })
}
