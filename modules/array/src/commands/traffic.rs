//! Traffic: what the ancestor counts of its nodes' talk with each other. Here an array is on one node, so there is none.

use crate::work::room;
use windlass::prelude::*;

/// Counters of talk between nodes.
pub struct Traffic;

/// Counters of talk between nodes: all stand at 0, as one node has nobody to talk to.
#[module(name = "array_traffic", export = false, stateless)]
impl Traffic {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Begins to count.
    #[method(standard, name = "startCommDiagnostics")]
    fn start(_cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        "commDiagnostics started.".into()
    }

    /// Ends counting.
    #[method(standard, name = "stopCommDiagnostics")]
    fn stop(_cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        "commDiagnostics stopped.".into()
    }

    /// Counts from 0 again.
    #[method(standard, name = "resetCommDiagnostics")]
    fn reset(_cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        "commDiagnostics reset.".into()
    }

    /// Writes the counters to the log.
    #[method(standard, name = "printCommDiagnosticsTable")]
    fn print(cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        cx.log(Level::Info, "one node: nothing passed between nodes");
        "commDiagnostics printed.".into()
    }

    /// Begins to tell of each message.
    #[method(standard, name = "startVerboseComm")]
    fn start_telling(_cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        "commDiagnostics set verbose.".into()
    }

    /// Ends telling of each message.
    #[method(standard, name = "stopVerboseComm")]
    fn stop_telling(_cx: &Context<'_>, _command: &Called, _given: &Given) -> String {
        "commDiagnostics unset verbose.".into()
    }

    /// One counter: an element for each node.
    #[method(standard, name = [
        "getCommDiagnosticsPut", "getCommDiagnosticsGet", "getCommDiagnosticsPutNb", "getCommDiagnosticsGetNb",
        "getCommDiagnosticsTestNb", "getCommDiagnosticsWaitNb", "getCommDiagnosticsTryNb", "getCommDiagnosticsAmo",
        "getCommDiagnosticsExecuteOn", "getCommDiagnosticsExecuteOnFast", "getCommDiagnosticsExecuteOnNb",
        "getCommDiagnosticsCacheGetHits", "getCommDiagnosticsCacheGetMisses", "getCommDiagnosticsCachePutHits",
        "getCommDiagnosticsCachePutMisses", "getCommDiagnosticsCacheNumPrefetches",
        "getCommDiagnosticsCacheNumPageReadaheads", "getCommDiagnosticsCachePrefetchUnused",
        "getCommDiagnosticsCachePrefetchWaited", "getCommDiagnosticsCacheReadaheadUnused",
        "getCommDiagnosticsCacheReadaheadWaited",
    ])]
    fn counter(cx: &Context<'_>, _command: &Called, _given: &Given) -> Result<Array, Fault> {
        let mut out = room::<u64>(cx, &[1])?;
        out.fill(0);
        Ok(out.done())
    }
}
