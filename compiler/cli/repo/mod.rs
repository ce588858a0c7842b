//! `zosc repo`.

mod index;
mod key;
mod pack;

use std::path::PathBuf;

use crate::apk::SignatureAlgorithm;
use crate::repository::Outcome as Written;

use super::Outcome;
use super::session::Session;

/// Makes signed repositories of your own packages.
///
/// Once: `zosc repo key keys/site` makes a key pair. Then, for each change: `zosc repo pack agent.kdl -o packages --key keys/site.rsa`
/// makes the packages that a recipe describes, and `zosc repo index packages --key keys/site.rsa` lists them. In the manifest: `repository
/// "./packages"` and `key "keys/site.rsa.pub"`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Key(key::Arguments),
    Pack(pack::Arguments),
    Index(index::Arguments),
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Key(arguments) => key::run(session, arguments),
        Command::Pack(arguments) => pack::run(session, arguments),
        Command::Index(arguments) => index::run(session, arguments),
    }
}

/// With which key, and how, something is signed.
#[derive(Debug, clap::Args)]
struct SigningArguments {
    /// The private key: RSA in PEM, PKCS#8 or PKCS#1. Signatures name it by its file name and `.pub`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Over which hash it signs. apk 2.14 and older expect sha1.
    #[arg(long, value_name = "HASH", default_value = "sha1")]
    hash: Hash,
}

/// A hash that signatures are made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Hash {
    /// What Alpine itself uses.
    Sha1,
    /// For readers that know it: zosc, and apk from 2.10 on.
    Sha256,
    /// Likewise.
    Sha512,
}

impl Hash {
    /// How signatures over it are made.
    pub(super) fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Sha1 => SignatureAlgorithm::RsaSha1,
            Self::Sha256 => SignatureAlgorithm::RsaSha256,
            Self::Sha512 => SignatureAlgorithm::RsaSha512,
        }
    }
}

/// What became of a file, in a word.
fn word(outcome: Written) -> &'static str {
    match outcome {
        Written::New => "new",
        Written::Same => "same",
        Written::Replaced => "replaced",
    }
}
