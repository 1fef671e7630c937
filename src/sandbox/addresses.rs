//! Reads addresses as leniently as `SubEthaSMTP` and `JavaMail` do, so that the stand-in takes what SES takes.

use crate::sandbox::answer::AddressFault;

/// The path of MAIL or RCPT, of which the brackets may be missing; what follows it is parameters.
pub fn path(text: &str) -> &str {
    let text = text.trim_start();
    let path = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>').map_or(rest, |(path, _)| path),
        None => text.split_ascii_whitespace().next().unwrap_or_default(),
    };
    path.trim()
}

/// The bare addresses of a header field: without display names, comments, and names of groups.
pub fn list(value: &str) -> Result<Vec<String>, AddressFault> {
    let mut reader = Reader::default();
    for letter in value.chars() {
        reader.take(letter)?;
    }
    reader.finish()
}

/// Whether a text is `local@domain`, as far as `JavaMail` looks.
pub fn check(address: &str) -> Result<(), AddressFault> {
    if address.is_empty() {
        return Err(AddressFault::Empty);
    }
    let (local, domain) = address.rsplit_once('@').ok_or(AddressFault::NoDomain)?;
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    if domain.is_empty() {
        Err(AddressFault::NoDomain)
    } else if local.is_empty() {
        Err(AddressFault::NoLocalPart)
    } else if local.contains(char::is_control) || !is_quoted && local.contains(is_blank) {
        Err(AddressFault::BlankInLocalPart)
    } else if domain.contains(is_blank) {
        Err(AddressFault::BlankInDomain)
    } else {
        Ok(())
    }
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control()
}

/// Where the reader of a field stands.
#[derive(Debug, Default)]
struct Reader {
    place: Place,
    is_escaped: bool,
    /// What stands outside of brackets and comments: a display name, or an address without brackets.
    words: String,
    bracketed: Option<String>,
    addresses: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Words,
    Quote,
    Bracket,
    Comment {
        depth: u32,
    },
}

impl Reader {
    fn take(&mut self, letter: char) -> Result<(), AddressFault> {
        if std::mem::take(&mut self.is_escaped) {
            self.keep(letter);
            return Ok(());
        }
        match (self.place, letter) {
            (Place::Quote | Place::Comment { .. }, '\\') => {
                self.is_escaped = true;
                self.keep(letter);
            }
            (Place::Words, '"') => {
                self.place = Place::Quote;
                self.keep(letter);
            }
            (Place::Quote, '"') => {
                self.keep(letter);
                self.place = Place::Words;
            }
            (Place::Words, '(') => self.place = Place::Comment { depth: 1 },
            (Place::Comment { depth }, '(') => {
                self.place = Place::Comment { depth: depth.saturating_add(1) };
            }
            (Place::Comment { depth: 1 }, ')') | (Place::Bracket, '>') => self.place = Place::Words,
            (Place::Comment { depth }, ')') => {
                self.place = Place::Comment { depth: depth.saturating_sub(1) };
            }
            (Place::Words, '<') => {
                self.place = Place::Bracket;
                self.bracketed = Some(String::new());
            }
            // RFC 5322 section 3.4: what stands before a colon is the name of a group.
            (Place::Words, ':') => self.words.clear(),
            (Place::Words, ',' | ';') => self.end_mailbox()?,
            (Place::Words | Place::Quote | Place::Bracket | Place::Comment { .. }, _) => self.keep(letter),
        }
        Ok(())
    }

    fn keep(&mut self, letter: char) {
        match (self.place, &mut self.bracketed) {
            (Place::Words | Place::Quote, _) => self.words.push(letter),
            (Place::Bracket, Some(bracketed)) => bracketed.push(letter),
            (Place::Bracket, None) | (Place::Comment { .. }, _) => {}
        }
    }

    fn end_mailbox(&mut self) -> Result<(), AddressFault> {
        let words = std::mem::take(&mut self.words);
        let address = match self.bracketed.take() {
            Some(bracketed) => bracketed.trim().to_owned(),
            None if words.trim().is_empty() => return Ok(()),
            None => words.trim().to_owned(),
        };
        check(&address)?;
        self.addresses.push(address);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<String>, AddressFault> {
        match self.place {
            Place::Words => {
                self.end_mailbox()?;
                Ok(self.addresses)
            }
            Place::Quote => Err(AddressFault::OpenQuote),
            Place::Bracket => Err(AddressFault::OpenBracket),
            Place::Comment { .. } => Err(AddressFault::OpenComment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{list, path};
    use crate::sandbox::answer::AddressFault;

    #[test]
    fn a_path_needs_neither_brackets_nor_a_missing_space() {
        for text in ["<a@b.test>", " <a@b.test> BODY=8BITMIME", "a@b.test", " a@b.test SIZE=44"] {
            assert_eq!(path(text), "a@b.test", "{text}");
        }
        assert_eq!(path("<>"), "");
    }

    #[test]
    fn the_addresses_of_a_field_are_found_between_names_groups_and_comments() {
        for (value, addresses) in [
            ("a@b.test", &["a@b.test"][..]),
            ("A <a@b.test>, c@d.test (see, there)", &["a@b.test", "c@d.test"]),
            ("\"Last, First <x>\" <a@b.test>", &["a@b.test"]),
            ("Team: a@b.test, C <c@d.test>;, e@f.test", &["a@b.test", "c@d.test", "e@f.test"]),
            ("undisclosed-recipients:;", &[]),
            ("\"a b\"@c.test", &["\"a b\"@c.test"]),
        ] {
            assert_eq!(list(value).unwrap(), addresses, "{value}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_named_in_the_words_of_java_mail() {
        for (value, fault) in [
            ("root", AddressFault::NoDomain),
            ("<>", AddressFault::Empty),
            ("a@", AddressFault::NoDomain),
            ("@b.test", AddressFault::NoLocalPart),
            ("John Doe john@b.test", AddressFault::BlankInLocalPart),
            ("a@b.test c", AddressFault::BlankInDomain),
            ("\"A <a@b.test>", AddressFault::OpenQuote),
            ("A <a@b.test", AddressFault::OpenBracket),
            ("a@b.test (see", AddressFault::OpenComment),
        ] {
            assert_eq!(list(value), Err(fault), "{value}");
        }
    }
}
