//! Which light the board is to be, chosen from those on the screen.

use egui::{RichText, Ui};
use traffic_light::Name;

use super::section;
use crate::{
    app::{
        action::Actions,
        board::{BoardAction, context::ProvisioningContext, form::Form},
        labels,
        panels::field,
        view::ViewContext,
    },
    board::provision::Member,
    model::{LightId, LightKind},
};

pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    context: &ProvisioningContext,
    form: &mut Form,
) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    section(ui, view, "2 · Which light it becomes");
    let names: Vec<(usize, String)> =
        context.junctions.iter().map(|junction| junction.name().to_string()).enumerate().collect();
    let place = names.iter().find(|(_, name)| *name == form.settings.junction);
    let Some(mut place) = place.map(|(place, _)| *place).or((!names.is_empty()).then_some(0)) else {
        ui.label("The configuration has no junction.");
        return actions;
    };
    let moved =
        field::row(ui, "Junction", |ui| field::choice(ui, "Junction of the board", &mut place, &names));
    let junction = &context.junctions[place];
    let lights: Vec<Name> = junction.lights().cloned().collect();
    let named: Vec<(usize, String)> =
        lights.iter().map(|light| label_of(view, junction.name(), light)).enumerate().collect();
    let known = lights.iter().position(|light| light.as_str() == form.settings.light);
    let mut at = known.unwrap_or(lights.len() - 1);
    let chosen = field::row(ui, "Light", |ui| field::choice(ui, "Light of the board", &mut at, &named));
    if moved || chosen {
        let (junction, light) = (junction.name().clone(), lights[at].clone());
        actions.push(BoardAction::ChooseLight { junction, light });
    }
    for member in [Member::Junction, Member::Light, Member::Peers, Member::Key, Member::Timing] {
        if let Some(error) = form.error(member) {
            field::wrong(ui, palette, &error);
        }
    }
    let id = LightId::new(junction.name().clone(), lights[at].clone());
    if view.state.light(&id).is_some_and(|light| light.kind == LightKind::Virtual) {
        let why = "The virtual light ends when the board starts. Its panel can bring it back.";
        let text = format!("The board replaces the virtual light {}", id.light);
        ui.checkbox(&mut form.takes_place, text).on_hover_text(why);
        if !form.takes_place {
            let text = "Two lights of one name disturb each other.";
            ui.label(RichText::new(text).small().color(palette.warn));
        }
    }
    if form.settings.key.is_empty() {
        let text = "This junction has no key: whoever reaches the broker can disturb it.";
        ui.label(RichText::new(text).small().color(palette.weak));
    }
    actions
}

fn label_of(view: &ViewContext<'_>, junction: &Name, light: &Name) -> String {
    let known = view.state.light(&LightId::new(junction.clone(), light.clone()));
    match known {
        Some(known) => format!("{light} · {} now", labels::kind(known.kind)),
        None => format!("{light} · not running"),
    }
}
