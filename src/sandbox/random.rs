//! Randomness for names: session tokens, message ids, the login of the day. And dice for faults, which fall the same way
//! each time, so that what went wrong can be had again.

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

/// `SplitMix64` (Steele, Lea, Flood 2014): good enough for dice, and nothing to keep secrets with.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to one less than `bound`; 0 if there is no such number.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let share = u128::from(mixed).wrapping_mul(bound.into()) >> 64;
        u32::try_from(share).unwrap_or_default()
    }
}
