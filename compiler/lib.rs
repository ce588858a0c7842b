//! zosc compiles one declarative manifest, `zos.kdl`, into a bootable Zero-OS image.
//!
//! ```text
//! zos.kdl ──syntax──► Document ──manifest──► Manifest ──check──► Image
//!                                                                 │
//!                          mirrors, registries, files ──lock──► Inputs
//!                                                                 └──plan──► Plan ──build──► Artifacts
//! ```
//!
//! Each pass is one module with one public function: [`syntax`] parses, [`manifest`] decodes, [`check`] resolves names and
//! refuses what cannot work, [`lock`] pins every input to a digest, [`plan`] lowers the result to a graph of typed
//! actions, [`build`] performs those that have no stored result. [`inspect`] and [`boot`] look at what came out; [`diff`] tells two manifests, plans or images apart; [`report`]
//! makes a page about one, and [`provenance`] states how it came about; [`migrate`]
//! makes a first manifest of a bash builder's configuration; [`upkeep`] looks after the store; [`doctor`] says what a machine can do and lacks; [`repository`] makes signed repositories of one's own packages;
//! [`configuration`] puts together what the command line, the environment and the user's file say of servers that help, and `remote` talks to those;
//! `publish` brings finished images to where machines fetch them from; [`cli`] and [`lsp`] are the faces. Formats ([`apk`], [`archive`], [`kconfig`], [`kmod`], [`elf`], [`efi`], [`flist`], [`html`], [`patch`], [`sbom`], [`zinit`]) turn bytes into values and back and
//! know nothing of manifests. [`tree`] holds the heart: file trees as data, and the store.
//!
//! A module imports only from those listed below it here; `tests/layering.rs` holds that.

pub mod cli;

#[cfg(feature = "lsp")]
pub mod lsp;

pub mod doctor;

pub mod boot;
pub mod diff;
#[cfg(feature = "publish")]
pub mod publish;
pub mod report;
pub mod why;

pub mod inspect;

pub mod migrate;
pub mod upkeep;

pub mod build;
pub mod plan;
pub mod provenance;
#[cfg(feature = "remote")]
pub mod remote;
pub mod repository;

pub mod configuration;
pub mod lock;

pub mod check;
pub mod manifest;
pub mod syntax;

pub mod apk;
pub mod archive;
pub mod efi;
pub mod elf;
pub mod flist;
pub mod html;
pub mod kconfig;
pub mod kmod;
pub mod patch;
pub mod sbom;
pub mod zinit;

pub mod tree;

pub mod io;

pub mod diagnostic;
pub mod explanation;
pub mod source;
pub mod tools;

/// The support code of tests calls the crate by its name, here as in integration tests.
#[cfg(test)]
extern crate self as zosc;

/// What the examples of the book are completed with; tests of several modules try those.
#[cfg(test)]
#[path = "../tests/suite/frame.rs"]
mod frame;
