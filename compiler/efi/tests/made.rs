//! PE files to test with: stubs and kernels whose every field can be wrong.

/// A PE file to make.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) machine: u16,
    pub(super) image_base: u64,
    pub(super) section_alignment: u32,
    pub(super) file_alignment: u32,
    pub(super) headers: usize,
    pub(super) first_address: u32,
    pub(super) major_image_version: u16,
    pub(super) dll_characteristics: u16,
    pub(super) subsystem: u16,
    pub(super) certificates: u32,
    pub(super) relocations: (u32, u32),
    pub(super) sections: Vec<(&'static str, Vec<u8>)>,
    pub(super) tail: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            machine: 0x8664,
            image_base: 0,
            section_alignment: 0x1000,
            file_alignment: 0x200,
            headers: 0x400,
            first_address: 0x1000,
            major_image_version: 1,
            dll_characteristics: 0,
            subsystem: 10,
            certificates: 0,
            relocations: (0, 0),
            sections: vec![(".text", vec![0xc3; 700]), (".data", vec![1; 16])],
            tail: Vec::new(),
        }
    }
}

const SIGNATURE: usize = 0x80;
pub(super) const OPTIONAL: usize = SIGNATURE + 24;

impl Made {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.headers];
        let mut put = |place: usize, value: &[u8]| {
            bytes[place..place + value.len()].copy_from_slice(value);
        };
        put(0, b"MZ");
        put(0x3c, &(SIGNATURE as u32).to_le_bytes());
        put(SIGNATURE, b"PE\0\0");
        put(SIGNATURE + 4, &self.machine.to_le_bytes());
        put(SIGNATURE + 6, &(self.sections.len() as u16).to_le_bytes());
        put(SIGNATURE + 8, &[7; 4]);
        put(SIGNATURE + 20, &240_u16.to_le_bytes());
        put(SIGNATURE + 22, &0x22e_u16.to_le_bytes());
        put(OPTIONAL, &0x20b_u16.to_le_bytes());
        put(OPTIONAL + 24, &self.image_base.to_le_bytes());
        put(OPTIONAL + 32, &self.section_alignment.to_le_bytes());
        put(OPTIONAL + 36, &self.file_alignment.to_le_bytes());
        put(OPTIONAL + 44, &self.major_image_version.to_le_bytes());
        put(OPTIONAL + 60, &(self.headers as u32).to_le_bytes());
        put(OPTIONAL + 64, &[9; 4]);
        put(OPTIONAL + 68, &self.subsystem.to_le_bytes());
        put(OPTIONAL + 70, &self.dll_characteristics.to_le_bytes());
        put(OPTIONAL + 108, &16_u32.to_le_bytes());
        put(OPTIONAL + 112 + 4 * 8 + 4, &self.certificates.to_le_bytes());
        put(OPTIONAL + 112 + 5 * 8, &self.relocations.0.to_le_bytes());
        put(
            OPTIONAL + 112 + 5 * 8 + 4,
            &self.relocations.1.to_le_bytes(),
        );
        let mut address = self.first_address;
        let mut offset = self.headers as u32;
        let mut table = OPTIONAL + 240;
        for (name, content) in &self.sections {
            let raw = content.len().next_multiple_of(self.file_alignment as usize) as u32;
            // The kernel's own sections are as large in memory as in the file.
            let size = if self.headers == 0x1000 {
                raw
            } else {
                content.len() as u32
            };
            put(table, name.as_bytes());
            for (field, value) in [size, address, raw, offset].into_iter().enumerate() {
                put(table + 8 + field * 4, &value.to_le_bytes());
            }
            put(table + 36, &0x4000_0040_u32.to_le_bytes());
            table += 40;
            offset += raw;
            address = (address + size).next_multiple_of(self.section_alignment);
        }
        for (_, content) in &self.sections {
            bytes.extend(content);
            bytes.resize(
                bytes.len().next_multiple_of(self.file_alignment as usize),
                0,
            );
        }
        bytes.extend(&self.tail);
        bytes
    }
}

/// A stub with the names of the sections that it looks for, as systemd's has.
pub(super) fn stub() -> Made {
    let names = b".linux\0.osrel\0.cmdline\0.initrd\0.ucode\0.uname\0";
    Made {
        sections: vec![(".text", vec![0xc3; 700]), (".data", names.to_vec())],
        ..Made::default()
    }
}

/// A kernel with `size` bytes of text and an x86 header.
pub(super) fn kernel(size: usize) -> Made {
    Made {
        headers: 0x1000,
        sections: vec![(".text", vec![0x90; size])],
        ..Made::default()
    }
}

pub(super) fn with_x86_header(mut kernel: Vec<u8>) -> Vec<u8> {
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x300_u16.to_le_bytes());
    kernel[0x236..0x238].copy_from_slice(&0x7f_u16.to_le_bytes());
    kernel[0x500..0x51a].copy_from_slice(b"6.12.44-Zero-OS (zosc) #1\0");
    kernel
}
