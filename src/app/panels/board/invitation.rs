//! The broker is open: its address in large letters and as a QR code, and what may stand in the way.

use std::net::Ipv4Addr;

use egui::{CollapsingHeader, Color32, Label, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::field;
use crate::app::{
    board::{
        Workbench,
        form::Form,
        invitation::{Code, address, firewalls},
    },
    theme,
    view::ViewContext,
    widgets,
};

/// Light modules around a code (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;
/// The side of the code on the screen, at most.
const SIDE: f32 = 200.0;

/// Shows it.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench, port: u16) {
    let palette = view.palette;
    let form = &mut bench.form;
    let Some(ip) = form.addresses.first().copied() else {
        let text = "It is open to this network, but this computer seems to be in none. Join a Wi-Fi, or open a hotspot.";
        ui.label(RichText::new(text).color(palette.warn));
        return;
    };
    ui.label(RichText::new("Boards and others in this network reach it at").color(palette.ok));
    ui.add(
        Label::new(RichText::new(format!("{ip}:{port}")).text_style(theme::headline()).strong())
            .selectable(true),
    );
    if form.addresses.len() > 1 {
        addresses(ui, form);
        widgets::caption(ui, "Several networks: choose the one that the board joins.", palette);
    }
    qr(ui, view, bench, ip, port);
    firewall(ui, view, port);
}

fn addresses(ui: &mut Ui, form: &mut Form) {
    let all: Vec<_> =
        form.addresses.iter().enumerate().map(|(place, address)| (place, address.to_string())).collect();
    let mut place = 0;
    let chosen =
        field::row(ui, "Address", |ui| field::choice(ui, "Address of this computer", &mut place, &all));
    if chosen {
        form.addresses.swap(0, place);
    }
}

fn qr(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench, ip: Ipv4Addr, port: u16) {
    let form = &mut bench.form;
    let with_password = form.password_in_code && !form.settings.broker_password.is_empty();
    let password = with_password.then_some(form.settings.broker_password.as_str());
    let user = form.settings.broker_user.clone();
    let text = address(&user, password, ip, port);
    if !bench.code.as_ref().is_some_and(|code| code.is_of(&text)) {
        bench.code = Code::of(&text);
    }
    if let Some(code) = &bench.code {
        // The name that a screen reader says has no password in it.
        let said = format!("QR code of {}", address(&user, None, ip, port));
        paint(ui, code, &said);
    }
    let open = address(&user, None, ip, port);
    widgets::caption(
        ui,
        if with_password { format!("{open}, and the password") } else { open },
        view.palette,
    );
    let check = ui.checkbox(&mut form.password_in_code, "Password in the code, too");
    check.on_hover_text("Whoever photographs the screen can then log in.");
}

/// Black on white in both themes: a reader expects it so.
fn paint(ui: &mut Ui, code: &Code, said: &str) {
    let modules = code.side + 2 * QUIET;
    // Whole pixels: gaps between modules would be read as light ones.
    let pixels = ui.ctx().pixels_per_point();
    let module = (SIDE * pixels / modules as f32).floor().max(1.0) / pixels;
    let side = module * modules as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, said));
    let whole = |at: f32| (at * pixels).round() / pixels;
    let rect = Rect::from_min_size(pos2(whole(rect.left()), whole(rect.top())), rect.size());
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, Color32::WHITE);
    for (y, x, long) in code.runs() {
        let at = rect.min + vec2((x + QUIET) as f32 * module, (y + QUIET) as f32 * module);
        painter.rect_filled(Rect::from_min_size(at, vec2(long as f32 * module, module)), 0.0, Color32::BLACK);
    }
}

fn firewall(ui: &mut Ui, view: &ViewContext<'_>, port: u16) {
    CollapsingHeader::new("If a board does not get through").show(ui, |ui| {
        widgets::caption(
            ui,
            format!(
                "This computer's firewall has to let TCP port {port} in, and the Wi-Fi must let its stations talk to \
                 each other (guest networks often do not)."
            ),
            view.palette,
        );
        for (place, line) in firewalls(port) {
            ui.horizontal(|ui| {
                widgets::caption(ui, place, view.palette);
                if widgets::named_button(ui, "Copy", &format!("Copy the line for {place}")).clicked() {
                    ui.ctx().copy_text(line.clone());
                }
            });
            ui.add(Label::new(RichText::new(&line).monospace()).wrap());
        }
    });
}
