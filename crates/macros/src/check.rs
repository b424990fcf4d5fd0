//! Check: what no single function can know, and what attributes mean together.
//!
//! Holds: a model that passes makes code that compiles, as far as a macro can see; the rest (a type without a schema, an
//! error that is no Fault) the compiler says at the author's own tokens.

use crate::model::{Aggregate, Direction, Kind, Method, Module, Receiver};
use crate::names;
use crate::parse::{DEFAULT_GROUP, Errors, OWN_FIRST};
use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Error, Expr, ExprCall, ExprPath};

/// Functions of `contract::module::Hooks`.
const HOOKS: &[&str] = &[
    "destroy",
    "node_failure",
    "recover",
    "migrate",
    "upgrade",
    "restart",
    "export",
    "import",
    "monitor",
    "estimate",
    "sample",
    "train",
    "schedule",
    "replica_start",
    "replica_aggregate",
    "flush_work",
    "lane_of",
];
/// Functions that every generated client has of its own and needs. (`find` and `create` give way to a method of that name.)
const CLIENT_OWN: &[&str] = &["connect", "on", "pool", "toward"];
/// `contract::limits::BUFFERS_MAX`.
const BUFFERS_MAX: usize = 16;
/// `contract::limits::NAME_MAX`.
const NAME_MAX: usize = 64;

/// Why a function of a `sync` module takes `&self`.
const SYNC_SELF: &str = "calls of a `sync` module run on several workers at once: take `&self`, and keep the state in atomics or behind \
                         the locks of `std::sync` (never held across `.await`), or leave out `sync`";

/// Checks the whole module, as far as it was understood.
pub fn module(module: &Module, errors: &mut Errors) {
    match &module.creates[..] {
        [_] => {}
        [] if module.create_marked => {}
        [] => errors.add(Error::new_spanned(
            &module.state,
            "a module needs a function marked `#[create]` that makes a container: `fn create() -> Self`",
        )),
        [_, second, ..] => {
            errors.add(Error::new(second.ident.span(), "a module has one `#[create]`; this is the second"))
        }
    }
    for create in &module.creates {
        since_stands_last(create, errors);
    }
    for (at, one) in module.methods.iter().enumerate() {
        number_and_name(one, &module.methods[..at], errors);
        state_rule(module, one, errors);
        flags(module, one, errors);
        key(one, errors);
        since_stands_last(one, errors);
        streams(one, errors);
    }
    groups(module, errors);
    for hook in &module.hooks {
        let name = hook.sig.ident.to_string();
        if module.stateless && ["restart", "export", "import"].contains(&name.as_str()) {
            let text = format!(
                "a `stateless` module has nothing to come back with: leave out the word, or the hook `{name}`"
            );
            errors.add(Error::new(hook.sig.ident.span(), text));
        }
        let is_alone = hook.sig.receiver().filter(|this| this.mutability.is_some());
        if let Some(this) = is_alone.filter(|_| name == "import" && module.sync.is_some()) {
            errors.add(Error::new_spanned(this, SYNC_SELF));
        } else if let Some(this) = is_alone.filter(|_| name == "import" && !module.all_sync()) {
            let text = "with an `async fn` in the module, calls share the container: take `&self`, and keep the state in cells";
            errors.add(Error::new_spanned(this, text));
        }
        if !HOOKS.contains(&name.as_str()) {
            let text = format!("there is no hook `{name}`{}", names::instead(&name, HOOKS));
            errors.add(Error::new(hook.sig.ident.span(), text));
        }
    }
}

fn number_and_name(method: &Method, before: &[Method], errors: &mut Errors) {
    let (id, name) = (method.id, &method.name);
    if id < OWN_FIRST {
        let text = format!(
            "numbers 0 to 9 are inherited (create, destroy, .. monitor); a module's own begin at {OWN_FIRST}"
        );
        errors.add(Error::new(method.id_at, text));
    }
    if let Some(other) = before.iter().find(|other| other.id == id) {
        errors.add(Error::new(method.id_at, format!("method `{}` has number {id} already", other.name)));
    }
    if before.iter().any(|other| other.name == *name) {
        errors.add(Error::new(method.ident.span(), format!("there are two methods `{name}`")));
    }
    let fits = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) && name.len() <= NAME_MAX;
    if !fits {
        let text = format!("a method's name is 1 to {NAME_MAX} of a-z, 0-9 and _");
        errors.add(Error::new(method.ident.span(), text));
    }
    if CLIENT_OWN.contains(&name.as_str()) {
        let text = format!("every generated client has a `{name}` of its own: choose another name");
        errors.add(Error::new(method.ident.span(), text));
    }
}

/// Streams: one each way, in a method that can wait and that one container runs for one caller who waits.
fn streams(method: &Method, errors: &mut Errors) {
    let Some((first, ..)) = method.streams().next() else { return };
    let at = first.ident.span();
    if !method.is_async {
        errors.add(Error::new(at, "a method waits for its streams: make it an `async fn`"));
    }
    for way in [Direction::In, Direction::Out] {
        if let Some((second, ..)) = method.streams().filter(|(_, one, _)| *one == way).nth(1) {
            let text = "a method reads one stream and fills one at most: send an enum, or a struct of both";
            errors.add(Error::new(second.ident.span(), text));
        }
    }
    let gives_back = method.buffers().find(|(_, buffer)| buffer.gives_back());
    if let Some((buffer, _)) = gives_back.filter(|_| method.stream(Direction::Out).is_some()) {
        let text = "a method that fills a stream gives back no buffers: send their bytes through the stream";
        errors.add(Error::new(buffer.ident.span(), text));
    }
    if method.flags.detached {
        errors.add(Error::new(at, "nobody waits for a detached method, so nobody reads or fills its streams"));
    }
    if method.flags.aggregate.is_some() {
        errors.add(Error::new(
            at,
            "a stream goes to one container, so there are no answers of several to be folded",
        ));
    }
    if let Some(period) = &method.flags.period {
        errors.add(Error::new(
            period.at.span(),
            "the node calls a periodic method itself, and has no streams for it",
        ));
    }
}

fn groups(module: &Module, errors: &mut Errors) {
    let names: Vec<String> = module.groups.iter().map(|group| group.ident.to_string()).collect();
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    for method in &module.methods {
        let Some(group) = &method.flags.group else { continue };
        let name = group.to_string();
        if listed.is_empty() {
            let text = format!("this module has no lane groups: say `#[module(lanes({name} = 8))]`");
            errors.add(Error::new(group.span(), text));
        } else if !listed.contains(&name.as_str()) {
            let text = format!("there is no lane group `{name}`{}", names::instead(&name, &listed));
            errors.add(Error::new(group.span(), text));
        }
        if method.flags.blocking {
            errors.add(Error::new(group.span(), "a blocking method runs on a thread of its own, in no lane"));
        }
    }
    for group in &module.groups {
        let used = group.ident == DEFAULT_GROUP
            || module.methods.iter().any(|method| method.flags.group.as_ref() == Some(&group.ident));
        if !used {
            let text = format!(
                "no method waits in this group: say `#[method(group = {})]` on those that do",
                group.ident
            );
            errors.add(Error::new(group.ident.span(), text));
        }
    }
    let hook = module.hooks.iter().find(|hook| hook.sig.ident == "lane_of");
    if module.groups.is_empty()
        && let Some(hook) = hook
    {
        let text =
            "`lane_of` chooses a lane of a group, and this module has none: say `#[module(lanes(default = 4))]`";
        errors.add(Error::new(hook.sig.ident.span(), text));
    }
}

fn state_rule(module: &Module, method: &Method, errors: &mut Errors) {
    if method.receiver != Receiver::Exclusive {
        return;
    }
    if module.sync.is_some() {
        errors.add(Error::new(method.ident.span(), SYNC_SELF));
    } else if let Some(other) = module.methods.iter().find(|other| other.is_async) {
        let text = format!(
            "`{}` is an `async fn`, so calls overlap and no method may take `&mut self`: take `&self` and keep the state \
             in `Cell` or `RefCell` (never borrowed across `.await`), or make every method a plain `fn`",
            other.name
        );
        errors.add(Error::new(method.ident.span(), text));
    }
}

fn flags(module: &Module, method: &Method, errors: &mut Errors) {
    let flags = &method.flags;
    let at = method.ident.span();
    if flags.blocking {
        if method.is_async {
            errors.add(Error::new(at, "a blocking method holds a thread of its own: make it a plain `fn`"));
        }
        if method.receiver != Receiver::None {
            errors.add(Error::new(
                at,
                "a blocking method runs on another thread than its container: take no `self`, pass what it needs",
            ));
        }
        if flags.key.is_some() {
            errors.add(Error::new(at, "a key orders calls on a lane, and a blocking method runs on none"));
        }
    }
    if let Some(period) = &flags.period
        && (method.values().next().is_some() || method.buffers().next().is_some())
    {
        let text = "the node calls a periodic method itself, so it takes no parameters but `self` and `&Context`";
        errors.add(Error::new(period.at.span(), text));
    }
    if flags.detached
        && (!method.reply.is_unit() || method.buffers().any(|(_, buffer)| buffer.shared || buffer.gives_back()))
    {
        errors.add(Error::new(
            at,
            "nobody waits for a detached method: answer `()`, and take no `Out`, `InOut` or `SharedBytes`",
        ));
    }
    if flags.reentrant && flags.key.is_none() {
        errors.add(Error::new(at, "`reentrant` lets a nested call pass its root's key: say the key, `key = ..`"));
    }
    let folds = module.hooks.iter().any(|hook| hook.sig.ident == "replica_aggregate");
    if folds && let Some(Aggregate::By(path)) = &flags.aggregate {
        errors.add(Error::new_spanned(
            path,
            "the hook `replica_aggregate` folds all replies of this module: write `aggregate` alone, or leave the hook out",
        ));
    }
    if matches!(flags.aggregate, Some(Aggregate::Hook)) && !folds {
        errors.add(Error::new(
            at,
            "`aggregate` needs a function of two answers, like `aggregate = sum`, or the hook that folds the replies: \
             `#[hook] fn replica_aggregate(&self, method: u32, replies: &[Vec<u8>]) -> Result<Vec<u8>, Fault>`",
        ));
    }
    if flags.aggregate.is_some() {
        for (parameter, _) in method.buffers().filter(|(_, buffer)| buffer.gives_back()) {
            let text = "`aggregate` lets this method be called on several containers at once, and they cannot write into one buffer \
                        of the caller: answer the bytes as a value that can be folded, or leave `aggregate` out and call one \
                        container at a time";
            errors.add(Error::new_spanned(&parameter.ty, text));
        }
    }
    let buffers = method.buffers().count();
    if buffers > BUFFERS_MAX {
        errors.add(Error::new(at, format!("{buffers} buffers; a call carries {BUFFERS_MAX} at most")));
    }
}

fn key(method: &Method, errors: &mut Errors) {
    let Some(key) = &method.flags.key else { return };
    let values: Vec<String> = method.values().map(|one| one.ident.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let used = names_in(key);
    for name in &used {
        if values.contains(&name.to_string().as_str()) {
            continue;
        }
        let buffer = method.parameters.iter().any(|one| one.ident == *name);
        let text = match (buffer, &values[..]) {
            (true, _) => format!("a key is made of values, and `{name}` is none"),
            (false, []) => format!("a key is made of the method's values; `{}` takes none", method.name),
            (false, _) => {
                format!("`{name}` is no parameter of `{}`; it takes {}", method.name, names::list(&values))
            }
        };
        errors.add(Error::new(name.span(), text));
    }
    if used.is_empty() {
        errors.add(Error::new_spanned(key, "a key names a parameter: `key = name`, `key = (name, block / 8)`"));
    }
}

/// Names in an expression that can only be parameters: plain ones that are not called.
pub fn names_in(expression: &Expr) -> Vec<Ident> {
    struct Names(Vec<Ident>);
    impl<'a> Visit<'a> for Names {
        fn visit_expr_call(&mut self, call: &'a ExprCall) {
            call.args.iter().for_each(|argument| self.visit_expr(argument));
        }
        fn visit_expr_path(&mut self, path: &'a ExprPath) {
            if let Some(name) = path.path.get_ident()
                && name.to_string().starts_with(|first: char| first.is_lowercase() || first == '_')
                && !self.0.contains(name)
            {
                self.0.push(name.clone());
            }
            visit::visit_expr_path(self, path);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_expr(expression);
    names.0
}

fn since_stands_last(method: &Method, errors: &mut Errors) {
    let mut later = None;
    for one in method.values() {
        let Kind::Value { since, .. } = one.kind else { continue };
        match (&later, since) {
            (_, true) => later = Some(&one.ident),
            (Some(earlier), false) => {
                let text = format!(
                    "`{}` stands before this and was added with `since`: older clients send a prefix, so values with \
                     `since` stand last",
                    earlier
                );
                errors.add(Error::new(one.ident.span(), text));
            }
            (None, false) => {}
        }
    }
}
