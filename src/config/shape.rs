//! The forms of names, ids and addresses: who may be called what at AWS and in DNS.
//!
//! Only their shape: whether a region or an account exists, SES will say.

use std::net::{IpAddr, SocketAddr};

use super::error::Misfit;
use super::form::Text;
use crate::admission::Network;
use crate::gate::IdentityName;
use crate::mail::{Address, CertifiedName, DomainName, Evidence};

pub const HOST_NAME: Text<String> =
    Text { expects: "a host name such as `relay.example.com`", parse: host_name };

pub const HOST: Text<String> = Text { expects: "a host name or an IP address", parse: host };

pub const LISTENER_NAME: Text<String> = Text {
    expects: "a name of at most 64 letters, digits, `-`, `_` and `.`",
    parse: |text| word(text, 1..=64, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
};

pub const LISTENER_ADDRESS: Text<SocketAddr> = Text {
    expects: "an IP address and a port such as `0.0.0.0:2525` or `[::]:2525`",
    parse: |text| text.parse().map_err(|_| Misfit::Shape),
};

pub const APP_NAME: Text<String> = Text {
    expects: "a name of at most 64 letters, digits, `-` and `_`",
    parse: |text| word(text, 1..=64, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
};

pub const NETWORK: Text<Network> =
    Text { expects: "a network such as `10.0.0.0/16`, or an address", parse: |text| Ok(text.parse()?) };

pub const EVIDENCE: Text<Evidence> = Text {
    expects: "`network`, `certificate` or `login`",
    parse: |text| match text {
        "network" => Ok(Evidence::Network),
        "certificate" => Ok(Evidence::Certificate),
        "login" => Ok(Evidence::Login),
        _ => Err(Misfit::Shape),
    },
};

pub const CERTIFIED_NAME: Text<CertifiedName> = Text {
    expects: "a name such as `spiffe://prod/billing`, `URI:urn:app:billing` or `DNS:billing.internal`",
    parse: |text| text.parse().map_err(|_| Misfit::Shape),
};

pub const LOGIN_NAME: Text<String> = Text {
    expects: "a user name of at most 255 octets, without control characters",
    parse: |text| {
        let is_fit = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if is_fit { Ok(text.to_owned()) } else { Err(Misfit::Shape) }
    },
};

pub const TAG_KEY: Text<String> = Text {
    expects: "a tag's key of at most 128 letters, digits, spaces and `_.:/=+-@`, not beginning with `aws:`",
    parse: |text| {
        let is_reserved = text.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
        if is_reserved { Err(Misfit::Shape) } else { tag_text(text, 128) }
    },
};

pub const TAG_VALUE: Text<String> = Text {
    expects: "a tag's value of at most 256 letters, digits, spaces and `_.:/=+-@`",
    parse: |text| tag_text(text, 256),
};

pub const REGION: Text<String> = Text { expects: "an AWS region such as `ap-northeast-1`", parse: region };

pub const ACCOUNT_ID: Text<String> = Text {
    expects: "an AWS account id of 12 digits",
    parse: |text| word(text, 12..=12, |byte| byte.is_ascii_digit()),
};

pub const IDENTITY: Text<IdentityName> = Text { expects: "a domain or an address", parse: identity };

pub const ADDRESS: Text<Address> =
    Text { expects: "an address such as `bounces@example.com`", parse: |text| Ok(Address::parse(text)?) };

pub const USER_NAME: Text<String> = Text {
    expects: "a user name of at most 128 printable ASCII characters without spaces",
    parse: |text| word(text, 1..=128, |byte| byte.is_ascii_graphic()),
};

pub const ACCESS_KEY_ID: Text<String> =
    Text { expects: "an access key id such as `AKIAIOSFODNN7EXAMPLE`", parse: access_key_id };

pub const CONFIGURATION_SET: Text<String> = Text {
    expects: "a configuration set's name of at most 64 letters, digits, `-` and `_`",
    parse: |text| word(text, 1..=64, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
};

pub const SES_HEADER: Text<String> =
    Text { expects: "a header field's name that begins with `X-SES-`", parse: ses_header };

pub const PATH: Text<String> = Text { expects: "a path", parse: path };

pub const PATTERN: Text<String> = Text { expects: "a path, with `*` for any part of a name", parse: path };

pub const VPC: Text<String> =
    Text { expects: "a VPC's id such as `vpc-0a1b2c3d`", parse: |text| resource_id(text, "vpc-") };

pub const VPC_ENDPOINT: Text<String> =
    Text { expects: "a VPC endpoint's id such as `vpce-0a1b2c3d`", parse: |text| resource_id(text, "vpce-") };

pub const LOG_LEVEL: Text<String> = Text {
    expects: "a level (off, error, warn, info, debug, trace), or a list such as `info,sesgate::upstream=debug`",
    parse: log_level,
};

type Parsed<T> = Result<T, Misfit>;

fn word(text: &str, octets: std::ops::RangeInclusive<usize>, takes: fn(u8) -> bool) -> Parsed<String> {
    if octets.contains(&text.len()) && text.bytes().all(takes) {
        Ok(text.to_owned())
    } else {
        Err(Misfit::Shape)
    }
}

/// What IAM takes in tags of users.
fn tag_text(text: &str, characters_max: usize) -> Parsed<String> {
    let is_fit = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    if (1..=characters_max).contains(&text.chars().count()) && text.chars().all(is_fit) {
        Ok(text.to_owned())
    } else {
        Err(Misfit::Shape)
    }
}

fn host_name(text: &str) -> Parsed<String> {
    DomainName::parse(text).map(|name| name.to_string()).map_err(|_| Misfit::Shape)
}

fn host(text: &str) -> Parsed<String> {
    text.parse::<IpAddr>().map(|address| address.to_string()).or_else(|_| host_name(text))
}

/// Two letters, words, a number. AWS keeps adding regions, so there is no list of them here.
fn region(text: &str) -> Parsed<String> {
    let is_word = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split('-').collect::<Vec<_>>();
    match parts.as_slice() {
        [partition, words @ .., number]
            if partition.len() == 2
                && is_word(partition)
                && !words.is_empty()
                && words.iter().all(|part| is_word(part))
                && is_number(number)
                && text.len() <= 32 =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Misfit::Shape),
    }
}

fn identity(text: &str) -> Parsed<IdentityName> {
    if text.starts_with("*.") {
        return Err(Misfit::Wildcard);
    }
    if text.contains('@') {
        return Ok(IdentityName::Address(Address::parse(text)?));
    }
    // A top-level domain would cover every sender below it.
    if !text.contains('.') {
        return Err(Misfit::Shape);
    }
    Ok(IdentityName::Domain(DomainName::parse(text)?))
}

fn access_key_id(text: &str) -> Parsed<String> {
    // What AWS hands out for a role works with a session token only, and SMTP has no place for one.
    if text.starts_with("ASIA") {
        return Err(Misfit::TemporaryKey);
    }
    word(text, 16..=128, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Header names have no case; in capitals, equal ones are equal.
fn ses_header(text: &str) -> Parsed<String> {
    let rest =
        text.get(..6).filter(|prefix| prefix.eq_ignore_ascii_case("X-SES-")).and_then(|_| text.get(6..));
    word(rest.ok_or(Misfit::Shape)?, 1..=64, |byte| byte.is_ascii_alphanumeric() || byte == b'-')?;
    Ok(text.to_ascii_uppercase())
}

fn path(text: &str) -> Parsed<String> {
    if text.is_empty() || text.contains('\0') { Err(Misfit::Shape) } else { Ok(text.to_owned()) }
}

fn resource_id(text: &str, prefix: &str) -> Parsed<String> {
    let digits = text.strip_prefix(prefix).ok_or(Misfit::Shape)?;
    word(digits, 8..=17, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))?;
    Ok(text.to_owned())
}

/// `tracing` reads any bare word as a target to log everything of: a mistyped level would silence the rest.
fn log_level(text: &str) -> Parsed<String> {
    let is_level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    let is_target = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte))
    };
    let is_directive = |directive: &str| match directive.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(directive),
    };
    if text.split(',').all(is_directive) { Ok(text.to_owned()) } else { Err(Misfit::Shape) }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use super::{
        ACCESS_KEY_ID, ACCOUNT_ID, CONFIGURATION_SET, HOST, HOST_NAME, IDENTITY, LISTENER_ADDRESS,
        LISTENER_NAME, LOG_LEVEL, NETWORK, PATH, REGION, SES_HEADER, USER_NAME, VPC, VPC_ENDPOINT,
    };
    use crate::config::form::{Form, Said, Text};

    fn check<T: Display + Debug>(form: &Text<T>, taken: &[&str], refused: &[&str]) {
        for text in taken {
            assert!(form.read(Said::Text(text)).is_ok(), "{text} should be {}", form.expects());
        }
        for text in refused {
            assert!(form.read(Said::Text(text)).is_err(), "{text} should not be {}", form.expects());
        }
    }

    #[test]
    fn a_shape_takes_what_aws_and_dns_would_and_nothing_else() {
        let regions = ["us-east-1", "ap-northeast-1", "us-gov-west-1", "us-isob-east-1", "mx-central-1"];
        check(
            &REGION,
            &regions,
            &["", "tokyo", "us-east", "us-1", "US-EAST-1", "us-east-1a", "u-east-1", "us--1"],
        );
        check(
            &ACCOUNT_ID,
            &["123456789012", "000000000001"],
            &["", "12345678901", "1234567890123", "12345678901x"],
        );
        check(
            &IDENTITY,
            &["example.com", "Mail.Example.COM", "bob@example.com"],
            &["", "com", "*.example.com", "exämple.com", "bob@", "@example.com", "10.0.0.1", "a@b@c.example"],
        );
        check(&HOST, &["127.0.0.1", "::1", "localhost", "a.example"], &["", "[::1]", "a_b.example", "a:25"]);
        check(&HOST_NAME, &["sesgate", "relay.example.com"], &["", "127.0.0.1", "a b", "a."]);
        check(&LISTENER_NAME, &["default", "a-b_c.1"], &["", "a b", &"a".repeat(65)]);
        check(
            &LISTENER_ADDRESS,
            &["0.0.0.0:2525", "[::]:25"],
            &["", ":2525", "2525", "localhost:25", "::1:70000"],
        );
        check(
            &NETWORK,
            &["10.0.0.0/16", "10.0.5.7", "2001:db8::/32", "::1"],
            &["", "10.0.5.7/16", "10.0.0.0/33", "::ffff:10.0.0.0/104", "example.com", "10.0.0.0 /8"],
        );
        check(&USER_NAME, &["AKIAIOSFODNN7EXAMPLE"], &["", "a b", "ä", &"a".repeat(129)]);
        check(
            &ACCESS_KEY_ID,
            &["AKIAIOSFODNN7EXAMPLE"],
            &["", "AKIA", "ASIAIOSFODNN7EXAMPLE", "akiaiosfodnn7example"],
        );
        check(&CONFIGURATION_SET, &["my-set_1"], &["", "a.b", &"a".repeat(65)]);
        check(
            &SES_HEADER,
            &["X-SES-TENANT", "x-ses-configuration-set"],
            &["", "X-SES-", "X-Mailer", "X-SES-A:b"],
        );
        check(&PATH, &["ca.pem", "/etc/ca.pem"], &["", "a\0b"]);
        check(
            &VPC,
            &["vpc-0a1b2c3d", "vpc-0123456789abcdef0"],
            &["", "vpc-", "vpce-0a1b2c3d", "vpc-0A1B2C3D"],
        );
        check(&VPC_ENDPOINT, &["vpce-0a1b2c3d"], &["vpc-0a1b2c3d"]);
        check(
            &LOG_LEVEL,
            &["info", "off", "warn,sesgate=debug", "info,sesgate::upstream=trace"],
            &["", "inof", "INFO", "info,", "sesgate", "=info", "sesgate=loud", "info, sesgate=debug"],
        );
    }
}
