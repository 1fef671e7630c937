//! Who may see what. Probes need no token and learn only yes or no; everything else needs the token, if there is one.
//!
//! A browser on the same machine may be led here by a page of somebody else's (DNS rebinding), so a `Host` that is
//! neither an address nor `localhost` is refused where no token protects.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// Shorter ones can be guessed.
const TOKEN_OCTETS_MIN: usize = 16;

/// Where the admin listener listens, and who is let in.
#[derive(Debug, Clone)]
pub struct Settings {
    address: SocketAddr,
    token: Option<Secret>,
}

/// Nobody who could measure the time that it takes says either of them.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |settings: &Self| settings.token.as_ref().map(|token| token.expose().to_owned());
        self.address == other.address && exposed(self) == exposed(other)
    }
}

/// A token is missing, or is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("whoever reaches {0} would see all mail traffic")]
    Missing(SocketAddr),
    #[error("the token has fewer than {TOKEN_OCTETS_MIN} characters")]
    Short,
}

impl TokenError {
    pub fn help(self) -> &'static str {
        match self {
            Self::Missing(_) => "set `token`, or listen on a loopback address",
            Self::Short => "`openssl rand -hex 32` makes a good one",
        }
    }
}

impl Settings {
    /// Without a token, only on loopback.
    pub fn new(address: SocketAddr, token: Option<Secret>) -> Result<Self, TokenError> {
        match &token {
            Some(token) if token.expose().len() < TOKEN_OCTETS_MIN => Err(TokenError::Short),
            None if !address.ip().to_canonical().is_loopback() => Err(TokenError::Missing(address)),
            Some(_) | None => Ok(Self { address, token }),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Whether a request with these header fields may see everything.
    pub(super) fn admits(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
        let Some(token) = &self.token else {
            return if names_this_machine(uri, headers) { Ok(()) } else { Err(Rejection::Host) };
        };
        let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token_in);
        let is_right = said.is_some_and(|said| {
            verify_slices_are_equal(&digest(said.as_bytes()), &digest(token.expose().as_bytes())).is_ok()
        });
        if is_right { Ok(()) } else { Err(Rejection::Token) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    Token,
    Host,
}

/// Equal lengths, so that the comparison takes equal time.
fn digest(octets: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref().to_vec()
}

/// As scrapers say it (`Bearer`), or as browsers ask for it (`Basic`, any user name).
fn token_in(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        return Some(pair.split_once(':')?.1.to_owned());
    }
    None
}

/// Whether a browser sends this request for a page of somebody else. Other programs say nothing of it.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(site), _, _) => !matches!(site, "same-origin" | "none"),
        // Browsers leave the other field out where a page came over the network without TLS.
        (None, Some(origin), host) => origin.split_once("://").map(|(_, authority)| authority) != host,
        (None, None, _) => false,
    }
}

fn names_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.host());
    let Some(host) = host else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri};

    use super::{Rejection, Settings, TokenError, is_from_elsewhere};
    use crate::secret::Secret;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn settings(address: &str, token: Option<&str>) -> Result<Settings, TokenError> {
        Settings::new(address.parse().unwrap(), token.map(|token| Secret::new(token.to_owned())))
    }

    #[test]
    fn beyond_loopback_there_is_a_token_that_cannot_be_guessed() {
        assert!(settings("127.0.0.1:1", None).is_ok());
        assert!(settings("[::1]:1", None).is_ok());
        assert!(settings("[::ffff:127.0.0.1]:1", None).is_ok());
        assert!(matches!(settings("0.0.0.0:1", None), Err(TokenError::Missing(_))));
        assert!(matches!(settings("10.0.0.1:1", Some("short")), Err(TokenError::Short)));
        assert!(settings("10.0.0.1:1", Some(TOKEN)).is_ok());
    }

    #[test]
    fn a_token_is_said_as_scrapers_or_as_browsers_say_it() {
        let settings = settings("10.0.0.1:1", Some(TOKEN)).unwrap();
        let asks = |said: &str| settings.admits(&Uri::from_static("/"), &headers(&[("authorization", said)]));
        assert_eq!(asks("Bearer 0123456789abcdef"), Ok(()));
        // me:0123456789abcdef
        assert_eq!(asks("Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg=="), Ok(()));
        for wrong in ["Bearer 0123456789abcdeg", "Bearer", "Basic !!", "0123456789abcdef", "Bearer "] {
            assert_eq!(asks(wrong), Err(Rejection::Token), "{wrong}");
        }
    }

    #[test]
    fn a_page_of_somebody_else_cannot_ask_through_a_browser() {
        let settings = settings("127.0.0.1:1", None).unwrap();
        let asks = |host: &str| settings.admits(&Uri::from_static("/"), &headers(&[("host", host)]));
        for host in ["127.0.0.1:9025", "localhost:9025", "[::1]:9025", "LOCALHOST"] {
            assert_eq!(asks(host), Ok(()), "{host}");
        }
        for host in ["evil.example:9025", "127.0.0.1.evil.example", "localhost.evil.example"] {
            assert_eq!(asks(host), Err(Rejection::Host), "{host}");
        }
    }

    #[test]
    fn a_form_of_somebody_else_is_told_from_our_own() {
        let host = ("host", "10.0.0.1:9025");
        for (fields, expected) in [
            (vec![host], false),
            (vec![host, ("sec-fetch-site", "same-origin"), ("origin", "null")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("origin", "http://10.0.0.1:9025")], false),
            (vec![host, ("origin", "http://10.0.0.1:9026")], true),
            (vec![host, ("origin", "null")], true),
        ] {
            assert_eq!(is_from_elsewhere(&headers(&fields)), expected, "{fields:?}");
        }
    }
}
