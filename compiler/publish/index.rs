//! The index of the EFI programs of a place, as data: `kernels.txt`, `kernels.json`, and what `index.html` is made of.
//!
//! Comes in: the listing of the folder, and the index that is there, from which everything is taken that still holds. Goes out: the
//! same texts for the same listing, whoever writes them; so nothing but the listing decides what is in them, and no clock. What
//! others have written there is believed in nothing: names with control characters are left out, texts are cut, what does not
//! read counts for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::description::{self, Description};
use crate::tree::Digest;

/// The list of names, newest first, one a line.
pub const TEXT: &str = "kernels.txt";

/// The list with all that is known.
pub const JSON: &str = "kernels.json";

/// The largest index that is read.
pub const LARGEST: u64 = 64 << 20;

/// How names of EFI programs end.
const PROGRAM: &str = ".efi";

/// The most programs that an index has; older ones are left out.
const MOST: usize = 50_000;

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name below the folder.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written, in milliseconds since 1970.
    pub modified: i64,
    /// How the server knows its bytes, where it does.
    pub tag: Option<String>,
}

/// All EFI programs of a folder, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// The programs.
    pub kernels: Vec<Kernel>,
    /// How many files are left out because of their names.
    pub odd: usize,
}

/// A published EFI program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub details: Details,
    /// Whether its description is there and has not been read.
    pub is_unread: bool,
}

/// What the index says of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its bytes.
    pub size: u64,
    /// When it was written.
    #[serde(with = "time")]
    pub modified: i64,
    /// How the server knows its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// When its description was written, and how the server knows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<Described>,
    /// What that says, where it is about these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
}

/// Which description was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    #[serde(with = "time")]
    modified: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl Index {
    /// The index that a folder's listing makes, with what an earlier one knows of programs that have not changed.
    pub fn of(listing: &[Listed], earlier: &Self) -> Self {
        let files: BTreeMap<&str, &Listed> = listing
            .iter()
            .map(|file| (file.name.as_str(), file))
            .collect();
        let known: BTreeMap<&str, &Details> = earlier
            .kernels
            .iter()
            .map(|kernel| (kernel.name.as_str(), &kernel.details))
            .collect();
        let programs = files
            .values()
            .copied()
            .filter(|file| is_program(&file.name));
        let (sound, odd): (Vec<&Listed>, Vec<&Listed>) =
            programs.partition(|file| is_sound(&file.name));
        let kernels = sound.into_iter().map(|file| {
            let description = files.get(format!("{}{}", file.name, description::ENDING).as_str());
            kernel(
                file,
                description.copied(),
                known.get(file.name.as_str()).copied(),
            )
        });
        let mut kernels: Vec<Kernel> = kernels.collect();
        kernels.sort_by(|one, other| {
            let newest_first = other.details.modified.cmp(&one.details.modified);
            newest_first.then_with(|| one.name.cmp(&other.name))
        });
        kernels.truncate(MOST);
        Self {
            kernels,
            odd: odd.len(),
        }
    }

    /// Reads `kernels.json`; what does not read is not there.
    pub fn read(bytes: &[u8]) -> Self {
        let Ok(Value::Object(mut index)) = serde_json::from_slice(bytes) else {
            return Self::default();
        };
        let Some(Value::Object(details)) = index.remove("details") else {
            return Self::default();
        };
        let kernels = details.into_iter().filter_map(|(name, details)| {
            let details = serde_json::from_value(details).ok()?;
            Some(Kernel {
                name,
                details,
                is_unread: false,
            })
        });
        Self {
            kernels: kernels.collect(),
            odd: 0,
        }
    }

    /// The names of programs whose descriptions have to be read.
    pub fn unread(&self) -> Vec<String> {
        let unread = self.kernels.iter().filter(|kernel| kernel.is_unread);
        unread.map(|kernel| kernel.name.clone()).collect()
    }

    /// Takes in descriptions that were read; one that is about other bytes says nothing.
    pub fn describe(&mut self, mut read: BTreeMap<String, Description>) {
        for kernel in &mut self.kernels {
            if !std::mem::take(&mut kernel.is_unread) {
                continue;
            }
            let details = &mut kernel.details;
            let description = read.remove(&kernel.name);
            details.description = description
                .filter(|description| description.is_about(details.size, details.tag.as_deref()));
        }
    }

    /// Puts a program first, as the newest there is.
    pub fn bring(&mut self, name: &str, description: &Description) {
        self.kernels.retain(|kernel| kernel.name != name);
        let newest = self.kernels.first().map(|kernel| kernel.details.modified);
        let brought = Kernel {
            name: name.to_owned(),
            details: Details {
                size: description.size,
                modified: newest.unwrap_or(0),
                tag: None,
                described: None,
                description: Some(description.clone()),
            },
            is_unread: false,
        };
        self.kernels.insert(0, brought);
    }

    /// `kernels.txt`.
    pub fn text(&self) -> String {
        let lines = self
            .kernels
            .iter()
            .map(|kernel| format!("{}\n", kernel.name));
        lines.collect()
    }

    /// `kernels.json`. Its time is that of the newest program, so that the same programs make the same text.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            kernels: Vec<&'a str>,
            updated: Option<String>,
            count: usize,
            /// Files that look like programs and have names that are none.
            #[serde(skip_serializing_if = "Option::is_none")]
            left_out: Option<usize>,
            details: BTreeMap<&'a str, &'a Details>,
        }
        let names = self.kernels.iter().map(|kernel| kernel.name.as_str());
        let details = self.kernels.iter();
        let document = Document {
            kernels: names.collect(),
            updated: self.updated(),
            count: self.kernels.len(),
            left_out: Some(self.odd).filter(|odd| *odd > 0),
            details: details
                .map(|kernel| (kernel.name.as_str(), &kernel.details))
                .collect(),
        };
        let text = serde_json::to_string_pretty(&document);
        text.expect("names and numbers are always JSON") + "\n"
    }

    /// When the newest program was written.
    pub fn updated(&self) -> Option<String> {
        let newest = self.kernels.first()?;
        Some(time::text(newest.details.modified))
    }

    /// What goes where only the newest `keep` programs of an image stay: never a name that is not versioned, nor one of another image, nor
    /// one in `spared`.
    pub fn superfluous(
        &self,
        image: &str,
        keep: NonZeroUsize,
        spared: &BTreeSet<String>,
    ) -> Vec<String> {
        let of_image = self.kernels.iter().filter(|kernel| {
            let description = kernel.details.description.as_ref();
            description.is_some_and(|known| known.versioned && known.image == image)
        });
        let older = of_image.skip(keep.get()).map(|kernel| kernel.name.clone());
        older.filter(|name| !spared.contains(name)).collect()
    }

    /// The digest of a program, where it is known.
    pub fn digest_of(&self, name: &str) -> Option<Digest> {
        let mut kernels = self.kernels.iter();
        let kernel = kernels.find(|kernel| kernel.name == name)?;
        Some(kernel.details.description.as_ref()?.sha256)
    }
}

/// A program, with what is known of it if nothing has changed since.
fn kernel(file: &Listed, description: Option<&Listed>, known: Option<&Details>) -> Kernel {
    let described = description.map(|description| Described {
        modified: description.modified,
        tag: description.tag.clone(),
    });
    let same = known.filter(|known| {
        (known.size, known.modified) == (file.size, file.modified)
            && known.tag == file.tag
            && known.described == described
    });
    let details = Details {
        size: file.size,
        modified: file.modified,
        tag: file.tag.clone(),
        description: same.and_then(|known| known.description.clone()),
        described,
    };
    Kernel {
        name: file.name.clone(),
        is_unread: same.is_none() && details.described.is_some(),
        details,
    }
}

fn is_program(name: &str) -> bool {
    // What lies in folders further below is somebody else's.
    name.ends_with(PROGRAM) && !name.contains('/')
}

/// Whether a name can stand on a line of its own.
fn is_sound(name: &str) -> bool {
    name.len() > PROGRAM.len() && !name.chars().any(char::is_control)
}

/// Times are milliseconds here, and texts in files.
pub(super) mod time {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// `2026-11-26T07:00:00.125Z`.
    pub(crate) fn text(milliseconds: i64) -> String {
        let time = jiff::Timestamp::from_millisecond(milliseconds);
        format!("{:.3}", time.unwrap_or_default())
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // The form that `serde(with)` asks for.
    pub(super) fn serialize<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(time.as_millisecond())
    }
}

#[cfg(test)]
mod tests;
