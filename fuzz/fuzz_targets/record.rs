//! The provisioning record: whatever lies on the flash, reading it does not panic, and a record that
//! is taken is one that a board can work with and that is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use traffic_light::{
    crc::crc32,
    record::{FIRST_FORMAT, FORMAT, MAGIC, Record},
};

fuzz_target!(|data: &[u8]| {
    check(data);
    // A checksum is not guessed: behind a right one the payload is reached.
    let Ok(length) = u16::try_from(data.len()) else { return };
    for format in FIRST_FORMAT..=FORMAT {
        let mut flash = MAGIC.to_vec();
        flash.extend(format.to_le_bytes());
        flash.extend(length.to_le_bytes());
        flash.extend(data);
        flash.extend(crc32(&flash).to_le_bytes());
        check(&flash);
    }
});

fn check(flash: &[u8]) {
    match Record::decode(flash) {
        Ok(record) => {
            assert_eq!(record.check(), Ok(()));
            let written = record.encode().expect("a record that was read can be written");
            assert_eq!(Record::decode(&written).as_ref(), Ok(&record));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
