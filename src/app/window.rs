//! Opens the window.

use std::{path::PathBuf, sync::Arc};

use egui::{ViewportBuilder, vec2};

use super::{
    board::context::ProvisioningContext,
    brokers::{BrokerController, world_switcher::WorldSwitcher},
    clock::Clock,
    player::source::PlaybackSource,
    repaint::waker,
    settings::{STORAGE_KEY, Settings},
    shell::TwinlightApp,
    world_client::WorldLink,
};
use crate::{board::JobRunner, model::private_file, presets::PRESETS, scenario::Scenario};

/// What the desktop knows the window by; names the folder of its settings, too.
const APP_ID: &str = "twinlight";

/// The file of the settings in a folder that was named.
const SETTINGS_FILE: &str = "window.ron";

/// Why there is no world to show.
pub(super) type LinkError = Box<dyn std::error::Error + Send + Sync>;

/// The window to be opened.
pub(crate) struct Window {
    pub(crate) title: String,
    /// What the run is: the configuration's path, for instance.
    pub(crate) subtitle: String,
    /// What boards need of the configuration.
    pub(crate) context: ProvisioningContext,
    /// Where the window's own settings are kept; `None`: where the system keeps such things.
    pub(crate) settings_folder: Option<PathBuf>,
    /// Where reports and the key that seals them are kept.
    pub(crate) state_folder: Option<PathBuf>,
    /// What is to be played at once, before the live lab is looked at.
    pub(crate) opening: Option<Opening>,
}

pub(crate) enum Opening {
    /// A scenario in a simulated world, with this seed.
    Scenario(Box<Scenario>, u64),
    /// Something else that can be played: a recording.
    Source(PlaybackSource),
}

impl Window {
    /// Opens it and returns when it is closed. `make_link` gets the context, for the world's
    /// [`super::repaint::waker`], and starts the world; with it comes the way to change it.
    ///
    /// # Errors
    /// When there is no display or no OpenGL, or with what `make_link` gave.
    pub(crate) fn open(
        self,
        make_link: impl FnOnce(&egui::Context) -> Result<(WorldLink, WorldSwitcher), LinkError>,
    ) -> eframe::Result {
        // The settings are this user's alone, whatever the user's mask says.
        let folder = self.settings_folder.clone().or_else(|| eframe::storage_dir(APP_ID));
        if let Some(Err(error)) = folder.map(|folder| private_file::make_folder(&folder)) {
            tracing::warn!(%error, "what the window remembers has no folder");
        }
        let icon =
            eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon.png")).unwrap_or_default();
        let viewport = ViewportBuilder::default()
            .with_app_id(APP_ID)
            .with_title(&self.title)
            .with_inner_size(vec2(1_280.0, 800.0))
            .with_min_inner_size(vec2(760.0, 480.0))
            .with_icon(icon);
        let persistence_path = self.settings_folder.map(|folder| folder.join(SETTINGS_FILE));
        let options = eframe::NativeOptions { viewport, persistence_path, ..Default::default() };
        eframe::run_native(
            "twinlight",
            options,
            Box::new(move |cc| {
                let settings: Settings = cc
                    .storage
                    .and_then(|storage| eframe::get_value(storage, STORAGE_KEY))
                    .unwrap_or_default();
                let (link, switcher) = make_link(&cc.egui_ctx)?;
                let app = TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, self.subtitle);
                let runner = JobRunner::new(Arc::new(waker(&cc.egui_ctx)))?;
                let brokers = BrokerController::new(&PRESETS).with_switcher(switcher);
                let app = app
                    .with_board(runner, self.context)
                    .with_brokers(brokers)
                    .with_reports(self.state_folder);
                Ok(Box::new(match self.opening {
                    None => app,
                    Some(Opening::Scenario(scenario, seed)) => {
                        app.with_scenario(&cc.egui_ctx, *scenario, seed)
                    }
                    Some(Opening::Source(source)) => app.with_source(&cc.egui_ctx, source),
                }))
            }),
        )
    }
}
