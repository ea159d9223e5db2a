//! A light becomes somebody else's: what speaks on the broker, the form with what is wrong in it, and what to do with it.

use egui::{
    Button, CornerRadius, Frame, Label, Margin, RichText, ScrollArea, Stroke, TextEdit, Ui, WidgetInfo,
};
use traffic_light::Aspect;

use super::field::{self, Field};
use crate::{
    app::{
        action::Actions,
        foreign_light::{
            Candidate, ForeignLightAction, ForeignLights, Saved, eligible,
            form::{ASPECTS, Checked},
        },
        labels,
        repaint::RepaintScheduler,
        settings::LeftPanel,
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    config::Config,
    model::{Diagnostic, LightId},
};

/// Shows the panel. `config` is that of the live lab, where it is known; `why_no_restart`: why that cannot be started anew.
pub(crate) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    lights: &mut ForeignLights,
    config: Option<&Config>,
    why_no_restart: Option<&str>,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let (title, hint) = ("Somebody else's light", "Hides this panel (F8)");
    let close = "Close the panel of somebody else's light";
    let mut actions = widgets::panel_header(ui, title, close, hint, LeftPanel::ForeignLight, |_, _| {});
    ui.separator();
    let (Some(config), None) = (config, view.watched) else {
        widgets::caption(ui, "Only in the live lab, where this window has started it.", view.palette);
        return actions;
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.add(
            Label::new(
                "Let a light that somebody has written be one of this lab: Twinlight's light beside it becomes its partner, \
                 in its topics and words.",
            )
            .wrap(),
        );
        ui.add_space(6.0);
        let all: Vec<_> = eligible(config).map(|light| (light.clone(), light.to_string())).collect();
        let Some(light) = lights.form.light.clone() else {
            let text = "This configuration has no junction of two lights, and somebody else's light has one partner.";
            ui.add(Label::new(RichText::new(text).color(view.palette.warn)).wrap());
            return;
        };
        if let Some(chosen) = choose(ui, &light, &all) {
            actions.push(ForeignLightAction::Choose(chosen));
        }
        ui.add_space(6.0);
        actions.append(survey(ui, view, lights, &light, repaint));
        ui.add_space(8.0);
        actions.append(form(ui, view.palette, lights, &light));
        ui.add_space(8.0);
        actions.append(end(ui, view, lights, config, &light, why_no_restart));
    });
    actions
}

fn choose(ui: &mut Ui, light: &LightId, all: &[(LightId, String)]) -> Option<LightId> {
    let places: Vec<_> = all.iter().enumerate().map(|(place, (_, text))| (place, text.clone())).collect();
    let mut place = all.iter().position(|(known, _)| known == light)?;
    let changed =
        field::row(ui, "Stands for", |ui| field::choice(ui, "Light that it stands for", &mut place, &places));
    all.get(place).filter(|_| changed).map(|(light, _)| light.clone())
}

fn survey(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    lights: &mut ForeignLights,
    light: &LightId,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let palette = view.palette;
    let mut actions = Actions::default();
    ui.label(RichText::new("What speaks on this broker").strong());
    ui.horizontal(|ui| {
        let hint = "such as lights/#";
        let edit = TextEdit::singleline(&mut lights.filter).hint_text(hint).char_limit(256);
        let edit = ui.add(edit.desired_width((ui.available_width() - 90.0).max(80.0)));
        edit.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "Filter to listen to"));
        let may = !lights.filter.trim().is_empty();
        let button = ui.add_enabled(may, Button::new("Listen"));
        button.widget_info(|| WidgetInfo::labeled(egui::Role::Button, may, "Listen to this filter"));
        let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if button.clicked() || (entered && may) {
            actions.push(ForeignLightAction::Listen);
        }
    });
    let Some(heard) = lights.survey() else {
        widgets::caption(
            ui,
            "Everybody uses this broker: name the topics to listen to, then press Listen.",
            palette,
        );
        return actions;
    };
    if let Some(trouble) = &heard.trouble {
        let text = format!("Nothing is heard: {trouble}");
        ui.add(Label::new(RichText::new(text).small().color(palette.bad)).wrap());
    }
    let left_out = heard.left_out;
    let known = |topic: &str| {
        let lights = view.state.junctions.iter().flat_map(|junction| &junction.lights);
        lights.filter_map(|light| Some((&light.id, &light.foreign.as_ref()?.foreign))).find_map(
            |(id, foreign)| {
                (foreign.says() == topic)
                    .then(|| Some(id.clone()))
                    .or((foreign.hears() == topic).then_some(None))
            },
        )
    };
    let rows: Vec<_> = lights
        .candidates
        .iter()
        .map(|candidate| (candidate, known(&candidate.topic.topic)))
        // What it is told, this program says itself.
        .filter(|(_, known)| *known != Some(None))
        .collect();
    if rows.is_empty() {
        let text = "Nothing yet, beside this program's own lights. Start the other light, and let it connect to this broker.";
        ui.add(Label::new(RichText::new(text).small().color(palette.weak)).wrap());
    }
    // Ages are by the second.
    repaint.within(1_000);
    let room = (ui.ctx().content_rect().height() * 0.32).max(150.0);
    ScrollArea::vertical().id_salt("survey").auto_shrink([false, true]).max_height(room).show(ui, |ui| {
        for (candidate, known) in rows {
            actions.append(row(ui, view, candidate, known.flatten().as_ref(), light));
        }
    });
    if left_out > 0 {
        let text = format!(
            "{} messages came on more topics than fit here. Listen to a narrower filter.",
            labels::count(left_out)
        );
        widgets::caption(ui, text, palette);
    }
    actions
}

fn row(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    candidate: &Candidate,
    known: Option<&LightId>,
    light: &LightId,
) -> Actions {
    let palette = view.palette;
    let mut actions = Actions::default();
    let topic = &candidate.topic;
    let edge = if candidate.is_like_a_light { palette.accent } else { palette.line };
    let frame = Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, edge))
        .corner_radius(CornerRadius::same(7))
        .inner_margin(Margin::same(7));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let name = RichText::new(&*topic.topic).monospace().color(palette.text);
            let room = (ui.available_width() - 110.0).max(60.0);
            ui.allocate_ui_with_layout(
                egui::vec2(room, ui.spacing().interact_size.y),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| ui.add(Label::new(name).truncate()).on_hover_text(&*topic.topic),
            );
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| match known {
                Some(known) => {
                    widgets::chip(ui, &format!("is {known}"), palette.ok, palette);
                }
                None => {
                    let text = format!("This is {light}");
                    let name = format!("{} is {light}", topic.topic);
                    let why = "Fills the form below in from what was heard.";
                    if widgets::named_button(ui, text, &name).on_hover_text(why).clicked() {
                        actions.push(ForeignLightAction::Take(Box::new(topic.clone())));
                    }
                }
            });
        });
        let said = RichText::new(format!("\"{}\"", topic.last.escape_debug())).monospace().size(12.0);
        ui.add(Label::new(said.color(palette.text)).truncate()).on_hover_text(&*topic.last);
        let often = match (topic.messages, topic.every_ms()) {
            (0, _) => "retained by the broker".to_owned(),
            (1, _) | (_, None) => "1 message".to_owned(),
            (count, Some(every)) => {
                format!("{} messages, one every {:.1} s", labels::count(count), every as f32 / 1_000.0)
            }
        };
        let ago = labels::seconds_left(topic.last_ms, view.now_ms).floor();
        let client =
            topic.client.as_ref().map(|client| format!(", from the client {client}")).unwrap_or_default();
        let facts = RichText::new(format!("{often}, {ago:.0} s ago{client}")).small().color(palette.weak);
        ui.add(Label::new(facts).wrap());
    });
    actions
}

fn form(ui: &mut Ui, palette: &Palette, lights: &mut ForeignLights, light: &LightId) -> Actions {
    let mut actions = Actions::default();
    ui.label(RichText::new(format!("How {light} is talked with")).strong());
    let checked = lights.checked.clone();
    let (form, marks) = (&mut lights.form, &mut lights.marks);
    let mut text = |ui: &mut Ui, name: &str, spoken: &str, hint: &str, member: &str, text: &mut String| {
        if (Field { name, spoken, hint, masked: false, error: None }).show(ui, palette, text) {
            marks.edited.insert(member.to_owned());
        }
        if marks.show(member, text) {
            problems(ui, palette, &checked, member);
        }
    };
    text(ui, "It says on", "Topic that it publishes to", "lights/ann", "says", &mut form.says);
    text(ui, "It hears on", "Topic that it subscribes to", "lights/bob", "hears", &mut form.hears);
    let says = &form.says;
    let candidate = lights.candidates.iter().find(|candidate| *candidate.topic.topic == **says);
    let offers = candidate.iter().flat_map(|candidate| &candidate.topic.filters);
    let offers: Vec<_> = offers.filter(|filter| *filter != says && **filter != form.hears).cloned().collect();
    if !offers.is_empty() {
        ui.horizontal_wrapped(|ui| {
            widgets::caption(ui, "It has also subscribed to", palette);
            for offer in offers {
                let name = format!("It hears on {offer}");
                if widgets::named_button(ui, RichText::new(&offer).monospace().small(), &name).clicked() {
                    actions.push(ForeignLightAction::Hears(offer));
                }
            }
        });
    }
    ui.add_space(4.0);
    widgets::caption(
        ui,
        "Its words. Several stand behind commas: all are understood, the first is said.",
        palette,
    );
    problems(ui, palette, &checked, "words");
    for (aspect, words) in ASPECTS.into_iter().zip(&mut form.words) {
        let needed = matches!(aspect, Aspect::Red | Aspect::Green);
        let hint = if needed { "needed" } else { "none" };
        let spoken = format!("Words for {}", labels::aspect(aspect));
        let name = labels::sentence(word_row(aspect));
        text(ui, &name, &spoken, hint, &format!("words.{aspect}"), words);
    }
    ui.add_space(4.0);
    let spoken = "JSON pointer to its word";
    text(ui, "In JSON at", spoken, "bare words; /state for {\"state\":\"RED\"}", "json", &mut form.json);
    let spoken = "Seconds of silence after which it is lost";
    text(ui, "Lost after", spoken, "30 seconds", "lost_after_s", &mut form.lost_after_s);
    field::row(ui, "Retain", |ui| {
        let why = "A light that subscribes late hears at once what it was told last. Old words may mislead it, too.";
        ui.checkbox(&mut form.retain, "The broker keeps what it is told").on_hover_text(why);
    });
    problems(ui, palette, &checked, "retain");
    problems(ui, palette, &checked, "light");
    for warning in &checked.warnings {
        ui.add(Label::new(RichText::new(labels::sentence(warning)).small().color(palette.warn)).wrap());
    }
    actions
}

/// Short, for the names before the fields.
fn word_row(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::RedAmber => "red-amber",
        Aspect::FlashingAmber => "flashing",
        other => labels::aspect(other),
    }
}

fn problems(ui: &mut Ui, palette: &Palette, checked: &Checked, member: &str) {
    for wrong in checked.wrong_with(member) {
        field::wrong(ui, palette, &wrong.one_line());
    }
}

fn end(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    lights: &mut ForeignLights,
    config: &Config,
    light: &LightId,
    why_no_restart: Option<&str>,
) -> Actions {
    let palette = view.palette;
    let mut actions = Actions::default();
    let mapped =
        view.state.light(light).and_then(|light| light.foreign.as_deref()).map(|known| &known.foreign);
    let wanted = lights.checked.foreign(light);
    let same = wanted.is_some() && wanted == mapped;
    let refused = lights.why_not_now(view.state, config);
    let marked = lights.checked.is_marked(&lights.form, &lights.marks);
    let why = match (&refused, wanted) {
        (_, None) => marked.then(|| "Correct what is marked above first.".to_owned()),
        _ if same => Some(format!("{light} is talked with like this already.")),
        _ if lights.is_pending() => Some("The world is being changed.".to_owned()),
        (Some(refused), _) => Some(format!("Not while it runs: {}.", refused.one_line())),
        (None, Some(_)) => None,
    };
    ui.horizontal_wrapped(|ui| {
        let text = if mapped.is_some() { "Change it now" } else { "Use it now" };
        let name = format!("Let it be {light} now");
        let hint = "Twinlight's own light of this name says goodbye, and its partner starts anew.";
        if enabled(ui, text, &name, why.as_deref(), hint) {
            actions.push(ForeignLightAction::Apply);
        }
        if refused.is_some() && wanted.is_some() && !same {
            let name = "Restart with this configuration";
            if enabled(ui, name, name, why_no_restart, "The live lab starts anew.") {
                actions.push(ForeignLightAction::Restart);
            }
        }
        if mapped.is_some() {
            let why = refused.as_ref().map(Diagnostic::one_line);
            let name = format!("Run {light} in this program again");
            if enabled(ui, "Run it here again", &name, why.as_deref(), "It is nobody else's any more.") {
                actions.push(ForeignLightAction::GiveBack(light.clone()));
            }
        }
    });
    if lights.is_pending() {
        let text = format!("{light} says goodbye, and its partner starts anew…");
        ui.add(Label::new(RichText::new(text).color(palette.accent)).wrap());
    } else if let Some(why) = why.filter(|_| !same) {
        ui.add(Label::new(RichText::new(why).small().color(palette.warn)).wrap());
    } else if same {
        let text = format!("{light} is somebody else's light now. Its card tells how it is doing.");
        ui.add(Label::new(RichText::new(text).color(palette.ok)).wrap());
    }
    ui.add_space(6.0);
    ui.label(RichText::new("Keep it").strong());
    field::row(ui, "File", |ui| {
        let edit = TextEdit::singleline(&mut lights.file).char_limit(1_024).desired_width(f32::INFINITY);
        let edit = ui.add(edit);
        edit.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, "File for this configuration"));
    });
    let why = if marked {
        Some("Correct what is marked above first.")
    } else if lights.file.trim().is_empty() {
        Some("Name a file first.")
    } else if lights.is_saving() {
        Some("It is being written.")
    } else {
        None
    };
    ui.horizontal_wrapped(|ui| {
        let hint =
            "The configuration that runs, with this light in it. A file that is there is not replaced.";
        if enabled(ui, "Save", "Save this configuration", why, hint) {
            actions.push(ForeignLightAction::Save { replace: false });
        }
        if let Some(Saved::Exists(file)) = &lights.saved {
            let name = format!("Replace {}", file.display());
            if enabled(ui, "Replace it", &name, why, "What is in it now is lost.") {
                actions.push(ForeignLightAction::Save { replace: true });
            }
        }
    });
    saved(ui, palette, lights.saved.as_ref());
    actions
}

fn saved(ui: &mut Ui, palette: &Palette, saved: Option<&Saved>) {
    let (text, color) = match saved {
        None => return,
        Some(Saved::Written(file)) => {
            let file = file.display();
            (format!("Saved. Start with it: twinlight --config {file}"), palette.ok)
        }
        Some(Saved::Exists(file)) => {
            (format!("Nothing was written: there is a file {} already.", file.display()), palette.warn)
        }
        Some(Saved::Failed(wrong)) => (labels::sentence(&wrong.one_line()), palette.bad),
    };
    ui.add(Label::new(RichText::new(text).color(color)).selectable(true).wrap());
}

/// A button that says why it cannot be pressed.
fn enabled(ui: &mut Ui, text: &str, name: &str, why_not: Option<&str>, hint: &str) -> bool {
    let may = why_not.is_none();
    let button = ui.add_enabled(may, Button::new(text));
    button.widget_info(|| WidgetInfo::labeled(egui::Role::Button, may, name));
    button.on_hover_text(hint).on_disabled_hover_text(why_not.unwrap_or_default()).clicked()
}
