//! What does a node's files and sockets is told to who asks, with the reason when it is not the best there is.
#![allow(
    clippy::disallowed_methods,
    reason = "the node has a thread of the test's own, because its driver is of the test's choice"
)]

use crate::stage::Stage;
use std::sync::mpsc::channel;
use windlass_admin::{Admin, admin};
use windlass_client::Client;
use windlass_driver::real::{Backend, RealDriver};
use windlass_runtime::{ByHand, Next, NodeConfig};

#[test]
fn a_node_whose_operations_are_done_by_the_fallback_says_so_and_why() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = NodeConfig::new("test", Admin::TABLE);
    config.directory = directory.path().join("test");
    let address = config.directory.display().to_string();
    let (ready_in, ready) = channel();
    let node = std::thread::spawn(move || {
        let mut driver = RealDriver::with(Backend::Polling).unwrap();
        let mut node = ByHand::begin(&config, &mut [&mut driver]).unwrap();
        while !node.is_ready().unwrap() {
            assert_eq!(node.turn(&mut driver).unwrap(), Next::Again);
        }
        ready_in.send(()).unwrap();
        while node.turn(&mut driver).unwrap() == Next::Again {}
    });
    ready.recv().unwrap();
    let client = Client::connect(&address).unwrap();
    let admin = admin::Blocking::on(client.admin());
    let facts = admin.node().unwrap();
    assert_eq!((facts.backend.as_str(), facts.backend_why.as_str()), ("polling", "it was asked for"));
    admin.stop(0).unwrap();
    node.join().unwrap();
}

#[test]
fn a_node_that_chooses_for_itself_says_what_its_driver_says() {
    let driver = RealDriver::new().unwrap();
    let (backend, why) = windlass_driver::Driver::operations_by(&driver);
    let facts = Stage::of(&[]).admin().node().unwrap();
    assert_eq!((facts.backend.as_str(), facts.backend_why.as_str()), (backend, why));
    assert_eq!(backend == "io_uring", why.is_empty());
}
