//! Whole builds on servers that fail: each comes to what the sandbox of this machine makes, or says why not, and harms no store.

use std::path::Path;

use tonic::Code;
use zosc::remote::Blob;

use crate::reapi::{Call, Fault, Manners, Server, Stage, UnknownProperty, nowhere};
use crate::works::{INPUT, Works, codes, digest, supplied, told};

/// A fault, and what makes it happen.
type Case<'a> = (&'a str, &'a dyn Fn(&Server));

#[test]
fn servers_of_every_kind_make_what_the_sandbox_does() {
    let Some(works) = Works::new() else { return };
    let kinds = [
        ("casd", Manners::casd()),
        ("buildgrid", Manners::buildgrid()),
        ("nativelink", Manners::nativelink()),
    ];
    for (name, manners) in kinds {
        let server = Server::start(manners);
        assert_eq!(works.builds(&server, name, &[]), [""; 0], "{name}");
        works.is_sound(name);
        assert_eq!(server.count(Call::Execute), 1, "{name}");
        // Another machine finds everything there.
        works.builds(&server, &format!("{name}, once more"), &[]);
        assert_eq!(server.count(Call::Execute), 1, "{name}");
    }
}

#[test]
fn a_build_gets_over_what_passes() {
    let Some(works) = Works::new() else { return };
    let cases: [Case<'_>; 10] = [
        ("a stream that breaks", &|server| {
            server.fail(Call::Execute, Fault::BreakAfter(1));
        }),
        ("a connection that is cut", &|server| {
            server.fail(Call::Execute, Fault::Cut);
        }),
        ("a server that is busy", &|server| {
            server.fail_times(
                2,
                Call::FindMissing,
                Fault::Refuse(Code::Unavailable, "busy"),
            );
        }),
        ("an input that is lost", &|server| {
            let lost = Blob::of(INPUT.as_bytes()).digest.to_string();
            server.fail(Call::Work, Fault::Lose(lost));
        }),
        ("an input that is said to be there", &|server| {
            server.forget(&Blob::of(INPUT.as_bytes()).digest.to_string());
            server.fail(Call::FindMissing, Fault::NothingMissing);
        }),
        ("a status beside an exit code of 0", &|server| {
            server.fail(
                Call::Work,
                Fault::EditResponse(|response| {
                    response.status.get_or_insert_default().code = 13;
                }),
            );
        }),
        ("a result without its output", &|server| {
            server.fail(
                Call::Work,
                Fault::EditResponse(|response| {
                    response.result.as_mut().unwrap().output_directories.clear();
                }),
            );
        }),
        ("a worker that leaves no report", &|server| {
            server.fail(
                Call::Work,
                Fault::Tamper(|root| {
                    std::fs::remove_file(root.join(".zosc/out/report.json")).unwrap();
                }),
            );
        }),
        ("a content that is damaged on its way", &|server| {
            server.fail(Call::BatchRead, Fault::Flip);
        }),
        ("a content that is cut short", &|server| {
            server.fail(Call::Read, Fault::EndAfter(100_000));
        }),
    ];
    for manners in [Manners::default(), Manners::casd()] {
        let server = supplied(&works, manners.clone());
        for (name, arrange) in &cases {
            let store = format!("{name} {}", manners.versions[1].1);
            server.forget_results();
            arrange(&server);
            works.builds(&server, &store, &[]);
            assert_eq!(server.faults_left(), 0, "{name}: nothing ran into it");
            works.is_sound(&store);
        }
    }
}

/// What is wrong with a server, the code that it is told with, and how to make it so.
type Failing<'a> = (&'a str, &'a str, &'a dyn Fn(&Server));

#[test]
fn a_build_that_cannot_be_says_why() {
    let Some(works) = Works::new() else { return };
    let always =
        |call, fault: Fault| move |server: &Server| server.fail_always(call, fault.clone());
    let server = supplied(&works, Manners::default());
    let cases: [Failing; 7] = [
        (
            "a tree that is none",
            "zosc::remote::odd-output",
            &always(
                Call::Work,
                Fault::Tamper(|root| left(root, "tree", b"a tree?")),
            ),
        ),
        (
            "a report that is none",
            "zosc::remote::odd-output",
            &always(
                Call::Work,
                Fault::Tamper(|root| left(root, "report.json", b"all is well")),
            ),
        ),
        (
            "contents of another kind",
            "zosc::remote::odd-output",
            &always(Call::Work, Fault::Tamper(swap_contents)),
        ),
        (
            "no output, ever",
            "zosc::remote::worker-failed",
            &always(
                Call::Work,
                Fault::Tamper(|root| {
                    std::fs::remove_dir_all(root.join(".zosc/out")).unwrap();
                }),
            ),
        ),
        (
            "contents that are always damaged",
            "zosc::remote::wrong-content",
            &|server| {
                server.fail_always(Call::BatchRead, Fault::Flip);
                server.fail_always(Call::Read, Fault::Flip);
            },
        ),
        (
            "a server that always has an internal error",
            "zosc::remote::failed",
            &always(
                Call::Execute,
                Fault::DoneWithError(Code::Internal, "no worker today"),
            ),
        ),
        (
            "a server that does not want it",
            "zosc::remote::not-permitted",
            &always(
                Call::Execute,
                Fault::Refuse(Code::PermissionDenied, "not you"),
            ),
        ),
    ];
    for (store, code, arrange) in cases {
        server.forget_results();
        arrange(&server);
        works.refuses(&server, store, &[], code);
        server.recover();
    }
}

/// Writes another file in the place of one that the worker's zosc has left.
fn left(root: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(root.join(".zosc/out").join(name), bytes).unwrap();
}

/// Leaves every content under the name of another.
fn swap_contents(root: &Path) {
    let contents = std::fs::read_dir(root.join(".zosc/out/contents")).unwrap();
    for content in contents {
        std::fs::write(content.unwrap().path(), b"something else").unwrap();
    }
}

#[test]
fn a_worker_that_never_comes_is_not_waited_for() {
    let Some(works) = Works::new() else { return };
    let late = "zosc::remote::queued-too-long";
    let server = Server::start(Manners::default());
    server.hold(Stage::Queued);
    works.refuses(&server, "a queue", &["--remote-timeout", "1s"], late);
    server.await_calls(Call::Cancel, 1);
    server.release();

    let manners = |unknown_property| Manners {
        unknown_property,
        ..Manners::default()
    };
    let property = ["--remote-property", "flavour=salt"];
    let server = Server::start(manners(UnknownProperty::Unanswered));
    let arguments = [&property[..], &["--remote-timeout", "1s"]].concat();
    works.refuses(&server, "no answer", &arguments, late);
    let server = Server::start(manners(UnknownProperty::Refused));
    let told = works.refuses(&server, "a refusal", &property, "zosc::remote::failed");
    assert!(
        told.contains("no worker has the property flavour"),
        "{told}"
    );
    let server = Server::start(manners(UnknownProperty::Ignored));
    works.builds(&server, "no matter", &property);
}

#[test]
fn a_server_that_cannot_be_used_is_told() {
    let Some(works) = Works::new() else { return };
    let other = Manners {
        versions: [(3, 0), (3, 1)],
        ..Manners::default()
    };
    let server = Server::start(other);
    works.refuses(&server, "another protocol", &[], "zosc::remote::unfit");
    let cache = Manners {
        executes: false,
        ..Manners::default()
    };
    let server = Server::start(cache);
    works.refuses(&server, "a cache", &[], "zosc::remote::no-execution");
}

/// Nobody tries a command again that did what it was told, and failed.
#[test]
fn a_command_that_fails_fails_once_and_as_it_does_here() {
    let Some(works) = Works::new() else { return };
    works.command_is("echo the reason; exit 3");
    let here = works.run("here", &["build"]);
    let expected = codes(&here);
    assert_eq!(here.status.code(), Some(1));
    let server = Server::start(Manners {
        keeps_failures: true,
        ..Manners::default()
    });
    for (round, more) in [&[][..], &["--remote-fallback", "local"]]
        .iter()
        .enumerate()
    {
        let there = works.build(&server, &format!("there {round}"), more);
        assert_eq!(codes(&there), expected, "{}", told(&there));
        assert!(told(&there).contains("the reason"), "{}", told(&there));
        // A failure that the server keeps counts for none.
        assert_eq!(server.reached(Stage::Executing), round + 1);
    }
}

#[test]
fn a_build_goes_on_here_where_that_is_allowed() {
    let Some(works) = Works::new() else { return };
    let build = |store: &str, endpoint: &str, more: &[&str]| {
        let arguments = ["build", "--executor", "remote", "--remote", endpoint];
        works.run(store, &[&arguments, more].concat())
    };
    let away = nowhere();
    let refused = build("no fallback", &away, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(codes(&refused), ["zosc::remote::unreachable"]);
    let built = build("a fallback", &away, &["--remote-fallback", "local"]);
    assert_eq!(digest(&built), works.expected());
    assert_eq!(codes(&built), ["zosc::remote::unreachable"]);
    // It is there at first, and then it is not.
    let server = supplied(&works, Manners::default());
    server.fail_always(Call::Execute, Fault::Cut);
    let built = build(
        "half way",
        &server.endpoint(),
        &["--remote-fallback", "local"],
    );
    assert_eq!(digest(&built), works.expected());
    assert_eq!(codes(&built), ["zosc::remote::unreachable"]);
    works.is_sound("half way");
}
