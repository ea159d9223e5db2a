//! Icon, version and manifest of the program for Windows. Elsewhere there is nothing to do.

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return Ok(());
    }
    const ICON: &str = "assets/icon.ico";
    const MANIFEST: &str = "packaging/windows/twinlight.manifest";
    println!("cargo::rerun-if-changed={ICON}");
    println!("cargo::rerun-if-changed={MANIFEST}");
    winresource::WindowsResource::new()
        .set_icon(ICON)
        .set_manifest_file(MANIFEST)
        .set("ProductName", "Twinlight")
        // What the task manager calls it.
        .set("FileDescription", "Twinlight")
        .set("OriginalFilename", "twinlight.exe")
        .set("LegalCopyright", "MIT or Apache-2.0")
        .compile()
}
