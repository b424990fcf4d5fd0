//! `Tally`: a module that never waits, with every hook its own.

use super::described;
use std::sync::OnceLock;
use windlass_contract::abi::Started;
use windlass_contract::context::{Context, Incoming, Level};
use windlass_contract::module::{Cost, Exclusive, Hooks, Lane, LaneCall, Module, Sample};
use windlass_contract::schema::MethodFlags;
use windlass_contract::serve::{Arguments, answer, inherited, unknown_method};
use windlass_contract::{Fault, ModuleDescriptor, Schema};

/// The module that never waits.
pub struct Tally {
    count: u64,
}

impl Drop for Tally {
    fn drop(&mut self) {
        assert!(self.count != 3, "three is unlucky");
    }
}

impl Hooks for Tally {
    fn destroy(&self, _: &Context<'_>) -> Result<(), Fault> {
        if self.count == 0 { Ok(()) } else { Err(Fault::module(3, "still counting")) }
    }
    fn recover(&self, _: &Context<'_>, state: &[u8]) -> Result<(), Fault> {
        if state == b"ok" { Ok(()) } else { Err(Fault::module(4, "no state of mine")) }
    }
    fn upgrade(&self, cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        cx.log(Level::Warn, &format!("from {from} with {} bytes", state.len()));
        Ok(())
    }
    fn migrate(&self, _: &Context<'_>, to: u16) -> Result<Vec<u8>, Fault> {
        Ok(to.to_le_bytes().to_vec())
    }
    fn monitor(&self, _: &Context<'_>, question: &str) -> Result<String, Fault> {
        Ok(format!("{{\"{question}\":{}}}", self.count))
    }
    fn estimate(&self, method: u32, bytes: u64, learnt: Cost) -> Cost {
        Cost { fixed_ns: f64::from(method), per_byte_ns: learnt.per_byte_ns + bytes as f64 }
    }
    fn train(&self, samples: &[Sample]) -> Option<Cost> {
        samples.first().map(|first| Cost { fixed_ns: first.ran_ns as f64, per_byte_ns: 0.0 })
    }
    fn schedule(&self, _: u32, _: u64, containers: u32) -> u32 {
        containers - 1
    }
    fn replica_start(&self, _: u32, replicas: u32) -> Result<(), Fault> {
        if replicas < 4 { Ok(()) } else { Err(Fault::module(5, "too many")) }
    }
    fn replica_aggregate(&self, _: u32, replies: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        Ok(replies.concat())
    }
    fn lane_of(&self, call: LaneCall) -> Lane {
        Lane::Number(call.lanes - 1)
    }
    fn flush_work(&self) -> u64 {
        self.count
    }
}

impl Module for Tally {
    type Access = Exclusive;

    fn descriptor() -> ModuleDescriptor {
        let create = (0, "create", vec![], Schema::Unit, MethodFlags::default());
        described("tally", vec![create, (10, "count", vec![], Schema::U64, MethodFlags::default())])
    }
    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }
    fn create(call: Incoming<'_>) -> Started<'_> {
        match Arguments::of(call).end() {
            Ok(()) => call.created(Self { count: 0 }),
            Err(fault) => call.fault(&fault),
        }
        Started::ended()
    }
    fn start<'a>(this: &'a mut Self, call: Incoming<'a>) {
        match call.method() {
            10 => {
                this.count += 1;
                answer(call, Ok(this.count));
            }
            _ => inherited(this, call, "tally", &["count"]),
        }
    }
    fn block(call: Incoming<'_>) {
        call.fault(&unknown_method("tally", call.method(), &["count"]));
    }
    fn key(_: u32, _: &[u8]) -> Option<u64> {
        None
    }
}
