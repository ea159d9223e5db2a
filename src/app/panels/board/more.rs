//! What hardly anybody changes, and backup and restore.

use egui::{CollapsingHeader, RichText, Ui};
use traffic_light::record::{Antenna, LED_GPIOS};

use super::field::{self, Field};
use crate::{
    app::{
        action::{Action, Actions},
        board::{BoardAction, Workbench, form::BackupFirst},
        view::ViewContext,
    },
    board::{BackupScope, EntryMethod, Request, provision::Member},
};

/// Shows pins, antenna, entry, backup and image.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let palette = view.palette;
    ui.add_space(8.0);
    CollapsingHeader::new("LEDs, antenna, entry, image").id_salt("board-more").show(ui, |ui| {
        let form = &mut bench.form;
        let pins: Vec<_> = LED_GPIOS.iter().map(|gpio| (*gpio, pin(*gpio))).collect();
        let leds = &mut form.settings.leds;
        for (name, said, gpio) in [
            ("Red LED", "Pin of the red LED", &mut leds.red),
            ("Amber LED", "Pin of the amber LED", &mut leds.amber),
            ("Green LED", "Pin of the green LED", &mut leds.green),
        ] {
            field::row(ui, name, |ui| field::choice(ui, said, gpio, &pins));
        }
        if let Some(error) = form.error(Member::Leds) {
            field::wrong(ui, palette, error);
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
        field::row(ui, "Entry", |ui| {
            field::choice(ui, "How to enter the ROM loader", &mut form.entry, &entries())
        });
        let firsts = [
            (BackupFirst::Whole, "the whole flash: some minutes".to_owned()),
            (BackupFirst::Identity, "Pycom's block alone: seconds".to_owned()),
            (BackupFirst::Nothing, "nothing".to_owned()),
        ];
        field::row(ui, "Back up", |ui| field::choice(ui, "What to back up first", &mut form.backup, &firsts));
        let image = Field {
            name: "Image",
            said: "Image file",
            hint: "empty: the one that came with this program",
            masked: false,
            error: None,
        };
        image.show(ui, palette, &mut form.image);
    });
    Actions::default()
}

/// Shows backup and restore.
pub(super) fn keep(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let mut start = |request: Option<Request>| {
        if let Some(request) = request {
            actions.push(Action::Board(BoardAction::Start(Box::new(request))));
        }
    };
    CollapsingHeader::new("Look, back up, restore").id_salt("board-keep").show(ui, |ui| {
        let ready = bench.form.connection().is_some();
        let backups = bench.lab.backups.clone();
        ui.add_enabled_ui(ready, |ui| {
            ui.horizontal_wrapped(|ui| {
                let look = ui.button("Examine").on_hover_text("Says what the board is, and starts it again.");
                if look.clicked() {
                    start(bench.form.connection().map(Request::Examine));
                }
                let reset = ui.button("Reset").on_hover_text("Starts the board's program anew.");
                if reset.clicked() {
                    start(bench.form.connection().map(Request::Reset));
                }
                if ui.button("Back up the whole flash").clicked() {
                    start(bench.form.back_up(BackupScope::Whole, backups.as_ref()));
                }
                if ui.button("Back up Pycom's block").clicked() {
                    start(bench.form.back_up(BackupScope::Identity, backups.as_ref()));
                }
            });
        });
        if let Some(folder) = &backups {
            let text = format!("Backups go to {}. They hold the board's passwords.", folder.display());
            super::widgets::caption(ui, text, palette);
        }
        ui.add_space(4.0);
        let file =
            Field { name: "Backup", said: "Backup to restore", hint: "a .bin file", masked: false, error: None };
        file.show(ui, palette, &mut bench.form.restore);
        ui.checkbox(&mut bench.form.restore_of_another, "It may be another board's");
        let text = RichText::new("Restore");
        let restore = ui.add_enabled(bench.form.restore().is_some(), egui::Button::new(text));
        let why = "Writes a backup back, byte for byte, and starts it. Pycom's block is written only for the board that it came from, and only if you say so.";
        if restore.on_hover_text(why).clicked() {
            start(bench.form.restore());
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
        (EntryMethod::None, "it is in the ROM loader already"),
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
