//! A row of the form: its name, what is typed, and what is wrong with it.

use egui::{RichText, TextEdit, Ui};

use crate::app::{labels, theme::Palette};

/// The width of the names before the fields.
const NAME_WIDTH: f32 = 88.0;

/// A field as it is to be shown.
pub(in crate::app::panels) struct Field<'a> {
    /// What stands before it.
    pub(in crate::app::panels) name: &'a str,
    /// Its full name for screen readers.
    pub(in crate::app::panels) spoken: &'a str,
    /// Grey letters while it is empty.
    pub(in crate::app::panels) hint: &'a str,
    /// Whether dots are shown in place of letters.
    pub(in crate::app::panels) masked: bool,
    pub(in crate::app::panels) error: Option<&'a str>,
}

impl Field<'_> {
    /// Shows it; returns whether it was changed.
    pub(in crate::app::panels) fn show(self, ui: &mut Ui, palette: &Palette, text: &mut String) -> bool {
        let changed = row(ui, self.name, |ui| {
            let edit = TextEdit::singleline(text)
                .hint_text(self.hint)
                .password(self.masked)
                .char_limit(256)
                .desired_width(f32::INFINITY);
            let response = ui.add(edit);
            let (spoken, enabled) = (self.spoken, ui.is_enabled());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, enabled, spoken));
            response.changed()
        });
        if let Some(error) = self.error {
            wrong(ui, palette, error);
        }
        changed
    }
}

pub(in crate::app::panels) fn row<R>(ui: &mut Ui, name: &str, show: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let height = ui.spacing().interact_size.y;
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(NAME_WIDTH, height), layout, |ui| {
            ui.set_min_width(NAME_WIDTH);
            ui.label(name);
        });
        show(ui)
    })
    .inner
}

/// A sentence about what is wrong with the row above.
pub(in crate::app::panels) fn wrong(ui: &mut Ui, palette: &Palette, text: &str) {
    ui.horizontal(|ui| {
        ui.add_space(NAME_WIDTH);
        let text = RichText::new(labels::sentence(text)).small().color(palette.bad);
        ui.add(egui::Label::new(text).wrap());
    });
}

/// A choice among a few, with its full name for screen readers; returns whether it was changed.
pub(in crate::app::panels) fn choice<T: PartialEq + Copy>(
    ui: &mut Ui,
    spoken: &str,
    chosen: &mut T,
    all: &[(T, String)],
) -> bool {
    let before = *chosen;
    let text = all.iter().find(|(value, _)| *value == before).map_or("", |(_, text)| text.as_str());
    let combo = egui::ComboBox::from_id_salt(spoken).selected_text(text).width(ui.available_width() - 8.0);
    let combo = combo.show_ui(ui, |ui| {
        for (value, text) in all {
            ui.selectable_value(chosen, *value, text);
        }
    });
    let value = text.to_owned();
    combo.response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ComboBox, true, spoken);
        info.current_text_value = Some(value.clone());
        info
    });
    *chosen != before
}
