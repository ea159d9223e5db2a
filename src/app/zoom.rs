//! Zooms by the window's size until the user chooses: a large screen without scaling would show everything
//! tiny.

use egui::Context;

use super::settings::Settings;

/// Tells the zoom that was set here from the one that the user sets.
#[derive(Debug)]
pub(super) struct Zoom {
    /// The zoom of the last frame.
    seen: f32,
    /// The zoom that was set here last.
    set: f32,
}

impl Zoom {
    /// Sets the zoom that is remembered. egui remembers one as well, but not whether the user chose it.
    #[must_use]
    pub(super) fn new(ctx: &Context, settings: &Settings) -> Zoom {
        let zoom = settings.zoom.unwrap_or(1.0);
        ctx.set_zoom_factor(zoom);
        Zoom { seen: zoom, set: zoom }
    }

    /// Follows the window's size; remembers the user's zoom in `settings`.
    pub(super) fn follow(&mut self, ctx: &Context, settings: &mut Settings) {
        let current = ctx.zoom_factor();
        let same = |one: f32, other: f32| (one - other).abs() < 0.001;
        // A new zoom comes into force a frame after it was set, so what was set here counts as old.
        let by_user = !same(current, self.seen) && !same(current, self.set);
        self.seen = current;
        if by_user || settings.zoom.is_some() {
            settings.zoom = Some(current);
            return;
        }
        let unzoomed = ctx.content_rect().size() * current;
        let fits = (unzoomed.y / 1_080.0).min(unzoomed.x / 1_700.0);
        let zoom = ((fits * 4.0).floor() / 4.0).clamp(1.0, 2.5);
        self.set = zoom;
        if !same(zoom, current) {
            ctx.set_zoom_factor(zoom);
        }
    }
}
