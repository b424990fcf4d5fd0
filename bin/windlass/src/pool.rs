//! Pool: pools made and ended, their modes, and module libraries loaded.

use crate::admin;
use crate::args::{LoadArgs, PoolArgs, PoolCommand};
use crate::output::{Output, Rows};
use crate::target::Target;
use crate::trouble::Trouble;
use std::collections::BTreeSet;
use windlass_client::Client;
use windlass_client::dynamic::near;
use windlass_contract::admin::{ModeFacts, PoolFacts};
use windlass_contract::{Code, Fault, MethodId};

/// `windlass pool`.
pub fn run(args: &PoolArgs, output: Output) -> Result<(), Trouble> {
    match &args.command {
        PoolCommand::Create { name, module, parameters, containers, placement, mode, target } => {
            let parameters = pairs(parameters, "parameter")?;
            let spread = match (containers, placement, mode) {
                (None, None, None) => None,
                (count, placement, mode) => {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    Some((count.unwrap_or(1), text(placement), text(mode)))
                }
            };
            let spread =
                spread.as_ref().map(|(count, placement, mode)| (*count, placement.as_str(), mode.as_str()));
            let facts = create(&target.connect()?, name, module, &parameters, spread)?;
            output.data(&facts, || {
                let of =
                    if facts.parameters.is_empty() { String::new() } else { format!(" ({})", facts.parameters) };
                let spread = match facts.containers {
                    1 => String::new(),
                    count => format!(", {count} containers"),
                };
                format!("pool {} of {} {}{of}{spread}", facts.name, facts.module, facts.version)
            })
        }
        PoolCommand::Mode { name, mode, target } => {
            let client = target.connect()?;
            let name = name.as_deref().unwrap_or_default();
            match mode {
                None => {
                    let all = admin::modes(&client, name)?;
                    output.data(&all, || table(&all))
                }
                Some(mode) => {
                    let facts = admin::set_mode(&client, name, mode)?;
                    output.data(&facts, || changed(&facts))
                }
            }
        }
        PoolCommand::Destroy { name, target } => {
            admin::destroy(&target.connect()?, name)?;
            output.data(&serde_json::json!({ "destroyed": name }), || format!("pool {name} has ended"))
        }
    }
}

/// Modes, line by line.
fn table(all: &[ModeFacts]) -> String {
    let mut rows = Rows::new(&["pool", "mode", "placement", "workers"]);
    for one in all {
        rows.row([one.pool.clone(), one.mode.clone(), one.placement.clone(), workers(&one.workers)]);
    }
    rows.text()
}

/// What became of a pool whose mode was changed.
fn changed(facts: &ModeFacts) -> String {
    let moved = match facts.moved {
        0 => String::new(),
        1 => "; 1 container moved".to_owned(),
        count => format!("; {count} containers moved"),
    };
    let mut text = format!("pool {} is {}, on worker {}{moved}", facts.pool, facts.mode, workers(&facts.workers));
    for stay in &facts.stays {
        text.push_str(&format!(
            "\n  container {} of {} stays on worker {}: {}",
            stay.container, stay.pool, stay.worker, stay.why
        ));
    }
    if !facts.stays.is_empty() {
        text.push_str("\n  The mode counts for every container that is placed from now on.");
    }
    text
}

/// Each worker once, in order.
fn workers(all: &[u32]) -> String {
    let each: BTreeSet<u32> = all.iter().copied().collect();
    each.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Makes a pool from parameters as text.
///
/// # Errors
/// `UnknownModule`; `BadArguments` for a parameter that its `create` does not have, with the nearest; as `admin::create`.
pub fn create(
    client: &Client,
    name: &str,
    module: &str,
    parameters: &[(String, String)],
    spread: Option<(u32, &str, &str)>,
) -> Result<PoolFacts, Fault> {
    let modules = admin::modules(client)?;
    if !modules.iter().any(|one| one.name == module) {
        let hint = near::hint(module, modules.iter().map(|one| one.name.as_str()));
        return Err(Fault::new(Code::UnknownModule, format!("the node has no module {module:?}{hint}")));
    }
    // Asked by the name of the module: a pool may be called like another module.
    let descriptor = admin::describe(client, module)?;
    let create = descriptor.methods.iter().find(|method| method.id == MethodId::CREATE);
    let create =
        create.ok_or_else(|| Fault::new(Code::BadReply, format!("{module} does not describe its create")))?;
    let known = || create.values().map(|(one, ..)| one.name.as_str());
    for (at, (key, _)) in parameters.iter().enumerate() {
        if !known().any(|one| one == key) {
            let text = format!("{module} has no create parameter {key:?}{}", near::hint(key, known()));
            return Err(Fault::new(Code::BadArguments, text));
        }
        if parameters[..at].iter().any(|(other, _)| other == key) {
            return Err(Fault::new(Code::BadArguments, format!("the parameter {key:?} is given twice")));
        }
    }
    let encoded = create
        .encode_text(parameters)
        .map_err(|error| Fault::new(Code::BadArguments, format!("the parameters of {module}: {error}")))?;
    admin::create(client, name, module, &encoded, spread)
}

/// `windlass load`.
pub fn load(args: &LoadArgs, output: Output) -> Result<(), Trouble> {
    let path = std::path::absolute(&args.path).map_err(|error| Trouble::io(args.path.display(), &error))?;
    let text = path.to_str().ok_or_else(|| Trouble::usage(format!("{} is not UTF-8", path.display())))?;
    let modules = admin::load(&connect(&args.target)?, text)?;
    output.data(&modules, || {
        let lines: Vec<String> = modules
            .iter()
            .map(|one| format!("module {} {} from {}\n{}", one.name, one.version, one.origin, one.summary))
            .collect();
        lines.join("\n")
    })
}

fn connect(target: &Target) -> Result<Client, Fault> {
    target.connect()
}

/// `key=value` texts as pairs.
///
/// # Errors
/// `BadConfig` for one without `=`.
pub fn pairs(texts: &[String], sort: &str) -> Result<Vec<(String, String)>, Trouble> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
            _ => Err(Trouble::usage(format!("{text:?} is no {sort}; write name=value"))),
        })
        .collect()
}
