//! Writing indexes: what a repository lists, signed.
//!
//! Comes in: what each package says of itself, with the identity and size of its file. Goes out: `APKINDEX.tar.gz`, sorted, without
//! times, a function of its contents and the key alone.

use super::checksum::Checksum;
use super::gzip::gzip;
use super::package_info::PackageInfo;
use super::private_key::Signer;
use super::tar_writer::TarWriter;
use super::tarball::TarHeader;
use crate::diagnostic::Diagnostic;

/// A package as an index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// What it says of itself.
    pub info: PackageInfo,
    /// SHA-1 of its compressed control member.
    pub identity: Checksum,
    /// Bytes of its `.apk` file.
    pub size: u64,
}

impl IndexEntry {
    /// Its record, in the order of fields in which apk writes them, without the empty line behind it.
    pub fn record(&self) -> String {
        let info = &self.info;
        let mut text = format!(
            "C:{}\nP:{}\nV:{}\nA:{}\nS:{}\nI:{}\nT:{}\nU:{}\nL:{}\n",
            self.identity,
            info.name,
            info.version,
            info.arch,
            self.size,
            info.installed_size,
            info.description,
            info.url,
            info.license,
        );
        let mut line = |field: char, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{field}:{value}\n"));
            }
        };
        line('o', info.origin.as_deref().unwrap_or_default());
        line('m', info.maintainer.as_deref().unwrap_or_default());
        line('t', &info.build_date.to_string());
        line('c', info.commit.as_deref().unwrap_or_default());
        if info.provider_priority > 0 {
            line('k', &info.provider_priority.to_string());
        }
        line('D', &info.depends.join(" "));
        line('p', &info.provides.join(" "));
        line('i', &info.install_if.join(" "));
        text
    }
}

/// An index's archive; entries are sorted by name, then version as text.
///
/// # Errors
/// `zosc::apk::bad-private-key`
pub fn write_index(
    entries: &[IndexEntry],
    description: &str,
    signer: Option<Signer<'_>>,
) -> Result<Vec<u8>, Diagnostic> {
    let mut sorted: Vec<&IndexEntry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (&entry.info.name, &entry.info.version));
    let records: String = sorted.iter().map(|entry| entry.record() + "\n").collect();
    let mut tar = TarWriter::new(Vec::new());
    for (name, content) in [("DESCRIPTION", description), ("APKINDEX", &records)] {
        let header = TarHeader::plain_file(name, 0o644, 0, content.len() as u64);
        let written = tar.append(&header, &mut content.as_bytes());
        written.expect("memory takes what is written");
    }
    let data = gzip(&tar.finish().expect("memory takes what is written"));
    let mut bytes = signer
        .map(|signer| signer.member(&data))
        .transpose()?
        .unwrap_or_default();
    bytes.extend(data);
    Ok(bytes)
}
