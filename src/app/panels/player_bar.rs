//! The player's controls.

use std::time::Duration;

use egui::{Button, Rect, Response, RichText, Shape, Slider, Stroke, Ui, WidgetInfo, accesskit::Live, vec2};

use crate::{
    app::{
        action::Actions,
        labels,
        player::{BACK, Failure, PlayerAction, SPEEDS, Watched, source::Kind},
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    scenario::Outcome,
};

pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>, watched: &Watched) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.set_min_height(28.0);
        what(ui, view, watched);
        if watched.progress.opened {
            ui.separator();
            controls(ui, watched, &mut actions);
            ui.separator();
            position(ui, view, watched, &mut actions);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let leave = widgets::button(ui, "Back to the live lab");
            if leave.on_hover_text("The live lights have gone on meanwhile.").clicked() {
                actions.push(PlayerAction::Leave);
            }
            verdicts(ui, view, watched);
        });
    });
    actions
}

fn what(ui: &mut Ui, view: &ViewContext<'_>, watched: &Watched) {
    let palette = view.palette;
    let (chip, why) = match watched.kind {
        Kind::Simulation { seed } => (
            format!("Simulation · seed {seed}"),
            "A simulated world with a clock of its own, not the live lab. The same seed gives the same run.",
        ),
        Kind::Recording => {
            ("Recording".to_owned(), "What happened before, as it was recorded. It cannot be changed.")
        }
    };
    widgets::chip(ui, &chip, palette.warn, palette).on_hover_text(why);
    let title = ui.add(egui::Label::new(RichText::new(&watched.title).strong()).truncate());
    if !watched.teaches.is_empty() {
        title.on_hover_text(&watched.teaches);
    }
    if !watched.progress.opened {
        ui.spinner();
        ui.label("is being opened…");
    }
}

/// Shows what could not be opened, over the live lab, until it is put away.
pub(in crate::app) fn failed(ui: &mut Ui, palette: &Palette, failure: &Failure) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal_wrapped(|ui| {
        let text = format!("{} cannot be played: {}", failure.title, failure.reason);
        let told = ui.label(RichText::new(&text).color(palette.bad));
        told.widget_info(|| WidgetInfo::labeled(egui::Role::Alert, true, &text));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        let close = widgets::named_button(ui, "OK", "Put the failure away");
        if close.on_hover_text("The live lab is shown, and has gone on.").clicked() {
            actions.push(PlayerAction::Leave);
        }
    });
    actions
}

fn controls(ui: &mut Ui, watched: &Watched, actions: &mut Actions) {
    let progress = &watched.progress;
    let start = PlayerAction::Seek(Duration::ZERO);
    let mut button = |ui: &mut Ui, enabled: bool, sign: Sign, name: &str, why: &str, action: PlayerAction| {
        if sign.button(ui, enabled, name).on_hover_text(format!("{name}: {why}")).clicked() {
            actions.push(action);
        }
    };
    ui.spacing_mut().item_spacing.x = 4.0;
    button(ui, true, Sign::Start, "Restart", "from the start, with the same seed (Home)", start);
    let back = PlayerAction::Seek(progress.at.saturating_sub(BACK));
    button(ui, true, Sign::Back, "Back 5 s", "plays it from the start up to there (←)", back);
    let (sign, name, why) = if progress.playing {
        (Sign::Pause, "Pause", "everything stands still, the clock too (Space or P)")
    } else if progress.ended {
        (Sign::Play, "Play again", "from the start (Space or P)")
    } else {
        (Sign::Play, "Play", "lets time pass (Space or P)")
    };
    button(ui, true, sign, name, why, PlayerAction::PlayOrPause);
    let may = !progress.ended;
    let why = "and stand still there (Shift+→)";
    button(ui, may, Sign::Step, "Step 0.1 s", why, PlayerAction::Step);
    let why = "that changes, and stand still there (→ or N)";
    button(ui, may, Sign::Lamp, "Step to the next lamp", why, PlayerAction::StepToLamp);
    let speed = egui::ComboBox::from_id_salt("speed")
        .selected_text(times(progress.speed))
        .width(58.0)
        .show_ui(ui, |ui| {
            for speed in 0..SPEEDS.len() {
                if ui.selectable_label(progress.speed == speed, times(speed)).clicked() {
                    actions.push(PlayerAction::Speed(speed));
                }
            }
        });
    let name = format!("Speed, {}", times(progress.speed));
    speed.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    speed.response.on_hover_text("How many times faster than real time it plays (↑ and ↓)");
    ui.spacing_mut().item_spacing.x = 8.0;
}

/// What is painted on a button.
#[derive(Clone, Copy)]
enum Sign {
    Start,
    Back,
    Play,
    Pause,
    Step,
    Lamp,
}

impl Sign {
    fn button(self, ui: &mut Ui, enabled: bool, name: &str) -> Response {
        let response = ui.add_enabled(enabled, Button::new("").min_size(vec2(34.0, 26.0)));
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, enabled, name));
        let color = if enabled { ui.visuals().text_color() } else { ui.visuals().weak_text_color() };
        let (painter, centre) = (ui.painter(), response.rect.center());
        let at = |x: f32, y: f32| centre + vec2(x, y);
        let triangle = |x: f32, wide: f32| {
            let points = vec![at(x, -6.0), at(x + wide, 0.0), at(x, 6.0)];
            painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
        };
        let bar = |x: f32| {
            painter.rect_filled(Rect::from_min_max(at(x - 1.5, -6.0), at(x + 1.5, 6.0)), 1.0, color);
        };
        match self {
            Sign::Start => {
                bar(-6.0);
                triangle(6.0, -9.0);
            }
            Sign::Back => {
                triangle(0.0, -8.0);
                triangle(8.0, -8.0);
            }
            Sign::Play => triangle(-4.0, 10.0),
            Sign::Pause => {
                bar(-3.5);
                bar(3.5);
            }
            Sign::Step => {
                bar(-5.0);
                triangle(-1.0, 8.0);
            }
            Sign::Lamp => {
                triangle(-8.0, 8.0);
                painter.circle_filled(at(5.0, 0.0), 4.0, color);
            }
        }
        response
    }
}

fn times(speed: usize) -> String {
    format!("{}×", SPEEDS.get(speed).copied().unwrap_or(1.0))
}

fn position(ui: &mut Ui, view: &ViewContext<'_>, watched: &Watched, actions: &mut Actions) {
    let progress = &watched.progress;
    let ms = |at: Duration| u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    // A recording may begin in the middle of a run: what counts here is how much of it is played.
    let played = watched.now.saturating_sub(progress.began);
    let now = labels::clock(ms(played));
    let Some(length) = progress.length.map(|length| length.saturating_sub(progress.began)) else {
        ui.label(RichText::new(now).monospace());
        return;
    };
    if ui.available_width() > 420.0 {
        let mut at_s = played.as_secs_f64();
        ui.spacing_mut().slider_width = (ui.available_width() - 420.0).clamp(60.0, 320.0);
        let slider = Slider::new(&mut at_s, 0.0..=length.as_secs_f64()).show_value(false);
        let slider = ui.add(slider);
        let name = format!("Position, {at_s:.1} of {:.1} seconds", length.as_secs_f64());
        slider.widget_info(|| WidgetInfo::slider(true, at_s, &name));
        // Not while it is dragged: each move back would be played from the start.
        let dragged_to = ui.scope_id().with("dragged to");
        if slider.dragged() {
            ui.data_mut(|data| data.insert_temp(dragged_to, at_s));
        }
        let target = if slider.drag_stopped() {
            ui.data_mut(|data| data.remove_temp::<f64>(dragged_to)).or(Some(at_s))
        } else {
            (slider.changed() && !slider.dragged()).then_some(at_s)
        };
        if let Some(target_s) = target {
            actions.push(PlayerAction::Seek(progress.began + Duration::from_secs_f64(target_s.max(0.0))));
        }
    }
    let text = ui.label(RichText::new(format!("{now} of {}", labels::clock(ms(length)))).monospace());
    if !progress.began.is_zero() {
        let began = labels::clock(ms(progress.began));
        text.on_hover_text(format!("It begins at {began} of the run, which the log and the timeline show."));
    }
    if let Some(target) = progress.seeking_to.map(|target| target.saturating_sub(progress.began)) {
        widgets::caption(ui, format!("going to {}…", labels::clock(ms(target))), view.palette);
    }
}

/// How the expectations stand, in one line.
fn verdicts(ui: &mut Ui, view: &ViewContext<'_>, watched: &Watched) {
    let (verdicts, palette) = (&watched.progress.verdicts, view.palette);
    if verdicts.is_empty() {
        return;
    }
    let count = |outcome| verdicts.iter().filter(|verdict| verdict.outcome == outcome).count();
    let (held, failed) = (count(Outcome::Held), count(Outcome::Failed));
    let counts = [(failed, "failed"), (held, "passed"), (count(Outcome::NotJudged), "pending")];
    let counts = counts.iter().filter(|(count, _)| *count > 0).enumerate();
    let texts = counts.map(|(place, (count, word))| match (place, count) {
        (0, 1) => format!("1 check {word}"),
        (0, _) => format!("{count} checks {word}"),
        _ => format!("{count} {word}"),
    });
    let text = texts.collect::<Vec<_>>().join(" · ");
    let color = if failed > 0 { palette.bad } else { palette.ok };
    let why =
        "What is expected of this run, so far. The lessons panel (F4) shows each check with its evidence.";
    ui.label(RichText::new(text).color(color)).on_hover_text(why);
}
