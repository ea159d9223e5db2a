//! The guard of the flash: the one place that every write and erase passes.
//!
//! [`Guard::check`] stands in front of the wire: it sees each command as it is sent, whoever made it
//! and from whatever image or table, and lets none through that could write or erase Pycom's block
//! or what lies beyond the flash. Erasing goes by whole sectors, so a range counts as the sectors that
//! it touches.

use std::ops::Range;

use esp_image::layout::{PROTECTED, SECTOR_BYTES};
use espflash::command::Command;

use super::job_event::Mac;

/// What may be written on one board.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Up to where; nothing may be written before it is known.
    flash_bytes: u32,
    /// A person confirmed that this board's own backup of the block is to be written.
    identity_confirmed: bool,
    /// Blocks that the write in progress may still send.
    blocks_left: u32,
}

/// Why a write or erase was not sent. Seeing one is a mistake in this program or in what it was
/// given; the board was not touched by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would have reached Pycom's block.
    #[error(
        "{from:#x} to {to:#x} reaches the block at 0x3ff000, where Pycom keeps the board's radio identity"
    )]
    Protected {
        /// First byte of the sectors.
        from: u64,
        /// First byte behind them.
        to: u64,
    },
    /// It would have reached beyond the flash.
    #[error("{from:#x} to {to:#x} reaches beyond the flash of {flash_bytes} bytes")]
    BeyondFlash {
        /// First byte of the sectors.
        from: u64,
        /// First byte behind them.
        to: u64,
        /// The size of the flash.
        flash_bytes: u32,
    },
    /// It would have erased everything.
    #[error("erasing the whole flash would erase the board's radio identity")]
    WholeFlash,
    /// Data without a write that announced it.
    #[error("more was to be written than was announced")]
    Unannounced,
    /// The block of one board is not to be written to another.
    #[error("the radio identity of {backup} does not belong on {board}")]
    OtherIdentity {
        /// Of which board it is.
        backup: Mac,
        board: Mac,
    },
}

impl Refusal {
    /// What to do next, as a sentence without a full stop.
    #[must_use]
    pub(super) fn help(&self) -> String {
        "choose another image or backup. This one was not written".to_owned()
    }
}

impl Guard {
    /// A guard that lets nothing through until it knows the flash.
    pub(super) fn new() -> Guard {
        Guard { flash_bytes: 0, identity_confirmed: false, blocks_left: 0 }
    }

    /// Tells how large the flash is.
    pub(super) fn set_flash_bytes(&mut self, flash_bytes: u32) {
        self.flash_bytes = flash_bytes;
    }

    /// Lets Pycom's block be written: a person confirmed it, and the backup is of this very board.
    ///
    /// # Errors
    /// When it is of another board.
    pub(super) fn confirm_identity(&mut self, backup: Mac, board: Mac) -> Result<(), Refusal> {
        if backup != board {
            return Err(Refusal::OtherIdentity { backup, board });
        }
        self.identity_confirmed = true;
        Ok(())
    }

    /// Whether the whole sectors that `range` touches may be written and erased.
    pub(super) fn may_write(&self, range: Range<u64>) -> Result<(), Refusal> {
        let sector = u64::from(SECTOR_BYTES);
        let from = range.start / sector * sector;
        let to = range.end.max(range.start + 1).div_ceil(sector) * sector;
        if to > u64::from(self.flash_bytes) {
            return Err(Refusal::BeyondFlash { from, to, flash_bytes: self.flash_bytes });
        }
        let (first, last) = (u64::from(PROTECTED.start), u64::from(PROTECTED.end));
        let meets = from < last && first < to;
        // Even when confirmed it is written by itself: nothing else may drag it along.
        let confirmed = self.identity_confirmed && from == first && to == last;
        if meets && !confirmed { Err(Refusal::Protected { from, to }) } else { Ok(()) }
    }

    /// The chip did not take `command`, which was sent: its block is still to come.
    pub(super) fn not_taken(&mut self, command: &Command<'_>) {
        if matches!(command, Command::FlashData { .. } | Command::FlashDeflData { .. }) {
            self.blocks_left = self.blocks_left.saturating_add(1);
        }
    }

    /// Whether `command` may be sent.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&mut self, command: &Command<'_>) -> Result<(), Refusal> {
        match *command {
            Command::FlashBegin { size, blocks, block_size, offset, .. }
            | Command::FlashDeflBegin { size, blocks, block_size, offset, .. } => {
                let offset = u64::from(offset);
                let mut bytes = u64::from(size);
                if matches!(command, Command::FlashBegin { .. }) {
                    // Blocks that are not compressed are written in full length.
                    bytes = bytes.max(u64::from(blocks) * u64::from(block_size));
                }
                self.blocks_left = 0;
                self.may_write(offset..offset + bytes)?;
                self.blocks_left = blocks;
                Ok(())
            }
            Command::FlashData { .. } | Command::FlashDeflData { .. } => {
                self.blocks_left = self.blocks_left.checked_sub(1).ok_or(Refusal::Unannounced)?;
                Ok(())
            }
            Command::EraseRegion { offset, size } => {
                let offset = u64::from(offset);
                self.may_write(offset..offset + u64::from(size))
            }
            Command::EraseFlash => Err(Refusal::WholeFlash),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 1 << 20;

    fn guard(flash_bytes: u32) -> Guard {
        let mut guard = Guard::new();
        guard.set_flash_bytes(flash_bytes);
        guard
    }

    fn raw(offset: u32, size: u32) -> Command<'static> {
        Command::FlashBegin {
            size,
            blocks: size.div_ceil(0x400),
            block_size: 0x400,
            offset,
            supports_encryption: false,
        }
    }

    fn deflated(offset: u32, size: u32) -> Command<'static> {
        Command::FlashDeflBegin { size, blocks: 1, block_size: 0x4000, offset, supports_encryption: false }
    }

    fn erase(offset: u32, size: u32) -> Command<'static> {
        Command::EraseRegion { offset, size }
    }

    /// SplitMix64, so that a failure can be repeated.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn nothing_is_written_before_the_flash_is_known() {
        assert!(matches!(Guard::new().check(&raw(0, 4)), Err(Refusal::BeyondFlash { .. })));
        assert!(matches!(Guard::new().check(&erase(0, 0)), Err(Refusal::BeyondFlash { .. })));
    }

    #[test]
    fn what_touches_a_sector_of_the_block_is_refused_by_a_single_byte() {
        for make in [raw, deflated, erase] {
            let mut guard = guard(8 * MIB);
            assert_eq!(guard.check(&make(0x3F_E000, 0x1000)), Ok(()));
            assert_eq!(guard.check(&make(0x40_0000, 0x1000)), Ok(()));
            assert!(guard.check(&make(0x3F_E000, 0x1001)).is_err());
            assert!(guard.check(&make(0x3F_F000, 1)).is_err());
            assert!(guard.check(&make(0x3F_FFFF, 1)).is_err());
            assert!(guard.check(&make(0x3F_FFFF, 0)).is_err(), "an erase of nothing may still take a sector");
            assert!(guard.check(&make(0, 8 * MIB)).is_err());
        }
    }

    #[test]
    fn the_padding_of_the_last_block_counts() {
        let begin = |blocks| Command::FlashBegin {
            size: 0x100,
            blocks,
            block_size: 0x4000,
            offset: 0x3F_B000,
            supports_encryption: false,
        };
        assert_eq!(guard(8 * MIB).check(&begin(1)), Ok(()));
        assert!(guard(8 * MIB).check(&begin(2)).is_err());
    }

    #[test]
    fn nothing_is_written_beyond_the_flash_and_no_number_wraps_around() {
        let mut guard = guard(4 * MIB);
        for (offset, size) in [(4 * MIB, 1), (u32::MAX, 1), (u32::MAX, u32::MAX), (0xFFFF_F000, 0x2000)] {
            for make in [raw, deflated, erase] {
                assert!(matches!(guard.check(&make(offset, size)), Err(Refusal::BeyondFlash { .. })));
            }
        }
    }

    #[test]
    fn the_whole_flash_is_never_erased() {
        let mut guard = guard(8 * MIB);
        guard.confirm_identity(Mac([1; 6]), Mac([1; 6])).unwrap();
        assert_eq!(guard.check(&Command::EraseFlash), Err(Refusal::WholeFlash));
    }

    #[test]
    fn data_is_only_sent_as_far_as_it_was_announced() {
        let data = Command::FlashDeflData { data: &[0], pad_to: 0, pad_byte: 0xFF, sequence: 0 };
        let mut guard = guard(4 * MIB);
        assert_eq!(guard.check(&data), Err(Refusal::Unannounced));
        guard.check(&deflated(0x1000, 0x1000)).unwrap();
        assert_eq!(guard.check(&data), Ok(()));
        assert_eq!(guard.check(&data), Err(Refusal::Unannounced));
        guard.check(&deflated(0x1000, 0x1000)).unwrap();
        assert!(guard.check(&deflated(0x3F_F000, 0x1000)).is_err());
        assert_eq!(guard.check(&data), Err(Refusal::Unannounced), "a refused write announces nothing");
    }

    #[test]
    fn the_block_is_written_by_itself_once_a_person_confirmed_it_for_this_board() {
        let (this, other) = (Mac([1; 6]), Mac([2; 6]));
        let mut guard = guard(8 * MIB);
        assert!(guard.confirm_identity(other, this).is_err());
        assert!(guard.check(&deflated(0x3F_F000, 0x1000)).is_err());
        guard.confirm_identity(this, this).unwrap();
        assert_eq!(guard.check(&deflated(0x3F_F000, 0x1000)), Ok(()));
        assert!(guard.check(&deflated(0x3F_E000, 0x2000)).is_err(), "not along with something else");
        assert!(guard.check(&deflated(0x3F_F000, 0x1001)).is_err());
    }

    #[test]
    fn no_command_at_random_that_is_let_through_touches_the_block_or_leaves_the_flash() {
        let mut seed = 7;
        let mut passed = 0;
        for round in 0..200_000_u32 {
            let flash_bytes = [4 * MIB, 8 * MIB, 16 * MIB][round as usize % 3];
            let mut guard = guard(flash_bytes);
            // Half of them near an edge, where mistakes are made.
            let edge = [0, 0x3F_F000, 0x40_0000, u64::from(flash_bytes)][(random(&mut seed) % 4) as usize];
            let near = (edge + random(&mut seed) % 0x4000).saturating_sub(0x2000);
            let pick = if round % 2 == 0 { near } else { random(&mut seed) };
            let offset = u32::try_from(pick & 0xFFFF_FFFF).unwrap();
            let size = u32::try_from(random(&mut seed) >> (32 + random(&mut seed) % 32)).unwrap();
            for command in [raw(offset, size), deflated(offset, size), erase(offset, size)] {
                if guard.check(&command).is_ok() {
                    passed += 1;
                    let first = u64::from(offset) / 0x1000;
                    let last = (u64::from(offset) + u64::from(size).max(1) - 1) / 0x1000;
                    assert!(!(first..=last).contains(&0x3FF), "{command:?}");
                    assert!((last + 1) * 0x1000 <= u64::from(flash_bytes), "{command:?}");
                }
            }
        }
        assert!(passed > 20_000, "too few commands pass to show anything: {passed}");
    }
}
