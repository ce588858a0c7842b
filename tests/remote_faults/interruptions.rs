//! Connections, operations and servers that are lost while a command is under way, and commands that nobody wants any more.

use tonic::Code;
use zosc::remote::{Kind, Lookup};

use crate::reapi::{Call, Fault, Manners, Server, Stage};
use crate::visitor::{ATTEMPTS, Visitor, fails};

/// The operation is known when the stream breaks, and is followed, not begun again.
#[test]
fn a_command_is_waited_for_where_its_stream_breaks() {
    for fault in [
        Fault::BreakAfter(1),
        Fault::EndAfter(1),
        Fault::BreakAfter(2),
    ] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let action = visitor.prepare("echo once", &[]);
        server.fail(Call::Execute, fault.clone());
        server.fail(Call::Wait, fault);
        let executed = visitor.execute(&action).unwrap();
        assert_eq!(visitor.said(&executed.result.stdout), "once\n");
        assert_eq!(
            (server.count(Call::Execute), server.count(Call::Wait)),
            (1, 2)
        );
        server.await_stage(Stage::Ended, 1);
    }
}

#[test]
fn a_command_survives_connections_that_are_cut() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("echo done", &[]);
    server.fail(Call::Execute, Fault::Cut);
    server.fail(Call::Execute, Fault::CutAfter(1));
    server.fail(Call::Wait, Fault::Cut);
    let executed = visitor.execute(&action).unwrap();
    assert_eq!(visitor.said(&executed.result.stdout), "done\n");
}

/// Stage by stage: the connection goes while the command waits, while a worker has it, and when it is over.
#[test]
fn a_command_survives_a_cut_at_every_stage() {
    for stage in [Stage::Queued, Stage::Executing, Stage::Ended] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let action = visitor.prepare("echo done", &[]);
        server.hold(stage);
        std::thread::scope(|scope| {
            let running = scope.spawn(|| visitor.execute(&action));
            server.await_stage(stage, 1);
            server.cut();
            // Whoever comes back comes back in one of these ways.
            server.release();
            let executed = running.join().unwrap().unwrap();
            assert_eq!(visitor.said(&executed.result.stdout), "done\n");
        });
    }
}

/// A server that has lost an operation is given the action again.
#[test]
fn a_command_that_was_forgotten_is_given_again() {
    for unknown in [Code::NotFound, Code::Unimplemented] {
        let server = Server::start(Manners::default());
        let visitor = Visitor::of(&server);
        let action = visitor.prepare("echo done", &[]);
        server.fail(Call::Execute, Fault::BreakAfter(1));
        server.fail(Call::Wait, Fault::Refuse(unknown, "what operation?"));
        let executed = visitor.execute(&action).unwrap();
        assert_eq!(visitor.said(&executed.result.stdout), "done\n");
        assert_eq!(server.count(Call::Execute), 2);
    }
}

#[test]
fn a_command_survives_a_server_that_is_killed_and_started_again() {
    let mut server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("echo done", &[]);
    server.hold(Stage::Executing);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| visitor.execute(&action));
        server.await_stage(Stage::Executing, 1);
        server.stop();
        server.release();
        server.start_again();
        let executed = running.join().unwrap().unwrap();
        assert_eq!(visitor.said(&executed.result.stdout), "done\n");
    });
    assert_eq!(server.count(Call::Execute), 2);
}

/// Nobody asks for ever.
#[test]
fn a_stream_that_always_breaks_is_told() {
    let server = Server::start(Manners::default());
    let visitor = Visitor::of(&server);
    let action = visitor.prepare("true", &[]);
    server.fail_always(Call::Execute, Fault::BreakAfter(0));
    fails(
        visitor.execute(&action),
        Kind::Unreachable,
        "zosc::remote::unreachable",
    );
    assert_eq!(server.count(Call::Execute), ATTEMPTS as usize);
}

/// The server hears of it where it can, and it is over in any case.
#[test]
fn a_command_that_nobody_wants_is_called_off() {
    for manners in [Manners::default(), Manners::nativelink()] {
        let cancels = manners.cancels;
        let server = Server::start(manners);
        let visitor = Visitor::of(&server);
        let action = visitor.prepare("exec sleep 600", &[]);
        let outcome = std::thread::scope(|scope| {
            let running = scope.spawn(|| visitor.execute_as(&action, Lookup::Skip).0);
            server.await_stage(Stage::Executing, 1);
            visitor.stop();
            running.join().unwrap()
        });
        fails(outcome, Kind::Cancelled, "zosc::remote::cancelled");
        server.await_calls(Call::Cancel, 1);
        if cancels {
            let asked = server.asked();
            assert_eq!(asked.last().unwrap().what, ["operations/1"]);
        }
    }
}
