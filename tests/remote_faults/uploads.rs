//! Contents on their way to servers that take little, break off, or say what is not so.

use tonic::Code;
use zosc::remote::{Blob, Kind};

use crate::reapi::{Call, Fault, Manners, Server};
use crate::visitor::{ATTEMPTS, Visitor, fails, noise};

/// Sizes around everything that servers and messages have as a limit.
fn contents() -> Vec<Vec<u8>> {
    let around = [64 << 10, 2 << 20, 4 << 20].map(|limit: usize| [limit - 200, limit, limit + 1]);
    let small = (0..300).map(|index| 1 + index * 37);
    let sizes = [0, 0].into_iter().chain(small).chain(around.concat());
    sizes
        .enumerate()
        .map(|(seed, size)| noise(seed as u64, size))
        .collect()
}

/// The server holds its clients to the limit that it announces, and to 4 MiB where it announces none.
#[test]
fn batches_are_as_small_as_a_server_wants_them() {
    for manners in [Manners::casd(), Manners::buildgrid(), Manners::nativelink()] {
        let server = Server::start(manners);
        let visitor = Visitor::of(&server);
        let contents = contents();
        let sent = visitor.upload(&contents).unwrap();
        assert_eq!(sent.blobs, contents.len() - 2);
        assert_eq!(server.blobs().len(), contents.len() - 2);
        let calls =
            [Call::FindMissing, Call::BatchUpdate, Call::Write].map(|call| server.count(call));
        assert_eq!(calls[0], 1);
        assert!(calls[1] > 0 && calls[1] < 40, "{} batches", calls[1]);
        let again = visitor.upload(&contents).unwrap();
        assert_eq!((again.blobs, again.bytes), (0, 0));
        assert_eq!(server.count(Call::BatchUpdate), calls[1]);
        assert_eq!(server.count(Call::Write), calls[2]);
        let blobs: Vec<Blob> = contents.iter().map(|bytes| Blob::of(bytes)).collect();
        visitor.download(&blobs).unwrap();
    }
}

/// A megabyte has come when the stream breaks.
#[test]
fn an_upload_goes_on_where_it_broke() {
    let content = noise(1, 3 << 20);
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail(Call::Write, Fault::BreakAfter(1 << 20));
    visitor.upload(std::slice::from_ref(&content)).unwrap();
    assert_eq!(server.blob(&hash(&content)).unwrap(), content);
    assert_eq!(server.count(Call::WriteStatus), 1);
    let offsets = writes(&server);
    assert_eq!((offsets.len(), offsets[0].1.as_str()), (2, "0"));
    assert_eq!(offsets[0].0, offsets[1].0, "it is the same upload");
    assert_eq!(offsets[1].1, (1 << 20).to_string());
}

#[test]
fn an_upload_whose_connection_is_cut_arrives_whole() {
    let content = noise(2, 3 << 20);
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail_times(2, Call::Write, Fault::CutAfter(1 << 20));
    visitor.upload(std::slice::from_ref(&content)).unwrap();
    assert_eq!(server.blob(&hash(&content)).unwrap(), content);
    assert_eq!(server.count(Call::Write), 3);
    assert_eq!(server.faults_left(), 0);
}

/// Where the server has forgotten what came, nothing of it is built upon.
#[test]
fn an_upload_that_was_forgotten_begins_anew() {
    let content = noise(3, 3 << 20);
    for forgotten in [Code::NotFound, Code::Unimplemented] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        server.fail(Call::Write, Fault::BreakAfter(1 << 20));
        server.fail(Call::WriteStatus, Fault::Refuse(forgotten, "what upload?"));
        visitor.upload(std::slice::from_ref(&content)).unwrap();
        assert_eq!(server.blob(&hash(&content)).unwrap(), content);
        let offsets = writes(&server);
        assert_eq!(offsets[1].1, "0");
        assert_ne!(offsets[0].0, offsets[1].0, "it is another upload");
    }
}

/// A server that took less than it was given does not have it yet.
#[test]
fn an_upload_that_is_confirmed_in_part_is_not_over() {
    let content = noise(4, 3 << 20);
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail(Call::Write, Fault::CommitLess);
    visitor.upload(std::slice::from_ref(&content)).unwrap();
    assert_eq!(server.count(Call::Write), 2);
    server.forget_contents();
    server.fail_always(Call::Write, Fault::BreakAfter(0));
    let outcome = visitor.upload(std::slice::from_ref(&content));
    fails(outcome, Kind::Unreachable, "zosc::remote::unreachable");
}

/// Only what was not taken goes again; what is wrong with it once and for all is told at once.
#[test]
fn a_batch_that_is_taken_in_part_is_completed() {
    let contents = [noise(5, 100), noise(6, 200), noise(7, 300)];
    let faults = [
        Fault::LeaveOut,
        Fault::RefuseLast(Code::ResourceExhausted),
        Fault::RefuseLast(Code::Unavailable),
    ];
    for fault in faults {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        server.fail(Call::BatchUpdate, fault);
        visitor.upload(&contents).unwrap();
        assert_eq!(server.blobs().len(), 3);
        let sent = server.asked().into_iter();
        let sent: Vec<usize> = sent
            .filter(|asked| asked.call == Call::BatchUpdate)
            .map(|asked| asked.what.len())
            .collect();
        assert_eq!(sent, [3, 1]);
    }
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail(Call::BatchUpdate, Fault::RefuseLast(Code::InvalidArgument));
    fails(
        visitor.upload(&contents),
        Kind::Final,
        "zosc::remote::refused",
    );
    assert_eq!(server.count(Call::BatchUpdate), 1);
    server.fail_always(Call::BatchUpdate, Fault::LeaveOut);
    visitor.upload(&contents).unwrap_err();
    assert_eq!(server.count(Call::BatchUpdate), 1 + ATTEMPTS as usize);
}

#[test]
fn a_server_that_lacks_what_nobody_named_is_not_believed() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.fail(Call::FindMissing, Fault::StrangeMissing);
    let outcome = visitor.upload(&[noise(8, 100)]);
    fails(outcome, Kind::Final, "zosc::remote::odd-answer");
}

fn hash(bytes: &[u8]) -> String {
    Blob::of(bytes).digest.to_string()
}

/// The resource and the first offset of each upload.
fn writes(server: &Server) -> Vec<(String, String)> {
    let asked = server.asked().into_iter();
    asked
        .filter(|asked| asked.call == Call::Write)
        .map(|asked| (asked.what[0].clone(), asked.what[1].clone()))
        .collect()
}
