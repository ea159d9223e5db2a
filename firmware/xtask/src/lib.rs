//! Makes the image that is flashed to a LoPy4, and checks it.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`build`] | the firmware's ELF, the same bytes wherever it is built |
//! | [`image`] | from the ELF to bootloader, partition table, app and merged image |
//! | [`manifest`] | reads and writes `assets/firmware/manifest.toml` |
//! | [`check`] | whether an image is one that a LoPy4 can start and may be given |

pub mod build;
pub mod check;
pub mod image;
pub mod manifest;

use std::path::{Path, PathBuf};

/// The repository that this program was built in.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder of the committed image.
#[must_use]
pub fn image_folder() -> PathBuf {
    repository().join("assets").join("firmware")
}
