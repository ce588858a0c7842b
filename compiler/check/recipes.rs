//! How sources are built: a recipe that zosc knows, or a script.

use crate::diagnostic::Diagnostic;
use crate::manifest::source as written;
use crate::manifest::source::Recipe as Word;
use crate::source::{Span, Spanned};

use super::alternatives::{Choice, flag};
use super::templates::Part;
use super::{Arch, Build, Ctx, Recipe};

impl Ctx<'_> {
    /// Resolves a `build` node of an image for a processor.
    pub(super) fn build(&mut self, build: &Spanned<written::Build>, arch: Arch) -> Option<Build> {
        let recipe = self.recipe(build, arch);
        let toolchain = self.toolchain(build.toolchain.as_ref(), ("source", build.span));
        let subdir = match &build.subdir {
            Some(subdir) => self.inner_path(subdir),
            None => Some(String::new()),
        };
        let env = self.environment(&build.env);
        Some(Build {
            recipe: recipe?,
            toolchain: toolchain?,
            subdir: subdir?,
            env,
            span: build.span,
        })
    }

    fn recipe(&mut self, build: &Spanned<written::Build>, arch: Arch) -> Option<Recipe> {
        let choice = Choice {
            code: "zosc::check::build-recipe",
            section: "source",
            place: build.span,
            none: "nothing says how the source is built".to_owned(),
            several: "a build has a recipe or a script, not both".to_owned(),
            help: "write `build cargo`, `build make`, `build go` or `build script=\"…\"`; leave `build` out to install files as they came".to_owned(),
        };
        let ways = [
            (
                build.recipe.map_or("", |recipe| recipe.value.name()),
                build.recipe.map(|recipe| recipe.span),
            ),
            ("script", build.script.as_ref().map(|script| script.span)),
        ];
        if !self.exactly_one(choice, &ways) {
            return None;
        }
        let word = build.recipe.as_ref().map(|recipe| recipe.value);
        self.misplaced_settings(build, word);
        if let Some(script) = &build.script {
            return Some(Recipe::Script(script.value.clone()));
        }
        Some(match word? {
            Word::Cargo => {
                let target = match &build.target {
                    Some(target) => Some(self.target(target, arch)?),
                    None => None,
                };
                cargo(build, target)
            }
            Word::Make => Recipe::Make {
                targets: words(&build.targets),
                variables: self.environment(&build.set),
            },
            Word::Go => Recipe::Go {
                packages: words(&build.package),
                tags: words(&build.tags),
                ldflags: build.ldflags.as_ref().map(|flags| flags.value.clone()),
                cgo: flag(build.cgo.as_ref()).is_some(),
            },
        })
    }

    /// A target triple with the image's processor in the place of `{arch}`.
    fn target(&mut self, target: &Spanned<String>, arch: Arch) -> Option<String> {
        let parts = self.template(target, &["arch".to_owned()])?;
        let parts = parts.into_iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Variable(_) => arch.name(),
        });
        Some(parts.collect())
    }

    /// Refuses settings that mean nothing to this recipe; `None` is a script.
    fn misplaced_settings(&mut self, build: &written::Build, recipe: Option<Word>) {
        let this = recipe.map_or("a script".to_owned(), |recipe| {
            format!("`{}`", recipe.name())
        });
        for (name, owner, span) in settings(build) {
            let Some(span) = span.filter(|_| recipe != Some(owner)) else {
                continue;
            };
            self.push(
                Diagnostic::error(
                    "zosc::check::recipe-setting",
                    format!(
                        "`{name}` is about `build {}`, and this build is {this}",
                        owner.name()
                    ),
                )
                .at(span)
                .help(instead(name, recipe)),
            );
        }
    }
}

fn words(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(|word| word.value.clone()).collect()
}

fn cargo(build: &written::Build, target: Option<String>) -> Recipe {
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.value.clone());
    Recipe::Cargo {
        target,
        profile: text(&build.profile).unwrap_or_else(|| "release".to_owned()),
        bins: words(&build.bin),
        features: words(&build.features),
        no_default_features: flag(build.no_default_features.as_ref()).is_some(),
        crt_static: flag(build.r#static.as_ref()).is_some(),
        rust: build.rust.clone(),
    }
}

/// Every setting that one recipe alone understands, and where it is written.
fn settings(build: &written::Build) -> [(&'static str, Word, Option<Span>); 13] {
    let first = |list: &[Spanned<String>]| list.first().map(|word| word.span);
    let place = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.span);
    let default_features = flag(build.no_default_features.as_ref());
    let variable = build.set.values().next().map(|value| value.span);
    [
        ("target", Word::Cargo, place(&build.target)),
        ("profile", Word::Cargo, place(&build.profile)),
        ("rust", Word::Cargo, place(&build.rust)),
        ("bin", Word::Cargo, first(&build.bin)),
        ("features", Word::Cargo, first(&build.features)),
        ("no-default-features", Word::Cargo, default_features),
        ("static", Word::Cargo, flag(build.r#static.as_ref())),
        ("targets", Word::Make, first(&build.targets)),
        ("set", Word::Make, variable),
        ("package", Word::Go, first(&build.package)),
        ("tags", Word::Go, first(&build.tags)),
        ("ldflags", Word::Go, place(&build.ldflags)),
        ("cgo", Word::Go, flag(build.cgo.as_ref())),
    ]
}

/// What to write in place of a setting of another recipe.
fn instead(name: &str, recipe: Option<Word>) -> &'static str {
    match (name, recipe) {
        (_, None) => "say it in the script",
        ("target", Some(Word::Make)) => "what make makes is named by `targets`",
        ("targets", Some(Word::Cargo)) => {
            "programs are named by `bin`, and the target triple is `target=…`"
        }
        ("bin" | "targets", Some(Word::Go)) => "programs are named by `package`",
        ("package", Some(Word::Cargo)) => "programs are named by `bin`",
        ("features", Some(Word::Go)) => "Go has `tags`",
        ("tags", Some(Word::Cargo)) => "Cargo has `features`",
        ("static", Some(Word::Go)) => "remove it: without `cgo`, Go links statically",
        ("set", Some(_)) => "environment variables are set with `env`",
        _ => "remove it",
    }
}
