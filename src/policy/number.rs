//! Decimal numbers, compared exactly: `10.5` equals `10.50`, and no value is rounded to a binary fraction.

/// A fixed-point number with [`DECIMALS`] decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(i128);

const DECIMALS: i32 = 18;
const ONE: i128 = 10_i128.pow(DECIMALS.unsigned_abs());

impl Number {
    /// An integer or decimal, signed or not, with or without an exponent. `None` is no number, or one that
    /// needs more than 18 decimals or 20 digits before the point.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (decimal, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((decimal, exponent)) => (decimal, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match decimal.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (decimal, ""),
        };
        if whole.is_empty() {
            return None;
        }
        let mut digits: i128 = 0;
        for octet in whole.bytes().chain(fraction.bytes()) {
            let digit = char::from(octet).to_digit(10)?;
            digits = digits.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
        let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(DECIMALS)?;
        let scale = 10_i128.checked_pow(shift.unsigned_abs())?;
        let units = if shift >= 0 {
            digits.checked_mul(scale)?
        } else if digits % scale == 0 {
            digits / scale
        } else {
            return None;
        };
        Some(Self(if is_negative { -units } else { units }))
    }

    /// The greatest integer that is not above it.
    pub fn floor(self) -> i128 {
        self.0.div_euclid(ONE)
    }

    /// The least integer that is not below it.
    pub fn ceiling(self) -> i128 {
        -(-self.0).div_euclid(ONE)
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Self {
        Self(i128::from(integer).saturating_mul(ONE))
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_are_compared_by_value() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("10.5"), number("10.50"));
        assert_eq!(number("1e3"), number("1000.0"));
        assert_eq!(number("-0"), number("0"));
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("-5") < number("-0.5"));
        assert_eq!(number("18446744073709551615"), Number::from(u64::MAX));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "1.", ".5", "0x10", "1 ", "ten", "1,5", "1e", "--1", "1e400", "1e-400", "NaN"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
