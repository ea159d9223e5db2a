//! The broker panel: which brokers there are, what each needs, a look at it by the doctor, and the
//! change of the live lab to it.

use egui::{
    Color32, CornerRadius, Frame, Label, Margin, RichText, ScrollArea, Stroke, TextEdit, Ui, WidgetInfo,
};

use crate::{
    app::{
        action::Actions,
        brokers::{
            BOARD_WORKS, BrokerList, BrokersAction, CheckTarget,
            diagnosis::Diagnosis,
            variables::{self, Variables},
            world_switcher::Choice,
        },
        labels,
        settings::LeftPanel,
        state::{Broker, State},
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    doctor::{Finding, Step, Verdict},
    model::Diagnostic,
};

const PUBLIC: &str = "Public: everybody in the world can read along, and send. Put no secrets on it.";
const IN_CLEAR_TEXT: &str = "Not encrypted: whoever is on the way can read along, passwords too.";

/// Shows the panel. `live` is the live lab, whatever is shown; `board_works`: whether a board is worked
/// on, which no change may interrupt.
pub(crate) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    list: &BrokerList,
    form: &mut Variables,
    live: &State,
    board_works: bool,
) -> Actions {
    let hint = "Hides this panel (F6)";
    let mut actions =
        widgets::panel_header(ui, "Brokers", "Close the broker panel", hint, LeftPanel::Brokers, |_, _| {});
    ui.separator();
    let why_not = list.why_not_now(board_works);
    in_use(ui, view, list, live, why_not, &mut actions);
    if board_works {
        let text = RichText::new(BOARD_WORKS).color(view.palette.warn);
        ui.add(Label::new(text).wrap());
    }
    ui.separator();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        widgets::caption(
            ui,
            "With another broker the live lab starts anew. What is typed here is kept for this run only, and never \
             stored.",
            view.palette,
        );
        ui.add_space(4.0);
        for place in 0..list.entries.len() {
            ui.push_id(place, |ui| entry(ui, view.palette, list, form, place, why_not, &mut actions));
        }
    });
    actions
}

fn in_use(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    list: &BrokerList,
    live: &State,
    why_not: Option<&str>,
    actions: &mut Actions,
) {
    let palette = view.palette;
    let what = list.title(list.in_use);
    let at = match &live.broker {
        Broker::Running { address, .. } => format!("at {}", view.broker_at(address)),
        Broker::Unreachable { reason } => format!("not connected: {reason}"),
        Broker::Starting => "waiting for the broker…".to_owned(),
        Broker::Stopped { .. } => "broker stopped".to_owned(),
    };
    let what = if what.is_empty() { at } else { format!("{what}, {at}") };
    ui.add(Label::new(RichText::new(format!("In use: {what}")).strong()).wrap());
    if live.recording.is_some() {
        widgets::caption(ui, "A change ends the recording.", palette);
    }
    ui.horizontal_wrapped(|ui| {
        let may = list.knows_in_use();
        let why = "Not known: this window did not start what it shows.";
        if button(ui, "Check with the doctor", "Check the broker in use with the doctor", may, why) {
            actions.push(BrokersAction::Check(CheckTarget::InUse));
        }
        if let Some(choice) = list.built_in() {
            let text = "Back to the built-in broker";
            if button(ui, text, text, why_not.is_none(), why_not.unwrap_or_default()) {
                actions.push(BrokersAction::Use(choice));
            }
        }
        if list.has_start() && list.in_use != Choice::Start {
            let name = format!("Back to {}, as started", list.started_with);
            if button(ui, "Back to my configuration", &name, why_not.is_none(), why_not.unwrap_or_default()) {
                actions.push(BrokersAction::Use(Choice::Start));
            }
        }
    });
    if let Some(text) = &list.working {
        ui.add(Label::new(RichText::new(text).color(palette.accent)).wrap());
    }
    if let Some(text) = &list.error {
        ui.add(Label::new(RichText::new(text).color(palette.bad)).wrap());
        if widgets::named_button(ui, "Dismiss", "Dismiss what went wrong").clicked() {
            actions.push(BrokersAction::DismissError);
        }
    }
    // However much the doctor has to say, the list below stays in sight.
    let room = ui.available_height() * 0.7;
    let scroll = ScrollArea::vertical().id_salt("broker-in-use").auto_shrink([false, true]);
    scroll.max_height(room).show(ui, |ui| examination(ui, palette, list, CheckTarget::InUse, actions));
}

fn entry(
    ui: &mut Ui,
    palette: &Palette,
    list: &BrokerList,
    form: &mut Variables,
    place: usize,
    why_not: Option<&str>,
    actions: &mut Actions,
) {
    let in_use = list.in_use == Choice::Preset(place);
    let Some(entry) = list.entries.get(place) else { return };
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
            warning(ui, labels::UNCHECKED, palette.bad);
        }
        if facts.address.is_some() && !facts.tls && !facts.public && !is_here(facts.address.as_deref()) {
            warning(ui, IN_CLEAR_TEXT, palette.warn);
        }
        for name in preset.needs.iter().copied() {
            variable(ui, form, name, preset.title);
        }
        let missing = list.missing(place, form);
        let lacks = format!("Type {} first.", missing.join(" and "));
        ui.horizontal_wrapped(|ui| {
            if !in_use {
                let name = format!("Use the broker {}", preset.title);
                let why = if missing.is_empty() { why_not.unwrap_or_default() } else { &lacks };
                if button(ui, "Use this broker", &name, why_not.is_none() && missing.is_empty(), why) {
                    actions.push(BrokersAction::Use(Choice::Preset(place)));
                }
            }
            let name = format!("Check {} with the doctor", preset.title);
            if button(ui, "Check with the doctor", &name, missing.is_empty(), &lacks) {
                actions.push(BrokersAction::Check(CheckTarget::Preset(place)));
            }
        });
        examination(ui, palette, list, CheckTarget::Preset(place), actions);
    });
    ui.add_space(2.0);
}

/// Whether an address is this computer's own, so that messages do not leave it.
fn is_here(address: Option<&str>) -> bool {
    address.is_some_and(|address| address.starts_with("localhost:") || address.starts_with("127."))
}

fn variable(ui: &mut Ui, form: &mut Variables, name: &'static str, title: &str) {
    ui.horizontal(|ui| {
        ui.label(name);
        let hint = if form.is_given(name) { "from the environment" } else { "needed" };
        let field = TextEdit::singleline(form.field(name))
            .hint_text(hint)
            .password(variables::is_secret(name))
            .char_limit(1_024)
            .desired_width(f32::INFINITY);
        let response = ui.add(field);
        let spoken = format!("{name} for {title}");
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(spoken));
        let why = "Kept for this run only, and never stored. To have it each time, export it in the terminal that \
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
fn examination(ui: &mut Ui, palette: &Palette, list: &BrokerList, of: CheckTarget, actions: &mut Actions) {
    let Some((patient, diagnosis)) = &list.diagnosis else { return };
    if *patient != of {
        return;
    }
    ui.add_space(4.0);
    if !diagnosis.address.is_empty() {
        widgets::caption(ui, format!("The doctor is at {}", diagnosis.address), palette);
    }
    for found in &diagnosis.findings {
        finding(ui, palette, found);
    }
    if let Some(step) = diagnosis.trying {
        widgets::caption(ui, format!("{}: trying…", step_name(step)), palette);
    }
    end(ui, diagnosis, actions);
}

fn end(ui: &mut Ui, diagnosis: &Diagnosis, actions: &mut Actions) {
    match diagnosis.conclusion() {
        None => {
            if widgets::named_button(ui, "Cancel", "Cancel the examination").clicked() {
                actions.push(BrokersAction::CancelCheck);
            }
        }
        Some(text) => {
            ui.add(Label::new(RichText::new(text).strong()).wrap());
            if widgets::named_button(ui, "Hide", "Hide what the doctor found").clicked() {
                actions.push(BrokersAction::DismissCheck);
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
    let step = step_name(found.step);
    ui.horizontal(|ui| {
        widgets::chip(ui, word, color, palette);
        let ms = found.took.as_secs_f64() * 1_000.0;
        let time = if matches!(found.verdict, Verdict::Skipped(_)) {
            String::new()
        } else {
            format!(", {ms:.1} ms")
        };
        let response = ui.label(format!("{step}{time}"));
        let spoken = format!("{step}: {word}{time}");
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
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

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Name => "Find its address",
        Step::Tcp => "Reach it (TCP)",
        Step::Tls => "Encrypt (TLS)",
        Step::Connect => "Log in",
        Step::Subscribe => "Subscribe",
        Step::Hear => "Receive a message",
        Step::Sessions => "Enough sessions",
        Step::Retained => "Retained messages",
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
