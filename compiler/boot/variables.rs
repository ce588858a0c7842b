//! UEFI variables of a machine with Secure Boot: a new store of variables, with keys enrolled.
//!
//! Comes in: the flash image of variables that comes with OVMF, and a certificate. Goes out: the image with `PK`, `KEK` and
//! `db` set to it, so that the firmware starts only what it vouches for. The layout is that of edk2 (`VariableFormat.h`);
//! GUIDs are those of the UEFI specification, in the order of their bytes.

/// Why an image of variables cannot be used.
type Fault = &'static str;

const GLOBAL: [u8; 16] = *b"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";
const IMAGE_SECURITY: [u8; 16] =
    *b"\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f";
const SECURE_BOOT_ENABLE: [u8; 16] =
    *b"\xc7\x0b\xa3\xf0\x08\xaf\x56\x45\x99\xc4\x00\x10\x09\xc9\x3a\x44";
const CERTIFICATE_X509: [u8; 16] =
    *b"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72";
/// Who enrolled the keys; firmware does not judge by it.
const OWNER: [u8; 16] = *b"zosc boot test\0\0";
/// `gEfiAuthenticatedVariableGuid`, which begins a store of such variables.
const AUTHENTICATED: [u8; 16] =
    *b"\x78\x2c\xf3\xaa\x7b\x94\x9a\x43\xa1\x80\x2e\x14\x4e\xc3\x77\x92";

/// `NON_VOLATILE | BOOTSERVICE_ACCESS`, and for keys `RUNTIME_ACCESS | TIME_BASED_AUTHENTICATED_WRITE_ACCESS` as well.
const BOOT_SERVICE: u32 = 0x03;
const KEY: u32 = 0x27;

/// `StartId` of a variable, and the state of one that is in force.
const START: [u8; 2] = [0xaa, 0x55];
const ADDED: u8 = 0x3f;
/// Bytes of `VARIABLE_STORE_HEADER` and `AUTHENTICATED_VARIABLE_HEADER`.
const STORE_HEADER: usize = 28;
const VARIABLE_HEADER: usize = 60;

/// Enrolls a certificate, in DER, as platform key, key exchange key and key for programs.
pub(super) fn enroll(mut flash: Vec<u8>, certificate: &[u8]) -> Result<Vec<u8>, Fault> {
    let (mut place, end) = free(&flash)?;
    let list = signature_list(certificate);
    let variables: [(&str, [u8; 16], u32, &[u8]); 4] = [
        ("SecureBootEnable", SECURE_BOOT_ENABLE, BOOT_SERVICE, &[1]),
        ("db", IMAGE_SECURITY, KEY, &list),
        ("KEK", GLOBAL, KEY, &list),
        ("PK", GLOBAL, KEY, &list),
    ];
    for (name, vendor, attributes, data) in variables {
        let variable = variable(name, vendor, attributes, data);
        let next = place + variable.len();
        let target = flash.get_mut(place..next).filter(|_| next <= end);
        target
            .ok_or("its store of variables has no room for keys")?
            .copy_from_slice(&variable);
        place = next.next_multiple_of(4);
    }
    Ok(flash)
}

/// Where the first free byte of the store is, and the store's end.
fn free(flash: &[u8]) -> Result<(usize, usize), Fault> {
    if flash.get(0x28..0x2c) != Some(b"_FVH") {
        return Err("it is no firmware volume");
    }
    let store = number(flash, 0x30, 2).ok_or("it is cut off")?;
    if flash.get(store..store + 16) != Some(&AUTHENTICATED[..]) {
        return Err("it holds no store of authenticated variables");
    }
    let end = store + number(flash, store + 16, 4).ok_or("it is cut off")?;
    let mut place = store + STORE_HEADER;
    while flash.get(place..place + 2) == Some(&START[..]) {
        let name = number(flash, place + 36, 4).ok_or("it is cut off")?;
        let data = number(flash, place + 40, 4).ok_or("it is cut off")?;
        place = (place + VARIABLE_HEADER + name + data).next_multiple_of(4);
    }
    Ok((place, end))
}

fn number(bytes: &[u8], place: usize, width: usize) -> Option<usize> {
    let bytes = bytes.get(place..place + width)?;
    let value = bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    usize::try_from(value).ok()
}

/// An `EFI_SIGNATURE_LIST` of one certificate.
fn signature_list(certificate: &[u8]) -> Vec<u8> {
    let size = 16 + certificate.len() as u32;
    let mut list = CERTIFICATE_X509.to_vec();
    for value in [28 + size, 0, size] {
        list.extend_from_slice(&value.to_le_bytes());
    }
    list.extend_from_slice(&OWNER);
    list.extend_from_slice(certificate);
    list
}

fn variable(name: &str, vendor: [u8; 16], attributes: u32, data: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut bytes = START.to_vec();
    bytes.extend_from_slice(&[ADDED, 0]);
    bytes.extend_from_slice(&attributes.to_le_bytes());
    // A counter, a time and a key's index, which count for updates only.
    bytes.resize(36, 0);
    bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&vendor);
    bytes.extend_from_slice(&name);
    bytes.extend_from_slice(data);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A volume with an empty store of so many bytes.
    fn flash(size: usize) -> Vec<u8> {
        let mut flash = vec![0; 0x48];
        flash[0x28..0x2c].copy_from_slice(b"_FVH");
        flash[0x30] = 0x48;
        flash.extend_from_slice(&AUTHENTICATED);
        flash.extend_from_slice(&(size as u32).to_le_bytes());
        flash.extend_from_slice(&[0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        flash.resize(0x48 + size, 0xff);
        flash
    }

    proptest! {
        #[test]
        fn any_flash_is_enrolled_in_or_refused(
            size in 0_usize..1200,
            changes in prop::collection::vec((0_usize..256, any::<u8>()), 0..12),
            end in 0_usize..1300,
        ) {
            let mut flash = flash(size);
            for (at, value) in changes {
                if let Some(byte) = flash.get_mut(at) {
                    *byte = value;
                }
            }
            flash.truncate(end);
            let length = flash.len();
            if let Ok(enrolled) = enroll(flash, b"certificate") {
                prop_assert_eq!(enrolled.len(), length);
            }
        }
    }

    #[test]
    fn keys_stand_one_after_another_and_behind_what_is_there() {
        let once = enroll(flash(4096), b"certificate").expect("enrolls");
        let (place, _) = free(&once).expect("sound");
        assert!(once[place..].iter().all(|byte| *byte == 0xff));
        let twice = enroll(once.clone(), b"certificate").expect("enrolls");
        assert_eq!(twice[..place], once[..place]);
        assert_eq!(once.len(), 0x48 + 4096);
        let name = b"d\0b\0\0\0";
        let at = once
            .windows(6)
            .position(|part| part == name)
            .expect("there");
        assert_eq!(
            once[at - VARIABLE_HEADER..at - VARIABLE_HEADER + 3],
            [0xaa, 0x55, 0x3f]
        );
        assert_eq!(once[at + 6..at + 22], CERTIFICATE_X509);
    }

    #[test]
    fn what_is_no_store_or_is_full_is_refused() {
        assert!(enroll(vec![0; 100], b"x").is_err());
        assert!(enroll(Vec::new(), b"x").is_err());
        assert!(enroll(flash(128), b"x").is_err());
        let mut other = flash(4096);
        other[0x48] ^= 1;
        assert!(enroll(other, b"x").is_err());
    }
}
