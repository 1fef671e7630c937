//! Which key the relays use, by their own word: each is asked for its metrics. Nothing is decided here.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};

use tokio::task::spawn_blocking;

use crate::cli::http;
use crate::cli::rotate::AdminListener;
use crate::secret::Secret;

/// The relays that were named, and what lets one ask them.
#[derive(Debug)]
pub struct Fleet {
    listeners: Vec<AdminListener>,
    token: Option<Secret>,
}

/// A relay, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub relay: String,
    pub says: Says,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It logs in with the current key, and nothing there is open by the other one.
    Arrived,
    Otherwise(String),
    /// It cannot be asked, for this reason.
    Nothing(String),
}

impl Fleet {
    pub fn new(listeners: Vec<AdminListener>, token: Option<Secret>) -> Self {
        Self { listeners, token }
    }

    /// Asks all at once. Names are looked up each time, for relays come and go.
    pub async fn ask(&self, current: &str, other: Option<&str>) -> Vec<Asked> {
        let mut answers = Vec::new();
        for AdminListener(host, port) in self.listeners.iter().cloned() {
            let name = host.clone();
            let found = spawn_blocking(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
            match found.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                Ok(addresses) => {
                    let addresses: Vec<SocketAddr> = addresses;
                    for address in addresses {
                        let (name, token) = (name.clone(), self.token.clone());
                        let asking = spawn_blocking(move || http::get(address, "/metrics", token.as_ref()));
                        answers.push((shown(&name, address), Ok(asking)));
                    }
                }
                Err(error) => answers.push((name, Err(error.to_string()))),
            }
        }
        let mut asked = Vec::new();
        for (relay, asking) in answers {
            let answer = match asking {
                Ok(asking) => asking.await.unwrap_or_else(|error| Err(error.to_string())),
                Err(reason) => Err(reason),
            };
            asked.push(Asked { relay, says: understood(answer, current, other) });
        }
        asked
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relay = &self.relay;
        match &self.says {
            Says::Arrived => write!(f, "the relay at {relay} uses the published key and no other"),
            Says::Otherwise(words) => write!(f, "the relay at {relay} {words}"),
            Says::Nothing(reason) => write!(f, "the relay at {relay} cannot be asked: {reason}"),
        }
    }
}

fn shown(name: &str, address: SocketAddr) -> String {
    if name == address.ip().to_string() { address.to_string() } else { format!("{address} ({name})") }
}

fn understood(answer: Result<(u16, String), String>, current: &str, other: Option<&str>) -> Says {
    match answer {
        Ok((200, metrics)) => compared(&metrics, current, other),
        Ok((401, _)) => Says::Nothing("it wants another token than that of `[admin] token`".to_owned()),
        Ok((status, _)) => Says::Nothing(format!("it answers with status {status}")),
        Err(reason) => Says::Nothing(reason),
    }
}

fn compared(metrics: &str, current: &str, other: Option<&str>) -> Says {
    // What is cut off would look as if a key were in use no more.
    if !metrics.ends_with("# EOF\n") {
        return Says::Nothing("its answer is no metrics, or not all of them".to_owned());
    }
    let uses = |key: &str| values(metrics, "sesgate_ses_login_age_seconds", key).next().is_some();
    let open = |key: &str| values(metrics, "sesgate_ses_sessions_open", key).sum::<f64>();
    match other {
        Some(other) if uses(other) => Says::Otherwise(format!("logs in with {other}")),
        Some(other) if open(other) > 0.0 => {
            Says::Otherwise(format!("has sessions open by {other}, of which there are {}", open(other)))
        }
        Some(_) | None if uses(current) => Says::Arrived,
        Some(_) | None => Says::Otherwise(format!("does not log in with {current}")),
    }
}

/// Of the samples of a metric that are about a user name.
fn values<'a>(metrics: &'a str, metric: &'a str, user_name: &str) -> impl Iterator<Item = f64> + 'a {
    let label = format!("user_name=\"{user_name}\"");
    metrics.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(metric)?.strip_prefix('{')?.rsplit_once("} ")?;
        if labels.split(',').any(|said| said == label) { value.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::{Says, understood};

    const NEW: &str = "sesgate_ses_login_age_seconds{endpoint=\"ses:465\",user_name=\"NEW\"} 12.5\n";
    const OLD: &str = "sesgate_ses_login_age_seconds{endpoint=\"standby:465\",user_name=\"OLD\"} 99.0\n";
    const OPEN: &str = "sesgate_ses_sessions_open{endpoint=\"ses:465\",user_name=\"OLD\"} 2.0\n\
        sesgate_ses_sessions_open{endpoint=\"standby:465\",user_name=\"OLD\"} 1.0\n\
        sesgate_ses_sessions_open{endpoint=\"ses:465\",user_name=\"NEW\"} 4.0\n";

    #[test]
    fn a_relay_has_arrived_when_nothing_there_is_of_the_other_key() {
        let says = |metrics: &[&str]| {
            let metrics = ["# TYPE some gauge\n", &metrics.concat(), "# EOF\n"].concat();
            understood(Ok((200, metrics)), "NEW", Some("OLD"))
        };
        let otherwise = |words: &str| Says::Otherwise(words.to_owned());
        assert_eq!(says(&[NEW]), Says::Arrived);
        assert_eq!(says(&[NEW, OLD]), otherwise("logs in with OLD"));
        assert_eq!(says(&[NEW, OPEN]), otherwise("has sessions open by OLD, of which there are 3"));
        assert_eq!(says(&[]), otherwise("does not log in with NEW"));
        assert_eq!(says(&[&NEW.replace("NEW", "NEWER")]), otherwise("does not log in with NEW"));
        // Before a rotation there is no other.
        assert_eq!(understood(Ok((200, format!("{NEW}# EOF\n"))), "NEW", None), Says::Arrived);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for answer in [
            Ok((200, NEW.to_owned())),
            Ok((200, "<html>".to_owned())),
            Ok((401, String::new())),
            Ok((404, String::new())),
            Err("connection refused".to_owned()),
        ] {
            let says = understood(answer.clone(), "NEW", Some("OLD"));
            assert!(matches!(says, Says::Nothing(_)), "{answer:?}");
        }
    }
}
