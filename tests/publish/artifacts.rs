//! Images as OCI artifacts, in a real registry.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::registry::Registry;
use crate::site::{Site, told};

/// What a registry answers to a request for this path: its status, and its body.
fn get(registry: &Registry, path: &str) -> (u16, Vec<u8>) {
    let mut connection = TcpStream::connect(&registry.address).unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: {kind}\r\n\r\n",
        registry.address
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap();
    (status.parse().unwrap(), answer[head + 4..].to_vec())
}

#[test]
fn an_image_becomes_an_artifact_and_the_same_image_the_same_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(folder.path()) else {
        return;
    };
    let section = format!(
        "publish oci \"{}/example/zos:{{version}}\"\n",
        registry.address
    );
    let Some(site) = Site::new(&section) else {
        return;
    };
    let said = site.succeed(&["build", "--publish"]);
    let (status, manifest) = get(&registry, "/v2/example/zos/manifests/1");
    assert_eq!(status, 200);
    let digest = zosc::tree::Digest::of(&manifest);
    assert!(
        said.contains(&format!("example/zos@sha256:{digest}")),
        "{said}"
    );
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.zosc.image.v1");
    let layers = manifest["layers"].as_array().unwrap();
    let title = |layer: &Value| layer["annotations"]["org.opencontainers.image.title"].clone();
    assert_eq!(
        layers.iter().map(title).collect::<Vec<_>>(),
        ["vmlinuz.efi", "vmlinuz-1.efi"]
    );
    let blob = format!(
        "/v2/example/zos/blobs/{}",
        layers[0]["digest"].as_str().unwrap()
    );
    let (status, blob) = get(&registry, &blob);
    assert_eq!(status, 200);
    assert!(blob == std::fs::read(site.path("dist/vmlinuz.efi")).unwrap());

    let said = site.succeed(&["publish"]);
    assert!(said.contains("nothing to do"), "{said}");
    // Another tag, the same digest, and no file is sent again.
    let other = format!("{}/example/zos:latest", registry.address);
    let said = site.succeed(&["publish", "oci", &other]);
    assert!(
        said.contains(&digest.to_string()) && !said.contains("sent"),
        "{said}"
    );
    let (status, _) = get(&registry, "/v2/example/zos/manifests/latest");
    assert_eq!(status, 200);
}

#[test]
fn a_registry_that_asks_for_a_login_gets_the_one_that_is_named() {
    // The password is `secret of the test`.
    const USERS: &str = "me:$2y$05$sjuSTHnqiNVB8erIZS07seSWT654HD7qUM8dw2JFzuWjt5GmcGGkm\n";
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let auth = format!(
        "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
        users.display()
    );
    let Some(registry) = Registry::start_with(folder.path(), &auth) else {
        return;
    };
    let section = format!(
        "publish oci \"{}/example/zos:1\" {{ key-id (env)REGISTRY_USER; secret (env)REGISTRY_TOKEN }}\n",
        registry.address
    );
    let Some(site) = Site::new(&section) else {
        return;
    };
    site.succeed(&["build"]);
    let said = site.fail(&["publish"]);
    assert!(said.contains("zosc::publish::missing-variable"), "{said}");
    let publish = |password: &str| {
        let mut command = site.command(&["publish"]);
        let command = command
            .env("REGISTRY_USER", "me")
            .env("REGISTRY_TOKEN", password);
        let output = told(command.output().unwrap());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains(password), "{said}");
        (output.status.success(), said)
    };
    let (succeeds, said) = publish("another one");
    assert!(
        !succeeds && said.contains("zosc::publish::registry-refused"),
        "{said}"
    );
    let (succeeds, said) = publish("secret of the test");
    assert!(succeeds, "{said}");

    // The file that `docker login` writes will do as well.
    let other = format!("{}/example/other:1", registry.address);
    site.fail(&["publish", "oci", &other, "--set", "image.version=1"]);
    std::fs::create_dir_all(site.path("home/.docker")).unwrap();
    let login = "bWU6c2VjcmV0IG9mIHRoZSB0ZXN0";
    let text = format!(
        r#"{{"auths":{{"{}":{{"auth":"{login}"}}}}}}"#,
        registry.address
    );
    std::fs::write(site.path("home/.docker/config.json"), text).unwrap();
    let manifest = std::fs::read_to_string(site.path("zos.kdl")).unwrap();
    let manifest = manifest.split("publish oci").next().unwrap();
    std::fs::write(site.path("zos.kdl"), manifest).unwrap();
    site.succeed(&["publish", "oci", &other]);
}
