//! Compress against a node: what goes in comes out, and what is damaged, cramped or unknown is said so.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../../../crates/runtime/tests/stage/mod.rs"]
mod stage;

use stage::{Stage, pool};
use windlass_client::Client;
use windlass_compress::{Compress, compress};
use windlass_contract::{Code, Outcome};

const LZ4: u32 = 0;
const ZSTD: u32 = 1;

/// What columns look like: noise, repeats, slowly changing numbers, words.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let mut chance = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = std::iter::repeat_with(|| chance.u8(..)).take(300_000).collect();
    let mut minute = 0_i32;
    let times: Vec<u8> = (0..80_000)
        .flat_map(|_| {
            minute += chance.i32(0..3);
            minute.to_le_bytes()
        })
        .collect();
    let airports = ["ATL", "ORD", "DFW", "DEN", "LAX"];
    let words: Vec<u8> =
        (0..60_000).flat_map(|_| airports[chance.usize(..airports.len())].as_bytes().to_vec()).collect();
    vec![
        ("nothing", Vec::new()),
        ("one byte", vec![7]),
        ("zeros", vec![0; 1_000_000]),
        ("noise", noise),
        ("times", times),
        ("words", words),
    ]
}

fn with_both(claim: impl Fn(&Client, &compress::Blocking, u32)) {
    let stage = Stage::of(&[Compress::TABLE]);
    let client = stage.client();
    for id in [LZ4, ZSTD] {
        let codec = compress::Blocking::create(&client, &format!("codec-{id}"), id, 1).unwrap();
        claim(&client, &codec, id);
    }
}

#[test]
fn what_is_compressed_decompresses_to_the_same_bytes_owned_and_frozen() {
    with_both(|client, codec, id| {
        for (what, data) in samples() {
            let room = codec.bound(data.len() as u64).unwrap() as usize;
            let packed = codec.compress(&data, room).unwrap();
            let plain = codec.decompress(&packed[..], data.len()).unwrap();
            assert!(plain[..] == data[..], "{what} by codec {id}");
            if matches!(what, "zeros" | "times" | "words") {
                assert!(packed.len() * 4 < data.len() * 3, "{what}: {} of {} bytes", packed.len(), data.len());
            }
            if data.is_empty() {
                continue;
            }
            let frozen = client.freeze(&data).unwrap();
            let again = codec.compress(&frozen, room).unwrap();
            assert!(again[..] == packed[..], "frozen {what} by codec {id}");
            let packed = client.freeze(&packed).unwrap();
            assert!(codec.decompress(&packed, data.len()).unwrap()[..] == data[..], "frozen {what} by codec {id}");
        }
    });
}

#[test]
fn room_that_is_too_small_is_fault_1003_and_the_next_call_goes_on() {
    with_both(|_, codec, id| {
        let noise = &samples()[3].1;
        let fault = codec.compress(noise, noise.len() / 2).unwrap_err();
        assert_eq!((fault.code, fault.outcome), (1003, Outcome::Ended), "codec {id}: {fault:?}");
        assert!(!fault.message.is_empty());
        let packed = codec.compress(noise, codec.bound(noise.len() as u64).unwrap() as usize).unwrap();
        let fault = codec.decompress(&packed[..], noise.len() - 1).unwrap_err();
        assert_eq!(fault.code, 1004, "codec {id}: {fault:?}");
        assert!(codec.decompress(&packed[..], noise.len()).unwrap()[..] == noise[..]);
    });
}

#[test]
fn damaged_data_is_fault_1004_or_other_bytes_and_never_a_panic() {
    with_both(|_, codec, id| {
        let words = &samples()[5].1;
        let packed = codec.compress(words, codec.bound(words.len() as u64).unwrap() as usize).unwrap();
        let mut chance = fastrand::Rng::with_seed(u64::from(id));
        for _ in 0..60 {
            let mut damaged = packed.to_vec();
            for _ in 0..chance.usize(1..9) {
                let at = chance.usize(..damaged.len());
                damaged[at] ^= chance.u8(1..);
            }
            damaged.truncate(chance.usize(..=damaged.len()));
            if let Err(fault) = codec.decompress(&damaged, words.len()) {
                assert_eq!(fault.code, 1004, "codec {id}: {fault:?}");
            }
        }
        for garbage in [&packed[..packed.len() / 2], &[0xFF; 64][..], &[0; 9][..]] {
            let fault = codec.decompress(garbage, words.len()).map(|bytes| bytes.len());
            // lz4 has no frame: what decodes to fewer bytes is shorter, not wrong.
            assert!(fault.as_ref().is_ok_and(|len| *len < words.len()) || fault.is_err_and(|f| f.code == 1004));
        }
        assert!(codec.decompress(&packed[..], words.len()).unwrap()[..] == words[..], "the codec goes on");
    });
}

#[test]
fn tasks_K9_create_parameters_have_defaults_and_a_wrong_one_is_refused_in_words() {
    let stage = Stage::with(|config| {
        config.modules.push(Compress::TABLE);
        config.pools.push(pool("plain", "compress", &[]));
        config.pools.push(pool("small", "compress", &[("level", "19"), ("compress_id", "1")]));
    });
    let admin = stage.admin();
    assert_eq!(admin.find_pool("plain").unwrap().parameters, "compress_id=0, level=1");
    assert_eq!(admin.find_pool("small").unwrap().parameters, "compress_id=1, level=19");
    let client = stage.client();
    let fault = compress::Blocking::create(&client, "odd", 7, 1).unwrap_err();
    assert_eq!((fault.code, fault.outcome), (1001, Outcome::Ended), "{fault:?}");
    assert!(fault.message.contains("odd") && fault.message.contains("compress_id 7"), "{fault:?}");
    assert!(admin.find_pool("odd").unwrap_err().is(Code::UnknownPool), "it left nothing behind");
    let fault = admin.create_pool("odd", "compress", &[0xFF]).unwrap_err();
    assert!(fault.is(Code::BadArguments) && fault.message.contains("compress_id"), "{fault:?}");

    let refused = |key: &str, value: &str| {
        let started = Stage::try_with(|config| {
            config.modules.push(Compress::TABLE);
            config.pools.push(pool("plain", "compress", &[(key, value)]));
        });
        started.err().expect("the node does not start")
    };
    let unknown = refused("codec", "1");
    assert!(unknown.is(Code::BadConfig) && unknown.message.contains("compress_id"), "{unknown:?}");
    let other_type = refused("level", "high");
    assert!(other_type.is(Code::BadConfig) && other_type.message.contains("level"), "{other_type:?}");
    assert_eq!(refused("compress_id", "9").code, 1001);
}

#[test]
fn tasks_K26_the_same_name_module_and_parameters_are_the_same_pool() {
    let stage = Stage::of(&[Compress::TABLE]);
    let client = stage.client();
    let first = compress::Blocking::create(&client, "shared", LZ4, 1).unwrap();
    let again = compress::Blocking::create(&stage.client(), "shared", LZ4, 1).unwrap();
    assert_eq!(first.pool().id(), again.pool().id());
    // Parameters that are left out are their defaults.
    let admin = stage.admin();
    assert_eq!(admin.create_pool("shared", "compress", &[]).unwrap().id, first.pool().id().bits());
    assert_eq!(admin.create_pool("shared", "compress", &[0]).unwrap().id, first.pool().id().bits());
    let others = stage::block_on(compress::create(&client, "another", LZ4, 1)).unwrap();
    assert_ne!(first.pool().id(), others.pool().id());
    assert_eq!(admin.pools().unwrap().len(), 3);
}

#[test]
fn tasks_K27_a_name_with_other_parameters_or_another_module_is_never_a_success() {
    let stage = Stage::of(&[Compress::TABLE, windlass_echo::Echo::TABLE]);
    let client = stage.client();
    compress::Blocking::create(&client, "taken", ZSTD, 3).unwrap();
    for (id, level) in [(LZ4, 3), (ZSTD, 4)] {
        let fault = compress::Blocking::create(&client, "taken", id, level).unwrap_err();
        assert!(fault.is(Code::PoolExists), "{fault:?}");
        assert!(fault.message.contains("compress_id=1, level=3"), "it says what is there: {fault:?}");
    }
    let fault = windlass_echo::echo::Blocking::create(&client, "taken", 1).unwrap_err();
    assert!(fault.is(Code::PoolExists) && fault.message.contains("module compress"), "{fault:?}");
}

#[test]
fn the_module_is_forty_lines_of_its_author_at_most() {
    let source = include_str!("../src/lib.rs");
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let count = lines.count();
    assert!(count <= 40, "{count} lines without comments and blank ones");
}
