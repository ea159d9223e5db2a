//! The teacher's overview: a row for each group, those who need help first.

use egui::{Color32, Label, RichText, Role, TextEdit, Ui, WidgetInfo};

use super::steps;
use crate::{
    app::{
        action::Actions,
        own_light::{ClassCheck, GroupRow, Need, OwnLightAction, OwnLightForm, Stage},
        theme::Palette,
        widgets,
    },
    check::record::Step,
};

const NAME_WIDTH: f32 = 130.0;

pub(super) fn show(
    ui: &mut Ui,
    palette: &Palette,
    class: &ClassCheck,
    watched: Option<usize>,
    form: &mut OwnLightForm,
) -> Actions {
    let mut actions = Actions::default();
    let count = |need| class.count(need);
    ui.label(
        RichText::new(format!(
            "{} need help · {} wait · {} run · {} passed",
            count(Need::Failed),
            count(Need::Waits),
            count(Need::Runs),
            count(Need::Passed)
        ))
        .strong(),
    );
    ui.horizontal_wrapped(|ui| {
        if class.is_over() {
            let put_away = widgets::named_button(ui, "Put away", "Put this class away and begin another");
            if put_away.clicked() {
                actions.push(OwnLightAction::Dismiss);
            }
        } else {
            let cancel = widgets::named_button(ui, "Cancel all", "Cancel the checks of all groups");
            if cancel.on_hover_text("Ends all checks; what was judged so far stays.").clicked() {
                actions.push(OwnLightAction::Cancel);
            }
        }
        actions.append(table(ui, form));
    });
    match &class.saved {
        Some(Ok(file)) => {
            let text = format!("The table is in {}", file.display());
            ui.add(Label::new(RichText::new(text).small().color(palette.ok)).selectable(true).wrap());
        }
        Some(Err(why)) => _ = ui.add(Label::new(RichText::new(why).color(palette.bad)).wrap()),
        None => {}
    }
    for place in class.by_need() {
        if let Some(row) = class.rows.get(place) {
            ui.separator();
            ui.push_id(place, |ui| actions.append(group(ui, palette, place, row, watched == Some(place))));
        }
    }
    actions
}

fn table(ui: &mut Ui, form: &mut OwnLightForm) -> Actions {
    let mut actions = Actions::default();
    let file = form.table.trim();
    let may = !file.is_empty();
    let save = ui.add_enabled(may, egui::Button::new("Save the table"));
    save.widget_info(|| WidgetInfo::labeled(Role::Button, may, "Save the table of the class"));
    if save.on_hover_text("All groups and how their steps stand, as comma-separated values.").clicked() {
        actions.push(OwnLightAction::SaveTable(file.into()));
    }
    let field = ui.add(TextEdit::singleline(&mut form.table).desired_width(f32::INFINITY));
    field.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "File of the table"));
    actions
}

fn group(ui: &mut Ui, palette: &Palette, place: usize, row: &GroupRow, watched: bool) -> Actions {
    let mut actions = Actions::default();
    let GroupRow { group, job, again } = row;
    let name = &group.name;
    ui.horizontal(|ui| {
        let width = NAME_WIDTH.min(ui.available_width() * 0.3);
        ui.scope(|ui| {
            ui.set_width(width);
            let shown: String = name.chars().take(18).collect();
            let text = RichText::new(if shown == *name { shown } else { format!("{shown}…") }).strong();
            let spoken = format!("Draw the lights of {name}");
            let choose = widgets::selectable(ui, watched, text, Role::Button, spoken);
            if choose.on_hover_text(format!("{name}: draws this light and its partner")).clicked() {
                actions.push(OwnLightAction::Watch(place));
            }
        });
        ui.label(RichText::new(group.port.to_string()).monospace());
        ui.spacing_mut().item_spacing.x = 3.0;
        for step in Step::ALL {
            steps::mark(ui, palette, name, job, step);
        }
        ui.spacing_mut().item_spacing.x = 8.0;
        actions.append(buttons(ui, place, row));
    });
    let (text, color) = at_present(row, palette);
    let spoken = format!("{name}: {text}");
    let response = ui.add(Label::new(RichText::new(&text).small().color(color)).wrap());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    if let Some(verdict) = row.first_failure().filter(|_| !again) {
        let cause = verdict.cause.map_or("", |cause| cause.name());
        let text = format!("{} ({cause}): {}", steps::title(verdict.step), verdict.evidence);
        ui.add(Label::new(RichText::new(text).small().color(palette.text)).wrap());
        if let Some(advice) = verdict.advice() {
            let text = format!("What to do: {advice}");
            ui.add(Label::new(RichText::new(text).small().color(palette.text)).wrap());
        }
    }
    if let (Some(open), true) = (&job.open, job.stage == Stage::Working)
        && let Some(login) = open.shown_login()
    {
        ui.horizontal_wrapped(|ui| {
            let text = format!("{} · user {} · password {}", open.address(), login.user, login.password);
            ui.add(Label::new(RichText::new(text).small().color(palette.weak)).selectable(true));
            let copy = widgets::named_button(ui, "Copy", &format!("Copy address and login of {name}"));
            if copy.clicked() {
                ui.ctx().copy_text(open.as_text());
            }
        });
    }
    if let Some(Err(why)) = &job.saved {
        ui.add(Label::new(RichText::new(why).small().color(palette.bad)).wrap());
    }
    actions
}

fn buttons(ui: &mut Ui, place: usize, row: &GroupRow) -> Actions {
    let mut actions = Actions::default();
    let (name, job) = (&row.group.name, &row.job);
    if job.stage == Stage::Working || row.again {
        let cancel = widgets::named_button(ui, "Cancel", &format!("Cancel the check of {name}"));
        if cancel.clicked() {
            actions.push(OwnLightAction::CancelGroup(place));
        }
    }
    if !row.again {
        let again = widgets::named_button(ui, "Again", &format!("Check {name} again"));
        if again.on_hover_text("Begins this group's check anew; the report of this one is kept.").clicked() {
            actions.push(OwnLightAction::Again(place));
        }
    }
    if let Some(Ok(file)) = &job.saved {
        let report = widgets::named_button(ui, "Copy path", &format!("Copy where the report of {name} is"));
        let why = format!("Copies the path of the page to hand in:\n{}", file.display());
        if report.on_hover_text(why).clicked() {
            ui.ctx().copy_text(file.display().to_string());
        }
    }
    actions
}

/// What a group is at, in a sentence.
fn at_present(row: &GroupRow, palette: &Palette) -> (String, Color32) {
    let job = &row.job;
    if row.again {
        return ("begins again".to_owned(), palette.accent);
    }
    let (passed, failed, unjudged) = job.counts();
    let counted = format!("{passed} passed, {failed} failed, {unjudged} not judged");
    match &job.stage {
        Stage::Failed(why) => (why.clone(), palette.bad),
        Stage::Cancelled => (format!("cancelled: {counted}"), palette.warn),
        Stage::Done if failed + unjudged == 0 => (counted, palette.ok),
        Stage::Done => (counted, palette.bad),
        Stage::Working => match &job.playing {
            None => ("begins".to_owned(), palette.weak),
            Some(playing) => {
                let step = playing.step.map(|step| format!("{}: ", steps::title(step))).unwrap_or_default();
                let left = match playing.left.as_secs() {
                    0 => String::new(),
                    left => format!(" ({left} s at most)"),
                };
                (format!("{step}{}{left}", playing.text), palette.accent)
            }
        },
    }
}
