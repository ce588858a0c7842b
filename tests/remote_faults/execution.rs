//! Commands on servers that differ where real ones do, and on one that says things that make no sense.

use std::time::Duration;

use tonic::Code;
use zosc::remote::{Command, Kind, Lookup, Stage};

use crate::reapi::{Call, Fault, Manners, Server, UnknownProperty, protocol};
use crate::visitor::{Visitor, fails, settings, shell};

const SCRIPT: &str =
    "cat input; echo aside >&2; mkdir -p out/deep; cp input out/deep/copy; echo more > out/more";

/// Batches of all sizes, stages or none, outputs here or there, trees in two forms: the same comes out.
#[test]
fn servers_of_every_kind_do_the_same() {
    for manners in [
        Manners::default(),
        Manners::casd(),
        Manners::buildgrid(),
        Manners::nativelink(),
    ] {
        let (tells, reuses) = (manners.tells_stages, manners.reuses_results);
        let server = Server::start(manners);
        let visitor = Visitor::of(&server);
        let action = visitor.prepare(SCRIPT, &[("input", b"text\n")]);
        let (executed, stages) = visitor.execute_as(&action, Lookup::Ask);
        let executed = executed.unwrap();
        assert_eq!((executed.cached, executed.result.exit_code), (false, 0));
        assert_eq!(visitor.said(&executed.result.stdout), "text\n");
        assert_eq!(visitor.said(&executed.result.stderr), "aside\n");
        assert_eq!(executed.result.worker, "test-worker");
        let files = visitor.files(&executed.result);
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (&**path, &**text))
            .collect();
        assert_eq!(files, [("deep/copy", &b"text\n"[..]), ("more", b"more\n")]);
        let worker = "test-worker".to_owned();
        let expected = if tells {
            vec![Stage::Queued, Stage::Executing { worker }]
        } else {
            vec![Stage::Accepted]
        };
        assert_eq!(stages, expected);
        let again = visitor.execute(&action).unwrap();
        assert_eq!(again.cached, reuses);
        assert_eq!(again.result, executed.result);
    }
}

/// A status of 13 or 9 beside an exit code of 0 or -178, or beside none: in every case the input is to be sent again.
#[test]
fn an_input_that_a_server_lost_is_sent_again() {
    for manners in [Manners::casd(), Manners::nativelink(), Manners::default()] {
        let server = Server::start(manners);
        let visitor = Visitor::of(&server);
        let inputs: &[(&str, &[u8])] = &[("input", b"text\n"), ("other", b"other\n")];
        let action = visitor.prepare(SCRIPT, inputs);
        let lost = zosc::remote::Blob::of(b"text\n");
        server.fail(Call::Work, Fault::Lose(lost.digest.to_string()));
        assert_eq!(visitor.execute(&action).unwrap_err().kind, Kind::Lost);
        let sent = visitor.upload(&[b"text\n".to_vec(), b"other\n".to_vec()]);
        assert_eq!(sent.unwrap().blobs, 1);
        let executed = visitor.execute(&action).unwrap();
        assert_eq!(visitor.said(&executed.result.stdout), "text\n");
    }
}

/// The action itself is a content that can be lost as well.
#[test]
fn an_action_that_a_server_lost_is_sent_again() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("true", &[]);
    server.forget_contents();
    assert_eq!(visitor.execute(&action).unwrap_err().kind, Kind::Lost);
    visitor.prepare("true", &[]);
    visitor.execute(&action).unwrap();
}

/// Whatever the exit code says, a command that was not executed has not succeeded.
#[test]
fn the_status_comes_before_the_exit_code() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("true", &[]);
    for code in [
        Code::Internal,
        Code::InvalidArgument,
        Code::Unknown,
        Code::Cancelled,
    ] {
        assert_ne!(code, Code::Ok);
        let edit: fn(&mut protocol::ExecuteResponse) = match code {
            Code::Internal => |response| status(response, 13),
            Code::InvalidArgument => |response| status(response, 3),
            Code::Unknown => |response| status(response, 2),
            _ => |response| status(response, 1),
        };
        server.fail(Call::Work, Fault::EditResponse(edit));
        let (executed, _) = visitor.execute_as(&action, Lookup::Skip);
        let failure = executed.expect_err("the status says no");
        assert!(
            failure.problem.message.contains(&server.endpoint()),
            "{failure:?}"
        );
    }
}

fn status(response: &mut protocol::ExecuteResponse, code: i32) {
    assert_eq!(response.result.as_ref().unwrap().exit_code, 0);
    response.status.get_or_insert_default().code = code;
}

#[test]
fn a_command_that_fails_is_a_result() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("echo why >&2; exit 3", &[]);
    let executed = visitor.execute(&action).unwrap();
    assert_eq!(executed.result.exit_code, 3);
    assert_eq!(visitor.said(&executed.result.stderr), "why\n");
    assert!(server.results().is_empty(), "failures are not kept");
}

/// The exit code of a command that took too long is what each server likes.
#[test]
fn a_command_that_takes_too_long_is_told() {
    for manners in [Manners::casd(), Manners::nativelink()] {
        let server = Server::start(manners);
        let visitor = Visitor::of(&server);
        let command = Command {
            timeout: Some(Duration::from_secs(1)),
            ..shell("exec sleep 600")
        };
        let action = visitor.prepare_with(&command, &[]);
        fails(
            visitor.execute(&action),
            Kind::Final,
            "zosc::remote::timed-out",
        );
        assert_eq!(server.count(Call::Execute), 1, "it is not tried again");
    }
}

/// One server ignores it, one says no, and one says nothing for ever.
#[test]
fn a_property_that_no_worker_has_does_not_hold_up_a_build_for_ever() {
    let command = Command {
        properties: vec![("flavour".to_owned(), "salt".to_owned())],
        ..shell("true")
    };
    let manners = |unknown_property| Manners {
        unknown_property,
        ..Manners::default()
    };
    let server = Server::start(manners(UnknownProperty::Ignored));
    let visitor = Visitor::of(&server);
    let action = visitor.prepare_with(&command, &[]);
    visitor.execute(&action).unwrap();

    let server = Server::start(manners(UnknownProperty::Refused));
    let visitor = Visitor::of(&server);
    let action = visitor.prepare_with(&command, &[]);
    let failure = visitor.execute(&action).unwrap_err();
    let told = format!("{:?}", failure.problem);
    assert!(
        told.contains("no worker has the property flavour"),
        "{told}"
    );

    let server = Server::start(manners(UnknownProperty::Unanswered));
    let mut settings = settings(server.endpoint());
    settings.queue = Duration::from_millis(500);
    let visitor = Visitor::with(&settings);
    let action = visitor.prepare_with(&command, &[]);
    fails(
        visitor.execute(&action),
        Kind::Unreachable,
        "zosc::remote::queued-too-long",
    );
    server.await_calls(Call::Cancel, 1);
}

#[test]
fn an_operation_that_ends_without_a_word_is_no_success() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("true", &[]);
    server.fail(Call::Execute, Fault::DoneWithNothing);
    fails(
        visitor.execute(&action),
        Kind::Final,
        "zosc::remote::odd-answer",
    );
    server.fail(
        Call::Work,
        Fault::EditResponse(|response| response.result = None),
    );
    fails(
        visitor.execute(&action),
        Kind::Final,
        "zosc::remote::odd-answer",
    );
    let refusal = Fault::DoneWithError(Code::PermissionDenied, "not today");
    server.fail(Call::Execute, refusal);
    let failure = fails(
        visitor.execute_as(&action, Lookup::Skip).0,
        Kind::Final,
        "zosc::remote::failed",
    );
    assert!(format!("{failure:?}").contains("not today"));
}

/// Inputs are linked rather than copied there, and the command writes to one.
#[test]
fn an_input_that_a_command_changed_for_everybody_is_found_out() {
    let server = Server::start(Manners::nativelink());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("echo poison > input", &[("input", b"medicine\n")]);
    visitor.execute(&action).unwrap();
    let blob = zosc::remote::Blob::of(b"medicine\n");
    assert_eq!(server.blob(&blob.digest.to_string()).unwrap(), b"poison\n");
    fails(
        visitor.download(&[blob]),
        Kind::Lost,
        "zosc::remote::wrong-content",
    );
}
