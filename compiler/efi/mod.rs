//! EFI programs: unified kernel images (UKI), the kernels inside, and the PE format of both.
//!
//! Comes in: a stub, a kernel, archives and texts as bytes. Goes out: one PE file that firmware starts, or the facts of
//! such a file. Never reads a private key by itself, never touches a disk or firmware variables, knows nothing of manifests.
//!
//! [`unpacked_kernel`] makes a program of a packed kernel, [`write_uki`] joins the parts, [`read_uki`] takes a file apart, [`kernel_facts`] tells what a kernel image can do,
//! [`predict_pcr11`] computes what the stub will measure, [`sign_program`] signs for Secure Boot, and [`signatures`] tells
//! who has.

mod arm64;
mod blob;
mod facts;
mod kernel;
mod layout;
mod measure;
mod pe;
mod sbat;
mod signature;
mod uki;

pub use arm64::{is_packed, unpacked_kernel};
pub use blob::Blob;
pub use facts::{SectionFacts, UkiFacts, read_uki};
pub use kernel::{KernelFacts, kernel_facts};
pub use measure::predict_pcr11;
pub use pe::{Machine, machine_of};
pub use signature::{Certificate, PrivateKey, SignatureFacts, Signer, sign_program, signatures};
pub use uki::{Uki, write_uki};

#[cfg(test)]
mod tests;
