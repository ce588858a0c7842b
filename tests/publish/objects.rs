//! Objects in a bucket, as long as nothing goes wrong.

use zosc::publish::objects::{Condition, Facts, Put, Source};
use zosc::tree::Digest;

use crate::place::{BUCKET, noise, objects};
use crate::s3::{Proxy, Server};

#[test]
fn an_object_is_written_found_copied_and_removed() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let place = objects(&server.endpoint(), "zos/main", store.path());
    assert_eq!(place.list("").unwrap(), []);
    assert_eq!(place.head("kernel/a.efi").unwrap(), None);
    assert_eq!(place.get("kernel/a.efi", 10).unwrap(), None);
    let facts = Facts::of("text/plain").volatile();
    let put = place.put("kernel/a.efi", b"hello", &Condition::Always, &facts);
    assert_eq!(put.unwrap(), Put::Done);
    // Odd names are names, too.
    place.copy("kernel/a.efi", "kernel/b+c d%20é.efi").unwrap();
    let names = |prefix: &str| -> Vec<String> {
        let listed = place.list(prefix).unwrap().into_iter();
        listed.map(|object| object.key).collect()
    };
    assert_eq!(names("kernel/"), ["kernel/a.efi", "kernel/b+c d%20é.efi"]);
    assert_eq!(names("kernel/b"), ["kernel/b+c d%20é.efi"]);
    assert_eq!(names("k/"), Vec::<String>::new());
    assert!(
        server
            .bucket(BUCKET)
            .join("zos/main/kernel/a.efi")
            .is_file()
    );
    let (bytes, version) = place.get("kernel/b+c d%20é.efi", 5).unwrap().unwrap();
    assert_eq!(bytes, b"hello");
    let seen = place.head("kernel/b+c d%20é.efi").unwrap().unwrap();
    assert_eq!((seen.size, seen.digest), (5, Some(Digest::of(b"hello"))));
    assert_eq!(seen.version, Some(version));
    let problem = place.get("kernel/a.efi", 4).unwrap_err();
    assert_eq!(problem.code, "zosc::publish::too-large");
    let keys = ["kernel/a.efi".to_owned(), "kernel/never".to_owned()];
    place.delete(&keys).unwrap();
    assert_eq!(names(""), ["kernel/b+c d%20é.efi"]);
}

#[test]
fn a_condition_that_does_not_hold_writes_nothing() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let place = objects(&server.endpoint(), "", store.path());
    let put = |text: &str, condition: &Condition| {
        let put = place.put("index", text.as_bytes(), condition, &Facts::bytes());
        put.unwrap()
    };
    assert_eq!(put("one", &Condition::Absent), Put::Done);
    assert_eq!(put("two", &Condition::Absent), Put::Refused);
    let (_, first) = place.get("index", 10).unwrap().unwrap();
    let matches = Condition::Matches(first);
    assert_eq!(put("two", &matches), Put::Done);
    assert_eq!(put("six", &matches), Put::Refused);
    assert_eq!(place.get("index", 10).unwrap().unwrap().0, b"two");
    // What was written to find out what the server knows is gone again.
    assert_eq!(place.list("").unwrap().len(), 1);
}

#[test]
fn an_answer_that_is_lost_does_not_look_like_somebody_else() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let proxy = Proxy::to(&server.address);
    let store = tempfile::tempdir().unwrap();
    let place = objects(&proxy.endpoint(), "", store.path());
    let put = |key: &str, condition: &Condition| {
        place
            .put(key, &noise(200_000, 1), condition, &Facts::bytes())
            .unwrap()
    };
    assert_eq!(put("first", &Condition::Absent), Put::Done);
    for cut in [1_000, 100_000, 200_300] {
        proxy.cut_after(cut);
        assert_eq!(put(&format!("after {cut}"), &Condition::Absent), Put::Done);
    }
    assert!(proxy.cuts() >= 2);
}

#[test]
fn five_thousand_keys_are_listed() {
    const COUNT: usize = 5_000;
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let folder = server.bucket(BUCKET).join("kernel");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..COUNT {
        std::fs::write(folder.join(format!("demo-{number:04}.efi")), b"x").unwrap();
    }
    std::fs::write(server.bucket(BUCKET).join("kernels.txt"), b"x").unwrap();
    let store = tempfile::tempdir().unwrap();
    let place = objects(&server.endpoint(), "", store.path());
    let listed = place.list("kernel/").unwrap();
    assert_eq!(listed.len(), COUNT);
    assert!(listed.is_sorted_by(|one, next| one.key < next.key));
    assert_eq!(listed[4_321].key, "kernel/demo-4321.efi");
}

#[test]
fn small_and_large_files_arrive_whole() {
    let Some(server) = Server::start(BUCKET) else {
        return;
    };
    let store = tempfile::tempdir().unwrap();
    let place = objects(&server.endpoint(), "p", store.path());
    let sizes = [0, 1, 8 << 20, (8 << 20) + 1, 21 << 20];
    for (seed, size) in sizes.into_iter().enumerate() {
        let bytes = noise(size, seed as u64);
        let path = store.path().join("file");
        std::fs::write(&path, &bytes).unwrap();
        let source = Source {
            path: &path,
            digest: Digest::of(&bytes),
            size: size as u64,
        };
        let last = std::cell::Cell::new(0);
        let progress = |done| {
            assert!(done >= last.get());
            last.set(done);
        };
        let key = format!("file-{size}");
        place
            .upload(&key, source, &Facts::bytes(), &progress)
            .unwrap();
        assert_eq!(last.get(), size as u64);
        let seen = place.head(&key).unwrap().unwrap();
        assert_eq!((seen.size, seen.digest), (size as u64, Some(source.digest)));
        let there = std::fs::read(server.bucket(BUCKET).join("p").join(&key)).unwrap();
        assert!(there == bytes, "{size}");
    }
    // Nothing is left of what was under way.
    assert_eq!(
        std::fs::read_dir(store.path().join("uploads"))
            .unwrap()
            .count(),
        0
    );
}
