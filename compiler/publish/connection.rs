//! Connections as everywhere in zosc: Mozilla's certificates or those of `SSL_CERT_FILE`, proxies as the environment names them.

use std::time::Duration;

use oci_client::client::CertificateEncoding;
use reqwest::redirect::Policy;
use reqwest::tls::Certificate;
use reqwest::{Client, ClientBuilder};

use crate::diagnostic::Diagnostic;
use crate::io;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(20);

/// Whether an address may be asked without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// `https://` alone.
    Tls,
    /// `http://`, because the endpoint says so itself.
    Plain,
}

impl Transport {
    /// What an address asks for.
    pub(super) fn of(address: &str) -> Self {
        match address.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => Self::Plain,
            _ => Self::Tls,
        }
    }
}

/// A client that follows no redirection: a signature holds for one address, and a bucket elsewhere is to be named.
pub(super) fn client(transport: Transport) -> Result<Client, Diagnostic> {
    let builder = Client::builder()
        .user_agent(concat!("zosc/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        // Bytes arrive as they lie on the server.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(CONNECT)
        .https_only(transport == Transport::Tls)
        .tls_certs_only(certificates()?);
    built(builder)
}

/// Says which code encrypts, for all clients of this process.
pub(super) fn provide() {
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The certificates to trust, for the client of registries, which takes them one by one.
pub(super) fn trusted() -> Result<Vec<oci_client::client::Certificate>, Diagnostic> {
    const END: &str = "-----END CERTIFICATE-----";
    let one = |encoding, data| oci_client::client::Certificate { encoding, data };
    let named = io::named_certificates().map_err(|error| unusable(&error.to_string()))?;
    let Some(pem) = named else {
        let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let all = all.map(|certificate| one(CertificateEncoding::Der, certificate.to_vec()));
        return Ok(all.collect());
    };
    let pem = String::from_utf8_lossy(&pem).into_owned();
    let texts = pem.split_inclusive(END).filter(|text| text.contains(END));
    Ok(texts
        .map(|text| one(CertificateEncoding::Pem, text.as_bytes().to_vec()))
        .collect())
}

fn built(builder: ClientBuilder) -> Result<Client, Diagnostic> {
    provide();
    let built = builder.build();
    built.map_err(|error| unusable(&io::error_chain(&error)))
}

/// The certificates to trust.
fn certificates() -> Result<Vec<Certificate>, Diagnostic> {
    let named = io::named_certificates().map_err(|error| unusable(&error.to_string()))?;
    let read = match named {
        Some(pem) => Certificate::from_pem_bundle(&pem),
        None => webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|certificate| Certificate::from_der(certificate))
            .collect(),
    };
    read.map_err(|error| unusable(&io::error_chain(&error)))
}

fn unusable(why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::bad-certificates",
        format!("the network cannot be used: {why}"),
    )
    .help("let SSL_CERT_FILE name a file with certificates in PEM, or unset it")
}
