//! What the targets of packages wrap their inputs in: gzip members, tar headers, a store, a key that is nobody's.

use std::io::{Read as _, Write as _};
use std::sync::OnceLock;

use zosc::apk::{Key, PrivateKey, SignatureAlgorithm, Signer};
use zosc::tree::{Digest, Store};

const BLOCK: usize = 512;

/// The name of the public half.
pub const KEY_NAME: &str = "fuzz.rsa.pub";

/// A throwaway key that is the same in every run, and its public half.
pub fn key() -> &'static (PrivateKey, Key) {
    static KEY: OnceLock<(PrivateKey, Key)> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut counter = 0_u64;
        let mut fill = |bytes: &mut [u8]| {
            for piece in bytes.chunks_mut(32) {
                counter += 1;
                let digest = Digest::of(&counter.to_le_bytes());
                piece.copy_from_slice(&digest.as_bytes()[..piece.len()]);
            }
            Ok(())
        };
        let private = PrivateKey::generate(KEY_NAME, 2048, &mut fill).expect("a sound size");
        let public = Key::parse(KEY_NAME, private.public_pem().as_bytes()).expect("a key");
        (private, public)
    })
}

/// The gzip member that goes before `message` and vouches for it.
pub fn vouching(algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let key = &key().0;
    Signer { key, algorithm }
        .member(message)
        .expect("a sound key")
}

/// The one signature over `message` that this key can make.
pub fn signature(algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let (member, mut tar) = (vouching(algorithm, message), Vec::new());
    flate2::read::GzDecoder::new(member.as_slice())
        .read_to_end(&mut tar)
        .expect("a member");
    tar[BLOCK..BLOCK + 2048 / 8].to_vec()
}

/// One gzip member.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("into memory");
    encoder.finish().expect("into memory")
}

/// A tar entry of a file; a long name goes before it, as GNU writes it.
pub fn entry(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    if name.len() > 100 {
        tar = raw_entry(b"long", b'L', name);
    }
    tar.extend(raw_entry(&name[..name.len().min(100)], b'0', content));
    tar
}

fn raw_entry(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut tar = vec![0; BLOCK];
    tar[..name.len()].copy_from_slice(name);
    tar[100..107].copy_from_slice(b"0000644");
    tar[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    tar[156] = kind;
    tar[257..265].copy_from_slice(b"ustar\x0000");
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    mended(&tar)
}

/// A tar archive in which the checksum of every block that looks like a header is right.
pub fn mended(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    for block in tar.chunks_exact_mut(BLOCK) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    tar
}

/// A package whose data member is this tar archive.
pub fn package(data: &[u8]) -> Vec<u8> {
    let data = gzip(data);
    let info = format!(
        "pkgname = tool\npkgver = 1-r0\nsize = 1\ndatahash = {}\n",
        Digest::of(&data)
    );
    let mut package = gzip(&entry(b".PKGINFO", info.as_bytes()));
    package.extend(data);
    package
}

/// A store of its own, and the folder that it goes with.
pub fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

/// Whether a store holds any content.
pub fn holds_anything(store: &Store) -> bool {
    let blobs = std::fs::read_dir(store.root().join("blobs")).expect("a store");
    let staged = std::fs::read_dir(store.temporary()).expect("a store");
    blobs.chain(staged).count() > 0
}
