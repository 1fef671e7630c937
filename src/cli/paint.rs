//! Colour for what a terminal shows, and none for pipes, files and whoever sets `NO_COLOR`.

use std::io::{IsTerminal, stdout};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Colours,
    Plain,
}

/// What a piece of text is, so that it can look like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Heading,
    Good,
    Bad,
    /// Less important than what stands around it.
    Quiet,
}

impl Paint {
    /// For standard output.
    pub fn detect() -> Self {
        // <https://no-color.org>: set, and not to an empty text.
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stdout().is_terminal() && !is_unwanted { Self::Colours } else { Self::Plain }
    }

    pub fn tint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        match self {
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Paint, Tone};

    #[test]
    fn only_a_terminal_sees_colours() {
        assert_eq!(Paint::Plain.tint(Tone::Bad, "no"), "no");
        assert_eq!(Paint::Colours.tint(Tone::Bad, "no"), "\u{1b}[31mno\u{1b}[0m");
    }
}
