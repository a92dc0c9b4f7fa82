//! The file: a compressed archive that only its owner may read.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::Part;
use crate::model::Moment;

/// The folder in it.
const FOLDER: &str = "cadence-dns-support";

/// Writes it where nothing is yet.
///
/// # Errors
/// In words.
pub(super) fn write(file: &Path, parts: &[Part], now: Moment) -> Result<(), String> {
    let shown = file.display();
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let opened = opened.map_err(|error| match error.kind() == ErrorKind::AlreadyExists {
        true => format!("{shown} is there already; move it away, or name another with --file"),
        false => format!("cannot write {shown}: {error}"),
    })?;
    let packed = pack(GzEncoder::new(opened, Compression::default()), parts, now);
    packed.map_err(|error| format!("cannot write {shown}: {error}"))
}

fn pack(encoder: GzEncoder<std::fs::File>, parts: &[Part], now: Moment) -> io::Result<()> {
    let mut archive = Builder::new(encoder);
    for Part { name, text } in parts {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now.as_millis() / 1000);
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.sync_all()
}
