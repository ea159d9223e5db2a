//! Settings that are rarely changed, and backup and restore.

use egui::{CollapsingHeader, Ui};
use traffic_light::record::{Antenna, LED_GPIOS};

use crate::{
    app::{
        action::Actions,
        board::{
            BoardAction,
            context::ProvisioningContext,
            form::{BackupFirst, Form},
        },
        panels::field::{self, Field},
        view::ViewContext,
        widgets,
    },
    board::{BackupScope, EntryMethod, provision::Member},
};

/// Shows pins, antenna, entry, backup and image.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, form: &mut Form) {
    let palette = view.palette;
    ui.add_space(8.0);
    CollapsingHeader::new("Advanced: pins, antenna, firmware").id_salt("board-more").show(ui, |ui| {
        let pins: Vec<_> = LED_GPIOS.iter().map(|gpio| (*gpio, pin(*gpio))).collect();
        let leds = &mut form.settings.leds;
        for (name, spoken, gpio) in [
            ("Red LED", "Pin of the red LED", &mut leds.red),
            ("Amber LED", "Pin of the amber LED", &mut leds.amber),
            ("Green LED", "Pin of the green LED", &mut leds.green),
        ] {
            field::row(ui, name, |ui| field::choice(ui, spoken, gpio, &pins));
        }
        if let Some(error) = form.error(Member::Leds) {
            field::wrong(ui, palette, &error);
        }
        let antennas = [
            (Antenna::Internal, "on the board".to_owned()),
            (Antenna::External, "at the U.FL socket".to_owned()),
        ];
        field::row(ui, "Antenna", |ui| field::choice(ui, "Antenna", &mut form.settings.antenna, &antennas));
        if form.settings.antenna == Antenna::External {
            let text = "Screw one on first: sending into an empty socket can damage the radio.";
            field::wrong(ui, palette, text);
        }
        field::row(ui, "Download mode", |ui| {
            field::choice(ui, "How to enter download mode", &mut form.entry, &entries())
        });
        let firsts = [
            (BackupFirst::Whole, "the whole flash: some minutes".to_owned()),
            (BackupFirst::Identity, "only Pycom's block: seconds".to_owned()),
            (BackupFirst::Nothing, "nothing".to_owned()),
        ];
        field::row(ui, "Back up", |ui| field::choice(ui, "What to back up first", &mut form.backup, &firsts));
        let image = Field {
            name: "Firmware",
            spoken: "Firmware file",
            hint: "empty: the one that comes with Twinlight",
            masked: false,
            error: None,
        };
        image.show(ui, palette, &mut form.image);
    });
}

/// Shows backup and restore.
pub(super) fn backups(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    context: &ProvisioningContext,
    form: &mut Form,
) -> Actions {
    let mut actions = Actions::default();
    CollapsingHeader::new("Examine, back up, restore").id_salt("board-backups").show(ui, |ui| {
        ui.add_enabled_ui(form.connection().is_some(), |ui| {
            ui.horizontal_wrapped(|ui| {
                for (text, why, action) in [
                    ("Examine", "Says what the board is, and starts it again.", BoardAction::Examine),
                    ("Reset", "Restarts the board's program.", BoardAction::Reset),
                    ("Back up the whole flash", "Takes some minutes.", BoardAction::BackUp(BackupScope::Whole)),
                    ("Back up Pycom's block", "Takes seconds.", BoardAction::BackUp(BackupScope::Identity)),
                ] {
                    if ui.button(text).on_hover_text(why).clicked() {
                        actions.push(action);
                    }
                }
            });
        });
        if let Some(folder) = &context.backups {
            let text = format!("Backups go to {}. They contain the board's passwords.", folder.display());
            widgets::caption(ui, text, view.palette);
        }
        ui.add_space(4.0);
        let file =
            Field { name: "Backup", spoken: "Backup to restore", hint: "a .bin file", masked: false, error: None };
        file.show(ui, view.palette, &mut form.restore);
        ui.checkbox(&mut form.restore_of_another, "It may be another board's");
        let restore = ui.add_enabled(form.restore().is_some(), egui::Button::new("Restore"));
        let why = "Writes a backup back, byte for byte, and starts it. Pycom's block is written only for the board that it came from, and only if you say so.";
        if restore.on_hover_text(why).clicked() {
            actions.push(BoardAction::Restore);
        }
    });
    actions
}

fn entries() -> [(EntryMethod, String); 5] {
    [
        (EntryMethod::Auto, "by what is plugged in"),
        (EntryMethod::Pic, "Expansion Board 3, Pysense, …"),
        (EntryMethod::Classic, "DTR and RTS"),
        (EntryMethod::Manual, "by hand: jumper and button"),
        (EntryMethod::None, "it is in download mode already"),
    ]
    .map(|(entry, text)| (entry, text.to_owned()))
}

/// The pin of a LoPy4 that a GPIO is led out to, with its label on the expansion board.
fn pin(gpio: u8) -> String {
    let pin = match gpio {
        4 => "P3 (G24)",
        14 => "P23 (G10)",
        22 => "P11 (G22)",
        25 => "P22 (G9)",
        26 => "P21 (G8)",
        32 => "P19 (G6)",
        33 => "P20 (G7)",
        _ => "?",
    };
    format!("{pin} · GPIO {gpio}")
}
