//! What is shown: the live lab, or something that is played while the lab goes on behind it.

use std::sync::Arc;

use egui::Context;

use crate::{
    app::{
        TwinlightApp,
        player::{Player, PlayerAction, Reel},
        settings::Part,
        window,
        world_client::WorldClient,
    },
    scenario::Scenario,
    world::event::Severity,
};

impl TwinlightApp {
    pub(super) fn perform_player(&mut self, ctx: &Context, action: PlayerAction) {
        let done = match action {
            PlayerAction::Leave => {
                self.watch(None);
                Ok(())
            }
            PlayerAction::Open { place, seed } => {
                self.lessons.reel(place, seed).and_then(|reel| self.play(ctx, reel))
            }
            PlayerAction::OpenRecording(file) => self.play(ctx, Reel::recording(&file)),
            action => self.player.as_mut().map_or(Ok(false), |player| player.perform(&action)).map(|anew| {
                if anew {
                    // Cars do not drive backwards.
                    self.traffic_of = None;
                }
            }),
        };
        if let Err(text) = done {
            self.note(Severity::Warning, text);
        }
    }

    fn play(&mut self, ctx: &Context, reel: Reel) -> Result<(), String> {
        let player = Player::open(reel, Arc::new(window::waker(ctx)))?;
        self.watch(Some(player));
        Ok(())
    }

    /// Shows what is played, or the live lab again.
    fn watch(&mut self, player: Option<Player>) {
        self.player = player;
        self.look_at_ms = None;
        self.traffic_of = None;
    }

    /// Plays `reel` at once, with the live lab behind it.
    #[must_use]
    pub fn with_reel(mut self, ctx: &Context, reel: Reel) -> TwinlightApp {
        if let Err(text) = self.play(ctx, reel) {
            self.note(Severity::Error, text);
        }
        self
    }

    /// Plays a scenario at once, and lists it before the lessons.
    #[must_use]
    pub fn with_scenario(mut self, ctx: &Context, scenario: Scenario, seed: u64) -> TwinlightApp {
        self.lessons.entries.insert(0, scenario);
        self.lessons.seed = seed.to_string();
        self.settings.open(Part::Lessons);
        self.perform_player(ctx, PlayerAction::Open { place: 0, seed });
        self
    }
}

/// The world that is shown: what is played, or the live one.
pub(super) fn shown_of<'a>(live: &'a WorldClient, player: &'a Option<Player>) -> &'a WorldClient {
    player.as_ref().map_or(live, |player| &player.client)
}
