//! Wire: ZeroMQ's own protocol (ZMTP 3.0, mechanism NULL), the serving half, as far as REQ and DEALER peers need it.
//!
//! Lives here, in the order data moves: `greeting` (64 bytes and READY), `frames` (what follows).
//! From: a TCP stream. To: `peer`, which sees whole messages.
//! Holds: no byte of a peer reserves memory or ends anything but its own connection; every length is held against a limit
//!   before it is believed.
//! Not here: what a message means (`request`).
//! Why ours: decisions/0016-zmtp-with-limits.md.

pub(crate) mod frames;
pub(crate) mod greeting;

use std::io;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The stream ended or failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer's bytes are not the protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// A frame is longer than its limit.
    #[error("a frame of {len} bytes, at most {max} are taken")]
    TooLong {
        /// What the peer announced.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A message has more frames than any client sends.
    #[error("a message of more than {0} frames")]
    TooMany(usize),
}

/// The body of the fuzz test: a handshake and messages of any bytes end in messages that can be sent and read again, or in an
/// error; what is kept of them is never more than what came.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut rest = data;
        let mut answers = Vec::new();
        // A first byte below 128: a peer that greets; else one that is connected already.
        let greets = rest.split_off_first().is_some_and(|first| *first < 128);
        if greets && let Err(error) = greeting::exchange(&mut rest, &mut answers).await {
            assert!(!error.to_string().is_empty());
            return false;
        }
        loop {
            match frames::read(&mut rest, &mut answers, frames::Most::KNOWN).await {
                Ok(message) => {
                    let all = || message.envelope.iter().chain(&message.parts);
                    assert!(all().map(Vec::len).sum::<usize>() <= data.len());
                    if let [part] = &message.parts[..] {
                        let mut again = Vec::new();
                        frames::send(&mut again, &message.envelope, part).await.expect("written");
                        let second = frames::read(&mut &again[..], &mut answers, frames::Most::KNOWN)
                            .await
                            .expect("what was read can be sent");
                        assert_eq!(second, message);
                    }
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    // The bytes end somewhere: that is how a good run ends.
                    return rest.is_empty() && error.is_end();
                }
            }
        }
    })
}

impl WireError {
    /// Whether the peer simply hung up.
    pub(crate) fn is_end(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(self, Self::Io(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe | ConnectionAborted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_any_bytes_give_messages_or_an_error() {
        let ready = b"\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03REQ".to_vec();
        let message = b"\x01\x00\x01\x02{}\x02\0\0\0\0\0\0\0\x04data".to_vec();
        let ping = b"\x04\x09\x04PING\0\x01ab".to_vec();
        let bare = b"\x00\x05hello".to_vec();
        let seeds = [
            [vec![0], greeting::ours().to_vec(), ready, message.clone()].concat(),
            [vec![255], message, ping, bare].concat(),
        ];
        for seed in &seeds {
            assert!(fuzz(seed), "a seed is what it claims to be");
        }
        let mut dice = fastrand::Rng::with_seed(11);
        let mut accepted = 0;
        for _ in 0..20_000 {
            let mut bytes = seeds[dice.usize(..seeds.len())].clone();
            for _ in 0..=dice.usize(..4) {
                let at = dice.usize(..bytes.len());
                match dice.u8(..5) {
                    0 => bytes[at] ^= 1 << dice.u8(..8),
                    1 => bytes[at] = *dice.choice(&[0, 1, 2, 3, 4, 5, 8, 0x7F, 0xFF]).expect("some"),
                    2 => bytes.insert(at, dice.u8(..)),
                    3 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at + 1),
                }
            }
            accepted += usize::from(fuzz(&bytes));
        }
        assert!(accepted > 100, "mutations that still are the protocol: {accepted}");
    }
}
