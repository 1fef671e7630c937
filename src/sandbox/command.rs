//! One line of a client, read as `SubEthaSMTP` reads it: by its first four letters, and leniently.

/// What the client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Ehlo(String),
    Helo(String),
    StartTls { parameters: String },
    Auth { mechanism: String, initial_response: Option<String> },
    Mail { parameters: String },
    Recipient { parameters: String },
    Data,
    Reset,
    Noop,
    Quit,
    Verify,
    TooShort,
    Unknown,
}

impl Command {
    pub fn parse(line: &str) -> Self {
        let (verb, parameters) = match line.split_at_checked(4) {
            Some((verb, parameters)) => (verb.to_ascii_uppercase(), parameters.trim()),
            None if line.len() < 4 => return Self::TooShort,
            None => return Self::Unknown,
        };
        let first_word = line.split_ascii_whitespace().next().unwrap_or_default();
        let argument = line.split_ascii_whitespace().nth(1).unwrap_or_default();
        match verb.as_str() {
            "EHLO" => Self::Ehlo(argument.to_owned()),
            "HELO" => Self::Helo(argument.to_owned()),
            "AUTH" => Self::Auth {
                mechanism: argument.to_ascii_uppercase(),
                initial_response: line.split_ascii_whitespace().nth(2).map(str::to_owned),
            },
            "MAIL" => Self::Mail { parameters: parameters.to_owned() },
            "RCPT" => Self::Recipient { parameters: parameters.to_owned() },
            "DATA" => Self::Data,
            "RSET" => Self::Reset,
            "NOOP" => Self::Noop,
            "QUIT" => Self::Quit,
            "VRFY" => Self::Verify,
            _ if first_word.eq_ignore_ascii_case("STARTTLS") => {
                Self::StartTls { parameters: argument.to_owned() }
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn a_command_is_known_by_its_first_four_letters() {
        for (line, command) in [
            ("ehlo app", Command::Ehlo("app".to_owned())),
            ("EHLO", Command::Ehlo(String::new())),
            ("quitting", Command::Quit),
            ("starttls", Command::StartTls { parameters: String::new() }),
            ("STARTLED", Command::Unknown),
            ("mail FROM: a@b", Command::Mail { parameters: "FROM: a@b".to_owned() }),
            (
                "auth plain AGE=",
                Command::Auth { mechanism: "PLAIN".to_owned(), initial_response: Some("AGE=".to_owned()) },
            ),
            ("", Command::TooShort),
            ("éé", Command::Unknown),
            ("aéé", Command::Unknown),
        ] {
            assert_eq!(Command::parse(line), command, "{line}");
        }
    }
}
