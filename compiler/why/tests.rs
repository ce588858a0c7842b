use std::path::Path;

use super::*;
use crate::check::{self, Settings};
use crate::diagnostic::Diagnostics;
use crate::io::Memory;
use crate::kmod::tests::{Made, module};
use crate::lock::Lock;
use crate::plan::{Action, Stage};
use crate::source::SourceMap;
use crate::tree::{Entry, Origin};

/// A public key of no worth.
const KEY: &str = include_str!("../../tests/fixtures/key.pem");

const MANIFEST: &str = r#"edition 1
image test
alpine "3.22" { mirror "https://mirror.example/alpine"; repository main; key "test.rsa.pub" }
kernel { package linux-virt }
modules { stage1 virtio_net; stage2 radio }
firmware { package linux-firmware; keep "sound/*" }
account admin uid=1000
outputs { initramfs "x.cpio" }
"#;

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    image: Image,
    sources: SourceMap,
    inputs: Inputs,
    plan: Plan,
    files: Tree,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opens");
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        let settings = Settings {
            current_directory: "/m".into(),
            ..Settings::default()
        };
        let files = Memory::new([("/m/zos.kdl", MANIFEST), ("/m/test.rsa.pub", KEY)]);
        let manifest = Path::new("zos.kdl");
        let image = check::check(manifest, &settings, &files, &mut sources, &mut problems);
        let image = image.unwrap_or_else(|| panic!("{problems:?}"));
        let mut bench = Self {
            image,
            sources,
            inputs: Inputs {
                lock: Lock::default(),
                epoch: 0,
                files: [].into(),
                folders: [].into(),
                kernel: None,
                stub: None,
                host: None,
                rusts: [].into(),
            },
            plan: Plan::default(),
            files: Tree::new(),
            store,
            _folder: folder,
        };
        bench.add_kernel();
        let file = bench.file(b"noise", "firmware linux-firmware-1");
        let path = image_path("/lib/firmware/sound/a.bin").expect("a path");
        bench.files.insert_with_parents(path, file);
        bench
    }

    fn file(&self, content: &[u8], origin: &str) -> Entry {
        let digest = self.store.put(content).expect("stored");
        Entry::file(digest, content.len() as u64, 0o644, 0, Origin::new(origin))
    }

    /// A kernel whose modules need one another, as the input of an action that selects some.
    fn add_kernel(&mut self) {
        let mut tree = Tree::new();
        for (name, info) in [
            ("virtio_net", vec![("depends", "net_failover")]),
            ("net_failover", vec![("depends", "failover")]),
            ("failover", vec![("softdep", "pre: crc")]),
            ("crc", vec![]),
            ("radio", vec![("firmware", "radio/one.bin")]),
            ("unused", vec![]),
        ] {
            let content = module(&Made {
                info,
                ..Made::default()
            });
            let path = format!("/lib/modules/6.1/kernel/{name}.ko");
            let file = self.file(&content, "package linux-1");
            tree.insert_with_parents(image_path(&path).expect("a path"), file);
        }
        let kernel = Input::Known(self.store.put_tree(&tree).expect("stored"));
        let action = Action::Modules {
            kernel,
            release: "6.1".to_owned(),
            stage1: Vec::new(),
            stage2: Vec::new(),
            flist: Vec::new(),
            epoch: 0,
        };
        self.plan
            .add(Stage::KernelModules, "select modules", None, action);
    }

    /// What the links of the first answer say, with the words of the manifest that they lead to.
    fn links(&self, asked: &str) -> Vec<String> {
        let answers = self
            .why(asked)
            .unwrap_or_else(|problem| panic!("{problem:?}"));
        let links = answers.into_iter().next().expect("an answer").links;
        let shown = |link: Link| match link.site {
            Some(site) => format!("{} ({})", link.text, self.sources.slice(site)),
            None => link.text,
        };
        links.into_iter().map(shown).collect()
    }

    fn why(&self, asked: &str) -> Result<Vec<Answer>, Diagnostic> {
        let known = Known {
            image: &self.image,
            inputs: &self.inputs,
            plan: &self.plan,
            status: &[],
            packages: None,
            tree: Some(&self.files),
            store: &self.store,
        };
        why(&known, asked)
    }
}

#[test]
fn a_module_is_followed_through_needs_and_wishes_to_its_stage() {
    let bench = Bench::new();
    assert_eq!(
        bench.links("crc"),
        [
            "the module failover works better with crc (softdep)",
            "the module net_failover cannot be loaded without failover (depends)",
            "the module virtio_net cannot be loaded without net_failover (depends)",
            "the manifest loads `virtio_net` in stage1 (virtio_net)",
        ]
    );
    // `-` and `_` are the same, and endings do not count.
    assert_eq!(bench.links("virtio-net").len(), 1);
    assert!(bench.why("unused").is_err());
}

#[test]
fn firmware_is_there_for_a_pattern_or_for_a_module() {
    let bench = Bench::new();
    assert_eq!(
        bench.links("sound/a.bin"),
        ["the manifest keeps it (\"sound/*\")"]
    );
    assert_eq!(
        bench.links("radio/one.bin"),
        [
            "the module radio may ask for it",
            "the manifest loads `radio` in stage2 (radio)",
            "it is not in the image: no firmware package has it",
        ]
    );
    let by_path = bench.links("/lib/firmware/sound/a.bin");
    let first = "a file of 5 B, mode 0644, from firmware linux-firmware-1";
    assert_eq!(by_path, [first, "the manifest keeps it (\"sound/*\")"]);
}

#[test]
fn accounts_lead_to_their_node_and_near_names_are_offered() {
    let bench = Bench::new();
    assert_eq!(bench.links("admin"), ["the manifest has it (admin)"]);
    let problem = bench.why("admn").expect_err("nobody");
    assert_eq!(problem.code, "zosc::why::nothing-known");
    assert_eq!(problem.help.as_deref(), Some("did you mean `admin`?"));
    let problem = bench.why("/lib/firmware/sound/b.bin").expect_err("no file");
    let help = "did you mean `/lib/firmware/sound/a.bin`?";
    assert_eq!(problem.help.as_deref(), Some(help));
}
