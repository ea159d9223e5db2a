//! How a light reaches the port of its check: an address to type, a login, a QR code.

use egui::{Label, RichText, Ui};

use crate::{
    app::{
        board::join_info::{Code, address},
        own_light::OpenPort,
        panels::board::join_info,
        theme::{self, Palette},
        widgets,
    },
    model::Login,
};

pub(super) fn show(
    ui: &mut Ui,
    palette: &Palette,
    open: &OpenPort,
    lan: bool,
    code: &mut Option<Code>,
    password_in_code: &mut bool,
) {
    ui.label("Your light connects to");
    let large = RichText::new(open.address()).text_style(theme::headline()).strong();
    ui.add(Label::new(large).selectable(true));
    if let Some(login) = open.shown_login() {
        ui.add(
            Label::new(format!("with the user {} and the password {}", login.user, login.password))
                .selectable(true)
                .wrap(),
        );
    } else if let Some(login) = &open.login {
        let text = format!("with the user {} and its password, as at the broker itself", login.user);
        ui.add(Label::new(text).selectable(true).wrap());
    }
    ui.horizontal(|ui| {
        let copy = widgets::named_button(ui, "Copy", "Copy address and login");
        if copy
            .on_hover_text("Host, port, and user and password where there are some, a line each.")
            .clicked()
        {
            ui.ctx().copy_text(open.as_text());
        }
        widgets::caption(ui, format!("behind it: {}", open.behind), palette);
    });
    if !lan {
        return;
    }
    let Some(ip) = open.addresses.first().copied() else {
        let text = "It is open to the network, but this computer seems to be in none. Join a Wi-Fi, or open a hotspot.";
        ui.add(Label::new(RichText::new(text).color(palette.warn)).wrap());
        return;
    };
    if open.addresses.len() > 1 {
        let others: Vec<_> = open.addresses.iter().skip(1).map(ToString::to_string).collect();
        widgets::caption(ui, format!("Under other addresses, too: {}", others.join(", ")), palette);
    }
    ui.collapsing("As a QR code", |ui| {
        let user = open.login.as_ref().map_or("", |login| login.user.as_str());
        let made_up = open.shown_login();
        let password = made_up.filter(|_| *password_in_code).map(|Login { password, .. }| password.as_str());
        let text = address(user, password, ip, open.port);
        if !code.as_ref().is_some_and(|code| code.is_of(&text)) {
            *code = Code::of(&text);
        }
        // The name that a screen reader says has no password in it.
        let public = address(user, None, ip, open.port);
        if let Some(code) = code {
            join_info::paint(ui, code, &format!("QR code of {public}"));
        }
        widgets::caption(ui, public, palette);
        if made_up.is_some() {
            let check = ui.checkbox(password_in_code, "Password in the code, too");
            check.on_hover_text("Whoever photographs the screen can then log in.");
        }
    });
    join_info::firewall(ui, palette, open.port);
}
