//! The firmware's ELF, the same bytes wherever it is built.
//!
//! Cargo builds it with the compiler that the environment names: Espressif's, which
//! `firmware/rust-toolchain.toml` asks for, or the one that `RUSTC` and `RUSTUP_TOOLCHAIN` name.
//! Every folder of the building machine is given another name in the program, so that the bytes do
//! not depend on it and tell nothing of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::repository;

const TARGET: &str = "xtensa-esp32-none-elf";
const BINARY: &str = "twinlight-firmware";

/// A firmware that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The ELF's bytes.
    pub elf: Vec<u8>,
    /// What built it, as `rustc --version` says.
    pub compiler: String,
}

/// Builds the firmware.
///
/// # Errors
/// When the compiler for the ESP32 is not there, or the build fails.
pub fn build() -> Result<Built> {
    let firmware = repository().join("firmware");
    let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let compiler = ask(Command::new(&rustc).arg("--version").current_dir(&firmware))
        .context("no compiler for the ESP32; `espup install` gives one, see firmware/README.md")?;
    let sysroot = ask(Command::new(&rustc).args(["--print", "sysroot"]).current_dir(&firmware))?;

    let mut flags = Vec::new();
    let mut rename =
        |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    // The last that fits counts: the more special ones stand at the end.
    rename(&repository(), "/twinlight");
    let cargo_home = cargo_home()?;
    rename(&cargo_home, "/cargo");
    // The registry's folder is named by where it was fetched from.
    let registries = cargo_home.join("registry").join("src");
    for registry in fs::read_dir(&registries).into_iter().flatten().flatten() {
        rename(&registry.path(), "/cargo/registry");
    }
    rename(Path::new(&sysroot), "/rust");
    let rustflags = toml::Value::from(flags).to_string();

    let status = Command::new(env::var_os("CARGO_XTENSA").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--target", TARGET, "--config"])
        .arg(format!("target.{TARGET}.rustflags={rustflags}"))
        .current_dir(&firmware)
        // What `cargo xtask` itself was started with is for the host.
        .env_remove("CARGO")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("the firmware does not build: see cargo's messages above");
    }
    let elf = firmware.join("target").join(TARGET).join("release").join(BINARY);
    let elf = fs::read(&elf).with_context(|| format!("cannot read {}", elf.display()))?;
    Ok(Built { elf, compiler })
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    let home = env::home_dir().context("this user has no home folder\nhelp: set CARGO_HOME")?;
    Ok(home.join(".cargo"))
}

fn ask(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
