//! What about a certificate is not taken, read from the certificate itself: the library says of most of it that the
//! issuer is not known.
//!
//! The few fields are read here (RFC 5280, section 4.1): a parser of all that certificates can hold would be a larger
//! dependency than the rest of this layer.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use tokio_rustls::rustls::{
    CertificateError, Error, OtherError,
    pki_types::{CertificateDer, ServerName},
};

use super::Failure;

/// Shorter RSA keys are not taken.
const MIN_RSA_BITS: usize = 2_048;
/// More names of a certificate are not told.
const MOST_NAMES: usize = 8;

// Tags of DER.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

// Object identifiers, as DER writes them.
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const ED25519: &[u8] = b"\x2b\x65\x70";
const P_256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P_384: &[u8] = b"\x2b\x81\x04\x00\x22";
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";

/// Other kinds of keys, and other curves.
const KEYS: [(&[u8], &str); 4] = [
    (b"\x2b\x81\x04\x00\x23", "an ECDSA key on the curve P-521"),
    (b"\x2b\x81\x04\x00\x0a", "an ECDSA key on the curve secp256k1"),
    (b"\x2b\x65\x71", "an Ed448 key"),
    (b"\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
];
/// Signatures that are not taken.
const SIGNATURES: [(&[u8], &str); 8] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "RSA and MD5"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "RSA and SHA-1"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", "RSA and SHA-224"),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", "ECDSA and SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x01", "ECDSA and SHA-224"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ECDSA and SHA-512"),
    (b"\x2a\x86\x48\xce\x38\x04\x03", "DSA and SHA-1"),
    (b"\x2b\x65\x71", "Ed448"),
];

/// What is looked at of a certificate.
#[derive(Default)]
struct Certificate<'a> {
    signature: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    /// The kind of its key, and of an ECDSA key the curve.
    key: (&'a [u8], &'a [u8]),
    /// Of an RSA key.
    modulus_bits: usize,
    /// Its subjectAltName.
    names: Option<&'a [u8]>,
}

/// `error`, or what the certificate itself says about why it came. `others` may have issued it. `host` is whom the
/// broker should be; `None` once that is certain.
pub(super) fn explained(
    error: Error,
    shown: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    host: Option<&ServerName<'_>>,
) -> Error {
    let flaw = match &error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => host.and_then(|host| wrong_name(shown, &host.to_str())),
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::Revoked,
        ) => None,
        _ => flaw(shown, others),
    };
    match flaw {
        Some(flaw) => Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(flaw)))),
        None => error,
    }
}

/// A key or signature that is not taken: of the broker's certificate, or of one that leads from it to somebody trusted.
fn flaw(shown: &[u8], others: &[CertificateDer<'_>]) -> Option<Failure> {
    let own = Certificate::read(shown)?;
    let unusable = |certificate: &Certificate<'_>, of_issuer| {
        certificate.unusable_key().map(|kind| Failure::KeyNotTaken { kind, of_issuer })
    };
    let weakly_signed = |certificate: &Certificate<'_>, of_issuer| {
        let kind = named(&SIGNATURES, certificate.signature)?;
        Some(Failure::SignatureNotTaken { kind, of_issuer })
    };
    if let Some(found) = unusable(&own, false).or_else(|| weakly_signed(&own, false)) {
        return Some(found);
    }
    let mut issuer = own.issuer;
    // No chain is longer than what there is to build it from.
    for _ in others {
        let mut read = others.iter().filter_map(|other| Certificate::read(other));
        let above = read.find(|other| other.subject == issuer)?;
        let itself = above.issuer == issuer;
        // An authority's signature of itself proves nothing, so it is not looked at.
        let found =
            unusable(&above, true).or_else(|| if itself { None } else { weakly_signed(&above, true) });
        if found.is_some() || itself {
            return found;
        }
        issuer = above.issuer;
    }
    None
}

/// For whom the certificate is instead.
fn wrong_name(shown: &[u8], host: &str) -> Option<Failure> {
    let certificate = Certificate::read(shown)?;
    let Some(mut names) = certificate.names else {
        return Some(Failure::NoSubjectAltName { common_name: common_name(certificate.subject) });
    };
    let (mut told, mut as_name) = (Vec::new(), false);
    while let Some((tag, content)) = element(&mut names) {
        let name = match tag {
            DNS_NAME => {
                as_name |= content == host.as_bytes();
                Some(plain(content))
            }
            IP_ADDRESS => address(content),
            _ => None,
        };
        told.extend(name.filter(|_| told.len() < MOST_NAMES));
    }
    if as_name && host.parse::<IpAddr>().is_ok() {
        return Some(Failure::AddressAsName);
    }
    Some(Failure::WrongName { names: told })
}

impl<'a> Certificate<'a> {
    fn read(mut der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut certificate = content(&mut der, SEQUENCE)?;
        let mut fields = content(&mut certificate, SEQUENCE)?;
        let mut signature = content(&mut certificate, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            element(&mut fields)?;
        }
        content(&mut fields, INTEGER)?;
        content(&mut fields, SEQUENCE)?;
        let issuer = content(&mut fields, SEQUENCE)?;
        content(&mut fields, SEQUENCE)?;
        let subject = content(&mut fields, SEQUENCE)?;
        let mut key = content(&mut fields, SEQUENCE)?;
        let mut algorithm = content(&mut key, SEQUENCE)?;
        let kind = content(&mut algorithm, OID)?;
        let curve = content(&mut algorithm, OID).unwrap_or_default();
        let bits = content(&mut key, BIT_STRING)?;
        Some(Certificate {
            signature: content(&mut signature, OID)?,
            issuer,
            subject,
            key: (kind, curve),
            modulus_bits: modulus_bits(bits).unwrap_or_default(),
            names: names(fields),
        })
    }

    /// What kind of key it has, where that is none that is taken.
    fn unusable_key(&self) -> Option<String> {
        match self.key {
            (RSA, _) if (1..MIN_RSA_BITS).contains(&self.modulus_bits) => {
                Some(format!("an RSA key of {} bits", self.modulus_bits))
            }
            (RSA | ED25519, _) | (EC, P_256 | P_384) => None,
            (EC, curve) => Some(named(&KEYS, curve).unwrap_or("an ECDSA key on an unusual curve").to_owned()),
            (kind, _) => named(&KEYS, kind).map(str::to_owned),
        }
    }
}

fn named(table: &[(&[u8], &'static str)], oid: &[u8]) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// The length of an RSA key's modulus. Its first byte says how many bits at the end are of no use: none.
fn modulus_bits(bits: &[u8]) -> Option<usize> {
    let mut key = bits.get(1..)?;
    let mut numbers = content(&mut key, SEQUENCE)?;
    let modulus = content(&mut numbers, INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

/// The content of subjectAltName, from the fields behind the key.
fn names(mut fields: &[u8]) -> Option<&[u8]> {
    let mut extensions = loop {
        match element(&mut fields)? {
            (EXTENSIONS, content) => break content,
            _ => continue,
        }
    };
    let mut list = content(&mut extensions, SEQUENCE)?;
    loop {
        let mut extension = content(&mut list, SEQUENCE)?;
        if content(&mut extension, OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        loop {
            // Before it may stand whether it is critical.
            if let (OCTET_STRING, mut value) = element(&mut extension)? {
                return content(&mut value, SEQUENCE);
            }
        }
    }
}

/// The last CN of a name.
fn common_name(mut name: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some(mut part) = content(&mut name, SET) {
        let mut pair = content(&mut part, SEQUENCE)?;
        if content(&mut pair, OID)? == COMMON_NAME {
            found = element(&mut pair).map(|(_, text)| plain(text));
        }
    }
    found
}

/// The content of the next element, which has this tag; nothing is taken where it has another.
fn content<'a>(from: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    if from.first() != Some(&tag) {
        return None;
    }
    element(from).map(|(_, content)| content)
}

/// Takes the next element: its tag and its content.
fn element<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, rest) = from.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(*first), rest),
        // More bytes of length would be for more than a handshake can carry.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((*tag, content))
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).to_string())).ok()
}

/// What stands in a certificate, made harmless for a terminal.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_certificate_are_nothing_and_no_reason_to_panic() {
        let lengths =
            [b"\x30\x83\xff\xff\xff".as_slice(), b"\x30\x80", b"\x30\xff", b"\x30", b"", b"\x30\x02\x30\x00"];
        for bytes in lengths {
            assert!(Certificate::read(bytes).is_none());
            assert_eq!((flaw(bytes, &[]), wrong_name(bytes, "127.0.0.1")), (None, None));
        }
        assert_eq!(modulus_bits(b"\x00\x30\x04\x02\x02\x00\x00"), None);
        assert_eq!(modulus_bits(b"\x00\x30\x04\x02\x02\x00\x81"), Some(8));
    }
}
