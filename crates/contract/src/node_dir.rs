//! Where a node of one name keeps its socket: the one path that clients and nodes must agree on.
//!
//! Holds: nodes of one user share nothing; everything goes by the node's name.

use crate::limits::NAME_MAX;
use std::path::PathBuf;

/// The node that commands and clients mean when none is named.
pub const DEFAULT_NODE: &str = "local";
/// The socket's file name inside the node's directory.
pub const SOCKET: &str = "socket";
/// The file of the token for connections over TCP, inside the node's directory.
pub const TOKEN: &str = "token";

/// The runtime directory of the node called `node`; a `node` with a `/` in it is that directory itself.
///
/// Shape: `$WINDLASS_DIR/NAME`, else `$XDG_RUNTIME_DIR/windlass/NAME`, else `/tmp/windlass-UID/NAME`.
pub fn of(node: &str, uid: u32) -> PathBuf {
    if node.contains('/') {
        return PathBuf::from(node);
    }
    let base = match (std::env::var_os("WINDLASS_DIR"), std::env::var_os("XDG_RUNTIME_DIR")) {
        (Some(dir), _) if !dir.is_empty() => PathBuf::from(dir),
        (_, Some(dir)) if !dir.is_empty() => PathBuf::from(dir).join("windlass"),
        _ => PathBuf::from(format!("/tmp/windlass-{uid}")),
    };
    base.join(node)
}

/// Whether `name` can name a node, a pool or a client: 1 to 64 of a-z, A-Z, 0-9, `_`, `-` and `.`.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
