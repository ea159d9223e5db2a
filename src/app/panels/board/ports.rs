//! Which board: the serial ports, what they are, and what to do where none can be used.

use egui::{RichText, Ui};

use super::section;
use crate::{
    app::{
        board::{form::Form, state::BoardState},
        labels,
        panels::field::Field,
        view::ViewContext,
    },
    board::ports::{Access, NOTHING_THERE, PortInfo},
};

pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, state: &BoardState, form: &mut Form) {
    let palette = view.palette;
    section(ui, view, "1 · Which board");
    match &state.ports {
        None => {
            ui.label(RichText::new("Looking for serial ports…").color(palette.weak));
        }
        Some(ports) if ports.is_empty() => {
            ui.label(format!("{}.", labels::sentence(NOTHING_THERE)));
        }
        Some(ports) => {
            for port in ports {
                row(ui, view, port, &mut form.port);
            }
        }
    }
    let known = state.ports.iter().flatten().any(|port| port.path == form.port);
    let hint = if known { "" } else { "such as /dev/ttyACM0 or COM3" };
    let field = Field { name: "Port", spoken: "Serial port of the board", hint, masked: false, error: None };
    field.show(ui, palette, &mut form.port);
}

fn row(ui: &mut Ui, view: &ViewContext<'_>, port: &PortInfo, chosen: &mut String) {
    let palette = view.palette;
    let text = format!("{} · {}", port.path, port.adapter.words());
    if ui.radio(*chosen == port.path, text).clicked() {
        chosen.clone_from(&port.path);
    }
    if port.access != Access::Free && *chosen == port.path {
        let color = palette.warn;
        ui.label(RichText::new(labels::sentence(&port.help().unwrap_or_default())).small().color(color));
    }
}
