//! Seeds of the fuzz targets: files of `fuzz/seeds/TARGET`, made once from golden bytes, their cuts, and hostile ones.
//!
//! Holds: a seed that exists is never written again; more may be put there by hand, for instance what a fuzzer found.

#[path = "../golden_files/mod.rs"]
mod golden_files;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use windlass_contract::{Described, ModuleDescriptor};
use windlass_contract::{Schema, admin};

/// Name and bytes of one seed.
pub type Seed = (String, Vec<u8>);

/// Bytes of one seed, at most.
const SEED_BYTES_MAX: usize = 1024;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target)
}

/// The seeds of `target` as they stand in the repository, in the order of their names.
///
/// # Panics
/// When one is missing (and `WINDLASS_BLESS` is not 1) or longer than a seed may be.
#[allow(clippy::disallowed_methods, reason = "tests read and write files of the repository")]
pub fn of(target: &str) -> Vec<Seed> {
    let folder = folder(target);
    for (name, bytes) in made(target) {
        let path = folder.join(name);
        if path.exists() {
            continue;
        }
        assert!(
            std::env::var("WINDLASS_BLESS").is_ok_and(|value| value == "1"),
            "{} is missing (WINDLASS_BLESS=1 writes seeds that are missing)",
            path.display()
        );
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::write(&path, bytes).expect("a seed can be written");
    }
    let mut seeds: Vec<Seed> = fs::read_dir(&folder)
        .expect("the target has seeds")
        .map(|entry| {
            let entry = entry.expect("its folder is readable");
            let bytes = fs::read(entry.path()).expect("a seed is readable");
            assert!(bytes.len() <= SEED_BYTES_MAX, "{:?} is larger than a seed may be", entry.path());
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    seeds.sort();
    seeds
}

/// What every target begins with.
fn made(target: &str) -> Vec<Seed> {
    let mut seeds = match target {
        "head" => heads(),
        "descriptor" => descriptors(),
        "dynamic" => dynamics(),
        prefix => records(prefix),
    };
    let whole = seeds.first().expect("a target has a golden record").1.clone();
    for (name, part) in [("cut-half", 2), ("cut-quarter", 4)] {
        seeds.push((name.into(), whole[..whole.len() / part].to_vec()));
    }
    seeds.push(("cut-last".into(), whole[..whole.len() - 1].to_vec()));
    seeds.push(("one-more".into(), [&whole[..], &[0]].concat()));
    seeds.push(("empty".into(), Vec::new()));
    seeds.push(("zeros".into(), vec![0; whole.len()]));
    seeds.push(("ones".into(), vec![0xFF; whole.len()]));
    seeds
}

fn golden(name: &str) -> Vec<u8> {
    let path = golden_files::folder().join(name).with_extension("hex");
    golden_files::parse(&fs::read_to_string(path).expect("a golden file is readable"))
}

/// The golden records of a target, and each with one field that lies.
fn records(target: &str) -> Vec<Seed> {
    let names: &[&str] = match target {
        "slot" => &["slot-call", "slot-local", "slot-id", "slot-broadcast", "slot-cancel", "slot-release"],
        "completion" => &["completion-inline", "completion-cell", "completion-fault", "completion-module-fault"],
        "hello" => &["hello", "welcome", "welcome-refusal"],
        "control" => &["control-grow", "control-frozen", "control-refused", "control-bye"],
        "frame" => &[
            "frame-slot",
            "frame-chunk",
            "frame-credit",
            "frame-completion",
            "frame-hello",
            "frame-welcome",
            "frame-bye",
        ],
        other => panic!("there is no target {other}"),
    };
    // Offsets of fields that a liar would choose: kind, query, flags; code and retry; magic, calls, reserved bytes.
    let lies: &[(&str, usize, u8)] = match target {
        "slot" => {
            &[("kind-0", 20, 0), ("kind-8", 20, 8), ("query-7", 21, 7), ("flags", 23, 0x40), ("phase", 23, 0x80)]
        }
        "completion" => {
            &[("kind-6", 8, 6), ("length", 20, 41), ("flags", 10, 3), ("outcome", 14, 3), ("retry", 15, 4)]
        }
        "hello" => {
            &[("magic", 0, b'G'), ("versions", 4, 9), ("calls", 24, 3), ("reserved", 40, 1), ("name", 64, 0xFF)]
        }
        "frame" => &[
            ("kind-2", 0, 2),
            ("reserved", 2, 1),
            ("length", 5, 9),
            ("long", 7, 0x7F),
            ("phase", 8 + 23, 0x80),
            ("segment", 8 + 48, 0),
            ("arguments", 8 + 52, 99),
        ],
        _ => &[("kind-0", 0, 0), ("kind-8", 0, 8), ("reserved", 24, 1), ("text", 32, 0xC0)],
    };
    let mut seeds: Vec<Seed> = names.iter().map(|name| ((*name).to_owned(), golden(name))).collect();
    if target == "completion" {
        let with_text = [golden("completion-fault"), golden("fault-text")].concat();
        seeds.push(("completion-fault-text".into(), with_text));
    }
    if target == "frame" {
        let all: Vec<u8> = seeds.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        seeds.push(("frames".into(), all));
    }
    for (name, at, value) in lies {
        let mut bytes = seeds[0].1.clone();
        bytes.resize(bytes.len().max(at + 1), 0);
        bytes[*at] = *value;
        seeds.push((format!("lie-{name}"), bytes));
    }
    seeds
}

/// Slot flags, then argument bytes.
fn heads() -> Vec<Seed> {
    let with = |flags: u16, bytes: &[u8]| [&flags.to_le_bytes()[..], bytes].concat();
    let head = golden("head");
    let changed = |at: usize, value: u8| {
        let mut bytes = head.clone();
        bytes[at] = value;
        with(7, &bytes)
    };
    vec![
        ("head".into(), with(7, &head)),
        ("trace".into(), with(1, &head)),
        ("root".into(), with(2, &head[32..])),
        ("buffers".into(), with(4, &head[48..])),
        ("reply".into(), with(2, &golden("head-of-reply"))),
        ("nothing".into(), with(0, &head)),
        ("lie-flags".into(), with(5, &head)),
        ("lie-trace-reserved".into(), changed(28, 1)),
        ("lie-depth".into(), changed(40, 17)),
        ("lie-no-buffers".into(), changed(48, 0)),
        ("lie-17-buffers".into(), changed(48, 17)),
        ("lie-many-buffers".into(), changed(51, 0xFF)),
        ("lie-direction".into(), changed(60, 3)),
        ("lie-kind".into(), changed(61, 2)),
        ("lie-entry-reserved".into(), changed(63, 1)),
        ("lie-room-has-a-place".into(), changed(48 + 8 + 2 * 24 + 8, 1)),
    ]
}

fn descriptors() -> Vec<Seed> {
    let whole = golden("descriptor");
    let descriptor = ModuleDescriptor::decode(&whole).expect("the golden descriptor is one");
    let changed = |change: &dyn Fn(&mut ModuleDescriptor)| {
        let mut changed = descriptor.clone();
        change(&mut changed);
        postcard::to_allocvec(&changed).expect("a descriptor encodes")
    };
    let mut endless = whole.clone();
    endless[..4].copy_from_slice(&[0xFF; 4]);
    vec![
        ("descriptor".into(), whole),
        ("create-alone".into(), changed(&|one| one.methods.truncate(1))),
        ("lie-no-create".into(), changed(&|one| drop(one.methods.remove(0)))),
        ("lie-hash".into(), changed(&|one| one.methods[1].hashes[0] ^= 1)),
        ("lie-no-hashes".into(), changed(&|one| one.methods[0].hashes.clear())),
        ("lie-twice".into(), changed(&|one| one.methods[1] = one.methods[0].clone())),
        ("lie-name".into(), changed(&|one| one.name = "A b".into())),
        ("lie-length".into(), endless),
        // `Option` in `Option` in ..: as deep as a seed may be long.
        ("lie-deep".into(), [&b"\x01m\x010\x00\x01\x01\x00\x01c\x00\x00"[..], &[15; 900]].concat()),
    ]
}

/// Types, and values of them.
fn dynamics() -> Vec<Seed> {
    let with = |schema: &Schema, value: Value| {
        let mut bytes = postcard::to_allocvec(schema).expect("a schema encodes");
        schema.encode_json(&value, &mut bytes).expect("the value is of the type");
        bytes
    };
    let raw = |schema: &Schema, value: &[u8]| {
        [&postcard::to_allocvec(schema).expect("a schema encodes")[..], value].concat()
    };
    let descriptor = ModuleDescriptor::decode(&golden("descriptor")).expect("the golden descriptor is one");
    let run = descriptor.method("run").expect("it has one");
    let schema = |name: &str| run.values().find(|one| one.0.name == name).expect("it has the parameter").1.clone();
    let shapes = json!({
        "a": "Empty", "b": {"Circle": 2.5}, "c": {"Box": [1.0, "inf"]}, "d": {"Named": {"name": "é"}}, "e": null
    });
    let all = json!([
        null,
        true,
        8,
        1000,
        70_000,
        u64::MAX,
        -8,
        -1000,
        -70_000,
        i64::MIN,
        0.5,
        "nan",
        "é",
        "text",
        [255]
    ]);
    let pairs = Schema::Map(Box::new(<(u8, char)>::schema()), Box::new(Schema::Bytes));
    let deep = (0..40).fold(Schema::U8, |inner, _| Schema::Option(Box::new(inner)));
    let wide = Schema::List(Box::new(Schema::Tuple(vec![Schema::Unit; 200])));
    vec![
        ("shapes".into(), with(&schema("shapes"), shapes)),
        ("scalars".into(), with(&schema("all"), all)),
        ("digest".into(), with(&schema("digest"), json!(vec![7; 32]))),
        ("pairs".into(), with(&pairs, json!({"[1,\"a\"]": "x", "[2,\"é\"]": [255, 0]}))),
        ("list".into(), with(&<Vec<Vec<Option<i16>>>>::schema(), json!([[1, null, -300], [], [32_767]]))),
        ("numbers".into(), with(&<Vec<(u16, i32, f32)>>::schema(), json!([[1, -2, 0.25], [65_535, 0, "-inf"]]))),
        ("facts".into(), raw(&admin::SessionFacts::schema(), &[1, 0, 1, 1, 1, 1, 1, 1, 1])),
        ("lie-count".into(), raw(&<Vec<u32>>::schema(), &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F])),
        ("lie-varint".into(), raw(&Schema::U16, &[0xFF, 0xFF, 0x04])),
        ("lie-text".into(), raw(&Schema::Str, &[2, 0xC0, 0x80])),
        ("lie-variant".into(), raw(&schema("shapes"), &[1, 1, b'a', 1, 9])),
        ("lie-empty-elements".into(), raw(&Schema::Array(Box::new(Schema::Unit), u32::MAX), &[])),
        ("lie-deep".into(), raw(&deep, &[1; 41])),
        ("lie-wide".into(), raw(&wide, &[200; 100])),
    ]
}
