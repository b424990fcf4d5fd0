//! Checkpoints: every symbol comes back under its name as it was, all of them or none, also into another life of the node.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests damage files, look into directories and wait for what is saved by itself"
)]
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../../array/tests/stage/mod.rs"]
mod stage;

use serde_json::{Value, json};
use stage::Stage;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use windlass_client::dynamic::DynamicPool;
use windlass_client::dynamic::commands::Commands;
use windlass_contract::{Code, Fault, MethodId, ModuleDescriptor, admin};
use windlass_files::{Checkpoints, Files};
use {bytes as _, csv as _, fastrand as _, glob as _, parquet as _, rustix as _, serde as _, xxhash_rust as _};
use {windlass as _, windlass_admin as _, windlass_array as _, windlass_runtime as _, windlass_transfer as _};

/// Longest wait for what a pool does by itself.
const PATIENCE: Duration = Duration::from_secs(30);

fn stage() -> Stage {
    Stage::beside(256 << 20, &[(Checkpoints::TABLE, "checkpoints"), (Files::TABLE, "files")])
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn save(commands: &Commands, folder: &TempDir, name: &str, mode: &str) -> Result<String, Fault> {
    let path = folder.path().display().to_string();
    let given = [("path", path.as_str()), ("name", name), ("mode", mode)];
    commands.call("save_checkpoint", &given).map(|said| said.to_string())
}

fn load(commands: &Commands, folder: &TempDir, name: &str) -> Result<String, Fault> {
    let path = folder.path().display().to_string();
    commands.call("load_checkpoint", &[("path", &path), ("name", name)]).map(|said| said.to_string())
}

/// A pool of checkpoints with these parameters.
fn pool(stage: &Stage, name: &str, parameters: &[(&str, String)]) -> Result<(), Fault> {
    let admin = DynamicPool::open(&stage.client, "admin").unwrap();
    let described = admin.call("describe", &[("name".into(), "checkpoints".into())], &[]).unwrap();
    let bytes: Vec<u8> = serde_json::from_value(described.value).unwrap();
    let module = ModuleDescriptor::decode(&bytes).unwrap();
    let create = module.methods.iter().find(|method| method.id == MethodId::CREATE).unwrap();
    let texts: Vec<_> = parameters.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let encoded = create.encode_text(&texts).map_err(|error| Fault::new(Code::BadArguments, error.to_string()))?;
    let given = [("name", name), ("module", "checkpoints"), ("parameters", &format!("{encoded:?}"))];
    admin.call("create_pool", &given.map(|(key, text)| (key.to_owned(), text.to_owned())), &[]).map(drop)
}

fn set(stage: &Stage, name: &str, at: usize, value: i64) {
    let (at, value) = (format!("[{at}]"), value.to_string());
    let given = [("array", name), ("idx", &at), ("value", &value), ("max_bits", "-1")];
    stage.call("[int]=val<int64,1>", &given);
}

fn registered(stage: &Stage) -> Vec<String> {
    let said: Value = serde_json::from_str(&stage.call("list_registry", &[]).to_string()).unwrap();
    serde_json::from_str(said["Objects"].as_str().unwrap()).unwrap()
}

fn register(stage: &Stage, name: &str, array: &str) {
    stage.call("register", &[("name", name), ("objType", "pdarray"), ("array", array)]);
}

/// Waits until something is there.
fn until(what: &str, there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Names in a folder, in order.
fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn symbols_of_every_type_come_back_under_their_names_into_another_life_of_the_node() {
    let folder = folder();
    let numbers: Vec<i64> = (0..1000).collect();
    let floats = [1.5, -0.0, f64::INFINITY, f64::MIN_POSITIVE];
    let (ints, table, nothing, slice, texts, bools, reals, big, big_texts) = {
        let stage = stage();
        let ints = stage.array(&[1000], &numbers);
        let table = stage.array(&[2, 3], &[1u8, 2, 3, 4, 5, 6]);
        let nothing = stage.array::<f32>(&[0], &[]);
        let given = [
            ("array", ints.as_str()),
            ("starts", "[900]"),
            ("stops", "[-1]"),
            ("strides", "[-300]"),
            ("max_bits", "-1"),
        ];
        let slice = stage.make("[slice]<int64,1>", &given);
        let texts = stage.strings(&["", "é", "three"]);
        let bools = stage.array(&[3], &[true, false, true]);
        let reals = stage.array(&[2, 1, 2], &floats);
        let given = [("arrays", format!("[\"{ints}\"]")), ("num_arrays", "1".into()), ("signed", "True".into())];
        let mut given: Vec<(&str, &str)> = given.iter().map(|(key, text)| (*key, text.as_str())).collect();
        given.extend([("shape", "[1000]"), ("max_bits", "-1")]);
        let cast = stage.call("cast<int64,uint64,1>", &[("name", &ints)]).to_string();
        let limbs = format!("[\"{}\"]", Stage::names(&cast)[0]);
        given[0].1 = &limbs;
        let big = Stage::names(&stage.call("big_int_creation_multi_limb<uint64,1>", &given).to_string()).remove(0);
        let big_texts = stage.call("castToStrings<bigint>", &[("name", &big)]).to_string();
        let parts = Stage::names(&big_texts);
        let big_texts = stage.make_texts("segStr-assemble", &[("offsets", &parts[0]), ("values", &parts[1])]);
        register(&stage, "all of them", &ints);
        assert_eq!(save(&stage.commands, &folder, "one", "overwrite").unwrap(), "one");
        (ints, table, nothing, slice, texts, bools, reals, big, big_texts)
    };
    let stage = stage();
    assert_eq!(load(&stage.commands, &folder, "one").unwrap(), "one");
    assert_eq!(stage.values::<i64>(&ints), numbers);
    assert_eq!(stage.values::<u8>(&table), [1, 2, 3, 4, 5, 6]);
    assert!(stage.values::<f32>(&nothing).is_empty());
    assert_eq!(stage.values::<i64>(&slice), [900, 600, 300, 0]);
    assert_eq!(stage.texts(&texts), ["", "é", "three"]);
    assert_eq!(stage.values::<bool>(&bools), [true, false, true]);
    assert_eq!(stage.values::<f64>(&reals).map_bits(), floats.to_vec().map_bits());
    let parts = Stage::names(&stage.call("castToStrings<bigint>", &[("name", &big)]).to_string());
    let again = stage.make_texts("segStr-assemble", &[("offsets", &parts[0]), ("values", &parts[1])]);
    assert_eq!(again, big_texts);
    assert_eq!(registered(&stage), ["all of them"]);
    assert_eq!(
        stage.call("unregister", &[("name", "all of them")]).to_string(),
        "Unregistered PDARRAY all of them"
    );
}

/// Floats by their bits, so that a negative zero is not any zero.
trait Bits {
    fn map_bits(self) -> Vec<u64>;
}
impl Bits for Vec<f64> {
    fn map_bits(self) -> Vec<u64> {
        self.into_iter().map(f64::to_bits).collect()
    }
}

#[test]
fn what_was_changed_or_deleted_since_is_as_it_was_and_what_is_new_stays() {
    let (stage, folder) = (stage(), folder());
    let (changed, deleted) = (stage.array(&[3], &[1i64, 2, 3]), stage.array(&[1], &[4i64]));
    save(&stage.commands, &folder, "one", "overwrite").unwrap();
    set(&stage, &changed, 1, 20);
    stage.call("delete", &[("name", &deleted)]);
    let new = stage.array(&[1], &[5i64]);
    load(&stage.commands, &folder, "one").unwrap();
    assert_eq!((stage.values::<i64>(&changed), stage.values::<i64>(&deleted)), (vec![1, 2, 3], vec![4]));
    assert_eq!(stage.values::<i64>(&new), [5]);
    // The first is the session's own still: it can be changed.
    set(&stage, &changed, 0, 7);
    assert_eq!(stage.values::<i64>(&changed), [7, 2, 3]);
}

#[test]
fn a_checkpoint_of_the_same_name_is_replaced_kept_or_refused_as_asked() {
    let (stage, folder) = (stage(), folder());
    let name = stage.array(&[1], &[1i64]);
    for (mode, value) in [("error", 1), ("overwrite", 2), ("preserve_previous", 3), ("preserve_previous", 4)] {
        set(&stage, &name, 0, value);
        save(&stage.commands, &folder, "cp", mode).unwrap();
    }
    assert_eq!(names(&folder), ["cp", "cp.prev"]);
    let fault = save(&stage.commands, &folder, "cp", "error").unwrap_err();
    assert!(fault.is(Code::Exists) && fault.message.contains("already exists"), "{fault}");
    for (from, value) in [("cp", 4), ("cp.prev", 3)] {
        load(&stage.commands, &folder, from).unwrap();
        assert_eq!(stage.values::<i64>(&name), [value]);
    }
    let fault = save(&stage.commands, &folder, "cp", "override").unwrap_err();
    assert!(fault.message.contains("preserve_previous"), "{fault}");
    for name in ["a/b", "..", ""] {
        let path = folder.path().display().to_string();
        let pool = DynamicPool::open(&stage.client, "checkpoints").unwrap();
        let given = [("path", path.as_str()), ("name", name)].map(|(key, text)| (key.to_owned(), text.to_owned()));
        assert!(pool.call("save", &given, &[]).unwrap_err().is(Code::BadArguments), "{name:?}");
    }
    // The ancestor's client may leave the name out.
    let unnamed = save(&stage.commands, &folder, "", "overwrite").unwrap();
    assert!(unnamed.starts_with("windlass_") && names(&folder).contains(&unnamed), "{unnamed}");
}

#[test]
fn a_folder_that_is_no_checkpoint_is_neither_replaced_nor_removed() {
    let (stage, folder) = (stage(), folder());
    stage.array(&[1], &[1i64]);
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("notes.md"), "mine").unwrap();
    for mode in ["overwrite", "preserve_previous"] {
        let fault = save(&stage.commands, &folder, "mine", mode).unwrap_err();
        assert!(fault.message.contains("is no checkpoint"), "{fault}");
    }
    // One that has something of somebody else's is kept too, with all that is in it.
    save(&stage.commands, &folder, "cp", "overwrite").unwrap();
    fs::write(folder.path().join("cp/mine.txt"), "mine").unwrap();
    let before = fs::read(folder.path().join("cp/symbols.bin")).unwrap();
    let fault = save(&stage.commands, &folder, "cp", "overwrite").unwrap_err();
    assert!(fault.message.contains("mine.txt"), "{fault}");
    assert_eq!(fs::read(mine.join("notes.md")).unwrap(), b"mine");
    let kept = fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().path());
    assert!(kept.into_iter().any(|path| path.join("mine.txt").is_file()), "{:?}", names(&folder));
    assert_eq!(fs::read(folder.path().join("cp/symbols.bin")).unwrap(), before, "the same values were saved");
}

#[test]
fn what_a_killed_node_left_half_written_is_no_checkpoint_and_goes_with_the_next() {
    let (stage, folder) = (stage(), folder());
    stage.array(&[1], &[1i64]);
    let half = folder.path().join("cp.0123456789abcdef.new");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("symbols.bin"), "half").unwrap();
    let fault = load(&stage.commands, &folder, "cp").unwrap_err();
    assert!(fault.is(Code::NotFound) && fault.message.contains("checkpoint directory not found"), "{fault}");
    save(&stage.commands, &folder, "cp", "overwrite").unwrap();
    assert_eq!(names(&folder), ["cp"]);
}

#[test]
fn a_damaged_checkpoint_is_told_and_changes_nothing() {
    let (stage, folder) = (stage(), folder());
    let numbers: Vec<i64> = (0..100).collect();
    let first = stage.array(&[100], &numbers);
    let flags = stage.array(&[4], &[true, false, true, true]);
    let texts = stage.strings(&["one", "two"]);
    save(&stage.commands, &folder, "cp", "overwrite").unwrap();
    set(&stage, &first, 0, 1_000_000);
    let part = |name: &str| -> PathBuf { folder.path().join("cp").join(name) };
    let (data, manifest) = (fs::read(part("symbols.bin")).unwrap(), fs::read(part("server.md")).unwrap());
    let mut tried = 0;
    let mut refused = |name: &str, bytes: &[u8]| {
        fs::write(part(name), bytes).unwrap();
        let fault = load(&stage.commands, &folder, "cp").expect_err(name);
        assert!(!fault.is(Code::Panicked) && !fault.is(Code::Internal), "{fault}");
        assert_eq!(stage.values::<i64>(&first)[0], 1_000_000, "{fault}");
        tried += 1;
    };
    for end in 0..data.len() {
        if end % 97 == 0 {
            refused("symbols.bin", &data[..end]);
        }
    }
    // Every byte that belongs to a piece; between pieces stands nothing.
    let said: Value = serde_json::from_slice(&manifest).unwrap();
    for symbol in said["symbols"].as_array().unwrap() {
        for piece in symbol["pieces"].as_array().unwrap() {
            let (at, bytes) = (piece["at"].as_u64().unwrap() as usize, piece["bytes"].as_u64().unwrap() as usize);
            for at in (at..at + bytes).step_by(61) {
                let mut other = data.clone();
                other[at] ^= 0x40;
                refused("symbols.bin", &other);
            }
        }
    }
    fs::write(part("symbols.bin"), &data).unwrap();
    for end in (0..manifest.len()).step_by(41) {
        refused("server.md", &manifest[..end]);
    }
    let text = String::from_utf8(manifest.clone()).unwrap();
    for (from, to) in [
        ("\"numLocales\":1", "\"numLocales\":2"),
        ("\"format\":1", "\"format\":2"),
        ("\"shape\":[100]", "\"shape\":[101]"),
        ("\"shape\":[100]", "\"shape\":[18446744073709551615]"),
        ("\"strides\":[1]", "\"strides\":[9223372036854775807]"),
        ("\"dtype\":\"Int64\"", "\"dtype\":\"Bool\""),
        ("\"Strings\"", "{\"Array\":{\"dtype\":\"Int64\",\"shape\":[1],\"strides\":[1],\"offset\":0}}"),
        ("\"at\":0", "\"at\":18446744073709551615"),
        ("\"bytes\":800", "\"bytes\":18446744073709551615"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from} stands in {text}");
        refused("server.md", other.as_bytes());
    }
    assert!(tried > 60, "{tried}");
    fs::write(part("server.md"), &manifest).unwrap();
    load(&stage.commands, &folder, "cp").unwrap();
    assert_eq!(
        (stage.values::<i64>(&first), stage.values::<bool>(&flags)),
        (numbers, vec![true, false, true, true])
    );
    assert_eq!(stage.texts(&texts), ["one", "two"]);
}

#[test]
fn a_client_saves_and_loads_what_it_may_read_and_takes_nothing_from_another() {
    let (stage, folder) = (stage(), folder());
    let (_other_client, other) = stage.another();
    let mine = stage.array(&[1], &[1i64]);
    let made = other.call("createScalarArray<int64>", &[("value", "5")]).unwrap().to_string();
    let theirs = Stage::names(&made).remove(0);
    save(&other, &folder, "theirs", "overwrite").unwrap();
    save(&stage.commands, &folder, "mine", "overwrite").unwrap();
    let text = fs::read_to_string(folder.path().join("mine/server.md")).unwrap();
    assert!(text.contains(&mine) && !text.contains(&theirs), "{text}");
    let fault = load(&stage.commands, &folder, "theirs").unwrap_err();
    assert!(fault.is(Code::Denied) && fault.message.contains("another session's"), "{fault}");
    // A load that comes upon that with its second symbol has not kept the first.
    let more = stage.array(&[1], &[2i64]);
    save(&stage.commands, &folder, "both", "overwrite").unwrap();
    stage.call("delete", &[("name", &more)]);
    let path = folder.path().join("both/server.md");
    let text = fs::read_to_string(&path).unwrap();
    let (first, second) = if mine < more { (&mine, &more) } else { (&more, &mine) };
    let text = text.replace(second.as_str(), &theirs).replace(first.as_str(), "id_before_1");
    fs::write(&path, text).unwrap();
    assert!(load(&stage.commands, &folder, "both").unwrap_err().is(Code::Denied));
    let fault = stage.fault("[int]<int64,1>", &[("array", "id_before_1"), ("idx", "[0]")]);
    assert!(fault.is(Code::UnknownSymbol), "{fault}");
}

#[test]
fn a_pool_saves_by_itself_what_changed_and_a_later_life_has_what_was_registered() {
    let folder = folder();
    let path = folder.path().display().to_string();
    let told =
        |restore: bool| [("path", path.clone()), ("every", "0.05".into()), ("restore", restore.to_string())];
    let server = folder.path().join("auto_checkpoint/server.md");
    let (kept, loose) = {
        let stage = stage();
        pool(&stage, "auto", &told(true)).unwrap();
        let (kept, loose) = (stage.array(&[2], &[1i64, 2]), stage.array(&[1], &[3i64]));
        register(&stage, "kept", &kept);
        until("a checkpoint with both", || {
            fs::read_to_string(&server).is_ok_and(|text| text.contains(&kept) && text.contains(&loose))
        });
        // Nothing changes, so nothing is saved.
        let written = || fs::metadata(&server).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let before = written();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(written(), before);
        (kept, loose)
    };
    let stage = stage();
    pool(&stage, "auto", &told(true)).unwrap();
    assert_eq!(registered(&stage), ["kept"]);
    assert_eq!(stage.values::<i64>(&kept), [1, 2]);
    let gone = stage.fault("[int]<int64,1>", &[("array", &loose), ("idx", "[0]")]);
    assert!(gone.is(Code::UnknownSymbol), "it was a session's that has ended: {gone}");
    // It can be loaded by whoever wants it, from the checkpoint or the one before, should this life have saved already.
    let found = ["auto_checkpoint", "auto_checkpoint.prev"].iter().any(|name| {
        load(&stage.commands, &folder, name).is_ok()
            && stage.commands.call("[int]<int64,1>", &[("array", &loose), ("idx", "[0]")]).is_ok()
    });
    assert!(found, "{:?}", names(&folder));
    // A damaged one is told, and no node goes on as if there were none.
    drop(stage);
    fs::write(&server, "{").unwrap();
    let stage = self::stage();
    let fault = pool(&stage, "auto", &told(true)).unwrap_err();
    assert!(fault.message.contains("server.md"), "{fault}");
}

#[test]
fn a_flush_of_the_node_ends_when_what_has_changed_is_saved() {
    let (stage, folder) = (stage(), folder());
    let path = folder.path().display().to_string();
    pool(&stage, "auto", &[("path", path), ("every", "3600".into())]).unwrap();
    let admin = DynamicPool::open(&stage.client, "admin").unwrap();
    let flush = || admin.call("flush", &[], &[]).unwrap();
    flush();
    assert!(names(&folder).is_empty(), "nothing has changed");
    let name = stage.array(&[2], &[1i64, 2]);
    flush();
    set(&stage, &name, 0, 3);
    flush();
    assert_eq!(names(&folder), ["auto_checkpoint", "auto_checkpoint.prev"]);
    for (from, value) in [("auto_checkpoint", 3), ("auto_checkpoint.prev", 1)] {
        load(&stage.commands, &folder, from).unwrap();
        assert_eq!(stage.values::<i64>(&name), [value, 2]);
    }
}

#[test]
fn a_checkpoint_of_the_ancestors_is_read_and_its_faults_have_its_words() {
    let (stage, folder) = (stage(), folder());
    let numbers: Vec<i64> = (0..100).collect();
    let array = stage.array(&[100], &numbers);
    let place = folder.path().join("theirs");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("server.md"), json!({ "serverid": "s", "numLocales": 1 }).to_string()).unwrap();
    let prefix = place.join("id_x_1.data").display().to_string();
    let given = [("values", array.as_str()), ("dset", "data"), ("mode", "0"), ("prefix", &prefix)];
    stage.call("writeParquet", &[&given[..], &[("objType", "pdarray"), ("compression", "none")]].concat());
    let entry = json!({ "entryName": "id_x_1", "entryType": "PrimitiveTypedArraySymEntry" });
    let facts =
        |size: u64| json!({ "dtype": "int64", "size": size, "ndim": 1, "numTargetLocales": 1, "numChunks": 1 });
    let chunk = json!({ "filename": ".akdata/theirs/id_x_1_LOCALE0000.data", "numElems": 100 });
    let write = |texts: &[Value]| {
        let text: Vec<String> = texts.iter().map(Value::to_string).collect();
        fs::write(place.join("id_x_1.md"), text.join("\n")).unwrap();
    };
    write(&[entry.clone(), facts(100), chunk.clone()]);
    assert_eq!(load(&stage.commands, &folder, "theirs").unwrap(), "theirs");
    assert_eq!(stage.values::<i64>("id_x_1"), numbers);
    let junk = json!({ "dtype": "int64", "junk": 10, "ndim": 1, "numTargetLocales": 1, "numChunks": 1 });
    let matrix = json!({ "dtype": "int64", "size": 100, "ndim": 2, "numTargetLocales": 1, "numChunks": 1 });
    let strings = json!({ "entryName": "id_x_1", "entryType": "SegStringSymEntry" });
    for (texts, says) in [
        (vec![entry.clone(), facts(100)], "could not read chunk 1 metadata"),
        (vec![entry.clone(), junk], "field 'size' not found"),
        (vec![entry.clone(), facts(101), chunk.clone()], "says 101 elements"),
        (vec![entry.clone(), matrix, chunk.clone()], "rank 2"),
        (vec![strings], "SegStringSymEntry"),
        (vec![], "could not read entry metadata"),
    ] {
        write(&texts);
        let fault = load(&stage.commands, &folder, "theirs").unwrap_err();
        assert!(fault.message.contains(says), "{says}: {fault}");
    }
    fs::write(place.join("server.md"), json!({ "serverid": "s", "numLocales": 2 }).to_string()).unwrap();
    let fault = load(&stage.commands, &folder, "theirs").unwrap_err();
    assert!(fault.message.contains("made with a different number of locales"), "{fault}");
}

#[test]
fn what_a_pool_is_told_has_limits_and_it_tells_what_it_did() {
    let (stage, folder) = (stage(), folder());
    for (key, value) in
        [("every", "-1"), ("idle", "NaN"), ("memory_percent", "101"), ("name", "a/b"), ("apart", "inf")]
    {
        let fault = pool(&stage, "wrong", &[(key, value.to_owned())]).unwrap_err();
        assert!(fault.is(Code::CreateFailed) || fault.is(Code::BadArguments), "{key}: {fault}");
    }
    stage.array(&[1], &[1i64]);
    save(&stage.commands, &folder, "cp", "overwrite").unwrap();
    assert!(load(&stage.commands, &folder, "none").is_err());
    let pool = DynamicPool::open(&stage.client, "checkpoints").unwrap();
    let told: String = pool.pool().call(admin::monitor()).argument("").wait().unwrap().value().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["saved"], &told["failed"], &told["last"]["symbols"]),
        (&json!(1), &json!(1), &json!(1)),
        "{told}"
    );
}
