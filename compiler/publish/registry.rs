//! A container registry, through `oci-client`: an image as an OCI artifact.
//!
//! Comes in: the files, and what the artifact's manifest says. Goes out: blobs that were not there, then the manifest under its tag. Files
//! are read from the store while they are sent, so nothing is in memory as a whole.

use std::fs::File;
use std::future::Future;
use std::io::Read as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError as Trouble;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::header::HeaderValue;

use super::artifact::{self, manifest};
use super::made::{Made, MadeOutput};
use super::registry_trouble::{problem, unusable};
use super::step::{Act, Observer, Step};
use super::uploads::Artifact;
use super::waiting::wait;
use super::{connection, login};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Store};

/// How long a connection may take to stand, and how long it may be silent.
const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_mins(2);

/// How often something is tried that may pass.
const ATTEMPTS: u32 = 4;

/// How many bytes are read at a time.
const PIECE: usize = 1 << 20;

/// A repository that was looked at.
pub(super) struct Registry<'a> {
    client: Client,
    reference: Reference,
    layers: Vec<MadeOutput>,
    manifest: Vec<u8>,
    /// Whether each layer's blob is there.
    present: Vec<bool>,
    /// Whether the tag stands for this manifest.
    is_tagged: bool,
    store: &'a Store,
    cancel: &'a AtomicBool,
}

impl<'a> Registry<'a> {
    /// Asks a repository what it has.
    pub(super) fn look(
        artifact: &Artifact,
        made: &Made,
        store: &'a Store,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let reference = Reference::try_from(artifact.reference.as_str())
            .map_err(|error| unusable(&artifact.reference, &error.to_string()))?;
        let auth = login::find(reference.registry(), artifact.login.as_ref())?;
        let mut registry = Self {
            client: client(reference.registry())?,
            manifest: manifest(made, &artifact.layers),
            layers: artifact.layers.clone(),
            present: Vec::new(),
            is_tagged: false,
            reference,
            store,
            cancel,
        };
        registry.enter(&auth)?;
        let tagged = registry.tagged(&auth)?;
        registry.is_tagged = tagged.is_some_and(|tagged| tagged == registry.digest());
        let blobs = registry
            .layers
            .iter()
            .map(|layer| registry.has(&layer.digest));
        registry.present = blobs.collect::<Result<_, _>>()?;
        Ok(registry)
    }

    /// The digest by which the artifact can be pulled.
    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", Digest::of(&self.manifest))
    }

    /// Where it goes, for people.
    pub(super) fn name(&self) -> String {
        self.reference.whole()
    }

    fn enter(&self, auth: &RegistryAuth) -> Result<(), Diagnostic> {
        self.again("log in", || async {
            let entered = self
                .client
                .auth(&self.reference, auth, RegistryOperation::Push);
            entered.await.map(drop)
        })
    }

    /// What the tag stands for.
    fn tagged(&self, auth: &RegistryAuth) -> Result<Option<String>, Diagnostic> {
        let asked = wait(
            self.cancel,
            self.client.fetch_manifest_digest(&self.reference, auth),
        )?;
        // Whatever keeps a registry from telling shows when something is sent.
        Ok(asked.ok())
    }

    fn has(&self, digest: &Digest) -> Result<bool, Diagnostic> {
        let digest = format!("sha256:{digest}");
        self.again("look for a file", || {
            self.client.blob_exists(&self.reference, &digest)
        })
    }

    /// Does something that a hiccup of the network may break, and tries it again then.
    fn again<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> Result<T, Diagnostic> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match wait(self.cancel, ask())? {
                Ok(answer) => return Ok(answer),
                Err(trouble) if attempt < ATTEMPTS && may_pass(&trouble) => {
                    std::thread::sleep(Duration::from_millis(250) * attempt);
                }
                Err(trouble) => return Err(problem(what, &self.reference, &trouble)),
            }
        }
    }

    /// What would be done.
    pub(super) fn steps(&self) -> Vec<Step> {
        let layers = self.layers.iter().zip(&self.present);
        let act = |present: bool| if present { Act::Keep } else { Act::Send };
        let layers = layers.map(|(layer, present)| self.step(layer, act(*present)));
        let mut steps: Vec<Step> = layers.collect();
        steps.push(self.tag_step());
        steps
    }

    fn step(&self, layer: &MadeOutput, act: Act) -> Step {
        Step {
            place: self.name(),
            key: layer.name.clone(),
            act,
            size: Some(layer.size),
            sha256: Some(layer.digest),
        }
    }

    fn tag_step(&self) -> Step {
        Step {
            place: self.name(),
            key: format!("{}@{}", self.reference.repository(), self.digest()),
            act: if self.is_tagged {
                Act::Keep
            } else {
                Act::Write
            },
            size: Some(self.manifest.len() as u64),
            sha256: Some(Digest::of(&self.manifest)),
        }
    }

    /// Sends what is not there: the files, then the manifest that names them.
    pub(super) fn perform(&self, observer: &dyn Observer) -> Result<(), Diagnostic> {
        let mut sent: Vec<Digest> = Vec::new();
        for (layer, present) in self.layers.iter().zip(&self.present) {
            if *present || sent.contains(&layer.digest) {
                observer.done(&self.step(layer, Act::Keep));
                continue;
            }
            let step = self.step(layer, Act::Send);
            self.send(layer, &step, observer)?;
            sent.push(layer.digest);
            observer.done(&step);
        }
        if !self.is_tagged {
            self.tag()?;
        }
        observer.done(&self.tag_step());
        Ok(())
    }

    fn send(
        &self,
        layer: &MadeOutput,
        step: &Step,
        observer: &dyn Observer,
    ) -> Result<(), Diagnostic> {
        let digest = format!("sha256:{}", layer.digest);
        let done = Arc::new(AtomicU64::new(0));
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Hashed before it is sent; a registry hashes it once more.
            let file = self.store.reader(&layer.digest)?;
            done.store(0, Ordering::Relaxed);
            let pieces = Pieces {
                file,
                done: done.clone(),
            };
            let pieces = stream::iter(pieces.map(|piece| piece.map(Vec::into)));
            let pushed =
                self.client
                    .push_blob_stream(&self.reference, pieces, &digest, Some(layer.size));
            let told = async {
                loop {
                    // Until the other one has ended.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    observer.progress(step, done.load(Ordering::Relaxed));
                }
            };
            let outcome = wait(self.cancel, async {
                match select(pin!(pushed), pin!(told)).await {
                    Either::Left((pushed, _)) => pushed.map(drop),
                    Either::Right((never, _)) => never,
                }
            })?;
            match outcome {
                Ok(()) => return Ok(()),
                Err(trouble) if attempt < ATTEMPTS && may_pass(&trouble) => {
                    std::thread::sleep(Duration::from_millis(500) * attempt);
                }
                Err(trouble) => return Err(problem("send a file", &self.reference, &trouble)),
            }
        }
    }

    fn tag(&self) -> Result<(), Diagnostic> {
        let (_, config) = artifact::EMPTY;
        let digest = Digest::of(config);
        if !self.has(&digest)? {
            let digest = format!("sha256:{digest}");
            self.again("send a file", || async {
                let pushed = self.client.push_blob(&self.reference, config, &digest);
                pushed.await.map(drop)
            })?;
        }
        self.again("write the manifest", || async {
            let kind = HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
            let pushed =
                self.client
                    .push_manifest_raw(&self.reference, self.manifest.clone(), kind);
            pushed.await.map(drop)
        })
    }
}

/// Whether it may be otherwise the next time.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::RequestError(error) => {
            error.status().is_none_or(|status| status.is_server_error())
        }
        Trouble::ServerError { code, .. } => *code >= 500 || *code == 429,
        _ => false,
    }
}

fn client(host: &str) -> Result<Client, Diagnostic> {
    connection::provide();
    let config = ClientConfig {
        protocol: if is_here(host) {
            ClientProtocol::HttpsExcept(vec![host.to_owned()])
        } else {
            ClientProtocol::Https
        },
        // One request for a blob, which every registry takes.
        use_monolithic_push: true,
        tls_certs_only: connection::trusted()?,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: concat!("zosc/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|error| unusable(host, &error.to_string()))
}

/// Whether a host is this machine, which needs no encryption; engines of containers see it so, too.
fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address: Result<std::net::IpAddr, _> = name.trim_matches(['[', ']']).parse();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A file in pieces, counted as they go.
struct Pieces {
    file: File,
    done: Arc<AtomicU64>,
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = vec![0; PIECE];
        match self.file.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                self.done.fetch_add(count as u64, Ordering::Relaxed);
                Some(Ok(piece))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_asked_without_encryption() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in [
            "ghcr.io",
            "10.0.0.1:5000",
            "localhost.example",
            "registry:5000",
        ] {
            assert!(!is_here(away), "{away}");
        }
    }
}
