//! Call: one method of one pool, by the schema that the node serves.
//!
//! Lives here: reading arguments and files, writing result buffers, showing the reply.
//! From: the command line. To: `windlass_client::dynamic`.
//! Holds: a file is read straight into memory that the node reads in place; unknown names are refused before anything is sent.

use crate::args::CallArgs;
use crate::output::{self, Output};
use crate::pool::pairs;
use crate::trouble::Trouble;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use windlass_client::dynamic::{self, Bulk, DynamicPool, DynamicReply, Supply, near, read};
use windlass_client::{Client, EncodedValues};
use windlass_contract::head::Direction;
use windlass_contract::schema::parse_text;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault, MethodSchema, Schema};
use windlass_serve::units;

/// Bytes of a result that are shown.
const SHOWN_BYTES: usize = 64;
/// The path that means standard input or output.
const STANDARD: &str = "-";

/// `windlass call`.
pub fn run(args: &CallArgs, output: Output) -> Result<(), Trouble> {
    let (pool, method) = args
        .method
        .rsplit_once('.')
        .ok_or_else(|| Trouble::usage(format!("{:?} names no method; write POOL.METHOD", args.method)))?;
    let arguments = pairs(&args.arguments, "argument")?;
    let (files, outs, rooms) =
        (pairs(&args.file, "file")?, pairs(&args.out, "result")?, pairs(&args.room, "room")?);
    let client = args.target.connect()?;
    let pool = open(&client, pool)?;
    let method = pool.method(method)?;
    let mut buffers = Vec::new();
    for (name, path) in &files {
        buffers.push((name.clone(), supply(&client, path)?));
    }
    for (name, text) in &rooms {
        let room = units::bytes(text).map_err(Trouble::usage)?;
        let room =
            usize::try_from(room).map_err(|_| Trouble::usage(format!("{text} is no room this machine has")))?;
        buffers.push((name.clone(), Supply::Room(room)));
    }
    check_outs(method, &outs)?;
    if method.streams().next().is_some() {
        return streamed(args, &pool, method, &arguments, &buffers, output);
    }
    if args.items.is_some() {
        return Err(Trouble::usage(format!("{} reads no stream: leave out --items", method.name)));
    }
    let mut outgoing = pool.outgoing(method, &arguments, &buffers)?;
    if let Some(query) = args.query {
        outgoing = outgoing.query(query);
    }
    if let Some(deadline) = args.deadline {
        outgoing = outgoing.deadline(deadline);
    }
    show(read(method, outgoing.wait()?)?, &outs, output)
}

/// A call with streams: what it reads comes line by line as JSON, what it sends is shown line by line as it comes.
fn streamed(
    args: &CallArgs,
    pool: &DynamicPool,
    method: &MethodSchema,
    arguments: &[(String, String)],
    buffers: &[(String, Supply<'_>)],
    output: Output,
) -> Result<(), Trouble> {
    let values = match (method.stream(Direction::In), &args.items) {
        (Some(item), path) => Some(lines(path.as_deref().unwrap_or(STANDARD), item.clone())?),
        (None, Some(_)) => {
            return Err(Trouble::usage(format!("{} reads no stream: leave out --items", method.name)));
        }
        (None, None) => None,
    };
    let pool = match args.query {
        Some(query) => pool.pool().toward(query),
        None => pool.pool().clone(),
    };
    let mut items = dynamic::streamed(&pool, method, arguments, buffers, args.deadline, values)?;
    let sent = method.stream(Direction::Out);
    while let Some(item) = items.next_encoded() {
        let bytes = match (item, sent) {
            (Ok(bytes), Some(schema)) => schema.decode_json(&mut &bytes[..]),
            // `end_encoded` says it.
            _ => break,
        };
        let value = bytes.map_err(|error| Fault::new(Code::BadReply, error.to_string()))?;
        let line = match &value {
            Value::String(text) if !output.json => text.clone(),
            other => other.to_string(),
        };
        if !output::heard(format!("{line}\n").as_bytes())? {
            // Nobody reads any more: the call ends with its stream.
            return Ok(());
        }
    }
    let reply = read(method, items.end_encoded()?)?;
    if sent.is_some() {
        // What passed is the data; what the method says about it is talk.
        output.say(&plain(&reply.value));
        return Ok(());
    }
    show(reply, &[], output)
}

/// Values of a file, or of standard input, one to a line as JSON; a line that is none ends the call.
fn lines(path: &str, item: Schema) -> Result<EncodedValues, Trouble> {
    let source: Box<dyn Read + Send> = match path {
        STANDARD => Box::new(std::io::stdin()),
        path => Box::new(File::open(path).map_err(|error| Trouble::io(path, &error))?),
    };
    let path = path.to_owned();
    let numbered = (1..).zip(BufReader::new(source).lines());
    let wrong = move |at: u64, why: String| Fault::new(Code::BadArguments, format!("{path}, line {at}: {why}"));
    let values = numbered.map(move |(at, line)| {
        let line = line.map_err(|error| wrong(at, error.to_string()))?;
        let mut bytes = Vec::new();
        // What is no JSON of this type is a bare word, as an argument may be.
        let json =
            serde_json::from_str(&line).is_ok_and(|value: Value| item.encode_json(&value, &mut bytes).is_ok());
        if !json {
            bytes.clear();
            let bare = parse_text(&item, &line).and_then(|value| item.encode_json(&value, &mut bytes));
            bare.map_err(|error| wrong(at, error.to_string()))?;
        }
        Ok(bytes)
    });
    Ok(Box::new(values))
}

/// A query as it is written: `local`, `dynamic`, `id:N`, `hash:N`, `range:FROM..TO`, `broadcast`.
///
/// # Errors
/// What would do.
pub fn query(text: &str) -> Result<Query, String> {
    let wrong =
        || format!("{text:?} names no containers: write local, dynamic, id:3, hash:7, range:0..4 or broadcast");
    let (kind, value) = text.split_once(':').unwrap_or((text, ""));
    let number = || value.parse::<u64>().map_err(|_| wrong());
    match (kind, value) {
        ("local", "") => Ok(Query::Local),
        ("dynamic", "") => Ok(Query::Dynamic),
        ("broadcast", "") => Ok(Query::Broadcast),
        ("id", _) => Ok(Query::Id(number()?)),
        ("hash", _) => Ok(Query::Hash(number()?)),
        ("range", _) => {
            let (from, to) = value.split_once("..").ok_or_else(wrong)?;
            let (first, to): (u32, u32) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
            match to.checked_sub(first) {
                Some(count @ 1..) => Ok(Query::Range { first, count }),
                _ => Err(format!("{text:?} is an empty range; `range:0..4` is the containers 0, 1, 2 and 3")),
            }
        }
        _ => Err(wrong()),
    }
}

/// The pool of this name; an unknown one is refused with the nearest.
fn open(client: &Client, name: &str) -> Result<DynamicPool, Fault> {
    DynamicPool::open(client, name).map_err(|fault| {
        if !fault.is(Code::UnknownPool) {
            return fault;
        }
        match crate::admin::pools(client) {
            Ok(pools) => {
                let hint = near::hint(name, pools.iter().map(|pool| pool.name.as_str()));
                Fault::new(Code::UnknownPool, format!("the node has no pool {name:?}{hint}"))
            }
            Err(_) => fault,
        }
    })
}

/// Reads a file into memory that the node reads in place.
fn supply(client: &Client, path: &str) -> Result<Supply<'static>, Trouble> {
    let failed = |error: &std::io::Error| Trouble::io(path, error);
    if path == STANDARD {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        return freeze(client, bytes.len(), |room| {
            room.copy_from_slice(&bytes);
            Ok(())
        })
        .map_err(|error| failed(&error))?;
    }
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let facts = file.metadata().map_err(|error| failed(&error))?;
    if !facts.is_file() {
        return Err(Trouble::usage(format!("{path} is not a file")));
    }
    let bytes = usize::try_from(facts.len()).map_err(|_| Trouble::usage(format!("{path} is too long")))?;
    freeze(client, bytes, |room| file.read_exact(room)).map_err(|error| failed(&error))?
}

type Frozen = Result<Supply<'static>, Trouble>;

/// Freezes what `fill` writes; an empty buffer is sent as it is. The outer error is that of `fill`.
fn freeze(
    client: &Client,
    bytes: usize,
    fill: impl FnOnce(&mut [u8]) -> std::io::Result<()>,
) -> std::io::Result<Frozen> {
    if bytes == 0 {
        return Ok(Ok(Supply::Bytes(&[])));
    }
    let mut filled = Ok(());
    let frozen = client.freeze_with(bytes, |room| filled = fill(room));
    filled?;
    Ok(frozen.map(Supply::Frozen).map_err(Trouble::from))
}

/// Every `--out` names a result buffer, once.
fn check_outs(method: &MethodSchema, outs: &[(String, String)]) -> Result<(), Fault> {
    let giving = || {
        let given = method.buffers().filter(|(_, direction, _)| *direction != Direction::In);
        given.map(|(parameter, ..)| parameter.name.as_str())
    };
    for (at, (name, _)) in outs.iter().enumerate() {
        if !giving().any(|one| one == name) {
            let hint = near::hint(name, giving());
            return Err(Fault::new(
                Code::BadBuffer,
                format!("{} has no result buffer {name:?}{hint}", method.name),
            ));
        }
        if outs[..at].iter().any(|(other, _)| other == name) {
            return Err(Fault::new(Code::BadBuffer, format!("--out {name} is given twice")));
        }
    }
    Ok(())
}

fn show(reply: DynamicReply, outs: &[(String, String)], output: Output) -> Result<(), Trouble> {
    let mut lines = Vec::new();
    let mut objects = serde_json::Map::new();
    let mut quiet = false;
    for (name, bulk) in &reply.buffers {
        let path = outs.iter().find(|(out, _)| out == name).map(|(_, path)| path.as_str());
        if let Some(path) = path {
            write(path, bulk)?;
            quiet |= path == STANDARD;
        }
        let (text, object) = summary(name, bulk, path);
        lines.push(text);
        objects.insert(name.clone(), object);
    }
    if quiet {
        // The bytes are the data; what else there is to say is talk.
        output.say(format!("{}\n{}", plain(&reply.value), lines.join("\n")).trim_start());
        return Ok(());
    }
    output.data(&json!({ "value": reply.value, "buffers": objects }), || {
        let value = plain(&reply.value);
        let first = (!value.is_empty()).then_some(value);
        first.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    })
}

fn write(path: &str, bulk: &Bulk) -> Result<(), Trouble> {
    if path == STANDARD {
        return output::bytes(bulk);
    }
    std::fs::write(Path::new(path), &**bulk).map_err(|error| Trouble::io(path, &error))
}

/// A value as people read it: text without quotes, nothing for nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => format!("{value:#}"),
        other => other.to_string(),
    }
}

/// What a result buffer is: how long, where it went, or how it begins.
fn summary(name: &str, bytes: &[u8], path: Option<&str>) -> (String, Value) {
    let length = format!("{name}: {} bytes", output::grouped(bytes.len() as u64));
    if let Some(path) = path {
        return (format!("{length} to {path}"), json!({ "bytes": bytes.len(), "path": path }));
    }
    let first = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = first
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { *byte as char } else { '.' })
        .collect();
    let mut shown = length;
    for (at, part) in hex.chunks(16).enumerate() {
        let from = at * 16;
        shown.push_str(&format!("\n  {from:04x}  {:<47}  {}", part.join(" "), &text[from..from + part.len()]));
    }
    if bytes.len() > first.len() {
        shown.push_str(&format!("\n  .. (--out {name}=PATH writes all of it)"));
    }
    (shown, json!({ "bytes": bytes.len(), "first_hex": hex.concat(), "first_text": text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_is_written_and_another_is_refused_with_what_would_do() {
        assert_eq!(query("id:3"), Ok(Query::Id(3)));
        assert_eq!(query("hash:7"), Ok(Query::Hash(7)));
        assert_eq!(query("range:1..4"), Ok(Query::Range { first: 1, count: 3 }));
        assert_eq!(query("broadcast"), Ok(Query::Broadcast));
        for wrong in ["id", "id:x", "range:4..4", "range:1", "all", "local:1", "hash:-1"] {
            let said = query(wrong).unwrap_err();
            assert!(said.contains("range:0..4"), "{wrong}: {said}");
        }
    }
}
