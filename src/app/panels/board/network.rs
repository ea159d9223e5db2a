//! The Wi-Fi that the board joins, and the broker that it connects to.

use egui::{RichText, Ui};

use super::{join_info, section};
use crate::{
    app::{
        action::Actions,
        board::{BoardAction, form::Form, state::BoardState},
        panels::field::{self, Field},
        view::ViewContext,
        widgets,
    },
    board::provision::Member,
};

/// Shows it; `idle`: no board is being worked on, so that its settings may be changed.
pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    state: &BoardState,
    form: &mut Form,
    idle: bool,
) -> Actions {
    let mut actions = Actions::default();
    ui.add_enabled_ui(idle, |ui| {
        section(ui, view, "3 · Its Wi-Fi");
        wifi(ui, view, form);
        section(ui, view, "4 · Its broker");
        if state.context.broker.is_none() {
            ui.horizontal(|ui| {
                let here = ui.radio(form.this_computer, "This computer");
                let why = "The broker inside this program, where the virtual lights are.";
                if here.on_hover_text(why).clicked() {
                    actions.push(BoardAction::UseThisComputer(true));
                }
                if ui.radio(!form.this_computer, "Another one").clicked() {
                    actions.push(BoardAction::UseThisComputer(false));
                }
            });
        }
    });
    if state.context.broker.is_none() && form.this_computer {
        // The code is read by others, too, while a board is flashed.
        actions.append(this_computer(ui, view, state, form, idle));
    } else {
        ui.add_enabled_ui(idle, |ui| elsewhere(ui, view, form));
    }
    actions
}

fn wifi(ui: &mut Ui, view: &ViewContext<'_>, form: &mut Form) {
    let palette = view.palette;
    let masked = !form.show_secrets;
    let error = form.error(Member::WifiSsid);
    let name = Field {
        name: "Network",
        spoken: "Name of the Wi-Fi network",
        hint: "LoPy4 boards use 2.4 GHz only",
        masked: false,
        error: error.as_deref(),
    };
    name.show(ui, palette, &mut form.settings.wifi_ssid);
    let error = form.error(Member::WifiPassword);
    let password = Field {
        name: "Password",
        spoken: "Password of the Wi-Fi network",
        hint: "empty for an open network",
        masked,
        error: error.as_deref(),
    };
    password.show(ui, palette, &mut form.settings.wifi_password);
    ui.checkbox(&mut form.show_secrets, "Show passwords");
    widgets::caption(
        ui,
        "Passwords and key are stored unencrypted on the board: whoever holds it can read them. They are not stored here.",
        palette,
    );
}

/// The broker inside this program: what opens it to boards, and its address.
fn this_computer(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    state: &BoardState,
    form: &mut Form,
    idle: bool,
) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let Some(port) = view.state.broker.embedded_port() else {
        ui.label(RichText::new("The broker does not run. Start it in the bar above.").color(palette.warn));
        return actions;
    };
    if view.state.broker.is_open() {
        actions.append(join_info::show(ui, view, state.code.as_ref(), form, port));
        let close = ui.add_enabled(idle, egui::Button::new("Let no more boards join"));
        let why = "The broker starts again on this computer only. Boards that have joined lose it; the lights here \
                   reconnect by themselves.";
        let off = "A board is being worked on.";
        if close.on_hover_text(why).on_disabled_hover_text(off).clicked() {
            actions.push(BoardAction::CloseToBoards);
        }
    } else {
        ui.label(
            "The broker listens on this computer only. Letting boards join opens its port to this network, with a \
             generated user and password; messages cross the network unencrypted. A firewall may have to allow it.",
        );
        let join = widgets::button(ui, "Let boards join");
        if join
            .on_hover_text("The broker starts again on the same port; the lights reconnect by themselves.")
            .clicked()
        {
            actions.push(BoardAction::LetBoardsJoin);
        }
    }
    for member in [Member::BrokerHost, Member::BrokerPort, Member::BrokerUser, Member::BrokerPassword] {
        if let Some(error) = form.error(member) {
            field::wrong(ui, palette, &error);
        }
    }
    actions
}

fn elsewhere(ui: &mut Ui, view: &ViewContext<'_>, form: &mut Form) {
    let palette = view.palette;
    let masked = !form.show_secrets;
    let errors = [
        Member::BrokerHost,
        Member::BrokerPort,
        Member::BrokerUser,
        Member::BrokerPassword,
        Member::BrokerRoot,
    ]
    .map(|member| form.error(member));
    let [host, port, user, password, root] = &errors;
    let unreachable = host.is_some();
    let settings = &mut form.settings;
    let field = |name, spoken, hint, masked, error| Field { name, spoken, hint, masked, error };
    field("Host", "Host of the broker", "name or IPv4 address", false, host.as_deref()).show(
        ui,
        palette,
        &mut settings.broker_host,
    );
    if unreachable {
        for address in form.addresses.iter().take(3) {
            let text = format!("Use {address}, this computer");
            if widgets::button(ui, &text).clicked() {
                settings.broker_host = address.to_string();
                form.errors.retain(|error| error.member != Member::BrokerHost);
            }
        }
    }
    field::row(ui, "Port", |ui| {
        let drag = egui::DragValue::new(&mut settings.broker_port).range(1..=u16::MAX);
        let drag = ui.add(drag);
        drag.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SpinButton, true, "Port of the broker"));
    });
    if let Some(error) = port {
        field::wrong(ui, palette, error);
    }
    field("User", "User at the broker", "empty to log in without one", false, user.as_deref()).show(
        ui,
        palette,
        &mut settings.broker_user,
    );
    field("Password", "Password at the broker", "", masked, password.as_deref()).show(
        ui,
        palette,
        &mut settings.broker_password,
    );
    field("Root topic", "Root topic", "twinlight", false, root.as_deref()).show(
        ui,
        palette,
        &mut settings.broker_root,
    );
    widgets::caption(ui, "Boards cannot use TLS yet: give the broker's unencrypted port.", palette);
}
