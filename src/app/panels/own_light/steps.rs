//! The steps of a check: what they are called, and how each stands, as a row or as a mark.

use egui::{Color32, Label, Painter, ProgressBar, Rect, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2};

use crate::{
    app::{own_light::CheckJob, theme::Palette, widgets},
    check::{
        record::Step,
        verdict::{Outcome, Verdict},
    },
};

pub(super) fn step_row(ui: &mut Ui, palette: &Palette, job: &CheckJob, step: Step) {
    let playing = job.playing.as_ref().filter(|playing| playing.step == Some(step));
    let verdict = job.verdict(step);
    let (word, color) = look(job, step, palette);
    ui.horizontal(|ui| {
        widgets::chip(ui, word, color, palette);
        let response = ui.label(title(step));
        let spoken = format!("{}: {word}", title(step));
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
        response.on_hover_text(meaning(step));
    });
    if let Some(playing) = playing.filter(|_| verdict.is_none()) {
        ui.indent(step.name(), |ui| {
            let text = match playing.left.as_secs() {
                0 => playing.text.clone(),
                left => format!("{}: {left} s at most", playing.text),
            };
            widgets::caption(ui, text, palette);
            ui.add(ProgressBar::new(playing.share_left()).desired_height(5.0).fill(palette.accent));
        });
    }
    if let Some(verdict) = verdict {
        evidence(ui, palette, verdict);
    }
}

/// How a step stands: a word and a colour.
fn look(job: &CheckJob, step: Step, palette: &Palette) -> (&'static str, Color32) {
    let playing = job.playing.as_ref().is_some_and(|playing| playing.step == Some(step));
    match (job.verdict(step).map(|verdict| verdict.outcome), playing) {
        (Some(Outcome::Pass), _) => ("pass", palette.ok),
        (Some(Outcome::Fail), _) => ("fail", palette.bad),
        (Some(Outcome::Unjudged), _) => ("not judged", palette.warn),
        (None, true) => ("playing", palette.accent),
        (None, false) => ("to come", palette.idle),
    }
}

/// The side of a mark.
const MARK: f32 = 17.0;

/// A step of `group` as one mark: a tick, a cross, a stroke, dots while it is played, a ring before.
pub(super) fn mark(ui: &mut Ui, palette: &Palette, group: &str, job: &CheckJob, step: Step) {
    let (word, color) = look(job, step, palette);
    let (rect, response) = ui.allocate_exact_size(vec2(MARK, MARK), Sense::hover());
    let spoken = format!("{group}, {}: {word}", title(step));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &spoken));
    paint(ui.painter(), rect.shrink(3.0), word, color);
    let told = job.verdict(step).map(|verdict| {
        let advice = verdict.advice().map(|advice| format!("\nWhat to do: {advice}")).unwrap_or_default();
        format!("\n{}{advice}", verdict.evidence)
    });
    response.on_hover_text(format!("{}: {word}{}", title(step), told.unwrap_or_default()));
}

fn paint(painter: &Painter, rect: Rect, word: &str, color: Color32) {
    let stroke = Stroke::new(2.2, color);
    let at = |x: f32, y: f32| rect.min + rect.size() * vec2(x, y);
    let line = |from, to| _ = painter.line_segment([from, to], stroke);
    match word {
        "pass" => {
            line(at(0.0, 0.55), at(0.35, 0.95));
            line(at(0.35, 0.95), at(1.0, 0.05));
        }
        "fail" => {
            line(at(0.05, 0.05), at(0.95, 0.95));
            line(at(0.05, 0.95), at(0.95, 0.05));
        }
        "not judged" => line(at(0.0, 0.5), at(1.0, 0.5)),
        "playing" => {
            for x in [0.1, 0.5, 0.9] {
                painter.circle_filled(at(x, 0.5), 1.9, color);
            }
        }
        _ => _ = painter.circle_stroke(rect.center(), 2.4, Stroke::new(1.2, color)),
    }
}

fn evidence(ui: &mut Ui, palette: &Palette, verdict: &Verdict) {
    let line = |ui: &mut Ui, text: &str, color: Color32| {
        ui.add(Label::new(RichText::new(text).small().color(color)).wrap());
    };
    ui.indent(verdict.step.name(), |ui| {
        line(ui, &verdict.evidence, if verdict.cause.is_some() { palette.text } else { palette.weak });
        if let (Some(cause), Some(advice)) = (verdict.cause, verdict.advice()) {
            line(ui, &format!("What to do ({}): {advice}", cause.name()), palette.text);
        }
    });
}

/// What a step is called in the window.
pub(in crate::app) fn title(step: Step) -> &'static str {
    match step {
        Step::Connects => "Connects",
        Step::Talks => "Speaks and listens",
        Step::Reacts => "Reacts to its partner",
        Step::RecoversFromReset => "Recovers from a reset connection",
        Step::RecoversFromBrokerLoss => "Recovers from a lost broker",
        Step::RecoversFromWifiLoss => "Recovers from lost Wi-Fi",
        Step::NoticesHalfOpen => "Notices a dead connection",
        Step::DistrustsOldWords => "Distrusts old words",
        Step::SurvivesRefusal => "Survives a refused login",
        Step::KeepsWithinLimits => "Keeps within a broker's limits",
    }
}

/// What a step takes, as a sentence.
fn meaning(step: Step) -> &'static str {
    match step {
        Step::Connects => "A TCP connection, a CONNECT, and the broker's consent.",
        Step::Talks => "It publishes its colour, and has subscribed to its partner's.",
        Step::Reacts => {
            "It is red within 2.5 s when the partner has green, and takes its turn when the partner does not."
        }
        Step::RecoversFromReset => {
            "Its connection is reset: it connects, subscribes and speaks again within 30 s."
        }
        Step::RecoversFromBrokerLoss => "The broker is away for 10 s: it comes back by itself within 30 s.",
        Step::RecoversFromWifiLoss => "No packet passes for 12 s: it comes back by itself within 30 s.",
        Step::NoticesHalfOpen => "The connection stays, but nothing arrives: it gives it up within 45 s.",
        Step::DistrustsOldWords => {
            "What a partner said before it went away neither stops it for ever nor lets it go."
        }
        Step::SurvivesRefusal => "A refused login is followed by another try, after a pause.",
        Step::KeepsWithinLimits => "At most 15 messages and 10 logins in any minute.",
    }
}
