//! The name of one decision: the same in the reply, the audit log, the Received field and SES's events.

use std::fmt;

/// Crockford's alphabet: no letter that is taken for a digit when somebody reads it over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Sorts by time: milliseconds of the Unix epoch (48 bits), then a number (32 bits) that tells apart decisions
/// of one millisecond and, by its start, the replicas of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionId {
    unix_milliseconds: u64,
    number: u32,
}

impl DecisionId {
    pub fn new(unix_milliseconds: u64, number: u32) -> Self {
        Self { unix_milliseconds: unix_milliseconds & 0xFFFF_FFFF_FFFF, number }
    }
}

/// Sixteen characters of `[0-9A-Z]`, safe in a reply, in a file name and in an SES message tag.
impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from(self.unix_milliseconds) << 32 | u128::from(self.number);
        let mut places = (0..16).rev();
        let text: [u8; 16] = std::array::from_fn(|_| {
            let character = places.next().and_then(|place| ALPHABET.get((bits >> (5 * place)) as usize % 32));
            character.copied().unwrap_or_default()
        });
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::DecisionId;

    #[test]
    fn ids_have_sixteen_characters_and_sort_by_time() {
        let early = DecisionId::new(1_700_000_000_000, u32::MAX).to_string();
        let late = DecisionId::new(1_700_000_000_001, 0).to_string();
        assert_eq!((early.len(), late.len()), (16, 16));
        assert!(early < late, "{early} {late}");
        assert_eq!(DecisionId::new(0, 0).to_string(), "0000000000000000");
        assert_eq!(DecisionId::new(0, 33).to_string(), "0000000000000011");
    }
}
