//! The broker panel: which brokers there are, what each needs, a look at it by the doctor, and the
//! change of the live lab to it.

use egui::{
    Color32, CornerRadius, Frame, Label, Margin, RichText, ScrollArea, Stroke, TextEdit, Ui, WidgetInfo,
};

use crate::{
    app::{
        action::{Action, Actions},
        brokers::{Brokers, BrokersAction, Choice, Patient, checkup::Checkup, typed},
        settings::Part,
        state::{Broker, State},
        theme::{self, Palette},
        view::ViewContext,
        widgets,
    },
    doctor::{Finding, Step, Verdict},
    model::Diagnostic,
};

const PUBLIC: &str = "Public: everybody in the world can read along, and send. Put no secrets on it.";
const UNCHECKED: &str = "Nobody checks that the broker is the broker (insecure = true): whoever is on the way to it can \
                         read and change everything, passwords too.";
const IN_CLEAR_TEXT: &str = "Not encrypted: whoever is on the way can read along, passwords too.";

/// Shows the panel. `live` is the live lab, whatever is shown; `board_works`: whether a board is worked
/// on, which no change may interrupt.
pub fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    brokers: &mut Brokers,
    live: &State,
    board_works: bool,
) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Brokers").text_style(theme::title()).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = widgets::named_button(ui, "Close", "Close the broker panel");
            if close.on_hover_text("Hides this panel (F6)").clicked() {
                actions.push(Action::Toggle(Part::Brokers));
            }
        });
    });
    ui.separator();
    let why_not = why_not(brokers, board_works);
    in_use(ui, view, brokers, live, why_not, &mut actions);
    if board_works {
        let text = RichText::new(crate::app::brokers::BOARD_WORKS).color(view.palette.warn);
        ui.add(Label::new(text).wrap());
    }
    ui.separator();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        widgets::caption(
            ui,
            "With another broker the live lab starts anew. What is typed here is kept for this run alone, and never \
             written.",
            view.palette,
        );
        ui.add_space(4.0);
        for place in 0..brokers.entries.len() {
            ui.push_id(place, |ui| entry(ui, view.palette, brokers, place, why_not, &mut actions));
        }
    });
    actions
}

/// Why no other broker can be used now.
fn why_not(brokers: &Brokers, board_works: bool) -> Option<&'static str> {
    if !brokers.can_switch() {
        Some("This window cannot change the lab that it shows.")
    } else if board_works {
        Some(crate::app::brokers::BOARD_WORKS)
    } else if brokers.working.is_some() {
        Some("Another change goes on.")
    } else {
        None
    }
}

fn in_use(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    brokers: &Brokers,
    live: &State,
    why_not: Option<&str>,
    actions: &mut Actions,
) {
    let palette = view.palette;
    let what = brokers.title(brokers.in_use);
    let at = match &live.broker {
        Broker::Running { address, .. } => format!("at {address}"),
        Broker::Starting => "waiting for the broker…".to_owned(),
        Broker::Stopped { .. } => "broker stopped".to_owned(),
    };
    let what = if what.is_empty() { at } else { format!("{what}, {at}") };
    ui.add(Label::new(RichText::new(format!("In use: {what}")).strong()).wrap());
    if live.recording.is_some() {
        widgets::caption(ui, "The recording that is made ends with a change.", palette);
    }
    ui.horizontal_wrapped(|ui| {
        let may = brokers.knows_in_use();
        let why = "Not known: this window did not start what it shows.";
        if button(ui, "Check with the doctor", "Check the broker in use with the doctor", may, why) {
            actions.push(Action::Brokers(BrokersAction::Check(Patient::InUse)));
        }
        if let Some(choice) = brokers.built_in() {
            let text = "Back to the built-in broker";
            if button(ui, text, text, why_not.is_none(), why_not.unwrap_or_default()) {
                actions.push(Action::Brokers(BrokersAction::Use(choice)));
            }
        }
        if brokers.has_start() && brokers.in_use != Choice::Start {
            let name = format!("Back to {}, as started", brokers.started_with);
            if button(ui, "Back to the start", &name, why_not.is_none(), why_not.unwrap_or_default()) {
                actions.push(Action::Brokers(BrokersAction::Use(Choice::Start)));
            }
        }
    });
    if let Some(text) = &brokers.working {
        ui.add(Label::new(RichText::new(text).color(palette.accent)).wrap());
    }
    if let Some(text) = &brokers.trouble {
        ui.add(Label::new(RichText::new(text).color(palette.bad)).wrap());
        if widgets::named_button(ui, "Dismiss", "Dismiss what went wrong").clicked() {
            actions.push(Action::Brokers(BrokersAction::Dismiss));
        }
    }
    // However much the doctor has to say, the list below stays in sight.
    let room = ui.available_height() * 0.7;
    let scroll = ScrollArea::vertical().id_salt("broker-in-use").auto_shrink([false, true]);
    scroll.max_height(room).show(ui, |ui| examination(ui, palette, brokers, Patient::InUse, actions));
}

fn entry(
    ui: &mut Ui,
    palette: &Palette,
    brokers: &mut Brokers,
    place: usize,
    why_not: Option<&str>,
    actions: &mut Actions,
) {
    let in_use = brokers.in_use == Choice::Preset(place);
    let Some(entry) = brokers.entries.get(place) else { return };
    let (preset, facts) = (entry.preset, entry.facts.clone());
    let frame = Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, if in_use { palette.accent } else { palette.line }))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(preset.title).strong());
            if in_use {
                widgets::chip(ui, "in use", palette.accent, palette);
            }
            if facts.public {
                widgets::chip(ui, "public", palette.warn, palette);
            }
            if facts.unchecked {
                widgets::chip(ui, "not checked", palette.bad, palette);
            }
        });
        ui.add(Label::new(sentence(preset.about)).wrap());
        let way = match &facts.address {
            None => "inside this program".to_owned(),
            Some(address) if facts.tls => format!("{address} with TLS"),
            Some(address) => address.clone(),
        };
        widgets::caption(ui, format!("{way} · --preset {}", preset.name), palette);
        for file in &facts.files {
            let text = format!("Needs the file {file}, from the folder that the program runs in.");
            ui.add(Label::new(RichText::new(text).small().color(palette.weak)).wrap());
        }
        let warning = |ui: &mut Ui, text: &str, color: Color32| {
            ui.add(Label::new(RichText::new(text).small().color(color)).wrap());
        };
        if facts.public {
            warning(ui, PUBLIC, palette.warn);
        }
        if facts.unchecked {
            warning(ui, UNCHECKED, palette.bad);
        }
        if facts.address.is_some() && !facts.tls && !facts.public && !is_here(facts.address.as_deref()) {
            warning(ui, IN_CLEAR_TEXT, palette.warn);
        }
        for name in preset.needs.iter().copied() {
            variable(ui, brokers, name, preset.title);
        }
        let missing = brokers.missing(place);
        let lacks = format!("Type {} first.", missing.join(" and "));
        ui.horizontal_wrapped(|ui| {
            if !in_use {
                let name = format!("Use the broker {}", preset.title);
                let why = if missing.is_empty() { why_not.unwrap_or_default() } else { &lacks };
                if button(ui, "Use this broker", &name, why_not.is_none() && missing.is_empty(), why) {
                    actions.push(Action::Brokers(BrokersAction::Use(Choice::Preset(place))));
                }
            }
            let name = format!("Check {} with the doctor", preset.title);
            if button(ui, "Check with the doctor", &name, missing.is_empty(), &lacks) {
                actions.push(Action::Brokers(BrokersAction::Check(Patient::Preset(place))));
            }
        });
        examination(ui, palette, brokers, Patient::Preset(place), actions);
    });
    ui.add_space(2.0);
}

/// Whether an address is this computer's own, so that nobody is on the way to it.
fn is_here(address: Option<&str>) -> bool {
    address.is_some_and(|address| address.starts_with("localhost:") || address.starts_with("127."))
}

fn variable(ui: &mut Ui, brokers: &mut Brokers, name: &'static str, title: &str) {
    ui.horizontal(|ui| {
        ui.label(name);
        let hint = if brokers.typed.is_given(name) { "from the environment" } else { "needed" };
        let field = TextEdit::singleline(brokers.typed.field(name))
            .hint_text(hint)
            .password(typed::is_secret(name))
            .char_limit(1_024)
            .desired_width(f32::INFINITY);
        let response = ui.add(field);
        let said = format!("{name} for {title}");
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(said));
        let why = "Kept for this run alone, and never written. To have it each time, export it in the terminal that \
                   Twinlight is started from.";
        response.on_hover_text(why);
    });
}

fn button(ui: &mut Ui, text: &str, name: &str, may: bool, why_not: &str) -> bool {
    let response = ui.add_enabled(may, egui::Button::new(text));
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, may, name));
    response.on_disabled_hover_text(why_not).clicked()
}

/// What the doctor has found so far, where it is this broker that is examined.
fn examination(ui: &mut Ui, palette: &Palette, brokers: &Brokers, of: Patient, actions: &mut Actions) {
    let Some((patient, checkup)) = &brokers.checkup else { return };
    if *patient != of {
        return;
    }
    ui.add_space(4.0);
    if !checkup.address.is_empty() {
        widgets::caption(ui, format!("The doctor is at {}", checkup.address), palette);
    }
    for found in &checkup.findings {
        finding(ui, palette, found);
    }
    if let Some(step) = checkup.trying {
        widgets::caption(ui, format!("{}: trying…", words(step)), palette);
    }
    end(ui, checkup, actions);
}

fn end(ui: &mut Ui, checkup: &Checkup, actions: &mut Actions) {
    match checkup.conclusion() {
        None => {
            if widgets::named_button(ui, "Cancel", "Cancel the examination").clicked() {
                actions.push(Action::Brokers(BrokersAction::CancelCheck));
            }
        }
        Some(text) => {
            ui.add(Label::new(RichText::new(text).strong()).wrap());
            if widgets::named_button(ui, "Hide", "Hide what the doctor found").clicked() {
                actions.push(Action::Brokers(BrokersAction::DismissCheck));
            }
        }
    }
}

fn finding(ui: &mut Ui, palette: &Palette, found: &Finding) {
    let (word, color) = match &found.verdict {
        Verdict::Well(_) => ("ok", palette.ok),
        Verdict::Doubtful(_) => ("doubtful", palette.warn),
        Verdict::Failed(_) => ("failed", palette.bad),
        Verdict::Skipped(_) => ("skipped", palette.weak),
    };
    let step = words(found.step);
    ui.horizontal(|ui| {
        widgets::chip(ui, word, color, palette);
        let ms = found.took.as_secs_f64() * 1_000.0;
        let time = if matches!(found.verdict, Verdict::Skipped(_)) {
            String::new()
        } else {
            format!(", {ms:.1} ms")
        };
        let response = ui.label(format!("{step}{time}"));
        let said = format!("{step}: {word}{time}");
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &said));
    });
    let line = |ui: &mut Ui, text: String, color: Color32| {
        ui.indent(found.step.word(), |ui| {
            ui.add(Label::new(RichText::new(text).small().color(color)).wrap());
        });
    };
    match &found.verdict {
        Verdict::Well(seen) => line(ui, sentence(seen), palette.weak),
        Verdict::Skipped(why) => line(ui, format!("Not tried: {why}."), palette.weak),
        Verdict::Doubtful(Diagnostic { message, help }) | Verdict::Failed(Diagnostic { message, help }) => {
            line(ui, sentence(message), palette.text);
            if let Some(help) = help {
                line(ui, format!("What to do: {help}."), palette.text);
            }
        }
    }
}

/// A step, as a person would name it.
fn words(step: Step) -> &'static str {
    match step {
        Step::Name => "Find its address",
        Step::Tcp => "Reach it (TCP)",
        Step::Tls => "Encrypt (TLS)",
        Step::Connect => "Log in",
        Step::Subscribe => "Subscribe",
        Step::Hear => "Hear a message",
        Step::Retained => "Kept messages",
        Step::Will => "Last will",
    }
}

/// With a capital letter and a full stop; a name that begins it stays as it is.
fn sentence(text: &str) -> String {
    let first_word = text.split([' ', ',']).next().unwrap_or_default();
    let is_name = first_word.contains(['.', ':', '/']) || first_word.chars().any(|c| c.is_ascii_digit());
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !is_name => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        _ => format!("{text}."),
    }
}
