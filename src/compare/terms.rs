//! Classes told in the policies' own words: by the patterns they are in and those they are not in.

use std::collections::BTreeSet;

/// The classes that marks (patterns, networks) cut a key into, each with its name.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    marks: Vec<String>,
    /// For each class the marks it is in, in order.
    classes: Vec<Vec<usize>>,
    labels: Vec<String>,
}

impl Terms {
    pub fn new(marks: Vec<String>, classes: Vec<Vec<usize>>) -> Self {
        let mut terms = Self { marks, classes, labels: Vec::new() };
        terms.labels = terms.classes.iter().map(|class| terms.label(class)).collect();
        terms
    }

    /// How each class is called: "`*@example.com` but not `ceo@example.com`".
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Several classes, by as few words as they need: a mark that holds none but them speaks for all it holds.
    /// Labels of other things, such as that a key is absent, are kept.
    pub fn summary(&self, labels: &[String]) -> Vec<String> {
        let (known, mut words): (Vec<String>, Vec<String>) =
            labels.iter().cloned().partition(|label| self.labels.contains(label));
        let (mut inside, mut outside): (Vec<&Vec<usize>>, Vec<&Vec<usize>>) = Default::default();
        for (class, label) in self.classes.iter().zip(&self.labels) {
            if known.contains(label) { inside.push(class) } else { outside.push(class) }
        }
        if inside.iter().any(|class| class.is_empty())
            && let (marks, rest) = self.spoken_for(&outside, &inside)
            && rest.is_empty()
        {
            words.push(if marks.is_empty() {
                "any".to_owned()
            } else {
                format!("any but {}", marks.join(", "))
            });
            return words;
        }
        let (marks, rest) = self.spoken_for(&inside, &outside);
        words.extend(marks);
        for class in rest {
            let label = self.label(class);
            // IPv4 and IPv6 addresses outside all networks are two classes of one name.
            if !words.contains(&label) {
                words.push(label);
            }
        }
        words
    }

    /// Marks that hold some of these classes and none of the others, and the classes that no such mark holds.
    fn spoken_for<'c>(
        &self,
        these: &[&'c Vec<usize>],
        others: &[&'c Vec<usize>],
    ) -> (Vec<String>, Vec<&'c Vec<usize>>) {
        let mut marks: Vec<(usize, usize)> = Vec::new();
        for mark in 0..self.marks.len() {
            let size = these.iter().filter(|class| class.contains(&mark)).count();
            if size > 0 && !others.iter().any(|class| class.contains(&mark)) {
                marks.push((size, mark));
            }
        }
        // The widest first, so that the narrow within it need no words.
        marks.sort_by_key(|(size, mark)| (usize::MAX - size, *mark));
        let mut rest: Vec<&Vec<usize>> = these.to_vec();
        let mut spoken: BTreeSet<usize> = BTreeSet::new();
        for (_, mark) in marks {
            let before = rest.len();
            rest.retain(|class| !class.contains(&mark));
            if rest.len() < before {
                spoken.insert(mark);
            }
        }
        (self.names(&spoken), rest)
    }

    fn label(&self, class: &[usize]) -> String {
        let is_within = |inner: usize, outer: usize| {
            let mut inside = self.classes.iter().filter(|class| class.contains(&inner));
            inside.all(|class| class.contains(&outer))
        };
        // Of two marks that cover the same, the first speaks for both.
        let is_narrower =
            |one: usize, other: usize| is_within(one, other) && (!is_within(other, one) || one < other);
        let inside = class.iter().copied();
        let inside =
            inside.filter(|mark| !class.iter().any(|other| other != mark && is_narrower(*other, *mark)));
        let overlaps = |mark: usize| {
            let mut classes = self.classes.iter();
            classes.any(|other| other.contains(&mark) && class.iter().all(|one| other.contains(one)))
        };
        let outside: Vec<usize> =
            (0..self.marks.len()).filter(|mark| !class.contains(mark) && overlaps(*mark)).collect();
        let is_widest = |mark: &usize| {
            let wider = |other: usize| is_within(*mark, other) && (!is_within(other, *mark) || other < *mark);
            !outside.iter().any(|other| other != mark && wider(*other))
        };
        let outside = outside.iter().copied().filter(is_widest);
        match (self.names(&inside.collect()), self.names(&outside.collect())) {
            (inside, outside) if inside.is_empty() && outside.is_empty() => "any".to_owned(),
            (inside, outside) if inside.is_empty() => format!("any but {}", outside.join(", ")),
            (inside, outside) if outside.is_empty() => inside.join(" and "),
            (inside, outside) => format!("{} but not {}", inside.join(" and "), outside.join(", ")),
        }
    }

    fn names(&self, marks: &BTreeSet<usize>) -> Vec<String> {
        let mut names: Vec<String> =
            marks.iter().filter_map(|mark| self.marks.get(*mark)).map(|mark| format!("`{mark}`")).collect();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::Terms;

    fn terms() -> Terms {
        let marks = ["*@x.com", "*", "ceo@x.com", "c*@x.com"].map(str::to_owned).to_vec();
        Terms::new(marks, vec![vec![1], vec![0, 1], vec![0, 1, 3], vec![0, 1, 2, 3], vec![]])
    }

    #[test]
    fn a_class_is_called_by_the_narrowest_marks_around_it_and_the_widest_within() {
        assert_eq!(
            terms().labels(),
            [
                "`*` but not `*@x.com`",
                "`*@x.com` but not `c*@x.com`",
                "`c*@x.com` but not `ceo@x.com`",
                "`ceo@x.com`",
                "any but `*`",
            ]
        );
    }

    #[test]
    fn several_classes_are_called_by_what_holds_just_them() {
        let terms = terms();
        let summary = |places: &[usize]| {
            let labels: Vec<String> = places.iter().map(|place| terms.labels()[*place].clone()).collect();
            terms.summary(&labels).join(" or ")
        };
        assert_eq!(summary(&[2, 3]), "`c*@x.com`");
        assert_eq!(summary(&[1, 2, 3]), "`*@x.com`");
        assert_eq!(summary(&[1, 3]), "`ceo@x.com` or `*@x.com` but not `c*@x.com`");
        assert_eq!(summary(&[0, 4]), "any but `*@x.com`");
        assert_eq!(summary(&[0, 1, 2, 3, 4]), "any");
        assert_eq!(summary(&[0, 3]), "`ceo@x.com` or `*` but not `*@x.com`");
    }
}
