//! The lessons: scenarios that come with the program, each with what it teaches, and how the one
//! that is played stands.

use egui::{CollapsingHeader, Color32, Frame, RichText, ScrollArea, TextEdit, Ui, WidgetInfo};

use crate::{
    app::{
        action::Actions,
        lessons::LessonsForm,
        player::{PlayerAction, Watched},
        settings::LeftPanel,
        view::ViewContext,
        widgets,
    },
    scenario::{Outcome, Scenario, Verdict},
};

pub(in crate::app) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    entries: &[Scenario],
    form: &mut LessonsForm,
) -> Actions {
    let hint = "Hides this panel; what is played goes on (F4)";
    let mut actions =
        widgets::panel_header(ui, "Lessons", "Close the lessons", hint, LeftPanel::Lessons, |_, _| {});
    ui.separator();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Some(watched) = view.watched {
            playing(ui, view, watched);
            ui.add_space(10.0);
            ui.separator();
        }
        actions.append(recording(ui, view, form));
        ui.add_space(6.0);
        widgets::caption(
            ui,
            "Each lesson is played in a simulation with a clock of its own. The live lab goes on meanwhile.",
            view.palette,
        );
        ui.horizontal(|ui| {
            let label = ui.label("Seed of the simulation");
            let field = TextEdit::singleline(&mut form.seed).desired_width(80.0);
            let why = "The same seed gives the same run; another one gives other delays, losses and starts.";
            ui.add(field).labelled_by(label.id).on_hover_text(why);
        });
        let seed = form.seed();
        if seed.is_none() {
            let text = "A seed is a whole number, such as 1.";
            ui.label(RichText::new(text).color(view.palette.warn));
        }
        ui.add_space(4.0);
        for (place, lesson) in entries.iter().enumerate() {
            actions.append(entry(ui, view, place, lesson, seed));
        }
    });
    actions
}

fn recording(ui: &mut Ui, view: &ViewContext<'_>, form: &mut LessonsForm) -> Actions {
    let mut actions = Actions::default();
    // Of the live lab; what is played was recorded once itself.
    let being_made = view.state.recording.is_some() && view.watched.is_none();
    let label = ui.label(RichText::new("Open a recording").strong().color(view.palette.accent));
    ui.horizontal(|ui| {
        let file = form.recording.trim();
        let may = !file.is_empty() && !being_made;
        let play = ui.add_enabled(may, egui::Button::new("Play"));
        play.widget_info(|| WidgetInfo::labeled(egui::Role::Button, may, "Play the recording"));
        let off = "Name a file first. One that is being recorded has to be ended.";
        if play.on_disabled_hover_text(off).clicked() {
            actions.push(PlayerAction::OpenRecording(file.into()));
        }
        let field = TextEdit::singleline(&mut form.recording).desired_width(f32::INFINITY);
        ui.add(field)
            .labelled_by(label.id)
            .on_hover_text("A file that the Record button above, or twinlight run --record, has written.");
    });
    actions
}

fn entry(ui: &mut Ui, view: &ViewContext<'_>, place: usize, lesson: &Scenario, seed: Option<u64>) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let frame = Frame::new()
        .fill(palette.card)
        .stroke(egui::Stroke::new(1.0, palette.line))
        .corner_radius(egui::CornerRadius::same(8))
        .inner_margin(egui::Margin::same(8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.push_id(place, |ui| {
            ui.horizontal(|ui| {
                let why_not = lesson.why_not_simulated();
                let may = why_not.is_none() && seed.is_some();
                let play = ui.add_enabled(may, egui::Button::new("Play"));
                let name = format!("Play the lesson {}", lesson.title);
                play.widget_info(|| WidgetInfo::labeled(egui::Role::Button, may, &name));
                let off = why_not.map_or_else(
                    || "Give it a seed first.".to_owned(),
                    |why| format!("It cannot be simulated: {why}"),
                );
                if let (true, Some(seed)) = (play.on_disabled_hover_text(off).clicked(), seed) {
                    actions.push(PlayerAction::Open { place, seed });
                }
                ui.add(egui::Label::new(RichText::new(&lesson.title).strong()).wrap());
            });
            let seconds = lesson.length.as_secs_f64();
            let rule = lesson.config.junctions.first().map_or_else(String::new, |junction| {
                format!(
                    " · {} rule",
                    if junction.rule() == traffic_light::Rule::Lease { "lease" } else { "react" }
                )
            });
            widgets::caption(ui, format!("{seconds:.0} s{rule}"), palette);
            let mut paragraphs = lesson.teaches.split("\n\n");
            if let Some(first) = paragraphs.next() {
                ui.add(egui::Label::new(first.replace('\n', " ")).wrap());
            }
            let rest: Vec<_> = paragraphs.collect();
            if !rest.is_empty() {
                let more = CollapsingHeader::new(RichText::new("What to watch").small()).show(ui, |ui| {
                    for paragraph in rest {
                        ui.add(egui::Label::new(paragraph.replace('\n', " ")).wrap());
                    }
                });
                let (open, name) = (more.fully_open(), format!("What to watch in {}", lesson.title));
                let role = egui::Role::DisclosureTriangle;
                more.header_response.widget_info(|| WidgetInfo::selected(role, true, open, &name));
            }
        });
    });
    ui.add_space(2.0);
    actions
}

/// What is played now, and what became of what was expected.
fn playing(ui: &mut Ui, view: &ViewContext<'_>, watched: &Watched) {
    let palette = view.palette;
    ui.label(RichText::new(format!("Now: {}", watched.title)).color(palette.accent).strong());
    // The first paragraph says what it teaches, the others what to look at.
    for paragraph in watched.teaches.split("\n\n").skip(1) {
        ui.add(egui::Label::new(paragraph.replace('\n', " ")).wrap());
    }
    if watched.progress.verdicts.is_empty() {
        widgets::caption(ui, "This recording has no checks.", palette);
    }
    for verdict in watched.progress.verdicts.iter() {
        let (word, color) = look(verdict, watched.progress.ended, view);
        ui.add_space(4.0);
        let spoken = format!("{word}: {}. {}", verdict.expectation, verdict.evidence);
        let text = RichText::new(&verdict.expectation).color(palette.text);
        let response = ui.add(egui::Label::new(text).wrap());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
        ui.horizontal_wrapped(|ui| {
            widgets::chip(ui, word, color, palette);
            ui.label(RichText::new(&verdict.evidence).small().color(palette.weak));
        });
    }
}

/// A word and a colour for a verdict; at the end, what could not be judged counts as failed.
fn look(verdict: &Verdict, ended: bool, view: &ViewContext<'_>) -> (&'static str, Color32) {
    let palette = view.palette;
    match verdict.outcome {
        Outcome::Held if ended => ("as expected", palette.ok),
        Outcome::Held => ("as expected so far", palette.ok),
        Outcome::Failed => ("failed", palette.bad),
        Outcome::NotJudged if ended => ("could not be judged", palette.bad),
        Outcome::NotJudged => ("pending", palette.weak),
    }
}
