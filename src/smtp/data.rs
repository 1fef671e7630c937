//! The message that follows DATA, strictly framed and read at the speed of memory.
//!
//! It ends at CRLF . CRLF and nowhere else (RFC 5321 section 4.1.1.4). What other readers might take for an end
//! or for a line end is refused or mended here, before anyone judges the message:
//!
//! - A CR without LF, or a NUL, is a fault. The message is read to its end all the same, so that its rest is not
//!   taken for commands.
//! - An LF without CR is a line end that honest clients send. It becomes CRLF, or is a fault.
//! - A line behind such a line end that begins with one dot is text, be it the dot alone, and gets the second dot
//!   that says so on the wire: who sends bare line feeds seldom stuffs dots, and no end may come of it. Of two dots
//!   one is taken off, as behind CRLF, for some clients stuff there too.
//!
//! So every line of a [`Message`] that begins with a dot on the wire begins with two, and strict and lenient
//! readers see the same end. Whether the header makes sense is not asked here.

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr_iter};

use crate::mail::{BodyBuilder, Message};
use crate::smtp::{BareLf, DataFault, Settings};

/// Fewer octets than this are copied, because sharing the buffer costs more.
const COPY_OCTETS_MAX: usize = 1024;
/// What is looked at in one go for something to be mended.
const BLOCK_OCTETS: usize = 1024;
/// So much copied text is handed on at once.
const COPIED_OCTETS_MAX: usize = 65_536;

/// What the reader makes of the octets so far.
#[derive(Debug)]
pub enum Progress {
    NeedMore,
    /// What comes after the message is left in the input.
    Done(Result<Message, DataFault>),
}

/// Reads one message. Its body is not copied, save where it is mended.
#[derive(Debug)]
pub struct MessageReader {
    message_octets_max: usize,
    header_octets_max: usize,
    bare_lf: BareLf,
    part: Part,
    place: Place,
    header: BytesMut,
    body: BodyBuilder,
    /// The latest part of the body, if it had to be copied.
    copied: BytesMut,
    /// All that was taken from the client.
    octets_read: usize,
    /// Header and body, with the dots that are stuffed in the body.
    octets: usize,
    dots_stuffed: usize,
    /// Once there is one, nothing is kept.
    fault: Option<DataFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of the message, too: a dot may follow DATA at once.
    AfterCrlf,
    AfterBareLf,
    Within,
}

impl MessageReader {
    pub fn new(settings: &Settings) -> Self {
        Self {
            message_octets_max: settings.message_octets_max,
            header_octets_max: settings.header_octets_max,
            bare_lf: settings.bare_lf,
            part: Part::Header,
            place: Place::AfterCrlf,
            header: BytesMut::new(),
            body: BodyBuilder::default(),
            copied: BytesMut::new(),
            octets_read: 0,
            octets: 0,
            dots_stuffed: 0,
            fault: None,
        }
    }

    /// Takes what can be judged off the input. Until the message ends that is all but two octets at most.
    pub fn read(&mut self, input: &mut BytesMut) -> Progress {
        let octets_before = input.len();
        let progress = self.read_lines(input);
        let octets_taken = octets_before.saturating_sub(input.len());
        self.octets_read = self.octets_read.saturating_add(octets_taken);
        // Stuffed dots are at most a quarter of a message, so that only one too long comes here.
        if self.octets_read > self.message_octets_max.saturating_mul(2) {
            return Progress::Done(Err(DataFault::Endless { octets_max: self.message_octets_max }));
        }
        progress
    }

    /// Keeps nothing from here on, and reads to the end only to say so there.
    pub fn give_up(&mut self, fault: DataFault) {
        self.fault = self.fault.max(Some(fault));
        self.header = BytesMut::new();
        self.body = BodyBuilder::default();
        self.copied = BytesMut::new();
    }

    /// What the message takes of the memory so far.
    pub fn octets_held(&self) -> usize {
        self.header.len() + self.body.octets_stuffed() + self.copied.len()
    }

    fn read_lines(&mut self, input: &mut BytesMut) -> Progress {
        while !input.is_empty() {
            if self.place != Place::Within {
                match line_start(input, self.place) {
                    Start::Unknown => return Progress::NeedMore,
                    Start::End => {
                        input.advance(b".\r\n".len());
                        return Progress::Done(self.finish());
                    }
                    Start::LoneDot { octets, place } => {
                        input.advance(octets);
                        self.stuff();
                        self.add(b".\r\n");
                        self.line_ended(place);
                        continue;
                    }
                    Start::StuffedDot if self.part == Part::Body => self.dots_stuffed += 1,
                    Start::StuffedDot | Start::UnstuffedDot => input.advance(b".".len()),
                    Start::TextDot => self.stuff(),
                    Start::Empty => self.part = Part::Body,
                    Start::Text => {}
                }
                self.place = Place::Within;
            }
            let run = run(input, self.part);
            self.add_run(&run, input);
            match run.stop {
                Stop::NeedMore { place } => {
                    self.place = place;
                    return Progress::NeedMore;
                }
                Stop::Line => self.line_ended(Place::AfterCrlf),
                Stop::BareLf => {
                    input.advance(b"\n".len());
                    self.add(b"\r\n");
                    self.line_ended(Place::AfterBareLf);
                }
            }
        }
        Progress::NeedMore
    }

    fn line_ended(&mut self, place: Place) {
        if place == Place::AfterBareLf && self.bare_lf == BareLf::Reject {
            self.give_up(DataFault::BareLf);
        }
        self.place = place;
    }

    /// The header gets its dots when it is sent.
    fn stuff(&mut self) {
        if self.part == Part::Body {
            self.dots_stuffed += 1;
            self.add(b".");
        }
    }

    fn add_run(&mut self, run: &Run, input: &mut BytesMut) {
        let octets = input.get(..run.octets).unwrap_or_default();
        if let Some(fault) = octet_fault(octets.get(run.plain..).unwrap_or_default(), run.line_ends) {
            self.give_up(fault);
        }
        self.dots_stuffed += run.dots_stuffed;
        self.count(run.octets);
        let is_shared = match self.part {
            Part::Header => false,
            Part::Body => self.fault.is_none() && run.octets > COPY_OCTETS_MAX,
        };
        if is_shared {
            self.hand_on_copied();
            self.body.push(input.split_to(run.octets), 0);
        } else {
            self.copy(octets);
            input.advance(run.octets);
        }
    }

    fn add(&mut self, octets: &[u8]) {
        self.count(octets.len());
        self.copy(octets);
    }

    fn copy(&mut self, octets: &[u8]) {
        match (self.fault, self.part) {
            (Some(_), _) => {}
            (None, Part::Header) => self.header.extend_from_slice(octets),
            (None, Part::Body) => {
                self.copied.extend_from_slice(octets);
                if self.copied.len() >= COPIED_OCTETS_MAX {
                    self.hand_on_copied();
                }
            }
        }
    }

    fn count(&mut self, octets: usize) {
        self.octets = self.octets.saturating_add(octets);
        let octets = self.octets.saturating_sub(self.dots_stuffed);
        if self.part == Part::Header && octets > self.header_octets_max {
            self.give_up(DataFault::HeaderTooLong { octets_max: self.header_octets_max });
        }
        if octets > self.message_octets_max {
            self.give_up(DataFault::TooLong { octets_max: self.message_octets_max });
        }
    }

    fn hand_on_copied(&mut self) {
        if !self.copied.is_empty() {
            self.body.push(self.copied.split(), 0);
        }
    }

    fn finish(&mut self) -> Result<Message, DataFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut body = std::mem::take(&mut self.body);
        body.push(std::mem::take(&mut self.copied), self.dots_stuffed);
        Ok(Message::new(std::mem::take(&mut self.header).freeze(), body.finish()))
    }
}

/// What a line begins with.
enum Start {
    /// More octets have to come before this can be said.
    Unknown,
    /// CRLF . CRLF.
    End,
    /// A dot alone on its line that is not the end, and the place behind it.
    LoneDot {
        octets: usize,
        place: Place,
    },
    /// Two dots: the first is there for transparency (RFC 5321 section 4.5.2).
    StuffedDot,
    /// One dot before other text, from a client that does not stuff. By the same section it is not part of the text.
    UnstuffedDot,
    /// The same behind an LF alone, of which that section does not speak.
    TextDot,
    Empty,
    Text,
}

/// Octets that can be taken as they are, save for what [`octet_fault`] finds.
struct Run {
    octets: usize,
    /// Of these, so many at the start are without fault.
    plain: usize,
    /// Those behind the plain ones.
    line_ends: usize,
    dots_stuffed: usize,
    stop: Stop,
}

/// What follows a run.
#[derive(Clone, Copy)]
enum Stop {
    /// A line that has to be looked at.
    Line,
    BareLf,
    /// Nothing, or a CR whose LF may be on its way.
    NeedMore {
        place: Place,
    },
}

fn line_start(octets: &[u8], place: Place) -> Start {
    match octets {
        [] | [b'.' | b'\r'] | [b'.', b'\r'] => Start::Unknown,
        [b'.', b'\r', b'\n', ..] if place == Place::AfterCrlf => Start::End,
        [b'.', b'\r', b'\n', ..] => Start::LoneDot { octets: b".\r\n".len(), place: Place::AfterCrlf },
        [b'.', b'\n', ..] => Start::LoneDot { octets: b".\n".len(), place: Place::AfterBareLf },
        [b'.', b'.', ..] => Start::StuffedDot,
        [b'.', ..] if place == Place::AfterBareLf => Start::TextDot,
        [b'.', ..] => Start::UnstuffedDot,
        [b'\r', b'\n', ..] | [b'\n', ..] => Start::Empty,
        [..] => Start::Text,
    }
}

/// Runs over lines for as long as nothing has to be mended; from within a header, no further than to its end.
fn run(octets: &[u8], part: Part) -> Run {
    let plain = match part {
        Part::Header => 0,
        Part::Body => plain_octets(octets),
    };
    let mut line_ends = 0;
    let mut dots_stuffed = 0;
    for lf in memchr_iter(b'\n', octets.get(plain..).unwrap_or_default()) {
        let lf = plain + lf;
        let (line, rest) = octets.split_at(lf);
        if !line.ends_with(b"\r") {
            return Run { octets: lf, plain, line_ends, dots_stuffed, stop: Stop::BareLf };
        }
        line_ends += 1;
        match (part, rest) {
            (Part::Body, [_, b'.', b'.', ..]) => dots_stuffed += 1,
            (Part::Body, [_, b'.', ..]) | (Part::Header, [_, b'.' | b'\r' | b'\n', ..]) => {
                return Run { octets: lf + 1, plain, line_ends, dots_stuffed, stop: Stop::Line };
            }
            (Part::Header | Part::Body, _) => {}
        }
    }
    let (octets, place) = match octets {
        [.., b'\n'] => (octets.len(), Place::AfterCrlf),
        [line @ .., b'\r'] => (line.len(), Place::Within),
        _ => (octets.len(), Place::Within),
    };
    Run { octets, plain, line_ends, dots_stuffed, stop: Stop::NeedMore { place } }
}

/// How many octets at the start of a body surely hold nothing to be mended: no NUL, no CR or LF without the other,
/// no line that begins with a dot. They are counted in blocks, whose octets are all looked at alike, so that the
/// compiler makes vector instructions of it; and never end between CR and LF.
fn plain_octets(octets: &[u8]) -> usize {
    if octets.starts_with(b"\n") {
        return 0;
    }
    let mut plain = 0;
    while let Some(block) = octets.get(plain..=plain + BLOCK_OCTETS) {
        let odd = block.iter().zip(block.iter().skip(1)).fold(0, |odd, (octet, next)| {
            let unpaired = u8::from((*octet == b'\r') != (*next == b'\n'));
            let dotted = u8::from(*octet == b'\n') & u8::from(*next == b'.');
            odd | unpaired | dotted | u8::from(*octet == b'\0')
        });
        if odd != 0 {
            break;
        }
        plain += BLOCK_OCTETS;
    }
    match octets.get(..plain) {
        Some([.., b'\r']) => plain - 1,
        _ => plain,
    }
}

/// What two readers may read differently. The octets hold no LF but those of their line ends, so that a CR that
/// is not counted among these stands alone.
fn octet_fault(octets: &[u8], line_ends: usize) -> Option<DataFault> {
    if memchr(b'\0', octets).is_some() {
        Some(DataFault::Nul)
    } else if memchr_iter(b'\r', octets).count() > line_ends {
        Some(DataFault::BareCr)
    } else {
        None
    }
}
