//! Served: a pool of a third process, which the server's process starts and ends.
//!
//! From: `windlass-bench-ours server ours-served`. To: the same binary as a client `ours-provider`, which serves `echo` on a thread
//!   for as long as its standard input is open.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass_bench::{Caller, Door, Failure, Meter, contender::Ending};
use windlass_client::Client;
use windlass_provide::{Serve, Serving};
use windlass_runtime::{Node, NodeConfig};

/// How long the third process may take to serve.
const READY_WAIT: Duration = Duration::from_secs(10);

/// The node, and the process that serves.
pub fn serve(door: &Door) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = NodeConfig::new("bench", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("node");
    let node = Node::start(config)?;
    let address = node.directory().display().to_string();
    let mut provider = Command::new(std::env::current_exe()?)
        .args(["client", "ours-provider", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let (client, until) = (Client::connect(&address)?, Instant::now() + READY_WAIT);
    while client.pool("served").is_err() {
        if Instant::now() > until {
            return Err("the third process does not serve".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    door.ready(&address, Ending::Tidy)?;
    door.wait();
    drop(provider.stdin.take());
    provider.wait()?;
    Ok(())
}

/// The process that serves, until its input closes.
pub fn provide(address: &str) -> Result<Box<dyn Caller>, Failure> {
    let client = Client::options().name("provider").connect(address)?;
    let serving = client.serve("served", windlass_echo::Echo::TABLE)?;
    drop(serving.work_on(1)?);
    Ok(Box::new(Provider { _serving: serving }))
}

struct Provider {
    _serving: Serving,
}

impl Caller for Provider {
    fn run(&mut self, _meter: &mut Meter) -> Result<(), Failure> {
        Err("this one serves".into())
    }
}
