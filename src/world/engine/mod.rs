//! The engine of a world, without I/O and without a clock: the live world and the simulated one drive the
//! same.

mod state;

pub(crate) use self::state::WorldState;

/// The book that a world keeps.
#[derive(Default)]
pub(crate) struct Engine {
    pub(crate) state: WorldState,
}

impl Engine {
    /// When [`Engine::tick`] has something to do though nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<std::time::Duration> {
        self.state.judges_at()
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self) {
        self.state.judge();
    }
}
