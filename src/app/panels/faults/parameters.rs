//! The parameters of a fault, and for how long.

use egui::{Slider, Ui};

use super::Draft;
use crate::fault::Directions;

/// The parameters of the chosen fault, and its direction.
pub(super) fn show(ui: &mut Ui, draft: &mut Draft) {
    let about = draft.kind.about();
    let values = draft.kind.values();
    for ((parameter, value), number) in about.parameters.iter().zip(values).zip(draft.kind.numbers()) {
        let scale = parameter.scale as f64;
        let (least, most) = parameter.offered;
        let mut shown = value as f64 / scale;
        let slider = Slider::new(&mut shown, least as f64 / scale..=most as f64 / scale)
            .text(parameter.title)
            .suffix(format!(" {}", parameter.unit))
            .logarithmic(parameter.logarithmic);
        let slider = if parameter.scale == 1 { slider.integer() } else { slider };
        if ui.add(slider).changed() {
            #[expect(clippy::cast_possible_truncation, reason = "the slider keeps it within its range")]
            number.set((shown * scale).round() as i64);
        }
    }
    draft.kind.settle();
    if draft.kind.has_direction() {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            for directions in [Directions::Both, Directions::ToBroker, Directions::FromBroker] {
                ui.radio_value(&mut draft.directions, directions, directions.to_string());
            }
        });
    }
}

/// For how long.
pub(super) fn lasts(ui: &mut Ui, draft: &mut Draft) {
    ui.horizontal(|ui| {
        let mut ends = draft.lasts_s.is_some();
        if ui.checkbox(&mut ends, "Ends by itself").changed() {
            draft.lasts_s = ends.then_some(20);
        }
        if let Some(seconds) = &mut draft.lasts_s {
            ui.add(Slider::new(seconds, 1..=300).text("seconds").logarithmic(true));
        }
    });
}
