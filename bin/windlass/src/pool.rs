//! Pool: pools made and ended, and module libraries loaded.

use crate::admin;
use crate::args::{LoadArgs, PoolArgs, PoolCommand};
use crate::output::Output;
use crate::target::Target;
use crate::trouble::Trouble;
use windlass_client::Client;
use windlass_client::dynamic::near;
use windlass_contract::admin::PoolFacts;
use windlass_contract::{Code, Fault, MethodId};

/// `windlass pool`.
pub fn run(args: &PoolArgs, output: Output) -> Result<(), Trouble> {
    match &args.command {
        PoolCommand::Create { name, module, parameters, containers, placement, target } => {
            let parameters = pairs(parameters, "parameter")?;
            let spread = match (containers, placement) {
                (None, None) => None,
                (count, placement) => Some((count.unwrap_or(1), placement.as_deref().unwrap_or_default())),
            };
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
        PoolCommand::Destroy { name, target } => {
            admin::destroy(&target.connect()?, name)?;
            output.data(&serde_json::json!({ "destroyed": name }), || format!("pool {name} has ended"))
        }
    }
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
    spread: Option<(u32, &str)>,
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
