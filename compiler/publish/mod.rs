//! Publishing: what was built goes to buckets, folders and registries.
//!
//! Comes in: what a plan yielded ([`Made`]) and the image's `publish` sections. Goes out: [`Uploads`], data that says what goes where;
//! [`Publishing`], what the places lack of it; and then [`objects`] there. Builds nothing, and believes nothing that it reads from a place
//! that others write to. A key is read at the moment of its use, and no message, note or log has one.
//!
//! [`blocks`] are the stores that flists keep contents in, written with a key and read as machines read them; [`lists`] brings flists and stores
//! together, for commands that need no manifest.

pub mod blocks;
pub mod description;
pub mod index;
pub mod lists;
pub mod objects;
pub mod page;

mod artifact;
mod connection;
mod contents;
mod login;
mod made;
mod place;
mod publishing;
mod refresh;
mod registry;
mod registry_trouble;
mod secret;
mod side_by_side;
mod step;
mod uploads;
mod waiting;

pub use made::{Made, MadeBlock, MadeFlist, MadeOutput};
pub use publishing::{How, Publishing};
pub use step::{Act, Observer, Step};
pub use uploads::{
    Artifact, FileUpload, Home, PlaceUploads, ProgramUpload, Uploads, Wanted, below,
};
