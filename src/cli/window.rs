//! `twinlight`: the window.

use anyhow::bail;

use super::{Common, WELL, runtime};
use crate::world::{World, WorldOptions};

pub(super) fn open(common: &Common) -> anyhow::Result<u8> {
    let config = common.load()?;
    if !has_display() {
        bail!(
            "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); \
             \"twinlight run\" plays the same world without one"
        );
    }
    let runtime = runtime()?;
    let _ = (config, &runtime, World::start, WorldOptions::default());
    Ok(WELL)
}

/// Whether a window can be opened. Everywhere but on the Unixes with X or Wayland it can.
fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos")))
        || set("DISPLAY")
        || set("WAYLAND_DISPLAY")
        || set("WAYLAND_SOCKET")
}
