//! The id that SES gives to an accepted mail: `0106019dec617b98-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx-000000`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Four hex digits for the region, twelve for the milliseconds since 1970, a random UUID, six zeros.
pub fn message_id(region: &str, now: SystemTime, random: [u8; 16]) -> String {
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() & 0xffff_ffff_ffff;
    // RFC 9562 section 5.4: four bits say version 4, two bits say which variant.
    let uuid = u128::from_be_bytes(random) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    format!(
        "{}{millis:012x}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}-000000",
        region_code(region),
        uuid >> 96,
        uuid >> 80 & 0xffff,
        uuid >> 64 & 0xffff,
        uuid >> 48 & 0xffff,
        uuid & 0xffff_ffff_ffff,
    )
}

/// AWS publishes no list; these were seen. Any other region gets a code that no region is known to have.
fn region_code(region: &str) -> &'static str {
    match region {
        "us-east-1" => "0100",
        "us-west-2" => "0101",
        "ap-northeast-1" => "0106",
        "eu-central-1" => "0107",
        _ => "01ff",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::message_id;

    #[test]
    fn a_message_id_holds_region_time_and_a_uuid_of_version_4() {
        // 2026-05-03T05:48:24.856Z.
        let now = UNIX_EPOCH + Duration::from_millis(1_777_787_304_856);
        assert_eq!(
            message_id("ap-northeast-1", now, [0xff; 16]),
            "0106019dec617b98-ffffffff-ffff-4fff-bfff-ffffffffffff-000000"
        );
        assert_eq!(
            message_id("mars-north-1", UNIX_EPOCH, [0; 16]),
            "01ff000000000000-00000000-0000-4000-8000-000000000000-000000"
        );
    }
}
