//! `twinlight`: the window, with its world on a runtime beside it.

use anyhow::{anyhow, bail};

use super::{Common, Lights, WELL, runtime};
use crate::{
    app::{
        Link,
        board::{form::Lab, keep},
        window::{Window, waker},
    },
    world::{Waker, World, WorldOptions},
};

pub(super) fn open(common: &Common, lights: &Lights) -> anyhow::Result<u8> {
    let config = lights.load(common)?;
    if !has_display() {
        bail!(
            "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); \
             \"twinlight run\" plays the same world without one"
        );
    }
    let subtitle = match (&common.config, &common.preset) {
        (Some(file), _) => file.display().to_string(),
        (None, Some(name)) => format!("preset {name}"),
        (None, None) => "the built-in pair".to_owned(),
    };
    let state_folder = common.state_folder();
    let login_file = state_folder.as_ref().map(|folder| folder.join(keep::FILE_NAME));
    let lab = Lab::of(&config, crate::board::default_folder().ok()).with_login_file(login_file);
    let window = Window { title: "Twinlight".to_owned(), subtitle, lab };
    let runtime = runtime()?;
    let mut world = None;
    let shown = window.open(|ctx| {
        let wake = waker(ctx);
        let wake = Some(std::sync::Arc::new(wake) as Waker);
        let options = WorldOptions { detailed: true, wake, state_folder, ..WorldOptions::default() };
        let (started, events) = runtime.block_on(World::start(config, options))?;
        let commands = started.commands();
        world = Some(started);
        Ok(Link { commands, events })
    });
    if let Some(world) = world {
        runtime.block_on(world.stop());
    }
    match shown {
        Ok(()) => Ok(WELL),
        Err(error) => Err(anyhow!(
            "the window cannot be opened: {error}; it needs OpenGL and, on Linux, the packages that README.md names; \
             \"twinlight run\" plays the same world without a window"
        )),
    }
}

/// Whether a window can be opened. Everywhere but on the Unixes with X or Wayland it can.
fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos")))
        || set("DISPLAY")
        || set("WAYLAND_DISPLAY")
        || set("WAYLAND_SOCKET")
}
