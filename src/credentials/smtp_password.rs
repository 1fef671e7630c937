//! The SMTP password that SES derives from a secret access key ("Obtaining Amazon SES SMTP credentials by
//! converting existing AWS credentials" in its developer guide): a Signature Version 4 of fixed texts.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// The first octet of every password made this way, so that each begins with `B`.
const VERSION: u8 = 0x04;
/// The fixed texts of the signature. The date never was a real one.
const DATE: &str = "11111111";
const SERVICE: &str = "ses";
const TERMINAL: &str = "aws4_request";
const MESSAGE: &str = "SendRawEmail";

/// The password is good for one region: SES derives it with its own region's name.
pub fn smtp_password(secret_access_key: &Secret, region: &str) -> Secret {
    let seed = Secret::new(["AWS4", secret_access_key.expose()].concat());
    let first = sign(seed.expose().as_bytes(), DATE);
    let signature =
        [region, SERVICE, TERMINAL, MESSAGE].iter().fold(first, |key, text| sign(key.as_ref(), text));
    Secret::new(STANDARD.encode([&[VERSION], signature.as_ref()].concat()))
}

fn sign(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::smtp_password;
    use crate::secret::Secret;

    #[test]
    fn the_passwords_are_those_that_ses_expects() {
        const EXAMPLE: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for (region, secret, password) in [
            // Published with the AWS provider of Terraform.
            ("eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
            ("eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
            ("us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
            ("us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
            // For the example key of AWS's own documents, computed with an independent implementation.
            ("us-east-1", EXAMPLE, "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"),
            ("us-east-2", EXAMPLE, "BMPPgbAHoFVbze1Ud0oA5uNdXRwUXUZ+qOwphGJbl/cS"),
            ("us-west-2", EXAMPLE, "BF2PynzbSCAjX08zhZZnP/kW+T9P5zs/1Er0pi5vTEmd"),
            ("eu-west-1", EXAMPLE, "BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk"),
            ("eu-central-1", EXAMPLE, "BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG"),
            ("ap-northeast-1", EXAMPLE, "BEBMrlH2tcrvRtSfkd6WbOlpfHSCPAV60ZayJ9ZqHS5c"),
            ("us-gov-west-1", EXAMPLE, "BHW/eHvx1MM9YwW4wrJG6MGVQmLDCAM99G9YiSdGEIAw"),
        ] {
            let derived = smtp_password(&Secret::new(secret.to_owned()), region);
            assert_eq!(derived.expose(), password, "{region} {secret}");
        }
    }
}
