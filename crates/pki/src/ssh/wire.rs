//! The binary form of RFC 4251: lengths before bytes, big-endian numbers.

/// The input ended early, had something left over, or a length that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads fields one after the other.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?.try_into().map_err(|_| Malformed)?;
        Ok(u64::from_be_bytes(bytes))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| Malformed)?)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// A positive number: its bytes, big-endian, without leading zeros.
    pub(crate) fn number(&mut self) -> Result<&'a [u8], Malformed> {
        match self.bytes()? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            number @ [first, ..] if (1..0x80).contains(first) => Ok(number),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Appends bytes with their length in front. All callers stay far below 4 GiB.
pub(crate) fn put(out: &mut Vec<u8>, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a positive number given as big-endian bytes.
pub(crate) fn put_number(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        let length = u32::try_from(bytes.len() + 1).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.push(0);
        out.extend_from_slice(bytes);
    } else {
        put(out, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_only_their_shortest_form_is_read() {
        for number in [&[1][..], &[0x7f, 2], &[0x80, 3], &[0xff; 32]] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(Reader::new(&out).number(), Ok(number));
        }
        for wrong in [&[][..], &[0], &[0, 1], &[0x80]] {
            let mut out = Vec::new();
            put(&mut out, wrong);
            assert_eq!(Reader::new(&out).number(), Err(Malformed));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]).bytes(), Err(Malformed));
        assert_eq!(Reader::new(&[0, 0]).u32(), Err(Malformed));
    }
}
