//! From an address and files with certificates to a connection that is made when it is needed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{Settings, Tls};
use crate::configuration::Address;
use crate::diagnostic::Diagnostic;
use crate::io;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(20);

/// After what silence the machine on the other side is asked whether it is there. That is for the system to do: many servers
/// close a connection on which HTTP/2 asks too often.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What may be under way for one answer, and for all of a connection.
const WINDOWS: (u32, u32) = (1 << 20, 8 << 20);

/// Files with certificates are small.
const MOST_CERTIFICATES: u64 = 4 << 20;

/// A connection to the server of the settings; nobody is asked yet.
pub(super) fn channel(settings: &Settings) -> Result<Channel, Diagnostic> {
    let address = Address::read(&settings.endpoint).map_err(|wrong| bad_endpoint(&wrong.why))?;
    let (has_tls, server) = (address.is_encrypted, address.authority());
    let scheme = if has_tls { "https" } else { "http" };
    let odd = |error: tonic::transport::Error| bad_endpoint(&io::error_chain(&error));
    let endpoint = Endpoint::from_shared(format!("{scheme}://{server}"))
        .map_err(odd)?
        .user_agent(concat!("zosc/", env!("CARGO_PKG_VERSION")))
        .map_err(odd)?
        .connect_timeout(CONNECT.min(settings.answer))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(KEEP_ALIVE))
        .tcp_keepalive_interval(Some(KEEP_ALIVE / 3))
        .tcp_keepalive_retries(Some(3))
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1);
    if !has_tls {
        if settings.tls != Tls::default() {
            return Err(
                bad_endpoint("it is one without TLS, and certificates are given").help(format!(
                    "write `grpcs://{server}`, or leave the certificates out"
                )),
            );
        }
        return enter(|| endpoint.connect_lazy());
    }
    let endpoint = endpoint.tls_config(tls(&settings.tls)?).map_err(|error| {
        bad_certificates(&format!("they cannot be used: {}", io::error_chain(&error)))
    })?;
    enter(|| endpoint.connect_lazy())
}

/// A connection belongs to the runtime that keeps it.
fn enter<T>(work: impl FnOnce() -> T) -> Result<T, Diagnostic> {
    let _entered = io::runtime()?.enter();
    Ok(work())
}

fn bad_endpoint(why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::bad-endpoint",
        format!("the address of the remote server cannot be used: {why}"),
    )
    .help("write `grpc://HOST:PORT`, or `grpcs://HOST:PORT` for a server with TLS")
}

fn tls(tls: &Tls) -> Result<ClientTlsConfig, Diagnostic> {
    let config = ClientTlsConfig::new();
    let named = match &tls.ca {
        Some(file) => Some(read(file)?),
        None => io::named_certificates().map_err(|error| bad_certificates(&error.to_string()))?,
    };
    let config = match named {
        Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
        None => config.with_webpki_roots(),
    };
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(config),
        (Some(certificate), Some(key)) => {
            Ok(config.identity(Identity::from_pem(read(certificate)?, read(key)?)))
        }
        (Some(_), None) => Err(
            bad_certificates("there is a certificate, and no key for it")
                .help("`--remote-key FILE` names the key"),
        ),
        (None, Some(_)) => Err(
            bad_certificates("there is a key, and no certificate for it")
                .help("`--remote-cert FILE` names the certificate"),
        ),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Diagnostic> {
    let told = |why: String| bad_certificates(&format!("`{}`: {why}", file.display()));
    let facts = fs::metadata(file).map_err(|error| told(error.to_string()))?;
    if facts.len() > MOST_CERTIFICATES {
        return Err(told(
            "it is too large for a file with certificates".to_owned(),
        ));
    }
    let pem = fs::read(file).map_err(|error| told(error.to_string()))?;
    if !pem.windows(11).any(|text| text == b"-----BEGIN ") {
        return Err(told("it has no block `-----BEGIN …-----`".to_owned()));
    }
    Ok(pem)
}

fn bad_certificates(why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::remote::bad-certificates",
        format!("the certificates for the remote server cannot be used: {why}"),
    )
    .help("certificates and keys are files in PEM; without `--remote-ca`, SSL_CERT_FILE names those to trust, or else Mozilla's are")
}
