//! Where `rfs` reads the contents of an flist.

use crate::check::Ctx;
use crate::check::buckets::{port, port_is_sound};
use crate::source::Spanned;

use super::fault::{Fault, Instead};
use super::{READ_WITHOUT_KEYS, dir_fault, server, user, without_range};

impl Ctx<'_> {
    /// The address that `rfs` reads the contents of an flist from.
    pub(in crate::check) fn route(&mut self, read: &Spanned<String>) -> Option<Spanned<String>> {
        let address = match without_range(read) {
            Ok(address) => address,
            Err(fault) => {
                self.push_fault("zosc::check::bad-route", read, fault);
                return None;
            }
        };
        if let Some((scheme, rest)) = address.split_once("://")
            && let (Some(user), rest) = user(rest)
        {
            let clean = Instead::new(format!("{scheme}://{rest}"));
            self.store_credentials(read, user, READ_WITHOUT_KEYS, &clean);
            return None;
        }
        if let Some(fault) = fault_of_route(address) {
            self.push_fault("zosc::check::bad-route", read, fault);
            return None;
        }
        Some(Spanned::new(address.to_owned(), read.span))
    }
}

/// Why `rfs` cannot read from an address, in words that go on from it.
pub(in crate::check) fn route_fault(address: &str) -> Option<String> {
    fault_of_route(address).map(|fault| fault.fact)
}

/// Why `rfs` cannot read from an address.
fn fault_of_route(address: &str) -> Option<Fault> {
    let forms = "write `https://HOST/PATH`, `s3://HOST:PORT/BUCKET` or `dir:///FOLDER`";
    let Some((scheme, rest)) = address.split_once("://") else {
        return Some(Fault::new("is no address: it has no `://`", forms));
    };
    if address
        .chars()
        .any(|sign| sign.is_whitespace() || sign.is_control())
    {
        return Some(Fault::new("is no address: it holds white space", forms));
    }
    let server = server(rest);
    match scheme {
        "dir" => return dir_fault(rest).or_else(|| encoded_fault(rest)),
        "file" => {
            let fault = Fault::new("is no form that rfs reads", "write `dir:///FOLDER`");
            return Some(fault.instead(format!("dir://{rest}")));
        }
        "s3+tls" | "s3s+tls" => {
            let fault = Fault::new(
                "is in a form that rfs writes and cannot read",
                "write `s3s://HOST:PORT/BUCKET`",
            );
            return Some(fault.instead(format!("s3s://{rest}")));
        }
        "http" | "https" | "s3" | "s3s" | "zdb" | "server" => {}
        _ => return Some(Fault::new("is no form that rfs reads", forms)),
    }
    if server.is_empty() || server.starts_with(':') {
        return Some(Fault::new("names no host", forms));
    }
    if !port_is_sound(server) {
        let help = "a port is a number from 1 to 65535";
        return Some(Fault::new("has a port that does not exist", help));
    }
    let path = rest.get(server.len()..).unwrap_or("");
    match scheme {
        "s3" | "s3s" => bucket_fault(scheme, server, path),
        "http" | "https" => base_fault(address, path),
        _ => None,
    }
}

/// Rfs puts `/HH/HASH` behind an address of HTTP as it stands.
fn base_fault(address: &str, path: &str) -> Option<Fault> {
    if path.contains(['?', '#']) {
        return Some(Fault::new(
            "goes on behind its path, and rfs puts `/HH/HASH` there",
            "write the address without `?` and `#`",
        ));
    }
    path.ends_with('/').then(|| {
        Fault::new(
            "ends with a slash, to which rfs adds another one",
            "write it without",
        )
        .instead(address.trim_end_matches('/'))
        .plain()
    })
}

fn bucket_fault(scheme: &str, server: &str, path: &str) -> Option<Fault> {
    let (bucket, query) = path.split_once('?').unwrap_or((path, ""));
    let whole = |server: &str, bucket: &str| {
        let query = if query.is_empty() { "" } else { "?" };
        let tail = path.split_once('?').map_or("", |(_, query)| query);
        format!("{scheme}://{server}{bucket}{query}{tail}")
    };
    if port(server).is_none() {
        let number = if scheme == "s3s" { 443 } else { 80 };
        let fault = Fault::new(
            "has no port, without which rfs takes no bucket",
            "write `HOST:PORT`",
        );
        return Some(fault.instead(whole(&format!("{server}:{number}"), bucket)));
    }
    if bucket.trim_matches('/').is_empty() {
        let form = format!("write `{scheme}://HOST:PORT/BUCKET`");
        return Some(Fault::new("names no bucket", form));
    }
    if bucket.ends_with('/') {
        let fault = Fault::new("ends with a slash", "write it without");
        let fault = fault.instead(whole(server, bucket.trim_end_matches('/')));
        return Some(fault.plain());
    }
    let is_region = query.is_empty() || query.starts_with("region=") && !query.contains('&');
    (!is_region).then(|| {
        Fault::new(
            "has a parameter that rfs does not know",
            "the only one is `?region=NAME`",
        )
    })
}

/// Rfs reads a folder's address as a URL, and takes what that makes of the path.
fn encoded_fault(path: &str) -> Option<Fault> {
    let is_encoded = |sign: &char| !sign.is_ascii() || "\"#<>?^`{}".contains(*sign);
    let sign = path.chars().find(is_encoded)?;
    Some(Fault::new(
        format!("holds `{sign}`, in whose place rfs looks for its code in a URL"),
        "name a folder whose path has plain letters alone, or serve it over HTTP",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(address: &str) -> Option<Instead> {
        let fault = without_range(address)
            .err()
            .or_else(|| fault_of_route(address));
        fault.expect("a fault").instead
    }

    #[test]
    fn what_rfs_reads_passes() {
        for good in [
            "https://flists.example/blobs",
            "http://10.0.0.5:8080",
            "s3://garage:3900/blobs?region=garage",
            "s3s://s3.example:443/blobs/zos",
            "dir:///srv/blobs",
            "zdb://zdb.example:9900/zos",
        ] {
            assert_eq!(fault_of_route(good), None, "{good}");
        }
    }

    #[test]
    fn what_rfs_cannot_read_has_a_form_that_it_can() {
        for (bad, good) in [
            ("https://h/blobs/", "https://h/blobs"),
            ("s3://h/blobs", "s3://h:80/blobs"),
            ("s3s://h/b?region=x", "s3s://h:443/b?region=x"),
            ("s3+tls://h:443/b", "s3s://h:443/b"),
            ("s3://h:9000/b/", "s3://h:9000/b"),
            ("dir://srv", "dir:///srv"),
            ("file:///srv", "dir:///srv"),
            ("00-FF=https://h", "https://h"),
            ("80-ff=https://h", "https://h"),
            ("ff-00=https://h", "https://h"),
            ("0-f=https://h", "https://h"),
        ] {
            assert_eq!(instead(bad), Some(Instead::new(good)), "{bad}");
        }
        for bad in [
            "h/blobs",
            "https:///blobs",
            "https://h/b?x=1",
            "s3://h:9000",
            "s3://h:9000/b?x=1",
            "s3://h:x/b",
            "ftp://h/b",
            "https://h/a b",
            "dir:///srv/blöcke",
            "dir:///srv/{kernel}",
        ] {
            assert_eq!(instead(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_whole_range_of_hashes_says_nothing() {
        assert_eq!(without_range("00-ff=https://h"), Ok("https://h"));
        assert_eq!(without_range("https://h/a-b=c"), Ok("https://h/a-b=c"));
    }
}
