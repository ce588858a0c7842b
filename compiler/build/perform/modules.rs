//! Selects kernel modules and firmware.

use super::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kmod::{Kernel, Selection, no_firmware, select_firmware};
use crate::plan::Input;
use crate::tree::{self, Conflict, Digest, Entry, ImagePath, Origin, Tree};

/// Folder of the lists that the image's start-up reads, one module a line in load order.
const LISTS: &str = "/etc/zosc";

/// A module's name and whether the image may do without it.
type Wanted = (String, bool);

/// The modules of both stages with all that they need, their index files and the lists. Those of an flist are in a list alone.
pub(super) fn modules(
    context: &Context<'_>,
    kernel: &Input,
    (stage1, stage2, flist): (&[Wanted], &[Wanted], &[Wanted]),
    epoch: u64,
) -> Result<Digest, Diagnostics> {
    let (tree, store) = (context.tree(kernel)?, context.store);
    let kernel = Kernel::read(&tree, store)?;
    let all: Vec<Wanted> = stage1.iter().chain(stage2).cloned().collect();
    let first = select(context, &kernel, stage1, Told::No)?;
    let whole = select(context, &kernel, &all, Told::Yes)?;
    let every: Vec<Wanted> = all.iter().chain(flist).cloned().collect();
    let every = select(context, &kernel, &every, Told::No)?;
    let mut image = kernel.tree_of(&whole, epoch, &Origin::new("modules index"))?;
    for module in &whole.modules {
        if let Some(entry) = image.get_mut(&module.path) {
            entry.origin = Origin::new(format!("module {}", module.name));
        }
    }
    let nothing = Selection::default();
    let mut lists = vec![
        ("stage1", list(&first, &nothing)),
        ("stage2", list(&whole, &first)),
    ];
    if !flist.is_empty() {
        lists.push(("flist", list(&every, &whole)));
    }
    for (stage, text) in lists {
        let path = ImagePath::new(&format!("{LISTS}/{stage}.modules"))
            .expect("a literal path is a sound one");
        let digest = store.put(text.as_bytes())?;
        let origin = Origin::new(format!("modules {stage}"));
        let entry = Entry::file(digest, text.len() as u64, 0o644, epoch, origin);
        image.insert_with_parents(path, entry);
    }
    mark_directories(&mut image, "modules index");
    Ok(store.put_tree(&image)?)
}

/// The names of a selection, one a line in load order, without those of an earlier one.
fn list(selection: &Selection, earlier: &Selection) -> String {
    let is_new = |name: &&str| earlier.modules.iter().all(|module| module.name != **name);
    let names = selection.modules.iter().map(|module| module.name.as_str());
    names.filter(is_new).flat_map(|name| [name, "\n"]).collect()
}

/// Whether optional modules that are missing are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

/// The closure of some modules; an optional one that the kernel does not have is left out.
fn select(
    context: &Context<'_>,
    kernel: &Kernel<'_>,
    wanted: &[Wanted],
    told: Told,
) -> Result<Selection, Diagnostics> {
    let mut names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let refused = match kernel.select(&names) {
        Ok(selection) => return Ok(selection),
        Err(refused) => refused,
    };
    let mut problems = Diagnostics::new();
    for error in refused {
        let optional = |(name, optional): &Wanted| *optional && *name == error.name;
        let site = context.plan.sites.get(&format!("module {}", error.name));
        let mut problem = error.diagnostic.at_maybe(site.copied());
        if wanted.iter().any(optional) {
            names.retain(|name| *name != error.name);
            problem.severity = crate::diagnostic::Severity::Warning;
            if told == Told::Yes {
                context.warn(&problem);
            }
        } else {
            problems.push(problem);
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    kernel.select(&names).map_err(|refused| {
        let problems = refused.into_iter().map(|error| error.diagnostic);
        problems.collect()
    })
}

/// What decides which firmware is taken.
pub(super) struct FirmwareRequest<'a> {
    pub(super) pool: &'a [Input],
    pub(super) kernel: Option<&'a Input>,
    pub(super) modules: &'a [String],
    pub(super) keep: &'a [String],
    pub(super) all: bool,
}

/// The firmware that modules ask for and the manifest keeps.
pub(super) fn firmware(
    context: &Context<'_>,
    request: &FirmwareRequest<'_>,
) -> Result<Digest, Diagnostics> {
    let pool = tree::merge(&context.trees(request.pool)?, Conflict::Replace)?;
    let mut image = if request.all {
        whole(&pool)
    } else {
        let selection = select_firmware(&pool, request.keep);
        refuse_missing(context, &selection.missing)?;
        let mut image = selection.tree;
        if let Some(kernel) = request.kernel {
            let asked = asked_by_modules(context, kernel, request.modules)?;
            let selection = select_firmware(&pool, &asked);
            warn_missing(context, &selection.missing, asked.len());
            image = tree::merge([&image, &selection.tree], Conflict::Replace)?;
        }
        image
    };
    for (_, entry) in image.iter_mut() {
        if entry.origin.kind() == "package" {
            entry.origin = Origin::new(format!("firmware {}", entry.origin.name()));
        }
    }
    Ok(context.store.put_tree(&image)?)
}

fn whole(pool: &Tree) -> Tree {
    let folders = [
        "/lib",
        "/lib/firmware",
        "/usr",
        "/usr/lib",
        "/usr/lib/firmware",
    ]
    .map(|path| ImagePath::new(path).expect("a literal path is a sound one"));
    let mut image = pool.clone();
    image.retain(|path, _| {
        folders.contains(path) || path.starts_with(&folders[1]) || path.starts_with(&folders[4])
    });
    image
}

/// Names of firmware that the modules' closure asks for; a module that is missing is the module selection's to tell.
fn asked_by_modules(
    context: &Context<'_>,
    kernel: &Input,
    modules: &[String],
) -> Result<Vec<String>, Diagnostics> {
    let tree = context.tree(kernel)?;
    let kernel = Kernel::read(&tree, context.store)?;
    let wanted: Vec<Wanted> = modules.iter().map(|name| (name.clone(), true)).collect();
    let selection = select(context, &kernel, &wanted, Told::No)?;
    let names = selection.firmware.into_iter().map(|firmware| firmware.name);
    Ok(names.collect())
}

fn refuse_missing(context: &Context<'_>, missing: &[String]) -> Result<(), Diagnostics> {
    let problems: Diagnostics = missing
        .iter()
        .map(|pattern| {
            let site = context.plan.sites.get(&format!("firmware {pattern}"));
            no_firmware(pattern).at_maybe(site.copied())
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems)
}

/// Drivers name firmware of all their revisions, and packages hold what is still around: missing files are common.
fn warn_missing(context: &Context<'_>, missing: &[String], asked: usize) {
    let [first, ..] = missing else {
        return;
    };
    let mut warning = Diagnostic::warning(
        "zosc::build::missing-firmware",
        format!(
            "{} of {asked} firmware files that modules ask for are in no firmware package, `{first}` among them",
            missing.len()
        ),
    )
    .help("where a device needs one of them, add its package to `firmware { package … }`");
    for name in missing.iter().take(20) {
        warning = warning.note(name);
    }
    context.warn(&warning);
}

/// Directories of the kernel's package come along with the modules; they count as theirs.
fn mark_directories(image: &mut Tree, origin: &str) {
    for (_, entry) in image.iter_mut().filter(|(_, entry)| entry.is_directory()) {
        entry.origin = Origin::new(origin);
    }
}
