//! What became of the tests, as the XML of `JUnit`, which every continuous integration reads: a suite for each file,
//! and one for the coverage if a least one is wanted.

use std::fmt::Write;

use crate::cli::test::{CaseResult, Results};

pub fn render(results: &Results) -> String {
    let mut suites = String::new();
    let mut tests = results.cases.len();
    let mut failures = results.failed();
    for cases in results.cases.chunk_by(|one, other| one.file == other.file) {
        suites.push_str(&suite(cases));
    }
    if let Some(min) = results.coverage_min {
        let name = format!("at least {min} % of the statements decide a test");
        let coverage = &results.coverage;
        let found = format!("{} of {} statements decide a test", coverage.decided(), coverage.total());
        let differences = if results.is_covered() { Vec::new() } else { vec![found] };
        tests += 1;
        failures += differences.len();
        let case =
            CaseResult { file: "coverage".to_owned(), line: 0, name, differences, reply: String::new() };
        suites.push_str(&suite(&[case]));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"sesgate test\" tests=\"{tests}\" failures=\"{failures}\">\n{suites}</testsuites>\n"
    )
}

fn suite(cases: &[CaseResult]) -> String {
    let file = cases.first().map(|case| escaped(&case.file)).unwrap_or_default();
    let failures = cases.iter().filter(|case| !case.differences.is_empty()).count();
    let mut text =
        format!("  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failures}\">\n", cases.len());
    for CaseResult { name, differences, reply, line, .. } in cases {
        let name = escaped(name);
        // Writing into memory cannot fail.
        let _ = write!(
            text,
            "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
        );
        if differences.is_empty() {
            text.push_str("/>\n");
            continue;
        }
        let (message, reply) = (escaped(&differences.join("; ")), escaped(reply));
        let _ = write!(text, ">\n      <failure message=\"{message}\">{reply}</failure>\n");
        text.push_str("    </testcase>\n");
    }
    text.push_str("  </testsuite>\n");
    text
}

/// XML 1.0 has no way to write most control characters, not even escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push(' '),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_would_be_markup_or_is_no_xml_is_escaped() {
        assert_eq!(escaped("a<b> & \"c\"\u{0}"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}");
    }
}
