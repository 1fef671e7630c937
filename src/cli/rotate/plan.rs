//! What is to be done next, by what IAM and the published login say: nothing else is remembered between two runs.

use std::time::{Duration, SystemTime};

use crate::cli::rotate::Unreachable;
use crate::cli::rotate::fleet::{Asked, Says};
use crate::credentials::{AccessKey, Activity};

/// How things stand.
#[derive(Debug, Clone)]
pub struct Facts {
    pub keys: Vec<AccessKey>,
    /// The key that relays are told to use.
    pub current: String,
    pub published: Option<SystemTime>,
    /// The key that is kept beside it, until it is proven.
    pub pending: Option<String>,
    /// The relays that were named, if any were.
    pub relays: Vec<Asked>,
}

#[derive(Debug, Clone)]
pub struct Terms {
    /// How long relays may take to use what is published.
    pub wait: Duration,
    /// How long a key that is deactivated can be activated again.
    pub grace: Duration,
    /// A younger key is not replaced.
    pub age_min: Duration,
    pub beginning: Beginning,
    pub strangers: Strangers,
    pub unreachable: Unreachable,
}

/// Whether another rotation may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    Allowed,
    Over,
}

/// What becomes of a second key that nobody has the secret of and nobody ever used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    Kept,
    Deleted,
}

/// How far the relays are that were named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// None was named, or not all can be asked: time has to do.
    Unknown,
    /// Every one uses the current key, and no other key of the user.
    Arrived,
    /// In words, which are not, and why.
    Behind(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Create,
    /// Prove the pending key and make it the current one.
    Publish(String),
    Wait {
        old: String,
        until: SystemTime,
        /// The relays that are waited for, as far as they are known.
        behind: Option<String>,
    },
    Deactivate(String),
    Delete(String),
    /// The old key is inactive, and may go then.
    DeleteLater {
        old: String,
        at: SystemTime,
    },
    /// The current key is younger than those that are replaced.
    Young,
    Done,
    Stuck(Stuck),
}

/// What a person has to decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    #[error("the published key `{0}` is none of the IAM user's keys: publish a login that works first")]
    UnknownCurrent(String),
    #[error("the published key `{0}` is inactive: activate it, or publish a login that works first")]
    InactiveCurrent(String),
    #[error(
        "there is a second key `{0}` that was never published, never used, and whose secret nobody has kept, as when a \
        rotation was interrupted at its first step; `--discard-unused` deletes it and goes on"
    )]
    Unused(String),
    #[error(
        "there is a second key `{0}` that somebody uses and that was never published: delete it by hand if it may go"
    )]
    Foreign(String),
    #[error(
        "the old key `{0}` was used after every relay should have used the new one: find out by whom, or deactivate it \
        by hand"
    )]
    StillUsed(String),
    #[error(
        "no rotation begins while relays would not take part in it: {0}; `--unreachable wait` lets those be that cannot be \
        asked"
    )]
    Unfit(String),
    #[error(
        "the old key `{old}` stays as it is, for in all that time these relays have not let go of it: {behind}; run again, \
        with a longer `--wait`, to go on waiting"
    )]
    Behind { old: String, behind: String },
}

pub fn next(facts: &Facts, terms: &Terms, now: SystemTime) -> Next {
    let Some(current) = facts.keys.iter().find(|key| key.id == facts.current) else {
        return Next::Stuck(Stuck::UnknownCurrent(facts.current.clone()));
    };
    if current.activity == Activity::Inactive {
        return Next::Stuck(Stuck::InactiveCurrent(current.id.clone()));
    }
    match facts.keys.iter().find(|key| key.id != current.id) {
        None => match (terms.beginning, now.duration_since(current.created).unwrap_or_default()) {
            (Beginning::Over, _) => Next::Done,
            (Beginning::Allowed, age) if age < terms.age_min => Next::Young,
            (Beginning::Allowed, _) => match progress(facts, terms.unreachable) {
                Progress::Behind(unfit) => Next::Stuck(Stuck::Unfit(unfit)),
                Progress::Arrived | Progress::Unknown => Next::Create,
            },
        },
        Some(other) if facts.pending.as_ref() == Some(&other.id) => Next::Publish(other.id.clone()),
        Some(other) if other.created < current.created => retire(other, facts, terms, now),
        Some(other) => match (other.last_used, terms.strangers) {
            (Some(_), _) => Next::Stuck(Stuck::Foreign(other.id.clone())),
            (None, Strangers::Kept) => Next::Stuck(Stuck::Unused(other.id.clone())),
            (None, Strangers::Deleted) => Next::Delete(other.id.clone()),
        },
    }
}

fn retire(old: &AccessKey, facts: &Facts, terms: &Terms, now: SystemTime) -> Next {
    let until = facts.published.unwrap_or(now) + terms.wait;
    let id = old.id.clone();
    match (old.activity, progress(facts, terms.unreachable)) {
        (Activity::Active, Progress::Unknown) if now < until => Next::Wait { old: id, until, behind: None },
        (Activity::Active, Progress::Behind(behind)) if now < until => {
            Next::Wait { old: id, until, behind: Some(behind) }
        }
        (Activity::Active, Progress::Behind(behind)) => Next::Stuck(Stuck::Behind { old: id, behind }),
        (Activity::Active, Progress::Arrived | Progress::Unknown)
            if old.last_used.is_some_and(|used| used > until) =>
        {
            Next::Stuck(Stuck::StillUsed(id))
        }
        (Activity::Active, Progress::Arrived | Progress::Unknown) => Next::Deactivate(id),
        (Activity::Inactive, _) if now < until + terms.grace => {
            Next::DeleteLater { old: id, at: until + terms.grace }
        }
        (Activity::Inactive, _) => Next::Delete(id),
    }
}

fn progress(facts: &Facts, unreachable: Unreachable) -> Progress {
    let is_behind = |asked: &&Asked| match (&asked.says, unreachable) {
        (Says::Otherwise(_), _) | (Says::Nothing(_), Unreachable::Stop) => true,
        (Says::Arrived, _) | (Says::Nothing(_), Unreachable::Wait) => false,
    };
    let behind: Vec<String> = facts.relays.iter().filter(is_behind).map(Asked::to_string).collect();
    if !behind.is_empty() {
        Progress::Behind(behind.join("; "))
    } else if facts.relays.is_empty() || facts.relays.iter().any(|asked| asked.says != Says::Arrived) {
        Progress::Unknown
    } else {
        Progress::Arrived
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Beginning, Facts, Strangers, Stuck, Terms, next};
    use crate::cli::rotate::Unreachable;
    use crate::cli::rotate::fleet::{Asked, Says};
    use crate::credentials::{AccessKey, Activity};

    /// Minutes of the story.
    fn at(minute: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(minute)
    }

    fn key(words: &str) -> AccessKey {
        let mut words = words.split(' ');
        let (id, created) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        let (mut activity, mut last_used) = (Activity::Active, None);
        for word in words {
            match word.strip_prefix("used=") {
                Some(minute) => last_used = Some(at(minute.parse().unwrap())),
                None => activity = Activity::Inactive,
            }
        }
        AccessKey { id: id.to_owned(), activity, created: at(created), last_used }
    }

    /// `A` is published since minute 100, relays have 10 minutes to use it, and a key that is inactive goes 60 later.
    fn ask(keys: &[&str], pending: Option<&str>, minute: u64) -> String {
        ask_with(&[], Unreachable::Stop, keys, pending, minute)
    }

    fn ask_with(
        relays: &[Says],
        unreachable: Unreachable,
        keys: &[&str],
        pending: Option<&str>,
        minute: u64,
    ) -> String {
        let relays = relays.iter().map(|says| Asked { relay: "r".to_owned(), says: says.clone() });
        let facts = Facts {
            keys: keys.iter().map(|words| key(words)).collect(),
            current: "A".to_owned(),
            published: Some(at(100)),
            pending: pending.map(str::to_owned),
            relays: relays.collect(),
        };
        let terms = Terms {
            wait: Duration::from_mins(10),
            grace: Duration::from_hours(1),
            age_min: Duration::from_mins(30),
            beginning: Beginning::Allowed,
            strangers: Strangers::Kept,
            unreachable,
        };
        let text = format!("{:?}", next(&facts, &terms, at(minute)));
        text.split([' ', '{']).next().unwrap().to_owned()
    }

    #[test]
    fn what_comes_next_follows_from_what_is_there() {
        for (keys, pending, minute, expected) in [
            (&["A 90"][..], None, 105, "Young"),
            (&["A 90"], None, 120, "Create"),
            // What was pending was never made, or is gone.
            (&["A 90"], Some("B"), 120, "Create"),
            (&["A 90", "B 119"], Some("B"), 120, "Publish(\"B\")"),
            (&["A 90", "O 10 used=99"], None, 105, "Wait"),
            (&["A 90", "O 10 used=105"], None, 110, "Deactivate(\"O\")"),
            (&["A 90", "O 10"], Some("A"), 110, "Deactivate(\"O\")"),
            (&["A 90", "O 10 used=111"], None, 112, "Stuck(StillUsed(\"O\"))"),
            (&["A 90", "O 10 inactive"], None, 115, "DeleteLater"),
            (&["A 90", "O 10 inactive"], None, 170, "Delete(\"O\")"),
            // Somebody else's, or one whose secret was lost.
            (&["A 90", "B 119"], None, 120, "Stuck(Unused(\"B\"))"),
            (&["A 90", "B 119"], Some("C"), 120, "Stuck(Unused(\"B\"))"),
            (&["A 90", "B 119 used=119"], None, 120, "Stuck(Foreign(\"B\"))"),
            (&["A 90 inactive", "O 10"], None, 120, "Stuck(InactiveCurrent(\"A\"))"),
            (&["O 10"], None, 120, "Stuck(UnknownCurrent(\"A\"))"),
        ] {
            assert_eq!(ask(keys, pending, minute), expected, "{keys:?} {pending:?} {minute}");
        }
        assert!(Stuck::Unused("B".to_owned()).to_string().contains("--discard-unused"));
    }
    #[test]
    fn the_old_key_goes_when_every_relay_has_let_go_of_it_and_not_before() {
        let (arrived, old) = (Says::Arrived, Says::Otherwise("logs in with O".to_owned()));
        let silent = Says::Nothing("connection refused".to_owned());
        let keys = &["A 90", "O 10 used=99"];
        for (relays, unreachable, minute, expected) in [
            (&[arrived.clone(), arrived.clone()][..], Unreachable::Stop, 101, "Deactivate(\"O\")"),
            (&[arrived.clone(), old.clone()], Unreachable::Stop, 109, "Wait"),
            (&[arrived.clone(), old.clone()], Unreachable::Wait, 111, "Stuck(Behind"),
            (&[arrived.clone(), silent.clone()], Unreachable::Stop, 109, "Wait"),
            (&[arrived.clone(), silent.clone()], Unreachable::Stop, 111, "Stuck(Behind"),
            // As if none were named.
            (&[arrived.clone(), silent.clone()], Unreachable::Wait, 109, "Wait"),
            (&[arrived.clone(), silent.clone()], Unreachable::Wait, 111, "Deactivate(\"O\")"),
        ] {
            assert_eq!(ask_with(relays, unreachable, keys, None, minute), expected, "{relays:?} {minute}");
        }
        // Somebody else, who was not named.
        let keys = &["A 90", "O 10 used=112"];
        assert_eq!(
            ask_with(std::slice::from_ref(&arrived), Unreachable::Stop, keys, None, 113),
            "Stuck(StillUsed(\"O\"))"
        );
        for (says, unreachable, expected) in [
            (&arrived, Unreachable::Stop, "Create"),
            (&old, Unreachable::Stop, "Stuck(Unfit(\"the"),
            (&silent, Unreachable::Stop, "Stuck(Unfit(\"the"),
            (&silent, Unreachable::Wait, "Create"),
        ] {
            assert_eq!(
                ask_with(std::slice::from_ref(says), unreachable, &["A 90"], None, 120),
                expected,
                "{says:?}"
            );
        }
        // What is young enough is nobody's business.
        assert_eq!(ask_with(&[silent], Unreachable::Stop, &["A 90"], None, 105), "Young");
    }
}
