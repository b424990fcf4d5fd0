//! The probe `ours-stages`: runs as `ours` with stamps on both sides, and puts the sums of both together.
//!
//! Holds: client and node must have counted the calls of the run and no others; if not, the run fails in words.

use crate::{Ours, options};
use windlass_bench::{Caller, Failure, Meter, Stages};
use windlass_client::ClientStages;
use windlass_contract::admin::StageFacts;
use windlass_contract::{Fault, MethodRef};

pub(crate) struct Stamped {
    ours: Ours,
    stages: MethodRef,
}

pub(crate) fn connect(address: &str) -> Result<Stamped, Failure> {
    let ours = Ours::of(options().stages().connect(address)?, false)?;
    let admin = ours.client.admin().describe()?;
    let method = admin.method("stages").ok_or("the node has no `admin.stages`")?;
    let stages = MethodRef { id: method.id, schema: method.hash(), name: "stages", idempotent: false };
    Ok(Stamped { ours, stages })
}

impl Stamped {
    /// The node's sums, which begin anew.
    fn node(&self) -> Result<Vec<StageFacts>, Fault> {
        self.ours.client.admin().call(self.stages).wait()?.value()
    }

    fn client(&self) -> Result<ClientStages, Failure> {
        Ok(self.ours.client.stages().ok_or("the client takes no stamps")?)
    }
}

impl Caller for Stamped {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        if meter.ask().warm > 0 {
            return Err("warm operations would be stamped as well: ask for them in a run before".into());
        }
        // Both begin anew; the client after the node, so that it does not count its own question.
        self.node()?;
        self.client()?;
        self.ours.run(meter)?;
        let client = self.client()?;
        let all = self.node()?;
        let name = self.ours.digest.name;
        let node = all.iter().find(|facts| facts.pool == "echo" && facts.method == name);
        let node = node.ok_or_else(|| format!("the node counted no call of {name}"))?;
        if (client.calls, node.calls) != (meter.ask().n, meter.ask().n) {
            let (ours, theirs, asked) = (client.calls, node.calls, meter.ask().n);
            return Err(format!("client counted {ours} calls, node {theirs}, of {asked}").into());
        }
        let StageFacts { taken, arrived, admitted, placed, answered, replied, .. } = *node;
        let ClientStages { begun, published, ended, .. } = client;
        let boundaries = [begun, published, taken, arrived, admitted, placed, answered, replied, ended];
        meter.stages(Stages::of(boundaries, client.calls).with_readings());
        Ok(())
    }
}
