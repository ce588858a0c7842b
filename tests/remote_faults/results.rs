//! Results that servers keep, refuse to keep, or do not know.

use tonic::Code;
use zosc::remote::{ActionResult, Blob, Kind};

use crate::reapi::{Call, Fault, Manners, Server};
use crate::visitor::{GO_ON, Visitor, fails};

fn some_result() -> ActionResult {
    ActionResult {
        exit_code: 0,
        folders: vec![("out".to_owned(), Blob::of(b"a tree"))],
        files: vec![("file".to_owned(), Blob::of(b"a file"), true)],
        worker: "somewhere".to_owned(),
        ..ActionResult::default()
    }
}

#[test]
fn a_result_that_was_kept_is_found() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let key = Blob::of(b"an action");
    let client = &visitor.client;
    assert_eq!(client.result_of(&key, &GO_ON).unwrap(), None);
    assert!(client.keep_result(&key, &some_result(), &GO_ON).unwrap());
    assert_eq!(client.result_of(&key, &GO_ON).unwrap(), Some(some_result()));
}

/// A server says so from the start, or only when it is asked.
#[test]
fn a_server_that_takes_no_results_is_no_error() {
    let server = Server::start(Manners {
        takes_results: false,
        ..Manners::default()
    });
    let visitor = Visitor::of(&server);
    let key = Blob::of(b"an action");
    let keep = |visitor: &Visitor| visitor.client.keep_result(&key, &some_result(), &GO_ON);
    assert!(!keep(&visitor).unwrap());
    for code in [Code::PermissionDenied, Code::Unimplemented] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        server.fail(
            Call::UpdateResult,
            Fault::Refuse(code, "results are the workers'"),
        );
        assert!(!keep(&visitor).unwrap());
        assert_eq!(server.count(Call::UpdateResult), 1);
    }
}

#[test]
fn a_server_without_results_has_none() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail(
        Call::GetResult,
        Fault::Refuse(Code::Unimplemented, "GetActionResult"),
    );
    let found = visitor.client.result_of(&Blob::of(b"an action"), &GO_ON);
    assert_eq!(found.unwrap(), None);
}

#[test]
fn a_result_whose_outputs_have_no_names_is_not_believed() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let key = Blob::of(b"an action");
    visitor
        .client
        .keep_result(&key, &some_result(), &GO_ON)
        .unwrap();
    server.edit_results(|result| {
        let folder = &mut result.output_directories[0];
        folder.tree_digest.as_mut().unwrap().hash = "../../etc/passwd".to_owned();
    });
    let outcome = visitor.client.result_of(&key, &GO_ON);
    fails(outcome, Kind::Lost, "zosc::remote::odd-answer");
}
