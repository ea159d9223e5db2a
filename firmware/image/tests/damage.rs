//! Images that are damaged, or none at all, are told as that and never trusted.
#![allow(clippy::unwrap_used)]

use esp_image::{Header, Partition, Program, ProgramError, TableError};

const APP: &[u8] = include_bytes!("../../../assets/firmware/app.bin");
const BOOTLOADER: &[u8] = include_bytes!("../../../assets/firmware/bootloader.bin");
const TABLE: &[u8] = include_bytes!("../../../assets/firmware/partition-table.bin");

/// SplitMix64, so that a failure can be repeated.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    usize::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()
}

#[test]
fn a_program_is_read_whatever_follows_it() {
    let app = Program::read(APP).unwrap();
    assert_eq!(app.length, APP.len());
    assert_eq!(app.descriptor.as_ref().unwrap().project, "twinlight-firmware");
    let followed = [APP, &[0; 100]].concat();
    assert_eq!(Program::read(&followed), Ok(app));
    assert_eq!(Program::read(BOOTLOADER).unwrap().descriptor, None);
}

#[test]
fn a_program_that_is_cut_anywhere_is_refused() {
    for length in (0..200).chain((200..BOOTLOADER.len()).step_by(97)) {
        assert!(Program::read(&BOOTLOADER[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_program_with_any_byte_changed_is_refused() {
    let mut seed = 3;
    for _ in 0..300 {
        let mut bytes = BOOTLOADER.to_vec();
        let at = random(&mut seed) % bytes.len();
        bytes[at] ^= 1 << (random(&mut seed) % 8);
        assert!(at == 23 || Program::read(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn bytes_at_random_are_never_read_beyond_their_end() {
    let mut seed = 5;
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> =
            (0..random(&mut seed) % 300).map(|_| random(&mut seed).to_le_bytes()[0]).collect();
        for (at, byte) in [(0, 0xE9), (1, 3), (23, 1)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        // A length that is no length.
        if let Some(length) = bytes.get_mut(28..32) {
            length.copy_from_slice(&[0xFF; 4]);
        }
        assert!(Program::read(&bytes).is_err());
        let _ = Partition::read_table(&bytes);
    }
    assert_eq!(Program::read(&[]), Err(ProgramError::CutOff));
    assert_eq!(Program::read(&[0; 64]), Err(ProgramError::Magic));
}

#[test]
fn a_program_says_on_which_revisions_it_starts() {
    let header = Header::read(APP).unwrap();
    assert!(header.starts_on(0) && header.starts_on(100) && header.starts_on(301));
    assert!(!header.starts_on(400));
    let newer = Header { min_revision: 301, ..header };
    assert!(!newer.starts_on(100) && newer.starts_on(301));
    let older_field = Header { min_major: 3, ..header };
    assert!(!older_field.starts_on(100) && older_field.starts_on(300));
    assert!(Header { max_revision: 0, ..header }.starts_on(900), "no limit was written");
}

#[test]
fn a_table_is_read_and_a_changed_one_refused() {
    let names: Vec<_> =
        Partition::read_table(TABLE).unwrap().into_iter().map(|partition| partition.name).collect();
    assert_eq!(names, ["nvs", "otadata", "prov", "factory"]);
    let mut bytes = TABLE.to_vec();
    bytes[8] ^= 1;
    assert_eq!(Partition::read_table(&bytes), Err(TableError::Checksum));
    bytes[32] = 0;
    assert_eq!(Partition::read_table(&bytes), Err(TableError::Entry(32)));
    assert_eq!(Partition::read_table(&[0xFF; 64]), Err(TableError::Empty));
}
