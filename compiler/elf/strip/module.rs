//! Kernel modules: debugging information goes, and symbols that only it used.

use super::names::{Names, Packed};
use super::{Stripped, is_needless, outcome, pad};
use crate::elf::headers::{
    DAMAGED, Form, GROUP, IN_GROUP, INFO_LINK, LLVM_ADDRSIG, REL, RESERVED, Reason, SYMTAB,
    SYMTAB_SHNDX, Section, Tables,
};

/// `e_type` of an object that is not linked.
const OBJECT: u64 = 1;
/// `e_machine` of MIPS, whose wide relocations are written in a way of their own.
const MIPS: u64 = 8;
/// Type of a symbol that stands for a section.
const OF_SECTION: u64 = 3;
/// Type of a symbol that names a source file.
const OF_FILE: u64 = 4;

/// Takes debugging information out of an unpacked kernel module.
///
/// Symbols stay: the kernel resolves relocations by them, and prints them when something goes wrong. Those that name source
/// files go, and those of sections that nothing refers to. A module with a signature behind it is left as it is.
pub fn strip_module(bytes: &[u8]) -> Stripped {
    outcome(bytes, stripped(bytes))
}

fn stripped(bytes: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    let tables = Tables::read(bytes)?;
    if tables.kind != OBJECT || tables.segments != 0 {
        return Err("is no kernel module");
    }
    if tables.machine == MIPS && tables.form.wide {
        return Err("has relocations of an unknown form");
    }
    let module = Module::read(&tables)?;
    if module.keeps_all() {
        return Ok(None);
    }
    if tables.has_further_data() {
        return Err("carries data behind its sections, such as a signature");
    }
    module.write().map(Some)
}

/// What stays of a module.
struct Module<'a, 'b> {
    tables: &'b Tables<'a>,
    /// The symbol table's number.
    symbols: usize,
    /// By section: its new number, or `None` for one that goes.
    sections: Vec<Option<u32>>,
    /// By symbol: its new number, or `None` for one that goes.
    kept: Vec<Option<u32>>,
}

impl<'a, 'b> Module<'a, 'b> {
    fn read(tables: &'b Tables<'a>) -> Result<Self, Reason> {
        let is_symbols = |section: &Section| section.kind == SYMTAB;
        let symbols = tables.sections.iter().position(is_symbols);
        let symbols = symbols.ok_or("has no symbol table")?;
        if tables
            .sections
            .iter()
            .filter(|section| is_symbols(section))
            .count()
            > 1
            || tables
                .sections
                .iter()
                .any(|section| section.kind == SYMTAB_SHNDX)
        {
            return Err("has symbol tables of an unknown form");
        }
        // Symbols and their names stay, whatever their sections are called.
        let names = tables.sections.get(symbols);
        let names = names.map_or(symbols, |table| table.link as usize);
        let needless = |(index, section): (usize, &Section)| {
            ![symbols, names].contains(&index)
                && (matches!(section.kind, GROUP | LLVM_ADDRSIG)
                    || is_needless(tables, index, section))
        };
        let stays: Vec<bool> = tables
            .sections
            .iter()
            .enumerate()
            .map(|section| !needless(section))
            .collect();
        let mut next = 0;
        let mut sections = Vec::new();
        for (section, own) in tables.sections.iter().zip(&stays) {
            let target = stays.get(section.info as usize).copied().unwrap_or(false);
            let stays = *own && (!section.is_relocations() || target);
            sections.push(stays.then_some(next));
            next += u32::from(stays);
        }
        let mut module = Self {
            tables,
            symbols,
            sections,
            kept: Vec::new(),
        };
        module.kept = module.kept_symbols()?;
        Ok(module)
    }

    fn keeps_all(&self) -> bool {
        self.sections.iter().all(Option::is_some) && self.kept.iter().all(Option::is_some)
    }

    fn symbol_table(&self) -> Result<&'b Section, Reason> {
        self.tables.sections.get(self.symbols).ok_or(DAMAGED)
    }

    /// Sections that stay, with their numbers.
    fn staying(&self) -> impl Iterator<Item = (usize, &'b Section)> {
        let sections = self.tables.sections.iter().enumerate();
        sections.filter(|(index, _)| self.sections.get(*index).is_some_and(Option::is_some))
    }

    fn kept_symbols(&self) -> Result<Vec<Option<u32>>, Reason> {
        let form = self.tables.form;
        let content = self.tables.content(self.symbol_table()?);
        let count = content.len() / form.symbol_size();
        let used = self.used_symbols(count)?;
        let mut kept = Vec::with_capacity(count);
        let mut next = 0;
        for (index, used) in used.iter().enumerate() {
            let symbol = Symbol::read(form, content, index).ok_or(DAMAGED)?;
            let place = symbol.section as usize;
            let is_gone =
                symbol.section < RESERVED && self.sections.get(place).ok_or(DAMAGED)?.is_none();
            if is_gone && *used {
                return Err("has code that refers to its debugging information");
            }
            let needless = is_gone || matches!(symbol.kind, OF_SECTION | OF_FILE);
            let stays = index == 0 || *used || !needless;
            kept.push(stays.then_some(next));
            next += u32::from(stays);
        }
        Ok(kept)
    }

    /// By symbol: whether a relocation that stays refers to it.
    fn used_symbols(&self, count: usize) -> Result<Vec<bool>, Reason> {
        let mut used = vec![false; count];
        for (_, section) in self
            .staying()
            .filter(|(_, section)| section.is_relocations())
        {
            if section.link as usize != self.symbols {
                return Err("has relocations without symbols");
            }
            let entries = Relocations::of(self.tables.form, section)?;
            for symbol in entries.symbols(self.tables.content(section)) {
                *used.get_mut(symbol).ok_or(DAMAGED)? = true;
            }
        }
        Ok(used)
    }

    fn write(&self) -> Result<Vec<u8>, Reason> {
        let (tables, form) = (self.tables, self.tables.form);
        let symbol_names = self.symbol_table()?.link as usize;
        let names = self.names(symbol_names)?;
        let place = |table: usize, at: u32| {
            names
                .iter()
                .find(|(index, _)| *index == table)
                .map_or(0, |(_, names)| names.place(at))
        };
        let mut file = tables
            .bytes
            .get(..form.header_size())
            .ok_or(DAMAGED)?
            .to_vec();
        let mut headers = Vec::new();
        for (index, old) in self.staying() {
            let mut section = *old;
            let content = if index == self.symbols {
                section.info = self.first_global(old.info);
                self.symbols_content(&|at| place(symbol_names, at))?
            } else if let Some((_, names)) = names.iter().find(|(table, _)| *table == index) {
                names.bytes.clone()
            } else if section.is_relocations() {
                self.relocations(old)?
            } else {
                tables.content(old).to_vec()
            };
            section.name = place(tables.names, old.name);
            section.flags &= !IN_GROUP;
            section.link = self.number(old.link);
            if section.is_relocations() || section.flags & INFO_LINK != 0 {
                section.info = self.number(old.info);
            }
            let align = section
                .alignment()
                .ok_or("has a section of a strange alignment")?;
            if section.has_bytes() {
                pad(&mut file, align);
                section.size = content.len() as u64;
            }
            if index > 0 {
                section.offset = file.len() as u64;
            }
            file.extend(content);
            // Sections that share their bytes would make it ever larger.
            if file.len() >= tables.bytes.len() {
                return Ok(file);
            }
            section.write(form, &mut headers);
        }
        pad(&mut file, form.word());
        let (at, count) = (file.len(), headers.len() / form.section_size());
        file.extend(headers);
        let names = self.number(tables.names as u32) as usize;
        form.point_at_sections(&mut file, at, count, names);
        Ok(file)
    }

    /// The tables of names, by their old numbers; sections and symbols may share one.
    fn names(&self, symbol_names: usize) -> Result<Vec<(usize, Packed)>, Reason> {
        let tables = self.tables;
        let content = |index: usize| {
            let section = tables.sections.get(index).ok_or(DAMAGED)?;
            Ok::<_, Reason>(Names::new(tables.content(section)))
        };
        let mut of_sections = content(tables.names)?;
        for (_, section) in self.staying() {
            of_sections.want(section.name)?;
        }
        let mut of_symbols = None;
        if symbol_names != tables.names {
            of_symbols = Some(content(symbol_names)?);
        }
        let wanted = of_symbols.as_mut().unwrap_or(&mut of_sections);
        let symbols = tables.content(self.symbol_table()?);
        for (index, _) in self
            .kept
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.is_some())
        {
            let symbol = Symbol::read(tables.form, symbols, index).ok_or(DAMAGED)?;
            wanted.want(symbol.name)?;
        }
        let mut names = vec![(tables.names, of_sections.pack())];
        names.extend(of_symbols.map(|names| (symbol_names, names.pack())));
        Ok(names)
    }

    /// The new number of a section; 0 for one that goes.
    fn number(&self, index: u32) -> u32 {
        self.sections
            .get(index as usize)
            .copied()
            .flatten()
            .unwrap_or(0)
    }

    /// How many of the symbols before the first global one stay.
    fn first_global(&self, old: u32) -> u32 {
        let before = self.kept.iter().take(old as usize);
        before.filter(|kept| kept.is_some()).count() as u32
    }

    fn symbols_content(&self, place: &dyn Fn(u32) -> u32) -> Result<Vec<u8>, Reason> {
        let form = self.tables.form;
        let old = self.tables.content(self.symbol_table()?);
        let mut content = Vec::with_capacity(old.len());
        for (index, _) in self
            .kept
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.is_some())
        {
            let symbol = Symbol::read(form, old, index).ok_or(DAMAGED)?;
            let at = content.len();
            let size = form.symbol_size();
            content.extend(old.get(index * size..(index + 1) * size).ok_or(DAMAGED)?);
            form.set(&mut content, at, 4, place(symbol.name).into());
            if symbol.section < RESERVED {
                let section = self.number(symbol.section as u32);
                form.set(&mut content, at + section_at(form), 2, section.into());
            }
        }
        Ok(content)
    }

    fn relocations(&self, section: &Section) -> Result<Vec<u8>, Reason> {
        let entries = Relocations::of(self.tables.form, section)?;
        let mut content = self.tables.content(section).to_vec();
        entries.renumber(&mut content, &|symbol| {
            self.kept.get(symbol).copied().flatten().unwrap_or(0)
        });
        Ok(content)
    }
}

/// What counts of a symbol here.
struct Symbol {
    name: u32,
    kind: u64,
    section: u64,
}

impl Symbol {
    fn read(form: Form, content: &[u8], index: usize) -> Option<Self> {
        let at = index.checked_mul(form.symbol_size())?;
        let info = if form.wide { 4 } else { 12 };
        Some(Self {
            name: form.get(content, at, 4)? as u32,
            kind: form.get(content, at + info, 1)? & 0xf,
            section: form.get(content, at + section_at(form), 2)?,
        })
    }
}

/// Where a symbol holds its section.
fn section_at(form: Form) -> usize {
    if form.wide { 6 } else { 14 }
}

/// The form of one section's relocations: place, symbol and type, and in some an addend.
struct Relocations {
    form: Form,
    size: usize,
}

impl Relocations {
    fn of(form: Form, section: &Section) -> Result<Self, Reason> {
        let words = if section.kind == REL { 2 } else { 3 };
        let size = words * form.word();
        if !section.size.is_multiple_of(size as u64) {
            return Err(DAMAGED);
        }
        Ok(Self { form, size })
    }

    /// Bits of `r_info` below the symbol.
    fn shift(&self) -> u32 {
        if self.form.wide { 32 } else { 8 }
    }

    fn info(&self, content: &[u8], at: usize) -> u64 {
        let word = self.form.word();
        self.form.get(content, at + word, word).unwrap_or(0)
    }

    fn symbols(&self, content: &[u8]) -> impl Iterator<Item = usize> {
        let starts = (0..content.len()).step_by(self.size);
        starts.map(|at| (self.info(content, at) >> self.shift()) as usize)
    }

    fn renumber(&self, content: &mut [u8], number: &dyn Fn(usize) -> u32) {
        let (word, shift) = (self.form.word(), self.shift());
        for at in (0..content.len()).step_by(self.size) {
            let info = self.info(content, at);
            let symbol = u64::from(number((info >> shift) as usize));
            let info = symbol << shift | info & ((1 << shift) - 1);
            self.form.set(content, at + word, word, info);
        }
    }
}
