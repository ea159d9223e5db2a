//! Owns the controllers, draws a frame, and performs what the panels ask for.

use std::{path::PathBuf, sync::Arc};

use egui::{CentralPanel, Context, Frame, Margin, Panel, Ui};
use traffic_light::Name;

use super::{
    action::{Action, Actions, FaultTarget},
    board::{BoardAction, BoardController, BoardEffect, context::ProvisioningContext, form::Form},
    brokers::{BrokerController, BrokerList, Surroundings, world_switcher::StartedWorld},
    clock::Clock,
    closing::Closing,
    foreign_light::{ForeignLightAction, ForeignLights},
    geometry::Geometry,
    keys::{self, Keyboard},
    lessons::Lessons,
    own_light::{CheckJob, OwnLight, Picture},
    panels,
    player::{PlayerAction, PlayerController, source::PlaybackSource},
    repaint::{self, RepaintScheduler},
    scene,
    selection::{Selection, SelectionAction},
    settings::{LeftPanel, Settings},
    settings_file::SettingsFile,
    state::{Junction, State},
    theme::{self, Palette},
    topics::TopicsController,
    view::ViewContext,
    world_client::{WorldClient, WorldLink},
    zoom::Zoom,
};
use crate::{
    board::JobRunner,
    config::Config,
    presets::PRESETS,
    scenario::Scenario,
    world::{Command, Waker, event::Severity},
};

/// The window's program, driven by eframe on the window's thread. Each controller owns its part of the state;
/// `perform` hands them what the panels ask for.
pub struct TwinlightApp {
    live: WorldClient,
    player: PlayerController,
    lessons: Lessons,
    board: Option<BoardController>,
    brokers: BrokerController,
    own_light: OwnLight,
    foreign_lights: ForeignLights,
    faults: panels::faults::Draft,
    topics: TopicsController,
    selection: Selection,
    closing: Closing,
    zoom: Zoom,
    geometry: Geometry,
    keyboard: Keyboard,
    settings: Settings,
    settings_file: Option<SettingsFile>,
    subtitle: String,
    help_open: bool,
}

/// The world that is shown: what is played, or the live one.
fn client_of<'a>(live: &'a WorldClient, player: &'a PlayerController) -> &'a WorldClient {
    player.client().unwrap_or(live)
}

impl TwinlightApp {
    /// An app on a context that has not shown anything yet.
    #[must_use]
    pub fn new(
        ctx: &Context,
        link: WorldLink,
        clock: Clock,
        settings: Settings,
        subtitle: String,
    ) -> TwinlightApp {
        let settings = settings.checked();
        theme::install(ctx);
        theme::choose(ctx, settings.theme);
        TwinlightApp {
            live: WorldClient::new(link, clock),
            player: PlayerController::default(),
            lessons: Lessons::default(),
            board: None,
            brokers: BrokerController::new(&PRESETS),
            own_light: OwnLight::default(),
            foreign_lights: ForeignLights::default(),
            faults: panels::faults::Draft::default(),
            topics: TopicsController::default(),
            selection: Selection::new(Name::new(&settings.junction).ok()),
            closing: Closing::default(),
            zoom: Zoom::new(ctx, &settings),
            geometry: Geometry::new(&settings),
            keyboard: Keyboard::default(),
            settings,
            settings_file: None,
            subtitle,
            help_open: false,
        }
    }

    /// With a runner for jobs on boards, for the lights of `context`.
    #[must_use]
    pub fn with_board(mut self, runner: JobRunner, context: ProvisioningContext) -> TwinlightApp {
        let form = Form::new(&context, &self.settings.board);
        let mut board = BoardController::new(runner, Arc::new(context), form);
        board.state.could_join = self.settings.boards_could_join;
        self.board = Some(board);
        self
    }

    /// With these brokers to choose from.
    #[must_use]
    pub fn with_brokers(mut self, brokers: BrokerController) -> TwinlightApp {
        self.brokers = brokers;
        self
    }

    /// With a file for what the window remembers.
    #[must_use]
    pub fn with_settings_file(mut self, file: SettingsFile) -> TwinlightApp {
        self.settings_file = Some(file);
        self
    }

    /// With a folder for the reports on other people's lights.
    #[must_use]
    pub fn with_reports(mut self, state_folder: Option<PathBuf>) -> TwinlightApp {
        self.own_light.state_folder = state_folder;
        self
    }

    /// Plays `source` at once, with the live lab behind it.
    #[must_use]
    pub fn with_source(mut self, ctx: &Context, source: PlaybackSource) -> TwinlightApp {
        if let Err(text) = self.play(ctx, source) {
            self.notify(Severity::Error, text);
        }
        self
    }

    /// Plays a scenario at once, and lists it before the lessons.
    #[must_use]
    pub fn with_scenario(mut self, ctx: &Context, scenario: Scenario, seed: u64) -> TwinlightApp {
        self.lessons.entries.insert(0, scenario);
        self.lessons.form.seed = seed.to_string();
        self.settings.left = Some(LeftPanel::Lessons);
        self.perform(ctx, PlayerAction::Open { place: 0, seed }.into());
        self
    }

    /// What is known of boards; for tests.
    #[must_use]
    pub fn board(&self) -> Option<&BoardController> {
        self.board.as_ref()
    }

    /// What is filled in for a board; for tests.
    pub fn board_mut(&mut self) -> Option<&mut BoardController> {
        self.board.as_mut()
    }

    /// The brokers to choose from, and what is known of them; for tests.
    #[must_use]
    pub fn brokers(&self) -> &BrokerController {
        &self.brokers
    }

    /// The check of somebody's own light; for tests.
    #[must_use]
    pub fn own_light(&self) -> &OwnLight {
        &self.own_light
    }

    /// What is known of the world that is shown; for tests.
    #[must_use]
    pub fn state(&self) -> &State {
        &client_of(&self.live, &self.player).state
    }

    /// What the app remembers; for tests.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn client_mut(&mut self) -> &mut WorldClient {
        self.player.client_mut().unwrap_or(&mut self.live)
    }

    fn notify(&mut self, severity: Severity, text: String) {
        self.client_mut().note(severity, text);
    }

    fn board_works(&self) -> bool {
        self.board.as_ref().is_some_and(|board| board.state.works())
    }

    fn perform(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::World(command) => self.client_mut().send(command),
            Action::Board(action) => self.perform_board(ctx, action),
            Action::Brokers(action) => {
                let around = Surroundings {
                    live: &self.live.state,
                    board_works: self.board_works(),
                    board_login: self.board.as_ref().and_then(|board| board.state.login.as_ref()),
                };
                if let Err(text) = self.brokers.perform(action, &around, Arc::new(repaint::waker(ctx))) {
                    self.notify(Severity::Warning, text);
                }
            }
            Action::OwnLight(action) => {
                let (in_use, wake): (_, Waker) = (self.brokers.list.config(), Arc::new(repaint::waker(ctx)));
                if let Err(text) = self.own_light.perform(action, in_use, &wake) {
                    self.notify(Severity::Error, text);
                }
            }
            Action::ForeignLight(action) => self.perform_foreign_light(ctx, &action),
            Action::Player(action) => {
                if let Err(text) = self.perform_player(ctx, action) {
                    self.notify(Severity::Warning, text);
                }
            }
            Action::Topics(action) => self.topics.perform(action),
            Action::Selection(action) => {
                if let SelectionAction::Light(light) = &action {
                    self.faults.aim(FaultTarget::Light(light.clone()));
                }
                self.selection.perform(action);
            }
            Action::Settings(action) => {
                self.settings.perform(action);
                theme::choose(ctx, self.settings.theme);
            }
            Action::Closing(action) => {
                if self.closing.perform(ctx, action) {
                    self.perform_board(ctx, BoardAction::Cancel);
                }
            }
            Action::AimFault(target) => {
                if let FaultTarget::Light(light) | FaultTarget::Link(light) = &target {
                    self.selection.perform(SelectionAction::Light(light.clone()));
                }
                self.faults.aim(target);
                self.settings.left = Some(LeftPanel::Faults);
            }
            Action::KeepChaosSeed(seed) => self.faults.keep_chaos_seed(seed),
            Action::AcknowledgeConflicts => self.client_mut().state.conflicts.acknowledge(),
            Action::ShowHelp(open) => self.help_open = open,
        }
        // What was asked for shows in the next frame.
        ctx.request_repaint();
    }

    fn perform_foreign_light(&mut self, ctx: &Context, action: &ForeignLightAction) {
        let Some(config) = self.brokers.list.config() else { return };
        match action {
            ForeignLightAction::Restart => {
                let Some(config) = self.foreign_lights.checked.config.clone() else { return };
                let works = self.board_works();
                if let Err(text) = self.brokers.restart_with(config, works) {
                    self.notify(Severity::Warning, text.to_owned());
                }
            }
            ForeignLightAction::Save { replace } => {
                let (source, typed) = (self.brokers.list.source(), self.brokers.form.clone());
                self.foreign_lights.save(*replace, source, typed, Arc::new(repaint::waker(ctx)));
            }
            action => {
                if let Some(command) = self.foreign_lights.perform(action, &config) {
                    self.live.send(command);
                }
            }
        }
    }

    /// The live lab goes on with a configuration that was changed while it runs.
    fn changed_to(&mut self, config: Arc<Config>) {
        if let Some(board) = &mut self.board {
            let mut context = (*board.state.context).clone();
            context.junctions.clone_from(&config.junctions);
            context.login.clone_from(&board.state.login);
            board.change_context(Arc::new(context));
        }
        self.brokers.list.changed_to(config);
    }

    fn perform_board(&mut self, ctx: &Context, action: BoardAction) {
        if action.starts_job() && self.brokers.list.working.is_some() {
            // The settings of the board are those of the broker of before.
            let text = "The broker is being changed. Start the job when that is done.";
            return self.notify(Severity::Warning, text.to_owned());
        }
        let waker = ctx.clone();
        let wake = move || waker.request_repaint();
        if let Some(effect) = self.board.as_mut().and_then(|board| board.perform(action, wake)) {
            self.perform_effect(effect);
        }
    }

    fn perform_effect(&mut self, effect: BoardEffect) {
        match effect {
            BoardEffect::Notify(severity, text) => self.notify(severity, text),
            // Boards join the live lab, whatever is shown.
            BoardEffect::Send(command) => self.live.send(command),
        }
    }

    fn perform_player(&mut self, ctx: &Context, action: PlayerAction) -> Result<(), String> {
        match action {
            PlayerAction::Leave => {
                self.player.leave();
                self.selection.restart();
            }
            PlayerAction::Open { place, seed } => self.play(ctx, self.lessons.source(place, seed)?)?,
            PlayerAction::OpenRecording(file) => self.play(ctx, PlaybackSource::recording(&file))?,
            action => {
                if self.player.control(&action)? {
                    self.selection.restart_cars();
                }
            }
        }
        Ok(())
    }

    fn play(&mut self, ctx: &Context, source: PlaybackSource) -> Result<(), String> {
        self.player.play(source, Arc::new(repaint::waker(ctx)))?;
        self.selection.restart();
        Ok(())
    }

    /// Takes in what boards, doctor and switcher have to tell.
    fn drain_controllers(&mut self, ctx: &Context) {
        let effects = self.board.as_mut().map(|board| board.drain(&self.live.state));
        for effect in effects.into_iter().flatten() {
            self.perform_effect(effect);
        }
        let wake: Waker = Arc::new(repaint::waker(ctx));
        if let Err(text) = self.own_light.drain(&wake) {
            self.notify(Severity::Error, text);
        }
        if let Some(config) = self.foreign_lights.drain(&self.live.state) {
            self.changed_to(config);
        }
        while let Some((started, error)) = self.brokers.drain() {
            if let Some(started) = started {
                self.take_over(*started);
            }
            if let Some(text) = error {
                self.notify(Severity::Error, text);
            }
        }
    }

    /// Shows the world that was started; nothing of the one before is left.
    fn take_over(&mut self, started: StartedWorld) {
        self.player.leave();
        self.live = WorldClient::new(started.link, Clock::monotonic());
        self.subtitle = started.subtitle;
        self.selection = Selection::new(None);
        self.faults = panels::faults::Draft::default();
        self.topics = TopicsController::default();
        self.foreign_lights.restart();
        if let Some(board) = &mut self.board {
            board.change_context(Arc::new(started.context));
        }
    }

    /// Fills in what the panels show that follows from the state.
    fn fill_in(&mut self, ctx: &Context) {
        let watched = self.player.client().is_some();
        if let Some(board) = self.board.as_mut().filter(|_| self.live.state.broker.is_open()) {
            let waker = ctx.clone();
            board.look_up_network(move || waker.request_repaint());
        }
        if let Some(config) = self.brokers.list.config() {
            let open = self.settings.left == Some(LeftPanel::ForeignLight) && !watched;
            if let Some(command) = self.foreign_lights.listen(open, &config) {
                self.live.send(command);
            }
            if open {
                self.foreign_lights.fill_in(&self.live.state, &config);
            }
        }
        match self.settings.left {
            Some(LeftPanel::Board) if !watched => {
                if let Some(board) = &mut self.board {
                    let waker = ctx.clone();
                    board.fill_in(&self.live.state, move || waker.request_repaint());
                }
            }
            // What is played was recorded once itself.
            Some(LeftPanel::Lessons) => {
                self.lessons.fill_in(self.live.state.recording.as_ref().filter(|_| !watched));
            }
            _ => {}
        }
        if !self.settings.reduce_motion {
            let client = client_of(&self.live, &self.player);
            if let Some(junction) = self.selection.junction_in(&client.state) {
                let approaches = scene::approaches(junction);
                self.selection.drive(client.clock.now_ms(), &approaches);
            }
        }
    }

    /// Has the settings kept where they have changed.
    fn remember(&mut self) {
        let Some(file) = &mut self.settings_file else { return };
        if let Some(junction) = &self.selection.junction {
            self.settings.junction = junction.to_string();
        }
        if let Some(board) = &self.board {
            self.settings.board = board.form.remembered();
            self.settings.boards_could_join = self.live.state.broker.is_open() || board.state.could_join;
        }
        file.update(&self.settings);
    }

    /// Draws one frame; returns what was asked for.
    fn draw(&mut self, ui: &mut Ui, repaint: &mut RepaintScheduler) -> Actions {
        let mut actions = Actions::default();
        let board_works = self.board_works();
        let watched = self.player.watched();
        let client = client_of(&self.live, &self.player);
        let palette = Palette::of(ui.visuals());
        let board = self.board.as_mut().filter(|_| watched.is_none());
        let lan = board.as_ref().and_then(|board| board.form.addresses.first().copied());
        let context = board.as_ref().map(|board| board.state.context.clone());
        let view = ViewContext {
            state: &client.state,
            settings: &self.settings,
            now_ms: client.clock.now_ms(),
            palette,
            context: context.as_deref(),
            watched: watched.as_ref(),
            selected: self.selection.light.as_ref(),
            is_check: false,
            subtitle: &self.subtitle,
            lan,
        };
        let junction = self.selection.junction_in(&client.state);
        let modal = self.help_open || self.closing.asks;
        actions.append(keys::read(ui.ctx(), &view, junction, modal, &mut self.keyboard));
        Panel::top("bar").frame(frame(palette, 12, 6)).show(ui, |ui| {
            actions.append(panels::broker_bar::show(ui, &view));
            if let Some(watched) = &watched {
                actions.append(panels::player_bar::show(ui, &view, watched));
            }
            if let Some(failure) = self.player.failure() {
                actions.append(panels::player_bar::failed(ui, palette, &failure));
            }
            if let Some(board) = &board {
                actions.append(panels::closed_strip::show(ui, &view, &board.state));
            }
            actions.append(panels::fault_strip::show(ui, &view));
            actions.append(panels::conflict::show(ui, &view));
        });
        let left = |name: &'static str, default, least, most| {
            let panel = Panel::left(name).frame(frame(palette, 12, 6)).resizable(true);
            panel.default_size(self.settings.panel_size(name, default)).size_range(least..=most)
        };
        let mut sizes = PanelSizes::new();
        let all = ui.available_rect_before_wrap();
        match self.settings.left {
            Some(LeftPanel::Board) => {
                if let Some(board) = board {
                    let shown = left("board", 400.0, 340.0, 560.0).show(ui, |ui| {
                        let BoardController { state, form, .. } = board;
                        actions.append(panels::board::show(ui, &view, state, form, repaint));
                    });
                    sizes.push(("board", shown.response.rect.width()));
                }
            }
            Some(LeftPanel::Faults) => {
                let shown = left("faults", 340.0, 300.0, 520.0)
                    .show(ui, |ui| actions.append(panels::faults::show(ui, &view, &mut self.faults)));
                sizes.push(("faults", shown.response.rect.width()));
            }
            Some(LeftPanel::Lessons) => {
                let shown = left("lessons", 340.0, 280.0, 520.0).show(ui, |ui| {
                    let Lessons { entries, form, .. } = &mut self.lessons;
                    actions.append(panels::lessons::show(ui, &view, entries, form));
                });
                sizes.push(("lessons", shown.response.rect.width()));
            }
            Some(LeftPanel::Topics) => {
                let shown = left("topics", 430.0, 340.0, 760.0).show(ui, |ui| {
                    let TopicsController { browser, form } = &mut self.topics;
                    actions.append(panels::topics::show(ui, &view, browser, form, repaint));
                });
                sizes.push(("topics", shown.response.rect.width()));
            }
            Some(LeftPanel::Brokers) => {
                let shown = left("brokers", 380.0, 320.0, 560.0).show(ui, |ui| {
                    let BrokerController { list, form, .. } = &mut self.brokers;
                    let live = &self.live.state;
                    actions.append(panels::brokers::show(ui, &view, list, form, live, board_works));
                });
                sizes.push(("brokers", shown.response.rect.width()));
            }
            Some(LeftPanel::OwnLight) => {
                let (name, panel) = match self.own_light.class {
                    Some(_) => ("class", left("class", 640.0, 480.0, 1_000.0)),
                    None => ("own-light", left("own-light", 380.0, 320.0, 560.0)),
                };
                let BrokerList { in_use, .. } = self.brokers.list;
                let in_use =
                    self.brokers.list.knows_in_use().then(|| self.brokers.list.title(in_use).to_owned());
                let shown = panel.show(ui, |ui| {
                    actions.append(panels::own_light::show(
                        ui,
                        &view,
                        &mut self.own_light,
                        in_use.as_deref(),
                    ));
                });
                sizes.push((name, shown.response.rect.width()));
            }
            Some(LeftPanel::ForeignLight) => {
                let shown = left("foreign-light", 400.0, 340.0, 560.0).show(ui, |ui| {
                    let list = &self.brokers.list;
                    let why = list.why_not_now(board_works);
                    let config = list.config();
                    let lights = &mut self.foreign_lights;
                    actions.append(panels::foreign_light::show(
                        ui,
                        &view,
                        lights,
                        config.as_deref(),
                        why,
                        repaint,
                    ));
                });
                sizes.push(("foreign-light", shown.response.rect.width()));
            }
            None => {}
        }
        let rest = ui.available_rect_before_wrap();
        let form = egui::Rect::from_min_max(all.min, egui::pos2(rest.left(), all.bottom()));
        self.keyboard.form = self.settings.left.map(|_| form);
        let picture = self.own_light.picture.as_ref();
        let picture = picture.filter(|_| self.settings.left == Some(LeftPanel::OwnLight));
        // What stands beside the crossing is about the live lab.
        let junction = junction.filter(|_| picture.is_none());
        if let Some(junction) = junction {
            side_panels(ui, &view, junction, repaint, &mut actions, &mut sizes);
        }
        bottom_panels(ui, &view, junction, self.selection.look_at_ms, repaint, &mut actions, &mut sizes);
        CentralPanel::no_frame().frame(Frame::new().fill(palette.base)).show(ui, |ui| {
            match (picture, junction) {
                (Some(picture), _) => check_scene(ui, &view, picture, self.own_light.drawn(), repaint),
                (None, Some(junction)) => {
                    actions.append(scene::show(ui, &view, junction, self.selection.traffic(), repaint));
                }
                (None, None) => panels::waiting::show(ui, &view),
            }
        });
        panels::toasts::show(ui.ctx(), &view, repaint);
        if self.closing.asks {
            actions.append(panels::closing::show(ui.ctx(), palette));
        }
        if self.help_open {
            actions.append(panels::help::show(ui.ctx(), palette));
        }
        for (name, size) in sizes {
            self.settings.panel_resized(name, size);
        }
        actions
    }
}

/// The width or height that each panel has got, by its name.
type PanelSizes = Vec<(&'static str, f32)>;

fn frame(palette: &Palette, x: i8, y: i8) -> Frame {
    Frame::new().fill(palette.panel).inner_margin(Margin::symmetric(x, y))
}

/// Draws the light that is checked and its partner.
fn check_scene(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    picture: &Picture,
    job: Option<&CheckJob>,
    repaint: &mut RepaintScheduler,
) {
    let step = job.and_then(|job| job.playing.as_ref()?.step).map(panels::own_light::title);
    let banner = format!("Check: {}", step.unwrap_or("begins"));
    let banner = match picture.fault() {
        Some(fault) => format!("{banner} · fault put in: {fault}"),
        None => banner,
    };
    if let Some(ms) = picture.changes_in_ms() {
        repaint.within(ms);
    }
    let view = ViewContext {
        state: &picture.state,
        now_ms: picture.now_ms(),
        selected: None,
        is_check: true,
        ..*view
    };
    scene::show_check(ui, &view, &banner, repaint);
}

fn side_panels(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    repaint: &mut RepaintScheduler,
    actions: &mut Actions,
    sizes: &mut PanelSizes,
) {
    if view.state.junctions.len() > 1 {
        let overview = Panel::left("overview").frame(frame(view.palette, 10, 8)).resizable(true);
        let wide = ui.available_width() > 1_300.0;
        let size = view.settings.panel_size("overview", if wide { 222.0 } else { 124.0 });
        let shown = overview.default_size(size).size_range(120.0..=720.0).show(ui, |ui| {
            actions.append(panels::overview::show(ui, view, Some(&junction.name), repaint));
        });
        sizes.push(("overview", shown.response.rect.width()));
    }
    if view.settings.show_lights {
        let lights = Panel::right("lights").frame(frame(view.palette, 10, 8)).resizable(true);
        let size = view.settings.panel_size("lights", 316.0);
        let shown = lights.default_size(size).size_range(280.0..=460.0).show(ui, |ui| {
            actions.append(panels::light_panel::show(ui, view, junction, repaint));
        });
        sizes.push(("lights", shown.response.rect.width()));
    }
}

fn bottom_panels(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: Option<&Junction>,
    look_at_ms: Option<u64>,
    repaint: &mut RepaintScheduler,
    actions: &mut Actions,
    sizes: &mut PanelSizes,
) {
    let room = ui.available_height();
    if view.settings.show_log {
        let log = Panel::bottom("log").frame(frame(view.palette, 12, 6)).resizable(true);
        let size = view.settings.panel_size("log", (room * 0.24).clamp(96.0, 260.0));
        let log = log.default_size(size).min_size(72.0).max_size(room * 0.6);
        let shown = log.show(ui, |ui| actions.append(panels::event_log::show(ui, view)));
        sizes.push(("log", shown.response.rect.height()));
    }
    if let Some(junction) = junction.filter(|_| view.settings.show_timeline) {
        let size = panels::timeline::height(view.state, junction).min(room * 0.4);
        let timeline = Panel::bottom("timeline").frame(frame(view.palette, 12, 6)).resizable(false);
        timeline.exact_size(size).show(ui, |ui| {
            actions.append(panels::timeline::show(ui, view, junction, look_at_ms, repaint));
        });
    }
}

impl eframe::App for TwinlightApp {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        // The live lab goes on while something else is shown, and is there when it is wanted again.
        let more = self.live.drain();
        let more_played = self.player.client_mut().is_some_and(WorldClient::drain);
        if more || more_played {
            ctx.request_repaint();
        }
        self.drain_controllers(ctx);
        self.closing.guard(ctx, self.board_works());
        self.selection.follow(&client_of(&self.live, &self.player).state);
        self.fill_in(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.zoom.follow(&ctx, &mut self.settings);
        self.geometry.follow(&ctx, &mut self.settings);
        let mut repaint = RepaintScheduler::new(self.settings.reduce_motion);
        for action in self.draw(ui, &mut repaint) {
            self.perform(&ctx, action);
        }
        self.remember();
        // What stands still needs no frame until it is played on.
        if self.player.stands() {
            return;
        }
        let focused = ctx.input(|input| input.viewport().focused.unwrap_or(true));
        if let Some(delay) = repaint.delay(focused) {
            ctx.request_repaint_after(delay);
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.remember();
        // If the queue is full, the dropped sender ends the world as well.
        let _ = self.live.link.commands.try_send(Command::Shutdown);
    }
}
