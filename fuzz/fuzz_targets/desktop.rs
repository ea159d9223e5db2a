//! The desktop's own parsers: configurations, settings of a board, and lines of a board's log.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use twinlight::{
    board::log::LogLine,
    config::{BoardFile, Config},
};

fuzz_target!(|bytes: &[u8]| {
    let line = LogLine::parse(bytes);
    assert!(!line.text.chars().any(char::is_control), "{line:?}");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let env = |variable: &str| (variable == "KEY").then(|| "a key of 16 bytes at least".to_owned());
    if let Err(error) = Config::from_toml(text, "fuzz.toml", &env) {
        assert!(!error.to_string().is_empty());
    }
    // A file that is named there would be read.
    if !text.contains("config")
        && let Err(error) = BoardFile::from_toml(text, "fuzz.toml", Path::new("."), &env)
    {
        assert!(!error.to_string().is_empty());
    }
});
