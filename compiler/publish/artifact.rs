//! The manifest of an OCI artifact: the same bytes, so the same digest, for the same image.

use std::collections::BTreeMap;

use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};

use super::index::time;
use super::made::{Made, MadeOutput};
use crate::tree::Digest;

/// What kind of artifact it is.
pub(super) const KIND: &str = "application/vnd.zosc.image.v1";

/// The configuration of an artifact that has none, and its media type.
pub(super) const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// The manifest of an artifact with these files, as it is sent.
pub(super) fn manifest(made: &Made, layers: &[MadeOutput]) -> Vec<u8> {
    let layers = layers.iter().map(|layer| {
        let title = (
            "org.opencontainers.image.title".to_owned(),
            layer.name.clone(),
        );
        descriptor(
            layer.media_type(),
            &layer.digest,
            layer.size,
            BTreeMap::from([title]),
        )
    });
    let (kind, config) = EMPTY;
    let manifest = OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(KIND.to_owned()),
        config: descriptor(
            kind,
            &Digest::of(config),
            config.len() as u64,
            BTreeMap::new(),
        ),
        layers: layers.collect(),
        annotations: Some(annotations(made)),
        ..OciImageManifest::default()
    };
    serde_json::to_vec(&manifest).expect("names and numbers are always JSON")
}

fn descriptor(
    media_type: &str,
    digest: &Digest,
    size: u64,
    annotations: BTreeMap<String, String>,
) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: format!("sha256:{digest}"),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        ..OciDescriptor::default()
    }
}

fn annotations(made: &Made) -> BTreeMap<String, String> {
    let created = i64::try_from(made.epoch).unwrap_or(0).saturating_mul(1000);
    let known = [
        ("title", Some(made.title.clone())),
        ("version", Some(made.version.clone())),
        ("created", Some(time::text(created))),
        ("revision", made.lock.map(|lock| lock.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some((format!("org.opencontainers.image.{name}"), value))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_each_file_and_says_what_it_is() {
        let layer = |name: &str, kind| MadeOutput {
            name: name.to_owned(),
            kind,
            is_versioned: false,
            digest: Digest::of(name.as_bytes()),
            size: 4,
        };
        let layers = [layer("vmlinuz.efi", "efi"), layer("sbom.spdx.json", "sbom")];
        let made = Made {
            image: "zos".to_owned(),
            version: "2026.11".to_owned(),
            title: "Zero-OS".to_owned(),
            kernel: String::new(),
            build_id: None,
            epoch: 1_793_491_200,
            lock: Some(Digest::of(b"lock")),
            outputs: Vec::new(),
            flists: Vec::new(),
        };
        let text = manifest(&made, &layers);
        assert_eq!(text, manifest(&made, &layers));
        let text = String::from_utf8(text).expect("JSON");
        let text = text.replace(&Digest::of(b"lock").to_string(), "LOCK");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["artifactType"], KIND);
        assert_eq!(read["config"]["size"], 2);
        let second = &read["layers"][1];
        assert_eq!(second["mediaType"], "application/spdx+json");
        assert_eq!(
            second["annotations"]["org.opencontainers.image.title"],
            "sbom.spdx.json"
        );
        assert_eq!(
            read["annotations"],
            serde_json::json!({
                "org.opencontainers.image.created": "2026-11-01T00:00:00.000Z",
                "org.opencontainers.image.revision": "LOCK",
                "org.opencontainers.image.title": "Zero-OS",
                "org.opencontainers.image.version": "2026.11",
            })
        );
    }
}
