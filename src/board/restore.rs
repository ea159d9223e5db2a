//! Writes a backup back, and leaves Pycom's block alone unless a person wants this board's own back.

use esp_image::layout::PROTECTED;

use super::{
    BackupScope, BoardError, Identity, JobObserver, Question,
    backup::Loaded,
    flash_writer::{Region, WriteReport, write_flash},
    loader::Loader,
    memory::checksum,
};

/// Makes the flash what it was.
pub(super) fn restore(
    loader: &mut Loader,
    backup: Loaded,
    of_another_board: bool,
    observer: &mut dyn JobObserver,
) -> Result<(WriteReport, Identity), BoardError> {
    let board = loader.info.mac;
    if backup.mac != board && !of_another_board {
        return Err(BoardError::OtherBoard { backup: backup.mac, board });
    }
    let (size, flash) = (backup.bytes.len() as u64, u64::from(loader.info.flash_bytes));
    if backup.scope == BackupScope::Whole && size != flash {
        return Err(BoardError::OtherSize { backup: size, board: flash });
    }
    let (mac, scope) = (backup.mac, backup.scope);
    let mut regions = Vec::new();
    let identity = match scope {
        BackupScope::Identity => backup.bytes,
        BackupScope::Whole => {
            let (before, identity, after) = split(backup.bytes);
            regions.push(Region::new("flash below Pycom's block", 0, before));
            regions.push(Region::new("flash above Pycom's block", PROTECTED.end, after));
            identity
        }
    };
    regions.retain(|region| !region.bytes.is_empty());
    let size = PROTECTED.end - PROTECTED.start;
    let outcome = if identity.len() != size as usize {
        Identity::NotHeld
    } else if loader.checksum(PROTECTED.start, size)? == checksum(&identity) {
        Identity::Equal
    } else if mac == board && observer.ask(&Question::IdentityDiffers { mac }) {
        loader.line.guard.confirm_identity(mac, board)?;
        let region = Region::new("Pycom's block", PROTECTED.start, identity);
        regions.push(Region { guards_itself: true, ..region });
        Identity::Written
    } else {
        Identity::LeftAlone
    };
    loader.cancel().check()?;
    Ok((write_flash(loader, &regions, observer)?, outcome))
}

/// What lies below Pycom's block, the block, and what lies above.
fn split(mut bytes: Vec<u8>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let at = |offset: u32, bytes: &Vec<u8>| bytes.len().min(offset as usize);
    let after = bytes.split_off(at(PROTECTED.end, &bytes));
    let identity = bytes.split_off(at(PROTECTED.start, &bytes));
    (bytes, identity, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_split_at_the_block() {
        let (before, identity, after) = split(vec![0; 8 << 20]);
        assert_eq!((before.len(), identity.len(), after.len()), (0x3F_F000, 0x1000, 4 << 20));
        let (before, identity, after) = split(vec![0; 4 << 20]);
        assert_eq!((before.len(), identity.len(), after.len()), (0x3F_F000, 0x1000, 0));
    }
}
