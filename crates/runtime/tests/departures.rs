//! What the log says of clients that leave. In a file of its own: it takes the log of the whole process.

#[path = "stage/mod.rs"]
mod stage;

use stage::Stage;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use windlass::prelude::*;
use windlass_client::Client;

/// Does nothing, for ever.
pub struct Anchor;

#[module(export = false)]
impl Anchor {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Hears no cancel: it is dropped when its grace is over.
    #[method]
    async fn hold(&self) {
        std::future::pending::<()>().await;
    }
}

/// The log as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The line that says how the session of this client ended, as soon as it is there.
    fn end_of(&self, client: &str) -> String {
        loop {
            let text = String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
            let ends = |line: &&str| line.contains("session ends") && line.contains(client);
            if let Some(line) = text.lines().find(ends) {
                return line.to_owned();
            }
            std::thread::yield_now();
        }
    }
}

/// Every command of a script was an INFO line "SessionEnded: the client hung up", which hid what mattered.
#[test]
fn a_client_that_leaves_is_news_only_if_it_leaves_calls_behind() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .init();
    let stage = Stage::with(|config| config.modules.push(Anchor::TABLE));
    let named = |name: &str| Client::options().name(name).connect(&stage.address()).unwrap();

    let quiet = named("quiet");
    anchor::Blocking::create(&quiet, "anchor").unwrap();
    drop(quiet);
    let line = log.end_of("quiet");
    assert!(line.contains("DEBUG") && line.contains("the client hung up"), "{line}");

    let busy = named("busy");
    let pending = busy.pool("anchor").unwrap().call(anchor::methods::hold()).send();
    // Answered behind it on the same ring: the node has taken the call.
    busy.pool("anchor").unwrap();
    drop((pending, busy));
    let line = log.end_of("busy");
    assert!(line.contains("INFO") && line.contains("calls=1"), "{line}");
}
