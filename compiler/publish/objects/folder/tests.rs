use super::*;
use crate::publish::objects::{Facts, Objects};
use crate::tree::Digest;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn place() -> (tempfile::TempDir, Objects<'static>) {
    let folder = tempfile::tempdir().expect("a folder");
    let objects = Objects::folder(&folder.path().join("made/when needed"), &GO_ON);
    (folder, objects)
}

fn put(objects: &Objects<'_>, key: &str, text: &str, condition: &Condition) -> Put {
    let put = objects.put(key, text.as_bytes(), condition, &Facts::bytes());
    put.expect("written")
}

#[test]
fn objects_are_files() {
    let (folder, objects) = place();
    assert_eq!(objects.list("").expect("listed"), []);
    assert_eq!(objects.head("a").expect("looked for"), None);
    for key in ["kernel/b.efi", "kernel/a.efi", "kernels", "blobs/ab/abcd"] {
        assert_eq!(put(&objects, key, key, &Condition::Always), Put::Done);
    }
    let keys = |prefix| -> Vec<String> {
        let listed = objects.list(prefix).expect("listed").into_iter();
        listed.map(|object| object.key).collect()
    };
    assert_eq!(keys("kernel"), ["kernel/a.efi", "kernel/b.efi", "kernels"]);
    assert_eq!(keys("kernel/"), ["kernel/a.efi", "kernel/b.efi"]);
    assert_eq!(keys("kernel/b"), ["kernel/b.efi"]);
    assert_eq!(keys("none/"), Vec::<String>::new());
    objects
        .copy("kernel/a.efi", "kernel/c.efi")
        .expect("copied");
    let (bytes, version) = objects
        .get("kernel/c.efi", 100)
        .expect("read")
        .expect("there");
    assert_eq!(bytes, b"kernel/a.efi");
    let seen = objects
        .head("kernel/c.efi")
        .expect("looked for")
        .expect("there");
    assert_eq!((seen.size, seen.version), (12, Some(version)));
    let problem = objects.get("kernel/c.efi", 3).expect_err("too large");
    assert_eq!(problem.code, "zosc::publish::too-large");
    let gone = ["kernel/a.efi".to_owned(), "never".to_owned()];
    objects.delete(&gone).expect("removed");
    assert_eq!(keys("kernel/"), ["kernel/b.efi", "kernel/c.efi"]);
    let file = folder.path().join("made/when needed/kernels");
    let mode = file.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn conditions_hold() {
    let (_folder, objects) = place();
    assert_eq!(put(&objects, "i", "one", &Condition::Absent), Put::Done);
    assert_eq!(put(&objects, "i", "two", &Condition::Absent), Put::Refused);
    let (_, first) = objects.get("i", 10).expect("read").expect("there");
    let matches = Condition::Matches(first);
    assert_eq!(put(&objects, "i", "two", &matches), Put::Done);
    assert_eq!(put(&objects, "i", "six", &matches), Put::Refused);
    let (bytes, _) = objects.get("i", 10).expect("read").expect("there");
    assert_eq!(bytes, b"two");
}

#[test]
fn of_many_writers_one_wins_each_round() {
    let (_folder, objects) = place();
    put(&objects, "count", "0", &Condition::Always);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut added = 0;
                while added < 25 {
                    let (bytes, version) = objects.get("count", 10).expect("read").expect("there");
                    let count: u32 = String::from_utf8(bytes)
                        .expect("text")
                        .parse()
                        .expect("a number");
                    let next = (count + 1).to_string();
                    if put(&objects, "count", &next, &Condition::Matches(version)) == Put::Done {
                        added += 1;
                    }
                }
            });
        }
    });
    let (bytes, _) = objects.get("count", 10).expect("read").expect("there");
    assert_eq!(bytes, b"100");
}

#[test]
fn no_key_leads_out_of_the_folder() {
    let (folder, objects) = place();
    fs::write(folder.path().join("secret"), "mine").expect("written");
    for key in ["../secret", "a/../../../secret", "/etc/passwd", ""] {
        let problem = objects.get(key, 100).expect_err("no key");
        assert_eq!(problem.code, "zosc::publish::bad-key");
    }
    assert!(objects.list("../").is_err());
}

#[test]
fn a_file_that_changed_is_not_published() {
    let (folder, objects) = place();
    let path = folder.path().join("image");
    let upload = |content: &str, said: &str| {
        fs::write(&path, content).expect("written");
        let source = Source {
            path: &path,
            digest: Digest::of(said.as_bytes()),
            size: said.len() as u64,
        };
        let uploaded = objects.upload("image", source, &Facts::bytes(), &|_| {});
        uploaded.map_err(|problem| problem.code)
    };
    for other in ["imagE", "imag", "images", ""] {
        assert_eq!(
            upload(other, "image"),
            Err("zosc::publish::changed"),
            "{other}"
        );
        assert_eq!(objects.list("").expect("listed"), []);
    }
    assert_eq!(upload("image", "image"), Ok(()));
    assert_eq!(objects.list("").expect("listed").len(), 1);
}
