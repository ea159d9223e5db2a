//! The bar at the top: which broker, how many messages, and what concerns the whole window.

use egui::{Align, Id, Layout, RichText, Ui};

use crate::{
    app::{
        action::{Action, Actions},
        labels,
        settings::{Part, ThemeChoice},
        state::Broker,
        theme,
        view::ViewContext,
        widgets,
    },
    world::Command,
};

/// What the buttons take, before they were drawn once.
const USUAL_BUTTONS: f32 = 720.0;

/// Shows the bar.
pub fn show(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.label(RichText::new("Twinlight").text_style(theme::title()).strong()).on_hover_text(view.subtitle);
        ui.separator();
        broker(ui, view);
        // The buttons come after the numbers, which have the room that the buttons left in the last frame.
        let id = Id::unique("bar-buttons");
        let buttons = ui.data(|data| data.get_temp(id)).unwrap_or(USUAL_BUTTONS);
        numbers(ui, view, buttons);
        let width = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            actions.append(view_buttons(ui, view));
            actions.append(broker_button(ui, view));
            ui.min_rect().width()
        });
        ui.data_mut(|data| data.insert_temp(id, width.inner));
    });
    actions
}

fn broker(ui: &mut Ui, view: &ViewContext<'_>) {
    let palette = view.palette;
    match &view.state.broker {
        Broker::Starting => {
            widgets::dot(ui, None, palette);
            ui.label(RichText::new("Waiting for the broker…").color(palette.weak));
        }
        Broker::Running { address, embedded, open, note } => {
            widgets::dot(ui, Some(true), palette);
            ui.label(format!("Broker {address}"));
            let (kind, why) = if *open {
                (
                    "open",
                    "The broker runs inside this program. Everybody in this network who knows user and password reaches it.",
                )
            } else if *embedded {
                (
                    "embedded",
                    "The broker runs inside this program, for this computer alone. The board panel lets boards join.",
                )
            } else {
                ("external", "The broker runs elsewhere; this window cannot stop it.")
            };
            let note = note.as_deref().map(|note| format!("\n{note}")).unwrap_or_default();
            widgets::chip(ui, kind, palette.accent, palette).on_hover_text(format!("{why}{note}"));
            if view.lab.and_then(|lab| lab.broker.as_ref()).is_some_and(|broker| broker.unchecked) {
                widgets::chip(ui, "not checked", palette.bad, palette).on_hover_text(
                    "insecure = true: nobody checks that the broker is the broker. Whoever is on the way to it can \
                     read and change everything, passwords too.",
                );
            }
        }
        Broker::Stopped { reason } => {
            widgets::dot(ui, Some(false), palette);
            ui.label(RichText::new("Broker stopped").color(palette.bad)).on_hover_text(reason);
        }
    }
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
        .on_hover_text("All messages that passed the broker since the start, as an observer counted them.");
    widgets::caption(ui, format!("{rate:.1}/s"), palette);
    if room(ui) < 180.0 {
        return;
    }
    ui.separator();
    let (all, online) = state.presence();
    let color = if online == all { palette.text } else { palette.warn };
    ui.label(RichText::new(format!("{online} of {all} lights online")).color(color))
        .on_hover_text("By their status on the broker; a light that drops out is told by its last will.");
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
    let button = ui.selectable_label(file.is_some(), text);
    button.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Switch, true, file.is_some(), "Record this run")
    });
    let why = match file {
        Some(file) => format!("This run is recorded to {file}. Press to end the recording."),
        None => "Keeps all that happens from now on in a file, to be played and judged again".to_owned(),
    };
    if file.is_some() {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(12.0, 14.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 5.0, view.palette.bad);
    }
    if button.on_hover_text(why).clicked() {
        actions.ask(match file {
            Some(_) => Command::StopRecording,
            None => Command::StartRecording { file: None },
        });
    }
    actions
}

/// From the right: these appear in reverse.
fn view_buttons(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let settings = view.settings;
    if widgets::named_button(ui, "Help", "Help")
        .on_hover_text("What everything means, and all keys (F1)")
        .clicked()
    {
        actions.push(Action::Help(true));
    }
    if view.lab.is_some() {
        let board = ui.selectable_label(settings.show_board, "Board");
        board.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::Button, true, settings.show_board, "Board panel")
        });
        let why = "From a bare LoPy4 to a light in this junction: back up, flash, set up, watch (F2)";
        if board.on_hover_text(why).clicked() {
            actions.push(Action::Toggle(Part::Board));
        }
    }
    let on = view.state.faults.iter().filter(|span| span.until_ms.is_none()).count();
    let text = if on == 0 { "Faults".to_owned() } else { format!("Faults ({on} on)") };
    let text = if on == 0 { RichText::new(text) } else { RichText::new(text).color(view.palette.warn) };
    let faults = ui.selectable_label(settings.show_faults, text);
    faults.widget_info(|| {
        let name = format!("Fault panel, {on} on");
        egui::WidgetInfo::selected(egui::Role::Button, true, settings.show_faults, name)
    });
    if faults.on_hover_text("Break links, lights and the broker on purpose (F3)").clicked() {
        actions.push(Action::Toggle(Part::Faults));
    }
    actions.append(recording(ui, view));
    let lessons = ui.selectable_label(settings.show_lessons, "Lessons");
    lessons.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, true, settings.show_lessons, "Lessons panel")
    });
    if lessons.on_hover_text("Scenarios to watch, with what they teach and how they come out (F4)").clicked()
    {
        actions.push(Action::Toggle(Part::Lessons));
    }
    let topics = ui.selectable_label(settings.show_topics, "Topics");
    topics.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, true, settings.show_topics, "Topic panel")
    });
    if topics.on_hover_text("What passes on each topic, and a message by hand (F5)").clicked() {
        actions.push(Action::Toggle(Part::Topics));
    }
    let brokers = ui.selectable_label(settings.show_brokers, "Brokers");
    brokers.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, true, settings.show_brokers, "Broker panel")
    });
    if brokers.on_hover_text("Other brokers: look at one with the doctor, and use it (F6)").clicked() {
        actions.push(Action::Toggle(Part::Brokers));
    }
    let menu = ui.menu_button("View", |ui| {
        for (part, text) in [(Part::Lights, "Lights"), (Part::Timeline, "Timeline"), (Part::Log, "Event log")]
        {
            let mut shows = settings.shows(part);
            if ui.checkbox(&mut shows, text).clicked() {
                actions.push(Action::Toggle(part));
            }
        }
        ui.separator();
        let mut calm = settings.reduce_motion;
        let why = "Cars and message dots are left out, and lamps switch at once.";
        if ui.checkbox(&mut calm, "Reduce motion").on_hover_text(why).clicked() {
            actions.push(Action::ReduceMotion(calm));
        }
    });
    menu.response.on_hover_text("Show and hide parts of the window");
    let name = if view.palette.dark { "Light theme" } else { "Dark theme" };
    let system = if settings.theme == ThemeChoice::System { "\nNow as the desktop has it." } else { "" };
    let hint = format!("Change between the light and the dark theme (Ctrl+T){system}");
    if widgets::named_button(ui, name, name).on_hover_text(hint).clicked() {
        actions.push(Action::SwitchTheme);
    }
    actions
}

fn broker_button(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    match &view.state.broker {
        Broker::Stopped { .. } => {
            let why = "Starts it again on the same port; the lights find it by themselves (B)";
            if widgets::named_button(ui, "Start broker", "Start broker").on_hover_text(why).clicked() {
                actions.ask(Command::StartBroker);
            }
        }
        Broker::Running { embedded: true, .. } => {
            let why = "Fault: no light can reach another. All must end up in flashing amber, never in a lasting green (B)";
            if widgets::named_button(ui, "Stop broker", "Stop broker").on_hover_text(why).clicked() {
                actions.ask(Command::StopBroker);
            }
        }
        Broker::Running { .. } | Broker::Starting => {}
    }
    actions
}
