//! Randomness for names: session tokens, message ids, the login of the day.

use std::io;

use rustls::crypto::aws_lc_rs;

pub const CAPITALS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub fn octets<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut octets)
        .map_err(|_| io::Error::other("the system has no randomness to give"))?;
    Ok(octets)
}

/// `N` characters of an alphabet.
pub fn text<const N: usize>(alphabet: &[u8]) -> io::Result<String> {
    let octets = octets::<N>()?;
    let mut letters = octets.iter().filter_map(|octet| alphabet.get(usize::from(*octet) % alphabet.len()));
    Ok(letters.by_ref().map(|letter| char::from(*letter)).collect())
}
