//! The jobs, from the first byte to the last.

use std::time::Instant;

use esp_image::layout::PARTITION_TABLE_OFFSET;

use super::{
    BackupJob, BoardError, BoardInfo, Cancel, Connection, EntryMethod, FlashJob, JobEvent, JobObserver,
    Outcome, ProvisionJob, RestoreJob, Written, backup,
    entry::{self, EntryRoute},
    flash_writer::{WriteReport, write_flash},
    image::{self, Image},
    loader::Loader,
    ports::{self, Adapter},
    serial,
};

/// Bytes of a partition table that are looked at: room for all that boards of this program have.
const TABLE_BYTES: u32 = 0x200;

/// Backs up, flashes, provisions, verifies, starts.
///
/// # Errors
/// What went wrong; [`BoardError::Halfway`] where the board is left half written.
pub fn flash(job: &FlashJob, observer: &mut dyn JobObserver, cancel: &Cancel) -> Result<Outcome, BoardError> {
    let image = Image::load(&job.image)?;
    let regions = image.regions(&job.record)?;
    if let Some((_, place)) = &job.backup {
        backup::check_place(place)?;
    }
    at_board(&job.connection, observer, cancel, |loader, observer| {
        image.check_for(&loader.info)?;
        let backup = match &job.backup {
            Some((scope, place)) => {
                let made = backup::back_up(loader, *scope, place, observer)?;
                observer.notify(JobEvent::BackedUp(made.clone()));
                Some(made)
            }
            None => None,
        };
        let started = Instant::now();
        let report = write_flash(loader, &regions, observer)?;
        Ok(Written { backup, ..written(loader, report, started) })
    })
    .map(|(written, started)| Outcome::Flashed(Written { started, ..written }))
}

/// Writes the provisioning record alone.
///
/// # Errors
/// What went wrong. A record that is half written is none: the board says so and waits.
pub fn provision(
    job: &ProvisionJob,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
) -> Result<Outcome, BoardError> {
    // Checked before a board is bothered.
    image::record_region(0, &job.record)?;
    // Four kilobytes are written before the stub would be loaded.
    let connection = Connection { stub: false, max_baud: serial::BAUD, ..job.connection.clone() };
    at_board(&connection, observer, cancel, |loader, observer| {
        let started = Instant::now();
        let table = loader.read(PARTITION_TABLE_OFFSET, TABLE_BYTES, &mut |_| {})?;
        let at = image::record_at(&table).ok_or(BoardError::OtherFirmware)?;
        let report = write_flash(loader, &[image::record_region(at, &job.record)?], observer)?;
        Ok(written(loader, report, started))
    })
    .map(|(written, started)| Outcome::Provisioned(Written { started, ..written }))
}

/// Reads the flash, or Pycom's block, into a file.
///
/// # Errors
/// What went wrong; there is no file then.
pub fn back_up(
    job: &BackupJob,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
) -> Result<Outcome, BoardError> {
    backup::check_place(&job.place)?;
    at_board(&job.connection, observer, cancel, |loader, observer| {
        let made = backup::back_up(loader, job.scope, &job.place, observer)?;
        observer.notify(JobEvent::BackedUp(made.clone()));
        Ok(made)
    })
    .map(|(made, _)| Outcome::BackedUp(made))
}

/// Writes a backup back.
///
/// # Errors
/// What went wrong; [`BoardError::Halfway`] where the board is left half written.
pub fn restore(
    job: &RestoreJob,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
) -> Result<Outcome, BoardError> {
    let loaded = backup::load(&job.file)?;
    at_board(&job.connection, observer, cancel, |loader, observer| {
        let started = Instant::now();
        let (report, identity) = super::restore::restore(loader, loaded, job.of_another_board, observer)?;
        Ok((written(loader, report, started), identity))
    })
    .map(|((written, identity), started)| Outcome::Restored {
        written: Written { started, ..written },
        identity,
    })
}

/// Looks what the board is, and starts its program again.
///
/// # Errors
/// When it cannot be reached, or is none that may be flashed.
pub fn examine(
    connection: &Connection,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
) -> Result<Outcome, BoardError> {
    let connection = Connection { stub: false, max_baud: serial::BAUD, ..connection.clone() };
    at_board(&connection, observer, cancel, |loader, _| Ok(loader.info.clone()))
        .map(|(info, _)| Outcome::Examined(info))
}

/// Resets a board, so that its program starts anew.
///
/// # Errors
/// When the port cannot be opened, a PIC does not answer, or only the reset button does it.
pub fn reset(connection: &Connection) -> Result<Outcome, BoardError> {
    if way(connection)?.reset(&connection.port)? { Ok(Outcome::Reset) } else { Err(BoardError::NoReset) }
}

/// How the board is reached.
pub(super) fn way(connection: &Connection) -> Result<EntryRoute, BoardError> {
    let adapter = ports::adapter(&connection.port);
    // A port is not opened for nothing: that moves its wires.
    let wired = connection.entry == EntryMethod::Auto
        && !adapter.is_some_and(Adapter::has_pic)
        && entry::is_wired(&connection.port)?;
    Ok(EntryRoute::choose(connection.entry, adapter, wired))
}

/// Works on a board in download mode, and starts its program afterwards; whether that was done.
fn at_board<T>(
    connection: &Connection,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
    work: impl FnOnce(&mut Loader, &mut dyn JobObserver) -> Result<T, BoardError>,
) -> Result<(T, bool), BoardError> {
    let mut loader = Loader::connect(connection, observer, cancel)?;
    match work(&mut loader, observer) {
        Ok(done) => {
            // All is done and verified: a reset that fails takes nothing of it back.
            let started = loader.leave(observer).unwrap_or_else(|error| {
                let text = format!("{error}: press the reset button to start the program");
                observer.notify(JobEvent::Noted(text));
                false
            });
            Ok((done, started))
        }
        Err(error) => {
            loader.give_up(!matches!(error, BoardError::Halfway(_)));
            Err(error)
        }
    }
}

fn written(loader: &Loader, report: WriteReport, started: Instant) -> Written {
    let board: BoardInfo = loader.info.clone();
    Written {
        board,
        backup: None,
        written: report.written,
        skipped: report.skipped,
        took: started.elapsed(),
        started: false,
    }
}
