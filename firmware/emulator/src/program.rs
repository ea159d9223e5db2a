//! What a board says on its serial line that does not load: the ROM's first words, and the program's log.

use std::time::Duration;

use traffic_light::record::{PARTITION_BYTES, Record};

use crate::flash::Flash;

/// Where the bootloader, the provisioning record and the app lie.
const BOOTLOADER: u32 = 0x1000;
const RECORD: u32 = 0xF000;
const APP: u32 = 0x1_0000;
/// What an ESP32 image begins with.
const IMAGE_MAGIC: u8 = 0xE9;

/// The program that runs when the board is not in download mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// The project's firmware, as far as its log goes: what it says depends on what is in the flash.
    #[default]
    Firmware,
    /// A text of one's own, ahead of lines that come round again and again. The lines need no ends.
    Text {
        /// Said at once after a reset.
        boot: String,
        /// Said one after another, and from the first again.
        lines: Vec<String>,
        /// The time from one line to the next.
        every: Duration,
    },
}

/// Why the chip starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Power, or the reset button.
    Reset,
    /// A program.
    Software,
}

/// What is said, and when: the time from what was said before.
pub(crate) struct Script {
    /// In order.
    lines: Vec<(Duration, String)>,
    next: usize,
    /// Where it goes on after its end; none to end there.
    again: Option<usize>,
}

impl Script {
    /// What is said next, and how long after what was said before.
    pub(crate) fn next(&mut self) -> Option<(Duration, String)> {
        if self.next >= self.lines.len() {
            self.next = self.again?;
        }
        let line = self.lines.get(self.next).cloned();
        self.next += 1;
        line
    }
}

/// The ROM's words before it waits for a loader's commands.
pub(crate) fn download_banner(cause: Cause) -> String {
    banner(cause, "boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))") + "waiting for download\r\n"
}

/// What is said from the start of a program on.
pub(crate) fn script(program: &Program, flash: &Flash, revision: u8, cause: Cause) -> Script {
    let banner = banner(cause, "boot:0x13 (SPI_FAST_FLASH_BOOT)");
    match program {
        Program::Firmware => firmware(flash, revision, cause, banner),
        Program::Text { boot, lines, every } => {
            let mut said = vec![(Duration::ZERO, boot.clone())];
            said.extend(lines.iter().map(|line| (*every, format!("{line}\r\n"))));
            Script { again: (!lines.is_empty()).then_some(1), lines: said, next: 0 }
        }
    }
}

fn banner(cause: Cause, boot: &str) -> String {
    let reason = match cause {
        Cause::Reset => "rst:0x1 (POWERON_RESET)",
        Cause::Software => "rst:0xc (SW_CPU_RESET)",
    };
    format!("ets Jun  8 2016 00:22:57\r\n\r\n{reason},{boot}\r\n")
}

fn firmware(flash: &Flash, revision: u8, cause: Cause, banner: String) -> Script {
    let begins_an_image = |at: u32| flash.read(at..at + 1).is_ok_and(|byte| byte == [IMAGE_MAGIC]);
    if !begins_an_image(BOOTLOADER) {
        // The watchdog starts the chip again and again.
        let lines = vec![
            (Duration::ZERO, banner),
            (Duration::from_millis(300), "invalid header: 0xffffffff\r\n".into()),
        ];
        return Script { lines, next: 0, again: Some(0) };
    }
    let mut lines = vec![(Duration::ZERO, banner)];
    if !begins_an_image(APP) {
        lines.push((Duration::from_millis(100), "E (100) boot: No bootable app partitions\r\n".into()));
        return Script { lines, next: 0, again: None };
    }
    let mut log = Log { lines, last_ms: 0 };
    let reset = match cause {
        Cause::Reset => "power-on",
        Cause::Software => "software",
    };
    let version = env!("CARGO_PKG_VERSION");
    log.say(
        210,
        "info   ",
        &format!("Twinlight firmware {version} on a LoPy4, chip revision {revision}.0, started by {reset}"),
    );
    let prov = u32::try_from(PARTITION_BYTES).unwrap_or_default();
    match Record::decode(&flash.read(RECORD..RECORD + prov).unwrap_or_default()) {
        Ok(record) => joined(&mut log, &record),
        Err(error) => {
            let text = match error.help() {
                Some(help) => format!("{error} (help: {help})"),
                None => format!("{error}. The board waits for Twinlight"),
            };
            log.say(212, "warning", &text);
        }
    }
    Script { lines: log.lines, next: 0, again: None }
}

/// The log of a board for which all goes well.
fn joined(log: &mut Log, record: &Record) {
    let peers: Vec<String> = record.peers.iter().map(|peer| format!("\"{peer}\"")).collect();
    let peers = if peers.is_empty() { "nobody".to_owned() } else { peers.join(", ") };
    let (light, junction) = (&record.light, &record.junction);
    log.say(
        213,
        "info   ",
        &format!("this is light \"{light}\" of junction \"{junction}\"; its peers are {peers}"),
    );
    let ssid = &record.wifi.ssid;
    log.say(600, "info   ", &format!("joining Wi-Fi \"{ssid}\""));
    log.say(900, "info   ", &format!("joined Wi-Fi \"{ssid}\" in 0.3 s, address 192.168.4.2"));
    let (host, port) = (&record.broker.host, record.broker.port);
    log.say(1_000, "info   ", &format!("connected to the broker at {host}:{port} in 0.1 s"));
}

/// The firmware's log: time since the start, level, sentence.
struct Log {
    lines: Vec<(Duration, String)>,
    last_ms: u64,
}

impl Log {
    fn say(&mut self, at_ms: u64, level: &str, sentence: &str) {
        let line = format!("{:>6}.{:03} {level} {sentence}\r\n", at_ms / 1_000, at_ms % 1_000);
        self.lines.push((Duration::from_millis(at_ms.saturating_sub(self.last_ms)), line));
        self.last_ms = at_ms;
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;

    fn said(flash: &Flash) -> String {
        let mut script = script(&Program::Firmware, flash, 1, Cause::Reset);
        (0..10).filter_map(|_| script.next()).map(|(_, line)| line).collect()
    }

    #[test]
    fn the_log_depends_on_what_is_in_the_flash() {
        let folder = tempfile::tempdir().unwrap();
        let mut flash = Flash::open(&folder.path().join("flash"), 4 << 20).unwrap();
        assert!(said(&flash).contains("invalid header: 0xffffffff"));
        flash.program(BOOTLOADER, &[IMAGE_MAGIC]).unwrap();
        assert!(said(&flash).contains("No bootable app"));
        flash.program(APP, &[IMAGE_MAGIC]).unwrap();
        assert!(
            said(&flash).contains("the board has not been provisioned yet. The board waits for Twinlight")
        );

        let name = |text: &str| Name::new(text).unwrap();
        let mut record = Record::new(name("demo"), name("a"));
        record.wifi.ssid = "lab".try_into().unwrap();
        record.broker.host = "192.168.4.1".try_into().unwrap();
        flash.program(RECORD, &record.encode().unwrap()).unwrap();
        let said = said(&flash);
        assert!(said.contains(" 0.213 info    this is light \"a\" of junction \"demo\""), "{said}");
        assert!(said.contains("joined Wi-Fi \"lab\"") && said.contains("at 192.168.4.1:1883"), "{said}");
    }
}
