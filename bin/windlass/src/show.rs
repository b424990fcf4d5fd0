//! Show: what a node has, what it did, what its modules can do, and what its errors mean.

use crate::admin;
use crate::args::{DescribeArgs, ErrorsArgs, ListArgs, Listed, LogArgs, StatArgs};
use crate::output::{Output, Rows, grouped};
use crate::trouble::Trouble;
use serde_json::{Value, json};
use std::time::Duration;
use windlass_client::dynamic::near;
use windlass_contract::admin::{
    LaneFacts, LatencyFacts, MethodFacts, PoolFacts, RefusedPool, SampleFacts, TaskFacts, WorkerFacts,
};
use windlass_contract::fault::{CodeInfo, TABLE};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::{MethodFlags, Parameter, Shape};
use windlass_contract::{Code, Fault, MethodSchema, ModuleDescriptor, Outcome, Retry};
use windlass_serve::keys::{KEYS, commented};
use windlass_serve::units::{bytes_text, duration_text};

/// A pool in a list.
#[derive(serde::Serialize)]
struct ListedPool {
    #[serde(flatten)]
    facts: PoolFacts,
    /// Why its callers are refused; empty when they are not.
    refused: String,
}

impl ListedPool {
    /// One that did not come back.
    fn of(pool: RefusedPool) -> Self {
        let RefusedPool { id, name, why: refused } = pool;
        let (module, version, parameters) = Default::default();
        let facts = PoolFacts { id, name, module, version, parameters, containers: 0, calls: 0, live: 0 };
        Self { facts, refused }
    }
}

/// `windlass ls`.
pub fn list(args: &ListArgs, output: Output) -> Result<(), Trouble> {
    let client = args.target.connect()?;
    match args.what {
        Listed::Pools => {
            let there =
                admin::pools(&client)?.into_iter().map(|facts| ListedPool { facts, refused: String::new() });
            let pools: Vec<_> = there.chain(admin::refused(&client)?.into_iter().map(ListedPool::of)).collect();
            output.data(&pools, || {
                let mut rows =
                    Rows::new(&["pool", "module", "version", ">containers", ">calls", ">live", "parameters"]);
                for ListedPool { facts: pool, refused } in &pools {
                    let (calls, live, count) =
                        (grouped(pool.calls), grouped(pool.live), pool.containers.to_string());
                    // One that did not come back has no parameters to show, and callers that are told this.
                    let last = if refused.is_empty() { &pool.parameters } else { refused };
                    let texts = [&pool.name, &pool.module, &pool.version, &count, &calls, &live, last];
                    rows.row(texts.map(String::clone));
                }
                rows.text()
            })
        }
        Listed::Containers => {
            let containers = admin::containers(&client)?;
            output.data(&containers, || {
                let mut rows = Rows::new(&["pool", ">container", ">worker", ">calls", ">live", "placement"]);
                for one in &containers {
                    let numbers =
                        [one.id.to_string(), one.worker.to_string(), grouped(one.calls), grouped(one.live)];
                    let (pool, placement) = (one.pool.clone(), one.placement.clone());
                    rows.row([pool].into_iter().chain(numbers).chain([placement]));
                }
                rows.text()
            })
        }
        Listed::Workers => {
            let workers = admin::workers(&client)?;
            output.data(&workers, || worker_rows(&workers))
        }
        Listed::Modules => {
            let modules = admin::modules(&client)?;
            output.data(&modules, || {
                let mut rows = Rows::new(&["module", "version", ">pools", "from", "what"]);
                for one in &modules {
                    let texts = [&one.name, &one.version, &one.pools.to_string(), &one.origin, &one.summary];
                    rows.row(texts.map(String::clone));
                }
                rows.text()
            })
        }
        Listed::Sessions => {
            let sessions = admin::sessions(&client)?;
            output.data(&sessions, || {
                let headings =
                    [">session", "client", ">pid", ">uid", ">calls", ">in flight", ">of", ">memory", ">leases"];
                let mut rows = Rows::new(&headings);
                for one in &sessions {
                    rows.row([
                        one.id.to_string(),
                        one.name.clone(),
                        one.pid.to_string(),
                        one.uid.to_string(),
                        grouped(one.calls),
                        one.in_flight.to_string(),
                        one.calls_max.to_string(),
                        bytes_text(one.segment_bytes),
                        one.leases.to_string(),
                    ]);
                }
                rows.text()
            })
        }
        Listed::Methods => {
            let methods = admin::methods(&client)?;
            output.data(&methods, || method_rows(&methods))
        }
        Listed::Lanes => {
            let lanes = admin::lanes(&client)?;
            output.data(&lanes, || lane_rows(&lanes))
        }
        Listed::Tasks => {
            let tasks = admin::tasks(&client)?;
            output.data(&tasks, || task_rows(&tasks))
        }
    }
}

/// `windlass stat`.
pub fn statistics(args: &StatArgs, output: Output) -> Result<(), Trouble> {
    let client = args.target.connect()?;
    if let Some(wanted) = &args.method {
        let (pool, method) = method_of(wanted)?;
        let facts = admin::latency(&client, pool, method)?;
        return output.data(&facts, || latency_text(wanted, &facts));
    }
    if let Some(wanted) = &args.samples {
        let (pool, method) = method_of(wanted)?;
        let samples = admin::samples(&client, pool, method)?;
        return output.data(&samples, || sample_rows(&samples));
    }
    let (node, methods) = (admin::node(&client)?, admin::methods(&client)?);
    let workers = admin::workers(&client)?;
    output.data(&json!({ "node": node, "methods": methods, "workers": workers }), || {
        let lines = [
            ("node", format!("{} {}, process {}, up {}", node.name, node.version, node.pid, seconds(node.up_s))),
            ("has", format!("{} pools, {} sessions, {} tasks", node.pools, node.sessions, grouped(node.tasks))),
            ("answered", format!("{} calls, {} of them with a fault", grouped(node.calls), grouped(node.faults))),
            (
                "bulk",
                format!(
                    "{} copied on arrival, {} read in place; {} of shared memory",
                    bytes_text(node.copied_bytes),
                    bytes_text(node.frozen_bytes),
                    bytes_text(node.segment_bytes)
                ),
            ),
            (
                "workers",
                format!(
                    "{}: {} turns, {} sleeps, {} polls over their time",
                    node.workers,
                    grouped(node.turns),
                    grouped(node.parks),
                    grouped(node.overruns)
                ),
            ),
            (
                "files",
                match node.backend_why.as_str() {
                    "" => format!("and sockets by {}", node.backend),
                    why => format!("and sockets by {}, because {why}", node.backend),
                },
            ),
        ];
        let lines: Vec<String> = lines.iter().map(|(name, text)| format!("{name:<9} {text}")).collect();
        // Of one worker alone the line above says it all.
        let each = if workers.len() > 1 { format!("\n\n{}", worker_rows(&workers)) } else { String::new() };
        format!("{}{each}\n\n{}", lines.join("\n"), method_rows(&methods))
    })
}

fn method_rows(methods: &[MethodFacts]) -> String {
    let mut rows = Rows::new(&["method", ">calls", ">faults", ">p50", ">p99", ">max", ">expected"]);
    let us = |us: f64| duration_text(Duration::from_secs_f64((us / 1e6).max(0.0)));
    for one in methods {
        rows.row([
            format!("{}.{}", one.pool, one.method),
            grouped(one.calls),
            grouped(one.faults),
            us(one.p50_us),
            us(one.p99_us),
            us(one.max_us),
            format!("{} + {} per KiB", us(one.fixed_us), us(one.per_kib_us)),
        ]);
    }
    rows.text()
}

/// A pool and a method of it. A pool's name may have dots, a method's has none.
fn method_of(wanted: &str) -> Result<(&str, &str), Fault> {
    wanted.rsplit_once('.').ok_or_else(|| {
        let text = format!("{wanted:?} names no method: write POOL.METHOD, as `windlass ls methods` does");
        Fault::new(Code::BadArguments, text)
    })
}

/// Characters of the longest bar.
const BAR: u64 = 50;

/// Quantiles, and a bar for each range of times.
fn latency_text(wanted: &str, facts: &LatencyFacts) -> String {
    if facts.calls == 0 {
        return format!("{wanted} was not called yet");
    }
    let shares = ["half", "90 %", "99 %", "99.9 %"];
    let within: Vec<String> =
        shares.iter().zip(&facts.quantiles_us).map(|(share, us)| format!("{share} {us:.1}")).collect();
    let mut lines = vec![
        format!(
            "{wanted}: {} calls, mean {:.1} us, longest {:.1} us",
            grouped(facts.calls),
            facts.mean_us,
            facts.max_us
        ),
        format!("within us: {}", within.join(", ")),
    ];
    let most = facts.ranges.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (up_to, count) in &facts.ranges {
        // Every call is seen, however rare its like.
        let bar = (count * BAR).div_ceil(most) as usize;
        lines.push(format!("{up_to:>12.2} us {count:>10} {}", "#".repeat(bar)).trim_end().to_owned());
    }
    lines.join("\n")
}

fn sample_rows(samples: &[SampleFacts]) -> String {
    let mut rows = Rows::new(&[">container", ">bytes", ">ran", ">held its worker"]);
    for one in samples {
        rows.row([
            one.container.to_string(),
            grouped(one.bytes),
            duration_text(Duration::from_secs_f64((one.ran_us / 1e6).max(0.0))),
            duration_text(Duration::from_secs_f64((one.held_us / 1e6).max(0.0))),
        ]);
    }
    rows.text()
}

fn lane_rows(lanes: &[LaneFacts]) -> String {
    let headings = [">worker", "lane", "class", ">weight", ">guaranteed", ">tasks", ">queued", ">pieces", ">ran"];
    let mut rows = Rows::new(&headings);
    for one in lanes {
        rows.row([
            one.worker.to_string(),
            one.lane.clone(),
            one.class.clone(),
            one.weight.to_string(),
            format!("{}.{} %", one.share / 10, one.share % 10),
            grouped(one.tasks),
            grouped(one.queued),
            grouped(one.pieces),
            duration_text(Duration::from_secs_f64((one.ran_us / 1e6).max(0.0))),
        ]);
    }
    rows.text()
}

fn worker_rows(workers: &[WorkerFacts]) -> String {
    let headings = [
        ">worker",
        ">sessions",
        ">containers",
        ">tasks",
        ">queued",
        ">calls",
        ">faults",
        ">carried",
        ">turns",
        ">sleeps",
        ">stalls",
        "notes",
    ];
    let mut rows = Rows::new(&headings);
    for one in workers {
        rows.row([
            one.id.to_string(),
            one.sessions.to_string(),
            one.containers.to_string(),
            grouped(one.tasks),
            grouped(one.queued),
            grouped(one.calls),
            grouped(one.faults),
            grouped(one.carried),
            grouped(one.turns),
            grouped(one.parks),
            grouped(one.stalls),
            if one.stalled { "stalled: it does not answer".to_owned() } else { String::new() },
        ]);
    }
    rows.text()
}

fn task_rows(tasks: &[TaskFacts]) -> String {
    let headings = [
        ">task",
        "name",
        ">worker",
        "lane",
        "state",
        ">age",
        ">polls",
        ">ran",
        ">ready for",
        ">operations",
        "notes",
    ];
    let mut rows = Rows::new(&headings);
    let us = |us: f64| duration_text(Duration::from_secs_f64((us / 1e6).max(0.0)));
    for one in tasks {
        let notes = [(one.cancelled, "asked to end"), (one.system, "system")];
        let notes: Vec<&str> = notes.iter().filter(|(set, _)| *set).map(|(_, note)| *note).collect();
        rows.row([
            one.id.clone(),
            one.name.clone(),
            one.worker.to_string(),
            one.lane.clone(),
            one.state.clone(),
            us(one.age_us),
            grouped(one.polls),
            us(one.cpu_us),
            us(one.wait_us),
            grouped(one.operations),
            notes.join(", "),
        ]);
    }
    rows.text()
}

fn seconds(up_s: f64) -> String {
    let whole = up_s.max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `windlass describe`.
pub fn describe(args: &DescribeArgs, output: Output) -> Result<(), Trouble> {
    let client = args.target.connect()?;
    let module = admin::describe(&client, &args.name).map_err(|fault| {
        let names = || -> Result<Vec<String>, Fault> {
            let pools = admin::pools(&client)?.into_iter().map(|pool| pool.name);
            Ok(pools.chain(admin::modules(&client)?.into_iter().map(|one| one.name)).collect())
        };
        match names() {
            Ok(mut names) if fault.is(Code::UnknownPool) => {
                names.sort();
                names.dedup();
                let hint = near::hint(&args.name, names.iter().map(String::as_str));
                Fault::new(Code::UnknownPool, format!("the node has no pool or module {:?}{hint}", args.name))
            }
            _ => fault,
        }
    })?;
    output.data(&module, || described(&module))
}

fn described(module: &ModuleDescriptor) -> String {
    let mut text = format!("{} {}\n", module.name, module.version);
    push_docs(&mut text, &module.docs, "");
    for method in &module.methods {
        text.push_str(&format!("\n{}\n", signature(method)));
        push_docs(&mut text, &method.docs, "    ");
        let flags = flags(&method.flags);
        if !flags.is_empty() {
            text.push_str(&format!("    [{}]\n", flags.join(", ")));
        }
    }
    text.trim_end().to_owned()
}

fn push_docs(text: &mut String, docs: &str, indent: &str) {
    for line in docs.lines() {
        text.push_str(format!("{indent}{}", line.trim()).trim_end());
        text.push('\n');
    }
}

fn signature(method: &MethodSchema) -> String {
    let parameters: Vec<String> = method.parameters.iter().map(parameter).collect();
    let reply = match method.reply.to_string() {
        unit if unit == "()" => String::new(),
        reply => format!(" -> {reply}"),
    };
    format!("{} {}({}){reply}", method.id.0, method.name, parameters.join(", "))
}

fn parameter(parameter: &Parameter) -> String {
    match &parameter.shape {
        Shape::Value { schema, default, since } => {
            let default = match default.as_deref().map(|mut bytes| schema.decode_json(&mut bytes)) {
                None => String::new(),
                Some(Ok(value)) => format!(" = {value}"),
                Some(Err(_)) => " = ..".to_owned(),
            };
            format!("{}: {schema}{default}{}", parameter.name, if *since { " (since)" } else { "" })
        }
        Shape::Buffer { direction, kind } => {
            let direction = match direction {
                Direction::In => "in",
                Direction::Out => "out",
                Direction::InOut => "in-out",
            };
            let kind = match kind {
                BufferKind::Bytes => "buffer",
                BufferKind::Shared => "shared buffer",
            };
            format!("{}: {direction} {kind}", parameter.name)
        }
        Shape::Stream { direction: Direction::Out, item } => format!("{}: out stream of {item}", parameter.name),
        Shape::Stream { item, .. } => format!("{}: in stream of {item}", parameter.name),
    }
}

fn flags(flags: &MethodFlags) -> Vec<String> {
    let named = [
        (flags.is_async, "async"),
        (flags.blocking, "blocking"),
        (flags.idempotent, "idempotent"),
        (flags.reentrant, "reentrant"),
        (flags.local, "local"),
        (flags.background, "background"),
        (flags.detached, "detached"),
        (flags.aggregate, "aggregate"),
    ];
    let mut all: Vec<String> = named.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_owned()).collect();
    all.extend(flags.key.as_ref().map(|key| format!("one at a time per {key}")));
    if flags.period_ns > 0 {
        all.push(format!("every {}", duration_text(Duration::from_nanos(flags.period_ns))));
    }
    all
}

/// `windlass log`: what is written, and other levels from now on.
pub fn log(args: &LogArgs, output: Output) -> Result<(), Trouble> {
    let levels = admin::log(&args.target.connect()?, &args.levels.join(","))?;
    output.text("levels", &levels)
}

/// `windlass errors`.
pub fn errors(args: &ErrorsArgs, output: Output) -> Result<(), Trouble> {
    let Some(which) = &args.which else {
        let all: Vec<Value> = TABLE.iter().map(error_json).collect();
        return output.data(&all, || {
            let mut rows = Rows::new(&[">code", "name", "ran?", "retry", ">exit", "meaning"]);
            for one in TABLE {
                let (ran, retry) = (ran(one.outcome), retry(one.retry));
                let code = (one.code as u16).to_string();
                rows.row([code, one.name.into(), ran.into(), retry, one.exit.to_string(), one.meaning.into()]);
            }
            rows.text()
        });
    };
    let number = which.parse::<u16>().ok();
    let found = TABLE.iter().find(|one| Some(one.code as u16) == number || one.name.eq_ignore_ascii_case(which));
    let found = found.ok_or_else(|| match number {
        Some(1000..) => {
            Trouble::usage(format!("{which} is a fault of a module; `windlass describe` may explain it"))
        }
        Some(_) => Trouble::usage(format!("no error has the number {which}; `windlass errors` lists them")),
        None => {
            let hint = near::hint(which, TABLE.iter().map(|one| one.name));
            Trouble::usage(format!("no error is called {which:?}{hint}"))
        }
    })?;
    output.data(&error_json(found), || {
        format!(
            "{}({})\n  {}\n  did the call run: {}; send it again: {}\n  gRPC {:?}, HTTP {}, exit code {}, Python {}",
            found.name,
            found.code as u16,
            found.meaning,
            ran(found.outcome),
            retry(found.retry),
            found.grpc,
            found.http,
            found.exit,
            found.python
        )
    })
}

fn error_json(info: &CodeInfo) -> Value {
    json!({
        "code": info.code as u16,
        "name": info.name,
        "outcome": info.outcome,
        "retry": info.retry,
        "grpc": format!("{:?}", info.grpc),
        "http": info.http,
        "exit": info.exit,
        "python": info.python,
        "meaning": info.meaning,
    })
}

fn ran(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotStarted => "no",
        Outcome::Unknown => "unknown",
        Outcome::Ended => "yes",
    }
}

fn retry(retry: Retry) -> String {
    match retry {
        Retry::Never => "never".into(),
        Retry::Same => "as it is".into(),
        Retry::After(ms) => format!("after {ms} ms"),
        Retry::Elsewhere => "elsewhere".into(),
    }
}

/// `windlass config`.
pub fn config(output: Output) -> Result<(), Trouble> {
    let file = commented();
    let keys: Vec<Value> = KEYS
        .iter()
        .map(|key| {
            let (flag, variable) = (key.flag, key.variable());
            json!({ "key": key.path, "default": key.default, "flag": flag, "variable": variable, "meaning": key.docs })
        })
        .collect();
    output.data(&json!({ "file": file, "keys": keys }), || file.trim_end().to_owned())
}
