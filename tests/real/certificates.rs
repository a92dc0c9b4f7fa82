//! A certificate authority of the test's own, and what it signs for `cadence.example.com`.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use crate::world::NAME;

/// Signs for one test.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its own certificate, PEM: the `ca_file` of probes and clients.
    pub(crate) file: PathBuf,
}

impl Authority {
    /// A new one; its certificate goes into the folder.
    pub(crate) fn new(folder: &Path) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid set of names");
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a fresh key signs");
        let file = folder.join("authority.pem");
        fs::write(&file, issuer.pem()).expect("the test's folder is writable");
        Authority { issuer, file }
    }

    /// Writes a chain and key that end in `year`, in one file as HAProxy wants it; Nginx takes the same.
    pub(crate) fn sign(&self, file: &Path, year: i32) {
        self.sign_for(NAME, file, year);
    }

    /// The same for another name, or an address.
    pub(crate) fn sign_for(&self, name: &str, file: &Path, year: i32) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name or an address");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        fs::write(file, certificate.pem() + &key.serialize_pem()).expect("the test's folder is writable");
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has random numbers")
}
