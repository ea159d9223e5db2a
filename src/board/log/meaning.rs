//! What a board means that starts no program: the words of the chip's ROM and of its bootloader, for people.
//!
//! The words are those of the ESP32's ROM and of ESP-IDF's bootloader.

use super::line::{LogLevel, LogLine};
use crate::model::Diagnostic;

const AGAIN: &str = "flash it again";
const WATCHDOG: &str = "a watchdog restarted the chip: its program did not go on";
const WATCHDOG_HELP: &str = "read what it said last, and flash it again if it goes on like this";
const DAMAGED_PROGRAM: &str = "the program in the flash is damaged, or was not written to its end";
const DAMAGED_TABLE: &str = "the partition table in the flash is missing or damaged";
const OTHER_BOARD: &str = "flash an image that is made for this board";

/// What a line contains, in small letters; what it means; what to do. The first that fits is told.
const MEANINGS: [(&str, &str, &str); 32] = [
    ("invalid header: 0xffffffff", "the flash has no bootloader: its place is blank", AGAIN),
    ("invalid header", "the flash has no bootloader: something else is in its place", AGAIN),
    (
        "flash read err",
        "the chip found no bootloader in the flash, or could not read it",
        "flash it again, and if that does not help, replace the board: its flash chip is broken",
    ),
    ("csum err", "the bootloader in the flash is damaged: its checksum is wrong", AGAIN),
    ("ets_main.c", "the chip gave up loading a bootloader from the flash", AGAIN),
    ("ets_loader.c", "the chip gave up loading a bootloader from the flash", AGAIN),
    ("user code done", "the bootloader ended without starting a program", AGAIN),
    (
        "no bootable app partitions",
        "the bootloader found no program that it can start: none was written to its end, or it is damaged",
        AGAIN,
    ),
    ("invalid magic number", DAMAGED_TABLE, AGAIN),
    ("failed to verify partition table", DAMAGED_TABLE, AGAIN),
    ("load partition table error", DAMAGED_TABLE, AGAIN),
    ("partition table md5", DAMAGED_TABLE, AGAIN),
    ("invalid magic byte", DAMAGED_PROGRAM, AGAIN),
    ("image hash failed", DAMAGED_PROGRAM, AGAIN),
    ("checksum failed", DAMAGED_PROGRAM, AGAIN),
    ("app partition is not bootable", DAMAGED_PROGRAM, AGAIN),
    ("is not bootable", DAMAGED_PROGRAM, AGAIN),
    ("invalid segment length", DAMAGED_PROGRAM, AGAIN),
    (
        "smaller than the size in the binary image header",
        "the image was made for more flash than this board has",
        OTHER_BOARD,
    ),
    (
        "smaller than the size in binary image header",
        "the image was made for more flash than this board has",
        OTHER_BOARD,
    ),
    ("requires chip rev", "the image was made for a newer revision of the chip", OTHER_BOARD),
    ("can't run on lower chip", "the image was made for a newer revision of the chip", OTHER_BOARD),
    (
        "brownout",
        "the supply voltage fell too low",
        "take a shorter USB cable, another port, or a hub with a supply of its own",
    ),
    (
        "rst:0xf ",
        "the chip restarted because the supply voltage fell too low",
        "take a shorter USB cable, another port, or a hub with a supply of its own",
    ),
    (
        "rst:0x10 ",
        "the chip's own watchdog restarted it: nothing in the flash started in time",
        "flash it again if it goes on like this",
    ),
    ("rst:0x7 ", WATCHDOG, WATCHDOG_HELP),
    ("rst:0x8 ", WATCHDOG, WATCHDOG_HELP),
    ("rst:0x9 ", WATCHDOG, WATCHDOG_HELP),
    ("rst:0xb ", WATCHDOG, WATCHDOG_HELP),
    ("rst:0xd ", WATCHDOG, WATCHDOG_HELP),
    ("guru meditation error", "the program crashed", "keep the next lines for whoever wrote the program"),
    (
        "waiting for download",
        "the board is in download mode and runs no program",
        "take the wire off P2 (G23) if there is one, and press the reset button",
    ),
];

/// Explains each kind of words once, until a program runs.
#[derive(Debug, Default)]
pub(super) struct Explainer {
    /// A bit for each of [`MEANINGS`].
    told: u32,
}

impl Explainer {
    /// What `line` means, where it needs that, and it was not just told: a board without a program starts several times
    /// a second.
    pub(super) fn explain(&mut self, line: &LogLine) -> Option<Diagnostic> {
        if line.level != LogLevel::Raw {
            // It is in the firmware's form: the program runs.
            self.told = 0;
            return None;
        }
        let text = line.text.to_lowercase();
        let number = MEANINGS.iter().position(|(words, ..)| text.contains(words))?;
        let (_, message, help) = MEANINGS.get(number)?;
        // Other words with the same meaning were told as well.
        let same = |bit: usize| MEANINGS.get(bit).is_some_and(|(_, other, _)| other == message);
        let told = (0..MEANINGS.len()).any(|bit| self.told >> bit & 1 == 1 && same(bit));
        self.told |= 1 << number;
        (!told).then(|| Diagnostic::new(*message, *help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of lines, without the help.
    fn told(lines: &[&str]) -> Vec<String> {
        let mut explainer = Explainer::default();
        lines
            .iter()
            .filter_map(|line| explainer.explain(&LogLine::parse(line)))
            .map(|told| told.message)
            .collect()
    }

    #[test]
    fn words_of_a_board_that_does_not_start_lead_to_flashing_it_again() {
        for words in [
            "invalid header: 0xffffffff",
            "invalid header: 0x3ffc1234",
            "flash read err, 1000",
            "csum err:0xa9!=0x89",
            "ets_main.c 371 ",
            "user code done",
            "E (31) boot: No bootable app partitions in the partition table",
            "E (100) boot: No bootable app partitions",
            "E (36) flash_parts: partition 0 invalid magic number 0xffff",
            "E (42) boot: Failed to verify partition table",
            "E (42) boot: load partition table error!",
            "E (50) esp_image: image at 0x10000 has invalid magic byte (nothing flashed here?)",
            "E (84) esp_image: Image hash failed - image is corrupt",
            "E (84) esp_image: Checksum failed. Calculated 0x1 read 0x2",
            "E (84) boot: Factory app partition is not bootable",
            "rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
        ] {
            let told = Explainer::default().explain(&LogLine::parse(words)).unwrap();
            assert!(told.help.unwrap().starts_with(AGAIN), "{words}");
        }
        let brownout =
            Explainer::default().explain(&LogLine::parse("Brownout detector was triggered")).unwrap();
        assert!(brownout.message.contains("voltage") && brownout.help.unwrap().contains("cable"));
    }

    #[test]
    fn the_words_of_a_board_that_starts_need_no_meaning() {
        let quiet: [&str; 8] = [
            "ets Jun  8 2016 00:22:57",
            "",
            "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
            "rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
            "configsip: 0, SPIWP:0xee",
            "load:0x3fff0030,len:7176",
            "I (31) boot: ESP-IDF v5.5.1 2nd stage bootloader",
            "     0.210 warning no bootable app partitions",
        ];
        assert_eq!(told(&quiet), Vec::<String>::new());
    }

    #[test]
    fn each_kind_is_told_once_until_a_program_runs() {
        let round = [
            "rst:0x10 (RTCWDT_RTC_RESET)",
            "invalid header: 0xffffffff",
            "ets_main.c 371",
            "ets_loader.c 78",
        ];
        let again = told(&[round, round, round].concat());
        assert_eq!(again.len(), 3, "{again:?}");
        let runs =
            told(&["invalid header: 0xffffffff", "     0.210 info    it runs", "invalid header: 0xffffffff"]);
        assert_eq!(runs.len(), 2, "{runs:?}");
    }
}
