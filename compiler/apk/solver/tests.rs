use super::*;

/// An index of `name-version` entries, each with further fields after a space.
fn index_text(packages: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (package, fields) in packages {
        let (name, version) = package.rsplit_once('-').expect("name-version");
        let fields = fields.replace('|', "\n");
        text += &format!("C:Q1{package}\nP:{name}\nV:{version}\nI:1\n{fields}\n\n");
    }
    text
}

/// A tag and what its repository offers.
type Offer<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)]);

/// Asks and shows the answer as text: `a-1 b-2`, or the refusal.
fn ask_tagged(repositories: &[Offer<'_>], world: &str) -> Result<String, String> {
    let texts: Vec<String> = repositories
        .iter()
        .map(|(_, packages)| index_text(packages))
        .collect();
    let indexes: Vec<Index<'_>> = texts
        .iter()
        .map(|text| Index::parse(text.as_bytes()).expect("an index"))
        .collect();
    let repositories: Vec<Repository<'_>> = indexes
        .iter()
        .zip(repositories)
        .map(|(index, (tag, _))| Repository { index, tag: *tag })
        .collect();
    let world: Vec<Dependency<'_>> = Dependency::parse_line(world)
        .map(|wish| wish.expect("a wish"))
        .collect();
    let catalogue = Catalogue::new(&repositories);
    match catalogue.resolve(&world) {
        Ok(solution) => Ok(solution
            .packages
            .iter()
            .map(|choice| format!("{}-{}", choice.package.name, choice.package.version))
            .collect::<Vec<_>>()
            .join(" ")),
        Err(refusal) => Err(tell(&refusal)),
    }
}

fn tell(refusal: &Refusal<'_>) -> String {
    let problems = match refusal {
        Refusal::UnknownTag(wish) => return format!("unknown tag: {wish}"),
        Refusal::Unsatisfiable(problems) => problems,
    };
    let mut lines = Vec::new();
    for problem in problems {
        let chain: Vec<String> = problem
            .chain
            .iter()
            .map(|link| match link.asker {
                Asker::Wish => format!("world:{}", link.dependency),
                Asker::Package { name, .. } => format!("{name}:{}", link.dependency),
            })
            .collect();
        let candidates: Vec<String> = problem
            .candidates
            .iter()
            .map(|candidate| {
                let obstacle = match &candidate.obstacle {
                    Obstacle::Version => "version".to_owned(),
                    Obstacle::Tag(tag) => format!("tag {tag}"),
                    Obstacle::Unreadable => "unreadable".to_owned(),
                    Obstacle::Refused(link) => format!("refused by {}", link.dependency),
                    Obstacle::Rival { name, holder } => format!("{name} held by {holder}"),
                    Obstacle::Needs(dependency) => format!("needs {dependency}"),
                    Obstacle::NotByItself => "not by itself".to_owned(),
                    Obstacle::Unknown => "unknown".to_owned(),
                };
                format!("{}-{}: {obstacle}", candidate.name, candidate.version)
            })
            .collect();
        lines.push(format!("{} [{}]", chain.join(" > "), candidates.join("; ")));
    }
    lines.join("\n")
}

fn ask(packages: &[(&str, &str)], world: &str) -> Result<String, String> {
    ask_tagged(&[(None, packages)], world)
}

#[test]
fn dependencies_come_first_and_cycles_break_where_they_are_entered() {
    let packages = [
        ("a-1", "D:b c"),
        ("b-1", "D:c"),
        ("c-1", "D:a"),
        ("d-1", ""),
    ];
    assert_eq!(ask(&packages, "d a"), Ok("c-1 b-1 a-1 d-1".into()));
    assert_eq!(ask(&packages, "c"), Ok("b-1 a-1 c-1".into()));
}

#[test]
fn the_highest_version_that_all_allow_is_taken() {
    let packages = [("a-1", ""), ("a-3", ""), ("a-2", ""), ("b-1", "D:a<3")];
    assert_eq!(ask(&packages, "a"), Ok("a-3".into()));
    assert_eq!(ask(&packages, "a b"), Ok("a-2 b-1".into()));
    assert_eq!(ask(&packages, "a~1"), Ok("a-1".into()));
}

#[test]
fn of_equal_packages_the_first_repository_serves() {
    let main: &[(&str, &str)] = &[("a-1", ""), ("b-1", "")];
    let other: &[(&str, &str)] = &[("a-1", "o:other|C:Q1other"), ("b-2", "")];
    assert_eq!(
        ask_tagged(&[(None, main), (None, other)], "a b"),
        Ok("a-1 b-2".into())
    );
}

#[test]
fn unversioned_provides_need_a_priority_or_a_name() {
    let without = [("x-1", "p:sh"), ("y-1", "p:sh")];
    assert_eq!(ask(&without, "sh x"), Ok("x-1".into()));
    assert_eq!(
        ask(&without, "sh"),
        Err("world:sh [x-1: not by itself; y-1: not by itself]".into())
    );
    let with = [("x-1", "p:sh|k:1"), ("y-1", "p:sh|k:2")];
    assert_eq!(ask(&with, "sh"), Ok("y-1".into()));
}

#[test]
fn versioned_provides_have_one_owner() {
    let packages = [("x-1", "p:cmd:sh=1"), ("y-1", "p:cmd:sh=2")];
    assert_eq!(ask(&packages, "cmd:sh"), Ok("y-1".into()));
    assert_eq!(ask(&packages, "cmd:sh x"), Ok("x-1".into()));
    let answer = ask(&packages, "x y").expect_err("both own it");
    assert!(answer.contains("cmd:sh held by"), "{answer}");
}

#[test]
fn companions_cascade_to_the_fixpoint() {
    let packages = [
        ("a-1", ""),
        ("a-doc-1", "i:a=1 docs"),
        ("docs-1", ""),
        ("index-1", "i:a-doc"),
        ("never-1", "i:a=2"),
    ];
    assert_eq!(ask(&packages, "a"), Ok("a-1".into()));
    assert_eq!(
        ask(&packages, "a docs"),
        Ok("a-1 docs-1 a-doc-1 index-1".into())
    );
    assert_eq!(ask(&packages, "a docs !a-doc"), Ok("a-1 docs-1".into()));
}

#[test]
fn a_tag_opens_its_repository_for_the_wish_and_what_it_needs() {
    let main: &[(&str, &str)] = &[("a-1", ""), ("b-1", "")];
    let edge: &[(&str, &str)] = &[("a-2", "D:new"), ("b-2", ""), ("new-1", "D:b")];
    let both = [(None, main), (Some("edge"), edge)];
    assert_eq!(ask_tagged(&both, "a"), Ok("a-1".into()));
    assert_eq!(ask_tagged(&both, "a@edge"), Ok("b-1 new-1 a-2".into()));
    assert_eq!(
        ask_tagged(&both, "new"),
        Err("world:new [new-1: tag edge]".into())
    );
    assert_eq!(
        ask_tagged(&both, "a@typo"),
        Err("unknown tag: a@typo".into())
    );
}

#[test]
fn a_refusal_names_the_chain_and_the_candidates() {
    let packages = [
        ("app-1", "D:lib"),
        ("lib-1", "D:core>=2"),
        ("core-1", ""),
        ("odd-1", "Y:?"),
    ];
    assert_eq!(
        ask(&packages, "app"),
        Err("world:app > app:lib > lib:core>=2 [core-1: version]".into())
    );
    assert_eq!(ask(&packages, "nothing"), Err("world:nothing []".into()));
    assert_eq!(
        ask(&packages, "odd"),
        Err("world:odd [odd-1: unreadable]".into())
    );
    assert_eq!(
        ask(&packages, "core core-1 !core"),
        Err("world:core-1 []".into()),
        "of two wishes with one name the last counts"
    );
}

#[test]
fn contradicting_wishes_are_told_with_who_contradicts() {
    let packages = [("a-1", "D:!b"), ("b-1", ""), ("c-1", "D:b")];
    assert_eq!(
        ask(&packages, "a c"),
        Err("world:a > a:!b [b-1: refused by b]".into())
    );
    assert_eq!(
        ask(&packages, "!b c"),
        Err("world:!b [b-1: refused by b]".into())
    );
}

#[test]
fn the_chain_of_reasons_leads_to_a_wish() {
    let text = index_text(&[
        ("app-1", "D:lib"),
        ("lib-1", ""),
        ("lib-doc-1", "i:lib docs"),
        ("docs-1", ""),
    ]);
    let index = Index::parse(text.as_bytes()).expect("an index");
    let catalogue = Catalogue::new(&[Repository {
        index: &index,
        tag: None,
    }]);
    let wish = |text| Dependency::parse(text).expect("a wish");
    let solution = catalogue
        .resolve(&[wish("app"), wish("docs")])
        .expect("solved");
    let reasons: Vec<_> = solution
        .packages
        .iter()
        .map(|choice| (choice.package.name, &choice.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (
                "lib",
                &Reason::Needed {
                    by: 1,
                    dependency: wish("lib")
                }
            ),
            ("app", &Reason::Wished(wish("app"))),
            ("docs", &Reason::Wished(wish("docs"))),
            ("lib-doc", &Reason::Companion),
        ]
    );
}

/// Asks for `p0` of a chain, in which each package needs the next, and returns how many come to be installed.
fn ask_chain(length: usize) -> usize {
    let names: Vec<(String, String)> = (0..length)
        .map(|number| match number + 1 {
            next if next < length => (format!("p{number}-1"), format!("D:p{next}")),
            _ => (format!("p{number}-1"), String::new()),
        })
        .collect();
    let packages: Vec<(&str, &str)> = names
        .iter()
        .map(|(package, fields)| (package.as_str(), fields.as_str()))
        .collect();
    let text = index_text(&packages);
    let index = Index::parse(text.as_bytes()).expect("an index");
    let catalogue = Catalogue::new(&[Repository {
        index: &index,
        tag: None,
    }]);
    let wish = Dependency::parse("p0").expect("a wish");
    catalogue.resolve(&[wish]).expect("solved").packages.len()
}

#[test]
fn a_very_deep_chain_needs_no_deep_stack_and_no_square_of_time() {
    assert_eq!(ask_chain(50_000), 50_000);
}
