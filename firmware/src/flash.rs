//! What the board keeps on its flash: the provisioning record, and the count of its starts.

use alloc::vec;

use esp_hal::{peripherals::FLASH, rng::Rng};
use esp_storage::FlashStorage;
use traffic_light::{
    Start,
    boot_counter::{self, Entry, SECTOR_BYTES, Slot},
    record::{MAX_RECORD_BYTES, Record, RecordError},
};

/// The partition `prov` (section 4 of the design).
const PROV_OFFSET: u32 = 0xF000;
/// The partition `nvs`; its first two sectors count the starts.
const STARTS_OFFSET: u32 = 0x9000;

pub struct Flash {
    storage: FlashStorage<'static>,
    last: Option<Entry>,
    next: Option<Slot>,
}

/// What is new with this start of the board.
pub struct Started {
    /// What the light has to know.
    pub start: Start,
    /// How many starts there have been.
    pub count: u32,
}

impl Flash {
    /// The flash that the program runs from.
    pub fn new(flash: FLASH<'static>) -> Flash {
        Flash { storage: FlashStorage::new(flash), last: None, next: None }
    }

    /// The provisioning record.
    pub fn record(&mut self) -> Result<Record, RecordError> {
        let mut bytes = vec![0; MAX_RECORD_BYTES];
        if let Err(error) = self.storage.read_nor(PROV_OFFSET, &mut bytes) {
            log::error!("the flash cannot be read: {error:?}");
            return Err(RecordError::Length);
        }
        Record::decode(&bytes)
    }

    /// Counts this start and gives the run its number.
    pub fn start(&mut self, record: &Record) -> Started {
        let mut sectors = vec![0; 2 * SECTOR_BYTES];
        if let Err(error) = self.storage.read_nor(STARTS_OFFSET, &mut sectors) {
            log::error!("the start counter cannot be read: {error:?}");
        }
        let (first, second) = sectors.split_at(SECTOR_BYTES);
        let (last, slot) = boot_counter::last([first, second]);
        self.last = last;
        self.next = Some(slot);
        let entry = Entry::after(last, record.timing.lease_ms);
        self.write(entry);

        let random = Rng::new();
        let seed = u64::from(random.random()) << 32 | u64::from(random.random());
        let start = Start {
            boot: boot_counter::boot_number(record.provisioned_s, entry.count),
            seed,
            lease_max_ms: entry.lease_max_ms,
            // The board has no clock that runs without power.
            last_run_ended_ms: None,
        };
        Started { start, count: entry.count }
    }

    /// Remembers that this run may promise for so long; returns whether it does.
    pub fn keep_lease(&mut self, lease_ms: u32) -> bool {
        match self.last {
            Some(last) if last.lease_max_ms >= lease_ms => true,
            Some(last) => self.write(Entry::after(self.last, lease_ms.max(last.lease_max_ms))),
            None => false,
        }
    }

    fn write(&mut self, entry: Entry) -> bool {
        let Some(slot) = self.next else { return false };
        let offset = STARTS_OFFSET + u32::try_from(slot.offset()).unwrap_or(0);
        let sector = offset - offset % FlashStorage::SECTOR_SIZE;
        let erased = !slot.erase || self.storage.erase(sector, sector + FlashStorage::SECTOR_SIZE).is_ok();
        if !erased || self.storage.write_nor(offset, &entry.encode()).is_err() {
            log::error!("the start counter cannot be written; the others will ignore the light after its next start");
            return false;
        }
        self.last = Some(entry);
        self.next = Some(slot.after());
        true
    }
}
