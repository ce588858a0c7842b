//! The sources of a kernel that is built: an archive by digest, and what must be known of it before it is unpacked.
//!
//! Of a package the path of the archive inside is locked as well, and of every archive the time of its first entry: it is the
//! time stamp of the kernel, which so depends on its sources and on nothing else.

use std::fs::File;
use std::io::{self, BufReader, Read};

use crate::archive::{Algorithm, BoundedHeaders, debian_files};
use crate::check::{BuiltKernel, KernelSource, SignatureOrigin};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, ImagePath};

use super::packages::download;
use super::{Ctx, LockedKernel, LockedKernelSource, LockedSignature};

/// What `zosc update` calls it.
pub(super) const NAME: &str = "kernel";
/// The most that a package unpacks to before the archive in it is found, in bytes; one with all of Linux has 2 GB.
const LIMIT: u64 = 8 << 30;
/// Where distributions keep the archive in their package.
const FOLDER: &str = "usr/src/";

/// What is known of a kernel before it is built.
pub(super) fn kernel(built: &BuiltKernel) -> LockedKernel {
    let release = built.release();
    let image = ImagePath::new(&format!("/boot/vmlinuz-{release}"));
    LockedKernel {
        image: image.unwrap_or_else(|_| ImagePath::root()),
        release,
    }
}

/// The sources as the lock has them, or fetched now.
pub(super) fn locked(
    ctx: &Ctx<'_>,
    previous: Option<&LockedKernelSource>,
    built: &BuiltKernel,
) -> Result<LockedKernelSource, Diagnostic> {
    let (urls, sha256, archive, signature) = match &built.source {
        KernelSource::Tarball {
            urls,
            sha256,
            signature,
        } => (urls.clone(), *sha256, None, signature.as_ref()),
        KernelSource::Package {
            url,
            sha256,
            archive,
        } => (vec![url.value.clone()], *sha256, Some(archive), None),
    };
    let previous = previous.filter(|_| !ctx.mode.update.moves(NAME));
    let url = signature.and_then(|signature| match &signature.from.value {
        SignatureOrigin::Url(url) => Some(url),
        SignatureOrigin::File(_) => None,
    });
    let signature = url
        .map(|url| locked_signature(ctx, previous, url))
        .transpose()?;
    if let Some(old) = previous
        && old.urls.iter().all(|url| urls.contains(url))
        && sha256.is_none_or(|sha256| sha256 == old.sha256)
        && old.archive.is_some() == archive.is_some()
        && archive.is_none_or(|asked| asked.is_none() || *asked == old.archive)
    {
        return Ok(LockedKernelSource {
            urls,
            signature,
            ..old.clone()
        });
    }
    let label = "sources of the kernel";
    let (sha256, size) = ctx.step(label, || download(ctx, &urls, sha256))?;
    let (archive, made) = ctx.step(label, || look(ctx, &urls[0], &sha256, archive))?;
    Ok(LockedKernelSource {
        urls,
        sha256,
        size,
        archive,
        made,
        signature,
    })
}

fn locked_signature(
    ctx: &Ctx<'_>,
    previous: Option<&LockedKernelSource>,
    url: &String,
) -> Result<LockedSignature, Diagnostic> {
    let old = previous.and_then(|previous| previous.signature.as_ref());
    if let Some(old) = old.filter(|old| old.url == *url) {
        return Ok(old.clone());
    }
    let (sha256, size) = download(ctx, std::slice::from_ref(url), None)?;
    Ok(LockedSignature {
        url: url.clone(),
        sha256,
        size,
    })
}

/// Finds the archive inside a package, where it is one, and the time of the archive's first entry.
fn look(
    ctx: &Ctx<'_>,
    url: &str,
    sha256: &Digest,
    archive: Option<&Option<String>>,
) -> Result<(Option<String>, u64), Diagnostic> {
    let file = BufReader::new(ctx.store.reader(sha256)?);
    let found = match archive {
        None => first_time(url, Box::new(file)).map(|made| (None, made)),
        Some(wanted) => {
            inside(url, file, wanted.as_deref()).map(|(archive, made)| (Some(archive), made))
        }
    };
    found.map_err(|error| {
        Diagnostic::error(
            "zosc::lock::no-kernel-sources",
            format!("`{url}` holds no sources of a kernel: {error}"),
        )
        .help("name an archive such as linux-6.12.44.tar.xz, or a package with one below usr/src, such as Debian's linux-source-6.12")
    })
}

/// Looks through a package.
fn inside(url: &str, file: BufReader<File>, wanted: Option<&str>) -> io::Result<(String, u64)> {
    if plain(url).rsplit('.').next() == Some("apk") {
        return in_tar(Box::new(flate2::bufread::MultiGzDecoder::new(file)), wanted);
    }
    let (name, content) = debian_files(file)?;
    in_tar(inflated(&name, Box::new(content))?, wanted)
}

fn in_tar(content: Box<dyn Read + '_>, wanted: Option<&str>) -> io::Result<(String, u64)> {
    let (content, ends) = BoundedHeaders::new(content.take(LIMIT));
    let mut package = tar::Archive::new(content);
    package.set_ignore_zeros(true);
    for entry in package.entries()? {
        let entry = entry?;
        ends.pass(&entry);
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_start_matches('/');
        let is_it = match wanted {
            Some(wanted) => path == wanted.trim_start_matches('/'),
            None => path
                .strip_prefix(FOLDER)
                .is_some_and(|name| name.contains(".tar")),
        };
        if is_it && entry.header().entry_type().is_file() {
            let path = path.to_owned();
            let made = first_time(&path, Box::new(entry))?;
            return Ok((path, made));
        }
    }
    Err(io::Error::other(match wanted {
        Some(wanted) => format!("there is no `{wanted}` in it"),
        None => format!("there is no archive below {FOLDER} in it"),
    }))
}

/// The time of an archive's first entry.
fn first_time<'r>(name: &str, content: Box<dyn Read + 'r>) -> io::Result<u64> {
    let (content, ends) = BoundedHeaders::new(inflated(plain(name), content)?);
    let mut archive = tar::Archive::new(content);
    for entry in archive.entries()? {
        let entry = entry?;
        ends.pass(&entry);
        if entry.header().entry_type() != tar::EntryType::XGlobalHeader {
            return entry.header().mtime();
        }
    }
    Err(io::Error::other("it is empty"))
}

/// An address without what stands behind its path.
fn plain(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// What a stream holds, by the ending of its name.
fn inflated<'r>(name: &str, content: Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>> {
    let algorithm = Algorithm::of_name(name).unwrap_or(Algorithm::None);
    algorithm.unpacked(BufReader::new(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(entries: &[(&str, &[u8], u64)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content, time) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(*time);
            builder
                .append_data(&mut header, path, *content)
                .expect("written");
        }
        builder.into_inner().expect("written")
    }

    #[test]
    fn an_archive_is_found_in_a_package_with_the_time_of_its_first_entry() {
        let sources = zstd::encode_all(&tar(&[("linux/Makefile", b"all:", 77)])[..], 1);
        let sources = sources.expect("packed");
        let package = tar(&[
            ("./usr/share/doc/x.tar.zst", b"", 1),
            ("./usr/src/linux.tar.zst", &sources, 2),
        ]);
        let look =
            |wanted| in_tar(Box::new(&package[..]), wanted).map_err(|error| error.to_string());
        let found = ("usr/src/linux.tar.zst".to_owned(), 77);
        assert_eq!(look(None), Ok(found.clone()));
        assert_eq!(look(Some("/usr/src/linux.tar.zst")), Ok(found));
        assert!(look(Some("usr/src/other.tar")).is_err());
        assert!(first_time("x.tar.xz", Box::new(&package[..])).is_err());
    }
}
