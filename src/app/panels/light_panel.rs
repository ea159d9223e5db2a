//! One card a light: what it shows, why it waits, its link, what it promised, and the switches
//! that break its links on purpose.

use egui::{
    CollapsingHeader, CornerRadius, Frame, Grid, Margin, RichText, ScrollArea, Sense, Stroke, Ui, vec2,
};
use traffic_light::{Rule, Waiting, command};

use super::foreign_card;
use crate::{
    app::{
        action::Actions,
        labels,
        repaint::RepaintScheduler,
        scene::head,
        selection::SelectionAction,
        state::{Junction, LightState},
        theme,
        view::ViewContext,
        widgets,
    },
    model::{LightId, LightKind},
    world::{
        Command,
        event::{Layer, TopicKind},
    },
};

/// The longest lease that a countdown bar is scaled to.
const FULL_S: f32 = 8.0;

/// Shows the cards of a junction's lights.
pub(crate) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for light in &junction.lights {
            actions.append(card(ui, view, junction, light, repaint));
            ui.add_space(4.0);
        }
        actions.append(absent(ui, view, junction));
    });
    actions
}

/// The lights of the configuration that do not run, as far as is known here.
fn absent(ui: &mut Ui, view: &ViewContext<'_>, junction: &Junction) -> Actions {
    let mut actions = Actions::default();
    let configured = view.context.and_then(|context| context.junction(junction.name.as_str()));
    for light in configured.iter().flat_map(|configured| configured.lights()) {
        let known = junction.light(light);
        // Somebody else's light comes back by itself.
        let gone = known.is_none_or(|known| {
            !known.is_virtual() && known.foreign.is_none() && known.online == Some(false)
        });
        if gone {
            let id = LightId::new(junction.name.clone(), light.clone());
            ui.horizontal(|ui| {
                let text = if known.is_some() { "has left." } else { "is not running." };
                widgets::caption(ui, format!("{id} {text}"), view.palette);
                let run = widgets::named_button(ui, "Run it here", &format!("Run {id} here"));
                let why = "As a virtual light. Not while a board of that name is about to come back: two lights of one name disturb each other.";
                if run.on_hover_text(why).clicked() {
                    actions.push(Command::RunLight { light: id.clone(), on: true });
                }
            });
        }
    }
    actions
}

fn card(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    light: &LightState,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let (palette, rule) = (view.palette, junction.rule);
    let selected = view.selected == Some(&light.id);
    let edge = if selected { Stroke::new(2.0, palette.accent) } else { Stroke::new(1.0, palette.line) };
    let frame = Frame::new()
        .fill(palette.card)
        .stroke(edge)
        .corner_radius(CornerRadius::same(9))
        .inner_margin(Margin::same(10));
    let mut actions = Actions::default();
    ui.push_id(&light.id, |ui| {
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            actions.append(header(ui, view, light, selected, repaint));
            if light.foreign.is_none() {
                why(ui, view, rule, light, repaint);
            }
            if rule == Rule::Lease {
                promises(ui, view, light, repaint);
            }
            ui.add_space(2.0);
            layers(ui, view, light);
            if light.is_virtual() {
                actions.append(widgets::unless(ui, view.why_fixed(), |ui| switches(ui, view, light)));
            } else if light.kind == LightKind::Board {
                twin(ui, view, light, repaint);
                let keyed = junction.keyed;
                actions.append(widgets::unless(ui, view.why_fixed(), |ui| remote(ui, light, keyed)));
            } else {
                if let Some(known) = &light.foreign {
                    foreign_card::show(ui, view, junction, light, known, repaint);
                }
                widgets::caption(
                    ui,
                    if light.layer(Layer::Tcp).up.is_some() {
                        "Shown from its messages and its connection to its port here. Faults of its link reach it."
                    } else {
                        "Shown from its messages. Its link can only be cut at the light itself."
                    },
                    palette,
                );
            }
            details(ui, view, light);
        });
    });
    actions
}

fn header(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    light: &LightState,
    selected: bool,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let (palette, calm) = (view.palette, view.lamps_switch_at_once());
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 42.0), Sense::hover());
        let lamps = head::lamps(light.aspect, light.previous, light.since_ms, view.now_ms, calm);
        head::paint_small(ui.painter(), rect.shrink(1.0), lamps, palette);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.horizontal(|ui| {
                let name = RichText::new(light.id.to_string()).text_style(theme::title()).color(palette.text);
                let label = format!("Select {}", light.id);
                let name = widgets::selectable(ui, selected, name, egui::Role::Button, label);
                if name.on_hover_text("Select it: the keys W, D, S and R act on the selected light").clicked()
                {
                    actions.push(SelectionAction::Light(light.id.clone()));
                }
                let color = if light.kind == LightKind::Virtual { palette.accent } else { palette.warn };
                let chip = widgets::chip(ui, labels::kind(light.kind), color, palette);
                chip.on_hover_text(labels::kind_meaning(light.kind));
            });
            ui.horizontal(|ui| {
                ui.add_space(4.0);
                let aspect =
                    RichText::new(labels::aspect(light.aspect)).color(palette.aspect(light.aspect)).strong();
                ui.label(aspect).on_hover_text(labels::meaning(light.aspect));
                let age = labels::seconds_left(light.since_ms, view.now_ms);
                repaint.within(if age < 60.0 { 1_000 } else { 60_000 });
                widgets::caption(ui, format!("for {}", age_in_words(age)), palette);
            });
        });
    });
    actions
}

/// Whole seconds in the first minute and whole minutes then, so that a steady light hardly costs a
/// frame.
fn age_in_words(seconds: f32) -> String {
    if seconds < 60.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", (seconds / 60.0).floor()) }
}

fn why(ui: &mut Ui, view: &ViewContext<'_>, rule: Rule, light: &LightState, repaint: &mut RepaintScheduler) {
    let palette = view.palette;
    let text = match (light.waiting(), &light.view) {
        _ if light.suspended => "Suspended: its host sleeps, and its program stands still".to_owned(),
        (Some(waiting), _) => {
            let left = labels::waits_until_ms(waiting).filter(|until| *until > view.now_ms);
            let left = left.map(|until| {
                repaint.counting();
                format!(" · {:.1} s", labels::seconds_left(view.now_ms, until))
            });
            format!("Waiting: {waiting}{}", left.unwrap_or_default())
        }
        (None, Some(inside)) => match inside.green_until {
            Some(until) if until.as_ms() > view.now_ms => {
                repaint.counting();
                format!("Going: green for {:.1} s more", labels::seconds_left(view.now_ms, until.as_ms()))
            }
            _ if rule == Rule::React => "Going: no other light said that it has green".to_owned(),
            _ => "Going: all others promised to stay red".to_owned(),
        },
        (None, None) if light.is_virtual() => "Has not reported yet".to_owned(),
        (None, None) => "Its reasons are not known here".to_owned(),
    };
    // Room for two lines always, or all cards below would jump with every reason.
    let lines = vec2(ui.available_width(), 2.0 * ui.text_style_height(&egui::TextStyle::Body) + 2.0);
    ui.allocate_ui(lines, |ui| {
        ui.set_min_height(lines.y);
        ui.label(RichText::new(text).color(palette.text))
            .on_hover_text("Why the light waits, or why it may go: the first reason that its program gives.");
    });
}

fn promises(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState, repaint: &mut RepaintScheduler) {
    let Some(inside) = light.view.as_ref().filter(|_| !light.suspended) else { return };
    let mut shown_lines = 0;
    let lines = [
        (true, &inside.promises, "It stays red for that long, and the other may count on it."),
        (
            false,
            &inside.leases,
            "It may count on the other's promise for that long, which is shortened by how much clocks may differ.",
        ),
    ];
    for (given, all, meaning) in lines {
        for held in all {
            let left = labels::seconds_left(view.now_ms, held.until.as_ms());
            if left <= 0.0 {
                continue;
            }
            repaint.counting();
            shown_lines += 1;
            ui.horizontal(|ui| {
                widgets::countdown(ui, left / FULL_S, view.palette.promise, view.palette);
                let light = &held.light;
                let text = if given {
                    format!("promised {light} to stay red · {left:.1} s")
                } else {
                    format!("{light} promised to stay red · {left:.1} s")
                };
                widgets::caption(ui, text, view.palette).on_hover_text(meaning);
            });
        }
    }
    if shown_lines == 0 {
        ui.horizontal(|ui| {
            widgets::countdown(ui, 0.0, view.palette.promise, view.palette);
            widgets::caption(ui, "no promise in force", view.palette);
        });
    }
}

fn layers(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState) {
    let palette = view.palette;
    if !light.is_virtual() {
        let (up, text) = match light.online {
            Some(true) => (Some(true), "online, says the broker"),
            Some(false) => (Some(false), "offline, says the broker"),
            None => (None, "no status heard"),
        };
        ui.horizontal(|ui| {
            widgets::dot(ui, up, palette);
            ui.label(text);
        });
        if light.layer(Layer::Tcp).up.is_none() {
            return;
        }
    }
    ui.horizontal(|ui| {
        for layer in [Layer::Wifi, Layer::Tcp, Layer::Mqtt] {
            let state = light.layer(layer);
            // Of a light that runs elsewhere its port sees no more than its connections.
            if !light.is_virtual() && state.up.is_none() {
                if layer == Layer::Wifi && light.foreign.is_some() {
                    foreign_card::wifi(ui, light, palette);
                }
                continue;
            }
            // What it told last may be over, and nobody there notices.
            let up = state.up.filter(|_| !light.suspended);
            let word = match up {
                None if light.suspended => "not known while it sleeps",
                Some(true) => "up",
                Some(false) => "down",
                None => "not tried yet",
            };
            let dot = widgets::dot(ui, up, palette);
            let spoken = format!("{} of {} is {word}", labels::layer(layer), light.id);
            let dot = dot.interact(Sense::hover());
            dot.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &spoken));
            let hint = format!("{}\nNow {word}. {}", labels::layer_meaning(layer), state.reason);
            dot.on_hover_text(&hint);
            ui.label(labels::layer(layer)).on_hover_text(hint);
            ui.add_space(4.0);
        }
    });
    if let Some(layer) = light.broken_layer().filter(|_| !light.suspended) {
        let reason = &light.layer(layer).reason;
        ui.label(RichText::new(format!("{}: {reason}", labels::layer(layer))).small().color(palette.bad));
    }
}

fn switches(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState) -> Actions {
    let (palette, id) = (view.palette, &light.id);
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        let wifi = widgets::switch(ui, palette, !light.wifi_cut, "Wi-Fi", &format!("Wi-Fi of {id}"));
        let why = "Cuts its Wi-Fi, as switching off the hotspot does. The light must flash amber once it has lost the others, and recover by itself (W)";
        if wifi.on_hover_text(why).clicked() {
            actions.push(Command::SetWifi { light: id.clone(), up: light.wifi_cut });
        }
        ui.add_space(6.0);
        let silence = widgets::switch(ui, palette, light.silenced, "Silence", &format!("Silence {id}"));
        let why = "It keeps its session and publishes nothing: a fault that the connection does not show (S)";
        if silence.on_hover_text(why).clicked() {
            actions.push(Command::SetSilence { light: id.clone(), on: !light.silenced });
        }
    });
    ui.horizontal(|ui| {
        let drop = widgets::named_button(ui, "Drop session", &format!("Drop session of {id}"));
        let why = "Cuts its connection to the broker once; it comes back after its back-off (D)";
        if drop.on_hover_text(why).clicked() {
            actions.push(Command::DropSession { light: id.clone() });
        }
        let restart = widgets::named_button(ui, "Restart", &format!("Restart {id}"));
        let why = "Like a reset: lamps out, then red until no promise from before can still hold (R)";
        if restart.on_hover_text(why).clicked() {
            actions.push(Command::RebootLight { light: id.clone() });
        }
        if light.waiting() == Some(&Waiting::NoDemand) {
            let call = widgets::named_button(ui, "Call", &format!("Call {id}"));
            if call.on_hover_text("Presses the button at its pole: it gets green only on call (C)").clicked()
            {
                actions.push(Command::CallLight { light: id.clone() });
            }
        }
    });
    actions
}

/// How the board compares with its twin.
fn twin(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState, repaint: &mut RepaintScheduler) {
    let palette = view.palette;
    let (text, color) = match (light.twin, light.differs_since_ms) {
        (None, _) => ("Its twin cannot tell".to_owned(), palette.weak),
        (Some(twin), Some(since)) => {
            repaint.counting();
            let lasted = labels::seconds_left(since, view.now_ms);
            (format!("Its twin shows {} · differs for {lasted:.0} s", labels::aspect(twin)), palette.warn)
        }
        (Some(_), None) => ("Shows what its twin shows".to_owned(), palette.ok),
    };
    let why = "The twin is the same library as on the board, run here with the messages that passed the broker. A difference means that the board received something else, or does not follow the rules.";
    ui.label(RichText::new(text).color(color)).on_hover_text(why);
}

/// How long a board obeys a command that lasts, in milliseconds.
const REMOTE_MS: u32 = 10_000;

/// What a board does on a command over MQTT.
fn remote(ui: &mut Ui, light: &LightState, keyed: bool) -> Actions {
    let mut actions = Actions::default();
    let id = &light.id;
    let online = light.online == Some(true);
    let mut button =
        |ui: &mut Ui, enabled: bool, text: &str, why: &str, action: command::Action, ms: Option<u32>| {
            let response = ui.add_enabled(enabled, egui::Button::new(text));
            let name = format!("{text}: {id}");
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, enabled, &name));
            let off = if online {
                "A board obeys this only in a junction with a key. Otherwise anybody could send it."
            } else {
                "The board is offline."
            };
            if response.on_hover_text(why).on_disabled_hover_text(off).clicked() {
                actions.push(Command::TellLight { light: id.clone(), action, ms });
            }
        };
    let may = online && keyed;
    ui.horizontal_wrapped(|ui| {
        button(ui, online, "Identify", "Its on-board LED blinks.", command::Action::Identify, None);
        let why = "The board leaves its Wi-Fi for ten seconds and has to join again.";
        button(ui, may, "Wi-Fi off 10 s", why, command::Action::WifiDown, Some(REMOTE_MS));
        let why = "The board keeps its session and publishes nothing for ten seconds.";
        button(ui, may, "Silence 10 s", why, command::Action::Silence, Some(REMOTE_MS));
        let why = "The board cuts its connection to the broker once and comes back after its back-off.";
        button(ui, may, "Drop session", why, command::Action::MqttDrop, None);
        let why = "The board restarts: lamps out, then red until no promise from before can still hold.";
        button(ui, may, "Restart", why, command::Action::Reboot, None);
    });
    actions
}

fn details(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState) {
    let palette = view.palette;
    let roomy = ui.ctx().content_rect().height() > 760.0;
    let title = RichText::new("Counters and messages").small();
    let details = CollapsingHeader::new(title).id_salt("details").default_open(roomy).show(ui, |ui| {
        // Nothing here is pressed, so lines may be close.
        ui.spacing_mut().interact_size.y = 14.0;
        ui.spacing_mut().item_spacing.y = 2.0;
        numbers(ui, view, light);
        ui.add_space(3.0);
        for message in light.messages.iter().rev().take(4) {
            let topic = match message.topic {
                TopicKind::State => "state",
                TopicKind::Status => "status",
                TopicKind::Command => "cmd",
            };
            let kept = if message.retained { " (retained)" } else { "" };
            ui.horizontal(|ui| {
                widgets::caption(ui, format!("{} {topic}{kept}", labels::clock(message.at_ms)), palette);
                let payload = RichText::new(&*message.payload).monospace().size(11.0).color(palette.text);
                ui.add(egui::Label::new(payload).truncate()).on_hover_text(&*message.payload);
            });
        }
        for packet in light.packets.iter().rev() {
            ui.horizontal(|ui| {
                let more =
                    if packet.untold > 0 { format!(", after {} more", packet.untold) } else { String::new() };
                widgets::caption(ui, format!("{}{more}", labels::clock(packet.at_ms)), palette);
                let text = RichText::new(&*packet.text).monospace().size(11.0).color(palette.text);
                ui.add(egui::Label::new(text).truncate()).on_hover_text(&*packet.text);
            });
        }
    });
    let name = format!("Counters and messages of {}", light.id);
    let open = details.fully_open();
    let header = details.header_response;
    header.widget_info(|| egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, open, &name));
}

fn numbers(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState) {
    let palette = view.palette;
    let counters = &light.counters;
    let mut cells: Vec<(&str, String)> = Vec::new();
    if light.is_virtual() {
        cells.extend([
            ("greens", labels::count(counters.greens)),
            ("sent", labels::count(counters.sent)),
            ("received", labels::count(counters.received)),
            ("ignored", labels::count(counters.ignored)),
            ("dropped", labels::count(counters.dropped)),
            ("Wi-Fi joins", counters.wifi_joins.to_string()),
            ("sessions", counters.mqtt_joins.to_string()),
        ]);
    }
    if let Some(reaction) = light.usual_reaction_ms() {
        cells.push(("reaction", format!("{reaction:.1} ms")));
    }
    if let Some(about) = &light.about {
        if !about.version.is_empty() {
            cells.push(("program", about.version.clone()));
        }
        if let Some(rssi) = about.wifi_rssi {
            cells.push(("signal", format!("{rssi} dBm")));
        }
        if let Some(joins) = about.wifi_joins.filter(|_| !light.is_virtual()) {
            cells.push(("Wi-Fi joins", joins.to_string()));
        }
        if let Some(joins) = about.mqtt_joins.filter(|_| !light.is_virtual()) {
            cells.push(("sessions", joins.to_string()));
        }
        // Sent when it joined, and so outdated for a light whose start is seen here anyway.
        if let Some(uptime) = about.uptime_s.filter(|_| !light.is_virtual()) {
            cells.push(("had run for", age_in_words(uptime as f32)));
        }
        if let Some(heap) = about.heap {
            cells.push(("free heap", format!("{} KiB", heap / 1_024)));
        }
        if let Some(reset) = about.reset.as_ref().filter(|_| !light.is_virtual()) {
            cells.push(("started by", reset.clone()));
        }
    }
    if cells.is_empty() {
        widgets::caption(ui, "Nothing is known yet.", palette);
    }
    Grid::new("numbers").num_columns(4).min_row_height(15.0).spacing(vec2(10.0, 1.0)).show(ui, |ui| {
        for (at, (name, value)) in cells.iter().enumerate() {
            widgets::caption(ui, *name, palette);
            ui.label(RichText::new(value).small());
            if at % 2 == 1 {
                ui.end_row();
            }
        }
    });
}
