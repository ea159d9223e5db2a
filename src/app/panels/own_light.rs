//! "Check my light": a port for somebody's own light, what was learned of it, and the steps as they are
//! judged.

use egui::{Color32, Label, ProgressBar, RichText, ScrollArea, TextEdit, Ui, WidgetInfo};

use crate::{
    app::{
        action::Actions,
        own_light::{CheckJob, OwnLight, OwnLightAction, OwnLightForm, Stage},
        settings::LeftPanel,
        theme::{self, Palette},
        view::ViewContext,
        widgets,
    },
    check::{
        record::Step,
        verdict::{Outcome, Verdict},
    },
};

pub(crate) fn show(ui: &mut Ui, view: &ViewContext<'_>, own_light: &mut OwnLight) -> Actions {
    let hint = "Hides this panel; a check goes on (F7)";
    let title = "Check my light";
    let mut actions =
        widgets::panel_header(ui, title, "Close the check panel", hint, LeftPanel::OwnLight, |_, _| {});
    ui.separator();
    let OwnLight { form, job, .. } = own_light;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| match job {
        None => {
            introduction(ui, view.palette);
            actions.append(begin(ui, form));
        }
        Some(job) => actions.append(check(ui, view.palette, job)),
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
    widgets::caption(
        ui,
        "It takes about five minutes. The broker behind the port is started for the check alone; the live lab goes on.",
        palette,
    );
    ui.add_space(8.0);
}

fn begin(ui: &mut Ui, form: &mut OwnLightForm) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        let label = ui.label("Port for your light");
        let why = "The TCP port that your program connects to, instead of 1883. 0 takes any free one.";
        ui.add(TextEdit::singleline(&mut form.port).desired_width(70.0).char_limit(5))
            .labelled_by(label.id)
            .on_hover_text(why);
    });
    let why = "For a board. Without it only programs on this computer can connect.";
    ui.checkbox(&mut form.lan, "Let devices in this network connect").on_hover_text(why);
    let port = form.port();
    ui.horizontal(|ui| {
        let start = ui.add_enabled(port.is_some(), egui::Button::new("Start the check"));
        start.widget_info(|| WidgetInfo::labeled(egui::Role::Button, port.is_some(), "Start the check"));
        let start = start.on_disabled_hover_text("A port is a number from 0 to 65535.");
        if let (true, Some(port)) = (start.clicked(), port) {
            actions.push(OwnLightAction::Begin { port, lan: form.lan });
        }
    });
    actions
}

fn check(ui: &mut Ui, palette: &Palette, job: &CheckJob) -> Actions {
    let mut actions = Actions::default();
    if let Some(address) = &job.address {
        ui.label("Your light connects to");
        let large = RichText::new(address).text_style(theme::headline()).strong();
        ui.add(Label::new(large).selectable(true));
        if let Some(login) = &job.login {
            ui.add(
                Label::new(format!("with the user {} and the password {}", login.user, login.password))
                    .selectable(true)
                    .wrap(),
            );
        }
    }
    for text in &job.notices {
        ui.add(Label::new(RichText::new(text).color(palette.warn)).wrap());
    }
    if let Some(learned) = &job.learned {
        ui.add(Label::new(RichText::new(format!("Learned: {learned}")).color(palette.accent)).wrap());
    }
    ui.add_space(4.0);
    for step in Step::ALL {
        step_row(ui, palette, job, step);
    }
    ui.add_space(8.0);
    actions.append(match &job.stage {
        Stage::Working => cancel(ui),
        stage => end(ui, palette, job, stage),
    });
    actions
}

fn step_row(ui: &mut Ui, palette: &Palette, job: &CheckJob, step: Step) {
    let playing = job.playing.as_ref().filter(|playing| playing.step == Some(step));
    let verdict = job.verdict(step);
    let (word, color) = match (verdict, playing) {
        (Some(verdict), _) => mark(verdict.outcome, palette),
        (None, Some(_)) => ("playing", palette.accent),
        (None, None) => ("to come", palette.idle),
    };
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

fn mark(outcome: Outcome, palette: &Palette) -> (&'static str, Color32) {
    match outcome {
        Outcome::Pass => ("pass", palette.ok),
        Outcome::Fail => ("fail", palette.bad),
        Outcome::Unjudged => ("not judged", palette.warn),
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
        }
        Some(Err(why)) => {
            ui.add(Label::new(RichText::new(why).color(palette.bad)).wrap());
        }
        None => {}
    }
    ui.horizontal(|ui| {
        if widgets::named_button(ui, "Check again", "Put this check away and begin another").clicked() {
            actions.push(OwnLightAction::Dismiss);
        }
    });
    actions
}

/// What a step is called in the window.
fn title(step: Step) -> &'static str {
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
