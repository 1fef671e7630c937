//! Who waits: each app in a queue of its own, and the apps in turn, so that none waits behind another's thousand
//! mails. It knows no clock and no mail.

use std::collections::VecDeque;

/// INVARIANT: no app without items is in it.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    /// The app at the front is served next, and goes to the back.
    apps: VecDeque<(Box<str>, VecDeque<T>)>,
}

/// Where an item begins to wait among those of its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Last,
    /// For what was served already, and has to be served once more.
    First,
}

impl<T> FairQueue<T> {
    pub fn push(&mut self, app: &str, place: Place, item: T) {
        let items = match self.apps.iter_mut().find(|(name, _)| **name == *app) {
            Some((_, items)) => items,
            None => &mut self.apps.push_back_mut((app.into(), VecDeque::new())).1,
        };
        match place {
            Place::Last => items.push_back(item),
            Place::First => items.push_front(item),
        }
    }

    pub fn len(&self) -> usize {
        self.apps.iter().map(|(_, items)| items.len()).sum()
    }

    pub fn peek(&self) -> Option<&T> {
        self.apps.front()?.1.front()
    }

    pub fn pop(&mut self) -> Option<T> {
        let (name, mut items) = self.apps.pop_front()?;
        let item = items.pop_front();
        if !items.is_empty() {
            self.apps.push_back((name, items));
        }
        item
    }

    /// Forgets those that no longer wait. Nobody loses a turn by it.
    pub fn retain(&mut self, waits: impl Fn(&T) -> bool) {
        for (_, items) in &mut self.apps {
            items.retain(&waits);
        }
        self.apps.retain(|(_, items)| !items.is_empty());
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { apps: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::{FairQueue, Place};

    fn drain(mut queue: FairQueue<&str>) -> Vec<&str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn apps_are_served_in_turn_and_each_in_order() {
        let mut queue = FairQueue::default();
        for (app, item) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")] {
            queue.push(app, Place::Last, item);
        }
        assert_eq!(queue.peek(), Some(&"a1"));
        assert_eq!(drain(queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
    }

    #[test]
    fn what_has_to_be_served_again_is_the_first_of_its_app() {
        let mut queue = FairQueue::default();
        for (app, item) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
            queue.push(app, Place::Last, item);
        }
        let again = queue.pop().unwrap();
        queue.push("a", Place::First, again);
        assert_eq!(drain(queue), ["b1", "a1", "a2"]);
    }

    #[test]
    fn who_leaves_takes_no_turn() {
        let mut queue = FairQueue::default();
        for (app, item) in [("a", "a1"), ("b", "b1"), ("b", "b2"), ("a", "a2")] {
            queue.push(app, Place::Last, item);
        }
        queue.retain(|item| !item.starts_with("a1") && !item.starts_with('b'));
        assert_eq!(drain(queue), ["a2"]);
    }
}
