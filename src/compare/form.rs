//! The form that a text of a mail must have, as a small automaton: what no mail can hold tells no mails apart.

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As `mail::Address` takes it, its lengths and A-labels aside.
    Address,
    /// A display name: not empty, without control characters, no white space at its ends.
    Phrase,
    /// Letters, digits, `-` and `_`: the names of apps, listeners, configuration sets, networks.
    Name,
}

/// How far a text has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    #[default]
    Start,
    /// Within an atom of a local part, a phrase or a name.
    Within,
    /// Behind the `.` of a local part, or the space of a phrase.
    Between,
    /// At the first character of a label.
    LabelStart,
    /// Within a label that so far is digits; a top-level one may not end so.
    LabelDigits,
    Label,
    LabelHyphen,
}

/// RFC 5322 section 3.2.3, less the letters and digits, and `%` and `!`, which once meant routing.
const ATEXT_MARKS: &str = "_+='/?^`{|}~#$&*";

impl Form {
    pub fn step(self, state: State, character: char) -> Option<State> {
        match self {
            Self::Address => step_address(state, character),
            Self::Phrase => match (state, character) {
                (State::Start | State::Between, ' ') => None,
                (_, ' ') => Some(State::Between),
                _ if is_deceptive(character) => None,
                _ => Some(State::Within),
            },
            Self::Name => {
                let is_part = character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
                is_part.then_some(State::Within)
            }
        }
    }

    pub fn accepts(self, state: State) -> bool {
        match self {
            Self::Address => state == State::Label,
            Self::Phrase | Self::Name => state == State::Within,
        }
    }

    /// Characters that the form treats alike, those first that are good to read.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Address => &[
                "abcdefghijklmnopqrstuvwxyz",
                "@",
                ".",
                "1234567890",
                "-",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                ATEXT_MARKS,
            ],
            // One letter of many scripts: no policy names them all.
            Self::Phrase => &["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzéñøжλ日本語", " "],
            Self::Name => &["abcdefghijklmnopqrstuvwxyz1234567890-_ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
        }
    }

    /// Texts that people recognise.
    pub fn ordinary(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["someone@elsewhere.example"],
            Self::Phrase => &["Someone Else"],
            Self::Name => &["another"],
        }
    }
}

/// What a display name may not hold: controls, line separators, overrides of the direction of text.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn step_address(state: State, character: char) -> Option<State> {
    let is_atext = character.is_ascii_alphanumeric() || character == '-' || ATEXT_MARKS.contains(character);
    match (state, character) {
        (State::Within, '@') | (State::Label | State::LabelDigits, '.') => Some(State::LabelStart),
        (State::Within, '.') => Some(State::Between),
        (State::Start | State::Within | State::Between, _) => is_atext.then_some(State::Within),
        (State::Label | State::LabelDigits | State::LabelHyphen, '-') => Some(State::LabelHyphen),
        (State::LabelStart | State::LabelDigits, '0'..='9') => Some(State::LabelDigits),
        // The domain is in lower case by the time anyone compares it.
        (_, 'a'..='z' | '0'..='9') => Some(State::Label),
        _ => None,
    }
}
