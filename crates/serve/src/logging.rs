//! Logging: where lines of the log go and how they look.
//!
//! Lives here: `Log` (kept while the node runs; can be given other levels).
//! From: `keys::Settings`. To: standard error, or a file that is rotated.
//! Holds: writing is done by a thread of its own, so a slow terminal or disk does not hold up the worker; standard output
//! is never written to.

use crate::keys::{Format, Rotation, Settings};
use crate::levels::Levels;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_appender::rolling;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};
use windlass_contract::{Code, Fault};
use windlass_runtime::LogLevels;

/// The log of this process.
pub struct Log {
    levels: reload::Handle<Levels, Registry>,
    /// What it writes now.
    now: Mutex<Levels>,
    /// Writes what is left when it is dropped.
    _writer: WorkerGuard,
}

impl Log {
    /// Begins to log.
    ///
    /// # Errors
    /// `Io` when the log file cannot be made; `Internal` when this process logs already.
    pub fn begin(settings: &Settings) -> Result<Self, Fault> {
        let (writer, guard) = match &settings.log_file {
            Some(path) => tracing_appender::non_blocking(file(path, settings)?),
            None => tracing_appender::non_blocking(std::io::stderr()),
        };
        let colours = settings.log_file.is_none() && std::io::stderr().is_terminal();
        let (filter, levels) = reload::Layer::new(settings.levels.clone());
        let subscriber = Registry::default().with(lines(settings.format, writer, colours).with_filter(filter));
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|error| Fault::new(Code::Internal, format!("the log: {error}")))?;
        Ok(Self { levels, now: Mutex::new(settings.levels.clone()), _writer: guard })
    }

    /// Writes other lines from now on.
    pub fn change(&self, levels: Levels) {
        match self.levels.reload(levels.clone()) {
            Ok(()) => *self.now.lock().unwrap_or_else(PoisonError::into_inner) = levels,
            Err(error) => tracing::warn!(%error, "the log keeps its levels"),
        }
    }

    fn now(&self) -> Levels {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl LogLevels for Log {
    fn text(&self) -> String {
        self.now().to_string()
    }
    fn change(&self, changes: &str) -> Result<(), Fault> {
        let levels = self.now().changed(changes).map_err(|text| Fault::new(Code::BadArguments, text))?;
        Log::change(self, levels);
        Ok(())
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Log")
    }
}

fn lines(format: Format, writer: NonBlocking, colours: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        Format::Text => fmt::layer().with_ansi(colours).with_writer(writer).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    }
}

fn file(path: &Path, settings: &Settings) -> Result<rolling::RollingFileAppender, Fault> {
    let failed = |text: String| Fault::new(Code::Io, format!("the log file {}: {text}", path.display()));
    let name = path.file_name().ok_or_else(|| failed("this is no name of a file".into()))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let rotation = match settings.rotation {
        Rotation::Hourly => rolling::Rotation::HOURLY,
        Rotation::Daily => rolling::Rotation::DAILY,
        Rotation::Never => rolling::Rotation::NEVER,
    };
    let mut builder = rolling::Builder::new().rotation(rotation).filename_prefix(name.to_string_lossy());
    if settings.files_kept > 0 {
        builder = builder.max_log_files(settings.files_kept);
    }
    builder.build(directory).map_err(|error| failed(error.to_string()))
}
