//! A bucket or a folder: what is there already, what has to go there, and in which order.
//!
//! The order is what keeps a place whole wherever it ends: first what nothing leads to yet, then the name that machines start, last the index.
//! A name is believed to stand for certain bytes only if the place itself says so.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use super::description::{self, Description};
use super::index::{self, Index};
use super::objects::{Condition, Credentials, Facts, Object, Objects, Put, Source};
use super::refresh::{self, refresh};
use super::step::{Act, Observer, Step};
use super::uploads::{FileUpload, Home, PlaceUploads, ProgramUpload};
use crate::diagnostic::Diagnostic;
use crate::tree::Store;

/// How often a description is written while others write it.
const ATTEMPTS: u32 = 8;

/// A place that was looked at.
pub(super) struct Place<'a> {
    uploads: PlaceUploads,
    objects: Objects<'a>,
    store: &'a Store,
    /// What has to be done to each list, in order.
    lists: Vec<Act>,
    /// What has to be done to each program, in order, and whether its description is there.
    programs: Vec<(Act, bool)>,
}

impl<'a> Place<'a> {
    /// Asks a place what it has.
    pub(super) fn look(
        uploads: PlaceUploads,
        store: &'a Store,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostic> {
        let objects = open(&uploads.home, store, cancel)?;
        let mut place = Self {
            uploads,
            objects,
            store,
            lists: Vec::new(),
            programs: Vec::new(),
        };
        let lists = place.uploads.lists.iter();
        let lists = lists.map(|list| place.ask(list).map(|(act, _)| act));
        place.lists = lists.collect::<Result<_, _>>()?;
        let programs = place.uploads.programs.iter();
        let programs = programs.map(|program| place.ask_program(program));
        place.programs = programs.collect::<Result<_, _>>()?;
        Ok(place)
    }

    /// What has to be done to a file, and how it was seen.
    fn ask(&self, file: &FileUpload) -> Result<(Act, Option<Object>), Diagnostic> {
        let there = self.objects.head(&file.key)?;
        let act = match &there {
            Some(there) if self.holds(there, file)? => Act::Keep,
            _ if file.copy_of.is_some() => Act::Copy,
            Some(_) => Act::Replace,
            None => Act::Send,
        };
        Ok((act, there))
    }

    fn ask_program(&self, program: &ProgramUpload) -> Result<(Act, bool), Diagnostic> {
        let (act, there) = self.ask(&program.file)?;
        if act != Act::Keep {
            return Ok((act, false));
        }
        let version = there.and_then(|there| there.version);
        let tag = version.map(|version| version.to_string());
        let is_described = self.description(program)?.is_some_and(|described| {
            let is_about = described.is_about(program.file.size, tag.as_deref());
            is_about && described.says(&program.description)
        });
        Ok((act, is_described))
    }

    /// Whether an object has the bytes of a file.
    fn holds(&self, there: &Object, file: &FileUpload) -> Result<bool, Diagnostic> {
        if there.size != file.size {
            return Ok(false);
        }
        self.objects.holds(there, &file.digest)
    }

    /// The description of a program that is there.
    fn description(&self, program: &ProgramUpload) -> Result<Option<Description>, Diagnostic> {
        let key = self.uploads.description_key(&program.name);
        match self.objects.get(&key, description::LARGEST) {
            Ok(there) => Ok(there.and_then(|(text, _)| Description::read(&text))),
            // No description of ours is that large.
            Err(problem) if problem.code == "zosc::publish::too-large" => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    fn file_step(&self, file: &FileUpload, act: Act) -> Step {
        Step {
            size: Some(file.size),
            sha256: Some(file.digest),
            ..self.step(file.key.clone(), act)
        }
    }

    fn step(&self, key: String, act: Act) -> Step {
        Step {
            place: self.objects.name(),
            key,
            act,
            size: None,
            sha256: None,
        }
    }

    /// What would be done.
    pub(super) fn steps(&self, prune: Option<NonZeroUsize>) -> Result<Vec<Step>, Diagnostic> {
        let lists = self.uploads.lists.iter().zip(&self.lists);
        let lists = lists.map(|(list, act)| self.file_step(list, *act));
        let mut steps: Vec<Step> = lists.collect();
        let before = steps.len();
        for (program, (act, is_described)) in self.uploads.programs.iter().zip(&self.programs) {
            steps.push(self.file_step(&program.file, *act));
            if !is_described {
                let key = self.uploads.description_key(&program.name);
                steps.push(self.step(key, Act::Write));
            }
        }
        let is_new = steps.iter().skip(before).any(|step| step.act != Act::Keep);
        let mut superfluous = Vec::new();
        if let Some(keep) = prune {
            let mut index = refresh::look(&self.objects, &self.uploads.kernels)?;
            self.foresee(&mut index);
            superfluous = self.superfluous(&index, keep);
        }
        let is_index_new = is_new || !superfluous.is_empty();
        let removed = superfluous.iter();
        steps.extend(removed.map(|name| self.step(self.uploads.program_key(name), Act::Remove)));
        if self.keeps_index() && is_index_new {
            let key = self.uploads.program_key(index::JSON);
            steps.push(self.step(key, Act::Write));
        }
        Ok(steps)
    }

    fn keeps_index(&self) -> bool {
        self.uploads.has_index && !self.uploads.programs.is_empty()
    }

    /// Puts into an index what this run will have brought.
    fn foresee(&self, index: &mut Index) {
        let acts = self.uploads.programs.iter().zip(&self.programs);
        for (program, (act, _)) in acts {
            if *act != Act::Keep {
                index.bring(&program.name, &program.description);
            }
        }
    }

    fn superfluous(&self, index: &Index, keep: NonZeroUsize) -> Vec<String> {
        let programs = &self.uploads.programs;
        let Some(first) = programs.first() else {
            return Vec::new();
        };
        let own = programs.iter().map(|program| program.name.clone());
        let own: BTreeSet<String> = own.collect();
        index.superfluous(&first.description.image, keep, &own)
    }

    /// Does what has to be done.
    pub(super) fn perform(
        &self,
        prune: Option<NonZeroUsize>,
        observer: &dyn Observer,
    ) -> Result<(), Diagnostic> {
        for (list, act) in self.uploads.lists.iter().zip(&self.lists) {
            self.bring(list, *act, observer)?;
        }
        for (program, (act, is_described)) in self.uploads.programs.iter().zip(&self.programs) {
            self.bring(&program.file, *act, observer)?;
            if !is_described {
                self.describe(program, observer)?;
            }
        }
        if self.uploads.programs.is_empty() {
            return Ok(());
        }
        let index = self.index(observer)?;
        match prune {
            Some(keep) => self.prune(&index, keep, observer),
            None => Ok(()),
        }
    }

    fn bring(
        &self,
        file: &FileUpload,
        act: Act,
        observer: &dyn Observer,
    ) -> Result<(), Diagnostic> {
        let step = self.file_step(file, act);
        match (act, &file.copy_of) {
            (Act::Keep, _) => {}
            (Act::Copy, Some(original)) => self.objects.copy(original, &file.key)?,
            _ => {
                let path = self.store.blob_path(&file.digest);
                let source = Source {
                    path: &path,
                    digest: file.digest,
                    size: file.size,
                };
                let facts = Facts::of(file.media_type).volatile();
                let progress = |done| observer.progress(&step, done);
                self.objects.upload(&file.key, source, &facts, &progress)?;
            }
        }
        observer.done(&step);
        Ok(())
    }

    /// Writes what there is to say about a program, unless somebody else has put another one there meanwhile.
    ///
    /// How the description stands is asked before the program is looked at, and it is written only if it still stands so. Of two publishers of
    /// one name, the one whose bytes are there then describes them, whoever writes last.
    fn describe(&self, program: &ProgramUpload, observer: &dyn Observer) -> Result<(), Diagnostic> {
        let key = self.uploads.description_key(&program.name);
        for _ in 0..ATTEMPTS {
            let condition = match self.objects.head(&key)?.map(|there| there.version) {
                Some(Some(version)) => Condition::Matches(version),
                Some(None) => Condition::Always,
                None => Condition::Absent,
            };
            let there = self.objects.head(&program.file.key)?;
            let Some(there) = there else { return Ok(()) };
            if !self.holds(&there, &program.file)? {
                return Ok(());
            }
            let description = Description {
                tag: there.version.map(|version| version.to_string()),
                ..program.description.clone()
            };
            let facts = Facts::of("application/json").volatile();
            let text = description.text();
            let put = self
                .objects
                .put(&key, text.as_bytes(), &condition, &facts)?;
            if put != Put::Refused {
                observer.done(&self.step(key, Act::Write));
                return Ok(());
            }
        }
        Ok(())
    }

    /// The index, written where the place keeps one.
    fn index(&self, observer: &dyn Observer) -> Result<Index, Diagnostic> {
        let folder = &self.uploads.kernels;
        if !self.keeps_index() {
            return refresh::look(&self.objects, folder);
        }
        let refreshed = refresh(&self.objects, folder)?;
        if refreshed.is_new {
            observer.done(&self.step(self.uploads.program_key(index::JSON), Act::Write));
        }
        Ok(refreshed.index)
    }

    /// Removes old programs, and writes the index again.
    fn prune(
        &self,
        index: &Index,
        keep: NonZeroUsize,
        observer: &dyn Observer,
    ) -> Result<(), Diagnostic> {
        let superfluous = self.superfluous(index, keep);
        if superfluous.is_empty() {
            return Ok(());
        }
        let keys = superfluous.iter().flat_map(|name| {
            [
                self.uploads.program_key(name),
                self.uploads.description_key(name),
            ]
        });
        self.objects.delete(&keys.collect::<Vec<_>>())?;
        for name in &superfluous {
            observer.done(&self.step(self.uploads.program_key(name), Act::Remove));
        }
        self.index(observer).map(drop)
    }
}

/// The objects of a place.
fn open<'a>(home: &Home, store: &Store, cancel: &'a AtomicBool) -> Result<Objects<'a>, Diagnostic> {
    match home {
        Home::Bucket(bucket) => {
            let credentials = Credentials::find(bucket.key.as_ref())?;
            Objects::bucket(bucket, credentials, store.root(), cancel)
        }
        Home::Folder(path) => Ok(Objects::folder(path, cancel)),
    }
}
