//! Without HDF5: a node that was built without it says so, and how to have it.
#![cfg(not(feature = "hdf5"))]
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests write files")]

#[path = "../../array/tests/stage/mod.rs"]
mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_files::Files;

#[test]
fn a_node_without_hdf5_says_how_to_have_it() {
    let stage = Stage::beside(1 << 20, &[(Files::TABLE, "files")]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").display().to_string();
    std::fs::write(&path, b"\x89HDF\r\n\x1a\n and more").unwrap();
    let files = format!("[\"{path}\"]");
    for (command, given) in [
        ("lsany", vec![("filename", path.as_str()), ("col_delim", ",")]),
        ("lshdf", vec![("filename", path.as_str())]),
        ("hdffileformat", vec![("filename", path.as_str())]),
        ("readAllHdf", vec![("filenames", files.as_str()), ("dsets", "[\"a\"]")]),
        ("tohdf", vec![("filename", path.as_str()), ("objType", "pdarray")]),
    ] {
        let fault = stage.fault(command, &given);
        let said = fault.is(Code::Unsupported) && fault.message.contains(&path);
        assert!(said && fault.message.contains("--features hdf5"), "{command}: {fault:?}");
    }
    assert_eq!(stage.call("getfiletype", &[("filename", &path)]).to_string(), "HDF5");
}
