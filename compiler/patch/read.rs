//! From the text of a patch to what it does to which file.

use crate::tree::ImagePath;

/// What is wrong with a text, and in which line of it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) why: String,
}

/// What happens to a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Change,
    Add,
    Remove,
    Move(ImagePath),
    Copy(ImagePath),
}

/// The part of a patch that is about one file.
#[derive(Debug)]
pub(super) struct FilePatch<'t> {
    /// The file's path afterwards; that before, where it is removed.
    pub(super) path: ImagePath,
    pub(super) kind: Kind,
    /// Its permissions afterwards, where the patch says so.
    pub(super) mode: Option<u32>,
    pub(super) hunks: Vec<Hunk<'t>>,
    /// The line of the patch where it begins.
    pub(super) line: usize,
}

/// Lines that stand together, before and after.
#[derive(Debug, Default)]
pub(super) struct Hunk<'t> {
    /// The line of the file that it begins at, counted from 1; 0 for an empty file.
    pub(super) start: usize,
    /// Lines with their line breaks.
    pub(super) old: Vec<&'t [u8]>,
    pub(super) new: Vec<&'t [u8]>,
    /// For each of `old`, its line in the patch.
    pub(super) lines: Vec<usize>,
    /// The line of the patch where it begins.
    pub(super) line: usize,
}

/// What is said of a file before or after.
#[derive(Clone, Default)]
enum Side {
    /// Nothing: it is what `diff --git` says.
    #[default]
    Unstated,
    /// That there is none: `/dev/null`.
    Nothing,
    Path(ImagePath),
}

impl Side {
    fn path(&self, unstated: Option<&ImagePath>) -> Option<ImagePath> {
        match self {
            Self::Unstated => unstated.cloned(),
            Self::Nothing => None,
            Self::Path(path) => Some(path.clone()),
        }
    }
}

/// What git says of a file before its hunks.
#[derive(Default)]
struct Header {
    line: usize,
    /// The two paths of `diff --git`, which count where there are no others.
    both: Option<ImagePath>,
    old: Side,
    new: Side,
    moved: Option<ImagePath>,
    copied: Option<ImagePath>,
    adds: bool,
    removes: bool,
    mode: Option<u32>,
}

/// Reads all parts of a patch; what stands between them, such as a letter's text, is passed over.
pub(super) fn read(text: &[u8]) -> Result<Vec<FilePatch<'_>>, Fault> {
    let mut reader = Reader {
        lines: text.split_inclusive(|byte| *byte == b'\n').collect(),
        at: 0,
    };
    let mut patches: Vec<FilePatch<'_>> = Vec::new();
    let mut header = Header::default();
    // Whether the header belongs to a file whose hunks are being read.
    let mut open = false;
    while let Some(line) = reader.peek() {
        if line.starts_with(b"diff --git ") {
            finish(&mut patches, &header, open)?;
            header = Header {
                line: reader.at + 1,
                both: git_path(line),
                ..Header::default()
            };
            open = false;
        } else if line.starts_with(b"--- ") && reader.next_starts_with(b"+++ ") {
            if open {
                header = Header::default();
            }
            reader.paths(&mut header)?;
            patches.push(opened(&header)?);
            open = true;
            continue;
        } else if line.starts_with(b"@@ -") && open {
            let hunk = reader.hunk()?;
            if let Some(patch) = patches.last_mut() {
                patch.hunks.push(hunk);
            }
            continue;
        } else if !open && header.line > 0 {
            reader.extended(&mut header)?;
        }
        reader.at += 1;
    }
    finish(&mut patches, &header, open)?;
    if patches.is_empty() {
        return Err(Fault {
            line: 1,
            why: "it changes no file".to_owned(),
        });
    }
    Ok(patches)
}

/// Adds a part that has a header of git and no hunk: a move, a mode, an empty file.
fn finish(patches: &mut Vec<FilePatch<'_>>, header: &Header, open: bool) -> Result<(), Fault> {
    if !open && header.line > 0 {
        patches.push(opened(header)?);
    }
    Ok(())
}

fn opened<'t>(header: &Header) -> Result<FilePatch<'t>, Fault> {
    let line = header.line;
    let fault = |why: &str| Fault {
        line,
        why: why.to_owned(),
    };
    let old = header.old.path(header.both.as_ref());
    let new = header.new.path(header.both.as_ref());
    let (path, kind) = match (old, new) {
        (_, Some(new)) if header.moved.is_some() => {
            (new, header.moved.clone().map_or(Kind::Change, Kind::Move))
        }
        (_, Some(new)) if header.copied.is_some() => {
            (new, header.copied.clone().map_or(Kind::Change, Kind::Copy))
        }
        (Some(old), None) => (old, Kind::Remove),
        (Some(old), _) if header.removes => (old, Kind::Remove),
        (None, Some(new)) => (new, Kind::Add),
        (_, Some(new)) if header.adds => (new, Kind::Add),
        (Some(_), Some(new)) => (new, Kind::Change),
        (None, None) => return Err(fault("nothing says which file it is about")),
    };
    Ok(FilePatch {
        path,
        kind,
        mode: header.mode,
        hunks: Vec::new(),
        line,
    })
}

struct Reader<'t> {
    lines: Vec<&'t [u8]>,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t [u8]> {
        self.lines.get(self.at).copied()
    }

    fn next_starts_with(&self, start: &[u8]) -> bool {
        self.lines
            .get(self.at + 1)
            .is_some_and(|line| line.starts_with(start))
    }

    fn fault(&self, why: &str) -> Fault {
        Fault {
            line: self.at + 1,
            why: why.to_owned(),
        }
    }

    /// The lines `---` and `+++`.
    fn paths(&mut self, header: &mut Header) -> Result<(), Fault> {
        if header.line == 0 {
            header.line = self.at + 1;
        }
        for place in [&mut header.old, &mut header.new] {
            let line = self.lines.get(self.at).copied().unwrap_or_default();
            let found = stated_path(line.get(4..).unwrap_or_default())
                .ok_or_else(|| self.fault("its path leads out of the source, or is none"))?;
            *place = found;
            self.at += 1;
        }
        Ok(())
    }

    /// One of git's lines before the hunks.
    fn extended(&self, header: &mut Header) -> Result<(), Fault> {
        let line = self.peek().unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let unusable = || self.fault("its path leads out of the source, or is none");
        let path = |path: &str| ImagePath::new(path).ok().filter(|path| !path.is_root());
        if let Some(from) = text.strip_prefix("rename from ") {
            header.moved = Some(path(from).ok_or_else(unusable)?);
        } else if let Some(from) = text.strip_prefix("copy from ") {
            header.copied = Some(path(from).ok_or_else(unusable)?);
        } else if let Some(to) = text
            .strip_prefix("rename to ")
            .or(text.strip_prefix("copy to "))
        {
            header.new = Side::Path(path(to).ok_or_else(unusable)?);
        } else if let Some(mode) = text.strip_prefix("new file mode ") {
            header.adds = true;
            header.mode = Some(self.mode(mode)?);
        } else if let Some(mode) = text.strip_prefix("new mode ") {
            header.mode = Some(self.mode(mode)?);
        } else if text.starts_with("deleted file mode ") {
            header.removes = true;
        } else if text.starts_with("GIT binary patch") || text.starts_with("Binary files ") {
            return Err(self.fault("it changes a file that is no text, which is not supported"));
        }
        Ok(())
    }

    fn mode(&self, mode: &str) -> Result<u32, Fault> {
        match mode {
            "100755" => Ok(0o755),
            "100644" => Ok(0o644),
            _ => Err(self.fault("it makes something else than a file, which is not supported")),
        }
    }

    /// A hunk with exactly as many lines as its head says.
    fn hunk(&mut self) -> Result<Hunk<'t>, Fault> {
        let head = self.peek().unwrap_or_default();
        let (start, mut old, mut new) =
            head_of(head).ok_or_else(|| self.fault("this is no head of a hunk"))?;
        let mut hunk = Hunk {
            start,
            line: self.at + 1,
            ..Hunk::default()
        };
        self.at += 1;
        while old > 0 || new > 0 {
            let line = self
                .peek()
                .ok_or_else(|| self.fault("the patch ends in the middle of a hunk"))?;
            let (sign, mut content) = match line.split_first() {
                // An empty line whose space was lost on the way.
                Some((b'\n', _)) | None => (b' ', line),
                Some((sign, content)) => (*sign, content),
            };
            let short = || self.fault("the hunk has other lines than its head says");
            if self.next_starts_with(b"\\") {
                content = content.strip_suffix(b"\n").unwrap_or(content);
            }
            if matches!(sign, b' ' | b'-') {
                old = usize::checked_sub(old, 1).ok_or_else(short)?;
                hunk.old.push(content);
                hunk.lines.push(self.at + 1);
            }
            if matches!(sign, b' ' | b'+') {
                new = usize::checked_sub(new, 1).ok_or_else(short)?;
                hunk.new.push(content);
            }
            match sign {
                b' ' | b'-' | b'+' | b'\\' => self.at += 1,
                _ => return Err(short()),
            }
        }
        while self.peek().is_some_and(|line| line.starts_with(b"\\")) {
            self.at += 1;
        }
        Ok(hunk)
    }
}

/// `@@ -12,3 +12,4 @@` → the first line before, and how many there are before and after.
fn head_of(line: &[u8]) -> Option<(usize, usize, usize)> {
    let text = std::str::from_utf8(line).ok()?;
    let (ranges, _) = text.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        let (start, count): (usize, usize) = (start.parse().ok()?, count.parse().ok()?);
        (start < 1 << 40 && count < 1 << 40).then_some((start, count))
    };
    let ((start, old), (_, new)) = (range(old)?, range(new)?);
    Some((start, old, new))
}

/// The path of a `---` or `+++` line without its first folder.
fn stated_path(line: &[u8]) -> Option<Side> {
    let text = std::str::from_utf8(line)
        .ok()?
        .trim_end_matches(['\n', '\r']);
    // Behind a tab stands the time.
    let text = text.split('\t').next()?.trim_end();
    if text == "/dev/null" {
        return Some(Side::Nothing);
    }
    stripped(text).map(Side::Path)
}

/// A path without its first folder.
fn stripped(text: &str) -> Option<ImagePath> {
    if text.starts_with(['/', '"']) {
        return None;
    }
    let (_, rest) = text.split_once('/')?;
    let path = ImagePath::new(rest).ok()?;
    (!path.is_root()).then_some(path)
}

/// The path of `diff --git a/PATH b/PATH`, where both are the same.
fn git_path(line: &[u8]) -> Option<ImagePath> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let rest = text.strip_prefix("diff --git ")?;
    let half = rest.len() / 2;
    let (old, new) = (rest.get(..half)?, rest.get(half + 1..)?);
    let (old, new) = (stripped(old)?, stripped(new)?);
    (old == new).then_some(new)
}
