//! Where a build writes the contents of an flist.

use crate::check::buckets::{Written, port};
use crate::check::{BlobStore, Ctx};
use crate::manifest::flist::Store;
use crate::source::Spanned;

use super::fault::{Fault, Instead};
use super::{dir_fault, server, user, without_range};

impl Ctx<'_> {
    /// Where the contents of an flist are written.
    pub(in crate::check) fn write_store(&mut self, store: &Store) -> Option<BlobStore> {
        let write = &store.write;
        let address = match without_range(write) {
            Ok(address) => address,
            Err(fault) => return self.bad_store(write, fault),
        };
        let Some((scheme, rest)) = address.split_once("://") else {
            self.only_for_buckets(store);
            let folder = self.future_folder(&Spanned::new(address.to_owned(), write.span));
            return folder.map(BlobStore::Folder);
        };
        let (user, rest) = user(rest);
        if let Some(user) = user {
            let clean = as_bucket(scheme, rest, store)
                .unwrap_or_else(|| Instead::new(format!("{scheme}://{rest}")));
            let help = if self.is_typed(write.span) {
                "put the key into the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into AWS's own files"
            } else {
                "name the key inside `store`: `key-id (env)NAME` and `secret (env)NAME`"
            };
            self.store_credentials(write, user, help, &clean);
            return None;
        }
        match scheme {
            "dir" => {
                self.only_for_buckets(store);
                if let Some(fault) = dir_fault(rest) {
                    return self.bad_store(write, fault);
                }
                let folder = self.future_folder(&Spanned::new(rest.to_owned(), write.span));
                folder.map(BlobStore::Folder)
            }
            "s3" if port(server(rest)).is_none() && !rest.contains(['?', '#']) => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let prefix = Spanned::new(prefix.to_owned(), self.within(write.span, prefix));
                self.bucket(&Written {
                    name: &Spanned::new(name.to_owned(), self.within(write.span, name)),
                    prefix: Some(&prefix),
                    endpoint: store.endpoint.as_ref(),
                    region: store.region.as_ref(),
                    key_id: store.key_id.as_ref(),
                    secret: store.secret.as_ref(),
                })
                .map(BlobStore::S3)
            }
            _ => self.bad_store(write, write_fault(scheme, rest, store)),
        }
    }

    fn bad_store(&mut self, write: &Spanned<String>, fault: Fault) -> Option<BlobStore> {
        self.push_fault("zosc::check::bad-store", write, fault);
        None
    }

    /// Refuses what is about a server where contents go to a folder.
    pub(in crate::check) fn only_for_buckets(&mut self, store: &Store) {
        let given = [
            ("endpoint", store.endpoint.as_ref().map(|it| it.span)),
            ("region", store.region.as_ref().map(|it| it.span)),
            ("key-id", store.key_id.as_ref().map(|it| it.span)),
            ("secret", store.secret.as_ref().map(|it| it.span)),
        ];
        for (name, span) in given {
            if let Some(span) = span {
                self.needless(span, name, "a folder");
            }
        }
    }
}

/// Rfs's form of a bucket, `s3://HOST:PORT/BUCKET/PREFIX?region=R`, as zosc has it.
fn as_bucket(scheme: &str, rest: &str, store: &Store) -> Option<Instead> {
    let server = server(rest);
    let path = rest.get(server.len()..)?.strip_prefix('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let protocol = match scheme {
        "s3" | "s3+tls" => "http",
        "s3s" | "s3s+tls" => "https",
        _ => return None,
    };
    port(server)?;
    let mut bucket = Instead::new(format!("s3://{}", path.trim_end_matches('/')));
    if store.endpoint.is_none() {
        let endpoint = format!("{protocol}://{server}");
        bucket.beside.push(("endpoint", endpoint));
    }
    if let Some(region) = query.strip_prefix("region=")
        && store.region.is_none()
    {
        bucket.beside.push(("region", region.to_owned()));
    }
    Some(bucket)
}

/// Why a build cannot write to an address.
fn write_fault(scheme: &str, rest: &str, store: &Store) -> Fault {
    let bucket = "write `s3://BUCKET/PREFIX`, and the server as `endpoint=\"https://HOST\"`";
    match scheme {
        "s3" | "s3s" | "s3+tls" | "s3s+tls" => {
            let fault = Fault::new(
                "is rfs's form of a bucket, which leaves a key no place",
                bucket,
            );
            match as_bucket(scheme, rest, store) {
                Some(bucket) => fault.instead_of_all(bucket),
                None => fault,
            }
        }
        "file" => Fault::new("is no form of a store", "write `dir:///FOLDER`")
            .instead(format!("dir://{rest}")),
        "http" | "https" => Fault::new("can only be read", bucket),
        _ => Fault::new(
            "is no store that zosc writes",
            "write `s3://BUCKET/PREFIX`, `dir:///FOLDER`, or a folder relative to the manifest",
        ),
    }
}
