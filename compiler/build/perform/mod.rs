//! What each kind of action does, natively, from trees and blobs to trees and blobs.

mod accounts;
mod files;
mod select;
