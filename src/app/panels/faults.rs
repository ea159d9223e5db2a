//! The fault panel: pick a light, pick a fault, dose it, put it in; what is on now is always in
//! sight and can be cleared.

mod dose;

use std::time::Duration;

use egui::{RichText, ScrollArea, Ui};

use super::chaos;
use crate::{
    app::{
        action::{Actions, FaultTarget},
        labels,
        scene::fault::glyph,
        settings::LeftPanel,
        view::ViewContext,
        widgets,
    },
    fault::{Directions, LinkFault, LinkFaultSpec},
    model::{LightId, LightKind},
    world::{
        Command,
        fault::{Fault, USUAL_PER_MINUTE},
    },
};

/// What is being put together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    /// Which light; the selected one until another is chosen.
    pub light: Option<LightId>,
    kind: Kind,
    link: LinkFault,
    directions: Directions,
    drift_percent: f32,
    per_minute: u32,
    /// For how long, in seconds; `None`: until it is cleared.
    lasts_s: Option<u32>,
    chaos: chaos::Draft,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Link(&'static str),
    WifiDown,
    Silence,
    WrongPassword,
    NameNotFound,
    TakenOver,
    Hang,
    ClockDrift,
    Suspend,
    BrokerDown,
    Quota,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft {
            light: None,
            kind: Kind::Link("latency"),
            link: LinkFault::example("latency").unwrap_or(LinkFault::Refuse(crate::fault::Refuse)),
            directions: Directions::Both,
            drift_percent: 2.0,
            per_minute: USUAL_PER_MINUTE,
            lasts_s: Some(20),
            chaos: chaos::Draft::default(),
        }
    }
}

const ON_LINK: [(&str, &str, &str); 11] = [
    ("latency", "Latency", "Every byte takes longer."),
    ("bandwidth", "Bandwidth", "Only so many bytes a second."),
    ("black-hole", "Black hole", "The connection stays, nothing passes: only MQTT's keep-alive notices."),
    ("reset", "Reset", "The connection is reset by the peer, again and again."),
    ("refuse", "Refuse", "No new connection is accepted."),
    ("slow-close", "Slow close", "One end learns late that the other has closed."),
    ("half-open", "Half open", "One end is gone, and the other is not told."),
    (
        "lose",
        "Lose messages",
        "A share of the messages is lost. QoS 1 does not send them again within a session.",
    ),
    ("double", "Double messages", "A share of the messages comes twice."),
    ("delay", "Delay messages", "A share of the messages comes late."),
    ("reorder", "Reorder messages", "A share of the messages is overtaken by the next one."),
];

const ON_LIGHT: [(Kind, &str, &str); 10] = [
    (Kind::WifiDown, "Wi-Fi down", "Its Wi-Fi is gone; coming back takes a join."),
    (Kind::Silence, "Silence", "It keeps its session and publishes nothing."),
    (Kind::WrongPassword, "Wrong password", "It logs in with a password that is not the broker's."),
    (Kind::NameNotFound, "Name not found", "It looks for its broker under a name that nobody has."),
    (
        Kind::TakenOver,
        "Taken over",
        "Another client has its client id and takes its session again and again.",
    ),
    (Kind::Hang, "Hang", "Its program is not called; at the watchdog it is reset."),
    (Kind::ClockDrift, "Clock drift", "Its clock is wrong. The rules bear 1 % and no more."),
    (Kind::Suspend, "Suspend", "Its host sleeps, lamps dark, its clock standing still."),
    (Kind::BrokerDown, "Broker down", "The broker in this program stops: it strikes all lights."),
    (
        Kind::Quota,
        "Quota",
        "The broker in this program counts as Adafruit IO does: too many publishes of all lights together are rejected, \
         and who goes on is banned.",
    ),
];

/// What a fault does, in a sentence.
#[must_use]
pub(crate) fn meaning(fault: &Fault) -> &'static str {
    let on_link = ON_LINK.iter().find(|(word, ..)| *word == fault.name()).map(|(.., why)| *why);
    let on_light = ON_LIGHT.iter().find(|(kind, ..)| kind.word() == fault.name()).map(|(.., why)| *why);
    on_link.or(on_light).unwrap_or_default()
}

/// Shows the panel.
pub(crate) fn show(ui: &mut Ui, view: &ViewContext<'_>, draft: &mut Draft) -> Actions {
    let hint = "Hides this panel; faults stay on (F3)";
    let mut actions =
        widgets::panel_header(ui, "Faults", "Close the fault panel", hint, LeftPanel::Faults, |_, _| {});
    ui.separator();
    actions.append(chaos::show(ui, view, &mut draft.chaos));
    ui.separator();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        actions.append(on_now(ui, view));
        ui.add_space(8.0);
        actions.append(put_in(ui, view, draft));
    });
    actions
}

/// The faults that are on, each with its end.
fn on_now(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let on: Vec<_> = view.state.faults.iter().filter(|span| span.until_ms.is_none()).collect();
    ui.horizontal(|ui| {
        ui.label(RichText::new("On now").strong().color(view.palette.accent));
        if !on.is_empty() {
            let clear = widgets::named_button(ui, "Clear all", "Clear all faults");
            if clear.on_hover_text("Takes every fault out; the lights find back by themselves.").clicked() {
                actions.push(Command::ClearFaults);
            }
        }
    });
    if on.is_empty() {
        widgets::caption(ui, "No fault is on.", view.palette);
    }
    // A long list must not push away what the next one is put together with.
    let most = (ui.ctx().content_rect().height() * 0.22).max(90.0);
    ScrollArea::vertical().id_salt("on now").max_height(most).auto_shrink([false, true]).show(ui, |ui| {
        for span in on {
            actions.append(on_row(ui, view, &span.fault));
        }
    });
    actions
}

fn on_row(ui: &mut Ui, view: &ViewContext<'_>, fault: &Fault) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        let place = fault.light().map_or_else(|| "all lights".to_owned(), LightId::to_string);
        let text = format!("{place}: {fault}");
        let (sign, _) = ui.allocate_exact_size(egui::vec2(20.0, 20.0), egui::Sense::hover());
        glyph::paint(ui.painter(), sign.center(), 8.5, fault, view.palette);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_space(10.0);
            if widgets::named_button(ui, "Clear", &format!("Clear {text}")).clicked() {
                actions.push(Command::ClearFault(fault.clone()));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let words = RichText::new(&text).color(view.palette.warn);
                ui.add(egui::Label::new(words).truncate()).on_hover_text(meaning(fault));
            });
        });
    });
    actions
}

fn put_in(ui: &mut Ui, view: &ViewContext<'_>, draft: &mut Draft) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    ui.label(RichText::new("Put one in").strong().color(palette.accent));
    let all = matches!(draft.kind, Kind::BrokerDown | Kind::Quota);
    ui.add_enabled_ui(!all, |ui| {
        ui.horizontal_wrapped(|ui| {
            let chosen = draft.light.clone().or_else(|| view.selected.cloned());
            let junction = chosen.as_ref().and_then(|light| view.state.junction(&light.junction));
            for light in junction.iter().flat_map(|junction| &junction.lights) {
                let is_it = chosen.as_ref() == Some(&light.id);
                let response = ui.selectable_label(is_it, light.id.to_string());
                response.widget_info(|| {
                    let name = format!("Fault on {}", light.id);
                    egui::WidgetInfo::selected(egui::Role::RadioButton, true, is_it, name)
                });
                if response.clicked() {
                    draft.light = Some(light.id.clone());
                }
            }
        });
    });
    let light = draft.light.clone().or_else(|| view.selected.cloned());
    ui.add_space(4.0);
    widgets::caption(ui, "On the link between the light and the broker:", palette);
    ui.horizontal_wrapped(|ui| {
        tighten(ui);
        for (word, name, why) in ON_LINK {
            let chosen = draft.kind == Kind::Link(word);
            if ui.selectable_label(chosen, name).on_hover_text(why).clicked() && !chosen {
                draft.kind = Kind::Link(word);
                draft.link = LinkFault::example(word).unwrap_or(draft.link);
                draft.directions = Directions::Both;
            }
        }
    });
    widgets::caption(ui, "On the light, or the broker:", palette);
    ui.horizontal_wrapped(|ui| {
        tighten(ui);
        for (kind, name, why) in ON_LIGHT {
            if ui.selectable_label(draft.kind == kind, name).on_hover_text(why).clicked() {
                draft.kind = kind;
            }
        }
    });
    ui.add_space(4.0);
    dose::show(ui, draft);
    dose::lasts(ui, draft);
    let Some(fault) = light.and_then(|light| draft.fault(light)) else {
        widgets::caption(ui, "Select a light first.", palette);
        return actions;
    };
    let kind = fault
        .light()
        .and_then(|light| view.state.light(light))
        .map_or(LightKind::Virtual, |light| light.kind);
    let by_hand = fault.why_not(kind).map(|why| format!("Not from here: {why}"));
    // The world alone knows whether a board's link goes through it.
    let (by_hand, hint) = match &fault {
        Fault::Link { .. } if kind == LightKind::Board => (None, by_hand),
        _ => (by_hand, None),
    };
    let endless = (kind == LightKind::Board && draft.lasts_s.is_none() && fault.why_not(kind).is_none())
        .then(|| "a board cannot be called back from it: let it end by itself".to_owned());
    let refused = fault.check().err().or(by_hand).or(endless);
    if let Some(hint) = hint.filter(|_| refused.is_none()) {
        widgets::caption(ui, hint, palette);
    }
    if let Some(reason) = &refused {
        ui.label(RichText::new(labels::sentence(reason)).color(palette.warn));
    }
    let place = fault.light().map_or_else(|| "all lights".to_owned(), LightId::to_string);
    let text = format!("Put it in: {place}, {fault}");
    let button = ui.add_enabled(refused.is_none(), egui::Button::new(&text).wrap());
    button
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, refused.is_none(), "Put the fault in"));
    if button.clicked() {
        let lasts = draft.lasts_s.map(|seconds| Duration::from_secs(u64::from(seconds)));
        actions.push(Command::InjectFault { fault, lasts });
    }
    actions
}

impl Kind {
    /// The word that [`Fault::name`] gives.
    fn word(self) -> &'static str {
        match self {
            Kind::Link(word) => word,
            Kind::WifiDown => "wifi-down",
            Kind::Silence => "silence",
            Kind::WrongPassword => "wrong-password",
            Kind::NameNotFound => "name-not-found",
            Kind::TakenOver => "taken-over",
            Kind::Hang => "hang",
            Kind::ClockDrift => "clock-drift",
            Kind::Suspend => "suspend",
            Kind::BrokerDown => "broker-down",
            Kind::Quota => "quota",
        }
    }
}

impl Draft {
    /// Fills in the seed of the chaos that is on, to have the same once more.
    pub(crate) fn keep_chaos_seed(&mut self, seed: u64) {
        self.chaos.seed = seed.to_string();
    }

    /// Takes what was picked on the scene, with a fault that can strike it.
    pub(crate) fn aim(&mut self, target: FaultTarget) {
        let on_link = matches!(self.kind, Kind::Link(_));
        match target {
            FaultTarget::Light(light) => {
                self.light = Some(light);
                if matches!(self.kind, Kind::BrokerDown | Kind::Quota) {
                    self.kind = Kind::WifiDown;
                }
            }
            FaultTarget::Link(light) => {
                self.light = Some(light);
                if !on_link {
                    self.kind = Kind::Link(self.link.name());
                }
            }
            FaultTarget::Broker if self.kind == Kind::Quota => {}
            FaultTarget::Broker => self.kind = Kind::BrokerDown,
        }
    }

    fn fault(&self, light: LightId) -> Option<Fault> {
        Some(match self.kind {
            Kind::Link(_) => {
                let directions =
                    if self.link.strikes_connections() { Directions::Both } else { self.directions };
                Fault::Link { light, spec: LinkFaultSpec { fault: self.link, directions } }
            }
            Kind::WifiDown => Fault::WifiDown(light),
            Kind::Silence => Fault::Silence(light),
            Kind::WrongPassword => Fault::WrongPassword(light),
            Kind::NameNotFound => Fault::NameNotFound(light),
            Kind::TakenOver => Fault::TakenOver(light),
            Kind::Hang => Fault::Hang(light),
            #[expect(clippy::cast_possible_truncation, reason = "the slider keeps it within a half")]
            Kind::ClockDrift => {
                Fault::ClockDrift { light, ppm: (self.drift_percent * 10_000.0).round() as i32 }
            }
            Kind::Suspend => Fault::Suspend(light),
            Kind::BrokerDown => Fault::BrokerDown,
            Kind::Quota => Fault::Quota { per_minute: self.per_minute },
        })
    }
}

/// Many words in few lines.
fn tighten(ui: &mut Ui) {
    ui.spacing_mut().item_spacing = egui::vec2(1.0, 2.0);
    ui.spacing_mut().button_padding.x = 6.0;
}
