//! How much of a fault, and for how long.

use egui::{Slider, Ui};

use super::{Draft, Kind};
use crate::fault::{Directions, LinkFault};

/// The dose of the chosen fault.
pub(super) fn show(ui: &mut Ui, draft: &mut Draft) {
    match draft.kind {
        Kind::Link(_) => {}
        Kind::ClockDrift => {
            named(ui, "Drift", " %", Slider::new(&mut draft.drift_percent, -10.0..=10.0));
            return;
        }
        Kind::Quota => {
            named(ui, "Quota", " a minute", Slider::new(&mut draft.per_minute, 1..=1_000).logarithmic(true));
            return;
        }
        _ => return,
    }
    match &mut draft.link {
        LinkFault::Latency(dose) => {
            named(ui, "Latency", " ms", Slider::new(&mut dose.ms, 1..=5_000).logarithmic(true));
            dose.jitter_ms = dose.jitter_ms.min(dose.ms);
            named(ui, "Jitter", " ms", Slider::new(&mut dose.jitter_ms, 0..=dose.ms));
        }
        LinkFault::Bandwidth(dose) => {
            named(
                ui,
                "Bandwidth",
                " bytes/s",
                Slider::new(&mut dose.bytes_per_s, 20..=100_000).logarithmic(true),
            );
        }
        LinkFault::SlowClose(dose) => named(ui, "Close delay", " ms", Slider::new(&mut dose.ms, 1..=60_000)),
        LinkFault::Reset(dose) => named(ui, "After", " ms", Slider::new(&mut dose.after_ms, 0..=20_000)),
        LinkFault::HalfOpen(dose) => named(ui, "After", " ms", Slider::new(&mut dose.after_ms, 0..=20_000)),
        LinkFault::Lose(dose) => percent(ui, &mut dose.percent),
        LinkFault::Double(dose) => percent(ui, &mut dose.percent),
        LinkFault::Reorder(dose) => percent(ui, &mut dose.percent),
        LinkFault::Delay(dose) => {
            percent(ui, &mut dose.percent);
            named(ui, "Delay", " ms", Slider::new(&mut dose.ms, 1..=20_000));
        }
        LinkFault::BlackHole(_) | LinkFault::Refuse(_) => {}
    }
    if !draft.link.strikes_connections() {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            for (directions, name) in [
                (Directions::Both, "both ways"),
                (Directions::ToBroker, "to the broker"),
                (Directions::FromBroker, "from the broker"),
            ] {
                ui.radio_value(&mut draft.directions, directions, name);
            }
        });
    }
}

fn percent(ui: &mut Ui, value: &mut u8) {
    named(ui, "Messages", " %", Slider::new(value, 1..=100));
}

fn named(ui: &mut Ui, name: &str, suffix: &str, slider: Slider<'_>) {
    ui.add(slider.text(name).suffix(suffix));
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
