//! The bar at the top: which broker, how many messages, and what concerns the whole window.

use egui::{Button, Id, Label, Response, RichText, Ui, WidgetInfo, accesskit::Live};

use crate::{
    app::{
        action::{Action, Actions},
        brokers::{BrokersAction, CheckTarget},
        labels,
        settings::{LeftPanel, Part, SettingsAction, ThemeChoice},
        state::Broker,
        theme,
        view::ViewContext,
        widgets,
    },
    world::Command,
};

/// The panels on the left, in the order of their buttons: text and name of the button, and what the panel is for.
const LEFT_PANELS: [(LeftPanel, &str, &str, &str); 7] = [
    (
        LeftPanel::ForeignLight,
        "Partner",
        "Panel of somebody else's light",
        "Let a light that somebody has written be one of this lab, with its topics and words (F8)",
    ),
    (
        LeftPanel::OwnLight,
        "My light",
        "Check panel",
        "Let your own light connect here: what it does well, what not, and what to change (F7)",
    ),
    (
        LeftPanel::Brokers,
        "Brokers",
        "Broker panel",
        "Other brokers: check one with the doctor, and use it (F6)",
    ),
    (LeftPanel::Topics, "Topics", "Topic panel", "The messages on each topic, and a message by hand (F5)"),
    (
        LeftPanel::Lessons,
        "Lessons",
        "Lessons panel",
        "Scenarios to watch, with what they teach and how they come out (F4)",
    ),
    (LeftPanel::Faults, "Faults", "Fault panel", "Break links, lights and the broker on purpose (F3)"),
    (
        LeftPanel::Board,
        "Board",
        "Board panel",
        "From a bare LoPy4 to a light in this junction: back up, flash, set up, watch (F2)",
    ),
];

/// What stands in the menu and no longer in the bar, in points of the window's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    /// Below 900: the smallest window and a projector that is zoomed.
    Little,
    /// Below 1,200: a small laptop.
    Some,
    Enough,
}

impl Room {
    fn of(ui: &Ui) -> Room {
        match ui.ctx().content_rect().width() {
            width if width < 900.0 => Room::Little,
            width if width < 1_200.0 => Room::Some,
            _ => Room::Enough,
        }
    }

    fn has_bar_button(self, panel: LeftPanel) -> bool {
        match panel {
            LeftPanel::Board | LeftPanel::Faults => true,
            LeftPanel::Lessons | LeftPanel::OwnLight => self > Room::Little,
            LeftPanel::Topics | LeftPanel::Brokers | LeftPanel::ForeignLight => self == Room::Enough,
        }
    }
}

/// What the buttons take, before they were drawn once.
const USUAL_BUTTONS: f32 = 720.0;

pub(crate) fn show(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.label(RichText::new("Twinlight").text_style(theme::title()).strong()).on_hover_text(view.subtitle);
        ui.separator();
        // The buttons come last and end at the right edge; what they take is known from the last frame.
        let id = Id::unique("bar-buttons");
        let buttons = ui.data(|data| data.get_temp(id)).unwrap_or(USUAL_BUTTONS);
        broker(ui, view, buttons);
        numbers(ui, view, buttons);
        ui.add_space((ui.available_width() - buttons).max(0.0));
        let width = ui.scope(|ui| {
            actions.append(broker_button(ui, view));
            actions.append(view_buttons(ui, view));
            ui.min_rect().width()
        });
        let changed = (width.inner - buttons).abs() > 0.5;
        ui.data_mut(|data| data.insert_temp(id, width.inner));
        if changed {
            ui.ctx().request_discard("the bar's buttons have another width");
        }
    });
    actions
}

/// What is kept free beside the broker's address for the badges behind it.
const BADGES: f32 = 90.0;

fn broker(ui: &mut Ui, view: &ViewContext<'_>, buttons: f32) {
    let palette = view.palette;
    // A long address or reason is cut, so that the buttons stay in sight.
    let cut = |ui: &mut Ui, text: RichText, beside: f32| {
        let room = (ui.available_width() - buttons - beside).max(70.0);
        ui.scope(|ui| {
            ui.set_max_width(room);
            ui.add(Label::new(text).truncate())
        })
        .inner
    };
    match &view.state.broker {
        Broker::Starting => {
            widgets::dot(ui, None, palette);
            ui.label(RichText::new("Waiting for the broker…").color(palette.weak));
        }
        Broker::Running { address, embedded, open, note } => {
            widgets::dot(ui, Some(true), palette);
            if view.is_simulated() {
                let why =
                    "The broker of the simulation. It has no address: nothing outside can connect to it.";
                ui.label("Simulated broker").on_hover_text(why);
                return;
            }
            cut(ui, RichText::new(format!("Broker {}", view.broker_at(address))), BADGES);
            let (kind, why) = if *open {
                (
                    "open",
                    "The broker runs inside this program. Everybody in this network who knows user and password can connect.",
                )
            } else if *embedded {
                (
                    "embedded",
                    "The broker runs inside this program, for this computer only. The board panel lets boards join.",
                )
            } else {
                ("external", "The broker runs elsewhere; this window cannot stop it.")
            };
            let note = note.as_deref().map(|note| format!("\n{note}")).unwrap_or_default();
            widgets::chip(ui, kind, palette.accent, palette).on_hover_text(format!("{why}{note}"));
            if view.context.and_then(|context| context.broker.as_ref()).is_some_and(|broker| broker.unchecked)
            {
                widgets::chip(ui, "not checked", palette.bad, palette).on_hover_text(labels::UNCHECKED);
            }
        }
        Broker::Stopped { reason } => {
            widgets::dot(ui, Some(false), palette);
            let told = ui.label(RichText::new("Broker stopped").color(palette.bad));
            say(ui, &told, "Broker stopped");
            told.on_hover_text(reason);
        }
        Broker::Unreachable { reason } => {
            widgets::dot(ui, Some(false), palette);
            let text = format!("Not connected to the broker: {reason}");
            let told = cut(ui, RichText::new(&text).color(palette.bad), 0.0);
            say(ui, &told, &text);
            told.on_hover_text(text);
        }
    }
}

/// Lets a screen reader say at once that there is no broker.
fn say(ui: &Ui, told: &Response, text: &str) {
    told.widget_info(|| WidgetInfo::labeled(egui::Role::Alert, true, text));
    ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Assertive));
}

fn numbers(ui: &mut Ui, view: &ViewContext<'_>, buttons: f32) {
    let (state, palette) = (view.state, view.palette);
    let room = |ui: &Ui| ui.available_width() - buttons;
    if room(ui) < 170.0 {
        return;
    }
    ui.separator();
    let rate = state.messages_per_second(view.now_ms);
    ui.label(format!("{} messages", labels::count(state.messages)))
        .on_hover_text("All messages that passed the broker since the start, counted by an observer.");
    widgets::caption(ui, format!("{rate:.1}/s"), palette);
    if room(ui) < 180.0 {
        return;
    }
    ui.separator();
    let (all, online) = state.presence();
    if matches!(state.broker, Broker::Running { .. }) {
        let color = if online == all { palette.text } else { palette.warn };
        ui.label(RichText::new(format!("{online} of {all} lights online")).color(color)).on_hover_text(
            "By their status on the broker; a light that drops out is reported by its last will.",
        );
    } else {
        ui.label(RichText::new(format!("{all} lights")).color(palette.warn))
            .on_hover_text("Without a broker nobody can tell which of them are online.");
    }
    if state.ignored > 0 && room(ui) > 110.0 {
        ui.separator();
        ui.label(RichText::new(format!("{} ignored", labels::count(state.ignored))).color(palette.warn))
            .on_hover_text("Messages that were malformed, too long or wrongly signed. The log tells why.");
    }
}

/// The recording's switch: a red dot and a word while it runs.
fn recording(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let file = view.state.recording.as_deref();
    let text = match file {
        Some(_) => RichText::new("Recording").color(view.palette.bad),
        None => RichText::new("Record"),
    };
    let played =
        view.watched.map(|_| "What is played is not recorded. Go back to the live lab to record it.");
    let button = widgets::unless(ui, played, |ui| {
        widgets::selectable(ui, file.is_some(), text, egui::Role::Switch, "Record this run")
    });
    let why = match file {
        Some(file) => format!("Recording to {file}. Press to end it."),
        None => "Records everything from now on in a file, to be played and judged again".to_owned(),
    };
    if file.is_some() {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(12.0, 14.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 5.0, view.palette.bad);
    }
    if button.on_hover_text(why).clicked() {
        actions.push(match file {
            Some(_) => Command::StopRecording,
            None => Command::StartRecording { file: None },
        });
    }
    actions
}

/// In reading order, as Tab goes.
fn view_buttons(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let room = Room::of(ui);
    if room == Room::Enough {
        actions.append(theme_button(ui, view));
    }
    actions.append(menu(ui, view, room));
    for (panel, text, name, why) in LEFT_PANELS {
        if (panel == LeftPanel::Board && view.context.is_none()) || !room.has_bar_button(panel) {
            continue;
        }
        if panel == LeftPanel::Faults && room > Room::Little {
            actions.append(recording(ui, view));
        }
        let open = view.settings.left == Some(panel);
        let (text, name, color) = match view.state.faults_on().count() {
            on if panel == LeftPanel::Faults => {
                let text = if on == 0 { text.to_owned() } else { format!("{text} ({on} on)") };
                (text, format!("{name}, {on} on"), (on > 0).then_some(view.palette.warn))
            }
            _ => (text.to_owned(), name.to_owned(), None),
        };
        let text = RichText::new(text);
        let text = color.map_or(text.clone(), |color| text.color(color));
        let button = widgets::selectable(ui, open, text, egui::Role::Button, name);
        if button.on_hover_text(why).clicked() {
            actions.push(SettingsAction::ToggleLeft(panel));
        }
    }
    if widgets::button(ui, "Help").on_hover_text("What everything means, and all keys (F1)").clicked() {
        actions.push(Action::ShowHelp(true));
    }
    actions
}

/// What is shown and how, and what the bar has no room for.
fn menu(ui: &mut Ui, view: &ViewContext<'_>, room: Room) -> Actions {
    let mut actions = Actions::default();
    let settings = view.settings;
    let menu = ui.menu_button(if room == Room::Enough { "View" } else { "More" }, |ui| {
        for (panel, text, name, why) in LEFT_PANELS {
            if room.has_bar_button(panel) {
                continue;
            }
            let open = settings.left == Some(panel);
            let button = widgets::selectable(ui, open, RichText::new(text), egui::Role::Button, name);
            if button.on_hover_text(why).clicked() {
                actions.push(SettingsAction::ToggleLeft(panel));
                ui.close();
            }
        }
        if room == Room::Little {
            actions.append(recording(ui, view));
        }
        if room < Room::Enough {
            actions.append(theme_button(ui, view));
            ui.separator();
        }
        for (part, text) in [(Part::Lights, "Lights"), (Part::Timeline, "Timeline"), (Part::Log, "Event log")]
        {
            let mut shows = settings.shows(part);
            if ui.checkbox(&mut shows, text).clicked() {
                actions.push(SettingsAction::TogglePart(part));
            }
        }
        ui.separator();
        for (choice, text) in [
            (ThemeChoice::System, "Theme as the desktop has it"),
            (ThemeChoice::Light, "Always the light theme"),
            (ThemeChoice::Dark, "Always the dark theme"),
        ] {
            if ui.radio(settings.theme == choice, text).clicked() {
                actions.push(SettingsAction::ChooseTheme(choice));
            }
        }
        let zoom = ui.add_enabled(settings.zoom.is_some(), Button::new("Automatic zoom"));
        let why = "Zooms by the window's size again, in place of what Ctrl+Plus and Ctrl+Minus have set.";
        let off = "The zoom follows the window's size. Ctrl+Plus and Ctrl+Minus set another one.";
        if zoom.on_hover_text(why).on_disabled_hover_text(off).clicked() {
            actions.push(SettingsAction::AutomaticZoom);
        }
        ui.separator();
        let mut calm = settings.reduce_motion;
        let why = "Cars and message dots are left out, and lamps switch at once.";
        if ui.checkbox(&mut calm, "Reduce motion").on_hover_text(why).clicked() {
            actions.push(SettingsAction::ReduceMotion(calm));
        }
        let mut letters = settings.letter_keys;
        let why = "W, D, S, R, C, B, L, P, N and the digits act at once while nothing has the keyboard. Switch \
                   them off if you speak to this computer, or hit keys by mistake.";
        if ui.checkbox(&mut letters, "Single-letter keys").on_hover_text(why).clicked() {
            actions.push(SettingsAction::LetterKeys(letters));
        }
    });
    menu.response.on_hover_text("Show and hide parts of the window");
    actions
}

fn theme_button(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let name = if view.palette.dark { "Light theme" } else { "Dark theme" };
    let system = if view.settings.theme == ThemeChoice::System { "\nNow as the desktop has it." } else { "" };
    let hint = format!("Change between the light and the dark theme (Ctrl+T){system}");
    if widgets::named_button(ui, name, name).on_hover_text(hint).clicked() {
        actions.push(SettingsAction::ChooseTheme(view.palette.other_theme()));
    }
    actions
}

fn broker_button(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    match &view.state.broker {
        Broker::Stopped { .. } => {
            let why = "Starts it again on the same port; the lights reconnect by themselves (B)";
            let start = widgets::unless(ui, view.why_fixed(), |ui| widgets::button(ui, "Start broker"));
            if start.on_hover_text(why).clicked() {
                actions.push(Command::StartBroker);
            }
        }
        Broker::Running { embedded: true, .. } => {
            let why = "Fault: no light can reach another. All must end in flashing amber, never in a lasting green (B)";
            let stop = widgets::unless(ui, view.why_fixed(), |ui| widgets::button(ui, "Stop broker"));
            if stop.on_hover_text(why).clicked() {
                actions.push(Command::StopBroker);
            }
        }
        Broker::Unreachable { .. } if view.watched.is_none() => {
            let why = "Lets the doctor look at every step on the way to it, and says what to change (F6)";
            if widgets::button(ui, "Check the broker").on_hover_text(why).clicked() {
                actions.push(BrokersAction::Check(CheckTarget::InUse));
                if view.settings.left != Some(LeftPanel::Brokers) {
                    actions.push(SettingsAction::ToggleLeft(LeftPanel::Brokers));
                }
            }
        }
        Broker::Running { .. } | Broker::Starting | Broker::Unreachable { .. } => {}
    }
    actions
}
