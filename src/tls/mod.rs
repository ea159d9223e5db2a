//! TLS to a broker: whom to trust, and who one is oneself.
//!
//! It is rustls with ring as its cryptography, which is handed over at each use: nothing depends on
//! what the process has for a default. The client library's own TLS is left out, since it would
//! bring an old certificate checker along; a link reaches a broker with TLS through its proxy
//! ([`crate::world::proxy`]), which is why all faults of a link work with TLS too.
//!
//! | module | one idea |
//! | --- | --- |
//! | `trust` | who may call itself the broker |
//! | `certificate` | what about a certificate is not taken |
//! | `failure` | why there is no connection, and what to do |

mod certificate;
mod failure;
mod trust;

use std::{fmt, io, sync::Arc, time::Duration};

use tokio::{net::TcpStream, time::timeout};
pub use tokio_rustls::client::TlsStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig,
        client::danger::ServerCertVerifier,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

pub use self::failure::Failure;

/// A broker that accepts a connection and says nothing within this does not speak TLS. Shorter than
/// the time that a light gives its whole connection, so that the light can say why.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(4);

/// Whose certificate is accepted.
#[derive(Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whoever has a certificate of an authority that this computer trusts.
    System,
    /// Whoever has a certificate of one of these authorities, and of no other.
    Authorities(Vec<CertificateDer<'static>>),
    /// Whoever answers: what is sent is encrypted, and nobody knows to whom.
    AcceptAnyCertificate,
}

/// Who one is oneself, for a broker that asks.
pub struct Identity {
    /// One's own certificate first, then those that lead from it to the broker's authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate's key.
    pub key: PrivateKeyDer<'static>,
}

/// How to speak TLS with a broker. Cheap to copy about; holds no more than the library needs, and
/// prints no secret.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    chain: Vec<CertificateDer<'static>>,
    client: Arc<ClientConfig>,
}

/// Why TLS cannot be set up as wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The system names no authority that it trusts.
    #[error("this system has no list of trusted authorities ({0})")]
    NoSystemRoots(String),
    /// A certificate of an authority cannot be used.
    #[error("it holds a certificate that cannot be used ({0})")]
    Authority(String),
    /// The key is not that of the certificate.
    #[error("this key does not belong to the certificate of cert_file")]
    KeyDoesNotFit,
    /// The key is of a kind that is not known.
    #[error("this key cannot be used ({0})")]
    Key(String),
}

impl TlsError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            TlsError::NoSystemRoots(_) => {
                "install it (Debian: apt install ca-certificates), or give the broker's own authority as ca_file"
            }
            TlsError::Authority(_) => "give the authority's own certificate, in PEM",
            TlsError::KeyDoesNotFit => "give the certificate and the key that were made together",
            TlsError::Key(_) => "give a key of RSA, ECDSA (P-256, P-384) or Ed25519, in PEM",
        }
    }
}

impl Tls {
    /// Prepares TLS.
    ///
    /// # Errors
    /// When a certificate or key cannot be used, or the system trusts nobody.
    pub fn new(trust: Trust, identity: Option<Identity>) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Key(error.to_string()))?;
        let verifier: Arc<dyn ServerCertVerifier> = match &trust {
            Trust::System => Arc::new(trust::Checked::new(trust::system()?, Vec::new(), &provider)?),
            Trust::Authorities(authorities) => {
                let roots = trust::authorities(authorities)?;
                Arc::new(trust::Checked::new(roots, authorities.clone(), &provider)?)
            }
            Trust::AcceptAnyCertificate => Arc::new(trust::AcceptAnyCertificate::new(&provider)),
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut chain = Vec::new();
        let client = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                chain.clone_from(&identity.chain);
                builder.with_client_auth_cert(identity.chain, identity.key).map_err(|error| {
                    use tokio_rustls::rustls::{Error, InconsistentKeys};
                    match error {
                        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::KeyDoesNotFit,
                        error => TlsError::Key(error.to_string()),
                    }
                })?
            }
        };
        Ok(Tls { trust, chain, client: Arc::new(client) })
    }

    /// Whether the broker has to prove who it is.
    #[must_use]
    pub fn checks_the_broker(&self) -> bool {
        self.trust != Trust::AcceptAnyCertificate
    }

    /// Whether there is a certificate to show, for a broker that asks for one.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        !self.chain.is_empty()
    }

    /// Makes the TLS handshake on a connection to `host`, a name or an address, within four seconds.
    ///
    /// # Errors
    /// When it fails; [`Failure::of`] says why.
    pub async fn connect(&self, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, Failure::NoName))?;
        let shaking = TlsConnector::from(self.client.clone()).connect(name, tcp);
        match timeout(HANDSHAKE_TIMEOUT, shaking).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                Err(if is_an_end(&error) { io::Error::new(error.kind(), Failure::Closed) } else { error })
            }
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, Failure::Silent)),
        }
    }
}

/// Whether the connection has ended.
fn is_an_end(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

/// Two are equal that trust the same and show the same certificate.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        self.trust == other.trust && self.chain == other.chain
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trust", &self.trust)
            .field("shows_certificate", &self.has_identity())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::System => f.write_str("System"),
            Trust::Authorities(authorities) => write!(f, "Authorities({})", authorities.len()),
            Trust::AcceptAnyCertificate => f.write_str("AcceptAnyCertificate"),
        }
    }
}
