//! What the card of somebody else's light has beside the others': how it is talked with, what it said and was told, and
//! its session as its port sees it.

use egui::{Label, RichText, Sense, Ui, WidgetInfo};
use traffic_light::{Aspect, Foreign};

use crate::{
    app::{
        foreign_light::form::ASPECTS,
        labels,
        repaint::RepaintScheduler,
        state::{ForeignState, Junction, LightState},
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    world::event::Layer,
};

/// Words that it said which are shown.
const SHOWN: usize = 3;

/// Shows what is known of a foreign light of the configuration.
pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    light: &LightState,
    known: &ForeignState,
    repaint: &mut RepaintScheduler,
) {
    let palette = view.palette;
    // Ages are by the second.
    repaint.within(1_000);
    told(ui, view, junction, light, known);
    line(ui, palette, "says on", known.foreign.says());
    line(ui, palette, "hears on", known.foreign.hears());
    line(ui, palette, "words", &words(&known.foreign));
    if known.said.is_empty() {
        widgets::caption(ui, "It has said nothing yet.", palette);
    }
    for said in known.said.iter().rev().take(SHOWN) {
        let means = match said.aspect {
            Some(aspect) => labels::aspect(aspect),
            None => "none of its words",
        };
        let text = format!("said \"{}\", {means}, {}", said.payload.escape_debug(), ago(view, said.at_ms));
        let color = if said.aspect.is_some() { palette.text } else { palette.warn };
        ui.add(Label::new(RichText::new(text).small().color(color)).truncate());
    }
    session(ui, view, light);
}

fn told(ui: &mut Ui, view: &ViewContext<'_>, junction: &Junction, light: &LightState, known: &ForeignState) {
    let palette = view.palette;
    let Some(partner) = junction.lights.iter().find(|other| other.id != light.id) else { return };
    let shows = format!("{} {}", partner.id, labels::shows(partner.aspect));
    let connected = light.layer(Layer::Mqtt).up != Some(false);
    let (ok, text) = match &known.told {
        _ if partner.aspect == Aspect::Dark => {
            (None, format!("{} is dark: there is nothing to tell it", partner.id))
        }
        _ if !connected => (Some(false), format!("Not told that {shows}: it is not connected")),
        Some(told) if known.knows(partner.aspect) => (
            Some(true),
            format!("Told \"{}\" {}: {shows}", told.payload.escape_debug(), ago(view, told.at_ms)),
        ),
        _ => (Some(false), format!("Not told yet that {shows}")),
    };
    ui.horizontal(|ui| {
        widgets::dot(ui, ok, palette);
        let why =
            "Whether the last that was said on the topic that it hears is its partner's present colour.";
        ui.add(Label::new(text).wrap()).on_hover_text(why);
    });
}

fn session(ui: &mut Ui, view: &ViewContext<'_>, light: &LightState) {
    let palette = view.palette;
    if light.layer(Layer::Tcp).up.is_none() {
        return;
    }
    if light.layer(Layer::Mqtt).up == Some(true) {
        let reason = labels::sentence(&light.layer(Layer::Mqtt).reason);
        ui.add(Label::new(RichText::new(reason).small().color(palette.text)).wrap());
    }
    if let Some(packet) = light.packets.back() {
        let text = format!("last packet {}: {}", ago(view, packet.at_ms), packet.text);
        ui.add(Label::new(RichText::new(text).small().color(palette.weak)).truncate())
            .on_hover_text(&*packet.text);
    }
    if let Some((at_ms, how)) = &light.last_end {
        let text = format!("its last connection ended {}: {how}", ago(view, *at_ms));
        ui.add(Label::new(RichText::new(text).small().color(palette.weak)).wrap());
    }
}

/// The lamp of the Wi-Fi of a light on a port, which cannot see it.
pub(super) fn wifi(ui: &mut Ui, light: &LightState, palette: &Palette) {
    let spoken = format!("{} of {} cannot be seen from here", labels::layer(Layer::Wifi), light.id);
    let dot = widgets::dot(ui, None, palette).interact(Sense::hover());
    dot.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, &spoken));
    let hint = "Its port sees connections. Whether its Wi-Fi carries is known only while one is open.";
    dot.on_hover_text(hint);
    ui.label(labels::layer(Layer::Wifi)).on_hover_text(hint);
    ui.add_space(4.0);
}

fn line(ui: &mut Ui, palette: &Palette, name: &str, text: &str) {
    ui.horizontal(|ui| {
        widgets::caption(ui, name, palette);
        let label = RichText::new(text).monospace().size(11.5).color(palette.text);
        ui.add(Label::new(label).truncate()).on_hover_text(text);
    });
}

fn words(foreign: &Foreign) -> String {
    let of = |aspect: Aspect| {
        let words = foreign.words().iter().filter(|(of, _)| *of == aspect).map(|(_, word)| word);
        let words = words.collect::<Vec<_>>().join(", ");
        (!words.is_empty()).then(|| format!("{aspect} {words}"))
    };
    let words: Vec<_> = ASPECTS.into_iter().filter_map(of).collect();
    let json = foreign.json().map(|json| format!(" at {}", json.as_str())).unwrap_or_default();
    format!("{}{json}", words.join(" · "))
}

/// How long ago something was, in whole seconds and minutes.
fn ago(view: &ViewContext<'_>, at_ms: u64) -> String {
    let seconds = labels::seconds_left(at_ms, view.now_ms);
    if seconds < 60.0 {
        format!("{:.0} s ago", seconds.floor())
    } else {
        format!("{:.0} min ago", (seconds / 60.0).floor())
    }
}
