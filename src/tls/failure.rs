//! Why there is no connection by TLS, and what to do about it.

use std::{fmt, io, net::IpAddr};

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use crate::model::Diagnostic;

const DAY_S: u64 = 86_400;

/// Why there is no TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The broker's certificate ended this many days ago.
    Expired {
        /// Whole days.
        days: u64,
    },
    /// The broker's certificate begins in this many days.
    NotYetValid {
        /// Whole days.
        days: u64,
    },
    /// The issuer of the broker's certificate is not trusted.
    UnknownIssuer,
    /// The broker's certificate is for these names, and not for the one that was called.
    WrongName {
        /// As the certificate has them; empty where they are not known.
        names: Vec<String>,
    },
    /// The broker's certificate has its name in a place that no longer counts, or nowhere.
    NoSubjectAltName {
        /// Its CN, where it has one.
        common_name: Option<String>,
    },
    /// The broker's certificate has the address that was called as the text of a name.
    AddressAsName,
    /// The key of the broker's certificate, or of the authority's above it, is of a kind that is not taken.
    KeyNotTaken {
        /// Such as "an RSA key of 1024 bits".
        kind: String,
        /// Whether it is the authority's.
        of_issuer: bool,
    },
    /// The broker's certificate, or the authority's above it, is signed in a way that is not taken.
    SignatureNotTaken {
        /// Such as "RSA and SHA-1".
        kind: &'static str,
        /// Whether it is the authority's.
        of_issuer: bool,
    },
    /// The broker shows the certificate of an authority in place of one of its own.
    AuthorityForServer,
    /// The broker's certificate is of a kind that is no longer used.
    OldCertificate,
    /// Something else is wrong with the broker's certificate.
    Certificate(String),
    /// What answers does not speak TLS.
    NotTls,
    /// The other end closed before TLS was agreed on.
    Closed,
    /// The other end accepts the connection and says nothing.
    Silent,
    /// The broker wants a certificate of its clients.
    ClientCertificateWanted,
    /// The broker does not take the certificate that it was shown.
    ClientCertificateRefused(String),
    /// The two have no version or cipher of TLS in common.
    NothingInCommon,
    /// The host is no name that a certificate could be for.
    NoName,
    /// Anything else.
    Other(String),
}

impl Failure {
    /// What an error of a connection says of TLS; `None` where it is about something else.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Failure> {
        let inner = error.get_ref()?;
        inner
            .downcast_ref::<Failure>()
            .cloned()
            .or_else(|| inner.downcast_ref::<Error>().map(Failure::of_library))
    }

    fn of_library(error: &Error) -> Failure {
        match error {
            Error::InvalidCertificate(error) => Failure::of_certificate(error),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Failure::NotTls,
            Error::PeerIncompatible(_) => Failure::NothingInCommon,
            Error::AlertReceived(alert) => Failure::of_alert(*alert),
            other => Failure::Other(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Failure {
        match error {
            CertificateError::Expired => Failure::Expired { days: 0 },
            CertificateError::ExpiredContext { time, not_after } => {
                Failure::Expired { days: time.as_secs().saturating_sub(not_after.as_secs()) / DAY_S }
            }
            CertificateError::NotValidYet => Failure::NotYetValid { days: 0 },
            CertificateError::NotValidYetContext { time, not_before } => {
                Failure::NotYetValid { days: not_before.as_secs().saturating_sub(time.as_secs()) / DAY_S }
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Failure::UnknownIssuer,
            CertificateError::NotValidForName => Failure::WrongName { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                Failure::WrongName { names: presented.iter().map(|name| plain(name)).collect() }
            }
            CertificateError::Other(other) if other.0.is::<Failure>() => {
                other.0.downcast_ref::<Failure>().cloned().unwrap_or(Failure::UnknownIssuer)
            }
            // The library has no variants for these two, which are the usual mistakes in certificates that
            // are made by hand.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Failure::AuthorityForServer
            }
            CertificateError::Other(other) if format!("{other:?}").contains("UnsupportedCertVersion") => {
                Failure::OldCertificate
            }
            other => Failure::Certificate(other.to_string()),
        }
    }

    /// What an alert of the broker means.
    fn of_alert(alert: AlertDescription) -> Failure {
        match alert {
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                Failure::ClientCertificateWanted
            }
            // Before version 1.3 this is also the answer to a client without a certificate.
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity => Failure::NothingInCommon,
            AlertDescription::UnknownCA => {
                Failure::ClientCertificateRefused("it does not know who issued it".to_owned())
            }
            AlertDescription::CertificateExpired => {
                Failure::ClientCertificateRefused("it has expired".to_owned())
            }
            AlertDescription::CertificateRevoked => {
                Failure::ClientCertificateRefused("it was revoked".to_owned())
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => Failure::ClientCertificateRefused(format!("{alert:?}")),
            other => Failure::Other(format!("the broker ended TLS with {other:?}")),
        }
    }

    /// What is wrong and what to do about it. `host` is the broker's name or address.
    #[must_use]
    pub fn diagnostic(&self, host: &str) -> Diagnostic {
        Diagnostic::new(self.message(host), self.help(host))
    }

    fn message(&self, host: &str) -> String {
        match self {
            Failure::Expired { days } => format!("the certificate of {host} expired {} ago", in_days(*days)),
            Failure::NotYetValid { days } => {
                format!("the certificate of {host} is not valid yet, but in {}", in_days(*days))
            }
            Failure::UnknownIssuer => {
                format!("the issuer of the certificate of {host} is not trusted here")
            }
            Failure::WrongName { names } if names.is_empty() => {
                format!("the certificate of {host} is not for that name")
            }
            Failure::WrongName { names } => {
                format!("the certificate that answers at {host} is for {}", names.join(", "))
            }
            Failure::NoSubjectAltName { common_name } => {
                let common = common_name
                    .as_ref()
                    .map(|name| format!(": {name} stands as its CN alone, which has not counted since 2017"));
                format!(
                    "the certificate of {host} is for no name, as it has no subjectAltName{}",
                    common.unwrap_or_default()
                )
            }
            Failure::AddressAsName => {
                format!(
                    "the certificate of {host} has that address as a name (DNS:{host}), not as an address"
                )
            }
            Failure::KeyNotTaken { kind, of_issuer } => {
                format!("the certificate {} has {kind}, which is not taken", whose(*of_issuer, host))
            }
            Failure::SignatureNotTaken { kind, of_issuer } => {
                format!(
                    "the certificate {} is signed with {kind}, which is not taken",
                    whose(*of_issuer, host)
                )
            }
            Failure::AuthorityForServer => {
                format!("{host} shows an authority's certificate instead of one that was issued to it")
            }
            Failure::OldCertificate => format!("the certificate of {host} is of an old kind, without names"),
            Failure::Certificate(reason) => format!("the certificate of {host} cannot be used: {reason}"),
            Failure::NotTls => format!("what answers at {host} does not speak TLS on this port"),
            Failure::Closed => format!("{host} closed the connection during the TLS handshake"),
            Failure::Silent => format!("{host} accepts the connection but does not answer with TLS"),
            Failure::ClientCertificateWanted => format!("{host} requires a client certificate"),
            Failure::ClientCertificateRefused(reason) => {
                format!("{host} refuses the client certificate: {reason}")
            }
            Failure::NothingInCommon => {
                format!("{host} and this program have no version or cipher of TLS in common")
            }
            Failure::NoName => format!("{host} is no name that a certificate can be for"),
            Failure::Other(reason) => format!("TLS with {host} failed: {reason}"),
        }
    }

    fn help(&self, host: &str) -> String {
        let entry = if host.parse::<IpAddr>().is_ok() { format!("IP:{host}") } else { format!("DNS:{host}") };
        match self {
            Failure::WrongName { .. } => {
                return format!(
                    "write one of its names as host, or have the certificate made for {entry} (subjectAltName)"
                );
            }
            Failure::NoSubjectAltName { .. } => {
                return format!(
                    "have it made anew with subjectAltName = {entry} (openssl: -addext subjectAltName={entry})"
                );
            }
            Failure::OldCertificate => {
                return format!("have it made anew as X.509 version 3, with subjectAltName = {entry}");
            }
            Failure::AddressAsName => {
                return format!("have it made anew with {entry} in its subjectAltName, not DNS:{host}");
            }
            _ => {}
        }
        self.fixed_help().to_owned()
    }

    /// What to do whatever the broker's name is.
    fn fixed_help(&self) -> &'static str {
        match self {
            Failure::Expired { .. } => {
                "have it renewed by whoever runs the broker, or set this computer's clock if that is wrong"
            }
            Failure::NotYetValid { .. } => {
                "set this computer's clock, which is probably slow, or have the certificate made anew"
            }
            Failure::UnknownIssuer => {
                "give the certificate of the authority that issued it as ca_file (a ca_file that is there already holds \
                 another one)"
            }
            Failure::KeyNotTaken { .. } => {
                "have it made anew with an RSA key of 2048 bits or more, or with ECDSA on P-256 or P-384, or Ed25519"
            }
            Failure::SignatureNotTaken { .. } => "have it signed anew with SHA-256 (openssl: -sha256)",
            Failure::AuthorityForServer => {
                "issue a certificate to the broker with that authority, and give the authority's as ca_file"
            }
            Failure::Certificate(_) => "have it made anew by whoever runs the broker",
            Failure::NotTls | Failure::Closed | Failure::Silent => {
                "use the broker's port for TLS, which is 8883 as a rule, or write tls = false"
            }
            Failure::ClientCertificateWanted => {
                "give one that the broker's authority issued as cert_file and key_file"
            }
            Failure::ClientCertificateRefused(_) => {
                "give one that the broker's authority issued, and that is valid now, as cert_file and key_file"
            }
            Failure::NothingInCommon => {
                "let the broker offer TLS 1.2 or 1.3, or give cert_file and key_file if it requires a client \
                 certificate"
            }
            Failure::NoName => "write a host name or an address as host",
            Failure::WrongName { .. }
            | Failure::NoSubjectAltName { .. }
            | Failure::AddressAsName
            | Failure::OldCertificate => "have it made anew for this name",
            Failure::Other(_) => "ask whoever runs the broker",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic("the broker").one_line())
    }
}

impl std::error::Error for Failure {}

fn whose(of_issuer: bool, host: &str) -> String {
    if of_issuer { format!("of the authority above that of {host}") } else { format!("of {host}") }
}

/// The library gives names as its types print.
fn plain(name: &str) -> String {
    let inner = name.split_once('"').and_then(|(_, rest)| rest.split_once('"')).map(|(inner, _)| inner);
    inner.map_or_else(|| name.to_owned(), str::to_owned)
}

fn in_days(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    }
}
