//! One encoded word of RFC 2047, read so that every reader that decodes it must come to the same text.
//!
//! Not here: what the decoded text may hold, and how words are joined (`display_name`).

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;

use crate::inspect::defect::{Excerpt, FieldFault};

const OPENING: &str = "=?";

/// The charsets of honest mail beside UTF-8, US-ASCII and ISO-8859-1. Left out: UTF-7 and UTF-16, in which
/// ASCII can hide, and the many aliases that one reader knows and another does not.
const CHARSETS: [&str; 39] = [
    "big5",
    "cp932",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "gb2312",
    "gbk",
    "iso-2022-jp",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "koi8-r",
    "koi8-u",
    "ks_c_5601-1987",
    "shift_jis",
    "tis-620",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-31j",
    "windows-874",
    "x-sjis",
    "x-gbk",
];

/// Whether a text holds what it must, to be taken for an encoded word by any reader.
pub(super) fn opens_in(text: &str) -> bool {
    let mut signs = memchr::memchr_iter(b'=', text.as_bytes());
    signs.any(|sign| text.get(sign..).is_some_and(|rest| rest.starts_with(OPENING)))
}

/// Decodes `=?charset?encoding?text?=`, and nothing that is more or less than that.
pub(super) fn decode(word: &str) -> Result<String, FieldFault> {
    let not_whole = || FieldFault::EncodedWord { text: Excerpt::new(word) };
    let inner = word.strip_prefix(OPENING).and_then(|rest| rest.strip_suffix("?=")).ok_or_else(not_whole)?;
    let mut parts = inner.split('?');
    let (Some(charset), Some(encoding), Some(text), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(not_whole());
    };
    let octets = match encoding {
        "q" | "Q" => q_decoded(text),
        "b" | "B" => b_decoded(text),
        _ => return Err(not_whole()),
    };
    let undecodable = || FieldFault::EncodedText { text: Excerpt::new(word) };
    in_charset(octets.ok_or_else(undecodable)?, charset)?.ok_or_else(undecodable)
}

/// The Q encoding of RFC 2047 section 4.2.
fn q_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'_' => b' ',
            b'=' => {
                let [high, low] =
                    [octets.next()?, octets.next()?].map(|digit| char::from(digit).to_digit(16));
                u8::try_from(high?.checked_mul(16)?.checked_add(low?)?).ok()?
            }
            _ if octet.is_ascii_graphic() => octet,
            _ => return None,
        });
    }
    Some(decoded)
}

/// The B encoding of RFC 2047 section 4.1, with its padding and without what lenient readers skip.
fn b_decoded(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let is_digit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    if !text.len().is_multiple_of(4) || !digits.bytes().all(is_digit) {
        return None;
    }
    base64_decode(text.as_bytes())
}

/// The octets as text, or none if they are not in that charset.
fn in_charset(octets: Vec<u8>, charset: &str) -> Result<Option<String>, FieldFault> {
    let charset_lower = charset.to_ascii_lowercase();
    match charset_lower.as_str() {
        "utf-8" | "utf8" => Ok(String::from_utf8(octets).ok()),
        "us-ascii" | "ascii" => Ok(octets.is_ascii().then(|| octets.into_iter().map(char::from).collect())),
        // Not Windows-1252 under another name: what these two read differently are control characters here.
        "iso-8859-1" => Ok(Some(octets.into_iter().map(char::from).collect())),
        name => {
            let decoder = CHARSETS.contains(&name).then(|| charset_decoder(alias_of(name))).flatten();
            let decoder = decoder.ok_or_else(|| FieldFault::Charset { charset: Excerpt::new(charset) })?;
            let text = decoder(&octets);
            Ok((!text.contains(char::REPLACEMENT_CHARACTER)).then_some(text))
        }
    }
}

/// The name under which `mail_parser` knows a charset.
fn alias_of(charset: &str) -> &[u8] {
    match charset {
        "cp932" => b"windows-31j",
        _ => charset.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHARSETS, alias_of, charset_decoder, decode};

    #[test]
    fn every_charset_that_is_taken_can_be_decoded() {
        for charset in CHARSETS {
            assert!(charset_decoder(alias_of(charset)).is_some(), "{charset}");
        }
    }

    #[test]
    fn whole_words_decode() {
        for (word, text) in [
            ("=?utf-8?q?J=C3=BCrgen_M?=", "Jürgen M"),
            ("=?UTF-8?B?SsO8cmdlbg==?=", "Jürgen"),
            ("=?iso-8859-1?Q?J=FCrgen?=", "Jürgen"),
            ("=?ISO-8859-15?Q?=A4?=", "€"),
            ("=?windows-1252?Q?=80?=", "€"),
            ("=?windows-1251?B?z/Do4uXy?=", "Привет"),
            ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
            ("=?iso-2022-jp?B?GyRCOzNFRBsoQg==?=", "山田"),
            ("=?Shift_JIS?B?jlKTYw==?=", "山田"),
            ("=?euc-jp?B?u7PFxA==?=", "山田"),
            ("=?gb2312?B?1tDOxA==?=", "中文"),
            ("=?big5?B?pKSk5Q==?=", "中文"),
            ("=?euc-kr?B?x9GxuQ==?=", "한국"),
            ("=?utf-8?q??=", ""),
        ] {
            assert_eq!(decode(word).as_deref(), Ok(text), "{word}");
        }
    }

    #[test]
    fn what_readers_decode_differently_does_not() {
        for word in [
            "=?utf-8?q?J=C3?=",
            "=?utf-8?q?J=C3=B?=",
            "=?utf-8?q?J=GG?=",
            "=?utf-8?q?J\u{fc}?=",
            "=?utf-8?b?SsO8cmdlbg=?=",
            "=?utf-8?b?SsO8cmdlbg?=",
            "=?utf-8?b?SsO8_cmdlb?=",
            "=?utf-8?b?SsO8==AA?=",
            "=?us-ascii?q?=FC?=",
            "=?utf-7?q?+ADw-?=",
            "=?utf-16?q?=00=41?=",
            "=?utf-8*en?q?a?=",
            "=?iso-2022-jp?q?=1B$B=21?=",
            "=?utf-8?x?a?=",
            "=?utf-8?q?a?b?=",
            "=?utf-8?q?a",
            "=??q?a?=",
            "=?=",
        ] {
            assert!(decode(word).is_err(), "{word}");
        }
    }
}
