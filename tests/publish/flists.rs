//! Flists: their contents go to their store, their lists beside the programs, and machines find the contents.

use std::path::Path;

use zosc::flist::List;

use crate::place::BUCKET;
use crate::s3::Server;
use crate::site::{Site, files};
use crate::web::{Absent, Web};

/// A site with an flist whose contents are written to the bucket and read from this address.
fn site(server: &Server, read: &str) -> Option<Site> {
    let endpoint = server.endpoint();
    let site = Site::new(&format!(
        r#"overlay "data" to="/srv/data"
flist data {{
    pack "/srv/data"
    embed "/etc/rfs/data.fl"
    store write="s3://{BUCKET}/blobs" read="{read}" endpoint="{endpoint}" {{ key-id (env)PUBLISH_ID; secret (env)PUBLISH_SECRET }}
}}
publish s3 endpoint="{endpoint}" bucket={BUCKET} {{ key-id (env)PUBLISH_ID; secret (env)PUBLISH_SECRET; index kernels }}
"#
    ))?;
    std::fs::create_dir(site.path("data")).unwrap();
    for number in 0..20 {
        let text = format!("{number}\n").repeat(1000);
        std::fs::write(site.path("data").join(number.to_string()), text).unwrap();
    }
    Some(site)
}

/// The names of the blocks of a list.
fn blocks(list: &Path) -> Vec<String> {
    let list = List::open(list).unwrap();
    let names = list.all_blocks().iter().map(|block| block.id.to_string());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn contents_go_to_their_store_once_and_lists_to_the_place() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let web = Web::serve(&server.bucket(BUCKET), Absent::NotFound);
    let Some(site) = site(&server, &format!("{}/blobs", web.url)) else {
        return;
    };
    site.succeed(&["build"]);
    let said = site.succeed(&["publish", "--dry-run"]);
    assert!(said.contains("send 20 blocks of data"), "{said}");
    let said = site.succeed(&["publish"]);
    assert!(said.contains("20 blocks of data"), "{said}");
    let bucket = server.bucket(BUCKET);
    let names = blocks(&bucket.join("flists/data.fl"));
    assert_eq!(names.len(), 20);
    for name in &names {
        let path = bucket.join("blobs").join(&name[..2]).join(name);
        assert!(path.exists(), "{}", path.display());
    }
    let there = files(&bucket);
    let said = site.succeed(&["publish"]);
    assert!(said.contains("nothing to do"), "{said}");
    assert!(files(&bucket) == there);

    // One that is missing is sent again, and no other.
    let lost = bucket.join("blobs").join(&names[0][..2]).join(&names[0]);
    std::fs::remove_file(lost).unwrap();
    let said = site.succeed(&["publish", "--only", "flists"]);
    assert!(said.contains("1 block of data"), "{said}");
    assert!(files(&bucket) == there);
}

#[test]
fn nothing_leads_to_contents_that_machines_do_not_find() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let web = Web::serve(elsewhere.path(), Absent::NotFound);
    let Some(site) = site(&server, &web.url) else {
        return;
    };
    site.succeed(&["build"]);
    let said = site.fail(&["publish"]);
    assert!(said.contains("zosc::publish::route-elsewhere"), "{said}");
    let there = files(&server.bucket(BUCKET));
    assert!(
        there.keys().all(|name| name.starts_with("blobs/")),
        "{:?}",
        there.keys()
    );
    site.succeed(&["publish", "--no-proof"]);
    assert!(server.bucket(BUCKET).join("flists/data.fl").exists());
}

#[test]
fn contents_need_no_place_but_their_store() {
    let Some(site) = Site::new(
        r#"overlay "data" to="/srv/data"
flist data {
    pack "/srv/data"
    embed "/etc/rfs/data.fl"
    store write="blobs" read="https://flists.example/blobs"
}
"#,
    ) else {
        return;
    };
    std::fs::create_dir(site.path("data")).unwrap();
    std::fs::write(site.path("data/one"), "one\n").unwrap();
    site.succeed(&["build"]);
    let said = site.fail(&["publish"]);
    assert!(said.contains("zosc::cli::no-place"), "{said}");
    assert!(said.contains("zosc publish --only flists"), "{said}");
    let said = site.succeed(&["publish", "--only", "flists", "--no-proof"]);
    assert!(said.contains("send 1 block of data"), "{said}");
    assert_eq!(files(&site.path("blobs")).len(), 1);
}
