//! How many connections the broker has room for, and how many of them others may have.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Clients of this program itself, whose connections are kept free from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnClients {
    /// How many there are.
    pub clients: usize,
    /// File descriptors that they take, without the broker's end of their connections.
    pub files: usize,
}

/// Sockets open at once, those that have not logged in included. One more is closed at once.
const MAX_CONNECTIONS: usize = 10_000;
/// File descriptors for all that is no connection of the broker's.
const OTHER_FILES: usize = 128;
/// Of connections, and of other things, where the system does not say what it allows.
const FEW_FILES: u64 = 1_024;

/// The places of one broker.
pub(super) struct Places {
    pub(super) connections: usize,
    for_others: usize,
    others: AtomicUsize,
}

impl Places {
    /// Asks the system for as many file descriptors as it gives, and keeps places for this program's own clients.
    pub(super) fn new(own: OwnClients) -> Places {
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(FEW_FILES);
        let taken = OTHER_FILES.saturating_add(own.files);
        Places::of(usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(taken), own.clients)
    }

    fn of(files: usize, own: usize) -> Places {
        let connections = MAX_CONNECTIONS.max(own.saturating_add(own / 4)).min(files);
        Places { connections, for_others: connections.saturating_sub(own), others: AtomicUsize::new(0) }
    }

    /// Takes a place for a client that is not this program's own; false where none is left.
    pub(super) fn enter(&self) -> bool {
        self.others
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |others| {
                (others < self.for_others).then_some(others + 1)
            })
            .is_ok()
    }

    pub(super) fn leave(&self) {
        self.others.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_its_own_clients_are_not_for_others() {
        let places = Places::of(102, 100);
        assert_eq!(places.connections, 102);
        assert!(places.enter() && places.enter() && !places.enter());
        places.leave();
        assert!(places.enter() && !places.enter());
    }

    #[test]
    fn more_clients_of_its_own_than_usual_have_room_where_there_are_files() {
        assert_eq!(Places::of(30_000, 12_000).connections, 15_000);
        assert_eq!(Places::of(1_000, 0).connections, 1_000);
    }
}
