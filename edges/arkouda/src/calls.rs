//! Calls: commands of modules, as ordinary calls by schema.
//!
//! Lives here: `Calls`.
//! From: `core`. To: a user's session (`users`).
//! Holds: a command that is not there is refused in words, with what is near and which dtypes and ranks exist.
//! Not here: what a command does (`modules/array`).

use crate::own::OWN;
use crate::reply::Reply;
use crate::request::{Request, quote};
use crate::users::Users;
use windlass_client::dynamic::near;
use windlass_contract::Fault;

/// Commands of the node's modules.
pub(crate) struct Calls {
    names: Vec<(String, String)>,
}

/// What came of a request.
pub(crate) struct CallAnswer {
    pub(crate) reply: Reply,
    /// Names of symbols that were made.
    pub(crate) made: Vec<String>,
    /// Whether the user's session was asked for.
    pub(crate) spoken_for: bool,
}

impl Calls {
    /// Asks the node for its commands.
    pub(crate) fn open(node: &str) -> Result<Calls, Fault> {
        windlass_client::Client::connect(node)?;
        Ok(Calls { names: Vec::new() })
    }

    /// Whether a client that sends this command waits for bytes and not for text.
    pub(crate) fn answers_bytes(cmd: &str) -> bool {
        base(cmd).ends_with("tondarray")
    }

    pub(crate) async fn answer(
        &self,
        _users: &Users,
        request: &Request,
        _payload: Option<&[u8]>,
        _first: bool,
    ) -> CallAnswer {
        CallAnswer { reply: self.unknown(&request.cmd), made: Vec::new(), spoken_for: false }
    }

    pub(crate) async fn discard(&self, _users: &Users, _user: &str, _names: &[String]) {}

    pub(crate) async fn names(&self) -> Vec<(String, String)> {
        self.names.clone()
    }

    pub(crate) async fn symbol_bytes(&self, _users: &Users, _user: &str) -> Result<u64, Fault> {
        Ok(0)
    }

    fn unknown(&self, cmd: &str) -> Reply {
        let names = self.names.iter().map(|(name, _)| base(name)).chain(OWN.iter().map(|(name, _)| *name));
        let name = base(cmd);
        let near = names.map(|one| (near::distance(name, one), one)).min().filter(|(distance, _)| *distance <= 2);
        let hint = near.map_or_else(String::new, |(_, one)| format!("; did you mean {one}?"));
        Reply::error(format!("Unrecognized command: {}{hint}", quote(cmd)))
    }
}

/// The name before the first `<`.
fn base(cmd: &str) -> &str {
    cmd.split('<').next().unwrap_or(cmd)
}
