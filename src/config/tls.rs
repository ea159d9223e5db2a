//! TLS to the broker, and the files that it takes.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::table::{Member, Reader, Table};
use crate::{
    model::{Diagnostic, private_file},
    tls::{Identity, Tls, TlsError, Trust},
};

/// The most bytes of a file. A system's whole list of authorities has a quarter of a megabyte.
const MAX_BYTES: u64 = 4 << 20;
/// What has a meaning with TLS alone.
const WITH_TLS: [&str; 4] = ["ca_file", "cert_file", "key_file", "insecure"];

/// What `[broker]` says of TLS; `None` without it, and where something is wrong with it.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Tls> {
    let on = table.member("tls").and_then(|member| reader.flag(&member)).unwrap_or(false);
    if !on {
        for member in WITH_TLS.iter().filter_map(|name| table.member(name)) {
            reader.wrong(&member, ("it only works with TLS", "add tls = true, or remove it"));
        }
        return None;
    }
    let authorities = match table.member("ca_file") {
        Some(member) => Some(read_certificates(reader, &member)?),
        None => None,
    };
    let insecure = table.member("insecure");
    let trust = match (insecure.as_ref().and_then(|member| reader.flag(member)), authorities) {
        (Some(true), Some(_)) => {
            let text = ("it would check nothing, and ca_file says whom to trust", "remove one of the two");
            insecure.iter().for_each(|member| reader.wrong(member, text));
            return None;
        }
        (Some(true), None) => Trust::AcceptAnyCertificate,
        (_, Some(authorities)) => Trust::Authorities(authorities),
        (_, None) => Trust::System,
    };
    let identity = match (table.member("cert_file"), table.member("key_file")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let chain = read_certificates(reader, &certificate);
            let key = read_key(reader, &key);
            Some(Identity { chain: chain?, key: key? })
        }
        (Some(_), None) => {
            reader.missing(table, "key_file", "add key_file = \"…\" with the key of cert_file's certificate");
            return None;
        }
        (None, Some(_)) => {
            reader.missing(
                table,
                "cert_file",
                "add cert_file = \"…\" with the certificate of key_file's key",
            );
            return None;
        }
    };
    match Tls::new(trust, identity) {
        Ok(tls) => Some(tls),
        Err(error) => {
            let name = match error {
                TlsError::NoSystemRoots(_) => "tls",
                TlsError::Authority(_) => "ca_file",
                TlsError::KeyDoesNotFit | TlsError::Key(_) => "key_file",
            };
            table
                .member(name)
                .iter()
                .for_each(|member| reader.wrong(member, (error.to_string(), error.help())));
            None
        }
    }
}

fn read_certificates(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let (file, bytes) = read_pem(reader, member)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let reason = match found {
        Ok(certificates) if !certificates.is_empty() => return Some(certificates),
        Ok(_) if holds(&bytes, "PRIVATE KEY") => Diagnostic::new(
            "contains a key and no certificate",
            "name the file with -----BEGIN CERTIFICATE----- in it",
        ),
        Ok(_) => Diagnostic::new(
            "contains no certificate in PEM (-----BEGIN CERTIFICATE-----)",
            "convert it with \"openssl x509 -inform der -in FILE -out FILE.pem\" if it is in DER",
        ),
        Err(error) => Diagnostic::new(format!("is damaged ({})", words(&error)), "copy it again"),
    };
    wrong_file(reader, member, &file, reason);
    None
}

fn read_key(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<PrivateKeyDer<'static>> {
    let (file, bytes) = read_pem(reader, member)?;
    if private_file::is_readable_for_others(&file) {
        let file = file.display();
        let message = format!("every user of this computer can read the key in {file}");
        reader.warn(member, (message, format!("run \"chmod 600 {file}\"")));
    }
    let reason = match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => return Some(key),
        Err(_) if holds(&bytes, "ENCRYPTED") => Diagnostic::new(
            "is locked with a password, which cannot be asked for here",
            "unlock a copy with \"openssl pkey -in FILE -out COPY\", and keep that for yourself (chmod 600)",
        ),
        Err(pem::Error::NoItemsFound) => {
            Diagnostic::new("contains no key in PEM (-----BEGIN PRIVATE KEY-----)", "name the key's file")
        }
        Err(error) => Diagnostic::new(format!("is damaged ({})", words(&error)), "copy it again"),
    };
    wrong_file(reader, member, &file, reason);
    None
}

/// What is in the file that a member names, from the configuration's folder.
fn read_pem(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<(PathBuf, Vec<u8>)> {
    let named = reader.expanded(member, false)?.text;
    if named.is_empty() {
        reader.wrong(member, ("it is empty", "name a file, or remove it"));
        return None;
    }
    if let Some(escape) = named.chars().find_map(escape_of) {
        let message = format!(
            "it holds a control character: \\{escape} in double quotes is one, as in \"C:\\{escape}…\""
        );
        reader.wrong(
            member,
            (message, "write a path with \\ in single quotes, as in 'C:\\new\\ca.pem', or with /"),
        );
        return None;
    }
    let folder = Path::new(reader.problems.file()).parent().unwrap_or(Path::new(""));
    let file = folder.join(named);
    let mut bytes = Vec::new();
    let read = File::open(&file).and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    let reason = match read {
        Ok(_) if bytes.len() as u64 <= MAX_BYTES => return Some((file, as_plain_text(bytes))),
        Ok(_) => Diagnostic::new("is larger than 4 MiB and so no certificate or key", "name another file"),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Diagnostic::new(
                "does not exist",
                "check the name, which is relative to the folder of this configuration",
            ),
            io::ErrorKind::PermissionDenied => {
                Diagnostic::new("may not be read by this user", "change its permissions or its owner")
            }
            io::ErrorKind::IsADirectory => Diagnostic::new("is a folder", "name the file in it"),
            _ => format!("cannot be read ({error})").into(),
        },
    };
    wrong_file(reader, member, &file, reason);
    None
}

/// The letter by which TOML writes a control character; a path of Windows has it behind its \\.
fn escape_of(c: char) -> Option<char> {
    Some(match c {
        '\n' => 'n',
        '\t' => 't',
        '\r' => 'r',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\u{1b}' => 'e',
        _ => return None,
    })
}

/// The text as PEM has it. Editors on Windows put a byte order mark before it, or write UTF-16.
fn as_plain_text(bytes: Vec<u8>) -> Vec<u8> {
    let unit: fn([u8; 2]) -> u16 = match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, text @ ..] => return text.to_vec(),
        [0xFF, 0xFE, ..] | [1..=0xFF, 0, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] | [0, 1..=0xFF, ..] => u16::from_be_bytes,
        _ => return bytes,
    };
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).filter(|unit| *unit != 0xFEFF);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}

/// `reason` continues "FILE …".
fn wrong_file(reader: &mut Reader<'_>, member: &Member<'_>, file: &Path, reason: Diagnostic) {
    let message = format!("{} {reason}", file.display());
    reader.wrong(member, Diagnostic { message, help: reason.help });
}

/// Whether `word` stands in a file.
fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Never what stands in the file: it may be a key.
fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its end is missing",
        pem::Error::Base64Decode(_) => "its text is not Base64",
        _ => "it is not PEM",
    }
}
