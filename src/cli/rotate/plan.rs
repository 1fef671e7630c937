//! What is to be done next, by what IAM and the published login say: nothing else is remembered between two runs.

use std::time::{Duration, SystemTime};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Create,
    /// Prove the pending key and make it the current one.
    Publish(String),
    Wait {
        old: String,
        until: SystemTime,
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
            (Beginning::Allowed, _) => Next::Create,
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
    match old.activity {
        Activity::Active if now < until => Next::Wait { old: id, until },
        Activity::Active if old.last_used.is_some_and(|used| used > until) => {
            Next::Stuck(Stuck::StillUsed(id))
        }
        Activity::Active => Next::Deactivate(id),
        Activity::Inactive if now < until + terms.grace => {
            Next::DeleteLater { old: id, at: until + terms.grace }
        }
        Activity::Inactive => Next::Delete(id),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Beginning, Facts, Strangers, Stuck, Terms, next};
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
        let facts = Facts {
            keys: keys.iter().map(|words| key(words)).collect(),
            current: "A".to_owned(),
            published: Some(at(100)),
            pending: pending.map(str::to_owned),
        };
        let terms = Terms {
            wait: Duration::from_mins(10),
            grace: Duration::from_hours(1),
            age_min: Duration::from_mins(30),
            beginning: Beginning::Allowed,
            strangers: Strangers::Kept,
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
}
