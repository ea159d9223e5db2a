//! Images and partition tables that a person chooses for flashing: reading them never panics.
#![no_main]

use esp_image::{Header, Partition, Program};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = Header::read(bytes) {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = Program::read(bytes) {
        assert!(!error.to_string().is_empty());
    }
    match Partition::read_table(bytes) {
        Ok(partitions) => assert!(!partitions.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
