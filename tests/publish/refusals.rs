//! What is said when a bucket cannot be used, and what is never said.

use std::path::Path;
use std::time::{Duration, Instant};

use zosc::check::Bucket;
use zosc::diagnostic::Diagnostic;
use zosc::publish::objects::{Condition, Credentials, Facts, Objects};

use crate::place::{BUCKET, GO_ON, bucket, key, objects};
use crate::s3::{KEY_ID, Proxy, SECRET, Server};

/// What each of the things that one does with a bucket says.
fn problems(bucket: &Bucket, credentials: &Credentials, store: &Path) -> Vec<Diagnostic> {
    let place = Objects::bucket(bucket, credentials.clone(), store, &GO_ON).unwrap();
    let put = |condition| place.put("k", b"x", &condition, &Facts::bytes());
    vec![
        place.list("").unwrap_err(),
        place.head("k").unwrap_err(),
        place.get("k", 10).unwrap_err(),
        put(Condition::Always).unwrap_err(),
        put(Condition::Absent).unwrap_err(),
        place.copy("k", "l").unwrap_err(),
    ]
}

#[test]
fn a_wrong_key_is_told_from_a_missing_bucket() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let good = bucket(&server.endpoint(), "");
    let missing = Bucket {
        name: "nowhere".to_owned(),
        ..good.clone()
    };
    let wrong = [key("SOMEBODY", SECRET), key(KEY_ID, "WR0NG+SECRET")];
    for credentials in wrong {
        for problem in problems(&good, &credentials, store.path()) {
            assert_eq!(
                problem.code, "zosc::publish::wrong-credentials",
                "{problem:?}"
            );
            assert!(problem.message.contains(&server.endpoint()), "{problem:?}");
        }
    }
    // s3s-fs makes a bucket where something is written, so only reading shows this here.
    let asked: [fn(&Objects<'_>) -> Diagnostic; 3] = [
        |place| place.list("").unwrap_err(),
        |place| place.head("k").unwrap_err(),
        |place| place.get("k", 10).unwrap_err(),
    ];
    for ask in asked {
        let place = Objects::bucket(&missing, key(KEY_ID, SECRET), store.path(), &GO_ON).unwrap();
        let problem = ask(&place);
        assert_eq!(problem.code, "zosc::publish::no-bucket", "{problem:?}");
        assert!(problem.message.contains("`nowhere`"), "{problem:?}");
    }
    let nobody = Objects::bucket(&good, Credentials::anonymous(), store.path(), &GO_ON).unwrap();
    let problem = nobody.list("").unwrap_err();
    assert_eq!(problem.code, "zosc::publish::not-permitted", "{problem:?}");
}

#[test]
fn no_secret_is_ever_said_or_kept() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let secrets = ["PLANTEDKEYID", "pl4nted/secret", "pl4nted-token"];
    let [id, secret, token] = secrets.map(str::to_owned);
    let credentials = Credentials::new(id, secret, Some(token));
    let mut told = String::new();
    for place in [server.endpoint(), "http://127.0.0.1:1".to_owned()] {
        for problem in problems(&bucket(&place, ""), &credentials, store.path()) {
            told += &format!("{problem:?}\n");
        }
    }
    let place = Objects::bucket(
        &bucket(&server.endpoint(), ""),
        credentials,
        store.path(),
        &GO_ON,
    );
    told += &format!("{:?}", place.unwrap());
    let mut kept = vec![store.path().to_owned()];
    while let Some(path) = kept.pop() {
        if path.is_dir() {
            let below = std::fs::read_dir(path).unwrap().flatten();
            kept.extend(below.map(|entry| entry.path()));
        } else {
            told += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    for secret in secrets {
        assert!(!told.contains(secret), "`{secret}` is in {told}");
    }
}

#[test]
fn an_endpoint_where_nobody_is_fails_soon() {
    let store = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let place = objects("http://127.0.0.1:1", "", store.path());
    let problem = place.list("").unwrap_err();
    assert_eq!(problem.code, "zosc::publish::unreachable", "{problem:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_endpoint_with_a_password_is_refused() {
    let store = tempfile::tempdir().unwrap();
    for endpoint in ["http://me:S3CRET@127.0.0.1:1", "ftp://127.0.0.1", "S3CRET"] {
        let place = Objects::bucket(&bucket(endpoint, ""), key("a", "b"), store.path(), &GO_ON);
        let problem = place.unwrap_err();
        assert_eq!(problem.code, "zosc::publish::bad-endpoint");
        assert!(!format!("{problem:?}").contains("S3CRET"), "{problem:?}");
    }
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let store = tempfile::tempdir().unwrap();
    let place = objects(&proxy.endpoint(), "", store.path());
    place.list("").unwrap();
    proxy.set_down(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(2));
            proxy.set_down(false);
        });
        let put = place.put("k", b"x", &Condition::Always, &Facts::bytes());
        put.unwrap();
    });
}

#[test]
fn a_connection_that_is_not_tls_is_no_answer() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let place = objects(&format!("https://{}", server.address), "", store.path());
    let problem = place.list("").unwrap_err();
    assert_eq!(problem.code, "zosc::publish::no-tls", "{problem:?}");
}
