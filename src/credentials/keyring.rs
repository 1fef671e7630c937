//! The logins that the relay has: which one to use, which to fall back to, and which is yet to be proven.
//!
//! A login that is new does not replace one that works until SES has taken it: IAM tells SES of a new key within
//! minutes, and until then SES refuses it. The one that worked before stays as a last resort. Nothing is tried
//! here: `upstream` tells what SES said to whom, and the time is an argument.

use std::fmt;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::credentials::Login;
use crate::credentials::counted::LoginCounts;

/// Between two attempts to prove a login that SES refuses: a tight loop would look like an attack.
const WAIT_MIN: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The logins for one endpoint. It may be empty while the place where they are kept cannot be reached.
#[derive(Debug, Default)]
pub struct Keyring {
    ring: Mutex<Ring>,
    counts: LoginCounts,
}

/// What a login is to the relay, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What the configuration names.
    Preferred,
    /// What the configuration names beside it.
    Fallback,
    /// What worked before one of them changed.
    Previous,
}

/// What SES says to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Unproven,
    Proven { since: Instant },
    Refused { since: Instant },
}

/// A login with where it is from.
#[derive(Debug, Clone)]
pub struct Offer {
    pub login: Login,
    /// In words, such as ``the file `ses.json` ``.
    pub source: Arc<str>,
    /// When the secret was last changed, as far as its source tells.
    pub changed: Option<SystemTime>,
}

/// A login as an operator may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginState {
    pub rank: Rank,
    pub user_name: String,
    pub source: Arc<str>,
    /// When the secret was last changed as far as its source tells, else when the relay first saw it.
    pub changed: SystemTime,
    pub standing: Standing,
}

/// All logins of a keyring as an operator may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringState {
    /// By rank.
    pub logins: Vec<LoginState>,
    /// The one that the next session begins with.
    pub in_use: Option<LoginState>,
    /// Since when SES refuses all of them.
    pub failing_since: Option<Instant>,
}

#[derive(Debug, Default)]
struct Ring {
    /// By rank; no two have the same.
    entries: Vec<Entry>,
    failing_since: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    login: Arc<Login>,
    state: LoginState,
    wait: Duration,
    /// When it may be tried for its own sake.
    due: Instant,
}

impl Offer {
    /// A login that never changes.
    pub fn fixed(login: Login) -> Self {
        Self { login, source: "the configuration".into(), changed: None }
    }
}

impl Keyring {
    /// A keyring with one login that never changes.
    pub fn of(login: Login) -> Arc<Self> {
        let keyring = Arc::new(Self::default());
        keyring.offer(Rank::Preferred, Offer::fixed(login), Instant::now(), SystemTime::now());
        keyring
    }

    /// Takes the login that a source has now. If the source had another that works, that one is kept until SES has
    /// taken the new one, and after that as a last resort.
    pub fn offer(&self, rank: Rank, offer: Offer, now: Instant, clock: SystemTime) {
        let mut ring = self.ring();
        let Offer { login, source, changed } = offer;
        if let Some(entry) = ring.entries.iter_mut().find(|entry| entry.state.rank == rank)
            && entry.login.is(&login)
        {
            entry.state.source = source;
            entry.state.changed = changed.unwrap_or(entry.state.changed);
            return;
        }
        // What was set aside may come back, and what SES said to it still holds.
        let known = ring.entries.iter().find(|entry| entry.login.is(&login));
        let standing = known.map_or(Standing::Unproven, |entry| entry.state.standing);
        if rank == Rank::Previous {
            // Only where no other is there: what the relay saw working itself is the better last resort.
            if ring.entries.iter().any(|entry| entry.state.rank == rank || entry.login.is(&login)) {
                return;
            }
        } else if ring.entries.iter().any(|entry| entry.state.rank == rank) {
            let user_name = login.user_name();
            tracing::info!(user_name, %source, "a login has changed; it is used as soon as Amazon SES takes it");
        }
        ring.set_aside(rank);
        ring.entries.retain(|entry| entry.state.rank != Rank::Previous || !entry.login.is(&login));
        let user_name = login.user_name().to_owned();
        let state = LoginState { rank, user_name, source, changed: changed.unwrap_or(clock), standing };
        ring.entries.push(Entry { login: Arc::new(login), state, wait: Duration::ZERO, due: now });
        ring.entries.sort_by_key(|entry| entry.state.rank);
        if standing == Standing::Unproven {
            ring.failing_since = None;
        }
    }

    /// Forgets the login of a rank: nothing names it any more.
    pub fn withdraw(&self, rank: Rank) {
        self.ring().entries.retain(|entry| entry.state.rank != rank);
    }

    /// Every login in the order in which to try them: if SES takes any, it took the first when it was last asked.
    pub fn logins(&self) -> Vec<Arc<Login>> {
        let ring = self.ring();
        let mut logins: Vec<Arc<Login>> = Vec::new();
        for entry in ring.by_hope() {
            if !logins.iter().any(|login| login.is(&entry.login)) {
                logins.push(Arc::clone(&entry.login));
            }
        }
        logins
    }

    /// The logins that are not in use and are to be tried by now, for their own sake.
    pub fn due(&self, now: Instant) -> Vec<Arc<Login>> {
        let mut ring = self.ring();
        let in_use = ring.in_use();
        let is_due = |entry: &&mut Entry| {
            !matches!(entry.state.standing, Standing::Proven { .. })
                && entry.due <= now
                && in_use.as_ref().is_none_or(|login| !login.is(&entry.login))
        };
        let due = ring.entries.iter_mut().filter(is_due).map(|entry| {
            // Whoever tries it may vanish without a word.
            entry.put_off(now);
            Arc::clone(&entry.login)
        });
        due.collect()
    }

    /// SES took a login.
    pub fn accepted(&self, login: &Login, now: Instant) {
        self.counts.taken();
        let mut ring = self.ring();
        let before = ring.in_use();
        let Some(known) = ring.mark(login, Standing::Proven { since: now }) else { return };
        let LoginState { user_name, source, .. } = known;
        tracing::info!(user_name, %source, "Amazon SES takes the login");
        if let Some(since) = ring.failing_since.take() {
            let failed_s = now.saturating_duration_since(since).as_secs();
            tracing::info!(failed_s, "the relay can log in to Amazon SES again");
        }
        // What SES refuses is no last resort.
        ring.entries.retain(|entry| {
            entry.state.rank != Rank::Previous || !matches!(entry.state.standing, Standing::Refused { .. })
        });
        ring.tell_change(before.as_deref());
    }

    /// SES refused a login, in these words.
    pub fn refused(&self, login: &Login, words: &dyn fmt::Display, now: Instant) {
        self.counts.refused();
        let mut ring = self.ring();
        let before = ring.in_use();
        ring.entries.iter_mut().filter(|entry| entry.login.is(login)).for_each(|entry| entry.put_off(now));
        let Some(known) = ring.mark(login, Standing::Refused { since: now }) else { return };
        let LoginState { user_name, source, .. } = known;
        if ring.entries.iter().all(|entry| matches!(entry.state.standing, Standing::Refused { .. })) {
            ring.failing_since = Some(now);
            tracing::error!(
                user_name, %source,
                "ALARM: Amazon SES refuses every login that the relay has, and no mail goes out: {words}"
            );
        } else {
            tracing::warn!(
                user_name, %source,
                "Amazon SES refuses a login, which is tried again: a new key takes some minutes: {words}"
            );
            ring.tell_change(before.as_deref());
        }
    }

    pub fn state(&self) -> KeyringState {
        let ring = self.ring();
        KeyringState {
            logins: ring.entries.iter().map(|entry| entry.state.clone()).collect(),
            in_use: ring.by_hope().next().map(|entry| entry.state.clone()),
            failing_since: ring.failing_since,
        }
    }

    pub(super) fn counts(&self) -> &LoginCounts {
        &self.counts
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyringState {
    /// Whether SES took the login that is in use when it was last asked.
    pub fn is_proven(&self) -> bool {
        self.in_use.as_ref().is_some_and(|login| matches!(login.standing, Standing::Proven { .. }))
    }
}

impl LoginState {
    /// How old the secret is, at least.
    pub fn age(&self, clock: SystemTime) -> Duration {
        clock.duration_since(self.changed).unwrap_or_default()
    }
}

impl Ring {
    /// Proven ones first, refused ones last, and among equals by rank.
    fn by_hope(&self) -> impl Iterator<Item = &Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| match entry.state.standing {
            Standing::Proven { .. } => 0,
            Standing::Unproven => 1,
            Standing::Refused { .. } => 2,
        });
        entries.into_iter()
    }

    fn in_use(&self) -> Option<Arc<Login>> {
        self.by_hope().next().map(|entry| Arc::clone(&entry.login))
    }

    /// The login's state, if this is news.
    fn mark(&mut self, login: &Login, standing: Standing) -> Option<LoginState> {
        let is_news = |entry: &&mut Entry| {
            entry.login.is(login) && discriminant(&entry.state.standing) != discriminant(&standing)
        };
        let marked = self.entries.iter_mut().filter(is_news).map(|entry| {
            entry.state.standing = standing;
            if matches!(standing, Standing::Proven { .. }) {
                entry.wait = Duration::ZERO;
            }
            entry.state.clone()
        });
        marked.reduce(|first, _| first)
    }

    /// Makes room at a rank. What works becomes the last resort, instead of what was.
    fn set_aside(&mut self, rank: Rank) {
        let Some(index) = self.entries.iter().position(|entry| entry.state.rank == rank) else { return };
        let mut old = self.entries.remove(index);
        let has_previous = self.entries.iter().any(|entry| entry.state.rank == Rank::Previous);
        if matches!(old.state.standing, Standing::Proven { .. }) || !has_previous {
            self.entries.retain(|entry| entry.state.rank != Rank::Previous);
            old.state.rank = Rank::Previous;
            self.entries.push(old);
        }
    }

    fn tell_change(&self, before: Option<&Login>) {
        if let (Some(before), Some(Entry { login, state, .. })) = (before, self.by_hope().next())
            && !login.is(before)
        {
            let LoginState { user_name, source, .. } = state;
            tracing::info!(user_name, %source, "new connections use another login from now on");
        }
    }
}

impl Entry {
    fn put_off(&mut self, now: Instant) {
        self.wait = (self.wait * 2).clamp(WAIT_MIN, WAIT_MAX);
        self.due = now + self.wait;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use super::{Keyring, Offer, Rank};
    use crate::credentials::Login;
    use crate::secret::Secret;

    fn login(name: &str) -> Login {
        Login::new(name.to_owned(), Secret::new(format!("secret of {name}"))).unwrap()
    }

    /// Plays a story, one event a second, and says after each in which order the logins are tried. `p`, `f` offer the
    /// preferred login and the fallback, `+` and `-` are SES's word on one.
    fn play(story: &str) -> Vec<String> {
        let (keyring, start) = (Keyring::default(), Instant::now());
        let play = |(second, event): (u64, &str)| {
            let now = start + Duration::from_secs(second);
            let (what, name) = event.split_at(1);
            match what {
                "p" => keyring.offer(Rank::Preferred, Offer::fixed(login(name)), now, SystemTime::now()),
                "f" => keyring.offer(Rank::Fallback, Offer::fixed(login(name)), now, SystemTime::now()),
                "+" => keyring.accepted(&login(name), now),
                _ => keyring.refused(&login(name), &"535", now),
            }
            let mut order: String = keyring.logins().iter().map(|login| login.user_name()).collect();
            if keyring.state().failing_since.is_some() {
                order.push('!');
            }
            order
        };
        (0..).zip(story.split(' ')).map(play).collect()
    }

    #[test]
    fn what_ses_took_goes_first_and_nothing_that_works_is_lost() {
        for (story, expected) in [
            // The new one waits for its proof, and then the old one is the last resort.
            ("pA +A pB -B +B -B", "A A AB AB BA AB"),
            // Until it is refused as well.
            ("pA +A pB +B -A -B", "A A AB BA BA BA!"),
            ("pA +A pB +B -A pC +C", "A A AB BA BA BC CB"),
            // A login that never worked is no last resort where there is one.
            ("pA +A pB pC -C +C", "A A AB AC AC CA"),
            ("pA pB -B -A +A", "A BA AB BA! AB"),
            // Back to what was there before.
            ("pA +A pB +B pA", "A A AB BA AB"),
            ("pA -A pB +B", "A A! BA B"),
            // Two that are configured.
            ("pA fB +B +A -A -B +A", "A AB BA AB BA AB! AB"),
            ("pA fA +A -A", "A A A A!"),
            ("pA fB +A +B pB", "A AB AB AB BA"),
        ] {
            assert_eq!(play(story).join(" "), expected, "{story}");
        }
    }

    #[test]
    fn one_that_is_refused_is_tried_again_ever_more_rarely_and_the_one_in_use_by_mails_alone() {
        let keyring = Keyring::of(login("A"));
        let mut now = Instant::now();
        assert!(keyring.due(now).is_empty());
        keyring.accepted(&login("A"), now);
        keyring.offer(Rank::Preferred, Offer::fixed(login("B")), now, SystemTime::now());
        for wait_s in [2, 4, 8, 16, 32, 60, 60] {
            assert!(keyring.due(now).iter().all(|due| due.user_name() == "B"));
            now += Duration::from_millis(wait_s * 1_000 - 1);
            assert!(keyring.due(now).is_empty(), "{wait_s}");
            now += Duration::from_millis(1);
        }
        assert_eq!(keyring.due(now).len(), 1);
        keyring.accepted(&login("B"), now);
        assert!(keyring.due(now + Duration::from_hours(1)).is_empty());
        assert_eq!(keyring.state().in_use.unwrap().user_name, "B");
        assert!(keyring.state().is_proven());
    }

    #[test]
    fn the_age_is_that_of_the_secret_where_its_source_knows_it() {
        let (keyring, clock) = (Keyring::default(), SystemTime::now());
        let changed = Some(clock - Duration::from_hours(48));
        let offer = |changed| Offer { changed, ..Offer::fixed(login("A")) };
        keyring.offer(Rank::Preferred, offer(changed), Instant::now(), clock);
        keyring.offer(Rank::Preferred, offer(None), Instant::now(), clock);
        let age = keyring.state().in_use.unwrap().age(clock + Duration::from_hours(1));
        assert_eq!(age, Duration::from_hours(49));
        assert!(!format!("{keyring:?}").contains("secret of"));
    }
}
