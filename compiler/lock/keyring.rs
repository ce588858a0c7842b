//! OpenPGP keys in the form that `gpgv` reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// The bytes of keys, whose file may be text (RFC 9580, section 6.2); `None` where it holds none.
///
/// Whether they are keys indeed is for `gpgv` to find out; here it is the first byte that tells.
pub(super) fn keyring(bytes: &[u8]) -> Option<Vec<u8>> {
    // Every packet begins with a byte that has the highest bit set, which no text begins with.
    if bytes.first()? & 0x80 != 0 {
        return Some(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, from)) = rest.split_once(BEGIN) {
        let (block, behind) = from.split_once(END)?;
        // An empty line ends the headers; a line that begins with `=` holds a checksum.
        let body = block
            .lines()
            .skip(1)
            .skip_while(|line| !line.trim().is_empty());
        let body: String = body
            .map(str::trim)
            .take_while(|line| !line.starts_with('='))
            .collect();
        keys.extend(BASE64.decode(body).ok()?);
        rest = behind;
    }
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_keys_or_none(parts in prop::collection::vec(0_usize..8, 0..24), other in ".{0,12}") {
            let words = [BEGIN, END, "\n", "\n\n", "mDME", "=abcd", "Comment: x", &other];
            let text: String = parts.iter().map(|part| words[*part]).collect();
            let keys = keyring(text.as_bytes());
            prop_assert!(keys.is_none_or(|keys| !keys.is_empty() && keys.len() <= text.len()));
        }
    }

    #[test]
    fn keys_are_read_from_text_and_bytes() {
        let text = format!(
            "words\n{BEGIN}\nComment: x\n\nmDME\nAQID\n=abcd\n{END}\n{BEGIN}\n\nmDME\n{END}\n"
        );
        let expected = [0x98, 0x33, 0x04, 1, 2, 3, 0x98, 0x33, 0x04];
        assert_eq!(keyring(text.as_bytes()).as_deref(), Some(&expected[..]));
        assert_eq!(keyring(&expected).as_deref(), Some(&expected[..]));
        for none in ["", "no keys", &format!("{BEGIN}\n\n!\n{END}")] {
            assert_eq!(keyring(none.as_bytes()), None, "{none}");
        }
    }
}
