//! Programs and shared libraries: everything that is loaded stays where it is, to the byte.

use super::names::Names;
use super::{Stripped, is_needless, outcome, pad};
use crate::elf::headers::{
    DAMAGED, GROUP, INFO_LINK, NOBITS, NULL, Reason, SYMTAB, SYMTAB_SHNDX, Section, Tables,
};

/// `e_type` of a program at a fixed address.
const EXEC: u64 = 2;
/// `e_type` of a shared object.
const DYN: u64 = 3;

/// Takes the symbol table and debugging information out of a program or a shared library.
///
/// Dynamic symbols, notes, and whatever else is loaded stay, and so do sections whose meaning is unknown here, such as the
/// metadata of Rust's libraries. A file with bytes that no table accounts for keeps all of them: many self-extracting
/// programs look for their payload there.
pub fn strip_program(bytes: &[u8]) -> Stripped {
    outcome(bytes, stripped(bytes))
}

fn stripped(bytes: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    let tables = Tables::read(bytes)?;
    if !matches!(tables.kind, EXEC | DYN) || tables.segments == 0 {
        return Err("is neither a program nor a shared library");
    }
    let kept = kept(&tables);
    let loses = |(section, keep): (&Section, &bool)| !keep && section.kind != NULL;
    if !tables.sections.iter().zip(&kept).any(loses) {
        return Ok(None);
    }
    if tables.has_further_data() {
        return Err("carries data behind its sections, which a program may look for");
    }
    write(&tables, &kept).map(Some)
}

/// By section: whether it stays. The table of names does, and is made anew.
fn kept(tables: &Tables<'_>) -> Vec<bool> {
    let goes = |(index, section): (usize, &Section)| {
        let for_linkers = matches!(section.kind, NULL | SYMTAB | SYMTAB_SHNDX | GROUP);
        !section.is_loaded()
            && (for_linkers || section.is_relocations() || is_needless(tables, index, section))
    };
    let mut kept: Vec<bool> = tables
        .sections
        .iter()
        .enumerate()
        .map(|section| !goes(section))
        .collect();
    // Texts that only a symbol table refers to go with it.
    for symbols in tables
        .sections
        .iter()
        .filter(|section| section.kind == SYMTAB)
    {
        let texts = symbols.link as usize;
        let mut others = tables.sections.iter().zip(&kept);
        let is_shared = others.any(|(section, kept)| *kept && section.link as usize == texts);
        let is_loaded = tables.sections.get(texts).is_some_and(Section::is_loaded);
        if !is_shared
            && !is_loaded
            && texts != tables.names
            && let Some(kept) = kept.get_mut(texts)
        {
            *kept = false;
        }
    }
    if let Some(first) = kept.first_mut() {
        *first = true;
    }
    kept
}

/// The numbers that sections get; 0 for those that go.
///
/// Dynamic symbols hold section numbers, so the header of a section that goes stays, empty, where a loaded section follows.
fn numbers(tables: &Tables<'_>, kept: &[bool]) -> Vec<u32> {
    let last_loaded = tables.sections.iter().rposition(Section::is_loaded);
    let mut next = 0;
    let number = |(index, keep): (usize, &bool)| {
        let stays = *keep || last_loaded.is_some_and(|last| index < last);
        next += u32::from(stays);
        if *keep { next - 1 } else { 0 }
    };
    kept.iter().enumerate().map(number).collect()
}

fn write(tables: &Tables<'_>, kept: &[bool]) -> Result<Vec<u8>, Reason> {
    let form = tables.form;
    let numbers = numbers(tables, kept);
    let number = |index: u32| numbers.get(index as usize).copied().unwrap_or(0);
    let old_names = tables.sections.get(tables.names).ok_or(DAMAGED)?;
    let mut names = Names::new(tables.content(old_names));
    for (section, _) in tables.sections.iter().zip(kept).filter(|(_, keep)| **keep) {
        names.want(section.name)?;
    }
    let names = names.pack();

    let end = loaded_end(tables);
    let mut file = tables.bytes.get(..end).ok_or(DAMAGED)?.to_vec();
    let mut headers = Vec::new();
    let last_loaded = tables
        .sections
        .iter()
        .rposition(Section::is_loaded)
        .unwrap_or(0);
    for (index, section) in tables.sections.iter().enumerate() {
        if !kept.get(index).copied().unwrap_or(false) {
            if index < last_loaded {
                Section::default().write(form, &mut headers);
            }
            continue;
        }
        let mut section = *section;
        section.name = names.place(section.name);
        section.link = number(section.link);
        if section.is_relocations() || section.flags & INFO_LINK != 0 {
            section.info = number(section.info);
        }
        let content = if index == tables.names {
            section.size = names.bytes.len() as u64;
            &names.bytes
        } else {
            tables.content(&section)
        };
        let is_behind = section.offset.saturating_add(section.size) > end as u64;
        if index == tables.names || !section.is_loaded() && section.has_bytes() && is_behind {
            pad(
                &mut file,
                section
                    .alignment()
                    .ok_or("has a section of a strange alignment")?,
            );
            section.offset = file.len() as u64;
            file.extend(content);
            // Sections that share their bytes would make it ever larger.
            if file.len() >= tables.bytes.len() {
                return Ok(file);
            }
        } else if section.kind == NOBITS && !section.is_loaded() {
            section.offset = file.len() as u64;
        }
        section.write(form, &mut headers);
    }
    pad(&mut file, form.word());
    let at = file.len();
    let count = headers.len() / form.section_size();
    file.extend(headers);
    form.point_at_sections(&mut file, at, count, number(tables.names as u32) as usize);
    Ok(file)
}

/// The end of what is copied as it is: headers, segments, and the bytes of loaded sections.
fn loaded_end(tables: &Tables<'_>) -> usize {
    let sections = tables.sections.iter();
    let loaded = sections.filter(|section| section.is_loaded() && section.has_bytes());
    let ends = loaded.map(|section| (section.offset + section.size) as usize);
    ends.fold(tables.segments_end, usize::max)
}
