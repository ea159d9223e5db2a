//! The window: one client of the world. Data goes one way: a panel returns an [`action::Action`], the app
//! performs it or sends a command, the world answers with events, [`state::State`] takes them in,
//! and the panels show the state.
//!
//! This thread does no I/O and takes no lock that is held for long: events are drained within a
//! budget of time, commands are tried and never waited for.

pub mod action;
pub mod board;
pub mod brokers;
pub mod clock;
mod keys;
pub mod labels;
pub mod panels;
pub mod player;
mod playing;
pub mod repaint;
pub mod scene;
pub mod settings;
pub mod state;
pub mod theme;
pub mod traffic;
pub mod view;
pub mod widgets;
pub mod window;
pub mod world_client;

use std::sync::Arc;

use egui::{CentralPanel, Context, Frame, Margin, Panel, Ui, ViewportCommand};
use traffic_light::Name;

use crate::{
    app::{
        action::{Action, Actions, FaultTarget},
        board::{
            BoardAction, Said, Workbench,
            form::{Form, Lab},
        },
        brokers::Brokers,
        clock::Clock,
        panels::lessons::Lessons,
        player::Player,
        playing::shown_of,
        repaint::RepaintScheduler,
        settings::{Part, Settings, ThemeChoice},
        state::{Junction, State},
        theme::Palette,
        traffic::Traffic,
        view::ViewContext,
        world_client::{WorldClient, WorldLink},
    },
    board::Desk,
    model::LightId,
    presets::PRESETS,
    world::{Command, event::Severity},
};

/// How long a notice stays on the screen.
const NOTICE_MS: u64 = 8_000;

/// The app that eframe drives.
pub struct TwinlightApp {
    /// The live world.
    live: WorldClient,
    /// What is played instead of it.
    player: Option<Player>,
    lessons: Lessons,
    settings: Settings,
    subtitle: String,
    /// Where boards are flashed.
    bench: Option<Workbench>,
    /// The lights of the configuration, run here or not.
    lab: Option<Arc<Lab>>,
    /// The fault that is being put together.
    draft: panels::faults::Draft,
    /// Which other brokers there are.
    brokers: Brokers,
    /// What is looked at in the topic panel.
    topics: panels::topics::TopicBrowser,
    /// Whether the window was to be closed while a board is worked on.
    closing: bool,
    /// Whether it was confirmed that the window is to be closed.
    close_allowed: bool,
    /// The junction that is shown large.
    open: Option<Name>,
    selected: Option<LightId>,
    traffic: Traffic,
    traffic_of: Option<Name>,
    look_at_ms: Option<u64>,
    help_open: bool,
    /// The zoom of the last frame.
    zoom_seen: f32,
    /// The zoom that was set here last; another one is the user's.
    zoom_set: f32,
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
        theme::install(ctx);
        theme::choose(ctx, settings.theme);
        // egui remembers a zoom as well, but not whether the user chose it.
        let zoom = settings.zoom.unwrap_or(1.0);
        ctx.set_zoom_factor(zoom);
        TwinlightApp {
            live: WorldClient::new(link, clock),
            player: None,
            lessons: Lessons::default(),
            open: Name::new(&settings.junction).ok(),
            settings,
            subtitle,
            bench: None,
            lab: None,
            draft: panels::faults::Draft::default(),
            brokers: Brokers::new(&PRESETS),
            topics: panels::topics::TopicBrowser::default(),
            closing: false,
            close_allowed: false,
            selected: None,
            traffic: Traffic::new(0),
            traffic_of: None,
            look_at_ms: None,
            help_open: false,
            zoom_seen: zoom,
            zoom_set: zoom,
        }
    }

    /// With a desk where boards are flashed, for the lights of `lab`.
    #[must_use]
    pub fn with_desk(mut self, desk: Desk, lab: Lab) -> TwinlightApp {
        let form = Form::new(&lab, &self.settings.board);
        let lab = Arc::new(lab);
        self.lab = Some(lab.clone());
        self.bench = Some(Workbench::new(desk, lab, form));
        self
    }

    /// The desk and what is known of it; for tests.
    #[must_use]
    pub fn bench(&self) -> Option<&Workbench> {
        self.bench.as_ref()
    }

    /// What is filled in for a board; for tests.
    pub fn bench_mut(&mut self) -> Option<&mut Workbench> {
        self.bench.as_mut()
    }

    /// What the app knows; for tests.
    #[must_use]
    pub fn state(&self) -> &State {
        &shown_of(&self.live, &self.player).state
    }

    /// What the app remembers; for tests.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The world that is shown.
    fn client(&mut self) -> &mut WorldClient {
        match &mut self.player {
            Some(player) => &mut player.client,
            None => &mut self.live,
        }
    }

    fn note(&mut self, severity: Severity, text: String) {
        self.client().note(severity, text);
    }

    fn perform(&mut self, ctx: &Context, actions: Actions) {
        for action in actions {
            match action {
                Action::World(command) => self.client().send(command),
                Action::Brokers(action) => self.perform_brokers(ctx, action),
                Action::Player(action) => self.perform_player(ctx, action),
                Action::Board(BoardAction::Start(_)) if self.brokers.working.is_some() => {
                    // The settings of the board are those of the broker of before.
                    let text = "The broker is being changed. Start the job when that is done.";
                    self.note(Severity::Warning, text.to_owned());
                }
                Action::Board(action) => {
                    let waker = ctx.clone();
                    let wake = move || waker.request_repaint();
                    if let Some(text) = self.bench.as_mut().and_then(|bench| bench.perform(action, wake)) {
                        self.note(Severity::Warning, text);
                    }
                }
                Action::CloseAnyway => {
                    if let Some(bench) = &mut self.bench {
                        let wake = || ();
                        bench.perform(BoardAction::Cancel, wake);
                    }
                    self.close_allowed = true;
                    ctx.send_viewport_cmd(ViewportCommand::Close);
                }
                Action::StayOpen => self.closing = false,
                Action::Select(light) => {
                    self.open = Some(light.junction.clone());
                    self.draft.aim(FaultTarget::Light(light.clone()));
                    self.selected = Some(light);
                }
                Action::Target(target) => {
                    if let FaultTarget::Light(light) | FaultTarget::Link(light) = &target {
                        self.open = Some(light.junction.clone());
                        self.selected = Some(light.clone());
                    }
                    self.draft.aim(target);
                    self.settings.open(Part::Faults);
                }
                Action::Open(junction) => self.open = Some(junction),
                Action::AcknowledgeConflicts => self.client().state.conflicts.acknowledge(),
                Action::SwitchTheme => {
                    let dark = ctx.theme() == egui::Theme::Dark;
                    self.settings.theme = if dark { ThemeChoice::Light } else { ThemeChoice::Dark };
                    theme::choose(ctx, self.settings.theme);
                }
                Action::Toggle(part) => self.settings.toggle(part),
                Action::ReduceMotion(on) => self.settings.reduce_motion = on,
                Action::ToggleCategory(category) => self.settings.toggle_category(category),
                Action::Filter(text) => self.settings.filter = text,
                Action::Span(seconds) => self.settings.span_s = seconds,
                Action::LookAt(at_ms) => self.look_at_ms = at_ms,
                Action::Help(open) => self.help_open = open,
            }
            // What was asked for shows in the next frame.
            ctx.request_repaint();
        }
    }

    /// Takes the desk's events in. A board that starts takes the place of its virtual light.
    fn serve_desk(&mut self) {
        let Some(bench) = &mut self.bench else { return };
        for said in bench.drain() {
            let (severity, text) = match said {
                Said::Notice(text) => (Severity::Info, text),
                Said::Trouble(text) => (Severity::Error, text),
                Said::BoardStarts => {
                    if let Some(light) = bench.form.light().filter(|_| bench.form.takes_place)
                        && self.live.state.light(&light).is_some_and(state::LightState::is_virtual)
                    {
                        let gone = Command::RunLight { light, on: false };
                        // A world too busy for it says so when the board and the light meet.
                        let _ = self.live.link.commands.try_send(gone);
                    }
                    continue;
                }
            };
            self.live.note(severity, text);
        }
    }

    /// Asks before a window is closed that flashes a board.
    fn guard_close(&mut self, ctx: &Context) {
        let works = self.bench.as_ref().is_some_and(Workbench::works);
        if !works {
            self.closing = false;
        } else if ctx.input(|input| input.viewport().close_requested()) && !self.close_allowed {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.closing = true;
        }
    }

    /// The place of the junction that is shown large; the first one until the user chose.
    fn open_place(&self) -> Option<usize> {
        let state = self.state();
        let chosen = self.open.as_ref().and_then(|name| state.place_of(name));
        chosen.or((!state.junctions.is_empty()).then_some(0))
    }

    /// Keeps a light of the open junction selected, so that the keys always act on one.
    fn keep_selection(&mut self) {
        let state = &shown_of(&self.live, &self.player).state;
        let Some(junction) = self.open_place().and_then(|place| state.junctions.get(place)) else {
            return;
        };
        let here = self
            .selected
            .as_ref()
            .is_some_and(|light| light.junction == junction.name && junction.light(&light.light).is_some());
        if !here {
            self.selected = junction.lights.first().map(|light| light.id.clone());
        }
        if self.traffic_of.as_ref() != Some(&junction.name) {
            let seed = junction
                .name
                .as_str()
                .bytes()
                .fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
            self.traffic = Traffic::new(seed);
            self.traffic_of = Some(junction.name.clone());
        }
    }

    /// Zooms by the window's size until the user chooses: a large screen without scaling would
    /// show everything tiny.
    fn zoom_by_size(&mut self, ctx: &Context) {
        let current = ctx.zoom_factor();
        let same = |one: f32, other: f32| (one - other).abs() < 0.001;
        // A new zoom comes into force a frame after it was set, so what was set here counts as old.
        let by_user = !same(current, self.zoom_seen) && !same(current, self.zoom_set);
        self.zoom_seen = current;
        if by_user || self.settings.zoom.is_some() {
            self.settings.zoom = Some(current);
            return;
        }
        let unzoomed = ctx.content_rect().size() * current;
        let fits = (unzoomed.y / 1_080.0).min(unzoomed.x / 1_700.0);
        let zoom = ((fits * 4.0).floor() / 4.0).clamp(1.0, 2.5);
        self.zoom_set = zoom;
        if !same(zoom, current) {
            ctx.set_zoom_factor(zoom);
        }
    }

    /// Draws one frame; returns what was asked for.
    fn draw(&mut self, ui: &mut Ui, repaint: &mut RepaintScheduler) -> Actions {
        let mut actions = Actions::default();
        let watched = self.player.as_ref().map(Player::watched);
        let client = shown_of(&self.live, &self.player);
        let palette = Palette::of(ui.visuals());
        let view = ViewContext {
            state: &client.state,
            settings: &self.settings,
            now_ms: client.clock.now_ms(),
            palette,
            // Boards join the live lab alone.
            lab: self.lab.as_deref().filter(|_| watched.is_none()),
            watched: watched.as_ref(),
            selected: self.selected.as_ref(),
            subtitle: &self.subtitle,
        };
        let place = self.open_place();
        let junction = place.and_then(|place| client.state.junctions.get(place));
        actions.append(keys::read(ui.ctx(), &view, junction, self.help_open || self.closing));
        let frame = |fill| Frame::new().fill(fill).inner_margin(Margin::symmetric(12, 6));
        Panel::top("bar").frame(frame(palette.panel)).show(ui, |ui| {
            actions.append(panels::broker_bar::show(ui, &view));
            if let Some(watched) = &watched {
                actions.append(panels::player_bar::show(ui, &view, watched));
            }
            actions.append(panels::fault_strip::show(ui, &view));
            actions.append(panels::conflict::show(ui, &view));
        });
        if let Some(bench) = self.bench.as_mut().filter(|_| self.settings.show_board && watched.is_none()) {
            let waker = ui.ctx().clone();
            bench.look_around(move || waker.request_repaint());
            let board = Panel::left("board").frame(frame(palette.panel)).resizable(true);
            board.default_size(400.0).size_range(340.0..=560.0).show(ui, |ui| {
                actions.append(panels::board::show(ui, &view, bench, repaint));
            });
        }
        if self.settings.show_faults {
            let faults = Panel::left("faults").frame(frame(palette.panel)).resizable(true);
            faults.default_size(340.0).size_range(300.0..=520.0).show(ui, |ui| {
                actions.append(panels::faults::show(ui, &view, &mut self.draft));
            });
        }
        if self.settings.show_lessons {
            let lessons = Panel::left("lessons").frame(frame(palette.panel)).resizable(true);
            lessons.default_size(340.0).size_range(280.0..=520.0).show(ui, |ui| {
                actions.append(panels::lessons::show(ui, &view, &mut self.lessons));
            });
        }
        if self.settings.show_topics {
            let topics = Panel::left("topics").frame(frame(palette.panel)).resizable(true);
            topics.default_size(430.0).size_range(340.0..=760.0).show(ui, |ui| {
                actions.append(panels::topics::show(ui, &view, &mut self.topics, repaint));
            });
        }
        if self.settings.show_brokers {
            let brokers = Panel::left("brokers").frame(frame(palette.panel)).resizable(true);
            brokers.default_size(380.0).size_range(320.0..=560.0).show(ui, |ui| {
                let works = self.bench.as_ref().is_some_and(Workbench::works);
                actions.append(panels::brokers::show(ui, &view, &mut self.brokers, &self.live.state, works));
            });
        }
        if let Some(junction) = junction {
            side_panels(ui, &view, junction, repaint, &mut actions);
        }
        let small = ui.available_height();
        if self.settings.show_log {
            let log = Panel::bottom("log").frame(frame(palette.panel)).resizable(true);
            log.default_size((small * 0.24).clamp(96.0, 260.0)).min_size(72.0).max_size(small * 0.6).show(
                ui,
                |ui| {
                    actions.append(panels::event_log::show(ui, &view));
                },
            );
        }
        if let Some(junction) = junction.filter(|_| self.settings.show_timeline) {
            let size = panels::timeline::height(&client.state, junction).min(small * 0.4);
            let timeline = Panel::bottom("timeline").frame(frame(palette.panel)).resizable(false);
            timeline.exact_size(size).show(ui, |ui| {
                actions.append(panels::timeline::show(ui, &view, junction, self.look_at_ms, repaint));
            });
        }
        CentralPanel::no_frame().frame(Frame::new().fill(palette.base)).show(ui, |ui| match junction {
            Some(junction) => actions.append(scene::show(ui, &view, junction, &mut self.traffic, repaint)),
            None => panels::waiting::show(ui, &view),
        });
        notice(ui.ctx(), &view, repaint);
        if self.closing {
            actions.append(panels::closing::show(ui.ctx(), palette));
        }
        if self.help_open {
            actions.append(panels::help::show(ui.ctx(), palette));
        }
        actions
    }
}

fn side_panels(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    repaint: &mut RepaintScheduler,
    actions: &mut Actions,
) {
    let frame = || Frame::new().fill(view.palette.panel).inner_margin(Margin::symmetric(10, 8));
    if view.state.junctions.len() > 1 {
        let overview = Panel::left("overview").frame(frame()).resizable(true);
        let wide = ui.available_width() > 1_300.0;
        overview.default_size(if wide { 222.0 } else { 124.0 }).size_range(120.0..=720.0).show(ui, |ui| {
            actions.append(panels::overview::show(ui, view, Some(&junction.name), repaint));
        });
    }
    if view.settings.show_lights {
        let lights = Panel::right("lights").frame(frame()).resizable(true);
        lights.default_size(316.0).size_range(280.0..=460.0).show(ui, |ui| {
            actions.append(panels::light_panel::show(ui, view, junction, repaint));
        });
    }
}

/// The newest notice over the lower edge, for a while.
fn notice(ctx: &Context, view: &ViewContext<'_>, repaint: &mut RepaintScheduler) {
    let Some(notice) = &view.state.notice else { return };
    let over_ms = notice.at_ms + NOTICE_MS;
    if notice.severity == Severity::Info || view.now_ms >= over_ms {
        return;
    }
    repaint.at(view.now_ms, over_ms);
    let color = if notice.severity == Severity::Error { view.palette.bad } else { view.palette.warn };
    let area = egui::Area::new(egui::Id::unique("notice"))
        .anchor(egui::Align2::CENTER_BOTTOM, egui::vec2(0.0, -14.0));
    area.interactable(false).show(ctx, |ui| {
        Frame::popup(ui.style()).stroke(egui::Stroke::new(1.5, color)).show(ui, |ui| {
            ui.set_max_width(560.0);
            ui.label(&notice.text);
        });
    });
}

impl eframe::App for TwinlightApp {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        // The live lab goes on while something else is shown, and is there when it is wanted again.
        let more = self.live.drain();
        let more_played = self.player.as_mut().is_some_and(|player| player.client.drain());
        if more || more_played {
            ctx.request_repaint();
        }
        self.serve_desk();
        self.serve_brokers(ctx);
        self.guard_close(ctx);
        self.keep_selection();
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.zoom_by_size(&ctx);
        let mut repaint = RepaintScheduler::new(self.settings.reduce_motion);
        let actions = self.draw(ui, &mut repaint);
        self.perform(&ctx, actions);
        // What stands still needs no frame until it is played on.
        if self.player.as_ref().is_some_and(Player::stands) {
            return;
        }
        let focused = ctx.input(|input| input.viewport().focused.unwrap_or(true));
        if let Some(delay) = repaint.delay(focused) {
            ctx.request_repaint_after(delay);
        }
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        if let Some(junction) = &self.open {
            self.settings.junction = junction.to_string();
        }
        if let Some(bench) = &self.bench {
            self.settings.board = bench.form.remembered();
        }
        eframe::set_value(storage, settings::STORAGE_KEY, &self.settings);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        // If the queue is full, the dropped sender ends the world as well.
        let _ = self.live.link.commands.try_send(Command::Shutdown);
    }
}
