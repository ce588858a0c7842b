//! Judges a kernel's configuration once Kconfig has had its say.

use std::collections::BTreeMap;

use super::{Context, pick};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kconfig::{self, Config, Language};
use crate::plan::Input;
use crate::tree::{Digest, ImagePath, Node, Tree};

/// Largest `Kconfig` file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What a configuration is judged by.
pub(super) struct Wishes<'a> {
    pub(super) source: &'a Input,
    pub(super) made: &'a Input,
    pub(super) wanted: &'a BTreeMap<String, String>,
    pub(super) needs: &'a BTreeMap<String, String>,
    pub(super) release: &'a str,
    pub(super) arch: &'a str,
}

/// The configuration's digest, where nothing is wrong with it; everything that is wrong is told.
pub(super) fn verify(context: &Context<'_>, wishes: &Wishes<'_>) -> Result<Digest, Diagnostics> {
    let made = context.tree(wishes.made)?;
    let file = |name: &str| -> Result<(Digest, String), Diagnostic> {
        let path = ImagePath::new(name).expect("a literal path is a sound one");
        let digest = pick(&made, &path)?;
        let text = String::from_utf8_lossy(&context.store.get(&digest)?).into_owned();
        Ok((digest, text))
    };
    let (digest, text) = file("/config")?;
    let (_, release) = file("/release")?;
    let config = Config::read(&text);
    let mut problems = Diagnostics::new();
    if release.trim() != wishes.release {
        problems.push(other_release(context, release.trim(), wishes.release));
    }
    let told = unheeded(context, wishes, &config, &mut problems)?;
    for (symbol, why) in wishes.needs {
        let name = symbol.strip_prefix("CONFIG_").unwrap_or(symbol);
        if config.value(name) != "y" && !told.contains(symbol) {
            problems.push(cannot_boot(context, symbol, config.value(name), why));
        }
    }
    problems.extend(random(context, &config).into_iter().collect());
    if problems.has_errors() {
        problems.sort();
        return Err(problems);
    }
    Ok(digest)
}

/// Tells the wishes that Kconfig did not take, and returns their symbols.
fn unheeded(
    context: &Context<'_>,
    wishes: &Wishes<'_>,
    config: &Config,
    problems: &mut Diagnostics,
) -> Result<Vec<String>, Diagnostic> {
    let source = context.tree(wishes.source)?;
    let language = Language::read(wishes.arch, &mut |path| {
        kconfig_file(context, &source, path)
    });
    let mut told = Vec::new();
    for unheeded in kconfig::verify(wishes.wanted, config, &language) {
        let site = context
            .plan
            .sites
            .get(&format!("config {}", unheeded.symbol));
        problems.push(unheeded.diagnostic.at_maybe(site.copied()));
        told.push(unheeded.symbol);
    }
    Ok(told)
}

fn kconfig_file(context: &Context<'_>, source: &Tree, path: &str) -> Option<String> {
    let (_, entry) = source.resolve(&ImagePath::new(path).ok()?)?;
    let Node::File { digest, size } = &entry.node else {
        return None;
    };
    let bytes = (*size <= LARGEST).then(|| context.store.get(digest).ok())??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn other_release(context: &Context<'_>, found: &str, wanted: &str) -> Diagnostic {
    let site = context.plan.sites.get("kernel version");
    let version = found.split(['-', '+']).next().unwrap_or(found);
    Diagnostic::error(
        "zosc::build::kernel-release",
        format!("the sources are those of `{found}`, not of `{wanted}`"),
    )
    .at_maybe(site.copied())
    .help(format!(
        "write `kernel \"{version}\"`, or name other sources"
    ))
}

fn cannot_boot(context: &Context<'_>, symbol: &str, value: &str, why: &str) -> Diagnostic {
    let state = match value {
        "m" => "a module",
        "n" => "off",
        _ => "not `y`",
    };
    let site = context.plan.sites.get(&format!("config {symbol}"));
    let site = site.or_else(|| context.plan.sites.get("kernel"));
    Diagnostic::error(
        "zosc::build::cannot-boot",
        format!("Kconfig leaves `{symbol}` {state}, and {why}"),
    )
    .at_maybe(site.copied())
    .help(format!(
        "add `{{ set {symbol}=y }}` to `config`, with what it depends on"
    ))
}

/// What makes every build of a kernel another one.
fn random(context: &Context<'_>, config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let own_key = config.text("MODULE_SIG_KEY") == "certs/signing_key.pem";
    for (symbol, on, what) in [
        (
            "MODULE_SIG",
            own_key,
            "signs its modules with a key that is made anew each time",
        ),
        ("RANDSTRUCT", true, "lays its structures out by chance"),
    ] {
        if config.value(symbol) != "y" || !on {
            continue;
        }
        let symbol = format!("CONFIG_{symbol}");
        let site = context.plan.sites.get(&format!("config {symbol}"));
        let site = site.or_else(|| context.plan.sites.get("kernel"));
        let symbol = if symbol == "CONFIG_RANDSTRUCT" {
            "CONFIG_RANDSTRUCT_NONE=y".to_owned()
        } else {
            format!("{symbol}=n")
        };
        found.push(
            Diagnostic::error(
                "zosc::build::random-kernel",
                format!("this kernel {what}, so no two builds of it are alike"),
            )
            .at_maybe(site.copied())
            .help(format!(
                "write `{{ set {symbol} }}` behind the files of `config`"
            )),
        );
    }
    found
}
