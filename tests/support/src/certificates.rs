//! Certificates for a test: an authority of its own, and what it issues.

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

fn set_years(params: &mut CertificateParams, Years(from, until): Years) {
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
}
