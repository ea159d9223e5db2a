//! The image that is committed, embedded in the desktop and flashed to boards.
#![allow(clippy::unwrap_used)]

use xtask::{check, image::Image, image_folder, manifest};

#[test]
fn the_committed_image_is_one_that_a_lopy4_can_start() {
    let folder = image_folder();
    let manifest = manifest::read(&folder).unwrap();
    let image = Image::read(&folder, &manifest).unwrap();
    check::check(&image, &manifest).unwrap();
}

#[test]
fn an_image_that_is_damaged_or_not_for_a_lopy4_is_refused() {
    let folder = image_folder();
    let manifest = manifest::read(&folder).unwrap();
    let good = Image::read(&folder, &manifest).unwrap();
    let refused = |part: usize, at: usize, flip: u8| {
        let mut image = good.clone();
        image.parts[part].bytes[at] ^= flip;
        image.merged = xtask::image::merge(&image.parts).unwrap();
        let manifest = manifest::of(&image, &manifest.compiler);
        format!("{:#}", check::check(&image, &manifest).unwrap_err())
    };
    assert_eq!(refused(0, 2, 1), "the bootloader: is not for flash mode DIO");
    assert_eq!(refused(0, 3, 0x0F), "the bootloader: is not for 4 MB of flash at 40 MHz");
    assert!(refused(2, 16, 1).contains("is for chip revisions 256 to"), "{}", refused(2, 16, 1));
    assert_eq!(refused(2, 40, 1), "the app: has a wrong checksum");
    assert!(refused(1, 0, 1).starts_with("the partition table"));
    let last = good.parts[2].bytes.len() - 1;
    assert_eq!(refused(2, last, 1), "the app: has a wrong digest");

    let mut other = good.clone();
    other.parts[2].bytes[100] ^= 1;
    let error = format!("{:#}", check::check(&other, &manifest).unwrap_err());
    assert_eq!(error, "app.bin: its SHA-256 is not that of the manifest");
}
