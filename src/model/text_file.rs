//! Text files that may hold anything.

use std::{fs::File, io, io::Read, path::Path};

/// The text of `file`, which has at most `most` bytes.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where it is longer or no UTF-8, and when it cannot be read.
pub(crate) fn read(file: &Path, most: u64) -> io::Result<String> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    // Not by the size that the system tells: a device says that it has none.
    let mut bytes = Vec::new();
    File::open(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(invalid(format!("it has more than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is no text in UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_takes_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        assert_eq!(read(&file, 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, "twelv").unwrap();
        assert_eq!(read(&file, 5).unwrap(), "twelv");
        for content in [&b"twelve"[..], b"\xff\xfe"] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(read(&file, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        // A terabyte, as it tells.
        std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&file, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(read(folder.path(), 5).is_err(), "a folder");
    }
}
