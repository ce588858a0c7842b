//! The networks there are: [`Internet`] for `https://`, `http://` and `file://`, [`Offline`] for `file://` alone.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured. Certificates are checked against Mozilla's list, or
//! against the file that `SSL_CERT_FILE` names. Nothing is ever decoded on the way: bytes arrive as they lie on the server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::OnceLock;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use super::address::file_path;
use super::download::{Answer, Failure, Network, Resume};

/// How long a name may take to resolve and a connection to stand.
const CONNECT: Duration = Duration::from_secs(20);

/// How long a server may stay silent.
const SILENCE: Duration = Duration::from_mins(1);

/// The network, and files of this machine.
pub struct Internet {
    /// Certificates to trust instead of Mozilla's list.
    certificates: Option<Vec<u8>>,
    /// How long a server may stay silent.
    silence: Duration,
    /// Made for the first address that needs it: to read certificates takes as long as to look at a whole build.
    agent: OnceLock<Agent>,
}

impl Internet {
    /// Prepares connections; none is made yet.
    ///
    /// # Errors
    /// Where `SSL_CERT_FILE` names a file that cannot be read.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            certificates: named_certificates()?,
            silence: SILENCE,
            agent: OnceLock::new(),
        })
    }

    /// One for tests that do not wait for a minute.
    #[cfg(test)]
    pub(super) fn impatient(silence: Duration) -> Self {
        Self {
            silence,
            ..Self::new().expect("no certificates to read")
        }
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| self.new_agent())
    }

    fn new_agent(&self) -> Agent {
        Agent::config_builder()
            .user_agent(concat!("zosc/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .http_status_as_error(false)
            .proxy(Proxy::try_from_env())
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(self.silence))
            .timeout_per_read(Some(self.silence))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(root_certificates(self.certificates.as_deref()))
                    .build(),
            )
            .build()
            .new_agent()
    }

    fn ask(&self, url: &str, resume: Resume<'_>) -> Result<Answer, Failure> {
        let mut request = self.agent().get(url);
        if url.starts_with("https://") {
            // A redirection may not lead to where anybody on the way can answer.
            request = request.config().https_only(true).build();
        }
        if resume.offset > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", resume.offset));
            if let Some(version) = resume.version {
                request = request.header(header::IF_RANGE, version);
            }
        } else if let Some(had) = resume.had {
            // An entity tag is quoted, a date is not.
            let name = if had.starts_with('"') {
                header::IF_NONE_MATCH
            } else {
                header::IF_MODIFIED_SINCE
            };
            request = request.header(name, had);
        }
        let response = request.call().map_err(|error| no_answer(&error))?;
        match response.status() {
            StatusCode::OK => Ok(answer(0, response.body().content_length(), response)),
            StatusCode::PARTIAL_CONTENT => {
                let range =
                    text(&response, &header::CONTENT_RANGE).and_then(|text| content_range(&text));
                let Some((offset, total)) = range else {
                    return Err(Failure::Passing(
                        "the server sent a part without saying which".to_owned(),
                    ));
                };
                Ok(answer(offset, total, response))
            }
            // The part behind the end was asked for: what is there is of another version. Begin anew.
            StatusCode::RANGE_NOT_SATISFIABLE if resume.offset > 0 => {
                self.ask(url, Resume::default())
            }
            StatusCode::NOT_MODIFIED if resume.had.is_some() => Err(Failure::Unchanged),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Failure::NotFound),
            status if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) => {
                Err(Failure::Passing(format!(
                    "the server answered with status {status}"
                )))
            }
            status => Err(Failure::Status(status.as_u16())),
        }
    }
}

impl Network for Internet {
    fn open(&self, url: &str, resume: Resume<'_>) -> Result<Answer, Failure> {
        match url.split_once("://") {
            Some(("file", _)) => open_file(url, resume),
            Some(("http" | "https", _)) => self.ask(url, resume),
            _ => Err(Failure::BadAddress(
                "it begins with none of `https://`, `http://`, `file:///`".to_owned(),
            )),
        }
    }
}

/// Files of this machine only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Network for Offline {
    fn open(&self, url: &str, resume: Resume<'_>) -> Result<Answer, Failure> {
        match url.split_once("://") {
            Some(("file", _)) => open_file(url, resume),
            _ => Err(Failure::Offline),
        }
    }
}

/// Contents that exist in memory only, by address.
#[derive(Debug, Clone, Default)]
pub struct MemoryNetwork {
    contents: BTreeMap<String, Vec<u8>>,
}

impl MemoryNetwork {
    /// Contents by address.
    pub fn new<U: Into<String>, C: Into<Vec<u8>>>(
        contents: impl IntoIterator<Item = (U, C)>,
    ) -> Self {
        Self {
            contents: contents
                .into_iter()
                .map(|(url, content)| (url.into(), content.into()))
                .collect(),
        }
    }
}

impl Network for MemoryNetwork {
    fn open(&self, url: &str, resume: Resume<'_>) -> Result<Answer, Failure> {
        let content = self.contents.get(url).ok_or(Failure::NotFound)?;
        let rest = usize::try_from(resume.offset)
            .ok()
            .and_then(|offset| content.get(offset..));
        let (offset, body) = match rest {
            Some(rest) => (resume.offset, rest.to_vec()),
            None => (0, content.clone()),
        };
        let total = Some(content.len() as u64);
        Ok(Answer {
            total,
            offset,
            version: None,
            body: Box::new(io::Cursor::new(body)),
        })
    }
}

/// The content of the file that `SSL_CERT_FILE` names, where it does: certificates to trust instead of Mozilla's list.
pub fn named_certificates() -> io::Result<Option<Vec<u8>>> {
    let Some(file) = super::environment("SSL_CERT_FILE") else {
        return Ok(None);
    };
    let named = |error: io::Error| {
        let told = format!("SSL_CERT_FILE names `{file}`: {error}");
        io::Error::new(error.kind(), told)
    };
    std::fs::read(&file).map(Some).map_err(named)
}

fn root_certificates(pem: Option<&[u8]>) -> RootCerts {
    let Some(pem) = pem else {
        return RootCerts::WebPki;
    };
    let certificates = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    RootCerts::from(certificates)
}

fn answer(offset: u64, total: Option<u64>, response: Response<Body>) -> Answer {
    // A weak validator does not promise the same bytes, so a part of it cannot be continued.
    let strong = |version: &String| !version.starts_with("W/");
    let version = text(&response, &header::ETAG)
        .filter(strong)
        .or_else(|| text(&response, &header::LAST_MODIFIED));
    // The caller bounds the size; the client's own bound is for those who do not.
    let body = response
        .into_body()
        .into_with_config()
        .limit(u64::MAX)
        .reader();
    Answer {
        total,
        offset,
        version,
        body: Box::new(body),
    }
}

fn text(response: &Response<Body>, name: &header::HeaderName) -> Option<String> {
    response
        .headers()
        .get(name)?
        .to_str()
        .ok()
        .map(str::to_owned)
}

/// `bytes 100-199/200` as the first offset and the total.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let offset = range.split_once('-')?.0.parse().ok()?;
    Some((offset, total.parse().ok()))
}

fn no_answer(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(why) => Failure::BadAddress(why.clone()),
        ureq::Error::Http(why) => Failure::BadAddress(why.to_string()),
        ureq::Error::RequireHttpsOnly(_) => Failure::Downgraded,
        ureq::Error::HostNotFound => Failure::Passing("the host's name is unknown".to_owned()),
        ureq::Error::Timeout(_) => Failure::Passing(format!("no answer in time: {error}")),
        other => Failure::Passing(other.to_string()),
    }
}

/// Opens a file by its address.
fn open_file(address: &str, resume: Resume<'_>) -> Result<Answer, Failure> {
    let path = file_path(address).map_err(|why| Failure::BadAddress(why.to_owned()))?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::NotFound,
        _ => Failure::Passing(format!("{}: {error}", path.display())),
    };
    let mut file = File::open(&path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::BadAddress(format!(
            "{} is no file",
            path.display()
        )));
    }
    let offset = if resume.offset < metadata.len() {
        resume.offset
    } else {
        0
    };
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let body = Box::new(file.take(u64::MAX));
    Ok(Answer {
        total: Some(metadata.len()),
        offset,
        version: None,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::super::address::file_address;
    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(content_range("bytes 100-199/*"), Some((100, None)));
        assert_eq!(content_range("lines 1-2/3"), None);
        assert_eq!(content_range("bytes x-2/3"), None);
    }

    #[test]
    fn offline_reads_files_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a"), b"hello").expect("written");
        let url = file_address(&folder.path().join("a"));
        let mut text = String::new();
        let resume = Resume {
            offset: 2,
            ..Resume::default()
        };
        let Ok(mut answer) = Offline.open(&url, resume) else {
            panic!("the file is there");
        };
        answer.body.read_to_string(&mut text).expect("read");
        assert_eq!(
            (text.as_str(), answer.offset, answer.total),
            ("llo", 2, Some(5))
        );
        let asked = |url: &str| Offline.open(url, Resume::default()).err();
        assert_eq!(asked("https://example.org/a"), Some(Failure::Offline));
        assert_eq!(asked(&format!("{url}b")), Some(Failure::NotFound));
    }
}
