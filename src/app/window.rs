//! Opens the window.

use std::{sync::Arc, time::Duration};

use egui::{ViewportBuilder, vec2};

use crate::{
    app::{
        TwinlightApp,
        board::form::Lab,
        brokers::{Brokers, switch::Switch},
        clock::Clock,
        player::Reel,
        settings::{STORAGE_KEY, Settings},
        world_client::WorldLink,
    },
    board::Desk,
    presets::PRESETS,
    scenario::Scenario,
};

/// Time that events are gathered for before they are shown: a busy world must not drive the window
/// faster than its animation.
const GATHER: Duration = Duration::from_millis(33);

/// What the world calls after each event: wakes the window soon, once for many events.
pub fn waker(ctx: &egui::Context) -> impl Fn() + Send + Sync + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint_after(GATHER)
}

/// Why there is no world to show.
pub type LinkError = Box<dyn std::error::Error + Send + Sync>;

/// What the window is called, and what it is told of the run.
pub struct Window {
    /// The title.
    pub title: String,
    /// What the run is: the configuration's path, for instance.
    pub subtitle: String,
    /// What the configuration says of lights and broker, for boards.
    pub lab: Lab,
    /// What is to be played at once, before the live lab is looked at.
    pub opening: Option<Opening>,
}

/// What the window opens with.
pub enum Opening {
    /// A scenario in a simulated world, with this seed.
    Scenario(Box<Scenario>, u64),
    /// Something else that can be played: a recording.
    Reel(Reel),
}

impl Window {
    /// Opens it and returns when it is closed. `make_link` gets the context, for the world's
    /// [`waker`], and starts the world; with it comes the switch to other worlds.
    ///
    /// # Errors
    /// When there is no display or no OpenGL, or with what `make_link` gave.
    pub fn open(
        self,
        make_link: impl FnOnce(&egui::Context) -> Result<(WorldLink, Switch), LinkError>,
    ) -> eframe::Result {
        let icon =
            eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon.png")).unwrap_or_default();
        let viewport = ViewportBuilder::default()
            .with_app_id("twinlight")
            .with_title(&self.title)
            .with_inner_size(vec2(1_280.0, 800.0))
            .with_min_inner_size(vec2(760.0, 480.0))
            .with_icon(icon);
        let options = eframe::NativeOptions { viewport, ..Default::default() };
        eframe::run_native(
            "twinlight",
            options,
            Box::new(move |cc| {
                let settings: Settings = cc
                    .storage
                    .and_then(|storage| eframe::get_value(storage, STORAGE_KEY))
                    .unwrap_or_default();
                let (link, switch) = make_link(&cc.egui_ctx)?;
                let app = TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, self.subtitle);
                let desk = Desk::open(Arc::new(waker(&cc.egui_ctx)))?;
                let brokers = Brokers::new(&PRESETS).with_switch(switch);
                let app = app.with_desk(desk, self.lab).with_brokers(brokers);
                Ok(Box::new(match self.opening {
                    None => app,
                    Some(Opening::Scenario(scenario, seed)) => {
                        app.with_scenario(&cc.egui_ctx, *scenario, seed)
                    }
                    Some(Opening::Reel(reel)) => app.with_reel(&cc.egui_ctx, reel),
                }))
            }),
        )
    }
}
