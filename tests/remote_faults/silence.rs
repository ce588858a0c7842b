//! Servers that say nothing, that are not there, that go away, or that are something else.

use std::fmt::Debug;

use tonic::Code;
use zosc::remote::{ActionResult, Blob, Client, Failure, Kind};

use crate::reapi::{Call, Fault, Manners, Server, mute, nowhere};
use crate::visitor::{ATTEMPTS, GO_ON, Visitor, fails, impatient, noise};

/// Does what makes this call.
fn make(call: Call, visitor: &Visitor) -> Result<(), Failure> {
    let (small, large) = (noise(1, 100), noise(2, 3 << 20));
    let key = Blob::of(b"an action");
    let client = &visitor.client;
    match call {
        Call::FindMissing | Call::BatchUpdate => visitor.upload(&[small]).map(drop),
        Call::Write => visitor.upload(&[large]).map(drop),
        Call::BatchRead => visitor.download(&[Blob::of(&small)]),
        Call::Read => visitor.download(&[Blob::of(&large)]),
        Call::GetResult => client.result_of(&key, &GO_ON).map(drop),
        Call::UpdateResult => client
            .keep_result(&key, &ActionResult::default(), &GO_ON)
            .map(drop),
        other => panic!("{other:?} is not made by this"),
    }
}

const CALLS: [Call; 7] = [
    Call::FindMissing,
    Call::BatchUpdate,
    Call::Write,
    Call::BatchRead,
    Call::Read,
    Call::GetResult,
    Call::UpdateResult,
];

/// A server at which downloads find something, and uploads nothing.
fn prepared(call: Call) -> Server {
    let server = Server::start(Manners::default());
    if matches!(call, Call::BatchRead | Call::Read) {
        server.put(&noise(1, 100));
        server.put(&noise(2, 3 << 20));
    }
    server
}

#[test]
fn no_call_waits_for_ever() {
    for call in CALLS {
        let server = prepared(call);
        let visitor = Visitor::with(&impatient(server.endpoint()));
        server.fail_always(call, Fault::Silence);
        fails(
            make(call, &visitor),
            Kind::Unreachable,
            "zosc::remote::no-answer",
        );
        server.recover();
        make(call, &visitor).unwrap_or_else(|failure| panic!("{call:?}: {failure:?}"));
    }
}

/// It has begun, and does not go on.
#[test]
fn no_stream_is_waited_for_for_ever() {
    for call in [Call::Read, Call::Write] {
        let server = prepared(call);
        let visitor = Visitor::with(&impatient(server.endpoint()));
        server.fail_always(call, Fault::SilenceAfter(1 << 20));
        fails(
            make(call, &visitor),
            Kind::Unreachable,
            "zosc::remote::no-answer",
        );
    }
}

#[test]
fn every_call_is_made_again_where_its_connection_is_cut() {
    for call in CALLS {
        let server = prepared(call);
        let visitor = Visitor::of(&server);
        server.fail_times(2, call, Fault::Cut);
        make(call, &visitor).unwrap_or_else(|failure| panic!("{call:?}: {failure:?}"));
        assert_eq!(server.faults_left(), 0, "{call:?}");
    }
}

#[test]
fn every_call_is_made_again_where_a_server_is_busy_and_not_for_ever() {
    for call in CALLS {
        let server = prepared(call);
        let visitor = Visitor::of(&server);
        server.fail_times(2, call, Fault::Refuse(Code::Unavailable, "busy"));
        make(call, &visitor).unwrap_or_else(|failure| panic!("{call:?}: {failure:?}"));
        assert_eq!(server.count(call), 3, "{call:?}");

        let server = prepared(call);
        let visitor = Visitor::of(&server);
        server.fail_always(call, Fault::Refuse(Code::Unavailable, "busy"));
        let failure = fails(
            make(call, &visitor),
            Kind::Unreachable,
            "zosc::remote::unreachable",
        );
        assert!(format!("{:?}", failure.problem).contains("busy"));
        assert_eq!(server.count(call), ATTEMPTS as usize, "{call:?}");
    }
}

/// What is refused for good is refused once.
#[test]
fn no_call_is_made_again_where_the_answer_is_no() {
    for call in CALLS {
        let server = prepared(call);
        let visitor = Visitor::of(&server);
        let refusal = Fault::Refuse(Code::InvalidArgument, "not in this way");
        server.fail_always(call, refusal);
        let failure = fails(make(call, &visitor), Kind::Final, "zosc::remote::refused");
        assert!(format!("{:?}", failure.problem).contains("not in this way"));
        assert_eq!(server.count(call), 1, "{call:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let unreachable = "zosc::remote::unreachable";
    fails(connect(nowhere()), Kind::Unreachable, unreachable);
    fails(
        connect(mute()),
        Kind::Unreachable,
        "zosc::remote::no-answer",
    );
    let mut server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    server.stop();
    for call in CALLS {
        fails(make(call, &visitor), Kind::Unreachable, unreachable);
    }
    server.start_again();
    make(Call::BatchUpdate, &visitor).unwrap();
}

#[test]
fn a_server_of_another_kind_is_told() {
    let cases = [
        Manners {
            versions: [(3, 0), (3, 1)],
            ..Manners::default()
        },
        Manners {
            knows_sha256: false,
            ..Manners::default()
        },
    ];
    for manners in cases {
        let server = Server::start(manners);
        fails(
            connect(server.endpoint()),
            Kind::Final,
            "zosc::remote::unfit",
        );
    }
    let server = Server::start(Manners::default());
    server.fail(
        Call::Capabilities,
        Fault::Refuse(Code::Unimplemented, "what?"),
    );
    fails(
        connect(server.endpoint()),
        Kind::Final,
        "zosc::remote::unfit",
    );
}

fn connect(endpoint: String) -> Result<impl Debug, Failure> {
    Client::connect(&impatient(endpoint), &GO_ON)
}
