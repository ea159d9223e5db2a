//! Why there is no connection by TLS, in a person's words.

use std::{fmt, io};

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

const DAY_S: u64 = 86_400;

/// Why TLS did not come about.
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
    /// Nobody who is trusted has issued the broker's certificate.
    UnknownIssuer,
    /// The broker's certificate is for these names, and not for the one that was called.
    WrongName {
        /// As the certificate has them; empty where it names none.
        names: Vec<String>,
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
            // The checker has no words of its own for these two; they are the usual slips of those who
            // make certificates by hand.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Failure::AuthorityForServer
            }
            CertificateError::Other(other) if format!("{other:?}").contains("UnsupportedCertVersion") => {
                Failure::OldCertificate
            }
            other => Failure::Certificate(other.to_string()),
        }
    }

    /// What the broker said instead of going on.
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

    /// What is wrong, as the middle of a sentence. `host` is the broker as it was called.
    #[must_use]
    pub fn cause(&self, host: &str) -> String {
        match self {
            Failure::Expired { days } => format!("the certificate of {host} expired {} ago", in_days(*days)),
            Failure::NotYetValid { days } => {
                format!("the certificate of {host} is not valid yet; it will be in {}", in_days(*days))
            }
            Failure::UnknownIssuer => {
                format!("the certificate of {host} was issued by nobody who is trusted here")
            }
            Failure::WrongName { names } if names.is_empty() => {
                format!("the certificate of {host} is not for that name")
            }
            Failure::WrongName { names } => {
                format!("the certificate that answers at {host} is for {}", names.join(", "))
            }
            Failure::AuthorityForServer => {
                format!("{host} shows an authority's certificate instead of one that was issued to it")
            }
            Failure::OldCertificate => format!("the certificate of {host} is of an old kind, without names"),
            Failure::Certificate(reason) => format!("the certificate of {host} is not good: {reason}"),
            Failure::NotTls => format!("what answers at {host} does not speak TLS on this port"),
            Failure::Closed => format!("{host} closed the connection when it was to begin TLS"),
            Failure::Silent => format!("{host} takes the connection and does not answer in TLS"),
            Failure::ClientCertificateWanted => format!("{host} wants a certificate of its clients"),
            Failure::ClientCertificateRefused(reason) => {
                format!("{host} does not take the certificate that it was shown: {reason}")
            }
            Failure::NothingInCommon => {
                format!("{host} and this program found no version or cipher of TLS that both take")
            }
            Failure::NoName => format!("{host} is no name that a certificate can be for"),
            Failure::Other(reason) => format!("TLS with {host} failed: {reason}"),
        }
    }

    /// What to do about it, as the end of a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Failure::Expired { .. } => {
                "have it renewed by whoever runs the broker, or set this computer's clock if that is wrong"
            }
            Failure::NotYetValid { .. } => {
                "set this computer's clock, which is probably slow; else have the certificate made anew"
            }
            Failure::UnknownIssuer => {
                "name the certificate of the authority that issued it as ca_file; if there is a ca_file, it holds \
                 another one"
            }
            Failure::WrongName { .. } => {
                "write one of its names as host, or have the certificate made for this name (subjectAltName)"
            }
            Failure::AuthorityForServer => {
                "issue a certificate to the broker with that authority, and give the authority's as ca_file"
            }
            Failure::OldCertificate => {
                "have it made anew as X.509 version 3, with the broker's name as subjectAltName"
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
                "the broker has to offer TLS 1.2 or 1.3; if it wants a certificate of its clients, give cert_file and \
                 key_file"
            }
            Failure::NoName => "write a host name or an address as host",
            Failure::Other(_) => "ask whoever runs the broker",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause("the broker"), self.remedy())
    }
}

impl std::error::Error for Failure {}

/// The library writes names as its own types print.
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
