//! Calls: commands of modules, as ordinary calls by schema.
//!
//! Lives here: `Calls`, `CallAnswer`.
//! From: `core`. To: a user's session (`users`), by the map of commands (`directory`) or as bytes (`bulk`).
//! Holds: a command that is not there is refused in words, with what is near and which dtypes and ranks exist; a module that was
//!   loaded since is found, for the node is asked again before that.
//! Not here: what a command does (`modules/array`).

use crate::bulk::{BULK, Bulk};
use crate::directory::Directory;
use crate::limits::INFO_BYTES_MAX;
use crate::own::OWN;
use crate::reply::Reply;
use crate::request::{Request, quote};
use crate::users::Users;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use windlass_client::Client;
use windlass_client::dynamic::{self, Supply, near};
use windlass_contract::commands::{Answered, split};
use windlass_contract::{Code, Fault, MethodRef, MethodSchema, PoolId};

/// How long an answer of the node about its commands is good for, when one is not found in it.
const FRESH: Duration = Duration::from_secs(1);
/// The command that ends a symbol.
const DELETE: &str = "delete";
/// The command that tells how much memory symbols have.
const USED: &str = "symbolBytes";

/// Commands of the node's modules.
pub(crate) struct Calls {
    /// Asks the node what there is.
    client: Client,
    rank_max: u8,
    directory: RefCell<Arc<Directory>>,
    read: Cell<Option<Instant>>,
}

/// What came of a request.
pub(crate) struct CallAnswer {
    pub(crate) reply: Reply,
    /// Names of symbols that were made.
    pub(crate) made: Vec<String>,
}

/// A good answer: a reply and the symbols that it names.
type Good = (Reply, Vec<String>);

impl Calls {
    /// Asks the node for its commands. Blocks.
    pub(crate) fn open(node: &str, rank_max: u8) -> Result<Calls, Fault> {
        let client = Client::options().name("arkouda").connect(node)?;
        let directory = Directory::read(&client, rank_max)?;
        Ok(Calls { client, rank_max, directory: RefCell::new(Arc::new(directory)), read: Cell::new(None) })
    }

    /// Whether a client that sends this command waits for bytes and not for text.
    pub(crate) fn answers_bytes(cmd: &str) -> bool {
        split(cmd).0.ends_with("tondarray")
    }

    /// Answers a request by a call in its user's session; `by` as `Users::client` has it.
    pub(crate) async fn answer(
        &self,
        users: &Users,
        request: &Request,
        payload: Option<&[u8]>,
        by: Option<&mut Vec<String>>,
    ) -> CallAnswer {
        let answered = self.try_answer(users, request, payload, by).await;
        let (reply, made) = answered.unwrap_or_else(|fault| (refusal(&request.cmd, &fault), Vec::new()));
        CallAnswer { reply, made }
    }

    async fn try_answer(
        &self,
        users: &Users,
        request: &Request,
        payload: Option<&[u8]>,
        by: Option<&mut Vec<String>>,
    ) -> Result<Good, Fault> {
        if let Some(bulk) = Bulk::of(request) {
            let bulk = bulk.map_err(|error| Fault::new(Code::BadArguments, error.to_string()))?;
            let client = users.client(&request.user, by).await?;
            let before = Arc::clone(&self.directory.borrow());
            return match self.carry(&before, &client, &bulk, payload).await {
                Err(fault) => match self.anew(&fault).await? {
                    Some(now) if now.bulk_pool() != before.bulk_pool() => {
                        self.carry(&now, &client, &bulk, payload).await
                    }
                    _ => Err(fault),
                },
                good => good,
            };
        }
        let before = self.holding(&request.cmd).await?;
        let found = before.commands.find(&request.cmd).map_err(|fault| self.with_own(fault, &request.cmd))?;
        let of = found.offer.pool.clone();
        let given: Vec<(&str, &str)> =
            request.args.iter().map(|one| (one.key.as_str(), one.val.as_str())).collect();
        let ready = Ready::of(&before, &request.cmd, &given)?;
        let client = users.client(&request.user, by).await?;
        match ready.send(&client).await {
            Err(fault) => match self.anew(&fault).await? {
                Some(now) if now.pools.get(&of) != before.pools.get(&of) => {
                    Ready::of(&now, &request.cmd, &given)?.send(&client).await
                }
                _ => Err(fault),
            },
            good => good,
        }
    }

    /// What the node offers now, if this is about a pool that it does not have any more. Whoever asks sends a command once more where its pool
    /// is another by now: the one that was called is gone, so nothing of it has run.
    async fn anew(&self, fault: &Fault) -> Result<Option<Arc<Directory>>, Fault> {
        let gone = fault.is(Code::UnknownPool) || fault.is(Code::UnknownModule);
        if gone && self.is_stale() { self.read_again().await.map(Some) } else { Ok(None) }
    }

    /// A call with bytes.
    async fn carry(
        &self,
        directory: &Directory,
        client: &Client,
        bulk: &Bulk,
        payload: Option<&[u8]>,
    ) -> Result<Good, Fault> {
        let (pool, methods) = directory.bulk.as_ref().ok_or_else(|| {
            Fault::new(Code::UnknownModule, "this node has no module transfer, so no array can come or go")
        })?;
        match bulk {
            Bulk::In(name, arguments) => {
                let payload = payload.ok_or_else(|| {
                    Fault::new(Code::BadBuffer, "the bytes of the array do not follow the request")
                })?;
                let buffers = [("data".to_owned(), Supply::Bytes(payload))];
                let (reply, method) = call(client, *pool, methods, name, arguments, &buffers).await?;
                let answered = Answered::read(&method.reply, reply.value_bytes())?;
                let mut made = Vec::new();
                names(&answered, &mut made);
                Ok((Reply::text(answered.to_string()), made))
            }
            Bulk::Info(names) => {
                let (arguments, buffers) =
                    ([("names".to_owned(), names.clone())], [("out".to_owned(), Supply::Room(INFO_BYTES_MAX))]);
                let (reply, method) = call(client, *pool, methods, "info", &arguments, &buffers).await?;
                let given = dynamic::read(method, reply)?;
                let text = given.buffers.first().map(|(_, bulk)| String::from_utf8_lossy(bulk).into_owned());
                let text = text.ok_or_else(|| Fault::new(Code::BadReply, "no facts came back"))?;
                Ok((Reply::text(text), Vec::new()))
            }
            Bulk::Out(name, part) => {
                let arguments = [("name".to_owned(), name.clone()), ("part".to_owned(), part.clone())];
                let (reply, _) = call(client, *pool, methods, "bytes_of", &arguments, &[]).await?;
                let size: u64 = postcard_u64(reply.value_bytes())?;
                let room =
                    usize::try_from(size).map_err(|_| Fault::new(Code::TooLarge, "more bytes than memory"))?;
                if room == 0 {
                    return Ok((Reply::Nothing, Vec::new()));
                }
                let buffers = [("out".to_owned(), Supply::Room(room))];
                let (reply, method) = call(client, *pool, methods, "to_bytes", &arguments, &buffers).await?;
                let mut given = dynamic::read(method, reply)?;
                let bulk = given.buffers.pop().map(|(_, bulk)| bulk);
                let bulk = bulk.ok_or_else(|| Fault::new(Code::BadReply, "no bytes came back"))?;
                Ok((Reply::Bytes(bulk), Vec::new()))
            }
        }
    }

    /// The directory, asked for again if it lacks this command and is not fresh.
    async fn holding(&self, cmd: &str) -> Result<Arc<Directory>, Fault> {
        let now = Arc::clone(&self.directory.borrow());
        if now.commands.base(split(cmd).0).is_some() || !self.is_stale() {
            return Ok(now);
        }
        self.read_again().await
    }

    /// Whether the node was not asked a moment ago.
    fn is_stale(&self) -> bool {
        self.read.get().is_none_or(|read| read.elapsed() > FRESH)
    }

    async fn read_again(&self) -> Result<Arc<Directory>, Fault> {
        self.read.set(Some(Instant::now()));
        let (client, rank_max) = (self.client.clone(), self.rank_max);
        let read = tokio::task::spawn_blocking(move || Directory::read(&client, rank_max)).await;
        let read = read.map_err(|error| Fault::new(Code::Internal, format!("asking for commands: {error}")))??;
        let read = Arc::new(read);
        *self.directory.borrow_mut() = Arc::clone(&read);
        Ok(read)
    }

    /// Deletes symbols that nobody knows of.
    pub(crate) async fn discard(&self, users: &Users, user: &str, names: &[String]) {
        for name in names {
            let args =
                vec![crate::request::Argument { key: "name".into(), dtype: "str".into(), val: name.clone() }];
            let request = Request { user: user.to_owned(), cmd: DELETE.into(), args, ..Request::default() };
            let answer = self.answer(users, &request, None, None).await;
            tracing::debug!(symbol = %name, "arkouda: {:?}", answer.reply);
        }
    }

    /// Full names and what they do.
    pub(crate) async fn names(&self) -> Vec<(String, String)> {
        let directory = Arc::clone(&self.directory.borrow());
        let own = directory.commands.full_names().into_iter().map(|(name, docs)| (name, docs.to_owned()));
        let bulk = BULK.iter().map(|(name, docs)| ((*name).to_owned(), (*docs).to_owned()));
        own.chain(bulk).collect()
    }

    /// Bytes that symbols have; 0 on a node that has none.
    pub(crate) async fn symbol_bytes(&self, users: &Users, user: &str) -> Result<u64, Fault> {
        let directory = self.holding(USED).await?;
        if directory.commands.base(USED).is_none() {
            return Ok(0);
        }
        let request = Request { user: user.to_owned(), cmd: USED.into(), ..Request::default() };
        let text = match self.try_answer(users, &request, None, None).await?.0 {
            Reply::Text(_, text) => text,
            other => {
                return Err(Fault::new(Code::BadReply, format!("bytes of symbols are a number, not {other:?}")));
            }
        };
        let number = text.rsplit(' ').next().and_then(|text| text.parse().ok());
        number.ok_or_else(|| Fault::new(Code::BadReply, format!("bytes of symbols are a number, not {text:?}")))
    }

    /// A command that modules do not have may be a misspelt one of the edge's.
    fn with_own(&self, fault: Fault, cmd: &str) -> Fault {
        if !fault.is(Code::UnknownCommand) || fault.message.contains("did you mean") {
            return fault;
        }
        let base = split(cmd).0;
        let all = OWN.iter().chain(BULK).map(|(name, _)| *name);
        match all.map(|one| (near::distance(base, one), one)).min().filter(|(distance, _)| *distance <= 2) {
            Some((_, name)) => {
                Fault::new(Code::UnknownCommand, format!("{}; did you mean {name}?", fault.message))
            }
            None => fault,
        }
    }
}

/// A command with its arguments, for a pool that the node had when it was asked.
struct Ready<'d> {
    pool: PoolId,
    method: &'d MethodSchema,
    arguments: Vec<u8>,
}

impl<'d> Ready<'d> {
    /// # Errors
    /// What of the command or its arguments is wrong.
    fn of(directory: &'d Directory, cmd: &str, given: &[(&str, &str)]) -> Result<Self, Fault> {
        let found = directory.commands.find(cmd)?;
        let offer = found.offer;
        let pool = *directory.pools.get(&offer.pool).ok_or_else(|| gone(&offer.pool))?;
        Ok(Self { pool, method: &offer.method, arguments: found.encode(given)? })
    }

    /// # Errors
    /// The node's, and the command's.
    async fn send(&self, client: &Client) -> Result<Good, Fault> {
        let method = self.method;
        let called = MethodRef {
            id: method.id,
            schema: method.hash(),
            name: "a command",
            idempotent: method.flags.idempotent,
        };
        let reply = client.pool_of(self.pool).call(called).encoded(&self.arguments).send().await?;
        let answered = Answered::read(&method.reply, reply.value_bytes())?;
        let mut made = Vec::new();
        names(&answered, &mut made);
        Ok((Reply::text(answered.to_string()), made))
    }
}

/// Calls a method with buffers by its schema.
async fn call<'m>(
    client: &Client,
    pool: PoolId,
    methods: &'m BTreeMap<String, MethodSchema>,
    name: &str,
    arguments: &[(String, String)],
    buffers: &[(String, Supply<'_>)],
) -> Result<(windlass_client::Reply, &'m MethodSchema), Fault> {
    let method = methods.get(name).ok_or_else(|| {
        Fault::new(Code::UnknownMethod, format!("the node's module transfer has no method {name}"))
    })?;
    let outgoing = dynamic::outgoing(&client.pool_of(pool), method, arguments, buffers)?;
    Ok((outgoing.send().await?, method))
}

/// Names of the symbols that an answer speaks of.
fn names(answered: &Answered, into: &mut Vec<String>) {
    match answered {
        Answered::Array(facts) => into.push(facts.name.clone()),
        Answered::Strings(facts) => into.push(facts.name.clone()),
        Answered::Symbol(facts) => into.push(facts.name.clone()),
        Answered::List(all) => all.iter().for_each(|one| names(one, into)),
        Answered::Nothing | Answered::Scalar(_) | Answered::Text(_) => {}
    }
}

/// A failure, in the words of the ancestor's server.
fn refusal(cmd: &str, fault: &Fault) -> Reply {
    let text = &fault.message;
    Reply::error(if fault.is(Code::UnknownCommand) {
        text.clone()
    } else if fault.is(Code::NoInstance) {
        format!("Unrecognized command: {}: {text}", quote(cmd))
    } else {
        format!("Error executing command {}: {text}", quote(cmd))
    })
}

fn postcard_u64(bytes: &[u8]) -> Result<u64, Fault> {
    match windlass_contract::Schema::U64.decode_json(&mut &bytes[..]).ok().and_then(|value| value.as_u64()) {
        Some(size) => Ok(size),
        None => Err(Fault::new(Code::BadReply, "a size is a number")),
    }
}

fn gone(pool: &str) -> Fault {
    Fault::new(Code::UnknownPool, format!("the pool {pool} is gone"))
}
