//! "Check my light": a port for somebody's own light, what was learned of it, and the steps as they are
//! judged; or all groups of a class.
//!
//! | module | one idea |
//! | --- | --- |
//! | `steps` | the steps, as rows and as marks |
//! | `reach` | how a light reaches its port |
//! | `class` | the overview of a class |

mod class;
mod reach;
mod steps;

use egui::{Label, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo};

pub(in crate::app) use self::steps::title;
use crate::{
    app::{
        action::Actions,
        own_light::{CheckJob, OwnLight, OwnLightAction, OwnLightForm, Stage, Subject},
        settings::LeftPanel,
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    check::{class::FIRST_PORT, record::Step},
};

/// Shows it. `in_use` names the broker of the live lab, where a check can be played at that one.
pub(crate) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    own_light: &mut OwnLight,
    in_use: Option<&str>,
) -> Actions {
    let hint = "Hides this panel; a check goes on (F7)";
    let title = "Check my light";
    let mut actions =
        widgets::panel_header(ui, title, "Close the check panel", hint, LeftPanel::OwnLight, |_, _| {});
    ui.separator();
    let palette = view.palette;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if own_light.is_reading() {
            ui.label("Reading the roster…");
            return;
        }
        let OwnLight { form, job, class, watched, code, .. } = own_light;
        match (job, class) {
            (Some(job), _) => {
                if let Some(open) = &job.open {
                    reach::show(ui, palette, open, form.lan, code, &mut form.password_in_code);
                }
                actions.append(check(ui, palette, job));
            }
            (None, Some(class)) => actions.append(class::show(ui, palette, class, *watched, form)),
            (None, None) => {
                introduction(ui, palette);
                actions.append(begin(ui, palette, form, in_use));
            }
        }
    });
    actions
}

fn introduction(ui: &mut Ui, palette: &Palette) {
    ui.add(
        Label::new(
            "Is your own light ready for its partner? Let it connect to the port below instead of its broker. Twinlight \
             finds out which topics and words it uses, plays its partner, breaks its link in several ways, and says what \
             your light did and what to change.",
        )
        .wrap(),
    );
    widgets::caption(ui, "It takes about six minutes. The live lab goes on.", palette);
    ui.add_space(8.0);
}

fn begin(ui: &mut Ui, palette: &Palette, form: &mut OwnLightForm, in_use: Option<&str>) -> Actions {
    let mut actions = Actions::default();
    for (subject, text, why) in [
        (Subject::OneLight, "One light", "A port for one light."),
        (
            Subject::Numbered,
            "A class, by the number of its groups",
            "A port for each group, and an overview of all.",
        ),
        (
            Subject::Roster,
            "A class, from a roster",
            "Groups with their names, and their ports and topics where wanted.",
        ),
    ] {
        ui.radio_value(&mut form.subject, subject, text).on_hover_text(why);
    }
    ui.add_space(4.0);
    match form.subject {
        Subject::OneLight => {
            let why = "The TCP port that your program connects to, instead of 1883. 0 takes any free one.";
            field(ui, "Port for your light", &mut form.port, 70.0, why);
        }
        Subject::Numbered => {
            field(ui, "Number of groups", &mut form.groups, 70.0, "Each has a broker and a port of its own.");
            widgets::caption(ui, format!("Their ports are {FIRST_PORT}, {}, …", FIRST_PORT + 1), palette);
        }
        Subject::Roster => {
            let why = "Comma-separated values. The first line names the columns: group, and port, says, hears where wanted.";
            field(ui, "Roster", &mut form.roster, f32::INFINITY, why);
            widgets::caption(
                ui,
                "A file with the column group, and port, says and hears where wanted.",
                palette,
            );
        }
    }
    ui.add_space(4.0);
    if let Some(name) = in_use {
        ui.label("The broker behind the port");
        let why = "Started for the check alone, and reached through its port alone.";
        ui.radio_value(&mut form.broker_in_use, false, "One of its own").on_hover_text(why);
        let why = "The broker of the live lab where it runs elsewhere; one like it, started for the check, where it is \
                   the one in this program.";
        ui.radio_value(&mut form.broker_in_use, true, format!("As the live lab: {name}")).on_hover_text(why);
        ui.add_space(4.0);
    }
    let why = "For a board. Without it only programs on this computer can connect.";
    ui.checkbox(&mut form.lan, "Let devices in this network connect").on_hover_text(why);
    if form.lan {
        let text = "Anyone in this network can then reach the port, and through it the broker behind it, with its login. \
                    It closes when the check ends.";
        ui.add(Label::new(RichText::new(text).small().color(palette.warn)).wrap());
    }
    let missing = form.missing();
    let (may, name) = match form.subject {
        Subject::OneLight => (missing.is_none(), "Start the check"),
        _ => (missing.is_none(), "Start the checks"),
    };
    ui.horizontal(|ui| {
        let start = ui.add_enabled(may, egui::Button::new(name));
        start.widget_info(|| WidgetInfo::labeled(Role::Button, may, name));
        if start.on_disabled_hover_text(missing.unwrap_or_default()).clicked() {
            actions.push(OwnLightAction::Begin);
        }
    });
    actions
}

fn field(ui: &mut Ui, name: &str, text: &mut String, width: f32, why: &str) {
    ui.horizontal(|ui| {
        let label = ui.label(name);
        let edit = TextEdit::singleline(text).desired_width(width).char_limit(512);
        ui.add(edit).labelled_by(label.id).on_hover_text(why);
    });
}

fn check(ui: &mut Ui, palette: &Palette, job: &CheckJob) -> Actions {
    let mut actions = Actions::default();
    for text in &job.notices {
        ui.add(Label::new(RichText::new(text).color(palette.warn)).wrap());
    }
    if let Some(learned) = &job.learned {
        ui.add(Label::new(RichText::new(format!("Learned: {learned}")).color(palette.accent)).wrap());
    }
    ui.add_space(4.0);
    for step in Step::ALL {
        steps::step_row(ui, palette, job, step);
    }
    ui.add_space(8.0);
    actions.append(match &job.stage {
        Stage::Working => cancel(ui),
        stage => end(ui, palette, job, stage),
    });
    actions
}

fn cancel(ui: &mut Ui) -> Actions {
    let mut actions = Actions::default();
    let button = widgets::named_button(ui, "Cancel", "Cancel the check");
    if button.on_hover_text("Ends the check; what was judged so far stays.").clicked() {
        actions.push(OwnLightAction::Cancel);
    }
    actions
}

fn end(ui: &mut Ui, palette: &Palette, job: &CheckJob, stage: &Stage) -> Actions {
    let mut actions = Actions::default();
    let (text, color) = match stage {
        Stage::Failed(why) => (why.clone(), palette.bad),
        Stage::Cancelled => ("Cancelled before all steps were judged.".to_owned(), palette.warn),
        Stage::Working | Stage::Done => {
            let (passed, failed, unjudged) = job.counts();
            let color = if failed == 0 && unjudged == 0 { palette.ok } else { palette.bad };
            (format!("{passed} passed, {failed} failed, {unjudged} not judged."), color)
        }
    };
    ui.add(Label::new(RichText::new(text).strong().color(color)).wrap());
    match &job.saved {
        Some(Ok(file)) => {
            ui.add(Label::new(format!("The report to hand in: {}", file.display())).selectable(true).wrap());
            if widgets::named_button(ui, "Copy path", "Copy where the report is").clicked() {
                ui.ctx().copy_text(file.display().to_string());
            }
        }
        Some(Err(why)) => {
            ui.add(Label::new(RichText::new(why).color(palette.bad)).wrap());
        }
        None if job.nobody_came => _ = ui.label("No light came, so there is no report."),
        None => {}
    }
    ui.horizontal(|ui| {
        if widgets::named_button(ui, "Check again", "Put this check away and begin another").clicked() {
            actions.push(OwnLightAction::Dismiss);
        }
    });
    actions
}
