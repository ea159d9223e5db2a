//! CRC-32 as in ISO 3309, Ethernet and zlib, for what is kept on a board's flash.

/// The checksum of `bytes`. Bit by bit: it runs over a few hundred bytes at a start, and a table
/// would cost more flash than it saves time.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_check_value_of_its_catalogue_entry() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
