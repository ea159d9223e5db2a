//! `cargo xtask image` makes the image, `cargo xtask image --check` makes it again and compares,
//! `cargo xtask check-image` looks at the one that is there.

use std::{env, fs, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use xtask::{build, check, image::Image, image_folder, manifest};

const USAGE: &str = "\
cargo xtask image           builds the firmware and writes its image to assets/firmware
cargo xtask image --check   builds it and compares it with the image in assets/firmware
cargo xtask check-image     looks at the image in assets/firmware, without building";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["image"] => make(),
        ["image", "--check"] => compare(),
        ["check-image"] => look(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn make() -> Result<()> {
    let built = build::build()?;
    let image = Image::from_elf(&built.elf)?;
    let manifest = manifest::of(&image, &built.compiler);
    check::check(&image, &manifest)?;
    let folder = image_folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    image.write(&folder)?;
    manifest::write(&manifest, &folder)?;
    println!("{}", manifest::summary(&manifest));
    Ok(())
}

fn compare() -> Result<()> {
    let folder = image_folder();
    let committed = manifest::read(&folder)?;
    let built = build::build()?;
    if built.compiler != committed.compiler {
        bail!(
            "the committed image was built by {}, and here is {}: their bytes cannot be compared",
            committed.compiler,
            built.compiler
        );
    }
    let image = Image::from_elf(&built.elf)?;
    let manifest = manifest::of(&image, &built.compiler);
    if manifest != committed || image != Image::read(&folder, &committed)? {
        bail!(
            "the committed image is not what the source gives\nhelp: run `cargo xtask image` and commit it"
        );
    }
    println!("the committed image is what the source gives: {}", manifest::summary(&manifest));
    Ok(())
}

fn look() -> Result<()> {
    let folder = image_folder();
    let manifest = manifest::read(&folder)?;
    let image = Image::read(&folder, &manifest)?;
    check::check(&image, &manifest)?;
    println!("the image is one that a LoPy4 can start: {}", manifest::summary(&manifest));
    Ok(())
}
