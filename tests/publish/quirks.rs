//! Servers that speak S3 in their own way.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use zosc::publish::objects::{Condition, Facts, Objects, Put};

use crate::place::objects;
use crate::scripted::{Answer, Asked, serve};

/// A server that keeps objects, and conditions where it is told to.
#[derive(Default)]
struct Simple {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    keeps_conditions: bool,
}

impl Simple {
    fn answer(&self, asked: &Asked) -> Answer {
        let mut objects = self.objects.lock().unwrap();
        match asked.method.as_str() {
            "PUT" => {
                let there = objects.get(&asked.target).map(|body| tag(body));
                let is_kept = match (asked.header("if-match"), asked.header("if-none-match")) {
                    (Some(wanted), _) => there.as_deref() == Some(wanted),
                    (None, Some(_)) => there.is_none(),
                    (None, None) => true,
                };
                if self.keeps_conditions && !is_kept {
                    return Answer::refusal(412, "PreconditionFailed", "no");
                }
                let tag = tag(&asked.body);
                objects.insert(asked.target.clone(), asked.body.clone());
                Answer::new(200, "").with("etag", &tag)
            }
            "DELETE" => {
                objects.remove(&asked.target);
                Answer::new(204, "")
            }
            _ => match objects.get(&asked.target) {
                None => Answer::refusal(404, "NoSuchKey", "no"),
                Some(body) => {
                    let mut answer = Answer::new(200, "")
                        .with("etag", &tag(body))
                        .with("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
                    answer.body.clone_from(body);
                    answer
                }
            },
        }
    }
}

fn tag(body: &[u8]) -> String {
    format!("\"{}\"", zosc::tree::Digest::of(body).short())
}

fn write(place: &Objects<'_>, text: &str, condition: &Condition) -> Put {
    let put = place.put("index", text.as_bytes(), condition, &Facts::bytes());
    put.unwrap()
}

#[test]
fn a_server_without_conditions_is_found_out() {
    let simple = Simple::default();
    let endpoint = serve(move |asked| simple.answer(asked));
    let store = tempfile::tempdir().unwrap();
    let place = objects(&endpoint, "", store.path());
    assert_eq!(write(&place, "one", &Condition::Absent), Put::Unconditional);
    assert_eq!(write(&place, "two", &Condition::Absent), Put::Refused);
    let (bytes, first) = place.get("index", 10).unwrap().unwrap();
    assert_eq!(bytes, b"one");
    let matches = Condition::Matches(first);
    assert_eq!(write(&place, "two", &matches), Put::Unconditional);
    assert_eq!(write(&place, "six", &matches), Put::Refused);
    assert_eq!(place.get("index", 10).unwrap().unwrap().0, b"two");
}

#[test]
fn of_many_writers_one_wins_each_round() {
    let simple = Simple {
        keeps_conditions: true,
        ..Simple::default()
    };
    let endpoint = serve(move |asked| simple.answer(asked));
    let store = tempfile::tempdir().unwrap();
    let place = objects(&endpoint, "", store.path());
    write(&place, "0", &Condition::Always);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Each of them is a publisher of its own.
                let place = objects(&endpoint, "", store.path());
                let mut added = 0;
                while added < 10 {
                    let (bytes, version) = place.get("index", 10).unwrap().unwrap();
                    let count: u32 = String::from_utf8(bytes).unwrap().parse().unwrap();
                    let next = (count + 1).to_string();
                    match write(&place, &next, &Condition::Matches(version)) {
                        Put::Done => added += 1,
                        Put::Refused => {}
                        Put::Unconditional => panic!("the server keeps conditions"),
                    }
                }
            });
        }
    });
    assert_eq!(place.get("index", 10).unwrap().unwrap().0, b"40");
}

#[test]
fn a_server_that_refuses_conditions_is_written_to_without() {
    let simple = Simple::default();
    let endpoint =
        serve(
            move |asked| match asked.header("if-match").or(asked.header("if-none-match")) {
                Some(_) => Answer::refusal(501, "NotImplemented", "no such header"),
                None => simple.answer(asked),
            },
        );
    let store = tempfile::tempdir().unwrap();
    let place = objects(&endpoint, "", store.path());
    assert_eq!(write(&place, "one", &Condition::Absent), Put::Unconditional);
    assert_eq!(write(&place, "two", &Condition::Absent), Put::Refused);
}

#[test]
fn a_server_that_takes_no_checksum_is_sent_none() {
    let simple = Simple::default();
    let endpoint = serve(move |asked| match asked.header("x-amz-checksum-sha256") {
        Some(_) => Answer::refusal(400, "InvalidRequest", "a checksum, of all things"),
        None => simple.answer(asked),
    });
    let store = tempfile::tempdir().unwrap();
    let place = objects(&endpoint, "", store.path());
    assert_eq!(write(&place, "one", &Condition::Always), Put::Done);
}

#[test]
fn a_server_that_does_not_copy_is_copied_for() {
    let simple = Simple::default();
    let endpoint = serve(move |asked| match asked.header("x-amz-copy-source") {
        Some(_) => Answer::refusal(501, "NotImplemented", "no copies"),
        None => simple.answer(asked),
    });
    let store = tempfile::tempdir().unwrap();
    let place = objects(&endpoint, "", store.path());
    write(&place, "one", &Condition::Always);
    place.copy("index", "other").unwrap();
    assert_eq!(place.get("other", 10).unwrap().unwrap().0, b"one");
    let problem = place.copy("none", "other").unwrap_err();
    assert_eq!(problem.code, "zosc::publish::no-object");
}

#[test]
fn what_passes_is_waited_for() {
    for (status, code) in [
        (503, "SlowDown"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
    ] {
        let (simple, count) = (Simple::default(), AtomicU32::new(0));
        let endpoint = serve(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Answer::refusal(status, code, "later"),
            _ => simple.answer(asked),
        });
        let store = tempfile::tempdir().unwrap();
        let place = objects(&endpoint, "", store.path());
        assert_eq!(
            write(&place, "one", &Condition::Always),
            Put::Done,
            "{code}"
        );
    }
}

#[test]
fn each_refusal_says_what_to_do() {
    let moved = Answer::new(301, "").with("x-amz-bucket-region", "eu-north-1");
    let told = [
        (
            Answer::refusal(403, "RequestTimeTooSkewed", "late"),
            "wrong-clock",
        ),
        (
            Answer::refusal(403, "ExpiredToken", "old"),
            "wrong-credentials",
        ),
        (Answer::refusal(403, "AccessDenied", "no"), "not-permitted"),
        (
            Answer::refusal(400, "AuthorizationHeaderMalformed", "no"),
            "wrong-region",
        ),
        (moved, "wrong-region"),
        (
            Answer::refusal(507, "XMinioStorageFull", "full"),
            "server-full",
        ),
        (Answer::refusal(404, "NoSuchBucket", "none"), "no-bucket"),
        (Answer::refusal(400, "Whatever", "a\nb\u{1b}[1m"), "refused"),
        (Answer::new(400, &"<".repeat(1 << 20)), "refused"),
    ];
    for (answer, code) in told {
        let endpoint = serve(move |_| answer.clone());
        let store = tempfile::tempdir().unwrap();
        let place = objects(&endpoint, "", store.path());
        let put = place.put("k", b"x", &Condition::Always, &Facts::bytes());
        for problem in [
            put.unwrap_err(),
            place.list("").unwrap_err(),
            place.head("k").unwrap_err(),
        ] {
            assert_eq!(
                problem.code,
                format!("zosc::publish::{code}"),
                "{problem:?}"
            );
            assert!(problem.message.contains(&endpoint), "{problem:?}");
            assert!(
                problem
                    .notes
                    .iter()
                    .all(|note| note.len() < 500 && !note.contains('\u{1b}'))
            );
        }
    }
}

#[test]
fn a_listing_without_an_end_ends() {
    let endpoint = serve(|_| {
        Answer::new(
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
        )
    });
    let store = tempfile::tempdir().unwrap();
    let problem = objects(&endpoint, "", store.path()).list("").unwrap_err();
    assert_eq!(problem.code, "zosc::publish::odd-answer");
}
