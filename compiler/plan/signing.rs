//! Secure Boot: what firmware starts is signed, where the manifest says with which key.

use super::lower::Lowering;
use super::{Action, Input, Stage};

/// An EFI program, signed where it is to be.
///
/// Only the program that firmware loads is signed. The stub of a unified kernel image starts the kernel inside without asking
/// firmware about it, so PCR 11, which covers that kernel, does not depend on who signs.
pub(super) fn signed(lowering: &mut Lowering<'_>, program: Input, label: &str) -> Input {
    let kernel = lowering.image.kernel.as_ref();
    let Some(sign) = kernel.and_then(|kernel| kernel.sign.as_ref()) else {
        return program;
    };
    let action = Action::Sign {
        program,
        certificate: sign.certificate.value.pem(),
        key: sign.key.value.clone(),
    };
    lowering
        .plan
        .add(Stage::KernelBuild, label, Some(sign.key.span), action)
}
