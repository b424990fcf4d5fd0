//! Small: bytes that need no allocation while they fit a cell.
//!
//! Lives here: `SmallBytes`, used for the arguments of a call and for its reply.
//! Holds: up to `N` stand inside; more go to a vector.

/// Bytes, few of them inline.
pub(crate) enum SmallBytes<const N: usize> {
    /// The first `u16` of them count.
    Inline(u16, [u8; N]),
    /// More than fit inline.
    Spilled(Vec<u8>),
}

impl<const N: usize> SmallBytes<N> {
    const FITS: () = assert!(N <= u16::MAX as usize, "the inline length is a u16");

    pub(crate) const fn new() -> Self {
        let () = Self::FITS;
        SmallBytes::Inline(0, [0; N])
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            SmallBytes::Inline(len, bytes) => &bytes[..usize::from(*len)],
            SmallBytes::Spilled(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn extend(&mut self, more: &[u8]) {
        match self {
            SmallBytes::Inline(len, bytes) => {
                let at = usize::from(*len);
                if let Some(room) = bytes.get_mut(at..at + more.len()) {
                    room.copy_from_slice(more);
                    *len += more.len() as u16;
                } else {
                    let mut spilled = Vec::with_capacity(2 * (at + more.len()));
                    spilled.extend_from_slice(&bytes[..at]);
                    spilled.extend_from_slice(more);
                    *self = SmallBytes::Spilled(spilled);
                }
            }
            SmallBytes::Spilled(bytes) => bytes.extend_from_slice(more),
        }
    }
}

/// Writes postcard to the end of small bytes.
pub(crate) struct Appending<'a, const N: usize>(pub(crate) &'a mut SmallBytes<N>);

impl<const N: usize> postcard::ser_flavors::Flavor for Appending<'_, N> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.extend(&[data]);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_BYTES: usize = 256;

    #[test]
    fn bytes_past_the_inline_room_spill_and_none_is_lost() {
        let mut bytes = SmallBytes::<SMALL_BYTES>::new();
        let all: Vec<u8> = (0..700_u32).map(|at| at as u8).collect();
        for chunk in all.chunks(7) {
            bytes.extend(chunk);
        }
        assert!(matches!(bytes, SmallBytes::Spilled(_)));
        assert_eq!(bytes.as_slice(), all);
        let mut exact = SmallBytes::<SMALL_BYTES>::new();
        exact.extend(&all[..SMALL_BYTES]);
        assert!(matches!(exact, SmallBytes::Inline(..)));
        assert_eq!(exact.as_slice(), &all[..SMALL_BYTES]);
    }
}
