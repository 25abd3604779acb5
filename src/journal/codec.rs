//! Numbers and bytes as the journal writes them: little-endian, with lengths and counts as variable-length integers
//! (seven bits per byte, the lowest first).

/// A number in one to ten bytes, without an allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    bytes: [u8; 10],
    length: usize,
}

impl Number {
    pub(super) fn of(mut number: u64) -> Self {
        let (mut bytes, mut length) = ([0; 10], 0);
        while number >= 0x80 {
            bytes[length] = number as u8 | 0x80;
            number >>= 7;
            length += 1;
        }
        bytes[length] = number as u8;
        Self { bytes, length: length + 1 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Appends a number.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Number::of(number).bytes());
}

/// Appends bytes after their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote. Every read is `None` where the bytes end too early or make no sense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && part > 1 {
                return None;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers: Vec<u64>, bytes: Vec<u8>) {
            let mut out = Vec::new();
            numbers.iter().for_each(|number| put_number(&mut out, *number));
            put_bytes(&mut out, &bytes);
            let mut cursor = Cursor(&out);
            for number in numbers {
                prop_assert_eq!(cursor.number(), Some(number));
            }
            prop_assert_eq!(cursor.bytes(), Some(&bytes[..]));
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn anything_else_is_none_and_no_panic(bytes: Vec<u8>) {
            let mut cursor = Cursor(&bytes);
            while cursor.number().is_some() || cursor.text().is_some() {}
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_none() {
        assert_eq!(Cursor(&[0xff; 11]).number(), None);
        assert_eq!(
            Cursor(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).number(),
            Some(u64::MAX)
        );
        assert_eq!(Cursor(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).number(), None);
    }
}
