//! The tables of an ELF file, read and written field by field.
//!
//! Comes in: bytes that may say anything. Goes out: numbers whose places lie inside the file, or why not. All classes and
//! byte orders are one code here, since every table is the same but for the widths of its fields.

/// `sh_type` of an unused section header.
pub(super) const NULL: u32 = 0;
/// `sh_type` of a symbol table for linkers and debuggers.
pub(super) const SYMTAB: u32 = 2;
/// `sh_type` of texts.
pub(super) const STRTAB: u32 = 3;
/// `sh_type` of relocations with addends.
pub(super) const RELA: u32 = 4;
/// `sh_type` of a section without bytes in the file.
pub(super) const NOBITS: u32 = 8;
/// `sh_type` of relocations without addends.
pub(super) const REL: u32 = 9;
/// `sh_type` of sections that a linker keeps or drops together.
pub(super) const GROUP: u32 = 17;
/// `sh_type` of section numbers that do not fit into a symbol.
pub(super) const SYMTAB_SHNDX: u32 = 18;
/// `sh_type` of clang's list of symbols whose address counts, for linkers.
pub(super) const LLVM_ADDRSIG: u32 = 0x6fff_4c03;
/// `sh_flags`: its content is in memory when the program runs.
pub(super) const ALLOC: u64 = 2;
/// `sh_flags`: `sh_info` is the number of a section.
pub(super) const INFO_LINK: u64 = 0x40;
/// `sh_flags`: a member of a group.
pub(super) const IN_GROUP: u64 = 0x200;
/// Section numbers from here on mean something else.
pub(super) const RESERVED: u64 = 0xff00;

/// Why a file is left as it is: the end of a sentence that begins with its name.
pub(super) type Reason = &'static str;

/// Why a table or a section cannot be taken at its word.
pub(super) const DAMAGED: Reason = "is damaged: its tables point beyond its end";

/// How wide addresses are and in which order bytes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) wide: bool,
    big: bool,
}

impl Form {
    /// The number of `width` bytes at a place.
    pub(super) fn get(self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        let field = bytes.get(at..at.checked_add(width)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big {
            field.iter().fold(0, fold)
        } else {
            field.iter().rev().fold(0, fold)
        })
    }

    /// Writes a number of `width` bytes at a place that exists.
    pub(super) fn set(self, bytes: &mut [u8], at: usize, width: usize, value: u64) {
        let Some(field) = bytes.get_mut(at..at + width) else {
            return;
        };
        for (index, byte) in field.iter_mut().enumerate() {
            let place = if self.big { width - 1 - index } else { index };
            *byte = (value >> (8 * place)) as u8;
        }
    }

    /// Bytes of an address.
    pub(super) fn word(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// Bytes of the file's header.
    pub(super) fn header_size(self) -> usize {
        if self.wide { 64 } else { 52 }
    }

    /// Bytes of a section's header.
    pub(super) fn section_size(self) -> usize {
        if self.wide { 64 } else { 40 }
    }

    fn segment_size(self) -> usize {
        if self.wide { 56 } else { 32 }
    }

    /// Bytes of a symbol.
    pub(super) fn symbol_size(self) -> usize {
        if self.wide { 24 } else { 16 }
    }

    /// Where the counts at the end of the file's header begin, with `e_ehsize`.
    fn counts_at(self) -> usize {
        if self.wide { 52 } else { 40 }
    }

    /// Writes where a file's section headers are, how many, and which holds their names.
    pub(super) fn point_at_sections(self, file: &mut [u8], at: usize, count: usize, names: usize) {
        let offset = if self.wide { 40 } else { 32 };
        self.set(file, offset, self.word(), at as u64);
        let counts = self.counts_at();
        self.set(file, counts + 8, 2, count as u64);
        self.set(file, counts + 10, 2, names as u64);
    }
}

/// A section's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Section {
    pub(super) name: u32,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) info: u32,
    pub(super) align: u64,
    pub(super) entry_size: u64,
}

impl Section {
    fn read(form: Form, bytes: &[u8], at: usize) -> Option<Self> {
        let word = form.word();
        let half = |index: usize| form.get(bytes, at + index, 4).map(|number| number as u32);
        let wide = |index: usize| form.get(bytes, at + 8 + index * word, word);
        // Behind name and type: four addresses' worth, two numbers, two more addresses' worth.
        let behind = 8 + 4 * word;
        Some(Self {
            name: half(0)?,
            kind: half(4)?,
            flags: wide(0)?,
            address: wide(1)?,
            offset: wide(2)?,
            size: wide(3)?,
            link: half(behind)?,
            info: half(behind + 4)?,
            align: form.get(bytes, at + behind + 8, word)?,
            entry_size: form.get(bytes, at + behind + 8 + word, word)?,
        })
    }

    /// Adds the header to a table.
    pub(super) fn write(&self, form: Form, table: &mut Vec<u8>) {
        let (at, word) = (table.len(), form.word());
        table.resize(at + form.section_size(), 0);
        let behind = at + 8 + 4 * word;
        form.set(table, at, 4, self.name.into());
        form.set(table, at + 4, 4, self.kind.into());
        for (index, value) in [self.flags, self.address, self.offset, self.size]
            .into_iter()
            .enumerate()
        {
            form.set(table, at + 8 + index * word, word, value);
        }
        form.set(table, behind, 4, self.link.into());
        form.set(table, behind + 4, 4, self.info.into());
        form.set(table, behind + 8, word, self.align);
        form.set(table, behind + 8 + word, word, self.entry_size);
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.flags & ALLOC != 0
    }

    pub(super) fn is_relocations(&self) -> bool {
        matches!(self.kind, REL | RELA)
    }

    /// Whether it has bytes in the file.
    pub(super) fn has_bytes(&self) -> bool {
        !matches!(self.kind, NULL | NOBITS)
    }

    /// Its alignment in the file; `None` for one that no tool writes.
    pub(super) fn alignment(&self) -> Option<usize> {
        let align = self.align.max(1);
        (align.is_power_of_two() && align <= 1 << 16).then_some(align as usize)
    }
}

/// A file's tables; every place in them is inside the file.
pub(super) struct Tables<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) form: Form,
    /// `e_type`.
    pub(super) kind: u64,
    /// `e_machine`.
    pub(super) machine: u64,
    /// The first byte that neither the headers nor a segment need.
    pub(super) segments_end: usize,
    /// How many segments it has.
    pub(super) segments: usize,
    pub(super) sections: Vec<Section>,
    /// Where the section headers begin.
    pub(super) sections_at: usize,
    /// The section that holds the names of sections.
    pub(super) names: usize,
}

impl<'a> Tables<'a> {
    /// Reads the tables of an ELF file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Reason> {
        let form = match bytes.get(..6) {
            Some([0x7f, b'E', b'L', b'F', class @ 1..=2, order @ 1..=2]) => Form {
                wide: *class == 2,
                big: *order == 2,
            },
            _ => return Err("is no ELF file"),
        };
        let field = |at: usize, width: usize| form.get(bytes, at, width).ok_or(DAMAGED);
        let word = form.word();
        let (segments_at, sections_at) = (field(24 + word, word)?, field(24 + 2 * word, word)?);
        let counts = form.counts_at();
        let (segment_size, segments) = (field(counts + 2, 2)?, field(counts + 4, 2)? as usize);
        let (section_size, count) = (field(counts + 6, 2)?, field(counts + 8, 2)? as usize);
        let names = field(counts + 10, 2)? as usize;
        if sections_at == 0 || count == 0 || names == 0 {
            return Err("has no table of sections");
        }
        if section_size != form.section_size() as u64
            || segments > 0 && segment_size != form.segment_size() as u64
            || segments == 0xffff
        {
            return Err("has tables of an unknown form");
        }
        let mut tables = Self {
            bytes,
            form,
            kind: field(16, 2)?,
            machine: field(18, 2)?,
            segments_end: form.header_size(),
            segments,
            sections: Vec::with_capacity(count.min(bytes.len() / form.section_size() + 1)),
            sections_at: usize::try_from(sections_at).map_err(|_| DAMAGED)?,
            names,
        };
        tables.read_segments(segments_at)?;
        tables.read_sections(count)?;
        Ok(tables)
    }

    fn read_segments(&mut self, at: u64) -> Result<(), Reason> {
        let (form, bytes) = (self.form, self.bytes);
        let size = form.segment_size();
        let table = span(bytes, at, (self.segments * size) as u64).ok_or(DAMAGED)?;
        if self.segments > 0 {
            self.segments_end = self.segments_end.max(table.end);
        }
        // `p_flags` stands at another place in narrow files; offset and file size follow from that.
        let (offset_at, size_at) = if form.wide { (8, 32) } else { (4, 16) };
        for index in 0..self.segments {
            let at = table.start + index * size;
            let number = |place| form.get(bytes, at + place, form.word()).ok_or(DAMAGED);
            let (offset, length) = (number(offset_at)?, number(size_at)?);
            if length > 0 {
                let content = span(bytes, offset, length).ok_or(DAMAGED)?;
                self.segments_end = self.segments_end.max(content.end);
            }
        }
        Ok(())
    }

    fn read_sections(&mut self, count: usize) -> Result<(), Reason> {
        let size = self.form.section_size();
        let table = span(self.bytes, self.sections_at as u64, (count * size) as u64);
        let table = table.ok_or(DAMAGED)?;
        for index in 0..count {
            let section = Section::read(self.form, self.bytes, table.start + index * size);
            self.sections.push(section.ok_or(DAMAGED)?);
        }
        for section in &self.sections {
            if section.has_bytes() && span(self.bytes, section.offset, section.size).is_none()
                || section.link as usize >= count
            {
                return Err(DAMAGED);
            }
        }
        let names = self.sections.get(self.names);
        if names.is_none_or(|names| names.kind != STRTAB) {
            return Err("has no names of sections");
        }
        Ok(())
    }

    /// A section's bytes; none for one that has none.
    pub(super) fn content(&self, section: &Section) -> &'a [u8] {
        let place = span(self.bytes, section.offset, section.size).filter(|_| section.has_bytes());
        place.and_then(|place| self.bytes.get(place)).unwrap_or(&[])
    }

    /// A section's name.
    pub(super) fn name(&self, section: &Section) -> &'a [u8] {
        let names = self
            .sections
            .get(self.names)
            .map_or(&[][..], |names| self.content(names));
        let rest = names.get(section.name as usize..).unwrap_or(&[]);
        rest.split(|byte| *byte == 0).next().unwrap_or(&[])
    }

    /// The section whose bytes are at a place of the file.
    pub(super) fn section_at(&self, offset: usize) -> Option<&Section> {
        self.sections.iter().find(|section| {
            let place = span(self.bytes, section.offset, section.size);
            section.has_bytes() && place.is_some_and(|place| place.contains(&offset))
        })
    }

    /// Whether bytes lie behind the segments that no table accounts for: what a program keeps for itself, or a signature.
    pub(super) fn has_further_data(&self) -> bool {
        let table = self.sections.len() * self.form.section_size();
        let mut places = vec![
            0..self.segments_end,
            self.sections_at..self.sections_at + table,
        ];
        for section in self.sections.iter().filter(|section| section.has_bytes()) {
            places.extend(span(self.bytes, section.offset, section.size));
        }
        places.sort_by_key(|place| place.start);
        let mut reached = 0;
        for place in places {
            let gap = self.bytes.get(reached..place.start).unwrap_or(&[]);
            // Tables and sections are aligned by zeros.
            if gap.iter().any(|byte| *byte != 0) {
                return true;
            }
            reached = reached.max(place.end);
        }
        reached < self.bytes.len()
    }
}

/// A range inside a file.
fn span(bytes: &[u8], at: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let end = usize::try_from(at.checked_add(length)?).ok()?;
    (end <= bytes.len()).then_some(at as usize..end)
}
