//! Certificates for a test: an authority of its own, and what it issues.

use std::{fs, process::Command};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// An authority that nobody trusts who was not told to.
pub struct Authority {
    /// Its certificate, in PEM.
    pub pem: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

/// When a certificate is valid, in years.
#[derive(Clone, Copy)]
pub struct Years(pub i32, pub i32);

pub const NOW: Years = Years(2020, 2090);
pub const LONG_AGO: Years = Years(2001, 2002);
pub const FAR_AWAY: Years = Years(2089, 2090);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        set_years(&mut params, NOW);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, key: key.serialize_pem(), issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, where one that it issued belongs.
    pub fn itself(&self) -> Issued {
        Issued { certificate: self.pem.clone(), key: self.key.clone() }
    }

    /// A certificate for a broker of these names and addresses.
    pub fn server(&self, names: &[&str], years: Years) -> Issued {
        self.issue(names, years, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    pub fn client(&self, name: &str, years: Years) -> Issued {
        self.issue(&[name], years, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, names: &[&str], years: Years, purpose: ExtendedKeyUsagePurpose) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        params.extended_key_usages = vec![purpose];
        set_years(&mut params, years);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }
}

/// How openssl is to make a certificate for a broker.
pub struct OpenSsl<'a> {
    /// Such as `rsa:2048`, for the broker and for the authority.
    pub keys: [&'a [&'a str]; 2],
    /// Such as `-sha256`.
    pub digest: &'a str,
    /// Lines of extensions; without any it makes a certificate of version 1.
    pub extensions: &'a str,
}

impl OpenSsl<'_> {
    /// The authority's certificate, in PEM, and what it issued to `common_name`.
    pub fn make(&self, common_name: &str) -> (String, Issued) {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |args: &[&[&str]]| {
            let made =
                Command::new("openssl").current_dir(folder.path()).args(args.concat()).output().unwrap();
            assert!(made.status.success(), "{args:?}: {}", String::from_utf8_lossy(&made.stderr));
        };
        let [of_server, of_authority] = self.keys;
        let days = &["-days", "3650"][..];
        openssl(&[
            &[
                "req",
                "-x509",
                "-nodes",
                "-subj",
                "/CN=Lab authority",
                "-keyout",
                "ca.key",
                "-out",
                "ca.pem",
                "-newkey",
            ],
            of_authority,
            days,
        ]);
        let subject = format!("/CN={common_name}");
        openssl(&[
            &[
                "req",
                "-new",
                "-nodes",
                "-subj",
                &subject,
                "-keyout",
                "server.key",
                "-out",
                "server.csr",
                "-newkey",
            ],
            of_server,
        ]);
        fs::write(folder.path().join("extensions"), self.extensions).unwrap();
        let extensions: &[&str] = if self.extensions.is_empty() { &[] } else { &["-extfile", "extensions"] };
        openssl(&[
            &["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
            &["-out", "server.pem", self.digest],
            extensions,
            days,
        ]);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        (read("ca.pem"), Issued { certificate: read("server.pem"), key: read("server.key") })
    }
}

fn set_years(params: &mut CertificateParams, Years(from, until): Years) {
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
}
