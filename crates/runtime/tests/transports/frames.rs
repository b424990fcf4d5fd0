//! What a node does with frames that no client of ours sends: the session ends in words, and others do not notice.

use crate::{Set, Way};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use windlass_contract::frame::{self, Chunk, Frame};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head};
use windlass_contract::hello::{CONTRACT_HASH, FEATURE_STREAM, Hello, VERSION};
use windlass_contract::limits::{CHUNK_BYTES_MAX, WINDOW_BYTES};
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, MethodRef, PoolId};
use windlass_echo::echo;
use windlass_memory::SegmentId;

/// A connection on which anything may be said.
struct Raw {
    socket: TcpStream,
    heard: Vec<u8>,
}

/// What is said, and what the node says to it.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Raw));

/// What came, as far as these tests look at it.
#[derive(Debug, PartialEq)]
enum Heard {
    Welcome(u16),
    Answer(CallId, u16),
    Bye(u16, String),
    Other,
    Over,
}

impl Raw {
    /// Connected, nothing said.
    fn dial(set: &Set) -> Raw {
        let socket = TcpStream::connect(set.stage.tcp()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Raw { socket, heard: Vec::new() }
    }
    /// Welcomed.
    fn greeted(set: &Set) -> Raw {
        let mut raw = Raw::dial(set);
        raw.say(&Frame::Hello(set.stage.token(), hello()));
        assert_eq!(raw.hear(), Heard::Welcome(0));
        raw
    }
    fn say(&mut self, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.say_bytes(&bytes);
    }
    /// The node may have hung up by then, which the next `hear` tells.
    fn say_bytes(&mut self, bytes: &[u8]) {
        let _may_be_closed = self.socket.write_all(bytes);
    }
    fn hear(&mut self) -> Heard {
        loop {
            if let Some((frame, used)) = frame::take(&self.heard).expect("the node sends frames") {
                let heard = match frame {
                    Frame::Welcome(welcome) => Heard::Welcome(welcome.code),
                    Frame::Completion(completion, _) => {
                        Heard::Answer(completion.call, completion.fault.map_or(0, |head| head.code))
                    }
                    Frame::Bye { code, text } => Heard::Bye(code, text),
                    _ => Heard::Other,
                };
                self.heard.drain(..used);
                return heard;
            }
            let mut piece = [0; 4096];
            match self.socket.read(&mut piece) {
                Ok(0) => return Heard::Over,
                Ok(count) => self.heard.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Heard::Over,
                Err(error) => panic!("the node neither answers nor hangs up: {error}"),
            }
        }
    }
    /// The session ends, saying this.
    fn ends(&mut self, words: &str) {
        loop {
            match self.hear() {
                Heard::Bye(code, text) => {
                    assert_eq!(code, Code::SessionEnded as u16, "{text}");
                    assert!(text.contains(words), "{text:?} does not say {words:?}");
                    return;
                }
                Heard::Over => panic!("the node hung up without a word about {words:?}"),
                _ => {}
            }
        }
    }
}

fn hello() -> Hello {
    Hello {
        version_min: VERSION,
        version_max: VERSION,
        features: FEATURE_STREAM,
        contract: CONTRACT_HASH,
        calls: 16,
        pid: 1,
        name: "raw".into(),
    }
}

fn slot(pool: PoolId, call: CallId, method: MethodRef, flags: u16, length: usize) -> Slot {
    Slot {
        call,
        pool,
        method: method.id,
        kind: Kind::Call,
        query: Query::Local,
        flags,
        schema: method.schema,
        time_left_ns: NO_DEADLINE,
        arguments: Place { segment: SegmentId::NONE, length: length as u32, offset: 0 },
    }
}

/// A call of `checksum` with a buffer of so many bytes.
fn checksum(set: &Set, call: CallId, bytes: u64, segment: SegmentId) -> Vec<u8> {
    let entry =
        BufferEntry { segment, direction: Direction::In, kind: BufferKind::Bytes, offset: 0, length: bytes };
    let head = Head { buffers: vec![entry], ..Head::default() };
    let mut arguments = Vec::new();
    head.encode(&mut arguments);
    let slot = slot(set.echo.pool().id(), call, echo::methods::checksum(), head.flags(), arguments.len());
    let mut frame = Vec::new();
    Frame::Slot(slot, &arguments).encode(&mut frame);
    frame
}

#[test]
fn rpc_R4_frames_that_cannot_be_end_their_session_in_words_and_nobody_elses() {
    let set = Set::by(Way::Tcp);
    let call = CallId::new(0, 1);
    let chunk = |buffer, offset, bytes| Frame::Chunk(Chunk { call, buffer, offset, bytes });
    let begun = checksum(&set, call, 10, SegmentId::NONE);
    let cases: [Case<'_>; 10] = [
        ("frames of kind 71", &|raw| raw.say_bytes(b"GET / HTTP/1.1\r\n\r\n")),
        ("reserved bytes", &|raw| raw.say_bytes(&[5, 1, 0, 0, 8, 0, 0, 0])),
        ("cannot be a frame", &|raw| raw.say_bytes(&[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F])),
        ("second hello", &|raw| raw.say(&Frame::Hello(set.stage.token(), hello()))),
        ("never sent", &|raw| raw.say(&Frame::Credit(1))),
        ("does not follow", &|raw| {
            raw.say_bytes(&begun);
            raw.say(&chunk(0, 3, b"abc"));
        }),
        ("more than was announced", &|raw| {
            raw.say_bytes(&begun);
            raw.say(&chunk(0, 0, b"abcdefghijk"));
        }),
        ("the call has not", &|raw| {
            raw.say_bytes(&begun);
            raw.say(&chunk(1, 0, b"abc"));
        }),
        ("in use", &|raw| {
            raw.say_bytes(&begun);
            raw.say_bytes(&checksum(&set, CallId::new(0, 2), 10, SegmentId::NONE));
        }),
        ("call slot 999", &|raw| raw.say_bytes(&checksum(&set, CallId::new(999, 1), 10, SegmentId::NONE))),
    ];
    for (words, case) in cases {
        let mut raw = Raw::greeted(&set);
        case(&mut raw);
        raw.ends(words);
        assert_eq!(set.echo.ping(1).unwrap(), 1, "{words}");
    }
}

#[test]
fn rpc_R11_whoever_overdraws_the_credit_is_ended_and_whoever_keeps_it_is_not() {
    let set = Set::by(Way::Tcp);
    let mut raw = Raw::greeted(&set);
    let piece = vec![1; CHUNK_BYTES_MAX];
    let call = CallId::new(0, 1);
    // Chunks of no call are dropped, and count.
    let chunk = Chunk { call, buffer: 0, offset: 0, bytes: &piece };
    let mut sent = Vec::new();
    for _ in 0..WINDOW_BYTES as usize / CHUNK_BYTES_MAX {
        Frame::Chunk(chunk).encode(&mut sent);
    }
    raw.say_bytes(&sent);
    assert_eq!(raw.hear(), Heard::Other, "credit comes back");
    raw.say_bytes(&checksum(&set, call, 3, SegmentId::NONE));
    raw.say(&Frame::Chunk(Chunk { call, buffer: 0, offset: 0, bytes: b"abc" }));
    loop {
        match raw.hear() {
            Heard::Other => {}
            heard => {
                assert_eq!(heard, Heard::Answer(call, 0));
                break;
            }
        }
    }
    assert_eq!(set.echo.ping(1).unwrap(), 1);
}

#[test]
fn rpc_R4_a_segment_named_in_a_stream_is_refused_and_never_looked_at() {
    let set = Set::by(Way::Tcp);
    let mut raw = Raw::greeted(&set);
    for (at, segment) in
        [SegmentId::CLIENT, SegmentId::NODE, SegmentId(1), SegmentId::FIRST_FROZEN].into_iter().enumerate()
    {
        let call = CallId::new(at as u32, 1);
        raw.say_bytes(&checksum(&set, call, 10, segment));
        assert_eq!(raw.hear(), Heard::Answer(call, Code::BadBuffer as u16));
    }
    let call = CallId::new(9, 1);
    raw.say_bytes(&checksum(&set, call, u64::MAX / 2, SegmentId::NONE));
    assert_eq!(raw.hear(), Heard::Answer(call, Code::TooLarge as u16));
    // An argument place that names a segment cannot even be a frame.
    let mut named = slot(set.echo.pool().id(), CallId::new(10, 1), echo::methods::ping(), 0, 0);
    named.arguments.segment = SegmentId::CLIENT;
    raw.say(&Frame::Slot(named, &[]));
    raw.ends("in segment");
}

#[test]
fn rpc_R4_a_cut_or_slow_hello_is_turned_away_and_a_truncated_frame_is_not_waited_for_for_ever() {
    let set = Set::by(Way::Tcp);
    let mut silent = Raw::dial(&set);
    let mut foreign = Raw::dial(&set);
    foreign.say_bytes(b"\x16\x03\x01");
    assert_eq!(foreign.hear(), Heard::Welcome(Code::BadHello as u16));
    let mut other = Raw::dial(&set);
    let newer = Hello { version_min: VERSION + 1, version_max: VERSION + 1, ..hello() };
    other.say(&Frame::Hello(set.stage.token(), newer));
    assert_eq!(other.hear(), Heard::Welcome(Code::VersionMismatch as u16));
    let mut slow = Raw::greeted(&set);
    slow.say_bytes(&[4, 0, 0, 0, 100]);
    assert_eq!(silent.hear(), Heard::Welcome(Code::BadHello as u16), "it said nothing in time");
    slow.ends("whole");
    assert_eq!(set.echo.ping(1).unwrap(), 1);
}

#[test]
fn rpc_R11_a_client_that_never_reads_fills_nothing_but_its_own_share() {
    let set = Set::by(Way::Tcp);
    let mut raw = Raw::greeted(&set);
    // 16 calls may be out; their slots are used again although no answer was read.
    let text = postcard::to_allocvec(&"z".repeat(60_000)).unwrap();
    let pool = set.echo.pool().id();
    for round in 1..200 {
        for at in 0..16 {
            let slot = slot(pool, CallId::new(at, round), echo::methods::echo(), 0, text.len());
            let mut frame = Vec::new();
            Frame::Slot(slot, &text).encode(&mut frame);
            raw.say_bytes(&frame);
        }
    }
    // It hung up, with a word that may be lost among what nobody read.
    while raw.hear() != Heard::Over {}
    let sessions = set.stage.admin().sessions().unwrap();
    assert!(sessions.iter().all(|session| session.name != "raw"), "{sessions:?}");
    assert_eq!(set.echo.ping(1).unwrap(), 1);
}
