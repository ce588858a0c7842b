//! What needs no server. What servers do, and what they should not, is tried against one in tests/remote_faults.rs.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::build::bazel::semver::SemVer;
use bazel_remote_apis::google::longrunning::Operation;
use bazel_remote_apis::google::protobuf::Any;
use prost::Message as _;

use super::connection::Connection;
use super::operation::stage;
use super::*;

fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: endpoint.to_owned(),
        attempts: 2,
        pause: Duration::from_millis(1),
        ..Settings::default()
    }
}

fn code(settings: &Settings) -> &'static str {
    let failure = Connection::new(settings).expect_err("refused");
    failure.code
}

#[test]
fn an_address_is_a_server_and_nothing_else() {
    for endpoint in [
        "grpc://here:1",
        "grpcs://here",
        "grpc://[::1]:8980",
        "grpcs://10.0.0.1:443",
    ] {
        Connection::new(&settings(endpoint)).expect(endpoint);
    }
    for endpoint in [
        "here:1",
        "http://here",
        "grpc://",
        "grpc://here/instance",
        "grpc://a b",
        "grpc://here:x",
    ] {
        assert_eq!(
            code(&settings(endpoint)),
            "zosc::remote::bad-endpoint",
            "{endpoint}"
        );
    }
    let refused = Connection::new(&settings("grpcs://me:hush@here")).expect_err("refused");
    assert!(!format!("{refused:?}").contains("hush"));
}

#[test]
fn certificates_have_to_be_there_and_go_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file.pem");
    std::fs::write(&file, "nothing of the kind").expect("written");
    let cases = [
        Tls {
            ca: Some(folder.path().join("none.pem")),
            ..Tls::default()
        },
        Tls {
            ca: Some(file.clone()),
            ..Tls::default()
        },
        Tls {
            certificate: Some(file.clone()),
            ..Tls::default()
        },
        Tls {
            key: Some(file.clone()),
            ..Tls::default()
        },
    ];
    for tls in cases {
        let settings = Settings {
            tls,
            ..settings("grpcs://here:1")
        };
        assert_eq!(code(&settings), "zosc::remote::bad-certificates");
    }
    let plain = Settings {
        tls: Tls {
            ca: Some(file),
            ..Tls::default()
        },
        ..settings("grpc://here:1")
    };
    assert_eq!(code(&plain), "zosc::remote::bad-endpoint");
}

#[test]
fn secrets_go_to_the_server_and_nowhere_else() {
    let secret = Secret::new("Bearer s3cret-token");
    let settings = Settings {
        headers: vec![("Authorization".to_owned(), secret)],
        ..settings("grpc://here:1")
    };
    let connection = Connection::new(&settings).expect("accepted");
    let sent = connection.request(());
    let header = sent.metadata().get("authorization").expect("sent");
    assert_eq!(header, "Bearer s3cret-token");
    assert!(!format!("{settings:?} {connection:?} {sent:?}").contains("s3cret"));
    let said = connection.clean("no s3cret-token\nof yours\u{1b}[2J");
    assert_eq!(said, "no *** of yours [2J");
    let long = format!("{}s3cret-token", "x".repeat(1995));
    assert!(!connection.clean(&long).contains("s3"));
    for (name, value) in [("a b", "x"), ("x-bin", "x"), ("x", "two\nlines")] {
        let settings = Settings {
            headers: vec![(name.to_owned(), Secret::new(value))],
            ..settings.clone()
        };
        assert_eq!(code(&settings), "zosc::remote::bad-header");
    }
}

#[test]
fn a_server_has_to_speak_version_2_and_name_contents_by_sha256() {
    let version = |major, minor| {
        Some(SemVer {
            major,
            minor,
            ..SemVer::default()
        })
    };
    let answer = |low, high, digest: api::digest_function::Value| api::ServerCapabilities {
        low_api_version: low,
        high_api_version: high,
        cache_capabilities: Some(api::CacheCapabilities {
            digest_functions: vec![digest as i32],
            max_batch_total_size_bytes: 65_536,
            ..Default::default()
        }),
        ..Default::default()
    };
    let sha256 = api::digest_function::Value::Sha256;
    let abilities = Abilities::of(&answer(version(2, 0), version(2, 3), sha256)).expect("fits");
    assert_eq!(
        (abilities.api.as_str(), abilities.room()),
        ("2.0–2.3", 65_536)
    );
    assert!(!abilities.executes && !abilities.keeps_results && !abilities.absolute_links);
    let abilities = Abilities::of(&answer(version(2, 2), None, sha256)).expect("fits");
    assert_eq!(abilities.api, "2.2");
    let unfit = [
        answer(version(3, 0), version(3, 1), sha256),
        answer(version(1, 0), version(1, 9), sha256),
        answer(None, None, sha256),
        answer(
            version(2, 0),
            version(2, 3),
            api::digest_function::Value::Blake3,
        ),
        api::ServerCapabilities {
            cache_capabilities: None,
            ..answer(version(2, 0), None, sha256)
        },
    ];
    for answer in &unfit {
        assert!(Abilities::of(answer).is_err(), "{answer:?}");
    }
}

#[test]
fn the_same_command_is_the_same_action() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let first = Command {
        arguments: vec!["run".to_owned()],
        environment: vec![pair("B", "2"), pair("A", "1")],
        outputs: vec!["out/b".to_owned(), "out/a".to_owned()],
        properties: vec![pair("pool", "x"), pair("arch", "y")],
        timeout: Some(Duration::from_mins(1)),
    };
    let mut second = first.clone();
    second.environment.reverse();
    second.outputs.reverse();
    second.properties.reverse();
    let root = Folder::new().blob();
    assert_eq!(action(&first, &root), action(&second, &root));
    second.properties.pop();
    assert_ne!(action(&first, &root).blob, action(&second, &root).blob);
}

#[test]
fn what_an_operation_says_is_believed_where_it_can_be_read() {
    let told = |stage: api::execution_stage::Value, url: &str| {
        let metadata = api::ExecuteOperationMetadata {
            stage: stage as i32,
            partial_execution_metadata: Some(api::ExecutedActionMetadata {
                worker: "build-7".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Operation {
            metadata: Some(Any {
                type_url: format!("{url}build.bazel.remote.execution.v2.ExecuteOperationMetadata"),
                value: metadata.encode_to_vec(),
            }),
            ..Default::default()
        }
    };
    let read = |operation: &Operation| stage(operation, str::to_uppercase);
    let queued = told(api::execution_stage::Value::Queued, "type.googleapis.com/");
    assert_eq!(read(&queued), Stage::Queued);
    let executing = told(api::execution_stage::Value::Executing, "");
    let worker = "BUILD-7".to_owned();
    assert_eq!(read(&executing), Stage::Executing { worker });
    assert_eq!(read(&Operation::default()), Stage::Accepted);
    let mut broken = executing;
    broken.metadata.as_mut().expect("there").value = vec![0xff; 5];
    assert_eq!(read(&broken), Stage::Accepted);
}

#[test]
fn whoever_waits_for_a_server_can_be_stopped() {
    // It takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let stopped = AtomicBool::new(true);
    let outcome = Client::connect(&settings(&format!("grpc://{address}")), &stopped);
    assert_eq!(outcome.expect_err("stopped").kind, Kind::Cancelled);
}
