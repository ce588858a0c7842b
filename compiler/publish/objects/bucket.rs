//! A bucket of a server that speaks S3, through `object_store`.

use std::future::Future;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, Checksum, S3ConditionalPut};
use object_store::client::{HttpClient, HttpError, HttpErrorKind};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, CopyOptions, GetOptions, GetResult, GetResultPayload,
    ObjectMeta, ObjectStore as _, PutMode, PutOptions, PutPayload, RetryConfig,
    StaticCredentialProvider,
};

use super::answers::Answers;
use super::conditions::Conditions;
use super::credentials::Credentials;
use super::key::{below, path};
use super::trouble::{Named, Trouble};
use super::{Facts, Object, Version, too_large};
use crate::check;
use crate::diagnostic::Diagnostic;
use crate::publish::connection::{Transport, client};
use crate::publish::waiting::wait;
use crate::tree::Digest;

/// The name of an object's own note of its digest.
const DIGEST: &str = "sha256";

/// How long a page of a listing, or the next bytes of an object, may take.
const SILENCE: Duration = Duration::from_mins(2);

/// How many objects are removed at a time.
const REMOVED_AT_ONCE: usize = 8;

/// A bucket, or what is below a prefix of it. Its client has the key in it, so nothing of this is ever shown.
pub(super) struct Bucket<'a> {
    pub(super) named: Named,
    pub(super) notes: PathBuf,
    pub(super) cancel: &'a AtomicBool,
    /// What a server knows of conditions, once it was found out.
    pub(super) conditions: OnceLock<Conditions>,
    prefix: String,
    builder: AmazonS3Builder,
    answers: Answers,
    /// Whether the bucket is known to exist.
    exists: AtomicBool,
    /// Whether the server refuses checksums with what is sent; the signature covers it all the same.
    is_plain: AtomicBool,
}

impl<'a> Bucket<'a> {
    pub(super) fn new(
        bucket: &check::Bucket,
        credentials: Credentials,
        store: &FilePath,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let endpoint = match &bucket.endpoint {
            Some(endpoint) => sound(endpoint)?.to_owned(),
            None => format!("https://s3.{}.amazonaws.com", bucket.region),
        };
        let http = HttpClient::new(client(Transport::of(&endpoint))?);
        let answers = Answers::new(http, credentials.clone());
        // Amazon's names of hosts have the bucket in them, which certificates know of without dots alone.
        let is_host = bucket.endpoint.is_none() && !bucket.name.contains('.');
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_virtual_hosted_style_request(is_host)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_http_connector(answers.clone());
        if !is_host {
            builder = builder.with_endpoint(&endpoint);
        }
        builder = match credentials.get() {
            Some(key) => {
                builder.with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
                    key_id: key.id.clone(),
                    secret_key: key.secret.clone(),
                    token: key.token.clone(),
                })))
            }
            None => builder.with_skip_signature(true),
        };
        Ok(Self {
            named: Named {
                endpoint,
                bucket: bucket.name.clone(),
                region: bucket.region.clone(),
            },
            notes: store.join("uploads"),
            cancel,
            conditions: OnceLock::new(),
            prefix: bucket.prefix.clone(),
            builder,
            answers,
            exists: AtomicBool::new(false),
            is_plain: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> String {
        match self.prefix.as_str() {
            "" => self.named.place(),
            prefix => self.named.object(prefix),
        }
    }

    /// How many requests ended without telling whether they were obeyed.
    pub(super) fn unclear(&self) -> u64 {
        self.answers.unclear()
    }

    /// The client: impatient until somebody has answered, since it is the address that is wrong most often.
    pub(super) fn client(&self) -> Result<AmazonS3, Diagnostic> {
        let (retries, longest) = if self.answers.were_there() {
            (10, Duration::from_secs(15))
        } else {
            (3, Duration::from_secs(1))
        };
        let mut builder = self.builder.clone().with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(200),
                max_backoff: longest,
                base: 2.,
            },
            max_retries: retries,
            // A signature is good for 15 minutes, and the client does not renew it between attempts.
            retry_timeout: Duration::from_mins(5),
        });
        if !self.is_plain.load(Ordering::Relaxed) {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        builder.build().map_err(|error| {
            self.named
                .problem("use", None, &Trouble::Odd(error.to_string()))
        })
    }

    /// Waits for what a bucket is asked.
    pub(super) fn wait<T>(
        &self,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Result<T, Trouble>, Diagnostic> {
        let answer = wait(self.cancel, asked)?;
        Ok(answer.map_err(Trouble::from))
    }

    /// The same, for what is sent: once more without a checksum, where the server takes none.
    pub(super) fn send<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        ask: impl Fn(AmazonS3) -> F,
    ) -> Result<Result<T, Trouble>, Diagnostic> {
        let answer = self.wait(ask(self.client()?))?;
        let answer = match answer {
            Err(trouble)
                if trouble.is_checksum_unknown()
                    && !self.is_plain.swap(true, Ordering::Relaxed) =>
            {
                self.wait(ask(self.client()?))?
            }
            answer => answer,
        };
        if answer.is_ok() {
            self.exists.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    pub(super) fn path(&self, key: &str) -> Result<Path, Diagnostic> {
        path(&self.prefix, key)
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Object>, Diagnostic> {
        let whole = below(&self.prefix, prefix);
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let client = self.client()?;
            let options = PaginatedListOptions {
                page_token: token.clone(),
                ..PaginatedListOptions::default()
            };
            let page = in_time(client.list_paginated(Some(&whole), options));
            let page = self.wait(page)?;
            let page = page.map_err(|trouble| self.named.problem("list", None, &trouble))?;
            self.exists.store(true, Ordering::Relaxed);
            objects.extend(
                page.result
                    .objects
                    .iter()
                    .filter_map(|meta| self.listed(meta, &whole)),
            );
            match page.page_token {
                None => return Ok(objects),
                next if next == token => {
                    let trouble = Trouble::Odd("the listing does not end".to_owned());
                    return Err(self.named.problem("list", None, &trouble));
                }
                next => token = next,
            }
        }
    }

    /// An object of a listing, unless it only marks a folder.
    fn listed(&self, meta: &ObjectMeta, prefix: &str) -> Option<Object> {
        let key = meta.location.as_ref();
        let own = match self.prefix.as_str() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        key.starts_with(prefix).then(|| object(own, meta, None))
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Object>, Diagnostic> {
        let (client, path) = (self.client()?, self.path(key)?);
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let answer = self.wait(client.get_opts(&path, options))?;
        match answer {
            Ok(answer) => {
                self.exists.store(true, Ordering::Relaxed);
                Ok(Some(object(key, &answer.meta, digest(&answer))))
            }
            Err(trouble) if trouble.is_no_object() => self.confirm().map(|()| None),
            // The answer to this question has no body that says why: ask another one.
            Err(Trouble::Refused(_)) => match self.opened(key)? {
                None => Ok(None),
                Some(answer) => Ok(Some(object(key, &answer.meta, digest(&answer)))),
            },
            Err(trouble) => Err(self
                .named
                .problem("look for", Some(path.as_ref()), &trouble)),
        }
    }

    /// Makes sure, once, that an object is missing and not its bucket, which not all servers tell apart.
    fn confirm(&self) -> Result<(), Diagnostic> {
        if self.exists.load(Ordering::Relaxed) {
            return Ok(());
        }
        let client = self.client()?;
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let listed = self.wait(in_time(client.list_paginated(None, options)))?;
        match listed {
            Err(trouble @ Trouble::Refused(_)) if trouble.is_no_bucket() => {
                Err(self.named.problem("use", None, &trouble))
            }
            // A key that may not list has to believe what it is told.
            _ => {
                self.exists.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// The answer to a request for an object, whose content was not read yet.
    pub(super) fn opened(&self, key: &str) -> Result<Option<GetResult>, Diagnostic> {
        let (client, path) = (self.client()?, self.path(key)?);
        let answer = self.wait(client.get_opts(&path, GetOptions::default()))?;
        match answer {
            Ok(answer) => {
                self.exists.store(true, Ordering::Relaxed);
                Ok(Some(answer))
            }
            Err(trouble) if trouble.is_no_object() => self.confirm().map(|()| None),
            Err(trouble) => Err(self.named.problem("read", Some(path.as_ref()), &trouble)),
        }
    }

    /// Hands an object's content to `sink`, piece by piece.
    pub(super) fn read(
        &self,
        key: &str,
        limit: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Diagnostic>,
    ) -> Result<Option<Object>, Diagnostic> {
        match self.opened(key)? {
            None => Ok(None),
            Some(answer) => self.read_on(key, answer, limit, sink).map(Some),
        }
    }

    /// The same, where the answer has begun already.
    pub(super) fn read_on(
        &self,
        key: &str,
        answer: GetResult,
        limit: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Diagnostic>,
    ) -> Result<Object, Diagnostic> {
        let path = self.path(key)?;
        let too_large = || too_large(&self.named.object(path.as_ref()), limit);
        let seen = object(key, &answer.meta, digest(&answer));
        if seen.size > limit {
            return Err(too_large());
        }
        let GetResultPayload::Stream(mut pieces) = answer.payload;
        let mut received = 0;
        loop {
            let next = self.wait(in_time(pieces.try_next()))?;
            let next =
                next.map_err(|trouble| self.named.problem("read", Some(path.as_ref()), &trouble));
            let Some(piece) = next? else {
                return Ok(seen);
            };
            received += piece.len() as u64;
            if received > limit {
                return Err(too_large());
            }
            sink(&piece)?;
        }
    }

    pub(super) fn get(
        &self,
        key: &str,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, Diagnostic> {
        let mut bytes = Vec::new();
        let seen = self.read(key, limit, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(seen.map(|seen| (bytes, seen.version.unwrap_or(Version(String::new())))))
    }

    /// Writes an object in any case.
    pub(super) fn write(&self, key: &str, bytes: &[u8], facts: &Facts) -> Result<(), Diagnostic> {
        let answer = self.try_put(key, bytes, PutMode::Overwrite, facts)?;
        answer.map_err(|trouble| self.unwritten(key, &trouble))
    }

    pub(super) fn try_put(
        &self,
        key: &str,
        bytes: &[u8],
        mode: PutMode,
        facts: &Facts,
    ) -> Result<Result<(), Trouble>, Diagnostic> {
        let path = self.path(key)?;
        let payload = PutPayload::from(bytes.to_vec());
        let options = PutOptions {
            mode,
            attributes: attributes(facts, &Digest::of(bytes)),
            ..PutOptions::default()
        };
        let answer = self.send(|client| {
            let (path, payload, options) = (path.clone(), payload.clone(), options.clone());
            async move { client.put_opts(&path, payload, options).await }
        })?;
        Ok(answer.map(|_| ()))
    }

    pub(super) fn unwritten(&self, key: &str, trouble: &Trouble) -> Diagnostic {
        let key = below(&self.prefix, key);
        self.named.problem("write", Some(&key), trouble)
    }

    pub(super) fn copy(&self, from: &str, to: &str) -> Result<(), Diagnostic> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        let answer = self.send(|client| {
            let (source, target) = (source.clone(), target.clone());
            async move {
                client
                    .copy_opts(&source, &target, CopyOptions::default())
                    .await
            }
        })?;
        match answer {
            Ok(()) => Ok(()),
            Err(trouble) if trouble.is_unknown_feature() => self.copy_through(from, to),
            Err(trouble) => Err(self.named.problem("copy", Some(source.as_ref()), &trouble)),
        }
    }

    pub(super) fn delete(&self, keys: &[String]) -> Result<(), Diagnostic> {
        let paths: Result<Vec<Path>, Diagnostic> = keys.iter().map(|key| self.path(key)).collect();
        // One by one, which every server knows.
        let client = self.remover()?;
        let paths = stream::iter(paths?);
        let removed = paths.map(|path| {
            let client = client.clone();
            async move {
                let removed = client
                    .delete_stream(stream::iter([Ok(path.clone())]).boxed())
                    .next()
                    .await;
                (path, removed.transpose().map_err(Trouble::from))
            }
        });
        let removed = removed
            .buffer_unordered(REMOVED_AT_ONCE)
            .collect::<Vec<_>>();
        for (path, removed) in wait(self.cancel, removed)? {
            match removed {
                Err(trouble) if !trouble.is_no_object() => {
                    return Err(self.named.problem("remove", Some(path.as_ref()), &trouble));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn remover(&self) -> Result<AmazonS3, Diagnostic> {
        let builder = self.builder.clone().with_disable_bulk_delete(true);
        builder.build().map_err(|error| {
            self.named
                .problem("use", None, &Trouble::Odd(error.to_string()))
        })
    }
}

/// An endpoint that can be asked, and has no secret in it.
fn sound(endpoint: &str) -> Result<&str, Diagnostic> {
    let refused = |why: &str| {
        Diagnostic::error("zosc::publish::bad-endpoint", format!("the endpoint cannot be used: {why}"))
            .help("write the server's address alone, such as \"https://s3.example.org\" or \"http://127.0.0.1:9000\"")
    };
    let url = reqwest::Url::parse(endpoint).map_err(|error| refused(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "it has a name or a password in it, which belong into variables",
        ));
    }
    match url.scheme() {
        "http" | "https" => Ok(endpoint.trim_end_matches('/')),
        _ => Err(refused("it begins with neither `https://` nor `http://`")),
    }
}

/// What is said of an object beside its content.
pub(super) fn attributes(facts: &Facts, digest: &Digest) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, facts.content_type.clone().into());
    if let Some(cache) = &facts.cache_control {
        attributes.insert(Attribute::CacheControl, cache.clone().into());
    }
    attributes.insert(
        Attribute::Metadata(DIGEST.into()),
        digest.to_string().into(),
    );
    attributes
}

fn digest(answer: &GetResult) -> Option<Digest> {
    let told = answer.attributes.get(&Attribute::Metadata(DIGEST.into()))?;
    told.parse().ok()
}

fn object(key: &str, meta: &ObjectMeta, digest: Option<Digest>) -> Object {
    let modified = Timestamp::from_millisecond(meta.last_modified.timestamp_millis());
    Object {
        key: key.to_owned(),
        size: meta.size,
        modified: modified.unwrap_or(Timestamp::UNIX_EPOCH),
        version: meta.e_tag.clone().map(Version),
        digest,
    }
}

/// Waits no longer than a server may take.
async fn in_time<T>(
    asked: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let answer = tokio::time::timeout(SILENCE, asked).await;
    answer.unwrap_or_else(|late| {
        let late = HttpError::new(HttpErrorKind::Timeout, late);
        Err(object_store::Error::Generic {
            store: "S3",
            source: Box::new(late),
        })
    })
}
