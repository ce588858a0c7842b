//! Results that machines share by a server, and servers that keep them badly; who may come, and that no token is shown.

use crate::reapi::authority::Authority;
use crate::reapi::{Call, Fault, Manners, Server};
use crate::visitor::noise;
use crate::works::{Works, codes, digest, told};

/// Builds here with the results of a server.
fn build(works: &Works, server: &Server, store: &str) -> Vec<String> {
    let endpoint = server.endpoint();
    let built = works.run(store, &["build", "--remote", &endpoint, "--remote-cache"]);
    assert_eq!(digest(&built), works.expected(), "{store}");
    works.is_sound(store);
    codes(&built)
}

/// Whether a command ran on this machine: each leaves its log in the store.
fn ran_here(works: &Works, store: &str) -> bool {
    let logs = std::fs::read_dir(works.store(store).join("logs"));
    logs.is_ok_and(|mut logs| logs.next().is_some())
}

#[test]
fn a_second_machine_runs_nothing() {
    let Some(works) = Works::new() else { return };
    let server = Server::start(Manners::default());
    assert_eq!(build(&works, &server, "first"), [""; 0]);
    assert!(ran_here(&works, "first"));
    assert_eq!(build(&works, &server, "second"), [""; 0]);
    assert!(!ran_here(&works, "second"));
    // Workers' results and this machine's are the same results.
    works.builds(&server, "third", &[]);
    assert_eq!(server.count(Call::Execute), 0);
}

/// Each time the result is made anew, and takes the place of the one that was of no use.
#[test]
fn a_result_that_leads_nowhere_is_made_anew() {
    let Some(works) = Works::new() else { return };
    let server = Server::start(Manners::default());
    build(&works, &server, "first");
    let harms: [(&str, &dyn Fn()); 5] = [
        ("contents that are lost", &|| server.forget_contents()),
        ("a result without its output", &|| {
            server.edit_results(|result| result.output_directories.clear());
        }),
        ("a result whose output is another", &|| {
            let digest = server.put(b"not a folder");
            server.edit_results(|result| {
                result.output_directories[0].tree_digest = Some(digest.clone());
            });
        }),
        ("a result whose output is lost", &|| {
            server.edit_results(|result| {
                let digest = result.output_directories[0].tree_digest.as_mut();
                digest.unwrap().hash = "0".repeat(64);
            });
        }),
        ("contents that are others", &|| {
            for hash in server.blobs() {
                let size = server.blob(&hash).unwrap().len();
                server.replace(&hash, &noise(1, size));
            }
        }),
    ];
    for (name, harm) in harms {
        harm();
        build(&works, &server, name);
        assert!(ran_here(&works, name), "{name}");
        let again = format!("{name}, again");
        // What is there under a name is not sent once more, so this last harm stays.
        if name != "contents that are others" {
            build(&works, &server, &again);
            assert!(!ran_here(&works, &again), "{name}");
        }
    }
}

#[test]
fn a_server_that_takes_no_results_is_told_of_once() {
    let Some(works) = Works::new() else { return };
    let server = Server::start(Manners {
        takes_results: false,
        ..Manners::default()
    });
    assert_eq!(
        build(&works, &server, "first"),
        ["zosc::remote::no-updates"]
    );
    assert_eq!(
        works.builds(&server, "remote", &[]),
        ["zosc::remote::no-updates"]
    );
}

/// A cache that is not there costs time, and no build.
#[test]
fn a_cache_that_goes_away_is_done_without() {
    let Some(works) = Works::new() else { return };
    let mut server = Server::start(Manners::default());
    server.fail_always(Call::GetResult, Fault::Cut);
    assert_eq!(build(&works, &server, "cut"), ["zosc::remote::unreachable"]);
    server.stop();
    assert_eq!(
        build(&works, &server, "away"),
        ["zosc::remote::unreachable"]
    );
}

const TOKEN: &str = "tok3n-of-the-test-4711";

/// As the server hears it: on the line, headers are compressed.
#[test]
fn what_the_file_says_of_one_server_is_not_sent_to_another() {
    let Some(works) = Works::new() else { return };
    let server = Server::start(Manners::default());
    let endpoint = server.endpoint();
    let heard = |of: &str| {
        let text = format!("remote \"{of}\" {{ header x-team=\"(env)TEAM\"; }}\n");
        works.write("home/.config/zosc/config.kdl", &text);
        let before = server.headers().len();
        let arguments = ["remote", "check", "--remote", &endpoint];
        let typed = ["--remote-header", "x-other=typed"];
        let all = [&arguments[..], &typed].concat();
        works.run_with("any", &all, &[("TEAM", TOKEN)]);
        server.headers().split_off(before)
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own = heard(&endpoint);
    assert!(own.contains(&header("x-team", TOKEN)), "{own:?}");
    let other = heard("grpcs://build.example");
    assert!(other.contains(&header("x-other", "typed")), "{other:?}");
    assert!(
        !other.iter().any(|(_, value)| value.contains(TOKEN)),
        "{other:?}"
    );
}

/// The server repeats the token in what it answers; it is in nothing that is said or written.
#[test]
fn no_token_is_shown_or_kept() {
    let Some(works) = Works::new() else { return };
    let server = Server::start(Manners {
        token: Some(TOKEN.to_owned()),
        ..Manners::default()
    });
    let endpoint = server.endpoint();
    let arguments = ["build", "--executor", "remote", "--remote", &endpoint];
    let known = works.run_with("known", &arguments, &[("ZOSC_REMOTE_TOKEN", TOKEN)]);
    assert_eq!(digest(&known), works.expected());
    let wrong = "another-tok3n-0815";
    let unknown = works.run_with("unknown", &arguments, &[("ZOSC_REMOTE_TOKEN", wrong)]);
    assert_eq!(codes(&unknown), ["zosc::remote::not-permitted"]);
    assert!(
        told(&unknown).contains("is not allowed"),
        "{}",
        told(&unknown)
    );
    let header = ["--remote-header", "authorization=Bearer (env)SECRET"];
    let named = works.run_with(
        "named",
        &[&arguments[..], &header].concat(),
        &[("SECRET", wrong)],
    );
    assert_eq!(codes(&named), ["zosc::remote::not-permitted"]);
    let said = [&known, &unknown, &named].map(told).concat();
    for secret in [TOKEN, wrong] {
        assert!(!said.contains(secret), "{said}");
        for file in works.files() {
            let bytes = std::fs::read(&file).unwrap();
            let is_there = bytes
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes());
            assert!(!is_there, "{}", file.display());
        }
    }
}

#[test]
fn certificates_are_looked_at_on_both_sides() {
    let (Some(works), Some(authority), Some(stranger)) =
        (Works::new(), Authority::new(), Authority::new())
    else {
        return;
    };
    let server = Server::start_with_tls(Manners::default(), &authority, true);
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let arguments = |ca: &Authority, client: &Authority| {
        let (certificate, key) = client.client();
        let named = [
            ("--remote-ca", ca.file()),
            ("--remote-cert", certificate),
            ("--remote-key", key),
        ];
        named.map(|(option, path)| format!("{option}={}", text(path)))
    };
    let build = |store, arguments: [String; 3]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        works.build(&server, store, &arguments)
    };
    let known = build("known", arguments(&authority, &authority));
    assert_eq!(digest(&known), works.expected());
    for (store, ca, client) in [
        ("another authority", &stranger, &authority),
        ("another client", &authority, &stranger),
    ] {
        let refused = build(store, arguments(ca, client));
        // The end of the connection may be what is heard first: see `trust`.
        let said = ["zosc::remote::untrusted", "zosc::remote::unreachable"];
        assert!(
            codes(&refused)
                .iter()
                .all(|code| said.contains(&code.as_str()))
        );
        assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    }
}
