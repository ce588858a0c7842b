//! `zosc flist`.

mod bar;
mod clone;
mod inspect;
mod pack;
mod stores;
mod tree;
mod unpack;
mod verify;

use super::Outcome;
use super::session::Session;

/// Packs folders as flists, whose contents lie in a store, and looks after both.
///
/// `zosc flist pack modules -o modules.fl --store s3://zos/blobs --endpoint https://s3.example --read https://flists.example/blobs` packs a folder, so that
/// `rfs mount -m modules.fl DIR` shows it anywhere; `zosc flist verify modules.fl` tells whether all of it can be read.
/// `--store` is a store of blocks here; zosc's own, which these commands hardly need, is where ZOSC_STORE says.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Pack(pack::Arguments),
    Tree(tree::Arguments),
    Inspect(inspect::Arguments),
    Verify(verify::Arguments),
    Unpack(unpack::Arguments),
    Clone(clone::Arguments),
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Pack(arguments) => pack::run(session, arguments),
        Command::Tree(arguments) => tree::run(session, arguments),
        Command::Inspect(arguments) => inspect::run(session, arguments),
        Command::Verify(arguments) => verify::run(session, arguments),
        Command::Unpack(arguments) => unpack::run(session, arguments),
        Command::Clone(arguments) => clone::run(session, arguments),
    }
}
