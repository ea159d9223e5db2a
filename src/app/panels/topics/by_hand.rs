//! A message by hand: topic, payload, whether it is retained, quality of service.

use egui::{CollapsingHeader, RichText, TextEdit, Ui};

use crate::{
    app::{action::Actions, labels, state::Broker, topics::PublishForm, view::ViewContext, widgets},
    world::{ByHand, Command, topics::check_publishable},
};

/// A light ignores a longer message.
const LIGHTS_TAKE_BYTES: usize = 512;
/// What the field takes; MQTT would take far more.
const MOST_BYTES: usize = 16_384;

/// Shows the form, unless it is folded up.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, form: &mut PublishForm) -> Actions {
    ui.separator();
    let title = RichText::new("Publish by hand").strong().color(view.palette.accent);
    let folded =
        CollapsingHeader::new(title).default_open(true).show_unindented(ui, |ui| fields(ui, view, form));
    folded.body_returned.unwrap_or_default()
}

fn fields(ui: &mut Ui, view: &ViewContext<'_>, form: &mut PublishForm) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let shared = matches!(&view.state.broker, Broker::Running { embedded: false, .. });
    if shared {
        ui.label(
            RichText::new(
                "This broker is not part of Twinlight. Others may use it too: what you publish reaches their \
                 lights, and a retained message stays there until somebody clears it.",
            )
            .color(palette.warn),
        );
        ui.checkbox(&mut form.allowed, "I may publish on this broker");
        if !form.allowed {
            return actions;
        }
    }
    let root = view.context.map(|context| context.root.as_str()).filter(|root| !root.is_empty());
    let hint = format!("{}/demo/a/cmd", root.unwrap_or("twinlight"));
    let topic = TextEdit::singleline(&mut form.topic).hint_text(hint).desired_width(f32::INFINITY);
    let topic = ui.add(topic);
    topic.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Topic to publish on"));
    let payload = TextEdit::multiline(&mut form.payload)
        .hint_text("payload, such as {\"v\":1} or red")
        .char_limit(MOST_BYTES)
        .code_editor()
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    // Tab goes on to the next field, as everywhere else.
    let payload = ui.add(payload.lock_focus(false));
    payload.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::MultilineTextInput, true, "Payload to publish")
    });
    ui.horizontal_wrapped(|ui| {
        ui.checkbox(&mut form.retain, "Retain").on_hover_text(
            "The broker keeps it and sends it to whoever subscribes later, until another one is retained. An empty \
             one deletes it.",
        );
        for (qos, why) in [
            (0, "At most once: it may be lost."),
            (1, "At least once: it may come twice."),
            (2, "Exactly once: two more packets each way."),
        ] {
            let chosen = form.qos == qos;
            if ui.radio(chosen, format!("QoS {qos}")).on_hover_text(why).clicked() {
                form.qos = qos;
            }
        }
    });
    let refused = check_publishable(form.topic.trim()).err().filter(|_| !form.topic.is_empty());
    if let Some(reason) = &refused {
        ui.label(RichText::new(labels::sentence(&reason.one_line())).color(palette.bad));
    }
    for warning in warnings(view, form, root) {
        ui.label(RichText::new(warning).small().color(palette.warn));
    }
    let runs = matches!(view.state.broker, Broker::Running { .. });
    let fixed = view.why_fixed();
    let ready = fixed.is_none() && runs && refused.is_none() && !form.topic.trim().is_empty();
    let button = ui.add_enabled(ready, egui::Button::new("Publish"));
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ready, "Publish the message"));
    if button.clicked() {
        let (topic, payload) = (form.topic.trim().to_owned(), form.payload.clone().into_bytes());
        actions.push(Command::Publish(ByHand { topic, payload, retain: form.retain, qos: form.qos }));
    }
    if let Some(fixed) = fixed {
        widgets::caption(ui, fixed, palette);
    } else if !runs {
        widgets::caption(ui, "The broker does not answer now.", palette);
    }
    actions
}

/// What a person should know before the button is pressed. None of it keeps them from trying.
fn warnings(view: &ViewContext<'_>, form: &PublishForm, root: Option<&str>) -> Vec<String> {
    let mut warnings = Vec::new();
    let topic = form.topic.trim();
    let bytes = form.payload.len();
    if bytes > LIGHTS_TAKE_BYTES {
        warnings.push(format!("{bytes} bytes: a light ignores more than {LIGHTS_TAKE_BYTES}, and says so."));
    }
    let below = root.map(|root| topic.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')));
    if below == Some(None) && !topic.is_empty() {
        warnings.push("Not below the root topic: it will not show up here.".to_owned());
    }
    let junction = below.flatten().and_then(|rest| rest.split('/').next());
    let keyed = |name: &str| {
        let name = traffic_light::Name::new(name).ok()?;
        view.state.junction(&name).filter(|junction| junction.keyed)
    };
    if junction.and_then(keyed).is_some() {
        let text = "This junction's messages are signed: its lights ignore one without the right signature.";
        warnings.push(text.to_owned());
    }
    if form.retain && bytes == 0 && !topic.is_empty() {
        warnings.push(
            "Empty and retained: the broker deletes the message that it retains on this topic.".to_owned(),
        );
    }
    warnings
}
