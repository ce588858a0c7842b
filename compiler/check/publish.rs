//! The `publish` sections: where finished images go.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::publish::{self as written, Kind};
use crate::source::{Span, Spanned};

use super::addresses::credentials;
use super::buckets::{Written, port, port_is_sound};
use super::identity::Identity;
use super::{Ctx, Destination, Publish, outputs, quoted};

/// Where EFI programs lie when nothing is said.
const KERNELS: &str = "kernel";

/// Where the lists of flists lie when nothing is said.
const FLISTS: &str = "flists";

/// Resolves the sections.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    identity: Option<&Identity>,
    known: &[String],
) -> Vec<Publish> {
    let manifest = ctx.manifest;
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut places = Vec::new();
    for publish in &manifest.publish {
        let span = publish.kind.span;
        let to = match publish.kind.value {
            Kind::S3 => bucket(ctx, publish),
            Kind::Dir => folder(ctx, publish),
            Kind::Oci => registry(ctx, publish, identity, known),
        };
        let folders = (
            below(ctx, "kernels", publish.kernels.as_ref(), KERNELS),
            below(ctx, "flists", publish.flists.as_ref(), FLISTS),
        );
        let (Some(to), (Some(kernels), Some(flists))) = (to, folders) else {
            continue;
        };
        if let Some(earlier) = seen.insert(place(&to, &kernels), span) {
            ctx.clash(
                "zosc::check::duplicate-publish",
                "images are published to one place twice".to_owned(),
                span,
                earlier,
                "remove one of them, or give it another `prefix`",
            );
            continue;
        }
        places.push(Publish {
            to,
            kernels,
            flists,
            index_kernels: !publish.index.is_empty(),
            span,
        });
    }
    places
}

/// A folder below a place, as it is written or as it is called otherwise.
fn below(
    ctx: &mut Ctx<'_>,
    name: &str,
    folder: Option<&Spanned<String>>,
    otherwise: &str,
) -> Option<String> {
    match folder {
        Some(folder) => ctx.prefix(&format!("the folder `{name}`"), folder),
        None => Some(otherwise.to_owned()),
    }
}

/// What two sections for one place have in common.
fn place(to: &Destination, kernels: &str) -> String {
    match to {
        Destination::S3(bucket) => {
            let server = bucket.endpoint.as_deref().unwrap_or_default();
            let path = format!("{}/{kernels}", bucket.prefix);
            format!("s3 {server} {} {}", bucket.name, path.trim_matches('/'))
        }
        Destination::Folder(path) => format!("dir {}", path.value.join(kernels).display()),
        Destination::Registry { reference, .. } => format!("oci {}", reference.value),
    }
}

fn bucket(ctx: &mut Ctx<'_>, publish: &written::Publish) -> Option<Destination> {
    if let Some(extra) = publish.to.first() {
        ctx.needless(extra.span, extra, "`publish s3`");
    }
    let Some(name) = &publish.bucket else {
        nowhere(
            ctx,
            publish,
            "nothing says which bucket",
            "add `bucket=NAME`",
        );
        return None;
    };
    ctx.bucket(&Written {
        name,
        prefix: publish.prefix.as_ref(),
        endpoint: publish.endpoint.as_ref(),
        region: publish.region.as_ref(),
        key_id: publish.key_id.as_ref(),
        secret: publish.secret.as_ref(),
    })
    .map(Destination::S3)
}

fn folder(ctx: &mut Ctx<'_>, publish: &written::Publish) -> Option<Destination> {
    only_for_buckets(ctx, publish, "a folder");
    let keys = [("key-id", &publish.key_id), ("secret", &publish.secret)];
    for (name, key) in keys {
        if let Some(key) = key {
            ctx.needless(key.span, name, "a folder");
        }
    }
    let path = target(
        ctx,
        publish,
        "nothing says which folder",
        "write `publish dir \"FOLDER\"`",
    )?;
    ctx.future_folder(path).map(Destination::Folder)
}

fn registry(
    ctx: &mut Ctx<'_>,
    publish: &written::Publish,
    identity: Option<&Identity>,
    known: &[String],
) -> Option<Destination> {
    only_for_buckets(ctx, publish, "a registry");
    let folders = [("kernels", &publish.kernels), ("flists", &publish.flists)];
    for (name, folder) in folders {
        if let Some(folder) = folder {
            ctx.needless(folder.span, name, "a registry");
        }
    }
    if let Some(index) = publish.index.first() {
        ctx.needless(index.span, "index", "a registry");
    }
    let login = ctx.access_key(publish.key_id.as_ref(), publish.secret.as_ref());
    let help = "write `publish oci \"HOST/NAME:TAG\"`";
    let reference = target(ctx, publish, "nothing says which repository", help)?;
    let sound = is_reference(ctx, reference) && outputs::variables(ctx, reference, identity, known);
    sound.then(|| Destination::Registry {
        reference: reference.clone(),
        login,
    })
}

/// The one word behind the kind.
fn target<'a>(
    ctx: &mut Ctx<'_>,
    publish: &'a written::Publish,
    fact: &str,
    help: &str,
) -> Option<&'a Spanned<String>> {
    let mut words = publish.to.iter();
    let Some(target) = words.next() else {
        nowhere(ctx, publish, fact, help);
        return None;
    };
    for extra in words {
        ctx.needless(extra.span, extra, "a section that has its place already");
    }
    Some(target)
}

fn nowhere(ctx: &mut Ctx<'_>, publish: &written::Publish, fact: &str, help: &str) {
    if !ctx.is_whole("publish") {
        return;
    }
    ctx.push(
        Diagnostic::error("zosc::check::publish-nowhere", fact)
            .at(publish.kind.span)
            .help(help),
    );
}

fn only_for_buckets(ctx: &mut Ctx<'_>, publish: &written::Publish, whose: &str) {
    let given = [
        ("endpoint", &publish.endpoint),
        ("bucket", &publish.bucket),
        ("prefix", &publish.prefix),
        ("region", &publish.region),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            ctx.needless(value.span, name, whose);
        }
    }
}

/// Whether a text is a reference that something can be pushed to; says so where it is not.
fn is_reference(ctx: &mut Ctx<'_>, reference: &Spanned<String>) -> bool {
    let host = reference.split('/').next().unwrap_or("");
    if let Some((user, _)) = host.rsplit_once('@') {
        let bare = reference.get(user.len() + 1..).unwrap_or("");
        ctx.push(
            credentials(reference, "a user name or password")
                .help("name them inside the section: `key-id (env)NAME` and `secret (env)NAME`")
                .replace("remove it", reference.span, quoted(bare)),
        );
        return false;
    }
    let bare = reference.split_once("://").map(|(_, rest)| rest);
    let fault = match bare {
        Some(_) => "starts with a protocol",
        None => match reference_fault(reference) {
            Some(fault) => fault,
            None => return true,
        },
    };
    let mut problem = Diagnostic::error(
        "zosc::check::bad-publish-reference",
        format!("`{}` is no repository of a registry: it {fault}", reference.value),
    )
    .at(reference.span)
    .help("write the registry's host, the repository in lowercase and a tag, such as \"ghcr.io/example/zos:1.0\"");
    if let Some(bare) = bare.filter(|bare| reference_fault(bare).is_none()) {
        problem = problem.replace("remove the protocol", reference.span, quoted(bare));
    }
    ctx.push(problem);
    false
}

/// Why nothing can be pushed to a reference; variables in braces stand for sound words.
pub fn reference_fault(reference: &str) -> Option<&'static str> {
    let Some((host, rest)) = reference.split_once('/') else {
        return Some("names no host");
    };
    if reference.contains('@') {
        return Some("holds `@`: digests come of pushing");
    }
    let is_host = !host.is_empty()
        && !host.starts_with(':')
        && (host.contains(['.', ':']) || host == "localhost")
        && port_is_sound(host)
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if !is_host || port(host).is_some_and(str::is_empty) {
        return Some("names no host before the first `/`");
    }
    let (name, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
    let is_part = |part: &str| {
        let is_sign =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        !part.is_empty()
            && part.bytes().all(is_sign)
            && !part.starts_with(['.', '_', '-'])
            && !part.ends_with(['.', '_', '-'])
    };
    if !without_variables(name).split('/').all(is_part) {
        return Some("has a name that is not of lowercase letters, digits, `.`, `_` and `-`");
    }
    let tag = without_variables(tag);
    let is_tag = !tag.is_empty()
        && tag.len() <= 128
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (!is_tag).then_some("has a tag that is not of letters, digits, `.`, `_` and `-`")
}

/// The text with a letter in place of each variable.
fn without_variables(text: &str) -> String {
    let mut plain = String::new();
    for (index, part) in text.split('{').enumerate() {
        match part.split_once('}') {
            Some((_, behind)) if index > 0 => {
                plain.push('v');
                plain.push_str(behind);
            }
            _ => plain.push_str(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_a_host_a_name_and_perhaps_a_tag() {
        for good in [
            "ghcr.io/example/zos",
            "ghcr.io/example/zos:1.0-rc1",
            "localhost/zos",
            "registry:5000/a/b/c:{version}",
            "ghcr.io/{name}/zos:{version}-{kernel}",
        ] {
            assert_eq!(reference_fault(good), None, "{good}");
        }
        for bad in [
            "zos",
            "example/zos",
            "ghcr.io/Example/zos",
            "ghcr.io/zos:",
            "ghcr.io/zos:-1",
            "ghcr.io//zos",
            "me:pw@ghcr.io/zos",
            "ghcr.io/zos@sha256:00",
            "ghcr.io:x/zos",
            ":80/zos",
        ] {
            assert!(reference_fault(bad).is_some(), "{bad}");
        }
    }
}
