//! The one place for colours, letters and spacing, in a light and a dark theme.
//!
//! Red, amber and green never carry a meaning alone: lamps have their place, the timeline has
//! lanes, and everything has its word beside it.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme, Visuals, vec2};
use traffic_light::Aspect;

use crate::{
    app::{settings::ThemeChoice, state::Category},
    world::event::TopicKind,
};

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

#[derive(Debug)]
pub(super) struct Palette {
    /// Whether it is the dark theme's.
    pub(super) dark: bool,
    /// Behind everything.
    pub(super) base: Color32,
    /// Bars and side panels.
    pub(super) panel: Color32,
    /// A light's card.
    pub(super) card: Color32,
    pub(super) line: Color32,
    pub(super) text: Color32,
    /// Letters of less weight; still at least 4.5:1 on every ground above.
    pub(super) weak: Color32,
    /// The ground of what is selected.
    pub(super) selected: Color32,
    /// What is selected or can be pressed.
    pub(super) accent: Color32,
    pub(super) on_accent: Color32,
    /// Well.
    pub(super) ok: Color32,
    /// Not as it should be.
    pub(super) warn: Color32,
    /// Failed.
    pub(super) bad: Color32,
    /// The ground of a conflict's large letters, which are white.
    pub(super) alarm: Color32,
    /// What cannot be known or has no power.
    pub(super) idle: Color32,
    pub(super) lawn: Color32,
    /// A darker stroke on the lawn.
    pub(super) lawn_edge: Color32,
    pub(super) pavement: Color32,
    pub(super) asphalt: Color32,
    pub(super) marking: Color32,
    pub(super) on_lawn: Color32,
    /// Cards that lie on the lawn.
    pub(super) plaque: Color32,
    pub(super) promise: Color32,
    /// A link that carries.
    pub(super) link: Color32,
    pub(super) cars: [Color32; 6],
}

pub(super) static DARK: Palette = Palette {
    dark: true,
    base: rgb(0x12161b),
    panel: rgb(0x191e25),
    card: rgb(0x222831),
    line: rgb(0x37404c),
    text: rgb(0xe8ecf1),
    weak: rgb(0xa9b4c1),
    selected: rgb(0x173b61),
    accent: rgb(0x6cb2ff),
    on_accent: rgb(0x0b1a2b),
    ok: rgb(0x53d08a),
    warn: rgb(0xffbf47),
    bad: rgb(0xff7b72),
    alarm: rgb(0xb3161b),
    idle: rgb(0x98a4b1),
    lawn: rgb(0x1b2622),
    lawn_edge: rgb(0x24332d),
    pavement: rgb(0x3a4149),
    asphalt: rgb(0x272b31),
    marking: rgb(0xb9c0c7),
    on_lawn: rgb(0xdfe6ea),
    plaque: rgb(0x232b31),
    promise: rgb(0x8fb8ff),
    link: rgb(0x8fa5b8),
    cars: [rgb(0x4f83c4), rgb(0xc7ccd3), rgb(0xa8514b), rgb(0x8a93a0), rgb(0x5f9c86), rgb(0xc9a45c)],
};

pub(super) static LIGHT: Palette = Palette {
    dark: false,
    base: rgb(0xeef1f4),
    panel: rgb(0xf8f9fb),
    card: rgb(0xffffff),
    line: rgb(0xd0d7de),
    text: rgb(0x1b232c),
    weak: rgb(0x4b5763),
    selected: rgb(0xd9e8fb),
    accent: rgb(0x0a57ae),
    on_accent: rgb(0xffffff),
    ok: rgb(0x0f6735),
    warn: rgb(0x784b00),
    bad: rgb(0xac1d18),
    alarm: rgb(0xc4161c),
    idle: rgb(0x555f6a),
    lawn: rgb(0xd5e3d3),
    lawn_edge: rgb(0xc3d5c1),
    pavement: rgb(0xc9cdd1),
    asphalt: rgb(0x7b828a),
    marking: rgb(0xf6f8fa),
    on_lawn: rgb(0x1f2b24),
    plaque: rgb(0xfbfdfb),
    promise: rgb(0x1b57b8),
    link: rgb(0x4c5e70),
    cars: [rgb(0x2e6bb8), rgb(0xf2f4f6), rgb(0xb23c34), rgb(0x39424d), rgb(0x2f7f66), rgb(0xd2a23c)],
};

/// The lamps; a signal head is black in both themes, as in the street.
pub(super) mod lamp {
    use egui::Color32;

    use super::rgb;

    /// Lit, from top to bottom.
    pub(crate) const LIT: [Color32; 3] = [rgb(0xff3b30), rgb(0xffb300), rgb(0x1fd655)];
    /// Not lit.
    pub(crate) const UNLIT: [Color32; 3] = [rgb(0x3d1512), rgb(0x3a2a08), rgb(0x0d3018)];
    pub(crate) const HOUSING: Color32 = rgb(0x14171a);
    /// The board behind the housing.
    pub(in crate::app) const BOARD: Color32 = rgb(0x1e2226);
    /// The board's white edge, as on Swedish heads.
    pub(crate) const EDGE: Color32 = rgb(0xe6e9ec);
    /// The visors over the lamps.
    pub(crate) const VISOR: Color32 = rgb(0x2d3338);
}

impl Palette {
    /// The palette of the theme that `visuals` belongs to.
    #[must_use]
    pub(super) fn of(visuals: &Visuals) -> &'static Palette {
        if visuals.dark_mode { &DARK } else { &LIGHT }
    }

    /// How much of its letters' colour a badge's ground has.
    #[must_use]
    pub(super) fn badge_tint(&self) -> f32 {
        if self.dark { 0.15 } else { 0.1 }
    }

    #[must_use]
    pub(super) fn other_theme(&self) -> ThemeChoice {
        if self.dark { ThemeChoice::Light } else { ThemeChoice::Dark }
    }

    /// The colour of an aspect where it lies on a panel.
    #[must_use]
    pub(super) fn aspect(&self, aspect: Aspect) -> Color32 {
        match (aspect, self.dark) {
            (Aspect::Dark, _) => self.idle,
            (Aspect::Red, true) => rgb(0xff7a70),
            (Aspect::Red, false) => rgb(0xb0231d),
            (Aspect::RedAmber, true) => rgb(0xff9a4d),
            (Aspect::RedAmber, false) => rgb(0x8f3f07),
            (Aspect::Green, true) => rgb(0x3fd07a),
            (Aspect::Green, false) => rgb(0x0f6735),
            (Aspect::Amber | Aspect::FlashingAmber, true) => rgb(0xffc24a),
            (Aspect::Amber | Aspect::FlashingAmber, false) => rgb(0x784b00),
        }
    }

    /// The colours of the timeline's three lanes, from top to bottom. They are areas, not letters,
    /// and may be as bright as lamps.
    #[must_use]
    pub(super) fn lanes(&self) -> [Color32; 3] {
        if self.dark {
            [rgb(0xff6a60), rgb(0xffc24a), rgb(0x3fd07a)]
        } else {
            [rgb(0xdc3a32), rgb(0xd98f00), rgb(0x1d9a50)]
        }
    }

    /// The colour of a category's mark in the log.
    #[must_use]
    pub(super) fn category(&self, category: Category) -> Color32 {
        match category {
            Category::Conflict => self.bad,
            Category::Fault => self.warn,
            Category::Link => self.accent,
            Category::Light => self.ok,
            Category::Message => self.idle,
            Category::Notice => self.weak,
        }
    }

    /// The colour of a message's dot.
    #[must_use]
    pub(super) fn topic(&self, topic: TopicKind) -> Color32 {
        match topic {
            TopicKind::State => self.accent,
            TopicKind::Status => self.ok,
            TopicKind::Command => self.warn,
        }
    }
}

/// The text style of titles within a panel.
#[must_use]
pub(super) fn title() -> TextStyle {
    TextStyle::Name("title".into())
}

/// The text style of the largest letters.
#[must_use]
pub(super) fn alarm() -> TextStyle {
    TextStyle::Name("alarm".into())
}

/// The text style of a sentence that stands alone.
#[must_use]
pub(super) fn headline() -> TextStyle {
    TextStyle::Name("headline".into())
}

/// Gives both themes to egui. Once, at the start.
pub(super) fn install(ctx: &egui::Context) {
    let mut fonts = egui::FontDefinitions::default();
    // It has what the proportional one lacks: arrows, above all.
    if let Some(family) = fonts.families.get_mut(&FontFamily::Proportional) {
        family.push("Hack".to_owned());
    }
    ctx.set_fonts(fonts);
    for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.set_visuals_of(theme, visuals(palette));
    }
    ctx.all_styles_mut(|style| {
        let proportional = |size| FontId::new(size, FontFamily::Proportional);
        style.text_styles = [
            (TextStyle::Small, proportional(12.0)),
            (TextStyle::Body, proportional(14.0)),
            (TextStyle::Button, proportional(14.0)),
            (TextStyle::Heading, proportional(19.0)),
            (TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace)),
            (title(), proportional(16.5)),
            (alarm(), proportional(34.0)),
            (headline(), proportional(24.0)),
        ]
        .into();
        style.spacing.item_spacing = vec2(8.0, 5.0);
        style.spacing.button_padding = vec2(9.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        style.spacing.tooltip_width = 320.0;
        style.interaction.tooltip_delay = 0.35;
        style.interaction.selectable_labels = false;
        style.animation_time = 0.1;
    });
}

/// Takes the user's choice of theme over.
pub(super) fn choose(ctx: &egui::Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Light => egui::ThemePreference::Light,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
    });
}

fn visuals(palette: &Palette) -> Visuals {
    let mut visuals = if palette.dark { Visuals::dark() } else { Visuals::light() };
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.panel;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.extreme_bg_color = palette.base;
    visuals.faint_bg_color = if palette.dark { rgb(0x1e242c) } else { rgb(0xf1f3f6) };
    visuals.code_bg_color = palette.base;
    visuals.hyperlink_color = palette.accent;
    visuals.warn_fg_color = palette.warn;
    visuals.error_fg_color = palette.bad;
    visuals.weak_text_color = Some(palette.weak);
    visuals.selection.bg_fill = palette.selected;
    visuals.selection.stroke = Stroke::new(1.5, palette.accent);
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_fill = palette.panel;
    widgets.noninteractive.weak_bg_fill = palette.panel;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, palette.text);
    let (rest, hover, press) = if palette.dark {
        (rgb(0x29313b), rgb(0x2f3945), rgb(0x242c36))
    } else {
        (rgb(0xe7ebef), rgb(0xdfe5eb), rgb(0xd3dae2))
    };
    for (widget, fill) in [
        (&mut widgets.inactive, rest),
        (&mut widgets.hovered, hover),
        (&mut widgets.active, press),
        (&mut widgets.open, hover),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, palette.line);
        widget.fg_stroke = Stroke::new(1.0, palette.text);
        widget.corner_radius = CornerRadius::same(6);
    }
    // The ring around what has the keyboard.
    widgets.hovered.bg_stroke = Stroke::new(1.0, palette.weak);
    widgets.active.bg_stroke = Stroke::new(1.5, palette.accent);
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    const ASPECTS: [Aspect; 6] =
        [Aspect::Dark, Aspect::Red, Aspect::RedAmber, Aspect::Green, Aspect::Amber, Aspect::FlashingAmber];

    /// Every colour that letters have anywhere.
    fn letters(palette: &Palette) -> Vec<(String, Color32)> {
        let named = [
            ("text", palette.text),
            ("weak", palette.weak),
            ("accent", palette.accent),
            ("ok", palette.ok),
            ("warn", palette.warn),
            ("bad", palette.bad),
            ("idle", palette.idle),
        ];
        let aspects = ASPECTS.map(|aspect| (format!("{aspect:?}"), palette.aspect(aspect)));
        named.map(|(name, color)| (name.to_owned(), color)).into_iter().chain(aspects).collect()
    }

    #[test]
    fn letters_stand_out_from_every_ground_in_both_themes() {
        for palette in [&DARK, &LIGHT] {
            let visuals = visuals(palette);
            let widgets = &visuals.widgets;
            let grounds = [
                ("base", palette.base),
                ("panel", palette.panel),
                ("card", palette.card),
                ("selected", visuals.selection.bg_fill),
                ("striped", visuals.faint_bg_color),
                ("button", widgets.inactive.weak_bg_fill),
                ("button under the pointer", widgets.hovered.weak_bg_fill),
                ("pressed button", widgets.active.weak_bg_fill),
                ("lawn", palette.lawn),
                ("plaque", palette.plaque),
            ];
            for (place, ground) in grounds {
                for (name, letters) in letters(palette) {
                    let ratio = contrast(letters, ground);
                    assert!(ratio >= 4.5, "{name} on {place}, dark {}: {ratio:.2}", palette.dark);
                }
            }
            for (place, ground) in [("lawn", palette.lawn), ("plaque", palette.plaque)] {
                for (name, color) in
                    [("on_lawn", palette.on_lawn), ("promise", palette.promise), ("link", palette.link)]
                {
                    let ratio = contrast(color, ground);
                    assert!(ratio >= 4.5, "{name} on {place}, dark {}: {ratio:.2}", palette.dark);
                }
            }
            assert!(contrast(Color32::WHITE, palette.alarm) >= 4.5);
            assert!(contrast(palette.on_accent, palette.accent) >= 4.5);
        }
    }

    #[test]
    fn the_letters_of_a_badge_stand_out_from_its_tint() {
        for palette in [&DARK, &LIGHT] {
            for ground in [palette.panel, palette.card] {
                for (name, color) in [
                    ("accent", palette.accent),
                    ("ok", palette.ok),
                    ("warn", palette.warn),
                    ("bad", palette.bad),
                ] {
                    let share = palette.badge_tint();
                    let tint = ground.lerp_to_gamma(color, share);
                    let ratio = contrast(color, tint);
                    assert!(ratio >= 4.5, "{name}, dark {}: {ratio:.2}", palette.dark);
                }
            }
        }
    }
}
