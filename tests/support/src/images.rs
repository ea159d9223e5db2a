//! Images that no board would start, each made of the one that comes with the program.

use md5::Md5;
use sha2::{Digest, Sha256};

const MERGED: &[u8] = include_bytes!("../../../assets/firmware/twinlight-lopy4.bin");

const BOOTLOADER: usize = 0x1000;
const TABLE: usize = 0x8000;
const APP: usize = 0x1_0000;
const HEADER: usize = 24;
const ENTRY: usize = 32;

/// An image that is refused for a board with 4 MB of flash and revision 1.
pub struct RefusedImage {
    pub bytes: Vec<u8>,
    /// What is said of it, and what to do.
    pub says: &'static str,
    pub help: &'static str,
    /// Whether the board has to be asked first.
    pub asks_board: bool,
}

/// What an image is put together from.
struct Parts {
    bootloader: Program,
    /// Entries of 32 bytes, without checksum and end.
    table: Vec<[u8; ENTRY]>,
    app: Program,
    app_at: usize,
}

struct Program {
    header: [u8; HEADER],
    /// Where they go, and what they are.
    segments: Vec<(u32, Vec<u8>)>,
}

impl Program {
    fn read(bytes: &[u8]) -> Program {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut segments = Vec::new();
        let mut at = HEADER;
        for _ in 0..bytes[1] {
            let length = word(at + 4) as usize;
            segments.push((word(at), bytes[at + 8..at + 8 + length].to_vec()));
            at += 8 + length;
        }
        Program { header: bytes[..HEADER].try_into().unwrap(), segments }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.to_vec();
        let mut checksum = 0xEF;
        for (address, data) in &self.segments {
            bytes.extend(address.to_le_bytes());
            bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
            bytes.extend(data);
            checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
        }
        bytes.resize((bytes.len() + 16) / 16 * 16, 0);
        *bytes.last_mut().unwrap() = checksum;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend(digest);
        bytes
    }

    fn start_at(&mut self, entry: u32) {
        self.header[4..8].copy_from_slice(&entry.to_le_bytes());
    }
}

impl Parts {
    fn read() -> Parts {
        let table = MERGED[TABLE..].chunks(ENTRY).take_while(|entry| entry.starts_with(&[0xAA, 0x50]));
        Parts {
            bootloader: Program::read(&MERGED[BOOTLOADER..]),
            table: table.map(|entry| entry.try_into().unwrap()).collect(),
            app: Program::read(&MERGED[APP..]),
            app_at: APP,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0xFF; self.app_at];
        let bootloader = self.bootloader.bytes();
        bytes[BOOTLOADER..BOOTLOADER + bootloader.len()].copy_from_slice(&bootloader);
        let table = self.table.concat();
        let sum: [u8; 16] = Md5::digest(&table).into();
        let end = TABLE + table.len();
        bytes[TABLE..end].copy_from_slice(&table);
        bytes[end..end + 2].copy_from_slice(&[0xEB, 0xEB]);
        bytes[end + 16..end + ENTRY].copy_from_slice(&sum);
        bytes.extend(self.app.bytes());
        bytes
    }

    /// The partition `name`.
    fn partition(&mut self, name: &str) -> &mut [u8; ENTRY] {
        self.table.iter_mut().find(|entry| entry[12..].starts_with(name.as_bytes())).unwrap()
    }

    fn place(&mut self, name: &str, offset: u32, size: u32) {
        let entry = self.partition(name);
        entry[4..8].copy_from_slice(&offset.to_le_bytes());
        entry[8..12].copy_from_slice(&size.to_le_bytes());
    }

    /// One more partition, of data unless its type is changed.
    fn add(&mut self, name: &str, offset: u32, size: u32) {
        let mut entry = [0; ENTRY];
        entry[..4].copy_from_slice(&[0xAA, 0x50, 1, 0x40]);
        entry[12..12 + name.len()].copy_from_slice(name.as_bytes());
        self.table.push(entry);
        self.place(name, offset, size);
    }
}

/// The image as it is, put together anew.
pub fn sound() -> Vec<u8> {
    Parts::read().bytes()
}

fn of(says: &'static str, help: &'static str, change: impl FnOnce(&mut Parts)) -> RefusedImage {
    let mut parts = Parts::read();
    change(&mut parts);
    RefusedImage { bytes: parts.bytes(), says, help, asks_board: false }
}

/// With bytes that are changed behind every checksum's back.
fn spoilt(says: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> RefusedImage {
    let mut bytes = sound();
    change(&mut bytes);
    RefusedImage { bytes, says, help: "copy or build the file anew", asks_board: false }
}

/// One of each kind. Nothing in them depends on how long the program is.
pub fn refused() -> Vec<RefusedImage> {
    let mut images = Vec::new();
    tables(&mut images);
    segments(&mut images);
    programs(&mut images);
    damaged(&mut images);
    images
}

fn tables(images: &mut Vec<RefusedImage>) {
    images.push(RefusedImage {
        asks_board: true,
        ..of(
            "has a partition \"more\" that ends at 0x501000, and this board's flash ends at 0x400000",
            "make the partitions smaller, or take a board with a larger flash",
            |parts| {
                parts.add("more", 0x50_0000, 0x1000);
                parts.bootloader.header[3] = 0x30;
            },
        )
    });
    images.push(of(
        "ends at 0x2f0000, and the header of its bootloader names 2 MB of flash",
        "let the partitions end there, or build the bootloader for a larger flash",
        |parts| {
            parts.place("factory", 0x1_0000, 0x2E_0000);
            parts.bootloader.header[3] = 0x10;
        },
    ));
    images.push(of(
        "has a partition \"factory\" of 0xfffff000 bytes at 0x10000, which ends beyond 2³²",
        "correct that partition's offset and size",
        |parts| parts.place("factory", 0x1_0000, 0xFFFF_F000),
    ));
    images.push(of(
        "has the app's partition \"factory\" at 0x11000, which is no multiple of 0x10000",
        "put the app at a multiple of 0x10000",
        |parts| {
            parts.place("factory", 0x1_1000, 0x1E_0000);
            parts.app_at = 0x1_1000;
        },
    ));
    images.push(of(
        "has a partition \"otadata\" that lies upon another",
        "give each partition a place of its own",
        |parts| parts.place("otadata", 0xC000, 0x2000),
    ));
    images.push(of(
        "has a partition \"factory\" that reaches the block at 0x3ff000",
        "let the partitions end at or before 0x3ff000",
        |parts| parts.place("factory", 0x1_0000, 0x3F_0000),
    ));
    images.push(of("has no partition for a factory app", "add a partition of type app", |parts| {
        parts.partition("factory")[3] = 0x10;
    }));
    images.push(of(
        "has two partitions for a factory app, \"factory\" and \"second\"",
        "leave one of them in the partition table",
        |parts| {
            parts.add("second", 0x20_0000, 0x10_0000);
            parts.partition("second")[2..4].copy_from_slice(&[0, 0]);
        },
    ));
    images.push(of(
        "has a partition \"otadata\" of 0x1000 bytes for the choice of the app",
        "give that partition (data, ota) 0x2000 bytes",
        |parts| parts.place("otadata", 0xD000, 0x1000),
    ));
    images.push(of(
        "has no partition for the provisioning record",
        "add one of 0x1000 bytes to its partition table",
        |parts| parts.partition("prov")[3] = 7,
    ));
    images.push(of(" bytes, and there is room for 917504", "build a smaller one", |parts| {
        parts.place("factory", 0x1_0000, 0xE_0000);
    }));
    images.push(spoilt("has a partition table that has a wrong checksum", |bytes| bytes[TABLE + 12] ^= 1));
    images.push(spoilt("has a partition table that has two checksums", |bytes| {
        let entry = bytes[TABLE + 4 * ENTRY..TABLE + 5 * ENTRY].to_vec();
        bytes[TABLE + 5 * ENTRY..TABLE + 6 * ENTRY].copy_from_slice(&entry);
    }));
    images.push(spoilt("has a partition table that has no end", |bytes| {
        let last = bytes[TABLE + 3 * ENTRY..TABLE + 4 * ENTRY].to_vec();
        let all = [&bytes[TABLE..TABLE + 3 * ENTRY], &last.repeat(0x1000 / ENTRY - 3)].concat();
        bytes[TABLE..TABLE + 0x1000].copy_from_slice(&all);
    }));
}

fn segments(images: &mut Vec<RefusedImage>) {
    let mut of = |says, help, change: fn(&mut Parts)| images.push(of(says, help, change));
    let again = "link it anew for the ESP32";
    of("segment 3 is mapped to 0x400d1020 and would lie at", "merge the image anew", |parts| {
        parts.app.segments[3].0 = 0x400D_1020;
    });
    of("holds an app whose segment 1 goes to 0x60000000 to ", again, |parts| {
        parts.app.segments[1].0 = 0x6000_0000;
    });
    of("holds an app whose segment 2 goes to 0x400a9000", again, |parts| {
        parts.app.segments[2].0 = 0x400A_9000;
    });
    of("holds a bootloader whose segment 1 goes to 0x400d0000", again, |parts| {
        parts.bootloader.segments[1].0 = 0x400D_0000;
    });
    of("holds an app whose segments 2 and 4 go to the same addresses", again, |parts| {
        parts.app.segments[4].0 = parts.app.segments[2].0;
    });
    of("holds an app that maps the segments 0 and 3 as the same kind", again, |parts| {
        parts.app.segments[3].0 = 0x3F50_0020;
    });
    of(
        "holds an app whose segment 1 goes to 0x3fff1000, upon the bootloader that loads it",
        again,
        |parts| {
            parts.app.segments[1].0 = 0x3FFF_1000;
        },
    );
    of(" bytes, which is no multiple of 4", again, |parts| {
        let segment = &mut parts.app.segments[4].1;
        segment.truncate(segment.len() - 3);
    });
    of("holds an app that starts at 0x3ffb0000, which is in none of its segments of code", again, |parts| {
        parts.app.start_at(0x3FFB_0000);
    });
    of("holds a bootloader that starts at 0x40090000", again, |parts| {
        parts.bootloader.start_at(0x4009_0000);
    });
}

fn programs(images: &mut Vec<RefusedImage>) {
    images.push(of("holds an app for another chip (id 9)", "build it for the ESP32", |parts| {
        parts.app.header[12] = 9;
    }));
    images.push(of("holds a bootloader for another chip (id 5)", "build it for the ESP32", |parts| {
        parts.bootloader.header[12] = 5;
    }));
    for (says, change) in [
        ("its app is not for chip revision 1.0", (|parts| set_revision(&mut parts.app)) as fn(&mut Parts)),
        ("its bootloader is not for chip revision 1.0", |parts| set_revision(&mut parts.bootloader)),
    ] {
        let image = of(says, "build it for chips from revision 1.0 on", change);
        images.push(RefusedImage { asks_board: true, ..image });
    }
    let larger =
        of("its app is made for 16 MB of flash", "build it for the 4 MB that this board has", |parts| {
            parts.app.header[3] = 0x40;
        });
    images.push(RefusedImage { asks_board: true, ..larger });
}

fn set_revision(program: &mut Program) {
    program.header[15..17].copy_from_slice(&300_u16.to_le_bytes());
}

fn damaged(images: &mut Vec<RefusedImage>) {
    images.push(spoilt("holds no app that could start: it has 0 segments", |bytes| bytes[APP + 1] = 0));
    images.push(spoilt("holds no app that could start: it has 17 segments", |bytes| bytes[APP + 1] = 17));
    images.push(spoilt("holds no app that could start: it has a wrong checksum", |bytes| {
        bytes[APP + 0x100] ^= 1;
    }));
    images.push(spoilt("holds no app that could start: it has a wrong digest", |bytes| {
        *bytes.last_mut().unwrap() ^= 1;
    }));
    // The header says that a digest follows, and none does.
    images.push(spoilt("it is cut off before its digest", |bytes| bytes.truncate(bytes.len() - 32)));
    images.push(spoilt("says 2 where 0 or 1 tells whether a digest ends it", |bytes| bytes[APP + 23] = 2));
    images.push(spoilt("holds no bootloader that could start: it has a wrong checksum", |bytes| {
        bytes[BOOTLOADER + 0x100] ^= 1;
    }));
    images.push(spoilt("holds no bootloader that could start: it has 0 segments", |bytes| {
        bytes[BOOTLOADER + 1] = 0;
    }));
}
