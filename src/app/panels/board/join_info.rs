//! The broker is open: its address in large letters and as a QR code, and what may stand in the way.

use egui::{CollapsingHeader, Color32, Label, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::app::{
    action::Actions,
    board::{
        BoardAction,
        form::Form,
        join_info::{Code, address, firewalls},
    },
    panels::field,
    theme::{self, Palette},
    view::ViewContext,
    widgets,
};

/// Light modules around a code (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;
/// The side of the code on the screen, at most.
const SIDE: f32 = 200.0;

/// Shows it. `code` is the code of the address.
pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    code: Option<&Code>,
    form: &mut Form,
    port: u16,
) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let Some(ip) = form.addresses.first().copied() else {
        let text = "It is open to the network, but this computer seems to be in none. Join a Wi-Fi, or open a hotspot.";
        ui.label(RichText::new(text).color(palette.warn));
        return actions;
    };
    ui.label(RichText::new("Boards and others in this network reach it at").color(palette.ok));
    ui.add(
        Label::new(RichText::new(format!("{ip}:{port}")).text_style(theme::headline()).strong())
            .selectable(true),
    );
    if form.addresses.len() > 1 {
        let all: Vec<_> =
            form.addresses.iter().enumerate().map(|(place, address)| (place, address.to_string())).collect();
        let mut place = 0;
        let chosen =
            field::row(ui, "Address", |ui| field::choice(ui, "Address of this computer", &mut place, &all));
        if chosen {
            actions.push(BoardAction::ChooseAddress(place));
        }
        widgets::caption(ui, "Several networks: choose the one that the board joins.", palette);
    }
    // The name that a screen reader says has no password in it.
    let public = address(&form.settings.broker_user, None, ip, port);
    if let Some(code) = code {
        paint(ui, code, &format!("QR code of {public}"));
    }
    let with_password = form.password_in_code && !form.settings.broker_password.is_empty();
    widgets::caption(ui, if with_password { format!("{public}, and the password") } else { public }, palette);
    login(ui, palette, form);
    let check = ui.checkbox(&mut form.password_in_code, "Password in the code, too");
    check.on_hover_text("Whoever photographs the screen can then log in.");
    firewall(ui, palette, port);
    actions
}

/// User and password in letters, for a program of one's own; only where somebody wants to read them.
fn login(ui: &mut Ui, palette: &Palette, form: &mut Form) {
    if form.settings.broker_password.is_empty() {
        return;
    }
    ui.checkbox(&mut form.show_login, "Show user and password")
        .on_hover_text("For a program of your own. Everybody who sees this screen can then log in.");
    if !form.show_login {
        return;
    }
    for (name, text) in [("User", &form.settings.broker_user), ("Password", &form.settings.broker_password)] {
        ui.horizontal(|ui| {
            widgets::caption(ui, name, palette);
            ui.add(Label::new(RichText::new(text).monospace().size(14.0)).selectable(true));
            if widgets::named_button(ui, "Copy", &format!("Copy the {}", name.to_lowercase())).clicked() {
                ui.ctx().copy_text(text.clone());
            }
        });
    }
}

/// Black on white in both themes: a reader expects it so.
pub(in crate::app::panels) fn paint(ui: &mut Ui, code: &Code, spoken: &str) {
    let modules = code.side + 2 * QUIET;
    // Whole pixels: gaps between modules would be read as light ones.
    let pixels = ui.ctx().pixels_per_point();
    let module = (SIDE * pixels / modules as f32).floor().max(1.0) / pixels;
    let side = module * modules as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, spoken));
    let whole = |at: f32| (at * pixels).round() / pixels;
    let rect = Rect::from_min_size(pos2(whole(rect.left()), whole(rect.top())), rect.size());
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, Color32::WHITE);
    for (y, x, long) in code.runs() {
        let at = rect.min + vec2((x + QUIET) as f32 * module, (y + QUIET) as f32 * module);
        painter.rect_filled(Rect::from_min_size(at, vec2(long as f32 * module, module)), 0.0, Color32::BLACK);
    }
}

pub(in crate::app::panels) fn firewall(ui: &mut Ui, palette: &Palette, port: u16) {
    CollapsingHeader::new("If a board cannot connect").show(ui, |ui| {
        widgets::caption(
            ui,
            format!(
                "This computer's firewall has to allow TCP port {port}, and the Wi-Fi must let its devices talk to \
                 each other (guest networks often do not)."
            ),
            palette,
        );
        for (place, line) in firewalls(port) {
            ui.horizontal(|ui| {
                widgets::caption(ui, place, palette);
                if widgets::named_button(ui, "Copy", &format!("Copy the line for {place}")).clicked() {
                    ui.ctx().copy_text(line.clone());
                }
            });
            ui.add(Label::new(RichText::new(&line).monospace()).wrap());
        }
    });
}
