//! Plays the dialogues in `tests/transcripts/*/*.smtp` against the whole relay, with the clock paused: the client's
//! side and SES's side are both in the file. Each is played whole, and again cut into single octets: the words
//! must be the same. `tests/transcripts/README.md` explains the format.
#![cfg(test)]

mod transcript;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use sesgate::smtp::Reply;
use transcript::{Cut, Transcript, folder, matches};

/// Replies that no dialogue with a client can bring about, and the test in which they are spoken.
const SPOKEN_ELSEWHERE: [(Reply, &str); 11] = [
    (Reply::INTERNAL_ERROR, "listeners: it takes a panic"),
    (Reply::LOGIN_UNCHECKED, "smtp_login: it takes several clients"),
    (Reply::OUT_OF_MEMORY, "listeners: it takes two connections"),
    (Reply::WITHIN_TLS, "smtp_protocol"),
    (Reply::OCTETS_BEHIND_STARTTLS, "listeners: cut into octets, there are none"),
    (Reply::TOO_MANY_FROM_ADDRESS, "listeners: it takes two connections"),
    (Reply::TOO_MANY_FROM_APP, "listeners: it takes two connections"),
    (Reply::NOT_A_LOAD_BALANCER, "listeners: it comes before the dialogue"),
    (Reply::NO_PROXY_HEADER, "listeners: it comes before the dialogue"),
    (Reply::TOO_MANY_CONNECTIONS, "server: it takes two connections"),
    (Reply::WITHDRAWN, "reload: it takes another configuration"),
];

#[test]
fn every_transcript_is_spoken_whole_and_cut_into_octets() {
    let only = std::env::var("TRANSCRIPT").unwrap_or_default();
    let mut failures = Vec::new();
    for path in transcripts().iter().filter(|path| path.to_string_lossy().contains(&only)) {
        for cut in [Cut::Whole, Cut::Octets] {
            if let Err(failure) = Transcript::read(path).and_then(|transcript| transcript.play(cut)) {
                let name = path.file_stem().unwrap().to_string_lossy();
                failures.push(format!("{name} ({cut:?}), {failure}"));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_reply_is_spoken_in_a_transcript() {
    let catalogue = Reply::catalogue();
    let mut spoken = BTreeSet::new();
    for path in transcripts() {
        // A transcript that fails is told of by the other test.
        let heard = Transcript::read(&path).and_then(|transcript| transcript.play(Cut::Whole));
        spoken
            .extend(replies(&heard.unwrap_or_default()).iter().filter_map(|reply| entry(&catalogue, reply)));
    }
    let elsewhere = |reply: &Reply| SPOKEN_ELSEWHERE.iter().any(|(known, _)| known == reply);
    let is_amiss = |(position, reply): &(usize, &Reply)| spoken.contains(position) == elsewhere(reply);
    let amiss: Vec<_> =
        catalogue.iter().enumerate().filter(is_amiss).map(|(_, reply)| reply.to_string()).collect();
    assert!(
        amiss.is_empty(),
        "not spoken, or spoken here although listed as spoken elsewhere:\n{}",
        amiss.join("\n")
    );
}

#[test]
fn a_transcript_that_tells_another_story_fails() {
    let greeted = "play client_says_hello\n";
    let mail = "play client_says_hello\nplay client_sends_mail\n";
    for (text, expected) in [
        ("", "to Client the relay goes on: `220 gate.test"),
        ("R: 220 another.test ESMTP sesgate", "line 1: expected `220 another.test ESMTP sesgate`\n"),
        (&format!("{greeted}C: NOOP"), "to Client the relay goes on: `250 2.0.0 Ok"),
        (&format!("{greeted}R: <end>"), "line 2: nothing is said"),
        (
            &format!("{greeted}C: QUIT\nR: 221 2.0.0 Bye\nR: 250 2.0.0 Ok"),
            "line 4: expected `250 2.0.0 Ok`, heard",
        ),
        (&format!("{greeted}U: <connect>"), "line 2: the relay does not connect to SES"),
        (&format!("{greeted}U: EHLO sesgate"), "line 2: the relay has not connected to SES"),
        (&format!("{greeted}A: …"), "line 2: the audit log has no more records"),
        (mail, "the relay connects to SES, and the transcript does not say so"),
        (&format!("{mail}U: <connect>\nS: 220 ses"), "to Ses the relay goes on: `EHLO sesgate"),
        ("play nothing", "parts/nothing.smtp"),
        ("SESGATE_SERVER_NAME=x\n", "SESGATE_SERVER_NAME"),
        ("Q: quit", "line 1: `Q: quit` begins with none of"),
    ] {
        for cut in [Cut::Whole, Cut::Octets] {
            let played = Transcript::parse(text).and_then(|transcript| transcript.play(cut));
            let failure = played.unwrap_err();
            assert!(failure.contains(expected), "{text:?}: {failure}");
        }
    }
}

#[test]
fn a_decision_id_is_the_same_wherever_it_is_heard() {
    let mail = "play client_says_hello\nplay client_sends_envelope\nC: From: ceo@mail.example.com\nC: .\n\
        R: 554 5.7.1 Denied by policy: statement OnlyTheApp (decision <decision>)\n";
    let other = "A: {\"time\":\"<decision>-…";
    assert!(Transcript::parse(&format!("{mail}{other}")).unwrap().play(Cut::Whole).is_err());
    let same = "A: …\"decision_id\":\"<decision>\"…";
    assert!(Transcript::parse(&format!("{mail}{same}")).unwrap().play(Cut::Whole).is_ok());
}

fn transcripts() -> Vec<PathBuf> {
    let entries = |folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let topics = entries(folder()).filter(|path| path.is_dir() && !path.ends_with("parts"));
    let mut paths: Vec<_> = topics
        .flat_map(entries)
        .filter(|path| path.extension().is_some_and(|extension| extension == "smtp"))
        .collect();
    paths.sort();
    paths
}

/// The lines that belong to one reply, together.
fn replies(lines: &[String]) -> Vec<String> {
    let is_last = |line: &String| line.as_bytes().get(3) != Some(&b'-');
    lines.split_inclusive(is_last).map(|reply| reply.join("\r\n")).collect()
}

/// The place in the catalogue of what was said. `*` stands for any text, so the most specific entry counts.
fn entry(catalogue: &[Reply], said: &str) -> Option<usize> {
    let entries = catalogue.iter().map(|reply| reply.to_string().replace('*', "…")).enumerate();
    let fitting = entries.filter(|(_, pattern)| matches(pattern, said));
    fitting.max_by_key(|(_, pattern)| pattern.len()).map(|(position, _)| position)
}
