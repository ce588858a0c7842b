//! `rfs.conf`: where flists and kernels are kept, to `flist` and `publish` sections.
//!
//! Credentials become names of environment variables; their values were hidden before anything here saw them.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::syntax::write::{NewNode, NewValue, Piece};

use super::Ctx;
use super::assignments::Variables;

/// A store as `rfs.conf` describes it.
struct Place {
    endpoint: String,
    bucket: String,
    /// Without slashes at its ends.
    prefix: String,
    region: Option<String>,
    /// Where running systems read.
    route: String,
    /// Names of the variables that hold the key and its secret.
    key: [&'static str; 2],
}

/// Carries the stores over; `mounted` are the names of units, of which those of flists mount them.
pub(super) fn carry(
    build: &mut Variables,
    rfs: &mut Variables,
    mounted: &BTreeSet<String>,
    ctx: &mut Ctx<'_>,
) -> Vec<Piece> {
    let Some(place) = Place::read(rfs, ctx) else {
        return Vec::new();
    };
    let mut either = |name: &str| {
        let (build, rfs) = (build.take(name), rfs.take(name));
        build.or(rfs).map(|variable| variable.value)
    };
    let tag = either("FIRMWARE_TAG");
    let folders = [either("KERNEL_SUBPATH"), either("MANIFESTS_SUBPATH")];
    let modules = NewNode::new("flist")
        .arg("modules")
        .child(NewNode::new("pack").arg("/lib/modules/{kernel}"))
        .child(NewNode::new("embed").arg("/etc/rfs/modules-{kernel}.fl"));
    let firmware = NewNode::new("flist")
        .arg("firmware")
        .child(NewNode::new("pack").prop("firmware", "linux-firmware"));
    let firmware = match tag {
        Some(tag) => firmware
            .child(NewNode::new("embed").arg("/etc/rfs/firmware-{tag}.fl"))
            .child(NewNode::new("tag").arg(tag)),
        None => firmware.child(NewNode::new("embed").arg("/etc/rfs/firmware.fl")),
    };
    let mut pieces = Vec::new();
    for (name, node, path) in [
        ("modules", modules, "/lib/modules/{kernel}"),
        ("firmware", firmware, "/lib/firmware"),
    ] {
        let unit = format!("rfs-{name}");
        let node = if mounted.contains(&unit) {
            node.child(NewNode::new("mount").arg(path))
        } else {
            ctx.note(format!(
                "no unit is called `{unit}`, so nothing mounts the flist `{name}`: `mount \"{path}\"` in it brings that unit"
            ));
            node
        };
        pieces.extend([Piece::Blank, node.child(place.store()).into()]);
    }
    pieces.extend([Piece::Blank, place.publish(folders).into()]);
    pieces
}

impl Place {
    fn read(rfs: &mut Variables, ctx: &mut Ctx<'_>) -> Option<Self> {
        let endpoint = rfs.take("S3_ENDPOINT")?;
        let Some(bucket) = rfs.take("S3_BUCKET") else {
            ctx.push(
                Diagnostic::warning(
                    "zosc::migrate::no-bucket",
                    "S3_BUCKET is not set, so nothing says where flists are kept",
                )
                .at(endpoint.span)
                .help("write `flist` and `publish` sections once you know the bucket"),
            );
            return None;
        };
        for name in ["READ_ACCESS_KEY", "READ_SECRET_KEY"] {
            if rfs.take(name).is_some() {
                ctx.note(format!(
                    "{name} is left out: images held it for everyone to read; let the route be readable without credentials"
                ));
            }
        }
        for name in ["ROUTE_REGION", "UPLOAD_MANIFESTS", "UPLOAD_KERNEL"] {
            rfs.take(name);
        }
        let mut value = |name: &str| rfs.take(name).map(|variable| variable.value);
        let path = value("ROUTE_PATH").unwrap_or_else(|| "/blobs".to_owned());
        let route = value("ROUTE_ENDPOINT").unwrap_or_else(|| endpoint.value.clone());
        let route = route.trim_end_matches('/');
        let prefix = value("S3_PREFIX").unwrap_or_default();
        let mut key = |names: [&'static str; 2]| {
            let set = names.into_iter().filter(|name| rfs.take(name).is_some());
            set.last().unwrap_or(names[1])
        };
        Some(Self {
            key: [
                key(["S3_ACCESS_KEY_ID", "S3_ACCESS_KEY"]),
                key(["S3_SECRET_ACCESS_KEY", "S3_SECRET_KEY"]),
            ],
            route: format!("{route}/{}", path.trim_matches('/')),
            prefix: prefix.trim_matches('/').to_owned(),
            region: rfs.take("S3_REGION").map(|region| region.value),
            endpoint: endpoint.value,
            bucket: bucket.value,
        })
    }

    /// The key that may write, by the names of the variables that hold it.
    fn key(&self) -> [NewNode; 2] {
        let [id, secret] = self.key.map(|name| NewValue::Environment(name.to_owned()));
        [
            NewNode::new("key-id").arg(id),
            NewNode::new("secret").arg(secret),
        ]
    }

    fn store(&self) -> NewNode {
        let mut write = format!("s3://{}", self.bucket);
        if !self.prefix.is_empty() {
            write.push_str(&format!("/{}", self.prefix));
        }
        NewNode::new("store")
            .prop("write", write)
            .prop("read", self.route.as_str())
            .prop("endpoint", self.endpoint.as_str())
            .prop_maybe("region", self.region.as_ref())
            .children(self.key())
    }

    /// Where EFI programs and lists go; their folders are named where they are not called as usual.
    fn publish(&self, folders: [Option<String>; 2]) -> NewNode {
        let [kernels, flists] =
            folders.map(|folder| folder.map(|folder| folder.trim_matches('/').to_owned()));
        NewNode::new("publish")
            .arg("s3")
            .prop("endpoint", self.endpoint.as_str())
            .prop("bucket", self.bucket.as_str())
            .prop_maybe("prefix", (!self.prefix.is_empty()).then_some(&self.prefix))
            .prop_maybe("kernels", kernels.filter(|folder| folder != "kernel"))
            .prop_maybe("flists", flists.filter(|folder| folder != "flists"))
            .prop_maybe("region", self.region.as_ref())
            .children(self.key())
            .child(NewNode::new("index").arg("kernels"))
    }
}
