//! The chaos switch in the fault panel.

use std::time::Duration;

use egui::{RichText, TextEdit, Ui};

use crate::{
    app::{
        action::{Action, Actions},
        view::ViewContext,
        widgets,
    },
    world::Command,
};

/// What chaos is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    /// The seed as it was typed; empty: a new one.
    pub(super) seed: String,
    /// The mean time from one fault to the next, in seconds.
    pub(super) pace_s: u32,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft { seed: String::new(), pace_s: 8 }
    }
}

impl Draft {
    /// The command that begins it; `None` where the seed is no number.
    #[must_use]
    pub(super) fn command(&self) -> Option<Command> {
        let seed = match self.seed.trim() {
            "" => None,
            digits => Some(digits.parse().ok()?),
        };
        Some(Command::StartChaos { seed, pace: Duration::from_secs(u64::from(self.pace_s)) })
    }
}

/// Shows the switch, with its seed and pace.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, draft: &mut Draft) -> Actions {
    let mut actions = Actions::default();
    let (palette, on) = (view.palette, view.state.chaos);
    let command = draft.command();
    ui.horizontal(|ui| {
        let fixed = view.why_fixed();
        let wrong = "A seed is a whole number.";
        let why = fixed.or((on.is_none() && command.is_none()).then_some(wrong));
        widgets::unless(ui, why, |ui| {
            let switch = widgets::switch(ui, palette, on.is_some(), "Chaos", "Chaos");
            let why = "Random faults of all kinds come and go on every light, until it is switched off. The same seed gives the same faults at the same times.";
            if switch.on_hover_text(why).clicked() {
                actions.push(match &command {
                    Some(start) if on.is_none() => start.clone(),
                    _ => Command::StopChaos,
                });
            }
        });
        if let Some(seed) = on {
            ui.label(RichText::new(format!("on, seed {seed}")).color(palette.warn));
            let keep = widgets::named_button(ui, "Use this seed", "Use this seed of chaos again");
            if keep.on_hover_text("Fills it in below, to have the same chaos again.").clicked() {
                actions.push(Action::KeepChaosSeed(seed));
            }
        }
    });
    ui.horizontal(|ui| {
        let label = ui.label("Seed");
        let field = TextEdit::singleline(&mut draft.seed).desired_width(76.0).hint_text("a new one");
        ui.add_enabled(on.is_none(), field).labelled_by(label.id);
        let pace = egui::DragValue::new(&mut draft.pace_s).range(1..=120).suffix(" s");
        let label = ui.label("on average every");
        let pace = ui.add_enabled(on.is_none(), pace).labelled_by(label.id);
        pace.on_hover_text("The mean time from one fault to the next.");
    });
    if command.is_none() {
        let text = "A seed is a whole number, such as 42. Leave it empty for a new one.";
        ui.label(RichText::new(text).color(palette.warn));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_seed_is_a_new_one_and_letters_are_none() {
        let command = |seed: &str| Draft { seed: seed.to_owned(), pace_s: 5 }.command();
        let pace = Duration::from_secs(5);
        assert_eq!(command(" "), Some(Command::StartChaos { seed: None, pace }));
        assert_eq!(command("42"), Some(Command::StartChaos { seed: Some(42), pace }));
        assert_eq!(command("lots"), None);
    }
}
