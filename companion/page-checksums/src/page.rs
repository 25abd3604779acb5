//! The bytes of a page.

/// Bytes at the end of each page that SQLite leaves alone, when a database has checksums.
pub(crate) const RESERVED: u8 = 8;
/// Where the first page tells how many bytes are reserved.
const RESERVED_AT: usize = 20;
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What the first page tells of checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Every page has one.
    Checked,
    /// No page has one.
    Unchecked,
    /// What it tells is not what was written.
    Damaged,
    /// The bytes are not the first page of a database.
    Unknown,
}

/// Whether a database begins with these bytes, and with how many reserved ones.
pub(crate) fn reserved(bytes: &[u8]) -> Option<u8> {
    (bytes.len() >= HEADER && bytes.starts_with(MAGIC)).then(|| bytes.get(RESERVED_AT).copied()).flatten()
}

/// Whether so many bytes may be a page.
pub(crate) const fn is_size(bytes: usize) -> bool {
    bytes >= 512 && bytes <= 65_536 && bytes.is_power_of_two()
}

/// Judges the first page of a database, given whole. The byte that tells whether there are checksums decides whether they
/// are compared, so it is checked apart: a page whose checksum fits once that byte is put right was damaged in it. The rest
/// of the page is compared when it is read, since the log may have a newer one.
#[must_use]
pub fn header(first_page: &[u8]) -> Header {
    match reserved(first_page) {
        _ if !is_size(first_page.len()) => Header::Unknown,
        None => Header::Unknown,
        Some(RESERVED) => Header::Checked,
        Some(0) => {
            let mut put_right = first_page.to_vec();
            put_right[RESERVED_AT] = RESERVED;
            if is_intact(&put_right) { Header::Damaged } else { Header::Unchecked }
        }
        Some(_) => Header::Damaged,
    }
}

/// Whether a page has the checksum of its bytes. A page of zeros has.
#[must_use]
pub fn is_intact(page: &[u8]) -> bool {
    page.split_last_chunk::<8>().is_some_and(|(bytes, found)| checksum(bytes) == *found)
}

/// Writes the checksum of a page.
pub(crate) fn seal(page: &mut [u8]) {
    if let Some((bytes, place)) = page.split_last_chunk_mut::<8>() {
        *place = checksum(bytes);
    }
}

/// Two running totals over pairs of words, each taking in the other: any single changed word changes both.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let (mut first, mut second) = (0_u32, 0_u32);
    for pair in bytes.as_chunks::<8>().0 {
        let pair = u64::from_le_bytes(*pair);
        first = first.wrapping_add(pair as u32).wrapping_add(second);
        second = second.wrapping_add((pair >> 32) as u32).wrapping_add(first);
    }
    (u64::from(second) << 32 | u64::from(first)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Vec<u8> {
        let mut page: Vec<u8> = (0..4096_u32).map(|number| (number * 7 % 251) as u8).collect();
        page[..16].copy_from_slice(MAGIC);
        page[RESERVED_AT] = RESERVED;
        seal(&mut page);
        page
    }

    /// The numbers are those of SQLite's description: s0 += x[i] + s1, s1 += x[i + 1] + s0, as little-endian words.
    #[test]
    fn is_the_checksum_of_cksumvfs() {
        let words = [1_u32, 2, 3, 4].map(u32::to_le_bytes).concat();
        let (s0, s1) = (1, 3);
        let (s0, s1) = (s0 + 3 + s1, s1 + 4 + s0 + 3 + s1);
        assert_eq!(checksum(&words), [(s0 as u32).to_le_bytes(), (s1 as u32).to_le_bytes()].concat()[..]);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sound = page();
        assert!(is_intact(&sound));
        assert_eq!(header(&sound), Header::Checked);
        for bit in 0..sound.len() * 8 {
            let mut page = sound.clone();
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_intact(&page), "bit {bit}");
            let expected = match bit / 8 {
                0..16 => Header::Unknown,
                RESERVED_AT => Header::Damaged,
                _ => Header::Checked,
            };
            assert_eq!(header(&page), expected, "bit {bit}");
        }
    }

    #[test]
    fn a_page_without_a_checksum_is_not_called_damaged() {
        let mut page = page();
        page[RESERVED_AT] = 0;
        page[4095] ^= 1;
        assert_eq!(header(&page), Header::Unchecked);
        assert_eq!(header(&page[..100]), Header::Unknown);
    }
}
