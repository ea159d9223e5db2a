//! Asks before a window is closed that flashes a board.

use egui::{Context, ViewportCommand};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClosingAction {
    /// Close the window, and end the board's job.
    CloseAnyway,
    StayOpen,
}

/// Whether the question is asked, and how it was answered.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Whether the question is shown.
    pub(super) asks: bool,
    confirmed: bool,
}

impl Closing {
    /// Holds the window open while a board is being worked on, until the user has answered.
    pub(super) fn guard(&mut self, ctx: &Context, board_works: bool) {
        if !board_works {
            self.asks = false;
        } else if ctx.input(|input| input.viewport().close_requested()) && !self.confirmed {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.asks = true;
        }
    }

    /// Takes the answer; returns whether the job is to be cancelled.
    #[must_use]
    pub(super) fn perform(&mut self, ctx: &Context, action: ClosingAction) -> bool {
        match action {
            ClosingAction::StayOpen => self.asks = false,
            ClosingAction::CloseAnyway => {
                self.confirmed = true;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
        }
        action == ClosingAction::CloseAnyway
    }
}
