//! The loops of the example against a node: every answer comes, and the client has no thread of its own.
#![allow(clippy::disallowed_methods, reason = "tests read what the system says of this process")]

use std::time::Duration;
use windlass::{Client, Code};
use windlass_echo::{Echo, echo};
use windlass_example_event_loops::{by_epoll, by_tokio, connect};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

struct Yard {
    node: Node,
    _directory: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = NodeConfig::new("test", windlass_admin::Admin::TABLE);
        config.directory = directory.path().join("node");
        config.modules.push(Echo::TABLE);
        config.pools.push(PoolSpec::new("echo", "echo"));
        Self { node: Node::start(config).expect("a node"), _directory: directory }
    }
    fn client(&self) -> Client {
        connect(&self.node.directory().display().to_string()).expect("a session")
    }
}

/// Threads of this process whose name the client gives.
fn threads_of_clients() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("windlass-replie")).count()
}

#[test]
fn a_loop_in_epoll_gets_every_answer_with_no_thread_and_sleeps_between_them() {
    let yard = Yard::new();
    let client = yard.client();
    for window in [1, 7, 32] {
        let values: Vec<u64> = (0..2000).collect();
        let sleeps = by_epoll::ping_all(&client, &values, window).expect("all are answered");
        assert!(sleeps <= 2 * values.len() as u64, "{sleeps} sleeps for {} calls, {window} at once", values.len());
    }
    assert_eq!(threads_of_clients(), 0);
}

#[test]
fn tasks_of_tokio_await_calls_on_one_thread_with_none_of_the_clients() {
    let yard = Yard::new();
    let client = yard.client();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ends = runtime.block_on(async {
        let attends = tokio::task::spawn(by_tokio::attend(client.clone()));
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let client = client.clone();
                tokio::task::spawn(async move {
                    let echo = echo::Client::on(client.pool_async("echo").await.expect("a pool"));
                    for turn in 0..200 {
                        let value = task * 1000 + turn;
                        assert_eq!(echo.ping(value).await.expect("an answer"), value);
                    }
                    // Memory is asked of the node in between, and given by it: both come by the same descriptor, to whoever reads
                    // it first.
                    for turn in 0..24 {
                        let data = vec![task as u8; 100_000 + 40_000 * turn];
                        let (length, copied) = echo.copy(&data, data.len()).await.expect("an answer");
                        assert!(length == data.len() as u64 && copied[..] == data[..]);
                    }
                    echo.pause(2_000).await.expect("an answer");
                })
            })
            .collect();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(30), task)
                .await
                .expect("no answer is missed")
                .expect("no panic");
        }
        let waits = tokio::task::spawn({
            let echo = echo::Client::on(client.pool_async("echo").await.expect("a pool"));
            async move { echo.sleep().await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        yard.node.stop(Duration::ZERO);
        let fault = tokio::time::timeout(Duration::from_secs(10), waits)
            .await
            .expect("told")
            .expect("no panic")
            .unwrap_err();
        assert!(fault.is(Code::Draining) || fault.is(Code::NodeGone), "{fault:?}");
        tokio::time::timeout(Duration::from_secs(10), attends)
            .await
            .expect("it ends with the session")
            .expect("no panic")
    });
    ends.expect("an orderly end");
    assert_eq!(threads_of_clients(), 0);
}
