//! `rfs.conf`: where flists and kernels are kept, to `flist` and `publish` sections.
//!
//! Credentials become names of environment variables; their values were hidden before anything here saw them.

use crate::diagnostic::Diagnostic;
use crate::syntax::write::{NewNode, NewValue, Piece};

use super::Ctx;
use super::assignments::Variables;

/// Carries the stores over; `all` holds the variables of `build.conf` and `rfs.conf`.
pub(super) fn carry(build: &mut Variables, rfs: &mut Variables, ctx: &mut Ctx<'_>) -> Vec<Piece> {
    let Some(endpoint) = rfs.take("S3_ENDPOINT") else {
        return Vec::new();
    };
    let Some(bucket) = rfs.take("S3_BUCKET") else {
        ctx.push(
            Diagnostic::warning(
                "zosc::migrate::no-bucket",
                "S3_BUCKET is not set, so nothing says where flists are kept",
            )
            .at(endpoint.span)
            .help("write `flist` and `publish` sections once you know the bucket"),
        );
        return Vec::new();
    };
    let value = |rfs: &mut Variables, name: &str| rfs.take(name).map(|variable| variable.value);
    let prefix = value(rfs, "S3_PREFIX").unwrap_or_default();
    let prefix = prefix.trim_matches('/').to_owned();
    let region = value(rfs, "S3_REGION");
    let path = value(rfs, "ROUTE_PATH").unwrap_or_else(|| "/blobs".to_owned());
    let route = value(rfs, "ROUTE_ENDPOINT").unwrap_or_else(|| endpoint.value.clone());
    for name in [
        "ROUTE_REGION",
        "UPLOAD_MANIFESTS",
        "UPLOAD_KERNEL",
        "MANIFESTS_SUBPATH",
    ] {
        rfs.take(name);
    }
    for name in ["READ_ACCESS_KEY", "READ_SECRET_KEY"] {
        if rfs.take(name).is_some() {
            ctx.note(format!(
                "rfs.conf: {name} is left out: images held it for everyone to read; let the route be readable without credentials"
            ));
        }
    }
    let write = match prefix.as_str() {
        "" => format!("s3://{}", bucket.value),
        prefix => format!("s3://{}/{prefix}", bucket.value),
    };
    let read = format!(
        "{}/{}",
        route.trim_end_matches('/'),
        path.trim_start_matches('/')
    );
    let tag = build
        .take("FIRMWARE_TAG")
        .or_else(|| rfs.take("FIRMWARE_TAG"));
    let kernels = build
        .take("KERNEL_SUBPATH")
        .or_else(|| rfs.take("KERNEL_SUBPATH"));
    let store = || {
        NewNode::new("store")
            .prop("write", write.as_str())
            .prop("read", read.as_str())
    };
    let modules = NewNode::new("flist")
        .arg("modules")
        .child(NewNode::new("pack").arg("/lib/modules/{kernel}"))
        .child(NewNode::new("embed").arg("/etc/rfs/modules-{kernel}.fl"))
        .child(NewNode::new("mount").arg("/lib/modules/{kernel}"))
        .child(store());
    let mut firmware = NewNode::new("flist")
        .arg("firmware")
        .child(NewNode::new("pack").prop("firmware", "linux-firmware"))
        .child(NewNode::new("embed").arg("/etc/rfs/firmware-{tag}.fl"))
        .child(NewNode::new("mount").arg("/lib/firmware"));
    if let Some(tag) = tag {
        firmware = firmware.child(NewNode::new("tag").arg(tag.value));
    }
    let publish = publish(
        rfs,
        &endpoint.value,
        &bucket.value,
        &prefix,
        region,
        kernels.map(|path| path.value),
    );
    vec![
        Piece::Blank,
        Piece::Comment(
            "The whole set of modules, fetched file by file once the network is up.".to_owned(),
        ),
        modules.into(),
        Piece::Blank,
        firmware.child(store()).into(),
        Piece::Blank,
        publish.into(),
    ]
}

fn publish(
    rfs: &mut Variables,
    endpoint: &str,
    bucket: &str,
    prefix: &str,
    region: Option<String>,
    kernels: Option<String>,
) -> NewNode {
    let kernels = kernels.unwrap_or_else(|| "kernel".to_owned());
    let path = [prefix, kernels.trim_matches('/')];
    let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
    let mut section = NewNode::new("publish")
        .arg("s3")
        .prop("endpoint", endpoint)
        .prop("bucket", bucket)
        .prop("prefix", path.join("/"))
        .prop_maybe("region", region);
    for (node, names) in [
        ("key-id", ["S3_ACCESS_KEY", "S3_ACCESS_KEY_ID"]),
        ("secret", ["S3_SECRET_KEY", "S3_SECRET_ACCESS_KEY"]),
    ] {
        let set = names
            .into_iter()
            .filter(|name| rfs.take(name).is_some())
            .collect::<Vec<_>>();
        let name = set.first().copied().unwrap_or(names[0]);
        section = section.child(NewNode::new(node).arg(NewValue::Environment(name.to_owned())));
    }
    section.child(NewNode::new("index").arg("kernels"))
}
