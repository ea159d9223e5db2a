//! The fault panel: pick a light, pick a fault, set its parameters, inject it; what is on now is always
//! in sight and can be cleared.

mod parameters;

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
    fault::{BrokerFault, Directions, Fault, FaultKind, LightFault, LinkFault},
    model::{Diagnostic, LightId, LightKind},
    world::Command,
};

/// What is being put together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    /// Which light; the selected one until another is chosen.
    pub(super) light: Option<LightId>,
    kind: FaultKind,
    directions: Directions,
    /// For how long, in seconds; `None`: until it is cleared.
    lasts_s: Option<u32>,
    chaos: chaos::Draft,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft {
            light: None,
            kind: FIRST_ON_LINK,
            directions: Directions::Both,
            lasts_s: Some(20),
            chaos: chaos::Draft::default(),
        }
    }
}

/// What is offered first of a link, and of a light.
const FIRST_ON_LINK: FaultKind = FaultKind::LinkFault(LinkFault::EXAMPLES[0]);
const FIRST_ON_LIGHT: FaultKind = FaultKind::LightFault(LightFault::EXAMPLES[0]);

/// Shows the panel.
pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>, draft: &mut Draft) -> Actions {
    let hint = "Hides this panel; faults stay on (F3)";
    let mut actions =
        widgets::panel_header(ui, "Faults", "Close the fault panel", hint, LeftPanel::Faults, |_, _| {});
    ui.separator();
    actions.append(chaos::show(ui, view, &mut draft.chaos));
    ui.separator();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        actions.append(on_now(ui, view));
        ui.add_space(8.0);
        actions.append(inject(ui, view, draft));
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
            actions.append(widgets::clear_faults(ui, view.why_fixed()));
        }
    });
    if on.is_empty() {
        widgets::caption(ui, "No fault is on.", view.palette);
    }
    // A long list must not push the form away.
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
        let text = format!("{place}: {}", fault.label());
        let (sign, _) = ui.allocate_exact_size(egui::vec2(20.0, 20.0), egui::Sense::hover());
        glyph::paint(ui.painter(), sign.center(), 8.5, fault, view.palette);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_space(10.0);
            let clear = widgets::unless(ui, view.why_fixed(), |ui| {
                widgets::named_button(ui, "Clear", &format!("Clear {text}"))
            });
            if clear.clicked() {
                actions.push(Command::ClearFault(fault.clone()));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let words = RichText::new(&text).color(view.palette.warn);
                ui.add(egui::Label::new(words).truncate()).on_hover_text(fault.about().meaning);
            });
        });
    });
    actions
}

fn inject(ui: &mut Ui, view: &ViewContext<'_>, draft: &mut Draft) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    ui.label(RichText::new("Inject a fault").strong().color(palette.accent));
    let all = draft.kind.strikes_all();
    ui.add_enabled_ui(!all, |ui| {
        ui.horizontal_wrapped(|ui| {
            let chosen = draft.light.clone().or_else(|| view.selected.cloned());
            let junction = chosen.as_ref().and_then(|light| view.state.junction(&light.junction));
            for light in junction.iter().flat_map(|junction| &junction.lights) {
                let is_it = chosen.as_ref() == Some(&light.id);
                let name = format!("Fault on {}", light.id);
                let role = egui::Role::RadioButton;
                if widgets::selectable(ui, is_it, light.id.to_string(), role, name).clicked() {
                    draft.light = Some(light.id.clone());
                }
            }
        });
    });
    let light = draft.light.clone().or_else(|| view.selected.cloned());
    ui.add_space(4.0);
    widgets::caption(ui, "On the link between the light and the broker:", palette);
    choices(ui, draft, |kind| matches!(kind, FaultKind::LinkFault(_)));
    widgets::caption(ui, "On the light, or the broker:", palette);
    choices(ui, draft, |kind| !matches!(kind, FaultKind::LinkFault(_)));
    ui.add_space(4.0);
    parameters::show(ui, draft);
    if !draft.kind.about().instant {
        parameters::lasts(ui, draft);
    }
    let Some(fault) = draft.kind.at(light, draft.directions) else {
        widgets::caption(ui, "Select a light first.", palette);
        return actions;
    };
    let kind = fault
        .light()
        .and_then(|light| view.state.light(light))
        .map_or(LightKind::Virtual, |light| light.kind);
    let by_hand =
        fault.why_not(kind).map(|why| Diagnostic { message: format!("not from here: {why}"), ..why });
    // The world alone knows whether the link of a light that runs elsewhere goes through it.
    let (by_hand, hint) = match &fault {
        Fault::Link { .. } if kind != LightKind::Virtual => (None, by_hand),
        _ => (by_hand, None),
    };
    let endless = (kind == LightKind::Board && draft.lasts_s.is_none() && fault.why_not(kind).is_none())
        .then(|| Diagnostic::new("a board cannot be called back from it", "let it end by itself"));
    let fixed = view.why_fixed().map(Diagnostic::from);
    let refused = fixed.or(fault.check().err()).or(by_hand).or(endless);
    if let Some(problem) = refused.as_ref().or(hint.as_ref()) {
        let color = if refused.is_some() { palette.warn } else { palette.weak };
        ui.label(RichText::new(labels::sentence(&problem.message)).color(color));
        if let Some(help) = &problem.help {
            widgets::caption(ui, labels::sentence(help), palette);
        }
    }
    let lasts = draft.lasts_s.filter(|_| !fault.is_instant());
    let place = fault.light().map(|light| format!(" on {light}")).unwrap_or_default();
    let time = lasts.map(|seconds| format!(" for {seconds} s")).unwrap_or_default();
    let text = format!("Inject: {}{place}{time}", fault.label());
    let button = ui.add_enabled(refused.is_none(), egui::Button::new(&text).wrap());
    button
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, refused.is_none(), "Inject the fault"));
    if button.clicked() {
        let lasts = lasts.map(|seconds| Duration::from_secs(u64::from(seconds)));
        actions.push(Command::InjectFault { fault, lasts });
    }
    actions
}

/// The faults of one part, of which one can be chosen.
fn choices(ui: &mut Ui, draft: &mut Draft, part: fn(&FaultKind) -> bool) {
    ui.horizontal_wrapped(|ui| {
        tighten(ui);
        for kind in FaultKind::examples().filter(part) {
            let about = kind.about();
            let chosen = draft.kind.about().name == about.name;
            if ui.selectable_label(chosen, about.title).on_hover_text(about.meaning).clicked() && !chosen {
                (draft.kind, draft.directions) = (kind, Directions::Both);
            }
        }
    });
}

impl Draft {
    /// Fills in the seed of the chaos that is on, to have the same once more.
    pub(in crate::app) fn keep_chaos_seed(&mut self, seed: u64) {
        self.chaos.seed = seed.to_string();
    }

    /// Takes what was picked on the scene, with a fault that can strike it.
    pub(crate) fn aim(&mut self, target: FaultTarget) {
        match target {
            FaultTarget::Light(light) => {
                self.light = Some(light);
                if self.kind.strikes_all() {
                    self.kind = FIRST_ON_LIGHT;
                }
            }
            FaultTarget::Link(light) => {
                self.light = Some(light);
                if !matches!(self.kind, FaultKind::LinkFault(_)) {
                    self.kind = FIRST_ON_LINK;
                }
            }
            FaultTarget::Broker if self.kind.strikes_all() => {}
            FaultTarget::Broker => self.kind = FaultKind::BrokerFault(BrokerFault::EXAMPLES[0]),
        }
    }
}

/// Many words in few lines.
fn tighten(ui: &mut Ui) {
    ui.spacing_mut().item_spacing = egui::vec2(1.0, 2.0);
    ui.spacing_mut().button_padding.x = 6.0;
}
