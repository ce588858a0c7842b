//! Who is who: certificates, tokens, and that no token is ever shown.

use zosc::remote::{Client, Kind, Secret, Settings, Tls};

use crate::reapi::authority::Authority;
use crate::reapi::{Call, Manners, Server};
use crate::visitor::{GO_ON, fails, settings};

const TOKEN: &str = "tok/3n+of-a-test==";

#[test]
fn a_certificate_has_to_be_vouched_for() {
    let (Some(authority), Some(stranger)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let server = Server::start_with_tls(Manners::default(), &authority, false);
    let with = |ca| Settings {
        tls: Tls {
            ca,
            ..Tls::default()
        },
        ..settings(server.endpoint())
    };
    let connect = |settings: &Settings| Client::connect(settings, &GO_ON);
    connect(&with(Some(authority.file()))).unwrap();
    let untrusted = "zosc::remote::untrusted";
    fails(connect(&with(None)), Kind::Final, untrusted);
    fails(
        connect(&with(Some(stranger.file()))),
        Kind::Final,
        untrusted,
    );
    let mut plain = with(None);
    plain.endpoint = plain.endpoint.replace("grpcs", "grpc");
    connect(&plain).unwrap_err();
    let open = Server::start(Manners::default());
    let mut secured = with(Some(authority.file()));
    secured.endpoint = open.endpoint().replace("grpc", "grpcs");
    connect(&secured).unwrap_err();
}

#[test]
fn a_server_may_ask_who_comes() {
    let (Some(authority), Some(stranger)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let server = Server::start_with_tls(Manners::default(), &authority, true);
    let with = |client: Option<&Authority>| {
        let files = client.map(Authority::client).unzip();
        Settings {
            tls: Tls {
                ca: Some(authority.file()),
                certificate: files.0,
                key: files.1,
            },
            ..settings(server.endpoint())
        }
    };
    Client::connect(&with(Some(&authority)), &GO_ON).unwrap();
    assert_eq!(server.count(Call::Capabilities), 1);
    for other in [None, Some(&stranger)] {
        let refused = Client::connect(&with(other), &GO_ON).unwrap_err();
        // The server says no when its client believes to be in already, so that the end of the connection may be what is heard first.
        let codes = ["zosc::remote::untrusted", "zosc::remote::unreachable"];
        assert!(codes.contains(&refused.problem.code), "{refused:?}");
    }
    assert_eq!(server.count(Call::Capabilities), 1, "nobody else got in");
}

/// The server repeats what it was told, in the error that it answers with.
#[test]
fn a_token_is_sent_and_never_shown() {
    let server = Server::start(Manners {
        token: Some(TOKEN.to_owned()),
        ..Manners::default()
    });
    let with = |value: &str| Settings {
        headers: vec![("authorization".to_owned(), Secret::new(value))],
        ..settings(server.endpoint())
    };
    Client::connect(&with(&format!("Bearer {TOKEN}")), &GO_ON).unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].call, Call::Capabilities);
    let sent = asked[0].header("authorization").unwrap().to_owned();
    assert_eq!(sent, format!("Bearer {TOKEN}"));
    let wrong = "another/t0ken+than-that==";
    let settings = with(&format!("Bearer {wrong}"));
    let refused = Client::connect(&settings, &GO_ON);
    let failure = fails(refused, Kind::Final, "zosc::remote::not-permitted");
    for told in [format!("{failure:?}"), format!("{settings:?}")] {
        assert!(!told.contains(wrong), "{told}");
    }
    assert!(format!("{failure:?}").contains("is not allowed"));
    let nobody = Client::connect(&crate::visitor::settings(server.endpoint()), &GO_ON);
    fails(nobody, Kind::Final, "zosc::remote::not-permitted");
}
