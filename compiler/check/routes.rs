//! Addresses of the stores that flists keep their contents in: where a build writes them, and where `rfs` reads them.
//!
//! What a build writes to is in zosc's own form, because rfs's form for a bucket has no place for a key but the address. What
//! `rfs` reads is in rfs's form, since it goes into the list as it stands; forms that rfs parses and cannot use are refused here.

mod fault;
mod reading;
mod writing;

pub(super) use fault::Fault;
pub(super) use reading::route_fault;

use std::ops::RangeInclusive;

use super::buckets::port_is_sound;

/// What to do about a route with a key in it.
pub(super) const READ_WITHOUT_KEYS: &str = "every machine that boots the image holds this address: let the store be read without credentials, best over https";

/// What to do about a range of hashes before an address.
const WITHOUT_RANGE: &str = "leave the range out: the store of an flist holds all hashes";

/// The first bytes of all hashes.
const ALL: RangeInclusive<u8> = 0..=0xff;

/// What stands before `@` in the host part, and all that stands behind it.
pub(super) fn user(rest: &str) -> (Option<&str>, &str) {
    let server = server(rest);
    // A secret may have a slash in it, which cuts the host part short behind what is no port.
    let is_whole = server.contains('@') || port_is_sound(server);
    match if is_whole { server } else { rest }.rsplit_once('@') {
        Some((user, _)) => (Some(user), rest.get(user.len() + 1..).unwrap_or("")),
        None => (None, rest),
    }
}

/// Host and port.
fn server(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

/// An address without the range of hashes that rfs lets stand before it: an flist has one store, which holds all hashes.
fn without_range(address: &str) -> Result<&str, Fault> {
    match ranged(address)? {
        (range, rest) if range == ALL => Ok(rest),
        (_, rest) => Err(Fault::new(
            "starts with a range that leaves hashes without a store",
            WITHOUT_RANGE,
        )
        .instead(rest)),
    }
}

/// The range of first bytes of hashes that may stand before an address, and the address.
pub(super) fn ranged(address: &str) -> Result<(RangeInclusive<u8>, &str), Fault> {
    let Some((range, rest)) = address.split_once('=') else {
        return Ok((ALL, address));
    };
    let Some((start, end)) = range.split_once('-') else {
        return Ok((ALL, address));
    };
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(start) || !is_hex(end) {
        return Ok((ALL, address));
    }
    let fact = match (u8::from_str_radix(start, 16), u8::from_str_radix(end, 16)) {
        _ if start.len() != 2 || end.len() != 2 => {
            "starts with a range of hashes, of which each end has two digits"
        }
        _ if range.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            "starts with a range of hashes in capitals, which rfs does not read"
        }
        (Ok(start), Ok(end)) if start <= end => return Ok((start..=end, rest)),
        _ => "starts with a range of hashes that runs backwards",
    };
    Err(Fault::new(fact, WITHOUT_RANGE).instead(rest))
}

/// Why what stands behind `dir://` is no folder.
fn dir_fault(rest: &str) -> Option<Fault> {
    (!rest.starts_with('/')).then(|| {
        Fault::new(
            "has no absolute path",
            "write `dir:///FOLDER`, with three slashes",
        )
        .instead(format!("dir:///{rest}"))
    })
}
