//! The Wi-Fi that the board joins, and the broker that it connects to.

use egui::{RichText, Ui};

use super::{
    field::{self, Field},
    invitation, section,
};
use crate::{
    app::{
        action::{Action, Actions},
        board::{BoardAction, Workbench, form::Form},
        state::Broker,
        view::ViewContext,
        widgets,
    },
    board::provision::{Member, here},
    world::Command,
};

/// Shows both.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let mut actions = Actions::default();
    section(ui, view, "3 · Its Wi-Fi");
    wifi(ui, view, &mut bench.form);
    section(ui, view, "4 · Its broker");
    if bench.lab.broker.is_none() {
        let form = &mut bench.form;
        ui.horizontal(|ui| {
            ui.radio_value(&mut form.this_computer, true, "This computer")
                .on_hover_text("The broker inside this program, where the virtual lights are.");
            if ui.radio_value(&mut form.this_computer, false, "Another one").clicked() {
                form.leave_this_computer();
            }
        });
        if form.this_computer {
            actions.append(this_computer(ui, view, bench));
            return actions;
        }
    }
    elsewhere(ui, view, &mut bench.form);
    actions
}

fn wifi(ui: &mut Ui, view: &ViewContext<'_>, form: &mut Form) {
    let palette = view.palette;
    let masked = !form.show_secrets;
    let error = form.error(Member::WifiSsid).map(str::to_owned);
    let name = Field {
        name: "Network",
        said: "Name of the Wi-Fi network",
        hint: "its name; LoPy4s have 2.4 GHz alone",
        masked: false,
        error: error.as_deref(),
    };
    name.show(ui, palette, &mut form.settings.wifi_ssid);
    let error = form.error(Member::WifiPassword).map(str::to_owned);
    let password = Field {
        name: "Password",
        said: "Password of the Wi-Fi network",
        hint: "empty for an open network",
        masked,
        error: error.as_deref(),
    };
    password.show(ui, palette, &mut form.settings.wifi_password);
    ui.checkbox(&mut form.show_secrets, "Show passwords");
    widgets::caption(
        ui,
        "Passwords and key lie unencrypted on the board: whoever holds it can read them. They are not kept here.",
        palette,
    );
}

/// The broker inside this program: what opens it to boards, and its address.
fn this_computer(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let mut actions = Actions::default();
    let (palette, form) = (view.palette, &mut bench.form);
    let Broker::Running { address, embedded: true, open, .. } = &view.state.broker else {
        ui.label(RichText::new("The broker does not run. Start it in the bar above.").color(palette.warn));
        return actions;
    };
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(1_883);
    form.fill_in_this_computer(port);
    if *open {
        if form.settings.broker_user.is_empty() {
            form.log_in(bench.login.as_ref());
        }
        invitation::show(ui, view, bench, port);
    } else {
        ui.label(
            "The broker listens on this computer alone. Letting boards join opens its port to everybody in this \
             network, with a made-up user and password; what they say crosses the network in clear text. A firewall \
             may have to be told.",
        );
        let join = widgets::named_button(ui, "Let boards join", "Let boards join");
        if join
            .on_hover_text("The broker starts again on the same port; the lights find it by themselves.")
            .clicked()
        {
            // Boards that were flashed before know the login of then.
            let login = bench.login.clone().unwrap_or_else(here::make_login);
            form.log_in(Some(&login));
            actions.push(Action::Board(BoardAction::KeepLogin(login.clone())));
            actions.ask(Command::LetBoardsJoin { login });
        }
    }
    for member in [Member::BrokerHost, Member::BrokerPort, Member::BrokerUser, Member::BrokerPassword] {
        if let Some(error) = bench.form.error(member) {
            field::wrong(ui, palette, error);
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
    .map(|member| form.error(member).map(str::to_owned));
    let [host, port, user, password, root] = &errors;
    let settings = &mut form.settings;
    let field = |name, said, hint, masked, error| Field { name, said, hint, masked, error };
    field("Host", "Host of the broker", "name or IPv4 address", false, host.as_deref()).show(
        ui,
        palette,
        &mut settings.broker_host,
    );
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
    widgets::caption(ui, "Boards speak no TLS yet: take the broker's plain port.", palette);
}
