//! Trouble: why a command failed, as people and as programs read it.
//!
//! From: Faults. To: standard error, and the exit code of the table of faults.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use windlass_contract::{Code, Fault, Outcome};

/// Exit code of a command that the user interrupted: 128 + SIGINT, as shells have it.
const INTERRUPTED_EXIT: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub enum Trouble {
    /// With a Fault, of the node or of this command.
    Fault(Fault),
    /// The user asked it to end.
    Interrupted,
}

impl Trouble {
    /// A flag, key or parameter that will not do.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Fault(Fault::new(Code::BadConfig, message))
    }

    /// The operating system said no to `what`.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::Fault(Fault::new(Code::Io, format!("{what}: {error}")))
    }

    /// Writes it to standard error and gives the exit code.
    pub fn report(self, json: bool) -> ExitCode {
        let text = match &self {
            Self::Fault(fault) if json => format!("{}\n", as_json(fault)),
            Self::Fault(fault) => pretty(fault),
            Self::Interrupted => "interrupted\n".to_owned(),
        };
        // Nothing else can be done for a closed standard error.
        let _may_be_closed = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(match self {
            Self::Fault(fault) => fault.exit_code(),
            Self::Interrupted => INTERRUPTED_EXIT,
        })
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn as_json(fault: &Fault) -> serde_json::Value {
    serde_json::json!({ "error": {
        "code": fault.code,
        "name": fault.name(),
        "message": fault.message,
        "details": fault.details,
        "outcome": fault.outcome,
        "retry": fault.retry,
        "help": fault.known().map(|code| code.info().meaning),
    }})
}

fn pretty(fault: &Fault) -> String {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120);
    let mut text = String::new();
    if handler.render_report(&mut text, &Shown(fault)).is_err() {
        text = format!("{fault}\n");
    }
    text
}

/// A Fault as miette shows it.
#[derive(Debug)]
struct Shown<'a>(&'a Fault);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.outcome == Outcome::Unknown {
            f.write_str(" (whether the call ran is not known)")?;
        }
        Ok(())
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(match self.0.known() {
            Some(_) => Box::new(format!("{}({})", self.0.name(), self.0.code)),
            None => Box::new(self.0.name()),
        })
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code = self.0.known()?;
        Some(Box::new(code.info().meaning))
    }
}
