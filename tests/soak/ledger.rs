//! What clients were told of each mail, held against what SES has and what the audit log says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use sesgate::sandbox;

/// What the clients heard of one mail.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// The message ids in replies of 250.
    pub accepted: Vec<String>,
    /// How often the reply said that SES may or may not have it.
    pub in_doubt: usize,
    /// How often the mail was not sent, as it is in doubt.
    pub withheld: usize,
    /// Other replies of 4xx, by their words.
    pub put_off: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
pub struct Ledger(HashMap<usize, Heard>);

/// What came of all mails together.
#[derive(Debug, Default)]
pub struct Sum {
    pub accepted: usize,
    pub in_doubt: usize,
    pub withheld: usize,
    pub put_off: BTreeMap<String, usize>,
    /// Copies beyond the first, each announced.
    pub repeated: usize,
}

impl Ledger {
    /// Whether the client is done with it.
    pub fn hear(&mut self, number: usize, reply: &str) -> bool {
        let heard = self.0.entry(number).or_default();
        if let Some(message_id) = reply.strip_prefix("250 2.0.0 Ok ") {
            heard.accepted.push(message_id.to_owned());
            return true;
        }
        assert!(reply.starts_with('4'), "mail {number} was answered {reply}");
        if reply.starts_with("451 4.4.2 Amazon SES may or may not have taken the mail") {
            heard.in_doubt += 1;
        } else if reply.starts_with("451 4.4.2 Amazon SES may have taken this mail already") {
            heard.withheld += 1;
        } else {
            // The decision is another each time.
            let words = reply.split(" (decision").next().unwrap();
            *heard.put_off.entry(words.to_owned()).or_default() += 1;
        }
        false
    }

    /// Every 250 is true, and every copy too many was announced: to the client, and in the audit log.
    pub fn settle(&self, mails: usize, at_ses: &[Arc<sandbox::Mail>], audit: &[Value]) -> Sum {
        let (copies, records) = (by_number(at_ses, number_of_mail), by_number(audit, number_of_record));
        assert_eq!(self.0.len(), mails);
        let mut sum = Sum::default();
        for (number, heard) in &self.0 {
            let (copies, records) = (&copies[number], &records[number]);
            let ids: HashSet<_> = copies.iter().map(|mail| mail.summary.message_id.as_str()).collect();
            assert_eq!(heard.accepted.len(), 1, "mail {number}: {heard:?}");
            assert!(ids.contains(&*heard.accepted[0]), "mail {number} is not at SES: {heard:?}");
            assert!(
                copies.len() <= 1 + heard.in_doubt,
                "mail {number} is {} times at SES: {heard:?}",
                copies.len()
            );
            assert_copies_are_recorded(*number, copies, records);
            assert_repeats_are_named(*number, heard, records);
            sum.accepted += 1;
            sum.in_doubt += heard.in_doubt;
            sum.withheld += heard.withheld;
            sum.repeated += copies.len() - 1;
            for (reply, times) in &heard.put_off {
                *sum.put_off.entry(reply.clone()).or_default() += times;
            }
        }
        sum
    }
}

/// Each copy is one that the audit log has an id of, or came in a session in which a mail was left in doubt.
fn assert_copies_are_recorded(number: usize, copies: &[&Arc<sandbox::Mail>], records: &[&Value]) {
    for copy in copies {
        let is_recorded = records.iter().any(|record| {
            record["ses_message_id"] == *copy.summary.message_id
                || is_in_doubt(record) && record["ses_session"] == *copy.session_token
        });
        assert!(is_recorded, "mail {number} is at SES as {}: {records:?}", copy.summary.message_id);
    }
}

/// Whatever was sent after a doubt names the decision that it may repeat.
fn assert_repeats_are_named(number: usize, heard: &Heard, records: &[&Value]) {
    let mut doubt: Option<&Value> = None;
    for record in records {
        if let Some(doubt) = doubt {
            assert_eq!(&record["repeats"], doubt, "mail {number}: {records:?}");
        }
        if is_in_doubt(record) {
            doubt = Some(&record["decision_id"]);
        }
    }
    assert_eq!(records.iter().filter(|record| is_in_doubt(record)).count(), heard.in_doubt, "mail {number}");
}

fn is_in_doubt(record: &Value) -> bool {
    record["reply"].as_str().unwrap().contains("may or may not have taken the mail")
}

fn by_number<T>(things: &[T], number: impl Fn(&T) -> usize) -> HashMap<usize, Vec<&T>> {
    let mut found: HashMap<usize, Vec<&T>> = HashMap::new();
    for thing in things {
        found.entry(number(thing)).or_default().push(thing);
    }
    found
}

fn number_of_mail(mail: &Arc<sandbox::Mail>) -> usize {
    mail.summary.subject.strip_prefix("mail ").unwrap().parse().unwrap()
}

fn number_of_record(record: &Value) -> usize {
    let recipient = record["recipients"][0].as_str().unwrap();
    recipient.strip_prefix("mail").unwrap().split('-').next().unwrap().parse().unwrap()
}
