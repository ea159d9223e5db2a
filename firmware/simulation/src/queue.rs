//! Events in true time.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::clock::TrueMicros;

/// Gives events back by their time, and of those of one time the one that came first.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    order: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at_us: TrueMicros,
    order: u64,
    event: E,
}

impl<E> Queue<E> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), order: 0 }
    }

    /// Adds `event` for `at_us`.
    pub fn push(&mut self, at_us: TrueMicros, event: E) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at_us, order: self.order, event }));
    }

    /// The next event, with its time.
    pub fn pop(&mut self) -> Option<(TrueMicros, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at_us, entry.event))
    }

    /// When the next event is.
    #[must_use]
    pub fn next_us(&self) -> Option<TrueMicros> {
        self.heap.peek().map(|Reverse(entry)| entry.at_us)
    }

    /// Takes all events out, in their order; what is put back keeps that order.
    pub fn drain(&mut self) -> Vec<(TrueMicros, E)> {
        let mut entries: Vec<_> = std::mem::take(&mut self.heap).into_iter().map(|entry| entry.0).collect();
        entries.sort_by_key(Entry::key);
        entries.into_iter().map(|entry| (entry.at_us, entry.event)).collect()
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue::new()
    }
}

impl<E> Entry<E> {
    fn key(&self) -> (TrueMicros, u64) {
        (self.at_us, self.order)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Entry<E>) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_put_in() {
        let mut queue = Queue::new();
        for (at_us, event) in [(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd')] {
            queue.push(at_us, event);
        }
        assert_eq!(queue.next_us(), Some(3));
        assert_eq!(queue.pop(), Some((3, 'b')));
        for (at_us, event) in queue.drain() {
            queue.push(at_us, event);
        }
        assert_eq!([queue.pop(), queue.pop(), queue.pop()], [Some((3, 'd')), Some((5, 'a')), Some((5, 'c'))]);
        assert_eq!(queue.pop(), None);
    }
}
