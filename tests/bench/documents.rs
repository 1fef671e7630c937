//! Policy documents of any number of statements.

use std::fmt::Write as _;

/// One Allow, and Deny statements of the kinds that people write, none of which holds.
pub fn document(statements: usize) -> String {
    let mut text = String::from(
        r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Allow", "Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}"#,
    );
    for number in 1..statements {
        let condition = match number % 4 {
            0 => format!(r#""StringLike": {{"ses:FromAddress": "blocked{number}@*"}}"#),
            1 => format!(r#""ForAnyValue:StringLike": {{"ses:Recipients": "*@blocked{number}.example"}}"#),
            2 => format!(r#""IpAddress": {{"aws:SourceIp": "172.16.{}.0/24"}}"#, number % 256),
            _ => format!(r#""StringNotLike": {{"ses:FeedbackAddress": ["*@example.com", "x{number}@*"]}}"#),
        };
        write!(
            text,
            ",\n  {{\"Sid\": \"Deny{number}\", \"Effect\": \"Deny\", \"Action\": [\"ses:SendEmail\", \
             \"ses:SendRawEmail\"], \"Resource\": \"*\", \"Condition\": {{{condition}}}}}"
        )
        .expect("a string takes all");
    }
    text + "\n]}\n"
}
