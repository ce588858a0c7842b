//! Package URLs: one name for a package wherever it is talked about (ECMA-427).

/// A package URL. Parts of the namespace are divided by `/`; qualifiers without a value are left out.
pub fn purl(
    kind: &str,
    namespace: &str,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> String {
    let mut text = format!("pkg:{kind}");
    let parts = namespace.split('/').filter(|part| !part.is_empty());
    for part in parts.chain([name]) {
        text.push('/');
        text.push_str(&encoded(part));
    }
    if !version.is_empty() {
        text.push('@');
        text.push_str(&encoded(version));
    }
    let mut qualifiers: Vec<_> = qualifiers.iter().collect();
    qualifiers.sort();
    let given = qualifiers.iter().filter(|(_, value)| !value.is_empty());
    for (index, (key, value)) in given.enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// A part with everything encoded that would divide or end it.
pub(super) fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::purl;

    #[test]
    fn every_part_is_encoded_and_qualifiers_are_sorted() {
        assert_eq!(
            purl(
                "apk",
                "alpine",
                "g++",
                "1.2-r0",
                &[("distro", "3.22"), ("arch", "x86_64"), ("tag", "")]
            ),
            "pkg:apk/alpine/g%2B%2B@1.2-r0?arch=x86_64&distro=3.22"
        );
        assert_eq!(
            purl(
                "golang",
                "github.com/a b",
                "c",
                "v1",
                &[("checksum", "sha256:ab")]
            ),
            "pkg:golang/github.com/a%20b/c@v1?checksum=sha256:ab"
        );
        assert_eq!(purl("cargo", "", "serde", "", &[]), "pkg:cargo/serde");
    }
}
