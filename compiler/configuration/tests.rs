//! Three sources, and what becomes of them.

use std::path::Path;

use super::*;
use crate::io::Memory;

const FILE: &str = "/home/me/.config/zosc/config.kdl";

/// What a text that must not be shown holds.
const SECRET: &str = "s3cr3t-7f21";

fn word(name: &'static str, value: &str) -> Word {
    let fields = VARIABLES.iter().find_map(|(variable, field)| {
        let option = match *variable {
            "ZOSC_REMOTE" => "--remote".to_owned(),
            other => other.replace("ZOSC_REMOTE_", "--remote-").to_lowercase(),
        };
        (*variable == name || option == name).then_some(*field)
    });
    Word {
        name,
        field: fields.expect("a known name"),
        value: value.to_owned(),
    }
}

struct Settled {
    configuration: Configuration,
    sources: SourceMap,
    problems: Diagnostics,
}

impl Settled {
    fn of(typed: &[(&'static str, &str)], set: &[(&'static str, &str)], file: &str) -> Self {
        let words = |pairs: &[(&'static str, &str)]| {
            let words = pairs.iter().map(|(name, value)| word(name, value));
            words.collect()
        };
        let asked = Asked {
            current_directory: "/here".into(),
            home: Some("/home/me".into()),
            command_line: words(typed),
            environment: words(set),
            file: Some(UserFile {
                path: FILE.into(),
                is_named: false,
            }),
        };
        let files = match file {
            "" => Memory::default(),
            text => Memory::new([(FILE, text)]),
        };
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        let configuration = settle(&asked, &files, &mut sources, &mut problems);
        Self {
            configuration,
            sources,
            problems,
        }
    }

    fn server(&self) -> &Server {
        assert!(self.problems.is_empty(), "{:#?}", self.problems);
        self.configuration.server.as_ref().expect("a server")
    }

    /// The one problem: its code, and the text that it is about.
    fn problem(&self) -> (&'static str, &str) {
        let mut problems = self.problems.iter();
        let problem = problems.next().expect("a problem");
        assert_eq!(problems.next(), None);
        let label = problem.labels.first();
        (
            problem.code,
            label.map_or("", |label| self.sources.slice(label.span)),
        )
    }

    /// Everything that could be shown of it.
    fn shown(&self) -> String {
        let texts = self.sources.iter().map(|(_, source)| source.text.as_ref());
        let texts: Vec<&str> = texts.collect();
        format!(
            "{} {:?} {:?}",
            texts.join("\n"),
            self.problems,
            self.configuration
        )
    }
}

const TEAM: &str = r#"
remote "grpcs://build.example" {
    cache
    instance main
    token (env)BUILD_TOKEN
    header x-team=zos x-key=(env)BUILD_KEY
    property OSFamily=linux Pool=small
    tls { ca "ca.pem"; certificate "~/me.pem"; key "/etc/me.key"; }
    jobs 8
    timeout "90s"
    fallback local
}
remote "grpc://localhost:8980" { instance test; }
"#;

#[test]
fn a_file_alone_says_everything() {
    let settled = Settled::of(&[], &[], TEAM);
    let server = settled.server();
    assert_eq!(server.address, "grpcs://build.example");
    assert_eq!(server.instance, "main");
    assert!(server.cache == Some(true) && server.falls_back && !server.is_typed);
    assert_eq!(
        (server.jobs, server.timeout.map(|time| time.as_secs())),
        (Some(8), Some(90))
    );
    assert_eq!(
        server.authority.as_deref(),
        Some(Path::new("/home/me/.config/zosc/ca.pem"))
    );
    assert_eq!(
        server.certificate.as_deref(),
        Some(Path::new("/home/me/me.pem"))
    );
    assert_eq!(server.key.as_deref(), Some(Path::new("/etc/me.key")));
    let variable = |name: &str| Some(format!("<{name}>"));
    let headers = server.headers.iter().map(|header| {
        let value = header.value(&variable).expect("a value");
        format!("{}: {value}", header.name)
    });
    let headers: Vec<String> = headers.collect();
    assert_eq!(
        headers,
        [
            "authorization: Bearer <BUILD_TOKEN>",
            "x-team: zos",
            "x-key: <BUILD_KEY>"
        ]
    );
    assert_eq!(server.properties.len(), 2);
}

#[test]
fn what_is_nearer_wins_value_by_value() {
    let settled = Settled::of(
        &[
            ("--remote-instance", "typed"),
            ("--remote-property", "Pool=large"),
        ],
        &[
            ("ZOSC_REMOTE_INSTANCE", "set"),
            ("ZOSC_REMOTE_JOBS", "3"),
            ("ZOSC_REMOTE_CACHE", "0"),
        ],
        TEAM,
    );
    let server = settled.server();
    assert_eq!(server.address, "grpcs://build.example");
    assert_eq!((server.instance.as_str(), server.jobs), ("typed", Some(3)));
    assert_eq!(server.cache, Some(false), "the environment turns it off");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        server.properties,
        [pair("Pool", "large"), pair("OSFamily", "linux")]
    );
}

#[test]
fn what_is_said_of_one_server_goes_to_no_other() {
    let elsewhere = Settled::of(&[("--remote", "grpcs://other.example")], &[], TEAM);
    let server = elsewhere.server();
    assert!(server.headers.is_empty() && server.properties.is_empty());
    assert!(server.is_typed && server.cache.is_none() && server.authority.is_none());
    let set = [
        ("ZOSC_REMOTE", "grpcs://build.example:443"),
        ("ZOSC_REMOTE_TOKEN", SECRET),
    ];
    let other = Settled::of(&[("--remote", "grpc://localhost:8980")], &set, TEAM);
    assert_eq!(other.server().instance, "test");
    assert!(other.server().headers.is_empty());
    // The same server in other words.
    let same = Settled::of(&[("--remote", "grpcs://BUILD.example:443")], &set, TEAM);
    assert_eq!(same.server().instance, "main");
    let mut headers = same.server().headers.iter();
    let first = headers.next().expect("a header");
    let value = first.value(&|name| (name == "ZOSC_REMOTE_TOKEN").then(|| SECRET.to_owned()));
    assert_eq!(
        value,
        Ok(format!("Bearer {SECRET}")),
        "the environment wins over the file"
    );
}

#[test]
fn without_a_file_and_without_words_there_is_nothing() {
    let settled = Settled::of(&[], &[("ZOSC_REMOTE_TOKEN", SECRET)], "");
    assert!(settled.problems.is_empty() && settled.configuration.server.is_none());
    let settled = Settled::of(&[], &[], "executor podman");
    assert_eq!(settled.configuration.executor, Some(Executor::Podman));
    let asked = Asked {
        file: Some(UserFile {
            path: FILE.into(),
            is_named: true,
        }),
        ..Asked::default()
    };
    let mut problems = Diagnostics::new();
    settle(
        &asked,
        &Memory::default(),
        &mut SourceMap::new(),
        &mut problems,
    );
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["zosc::configuration::unreadable"]);
}

#[test]
fn options_without_a_server_are_told() {
    let settled = Settled::of(&[("--remote-cache", "true")], &[], "");
    assert_eq!(
        settled.problem(),
        ("zosc::configuration::no-server", "--remote-cache")
    );
}

#[test]
fn wrong_values_are_told_where_they_were_typed() {
    let address = ("--remote", "grpc://localhost:1");
    for (name, value, code, place) in [
        ("--remote-jobs", "many", "bad-value", "many"),
        ("--remote-jobs", "0", "bad-value", "0"),
        ("--remote-timeout", "10", "bad-value", "10"),
        ("--remote-timeout", "1441m", "bad-value", "1441m"),
        ("--remote-fallback", "remote", "bad-value", "remote"),
        ("--remote-property", "linux", "bad-value", "linux"),
        ("--remote-property", "=linux", "bad-value", "=linux"),
        ("--remote-header", "x-key", "bad-value", "*****"),
        (
            "--remote-header",
            "content-type=x",
            "bad-header",
            "content-type",
        ),
        ("--remote-header", "x key=x", "bad-header", "*****"),
        (
            "--remote-header",
            "x-key=(env)",
            "bad-header",
            "x-key=*****",
        ),
        ("--remote-ca", "ca.pem", "no-encryption", "ca.pem"),
        ("ZOSC_REMOTE_CACHE", "yes", "bad-value", "yes"),
    ] {
        let settled = if name.starts_with('-') {
            Settled::of(&[address, (name, value)], &[], "")
        } else {
            Settled::of(&[address], &[(name, value)], "")
        };
        let (told, text) = settled.problem();
        assert_eq!(
            (told.trim_start_matches("zosc::configuration::"), text),
            (code, place)
        );
    }
    let settled = Settled::of(&[("--remote", "build.example:443")], &[], "");
    assert_eq!(
        settled.problem(),
        ("zosc::configuration::bad-address", "build.example:443")
    );
    let fixes = settled.problems.iter().map(|problem| problem.fixes.len());
    assert_eq!(fixes.sum::<usize>(), 0, "there is no file to change");
}

#[test]
fn secrets_are_in_nothing_that_could_be_shown() {
    let header = format!("authorization=Bearer {SECRET}");
    let two = format!("x-c: {SECRET}\nx-a={SECRET}\nx-b={SECRET} (env)B");
    let user = format!("grpcs://me:{SECRET}@build.example");
    let site = format!("https://me:{SECRET}@build.example");
    let curls = format!("authorization: Bearer {SECRET}==");
    let typed: &[&[(&'static str, &str)]] = &[
        &[
            ("--remote", "grpc://localhost:1"),
            ("--remote-header", &header),
        ],
        &[("--remote", "grpc://h"), ("--remote-header", &header)],
        &[
            ("--remote", "grpc://localhost:1"),
            ("--remote-header", SECRET),
        ],
        &[("--remote", &user)],
        &[("--remote", &site)],
        &[
            ("--remote", "grpc://localhost:1"),
            ("--remote-header", &curls),
        ],
    ];
    for typed in typed {
        let set = [("ZOSC_REMOTE_TOKEN", SECRET), ("ZOSC_REMOTE_HEADER", &two)];
        let shown = Settled::of(typed, &set, "").shown();
        assert!(!shown.contains(SECRET), "{shown}");
    }
    for text in [
        "remote \"grpcs://h\" { header authorization=\"Bearer SECRET\"; }",
        "remote \"grpcs://h\" { header x-key=#\"SECRET\"# x-team=zos; }",
        "remote \"grpcs://h\" { header x-a=\"SECRET\" x-a=\"SECRET\"; }",
        "remote \"grpcs://h\" { header \"x-a\"=SECRET; }",
        "remote \"grpcs://h\" { header SECRET; }",
        "remote \"grpcs://h\" { header x-a \"SECRET\"; }",
        "remote \"grpcs://h\" { \"header\" x-a=\"SECRET\" \"SECRET\"; }",
        "remote \"grpcs://h\" { header x-a=(wrong)\"SECRET\"; }",
        "remote \"grpcs://h\" { header x-a=\"SECRET (env)1\"; }",
        "remote \"grpcs://h\" {\n    header \\\n        x-a=\"\"\"\n        SECRET\n        \"\"\"\n}",
        "remote \"grpcs://h\" { token \"SECRET\"; }",
        "remote \"grpcs://h\" { token SECRET; }",
        "remote \"grpcs://h\" { // token \"SECRET\"\n}",
        "remote \"grpcs://h\" { /* header a=\"SECRET\" */ /-header a=\"SECRET\"; }",
        "remote \"grpcs://h\" { header a=\"SECRET\n token \"SECRET",
        "remote \"grpcs://h\" { headers a=1; header a=\"SECRET\"",
        "remote \"grpcs://me:SECRET@h\"",
        "remote \"me:SECRET@h\"",
    ] {
        let settled = Settled::of(&[], &[], &text.replace("SECRET", SECRET));
        let shown = settled.shown();
        assert!(!shown.contains(SECRET), "{text}: {shown}");
    }
}

#[test]
fn a_value_that_is_no_text_is_told_without_it() {
    let settled = Settled::of(&[], &[], "remote \"grpcs://h\" { header x-a=12345; }");
    assert_eq!(
        settled.problem(),
        ("zosc::configuration::bad-header", "*****")
    );
}

#[test]
fn a_variable_that_is_not_set_is_told_at_its_place() {
    let settled = Settled::of(&[], &[], "remote \"grpcs://h\" { token (env)BUILD_TOKEN; }");
    let headers = &settled.server().headers;
    let problem = headers.first().expect("a header").value(&|_| None);
    let problem = problem.expect_err("it is not set");
    assert_eq!(problem.code, "zosc::configuration::missing-variable");
    let label = problem.labels.first().expect("a place");
    assert_eq!(settled.sources.slice(label.span), "BUILD_TOKEN");
    let broken = headers
        .first()
        .expect("a header")
        .value(&|_| Some(format!("{SECRET}\nx")));
    let broken = broken.expect_err("a line break is no header");
    assert!(!format!("{broken:?}").contains(SECRET));
    let ended = headers
        .first()
        .expect("a header")
        .value(&|_| Some(format!("{SECRET}\n")));
    assert_eq!(
        ended,
        Ok(format!("Bearer {SECRET}")),
        "files end with a line break"
    );
}

#[test]
fn a_secret_that_would_go_to_another_machine_in_clear_is_told() {
    let told = |address: &str, header: &str| {
        let text = format!("remote \"{address}\" {{ {header}; }}");
        let settled = Settled::of(&[], &[], &text);
        let caution = settled.server().caution();
        caution.map(|caution| caution.code)
    };
    let token = "token (env)BUILD_TOKEN";
    let in_clear = Some("zosc::configuration::secret-in-clear");
    assert_eq!(told("grpc://build.example:80", token), in_clear);
    assert_eq!(told("grpcs://build.example", token), None);
    assert_eq!(told("grpc://localhost:80", token), None);
}
