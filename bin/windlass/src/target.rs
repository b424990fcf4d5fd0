//! Target: which node a command talks to.

use std::io::Read;
use std::path::{Path, PathBuf};
use windlass_client::{Client, Connect, Token};
use windlass_contract::{Code, Fault};

/// Bytes of a token's file, at most: it has 65.
const TOKEN_FILE_MAX: u64 = 256;

/// The node.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The node: its name, or its directory (a path with a `/`)
    #[arg(long, value_name = "NAME", env = "WINDLASS_NODE", default_value = windlass_contract::node_dir::DEFAULT_NODE)]
    pub node: String,
    /// The node at this address instead: tcp://HOST:PORT, with --token-file; or unix-stream://NAME, without shared memory
    #[arg(long, value_name = "URL", env = "WINDLASS_AT")]
    pub at: Option<String>,
    /// The file with the token that the node wants to be shown over TCP: `token` in its directory
    #[arg(long, value_name = "FILE", env = "WINDLASS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

impl Target {
    /// Connects to it.
    ///
    /// # Errors
    /// `NotConnected` says how to start one; `BadConfig` for an address of no kind that there is.
    pub fn connect(&self) -> Result<Client, Fault> {
        self.terms()?.name("windlass").open()
    }

    fn terms(&self) -> Result<Connect, Fault> {
        let Some(at) = &self.at else { return Ok(Connect::to(&self.node)) };
        if let Some(node) = at.strip_prefix("unix-stream://") {
            return Ok(Connect::unix_stream(node));
        }
        let Some(address) = at.strip_prefix("tcp://") else {
            let text = format!("{at:?} is no address: write tcp://HOST:PORT or unix-stream://NAME");
            return Err(Fault::new(Code::BadConfig, text));
        };
        let path = self.token_file.as_deref().ok_or_else(|| {
            let text =
                "a node at a TCP address wants its token: --token-file FILE, the file `token` of its directory";
            Fault::new(Code::BadConfig, text)
        })?;
        Ok(Connect::tcp(address).token(token(path)?))
    }
}

/// The token in a file.
fn token(path: &Path) -> Result<Token, Fault> {
    let wrong =
        |why: &dyn std::fmt::Display| Fault::new(Code::BadConfig, format!("the token {}: {why}", path.display()));
    let mut text = String::new();
    #[allow(clippy::disallowed_methods, reason = "the command reads the files that it is told to")]
    let file = std::fs::File::open(path).map_err(|error| wrong(&error))?;
    file.take(TOKEN_FILE_MAX).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    Token::from_text(&text).ok_or_else(|| wrong(&"it is not 64 hexadecimal digits"))
}
