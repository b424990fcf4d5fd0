//! Core: what all connections share, and the way of a request through it.
//!
//! Lives here: `Core`, `Answered`.
//! From: `peer`. To: `own` for commands of the edge, `calls` for those of modules.
//! Holds: the token is checked before anything is looked up; whatever goes wrong becomes a reply in words.

use crate::Options;
use crate::calls::Calls;
use crate::facts::{Facts, Memory};
use crate::own::{self, Then};
use crate::reply::{Reply, Written};
use crate::request::{self, Request};
use crate::users::Users;
use std::cell::Cell;
use std::net::SocketAddr;
use tokio::sync::watch;
use windlass_contract::Fault;

/// Stops the node; called once a client has told us to.
pub(crate) type StopNode = Box<dyn Fn() + Send>;

/// What all connections share. One thread has it.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) facts: Facts,
    pub(crate) users: Users,
    calls: Calls,
    address: SocketAddr,
    requests: Cell<u64>,
    stop_node: StopNode,
    stop: watch::Receiver<bool>,
}

/// What goes back.
pub(crate) struct Answered {
    /// The frame.
    pub(crate) reply: Written,
    /// What comes after it.
    pub(crate) then: Then,
    /// Symbols that nobody can name if the reply does not arrive: the user, and the reply that named them.
    pub(crate) waste: Waste,
    /// Whether it was asked for as the server wants it: with its token, if it has one.
    pub(crate) is_known: bool,
}

/// A user and the names of symbols that were made for a request.
pub(crate) type Waste = Option<(String, Vec<String>)>;

impl Core {
    pub(crate) fn new(
        node: &str,
        options: Options,
        address: SocketAddr,
        calls: Calls,
        stop_node: StopNode,
        stop: watch::Receiver<bool>,
    ) -> Core {
        let facts = Facts::new(&options, address.port());
        Core { options, facts, users: Users::new(node), calls, address, requests: Cell::new(0), stop_node, stop }
    }

    /// Answers one message.
    pub(crate) async fn answer(&self, parts: &[Vec<u8>], spoken_for: &mut Vec<String>) -> Answered {
        self.requests.set(self.requests.get().saturating_add(1));
        let (request, payload) = match request::decode(parts) {
            Ok(read) => read,
            Err(error) => {
                tracing::info!("arkouda: a request was refused: {error}");
                let reply = Reply::error(format!("Error: {error}")).write("Unknown", false);
                return Answered { reply, then: Then::Go, waste: None, is_known: false };
            }
        };
        let refusal = self.options.token.as_ref().and_then(|token| token.check(&request.token).err());
        let (reply, then, made) = match refusal {
            Some(refusal) => (Reply::error(refusal), Then::Go, Vec::new()),
            None => self.reply(&request, payload, spoken_for).await,
        };
        if let Reply::Text(crate::reply::Kind::Error, text) = &reply {
            tracing::debug!(command = %request.cmd, "arkouda: {}", request::quote(text));
        }
        let waste = (!made.is_empty()).then(|| (request.user.clone(), made));
        let reply = reply.write(&request.user, Calls::answers_bytes(&request.cmd));
        Answered { reply, then, waste, is_known: refusal.is_none() }
    }

    async fn reply(
        &self,
        request: &Request,
        payload: Option<&[u8]>,
        spoken_for: &mut Vec<String>,
    ) -> (Reply, Then, Vec<String>) {
        match own::answer(self, request).await {
            Some(Ok((reply, then))) => return (reply, then, Vec::new()),
            Some(Err(error)) => {
                let text = format!("Error executing command {}: {error}", request.cmd);
                return (Reply::error(text), Then::Go, Vec::new());
            }
            None => {}
        }
        let answered = self.calls.answer(&self.users, request, payload, Some(spoken_for)).await;
        (answered.reply, Then::Go, answered.made)
    }

    /// Deletes what was made for a client that did not hear of it.
    pub(crate) async fn discard(&self, waste: Waste) {
        if let Some((user, names)) = waste {
            tracing::info!(
                symbols = names.len(),
                "arkouda: the client was gone before it had its reply; what it made is deleted"
            );
            self.calls.discard(&self.users, &user, &names).await;
        }
    }

    /// Commands and what they do, as a JSON object.
    pub(crate) async fn command_map(&self) -> String {
        let mut all: serde_json::Map<String, serde_json::Value> =
            self.calls.names().await.into_iter().map(|(name, docs)| (name, docs.into())).collect();
        all.extend(own::OWN.iter().map(|(name, docs)| ((*name).to_owned(), (*docs).into())));
        serde_json::Value::Object(all).to_string()
    }

    /// What symbols have, and may have.
    ///
    /// # Errors
    /// The node's.
    pub(crate) async fn memory(&self, user: &str) -> Result<Memory, Fault> {
        let used = self.calls.symbol_bytes(&self.users, user).await?;
        Ok(Memory { used, limit: self.options.memory_max })
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Tells the node to stop.
    pub(crate) fn stop_node(&self) {
        tracing::info!(users = self.users.count(), "arkouda: a client shuts the server down");
        (self.stop_node)();
    }

    /// Comes when the edge is to end.
    pub(crate) async fn stopping(&self) {
        let mut stop = self.stop.clone();
        // An error means that whoever could say so is gone, which says it as well.
        let _gone = stop.wait_for(|stop| *stop).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Argument;
    use std::pin::pin;
    use std::task::Poll;
    use windlass_runtime::{Node, NodeConfig};

    /// A node, and what connections to it share.
    struct Set {
        core: Core,
        runtime: tokio::runtime::Runtime,
        _stop: watch::Sender<bool>,
        _node: Node,
        _folder: tempfile::TempDir,
    }

    fn set() -> Set {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = NodeConfig::new("core", windlass_admin::Admin::TABLE);
        config.modules = windlass_array::TABLES.to_vec();
        config.directory = folder.path().join("node");
        let node = Node::start(config).expect("a node");
        let directory = node.directory().display().to_string();
        let calls = Calls::open(&directory, 1).expect("the node answers");
        let (stop, stopping) = watch::channel(false);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let core = Core::new(&directory, Options::default(), address, calls, Box::new(|| ()), stopping);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Set { core, runtime, _stop: stop, _node: node, _folder: folder }
    }

    /// Connections count the users that they have spoken for, and give them back when they end. A client that hung up while its first command
    /// ran was counted and never given back: 64 such users, and nobody new was let in.
    #[test]
    fn a_user_whose_client_hangs_up_in_its_first_command_makes_room_for_others() {
        let Set { core, runtime, .. } = &set();
        let one = |key, val| Argument { key, dtype: "int64".into(), val };
        let args =
            [("start", "0"), ("stop", "4000000"), ("step", "1")].map(|(key, val)| one(key.into(), val.into()));
        let request =
            Request { user: "ana".into(), cmd: "arange<int64,1>".into(), args: args.into(), ..Request::default() };
        let request = [request::encode(&request, false)];
        let hung_up = (0..100).any(|_| {
            let mut spoken_for = Vec::new();
            let hung_up = runtime.block_on(async {
                let mut answer = pin!(core.answer(&request, &mut spoken_for));
                std::future::poll_fn(|task| match answer.as_mut().poll(task) {
                    Poll::Pending if core.users.open("ana") > 0 => Poll::Ready(true),
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(_) => Poll::Ready(false),
                })
                .await
            });
            spoken_for.iter().for_each(|user| core.users.left(user));
            assert_eq!(core.users.open("ana"), 0, "no connection is open");
            hung_up
        });
        assert!(hung_up, "a command was under way at least once");
    }

    /// When the node had ended a user's session, the next command got another one, and its connections were not counted any more: it could make
    /// room for another user's while they were open, and what they had made went with it.
    #[test]
    fn a_session_that_is_made_again_has_the_connections_of_the_one_before() {
        let Set { core, runtime, .. } = &set();
        runtime.block_on(async {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let before = core.users.client("ana", Some(&mut one)).await.expect("a session");
            core.users.client("ana", Some(&mut other)).await.expect("the same");
            before.vanish();
            assert!(!before.is_alive());
            assert!(core.users.client("ana", Some(&mut one)).await.expect("another").is_alive());
            assert_eq!(core.users.open("ana"), 2, "both are open still");
            one.iter().chain(&other).for_each(|user| core.users.left(user));
            assert_eq!((core.users.open("ana"), core.users.count()), (0, 1));
        });
    }
}
