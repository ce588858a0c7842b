//! What goes where: data, made from what was built and from the places of the manifest, before anything is asked or sent.

use std::path::PathBuf;

use crate::check::{AccessKey, Bucket, Destination, Image, Publish};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::Inputs;
use crate::plan::filled;
use crate::source::Span;
use crate::tree::Digest;

use super::description::{self, Description};
use super::made::{Made, MadeFlist, MadeOutput};

/// Which of what was built is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// EFI programs, their descriptions and their index; whole images for registries.
    pub kernels: bool,
    /// Flists: their lists and their contents.
    pub flists: bool,
}

impl Wanted {
    /// All there is.
    pub const ALL: Self = Self {
        kernels: true,
        flists: true,
    };
}

/// Everything that one run publishes.
#[derive(Debug, Clone, Default)]
pub struct Uploads {
    /// Flists whose contents go to stores of their own.
    pub contents: Vec<MadeFlist>,
    /// Buckets and folders.
    pub places: Vec<PlaceUploads>,
    /// Repositories of registries.
    pub artifacts: Vec<Artifact>,
}

/// A bucket or a folder.
#[derive(Debug, Clone)]
pub enum Home {
    /// A bucket.
    Bucket(Bucket),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// What goes to a bucket or a folder.
#[derive(Debug, Clone)]
pub struct PlaceUploads {
    /// The place.
    pub home: Home,
    /// The folder of programs there; may be empty.
    pub kernels: String,
    /// The lists of flists.
    pub lists: Vec<FileUpload>,
    /// Whether an index is kept there.
    pub has_index: bool,
    /// Where it is asked for.
    pub span: Span,
    /// The programs: those with a name of their own before those that stand for the newest.
    pub programs: Vec<ProgramUpload>,
}

/// A file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUpload {
    /// What it is called there.
    pub key: String,
    /// What readers are told that it is.
    pub media_type: &'static str,
    /// Its content.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What has the same bytes there by then, so that they need not be sent twice.
    pub copy_of: Option<String>,
}

/// An EFI program on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramUpload {
    /// Its name below the folder of programs.
    pub name: String,
    /// The program itself.
    pub file: FileUpload,
    /// What its description says.
    pub description: Description,
}

/// What goes to a registry.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Registry, repository and tag.
    pub reference: String,
    /// How one logs in.
    pub login: Option<AccessKey>,
    /// The files in it.
    pub layers: Vec<MadeOutput>,
    /// Where it is asked for.
    pub span: Span,
}

impl Uploads {
    /// What is published of an image in these places; warnings go to the sink.
    pub fn of(
        places: &[Publish],
        made: &Made,
        (image, inputs): (&Image, &Inputs),
        wanted: Wanted,
        sink: &mut Diagnostics,
    ) -> Self {
        let mut uploads = Self::default();
        if wanted.flists {
            uploads.contents.clone_from(&made.flists);
        }
        for place in places {
            let to = |home: Home| PlaceUploads {
                home,
                kernels: place.kernels.clone(),
                has_index: place.index_kernels,
                span: place.span,
                lists: if wanted.flists {
                    lists(made, &place.flists)
                } else {
                    Vec::new()
                },
                programs: if wanted.kernels {
                    programs(made, &place.kernels)
                } else {
                    Vec::new()
                },
            };
            match &place.to {
                Destination::S3(bucket) => uploads.places.push(to(Home::Bucket(bucket.clone()))),
                Destination::Folder(path) => {
                    uploads.places.push(to(Home::Folder(path.value.clone())));
                }
                // An artifact is a whole image, or it would take the tag from one.
                Destination::Registry { .. } if !wanted.kernels => {}
                Destination::Registry { reference, login } => uploads.artifacts.push(Artifact {
                    reference: filled(&reference.value, image, &inputs.lock),
                    login: login.clone(),
                    layers: layers(made),
                    span: place.span,
                }),
            }
        }
        if wanted.kernels && !uploads.places.is_empty() {
            sink.extend(versions(made, image));
        }
        uploads
    }
}

impl PlaceUploads {
    /// What a name below the folder of programs is called in the place.
    pub fn program_key(&self, name: &str) -> String {
        below(&self.kernels, name)
    }

    /// What the description of a program is called.
    pub fn description_key(&self, name: &str) -> String {
        self.program_key(&format!("{name}{}", description::ENDING))
    }
}

/// A name below a folder, which may be none.
pub fn below(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// What is in an artifact: all outputs, and the lists of flists.
fn layers(made: &Made) -> Vec<MadeOutput> {
    let lists = made.flists.iter().map(MadeFlist::as_output);
    made.outputs.iter().cloned().chain(lists).collect()
}

/// The lists of flists.
fn lists(made: &Made, folder: &str) -> Vec<FileUpload> {
    let lists = made.flists.iter().map(|flist| {
        let list = flist.as_output();
        FileUpload {
            key: below(folder, &list.name),
            media_type: list.media_type(),
            digest: list.digest,
            size: list.size,
            copy_of: None,
        }
    });
    lists.collect()
}

/// The program under its names: versioned ones first, since the stable one is copied from them.
fn programs(made: &Made, folder: &str) -> Vec<ProgramUpload> {
    let mut outputs: Vec<&MadeOutput> = made.programs().collect();
    outputs.sort_by_key(|output| !output.is_versioned);
    let source = outputs.iter().find(|output| output.is_versioned).copied();
    let programs = outputs.iter().map(|output| {
        let original =
            source.filter(|source| !output.is_versioned && source.digest == output.digest);
        ProgramUpload {
            name: output.name.clone(),
            file: FileUpload {
                key: below(folder, &output.name),
                media_type: output.media_type(),
                digest: output.digest,
                size: output.size,
                copy_of: original.map(|original| below(folder, &original.name)),
            },
            description: Description {
                sha256: output.digest,
                size: output.size,
                tag: None,
                image: made.image.clone(),
                version: made.version.clone(),
                kernel: made.kernel.clone(),
                build_id: made.build_id,
                stands_for: original.map(|original| original.name.clone()),
                versioned: output.is_versioned,
                zosc: env!("CARGO_PKG_VERSION").to_owned(),
            },
        }
    });
    programs.collect()
}

/// What there is to say about the names of programs.
fn versions(made: &Made, image: &Image) -> Diagnostics {
    let mut programs = made.programs();
    let Some(program) = programs.next() else {
        let problem = Diagnostic::warning(
            "zosc::publish::no-program",
            "the image has no EFI program, and buckets and folders get nothing else of it but flists",
        );
        return problem
            .help("add `efi \"vmlinuz.efi\"` to the `outputs` section, or publish to a registry: `publish oci \"HOST/NAME:TAG\"`")
            .into();
    };
    if made.programs().any(|program| program.is_versioned) {
        return Diagnostics::new();
    }
    let name = &program.name;
    let stem = name.strip_suffix(".efi").unwrap_or(name);
    let place = image
        .outputs
        .iter()
        .find(|output| output.name.value == *name);
    Diagnostic::warning(
        "zosc::publish::unversioned",
        format!("nothing is versioned: `{name}` takes the place of the one before it"),
    )
    .at_maybe(place.map(|output| output.name.span))
    .help(format!(
        "add `efi-versioned \"{stem}-{{kernel}}-{{version}}.efi\"` to the `outputs` section, and each image has a name of its own"
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, kind: &'static str, is_versioned: bool) -> MadeOutput {
        MadeOutput {
            name: name.to_owned(),
            kind,
            is_versioned,
            digest: Digest::of(kind.as_bytes()),
            size: 3,
        }
    }

    fn made(outputs: Vec<MadeOutput>) -> Made {
        Made {
            image: "zos".to_owned(),
            version: "1".to_owned(),
            title: "Zero-OS".to_owned(),
            kernel: "6.12.44".to_owned(),
            build_id: None,
            epoch: 0,
            lock: None,
            outputs,
            flists: Vec::new(),
        }
    }

    #[test]
    fn the_versioned_program_goes_first_and_the_stable_one_is_copied_from_it() {
        let made = made(vec![
            output("vmlinuz.efi", "efi", false),
            output("vmlinuz-1.efi", "efi", true),
            output("initramfs.cpio", "initramfs", false),
        ]);
        let programs = programs(&made, "kernel");
        let told: Vec<_> = programs
            .iter()
            .map(|program| (program.name.as_str(), program.file.copy_of.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("vmlinuz-1.efi", None),
                ("vmlinuz.efi", Some("kernel/vmlinuz-1.efi"))
            ]
        );
        let stable = &programs[1].description;
        assert_eq!(stable.stands_for.as_deref(), Some("vmlinuz-1.efi"));
        assert!(!stable.versioned && programs[0].description.versioned);
    }

    #[test]
    fn without_a_versioned_name_the_stable_one_is_sent_itself() {
        let programs = programs(&made(vec![output("vmlinuz.efi", "efi", false)]), "");
        assert_eq!(programs.len(), 1);
        assert_eq!(programs[0].file.copy_of, None);
        assert_eq!(programs[0].description.stands_for, None);
    }

    #[test]
    fn names_lie_below_their_folder_where_there_is_one() {
        assert_eq!(below("kernel", "a.efi"), "kernel/a.efi");
        assert_eq!(below("", "a.efi"), "a.efi");
    }
}
