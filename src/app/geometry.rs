//! The window's size from one run to the next. Its place is the desktop's: which screens there are is not known
//! before the window is there, and a window that the desktop places can be seen.

use egui::{Context, ViewportBuilder, ViewportCommand, vec2};

use super::settings::{LEAST_SIZE, Settings};

/// As wide and high as a window is that was never resized.
const DEFAULT_SIZE: (u32, u32) = (1_280, 800);
/// eframe shows the window behind its first frame, and X11 does not take such a wish before.
const SHOWN_FRAME: u64 = 2;

#[derive(Debug)]
pub(super) struct Geometry {
    /// Still to be made as large as the screen.
    maximize: bool,
}

fn points((width, height): (u32, u32)) -> egui::Vec2 {
    // Checked: some thousand at most.
    let exact = |points: u32| f32::from(u16::try_from(points).unwrap_or(u16::MAX));
    vec2(exact(width), exact(height))
}

/// A window of the size that is remembered. eframe makes it no larger than the largest screen.
pub(super) fn restore(viewport: ViewportBuilder, settings: &Settings) -> ViewportBuilder {
    viewport
        .with_min_inner_size(points(LEAST_SIZE))
        .with_inner_size(points(settings.size.unwrap_or(DEFAULT_SIZE)))
        .with_maximized(settings.maximized)
}

impl Geometry {
    #[must_use]
    pub(super) fn new(settings: &Settings) -> Geometry {
        Geometry { maximize: settings.maximized }
    }

    /// Remembers in `settings` how large the window is.
    pub(super) fn follow(&mut self, ctx: &Context, settings: &mut Settings) {
        let (maximized, fullscreen) = ctx.input(|input| {
            let viewport = input.viewport();
            (viewport.maximized, viewport.fullscreen == Some(true))
        });
        if self.maximize {
            if ctx.cumulative_frame_nr() < SHOWN_FRAME {
                return;
            }
            self.maximize = false;
            if maximized != Some(true) {
                ctx.send_viewport_cmd(ViewportCommand::Maximized(true));
                return;
            }
        }
        settings.maximized = maximized == Some(true);
        if settings.maximized || fullscreen {
            return;
        }
        // In points without zoom, as the next window is made.
        let size = ctx.content_rect().size() * ctx.zoom_factor();
        // None of a window that is an icon.
        settings.size = Settings::size_of(size.x, size.y).or(settings.size);
    }
}
