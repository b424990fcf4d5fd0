//! Levels: which lines of the log are written, by crate and by module.
//!
//! Lives here: `Levels`, read from `info,runtime=debug,echo=trace`, and its answer to each line (a `tracing` filter).
//! From: `settings` (text), the places of the code that log. To: `logging`, which can exchange it while the node runs.
//! Holds: a line below its level costs one load and no formatting; lines of modules are told apart by their `module` field.

use std::collections::BTreeMap;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Crates of the node, as they are named in a filter. Every other name is a module's.
pub const CRATES: &[&str] = &["memory", "contract", "driver", "lane", "runtime", "client", "serve"];
/// What module lines carry as their target.
const MODULE_TARGET: &str = "module";

/// Levels per crate and per module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    all: LevelFilter,
    crates: BTreeMap<&'static str, LevelFilter>,
    modules: BTreeMap<String, LevelFilter>,
}

impl Levels {
    /// Reads a filter: a level for all, then `name=level` for crates of the node and for modules, between commas.
    ///
    /// # Errors
    /// A sentence that names the part that is no level.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self { all: LevelFilter::INFO, crates: BTreeMap::new(), modules: BTreeMap::new() }.changed(text)
    }

    /// These levels with those in their place that a filter names.
    ///
    /// # Errors
    /// As `parse`.
    pub fn changed(&self, text: &str) -> Result<Self, String> {
        let mut levels = self.clone();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => levels.all = level(part)?,
                Some((name, of)) => levels.set(name.trim(), level(of.trim())?),
            }
        }
        Ok(levels)
    }

    /// Sets the level of a crate or a module.
    ///
    /// # Errors
    /// As `parse`.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        self.set(name, level(text)?);
        Ok(())
    }

    fn set(&mut self, name: &str, level: LevelFilter) {
        let short = name.strip_prefix("windlass_").or(name.strip_prefix("windlass-")).unwrap_or(name);
        match CRATES.iter().find(|one| **one == short) {
            Some(known) => self.crates.insert(known, level),
            None => self.modules.insert(name.to_owned(), level),
        };
    }

    fn most(&self) -> LevelFilter {
        self.crates.values().chain(self.modules.values()).copied().fold(self.all, LevelFilter::max)
    }

    fn of_target(&self, target: &str) -> LevelFilter {
        let folder = target.strip_prefix("windlass_").and_then(|rest| rest.split("::").next());
        folder.and_then(|folder| self.crates.get(folder)).copied().unwrap_or(self.all)
    }

    fn of_module(&self, module: &str) -> LevelFilter {
        self.modules.get(module).copied().unwrap_or(self.all)
    }

    /// Whether lines of this target and level may be written; for modules it depends on which one.
    fn decides(&self, metadata: &Metadata<'_>) -> Option<bool> {
        if metadata.target() != MODULE_TARGET || self.modules.is_empty() {
            return Some(*metadata.level() <= self.of_target(metadata.target()));
        }
        let least = self.modules.values().copied().fold(self.all, LevelFilter::min);
        if *metadata.level() <= least {
            return Some(true);
        }
        (*metadata.level() > self.most()).then_some(false)
    }
}

impl fmt::Display for Levels {
    /// As `parse` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |level: &LevelFilter| level.to_string().to_lowercase();
        f.write_str(&word(&self.all))?;
        let crates = self.crates.iter().map(|(name, level)| (*name, level));
        let modules = self.modules.iter().map(|(name, level)| (name.as_str(), level));
        crates.chain(modules).try_for_each(|(name, level)| write!(f, ",{name}={}", word(level)))
    }
}

impl<S: Subscriber> Filter<S> for Levels {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.decides(metadata).unwrap_or(true)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.decides(metadata) {
            Some(true) => Interest::always(),
            Some(false) => Interest::never(),
            None => Interest::sometimes(),
        }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if self.decides(event.metadata()).is_some() {
            return true;
        }
        let mut name = ModuleName(String::new());
        event.record(&mut name);
        *event.metadata().level() <= self.of_module(&name.0)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most())
    }
}

/// Reads the `module` field of a line.
struct ModuleName(String);

impl Visit for ModuleName {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "module" {
            value.clone_into(&mut self.0);
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "module" {
            self.0 = format!("{value:?}");
        }
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    Ok(match text {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            let hint = windlass_client::dynamic::near::hint(text, levels.into_iter());
            return Err(format!("{text:?} is not a level{hint}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_and_modules_have_levels_of_their_own() {
        let levels = Levels::parse("warn, runtime=debug,echo=trace,windlass_client=off").unwrap();
        assert_eq!(levels.of_target("windlass_runtime::worker"), LevelFilter::DEBUG);
        assert_eq!(levels.of_target("windlass_client"), LevelFilter::OFF);
        assert_eq!(levels.of_target("windlass_lane"), LevelFilter::WARN);
        assert_eq!(levels.of_module("echo"), LevelFilter::TRACE);
        assert_eq!(levels.of_module("other"), LevelFilter::WARN);
        assert_eq!(levels.most(), LevelFilter::TRACE);
    }

    #[test]
    fn a_wrong_level_is_refused_with_the_near_one() {
        let text = Levels::parse("info,echo=debig").unwrap_err();
        assert!(text.contains("did you mean \"debug\"?"), "{text}");
    }
}
