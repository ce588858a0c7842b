//! Packs Debian packages and folders into a signed Alpine repository, as the demo needs one. See `--help`.

mod packages;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Parser;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

use packages::{Archive, Content, Item, Recipe, SignatureHash, SigningKey};

const SPECIFICATION: &str = r##"A SPEC is a TOML file; relative paths in it start from its own folder:

  [[package]]
  name = "linux-cloud"                  # and version, in Alpine's form
  version = "6.12.43-r0"                # of a .deb it may be left out: 1:6.12.43-1+b2 becomes 6.12.43-r1
  description = "A kernel for virtual machines"
  deb = "debs/linux-image-*.deb"        # one .deb, `*` allowed; or: directory = "some/folder"; or neither
  depends = ["busybox-static"]          # also: provides, replaces, install_if
  provider_priority = 10
  triggers = ["/lib/modules/*"]
  origin = "linux"
  directories = ["usr/bin", "sbin"]     # empty ones to be there, mode 0755

  # What to take and where to put it; the first match wins, what matches none is left out.
  # Without any map everything is taken as it is. `from` names a file or a folder with all below it, or is a glob;
  # `to` is the new place, or with a slash at its end the folder for it; without `to` things stay where they are.
  [[package.map]]
  from = "boot/vmlinuz-*"
  [[package.map]]
  from = "usr/lib/modules"
  to = "lib/modules"
  [[package.map]]
  from = "usr/share"
  drop = true

  [[package.file]]                      # content given here
  path = "etc/motd"
  text = "hello\n"
  mode = "0644"                         # optional

  [[package.link]]                      # a symbolic link
  path = "bin/sh"
  target = "busybox"

  [package.scripts]                     # pre-install, post-install, trigger, …
  post-install = "#!/bin/sh\nexec /bin/busybox --install -s\n"

The private key is made on first use: KEY_DIR/NAME (keep it) and KEY_DIR/NAME.pub (name it in a `key` node).
The same inputs and key give the same repository, byte for byte."##;

/// Packs Debian packages and folders into a signed Alpine repository.
#[derive(Parser)]
#[command(name = "make-repository", after_long_help = SPECIFICATION)]
struct Arguments {
    /// The repository's folder; packages and their index go to ARCH below it.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// The folder of the key pair, made where it is missing.
    #[arg(long, value_name = "DIR")]
    key_dir: PathBuf,
    /// The name of the key pair's private half.
    #[arg(long, value_name = "NAME", default_value = "zosc-demo.rsa")]
    key_name: String,
    /// The architecture that packages are for.
    #[arg(long, default_value = "x86_64")]
    arch: String,
    /// What the signatures are made over: sha1 (as Alpine does), sha256 or sha512.
    #[arg(long, default_value = "sha256")]
    hash: String,
    /// TOML files that list packages.
    #[arg(required = true, value_name = "SPEC")]
    specifications: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Specification {
    package: Vec<PackageSpec>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct PackageSpec {
    name: String,
    version: String,
    description: String,
    deb: Option<String>,
    directory: Option<PathBuf>,
    depends: Vec<String>,
    provides: Vec<String>,
    replaces: Vec<String>,
    install_if: Vec<String>,
    provider_priority: Option<u64>,
    triggers: Vec<String>,
    origin: Option<String>,
    directories: Vec<String>,
    map: Vec<MapSpec>,
    file: Vec<FileSpec>,
    link: Vec<LinkSpec>,
    scripts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapSpec {
    from: String,
    to: Option<String>,
    #[serde(default)]
    drop: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    path: String,
    text: String,
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkSpec {
    path: String,
    target: String,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let key = key_pair(&arguments.key_dir, &arguments.key_name)?;
    let hash = match arguments.hash.as_str() {
        "sha1" => SignatureHash::Sha1,
        "sha256" => SignatureHash::Sha256,
        "sha512" => SignatureHash::Sha512,
        other => return Err(format!("`{other}` is none of sha1, sha256, sha512").into()),
    };
    let folder = arguments.output.join(&arguments.arch);
    fs::create_dir_all(&folder)?;
    let mut archives: Vec<Archive> = Vec::new();
    for path in &arguments.specifications {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let specification: Specification =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let base = path.parent().unwrap_or(Path::new("."));
        for package in specification.package {
            let name = package.name.clone();
            let recipe = recipe(package, &arguments.arch, base)
                .map_err(|error| format!("{name}: {error}"))?;
            let mut archive = recipe.pack(Some((&key, hash)));
            fs::write(folder.join(archive.file_name()), &archive.bytes)?;
            println!("{} {} bytes", archive.file_name(), archive.bytes.len());
            // The index needs the size and the identity, not each file again.
            archive.recipe.installed_size = Some(archive.recipe.size());
            archive.recipe.items.clear();
            archives.push(archive);
        }
    }
    archives.sort_by(|a, b| a.recipe.name.cmp(&b.recipe.name));
    let index = packages::index(&archives, "made by make-repository", Some((&key, hash)));
    fs::write(folder.join("APKINDEX.tar.gz"), index)?;
    Ok(())
}

/// Reads the key pair, or makes one from the machine's randomness.
fn key_pair(folder: &Path, name: &str) -> Outcome<SigningKey> {
    let private = folder.join(name);
    let public = format!("{name}.pub");
    if private.exists() {
        return Ok(SigningKey::from_pem(&public, &fs::read_to_string(private)?));
    }
    fs::create_dir_all(folder)?;
    let mut seed = [0; 64];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let key = SigningKey::generate(&public, &seed);
    fs::write(folder.join(&public), key.public_pem())?;
    fs::write(private, key.private_pem())?;
    Ok(key)
}

fn recipe(spec: PackageSpec, arch: &str, base: &Path) -> Outcome<Recipe> {
    let (sources, version) = match (&spec.deb, &spec.directory) {
        (Some(_), Some(_)) => return Err("`deb` and `directory` exclude each other".into()),
        (Some(pattern), None) => read_deb(&matching_file(base, pattern)?)?,
        (None, Some(directory)) => (read_directory(&base.join(directory))?, None),
        (None, None) => (Vec::new(), None),
    };
    let version = Some(spec.version)
        .filter(|version| !version.is_empty())
        .or(version);
    let version = version
        .filter(|_| !spec.name.is_empty())
        .ok_or("`name` and `version` are needed")?;
    let mut items = mapped(sources, &spec.map)?;
    for path in &spec.directories {
        items
            .entry(path.clone())
            .or_insert_with(|| Item::directory(path));
    }
    for file in spec.file {
        let mode = file.mode.as_deref().unwrap_or("0644");
        let mode =
            u32::from_str_radix(mode, 8).map_err(|_| format!("`{mode}` is no octal mode"))?;
        items.insert(
            file.path.clone(),
            Item::file(&file.path, &file.text).mode(mode),
        );
    }
    for link in spec.link {
        items.insert(link.path.clone(), Item::symlink(&link.path, &link.target));
    }
    let newest = items.values().map(|item| item.mtime).max();
    let mut recipe = Recipe {
        name: spec.name,
        version,
        arch: arch.to_owned(),
        description: spec.description,
        origin: spec.origin,
        build_date: newest.unwrap_or(1_700_000_000),
        depends: spec.depends,
        provides: spec.provides,
        provider_priority: spec.provider_priority,
        install_if: spec.install_if,
        replaces: spec.replaces,
        triggers: spec.triggers,
        scripts: spec.scripts,
        ..Recipe::default()
    };
    for item in items.into_values() {
        recipe = recipe.with(item);
    }
    // A package of size 0 is a record only: its scripts would not run.
    if recipe.items.is_empty() && !recipe.scripts.is_empty() {
        recipe.installed_size = Some(1);
    }
    Ok(recipe)
}

/// The one file that a path with `*` in its last part names.
fn matching_file(base: &Path, pattern: &str) -> Outcome<PathBuf> {
    let full = base.join(pattern);
    let last = full
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let matcher = glob(last)?;
    let folder = full.parent().unwrap_or(base);
    let listing = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry?;
        if matcher.is_match(Path::new(&entry.file_name())) {
            found.push(entry.path());
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(format!("nothing matches `{}`", full.display()).into()),
        _ => Err(format!("`{}` matches more than one file", full.display()).into()),
    }
}

fn glob(pattern: &str) -> Outcome<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
    Ok(glob.compile_matcher())
}

/// Places the entries as the map says, ordered so that directories come before what they hold.
fn mapped(sources: Vec<Item>, map: &[MapSpec]) -> Outcome<BTreeMap<String, Item>> {
    let mut items = BTreeMap::new();
    for mut item in sources {
        let Some(path) = place(&item.path, map)? else {
            continue;
        };
        if let Content::Hardlink(target) = &item.content {
            let target = place(target, map)?
                .ok_or_else(|| format!("the hard link `{path}` is taken but `{target}` is not"))?;
            item.content = Content::Hardlink(target);
        }
        item.path.clone_from(&path);
        items.insert(path, item);
    }
    if items.is_empty() && !map.is_empty() {
        return Err("no file matches any `map`".into());
    }
    Ok(items)
}

fn place(path: &str, map: &[MapSpec]) -> Outcome<Option<String>> {
    if map.is_empty() {
        return Ok(Some(path.to_owned()));
    }
    for rule in map {
        let from = rule.from.trim_matches('/');
        let rest = match path.strip_prefix(from) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ if glob(from)?.is_match(path) => "",
            _ => continue,
        };
        return Ok(match (&rule.to, rule.drop) {
            (_, true) => None,
            (None, false) => Some(path.to_owned()),
            (Some(to), false) if to.ends_with('/') => {
                let kept = path.strip_suffix(rest).unwrap_or(path);
                let name = kept.rsplit('/').next().unwrap_or_default();
                Some(
                    format!("{}/{name}{rest}", to.trim_matches('/'))
                        .trim_matches('/')
                        .to_owned(),
                )
            }
            (Some(to), false) => Some(format!("{}{rest}", to.trim_matches('/'))),
        });
    }
    Ok(None)
}

/// The entries and the version of a `.deb`: an `ar` archive with `control.tar.*` and `data.tar.*`.
fn read_deb(path: &Path) -> Outcome<(Vec<Item>, Option<String>)> {
    let file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut archive = ar::Archive::new(file);
    let mut version = None;
    while let Some(entry) = archive.next_entry() {
        let entry = entry?;
        let name = String::from_utf8_lossy(entry.header().identifier()).into_owned();
        let Some((part, compression)) = name.trim_end_matches('/').split_once(".tar") else {
            continue;
        };
        let reader: Box<dyn Read> = match compression {
            "" => Box::new(entry),
            ".gz" => Box::new(flate2::read::GzDecoder::new(entry)),
            ".xz" => Box::new(xz2::read::XzDecoder::new(entry)),
            ".zst" => Box::new(zstd::stream::read::Decoder::new(entry)?),
            other => return Err(format!("{} is compressed as {other}", path.display()).into()),
        };
        let items = read_tar(reader)?;
        if part == "data" {
            return Ok((items, version));
        }
        version = items
            .iter()
            .find(|item| item.path == "control")
            .and_then(debian_version);
    }
    Err(format!("{} holds no data.tar", path.display()).into())
}

/// The `Version` of a Debian control file in Alpine's form.
fn debian_version(control: &Item) -> Option<String> {
    let Content::File(bytes) = &control.content else {
        return None;
    };
    let text = String::from_utf8_lossy(bytes);
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))?;
    let version = version
        .split_once(':')
        .map_or(version, |(_, version)| version);
    let (upstream, revision) = version.rsplit_once('-').unwrap_or((version, "0"));
    let upstream = upstream
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?;
    let revision = revision.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(format!(
        "{}-r{}",
        upstream.trim_matches('.'),
        if revision.is_empty() { "0" } else { revision }
    ))
}

fn read_tar(reader: Box<dyn Read + '_>) -> Outcome<Vec<Item>> {
    let mut items = Vec::new();
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        let path = plain(&String::from_utf8(entry.path_bytes().into_owned())?);
        if path.is_empty() {
            continue;
        }
        let link = || -> Outcome<String> {
            let target = entry.link_name_bytes().ok_or("a link without a target")?;
            Ok(String::from_utf8(target.into_owned())?)
        };
        let content = match entry.header().entry_type() {
            tar::EntryType::Directory => Content::Directory,
            tar::EntryType::Symlink => Content::Symlink(link()?),
            tar::EntryType::Link => Content::Hardlink(plain(&link()?)),
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                Content::File(bytes)
            }
            other => return Err(format!("`{path}` is of the kind {other:?}").into()),
        };
        let header = entry.header();
        let mut item = Item::new(&path, content).mode(header.mode()? & 0o7777);
        item.mtime = header.mtime()?;
        (item.uid, item.gid) = (header.uid()?, header.gid()?);
        header
            .username()?
            .unwrap_or("root")
            .clone_into(&mut item.user);
        header
            .groupname()?
            .unwrap_or("root")
            .clone_into(&mut item.group);
        items.push(item);
    }
    Ok(items)
}

fn plain(path: &str) -> String {
    path.trim_start_matches("./").trim_matches('/').to_owned()
}

/// The entries of a folder, all owned by root; modes are kept, times are one fixed time.
fn read_directory(root: &Path) -> Outcome<Vec<Item>> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut items = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let folder = root.join(&relative);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        for name in names {
            let below = relative.join(name);
            let metadata = fs::symlink_metadata(root.join(&below))?;
            let path = below.to_str().ok_or("a name is not UTF-8")?;
            let item = if metadata.is_dir() {
                pending.push(below.clone());
                Item::directory(path)
            } else if metadata.is_symlink() {
                let target = fs::read_link(root.join(&below))?;
                Item::symlink(path, target.to_str().ok_or("a link is not UTF-8")?)
            } else {
                Item::new(path, Content::File(fs::read(root.join(&below))?))
            };
            let item = match item.content {
                Content::Symlink(_) => item,
                _ => item.mode(metadata.permissions().mode() & 0o7777),
            };
            items.push(item);
        }
    }
    Ok(items)
}
