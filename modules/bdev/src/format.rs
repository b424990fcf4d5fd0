//! The bytes of a device file: superblock, pages of a table, records. Drawn in docs/formats.md.
//!
//! Lives here: `Super`, `PageHead`, `Record`, and how they become bytes and are read back.
//! From: `journal`. To: the file. Holds: any bytes give a value or a named error; a record that was written is read back as
//! it was, or its page is known to be damaged.

use crate::space::Run;
use serde::{Deserialize, Serialize};

/// Bytes of a page, of the superblock too.
pub const PAGE: usize = 4096;
/// Newest format that is known.
pub const FORMAT: u32 = 1;
/// Superblocks at the file's start, used in turn.
pub const SUPERS: usize = 2;
const MAGIC: &[u8; 8] = b"WNDLBDEV";
const SUPER_BYTES: usize = 80;
const HEAD_BYTES: usize = 36;
/// Record bytes that fit a page.
pub const PAGE_ROOM: usize = PAGE - HEAD_BYTES;

/// What a file says of itself. Of two, the one of the higher sequence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Super {
    /// Counts table areas that were begun.
    pub sequence: u64,
    /// Chosen when the file was made: pages of another file are not taken for its own.
    pub device: u64,
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of each of the two table areas.
    pub table_bytes: u64,
    /// Pages at the area's front that hold all that was allocated when it was begun.
    pub snapshot_pages: u64,
    /// Which area, 0 or 1.
    pub area: u32,
}

/// Why bytes are no superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuperError {
    /// They are of something else.
    Foreign,
    /// Of a newer format.
    Newer(u32),
    /// The checksum, or a number, is wrong.
    Damaged,
}

impl Super {
    /// First byte of an area.
    pub fn area_at(&self, area: u32) -> u64 {
        (SUPERS * PAGE) as u64 + u64::from(area) * self.table_bytes
    }
    /// First byte of the blocks.
    pub fn data_at(&self) -> u64 {
        self.area_at(2)
    }
    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        self.data_at() + self.blocks * self.block_bytes
    }
    /// Pages of an area.
    pub fn area_pages(&self) -> u64 {
        self.table_bytes / PAGE as u64
    }
    /// Where this superblock stands.
    pub fn place(&self) -> u64 {
        self.sequence % SUPERS as u64 * PAGE as u64
    }

    /// Its page: magic, format u32, length u32, the fields, crc u32 of what is before it.
    pub fn write(&self, page: &mut [u8]) {
        page.fill(0);
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            page[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(MAGIC);
        put(&FORMAT.to_le_bytes());
        put(&(SUPER_BYTES as u32).to_le_bytes());
        for number in
            [self.sequence, self.device, self.block_bytes, self.blocks, self.table_bytes, self.snapshot_pages]
        {
            put(&number.to_le_bytes());
        }
        put(&self.area.to_le_bytes());
        let crc = crc32fast::hash(&page[..SUPER_BYTES - 4]);
        page[SUPER_BYTES - 4..SUPER_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a page.
    pub fn read(page: &[u8]) -> Result<Self, SuperError> {
        if page.len() < SUPER_BYTES || page[..8] != *MAGIC {
            return Err(SuperError::Foreign);
        }
        let format = word32(page, 8);
        if format > FORMAT {
            return Err(SuperError::Newer(format));
        }
        let crc = crc32fast::hash(&page[..SUPER_BYTES - 4]);
        if format == 0 || word32(page, 12) as usize != SUPER_BYTES || word32(page, SUPER_BYTES - 4) != crc {
            return Err(SuperError::Damaged);
        }
        let number = |at: usize| word64(page, 16 + at * 8);
        let this = Self {
            sequence: number(0),
            device: number(1),
            block_bytes: number(2),
            blocks: number(3),
            table_bytes: number(4),
            snapshot_pages: number(5),
            area: word32(page, 64),
        };
        let sizes =
            this.blocks.checked_mul(this.block_bytes).filter(|bytes| *bytes <= crate::limits::CAPACITY_MAX);
        let sound = sizes.is_some()
            && crate::limits::BLOCK_BYTES.contains(&this.block_bytes)
            && crate::limits::TABLE_BYTES.contains(&this.table_bytes)
            && this.table_bytes.is_multiple_of(PAGE as u64)
            && this.snapshot_pages <= this.area_pages()
            && this.area < 2;
        if sound { Ok(this) } else { Err(SuperError::Damaged) }
    }
}

/// One change of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Ids up to this one have been given.
    Given(u64),
    /// These runs are allocated under this id.
    Allocated {
        /// Never given twice.
        id: u64,
        /// Bytes asked for.
        bytes: u64,
        /// The blocks.
        runs: Vec<Run>,
    },
    /// This id is free.
    Freed(u64),
}

impl Record {
    /// Its bytes; `None` when they fit no page.
    pub fn encode(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok().filter(|bytes| bytes.len() <= PAGE_ROOM)
    }
}

/// Which page of which area this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHead {
    /// The superblock's.
    pub device: u64,
    /// The superblock's.
    pub sequence: u64,
    /// Counted from the area's first page.
    pub number: u64,
}

impl PageHead {
    /// Writes a page of encoded records: device, sequence, number u64, length u32, records, crc u32 in the head.
    pub fn write(&self, records: &[u8], page: &mut [u8]) {
        page.fill(0);
        for (at, number) in [self.device, self.sequence, self.number].into_iter().enumerate() {
            page[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        page[24..28].copy_from_slice(b"WNDT");
        page[28..32].copy_from_slice(&(records.len() as u32).to_le_bytes());
        page[HEAD_BYTES..HEAD_BYTES + records.len()].copy_from_slice(records);
        let crc = Self::crc(page, records.len());
        page[32..36].copy_from_slice(&crc.to_le_bytes());
    }

    fn crc(page: &[u8], len: usize) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&page[..32]);
        hasher.update(&page[HEAD_BYTES..HEAD_BYTES + len]);
        hasher.finalize()
    }

    /// The records of a page, if it is this very one and whole.
    pub fn read(&self, page: &[u8]) -> Option<Vec<Record>> {
        if page.len() < PAGE || page[24..28] != *b"WNDT" {
            return None;
        }
        let found = Self { device: word64(page, 0), sequence: word64(page, 8), number: word64(page, 16) };
        let len = word32(page, 28) as usize;
        if found != *self || len > PAGE_ROOM || word32(page, 32) != Self::crc(page, len) {
            return None;
        }
        let mut rest = &page[HEAD_BYTES..HEAD_BYTES + len];
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (record, left) = postcard::take_from_bytes(rest).ok()?;
            records.push(record);
            rest = left;
        }
        Some(records)
    }
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}
fn word64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Packs encoded records into pages, in order, each whole on its page.
pub fn pack<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut pages: Vec<Vec<u8>> = Vec::new();
    for record in records {
        match pages.last_mut().filter(|page| page.len() + record.len() <= PAGE_ROOM) {
            Some(page) => page.extend_from_slice(record),
            None => pages.push(record.to_vec()),
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn superblock() -> Super {
        Super {
            sequence: 7,
            device: 0xD00F,
            block_bytes: 4096,
            blocks: 1000,
            table_bytes: 1 << 20,
            snapshot_pages: 3,
            area: 1,
        }
    }

    #[test]
    fn a_superblock_is_read_back_and_every_changed_bit_of_it_is_noticed() {
        let mut page = vec![0; PAGE];
        superblock().write(&mut page);
        assert_eq!(Super::read(&page), Ok(superblock()));
        for bit in 0..SUPER_BYTES * 8 {
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(Super::read(&page).is_err(), "bit {bit}");
            page[bit / 8] ^= 1 << (bit % 8);
        }
        page[8] = 2;
        assert_eq!(Super::read(&page), Err(SuperError::Newer(2)));
        assert_eq!(Super::read(b"short"), Err(SuperError::Foreign));
        let page = [0; PAGE];
        assert_eq!(Super::read(&page), Err(SuperError::Foreign));
    }

    #[test]
    fn the_bytes_of_format_1_never_change() {
        let mut page = vec![0; PAGE];
        superblock().write(&mut page);
        let records =
            Record::Allocated { id: 300, bytes: 5000, runs: vec![Run { at: 2, blocks: 2 }] }.encode().unwrap();
        let mut table = vec![0; PAGE];
        PageHead { device: 1, sequence: 2, number: 3 }.write(&records, &mut table);
        assert_eq!(records, [1, 0xAC, 2, 0x88, 0x27, 1, 2, 2]);
        assert_eq!((crc32fast::hash(&page), crc32fast::hash(&table)), (GOLDEN.0, GOLDEN.1));
    }

    const GOLDEN: (u32, u32) = (4_118_933_290, 957_607_110);

    proptest! {
        #[test]
        fn records_come_back_from_their_page_and_any_bytes_are_records_or_nothing(
            ids in prop::collection::vec((any::<u64>(), any::<u64>(), 0usize..64), 1..12),
            noise in prop::collection::vec(any::<u8>(), 0..PAGE_ROOM),
            flip in 0..PAGE_ROOM * 8,
        ) {
            let record = |(id, bytes, runs): (u64, u64, usize)| Record::Allocated {
                id, bytes, runs: (0..runs as u64).map(|at| Run { at: at * 9, blocks: at + 1 }).collect(),
            };
            let records: Vec<Record> = ids.into_iter().map(record).collect();
            let encoded: Vec<Vec<u8>> = records.iter().map(|one| one.encode().unwrap()).collect();
            let head = PageHead { device: 5, sequence: 1, number: 0 };
            let mut back = Vec::new();
            for packed in pack(encoded.iter().map(Vec::as_slice)) {
                let mut page = vec![0; PAGE];
                head.write(&packed, &mut page);
                back.extend(head.read(&page).unwrap());
                let another = PageHead { number: 1, ..head };
                prop_assert!(another.read(&page).is_none());
                let bit = flip % ((HEAD_BYTES + packed.len()) * 8);
                page[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(head.read(&page).is_none(), "bit {}", bit);
            }
            prop_assert_eq!(back, records);
            let mut page = vec![0; PAGE];
            head.write(&noise, &mut page);
            let _records_or_nothing = head.read(&page);
        }
    }
}
