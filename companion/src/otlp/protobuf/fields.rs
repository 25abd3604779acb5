//! The fields of one protobuf message, in place in the bytes. Nothing is copied and nothing nests here, so
//! hostile bytes cost neither memory nor stack.

use crate::otlp::{Malformed, Text};

/// A field's value as it is encoded.
#[derive(Debug, Clone, Copy)]
enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// A field with its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    raw: Raw<'a>,
}

impl<'a> Field<'a> {
    /// Bytes, or a message.
    pub(super) const fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self.raw {
            Raw::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type(self.number)),
        }
    }

    pub(super) fn text(self) -> Result<Text<'a>, Malformed> {
        self.bytes().map(Text::of)
    }

    pub(super) const fn varint(self) -> Result<u64, Malformed> {
        match self.raw {
            Raw::Varint(number) => Ok(number),
            _ => Err(Malformed::Type(self.number)),
        }
    }

    pub(super) const fn fixed64(self) -> Result<u64, Malformed> {
        match self.raw {
            Raw::Fixed64(number) => Ok(number),
            _ => Err(Malformed::Type(self.number)),
        }
    }
}

/// The fields of a message, in the order in which they were sent; ends after the first error.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let key = self.number()?;
        let raw = match key & 7 {
            0 => Raw::Varint(self.number()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| Malformed::CutOff)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::CutOff)?;
                self.0 = rest;
                Raw::Bytes(bytes)
            }
            5 => {
                self.fixed::<4>()?;
                Raw::Fixed32
            }
            // Groups were never in OTLP.
            _ => return Err(Malformed::Encoding),
        };
        match key >> 3 {
            0 => Err(Malformed::Encoding),
            number => Ok(Field { number, raw }),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed::CutOff)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A varint: seven bits per byte, the lowest first, at most ten bytes.
    fn number(&mut self) -> Result<u64, Malformed> {
        // Nearly all keys and lengths are of one byte.
        if let Some((byte, rest)) = self.0.split_first()
            && byte & 0x80 == 0
        {
            self.0 = rest;
            return Ok(u64::from(*byte));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for (at, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return if at == 9 && *byte > 1 { Err(Malformed::Encoding) } else { Ok(number) };
            }
        }
        Err(if self.0.len() < 10 { Malformed::CutOff } else { Malformed::Encoding })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}
