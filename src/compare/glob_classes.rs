//! One text for every way in which patterns can match or not match at once.
//!
//! All patterns run side by side as one automaton, together with the form that a text must have (an address, a
//! name). Its states are visited in the order of the texts that reach them, so the first text in a state that
//! some set of patterns accepts is a shortest one; and since every reachable state is visited, no set of
//! patterns that some text matches is missed. Characters that no pattern names behave alike, so one of each
//! kind stands for all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use crate::compare::form::{Form, State};
use crate::compare::terms::Terms;
use crate::policy::{Case, Glob, Token};

/// So many states are visited before the search gives up.
const STATES_MAX: usize = 50_000;

/// All texts that match just these patterns, by one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextClass {
    pub example: String,
    /// The patterns that match, by their place, in order.
    pub matched: Vec<usize>,
}

/// Every way in which texts of a form match some patterns.
#[derive(Debug, Clone)]
pub struct TextClasses {
    pub classes: Vec<TextClass>,
    /// Whether the bound kept no class from being found.
    pub is_complete: bool,
    alphabet: Vec<Letter>,
    states: Vec<Vertex>,
}

/// A character, and those that no pattern and no form tells apart from it.
#[derive(Debug, Clone)]
struct Letter {
    shown: char,
    alike: Vec<char>,
}

/// A state as it is kept: where its letters lead, and which patterns match a text that ends here, if one may.
#[derive(Debug, Clone, Default)]
struct Vertex {
    steps: Vec<(usize, usize)>,
    matched: Option<Vec<usize>>,
}

/// A place in one pattern: as many tokens are behind it as the second number says.
type Cursor = (usize, usize);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    form: State,
    /// Where the patterns stand that may still match, in order. Those that cannot any more cost nothing.
    cursors: Vec<Cursor>,
}

impl TextClasses {
    /// The patterns are matched against `prefix` and the text behind it; the form is the text's.
    pub fn new(globs: &[Glob], form: Form, prefix: &str) -> Self {
        let alphabet = alphabet(globs, form);
        let first = Node { form: State::default(), cursors: after(globs, prefix) };
        let mut found: BTreeMap<Vec<usize>, String> = BTreeMap::new();
        let mut states: Vec<Vertex> = vec![Vertex::default()];
        let mut places: HashMap<Node, usize> = HashMap::from([(first.clone(), 0)]);
        let mut queue = VecDeque::from([(0, first, String::new())]);
        let mut is_complete = true;
        while let Some((place, node, text)) = queue.pop_front() {
            let mut vertex = Vertex::default();
            for (index, letter) in alphabet.iter().enumerate() {
                let Some(next) = form.step(node.form, letter.shown) else { continue };
                let next = Node { form: next, cursors: step(globs, &node.cursors, letter.shown) };
                if let Some(known) = places.get(&next) {
                    vertex.steps.push((index, *known));
                } else if states.len() < STATES_MAX {
                    vertex.steps.push((index, states.len()));
                    places.insert(next.clone(), states.len());
                    queue.push_back((states.len(), next, format!("{text}{}", letter.shown)));
                    states.push(Vertex::default());
                } else {
                    is_complete = false;
                }
            }
            if form.accepts(node.form) {
                let matched = matched(globs, &node.cursors);
                vertex.matched = Some(matched.clone());
                found.entry(matched).or_insert(text);
            }
            if let Some(slot) = states.get_mut(place) {
                *slot = vertex;
            }
        }
        prefer_ordinary(&mut found, globs, form, prefix);
        let classes = found.into_iter().map(|(matched, example)| TextClass { example, matched }).collect();
        Self { classes, is_complete, alphabet, states }
    }

    /// The classes in the words of their patterns.
    pub fn terms(&self, globs: &[Glob]) -> Terms {
        let marks = globs.iter().map(ToString::to_string).collect();
        Terms::new(marks, self.classes.iter().map(|class| class.matched.clone()).collect())
    }

    /// So many texts of a class, the shortest first, or all if there are fewer.
    pub fn members(&self, class: &TextClass, wanted: usize) -> Vec<String> {
        let ways = self.ways_to(class);
        let mut members = vec![class.example.clone()];
        // What is so long as the text and all that it still needs comes first: nothing is followed in vain.
        let first = ways.first().copied().flatten().map(|way| Reverse((way, 0, String::new(), 0)));
        let mut queue: BinaryHeap<_> = first.into_iter().collect();
        let mut turn = 0_usize;
        while let Some(Reverse((_, _, text, place))) = queue.pop() {
            if members.len() >= wanted {
                break;
            }
            let Some(vertex) = self.states.get(place) else { continue };
            if vertex.matched.as_ref() == Some(&class.matched) && text != class.example {
                members.push(text.clone());
            }
            let length = text.chars().count() + 1;
            for (letter, next) in &vertex.steps {
                let Some(way) = ways.get(*next).copied().flatten() else { continue };
                let alike = self.alphabet.get(*letter).map(|letter| letter.alike.as_slice());
                for character in alike.unwrap_or_default() {
                    // Among equals first come, first served: letters that are good to read are tried first.
                    turn += 1;
                    queue.push(Reverse((length + way, turn, format!("{text}{character}"), *next)));
                }
            }
        }
        members.truncate(wanted.max(1));
        members
    }

    /// For each state how many characters it takes to the end of a text of the class, if it can be reached.
    fn ways_to(&self, class: &TextClass) -> Vec<Option<usize>> {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.states.len()];
        for (place, vertex) in self.states.iter().enumerate() {
            for (_, next) in &vertex.steps {
                before.get_mut(*next).into_iter().for_each(|list| list.push(place));
            }
        }
        let is_end = |(_, vertex): &(usize, &Vertex)| vertex.matched.as_ref() == Some(&class.matched);
        let ends = self.states.iter().enumerate().filter(is_end).map(|(place, _)| (place, 0));
        let mut ways = vec![None; self.states.len()];
        let mut queue: VecDeque<(usize, usize)> = ends.collect();
        while let Some((place, way)) = queue.pop_front() {
            match ways.get_mut(place) {
                Some(slot @ None) => *slot = Some(way),
                Some(Some(_)) | None => continue,
            }
            queue.extend(before.get(place).into_iter().flatten().map(|place| (*place, way + 1)));
        }
        ways
    }
}

/// Every character that a pattern names, in both cases, and of each kind one that none names.
fn alphabet(globs: &[Glob], form: Form) -> Vec<Letter> {
    let tokens = globs.iter().flat_map(|pattern| &pattern.tokens);
    let mut named = BTreeSet::new();
    for token in tokens {
        if let Token::Character(character) = *token {
            named.insert(character);
            named.extend(character.to_lowercase());
            named.extend(character.to_uppercase());
        }
    }
    let kinds = form.kinds().iter().map(|kind| kind.chars().filter(|one| !named.contains(one)).collect());
    let unnamed = kinds.filter_map(|alike: Vec<char>| Some(Letter { shown: *alike.first()?, alike }));
    let named = named.iter().map(|one| Letter { shown: *one, alike: vec![*one] });
    unnamed.chain(named).collect()
}

/// Where the patterns stand behind a text.
fn after(globs: &[Glob], text: &str) -> Vec<Cursor> {
    let mut cursors = (0..globs.len()).map(|pattern| (pattern, 0)).collect();
    close(globs, &mut cursors);
    text.chars().fold(cursors, |cursors, character| step(globs, &cursors, character))
}

fn step(globs: &[Glob], cursors: &[Cursor], character: char) -> Vec<Cursor> {
    let mut next = Vec::with_capacity(cursors.len());
    for &(place, behind) in cursors {
        let Some(pattern) = globs.get(place) else { continue };
        match pattern.tokens.get(behind) {
            Some(Token::AnyText) => next.push((place, behind)),
            Some(Token::AnyCharacter) => next.push((place, behind + 1)),
            Some(Token::Character(wanted)) if pattern.case.is_same(character, *wanted) => {
                next.push((place, behind + 1));
            }
            Some(Token::Character(_)) | None => {}
        }
    }
    close(globs, &mut next);
    next
}

/// `*` may stand for nothing, so who is before it is behind it too.
fn close(globs: &[Glob], cursors: &mut Vec<Cursor>) {
    let mut index = 0;
    while let Some(&(place, behind)) = cursors.get(index) {
        if globs.get(place).and_then(|pattern| pattern.tokens.get(behind)) == Some(&Token::AnyText) {
            cursors.push((place, behind + 1));
        }
        index += 1;
    }
    cursors.sort_unstable();
    cursors.dedup();
}

fn matched(globs: &[Glob], cursors: &[Cursor]) -> Vec<usize> {
    let is_end =
        |(place, behind): &&Cursor| globs.get(*place).is_some_and(|pattern| pattern.tokens.len() == *behind);
    cursors.iter().filter(is_end).map(|(place, _)| *place).collect()
}

/// A shortest text is rarely one that people recognise: where an ordinary one is of the class, it stands in.
fn prefer_ordinary(found: &mut BTreeMap<Vec<usize>, String>, globs: &[Glob], form: Form, prefix: &str) {
    let mut named = BTreeSet::new();
    for pattern in globs {
        let text: String = pattern.tokens.iter().copied().fold(String::new(), ordinary);
        let text = text.strip_prefix(prefix).unwrap_or(&text).to_owned();
        named.insert(if pattern.case == Case::Ignored { text.to_lowercase() } else { text });
    }
    let mut better: BTreeMap<Vec<usize>, String> = BTreeMap::new();
    for text in named.into_iter().chain(form.ordinary().iter().map(|text| (*text).to_owned())) {
        let mut state = Some(State::default());
        for character in text.chars() {
            state = state.and_then(|state| form.step(state, character));
        }
        if !state.is_some_and(|state| form.accepts(state)) {
            continue;
        }
        let cursors = after(globs, &format!("{prefix}{text}"));
        better.insert(matched(globs, &cursors), text);
    }
    found.extend(better);
}

fn ordinary(mut text: String, token: Token) -> String {
    match token {
        Token::AnyText => text.push_str("someone"),
        Token::AnyCharacter => text.push('x'),
        Token::Character(character) => text.push(character),
    }
    text
}
