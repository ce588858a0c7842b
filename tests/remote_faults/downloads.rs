//! Contents on their way from servers that damage them, cut them short, or do not have them.

use tonic::Code;
use zosc::remote::{Blob, Kind};

use crate::reapi::{Call, Fault, Manners, Server};
use crate::visitor::{ATTEMPTS, GO_ON, Visitor, fails, noise};

const WRONG: &str = "zosc::remote::wrong-content";

/// A small content and a large one, which come in different ways.
fn kept(server: &Server) -> [Blob; 2] {
    [noise(1, 1000), noise(2, 3 << 20)].map(|bytes| {
        server.put(&bytes);
        Blob::of(&bytes)
    })
}

/// Neither what is other nor what is longer gets into the store, or into memory.
#[test]
fn what_is_not_what_it_should_be_is_not_kept() {
    for fault in [Fault::Flip, Fault::Lengthen, Fault::Flood] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let [small, large] = kept(&server);
        if !matches!(fault, Fault::Flood) {
            server.fail_times(2, Call::BatchRead, fault.clone());
            fails(visitor.download(&[small]), Kind::Lost, WRONG);
            fails(visitor.client.read(&small, 2000, &GO_ON), Kind::Lost, WRONG);
        }
        server.fail_times(2, Call::Read, fault.clone());
        fails(visitor.download(&[large]), Kind::Lost, WRONG);
        fails(
            visitor.client.read(&large, 4 << 20, &GO_ON),
            Kind::Lost,
            WRONG,
        );
        for blob in [small, large] {
            assert!(!visitor.store.contains(&blob.digest), "{fault:?}");
        }
        assert_eq!(server.faults_left(), 0);
        visitor.download(&[small, large]).unwrap();
    }
}

/// A server of that kind takes anything under any name.
#[test]
fn a_content_that_somebody_changed_on_the_server_is_found_out() {
    let server = Server::start(Manners::nativelink());
    let visitor = Visitor::of(&server);
    for blob in kept(&server) {
        server.replace(&blob.digest.to_string(), &noise(3, blob.size as usize));
        fails(visitor.download(&[blob]), Kind::Lost, WRONG);
        server.replace(&blob.digest.to_string(), b"");
        fails(visitor.download(&[blob]), Kind::Lost, WRONG);
    }
}

#[test]
fn a_stream_goes_on_where_it_ended() {
    for fault in [Fault::EndAfter(1 << 20), Fault::BreakAfter(1 << 20)] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let [_, large] = kept(&server);
        server.fail(Call::Read, fault);
        visitor.download(&[large]).unwrap();
        assert_eq!(offsets(&server), ["0", "1048576"]);
    }
}

#[test]
fn a_stream_whose_connection_is_cut_arrives_whole() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let [_, large] = kept(&server);
    server.fail_times(2, Call::Read, Fault::CutAfter(1 << 20));
    visitor.download(&[large]).unwrap();
    assert_eq!(server.count(Call::Read), 3);
}

/// Nobody asks for ever.
#[test]
fn a_stream_that_always_ends_too_early_is_told() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let [_, large] = kept(&server);
    server.fail_always(Call::Read, Fault::EndAfter(0));
    let failure = fails(visitor.download(&[large]), Kind::Lost, WRONG);
    let message = failure.problem.message;
    assert!(
        message.contains("ends after 0 of 3145728 bytes"),
        "{message}"
    );
    assert_eq!(server.count(Call::Read), ATTEMPTS as usize);
}

#[test]
fn what_a_batch_lacks_is_asked_for_again() {
    for fault in [Fault::LeaveOut, Fault::RefuseLast(Code::Unavailable)] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let blobs = [4, 5, 6].map(|seed| {
            let bytes = noise(seed, 100);
            server.put(&bytes);
            Blob::of(&bytes)
        });
        server.fail(Call::BatchRead, fault);
        visitor.download(&blobs).unwrap();
        let asked = server.asked().into_iter();
        let asked: Vec<usize> = asked
            .filter(|asked| asked.call == Call::BatchRead)
            .map(|asked| asked.what.len())
            .collect();
        assert_eq!(asked, [3, 1]);
    }
}

/// What came whole stays; the rest is told.
#[test]
fn what_a_server_lost_is_told() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let blobs = kept(&server);
    for blob in blobs {
        server.forget(&blob.digest.to_string());
        fails(visitor.download(&[blob]), Kind::Lost, "zosc::remote::lost");
    }
}

#[test]
fn a_content_larger_than_makes_sense_is_not_fetched() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let [_, large] = kept(&server);
    let outcome = visitor.client.read(&large, 1 << 20, &GO_ON);
    fails(outcome, Kind::Final, "zosc::remote::too-large");
    assert_eq!(server.count(Call::Read), 0);
}

fn offsets(server: &Server) -> Vec<String> {
    let asked = server.asked().into_iter();
    asked
        .filter(|asked| asked.call == Call::Read)
        .map(|asked| asked.what[1].clone())
        .collect()
}
