//! Bytes to text.

use crate::diagnostic::Diagnostic;

/// Takes the bytes of a file as text, if they are UTF-8.
///
/// The error has code `zosc::syntax::not-utf8` and no label: the caller knows the file's name.
pub fn read_text(bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = bytes.get(..offset).unwrap_or_default();
        let lines: Vec<&[u8]> = before.split(|byte| *byte == b'\n').collect();
        let line = lines.len();
        let column = lines
            .last()
            .map_or(0, |line| String::from_utf8_lossy(line).chars().count())
            + 1;
        let byte = bytes.get(offset).copied().unwrap_or_default();
        let problem = Diagnostic::error("zosc::syntax::not-utf8", "the file is no UTF-8 text");
        let problem = problem.note(format!(
            "byte 0x{byte:02x} at line {line}, column {column} (offset {offset}) starts no UTF-8 character"
        ));
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            problem.help("save the file as UTF-8: it looks like UTF-16")
        } else if before.contains(&0) {
            problem.help("this looks like a binary file: name the manifest instead")
        } else {
            problem.help("save the file as UTF-8")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_byte_is_named_with_its_place() {
        let problem = read_text(b"edition 1\ntitle \"\xc3\xa9\xff\"".to_vec()).unwrap_err();
        assert_eq!(problem.code, "zosc::syntax::not-utf8");
        assert!(
            problem.notes[0].contains("0xff at line 2, column 9 (offset 19)"),
            "{}",
            problem.notes[0]
        );
    }

    #[test]
    fn utf16_is_recognised() {
        let problem = read_text(b"\xff\xfee\0d\0".to_vec()).unwrap_err();
        assert!(problem.help.is_some_and(|help| help.contains("UTF-16")));
    }
}
