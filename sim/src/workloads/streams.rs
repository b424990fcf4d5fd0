//! Streams: values pass beside calls while clients read slowly, stop reading, or go, and while containers move.
//!
//! From: clients in shared memory with several streams each, in a node of several workers; in half of the runs somebody who changes
//! the modes of pools all the time. Now and then the node is told to stop in the middle of it.
//! Holds: what was sent comes in order, whole, and then what the call answered, wherever the container is by then; a method whose
//! stream nobody reads any more ends; at the end no call is under way and nothing is held.

use super::lives::{comes_to_rest, one_does, ready_node_that};
use crate::node::Made;
use crate::person::Me;
use crate::pipes::{Pipes, Wide, pipes, value, wide};
use crate::stage::Stage;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use windlass_admin::admin;
use windlass_client::{AsyncItems, Client, Query, Stream};
use windlass_contract::{Code, Fault};

/// Containers of the pool, and call slots of a session: one with little room must not wait for itself.
const CONTAINERS: u32 = 3;
const CALLS: [u32; 3] = [4, 16, 64];

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("streams");
    let made = Made { workers: 1 + dice.place(3), modules: &[Pipes::TABLE, Wide::TABLE], ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    one_does(stage, &node, "maker", "making the pools", async |client| {
        let admin = admin::Client::on(client.admin());
        admin.create_spread("pipes", "pipes", &[], CONTAINERS, "round_robin").await?;
        admin.create_spread("wide", "wide", &[], 1, "round_robin").await
    })?;
    let (ends, over) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let mut people: Vec<usize> = (0..1 + dice.below(4))
        .map(|number| {
            let (directory, ends) = (node.directory(), ends.clone());
            stage.person(&format!("reader-{number}"), move |me| async move { live(&me, &directory, &ends).await })
        })
        .collect();
    let readers = people.clone();
    if dice.below(2) == 0 {
        let (directory, ends, over) = (node.directory(), ends.clone(), over.clone());
        people.push(stage.person("mover", move |me| async move { change(&me, &directory, &ends, &over).await }));
    }
    let all_end = || people.iter().all(|at| stage.is_over(*at));
    if dice.below(5) == 0 {
        for _ in 0..dice.below(3_000) {
            stage.step();
        }
        stage.verdict()?;
        ends.set(true);
        over.set(true);
        node.stop(Duration::from_millis(dice.below(2_000)));
        stage.until("the node stops", || node.is_stopped())?;
        return stage.until("everybody ends", all_end);
    }
    stage.until("everybody has read what they wanted", || readers.iter().all(|at| stage.is_over(*at)))?;
    over.set(true);
    stage.until("the mover ends", all_end)?;
    stage.verdict()?;
    let directory = node.directory();
    let auditor = stage.person("auditor", move |me| async move { all_have_ended(&me, &directory).await });
    stage.until("every method ends", || stage.is_over(auditor))?;
    stage.verdict()?;
    comes_to_rest(stage, &node)
}

/// Waits until no method is under way.
async fn all_have_ended(me: &Me, directory: &str) -> Result<(), String> {
    let told = |fault: Fault| format!("counting: {fault}");
    let client = me.connect(directory, 2).map_err(told)?;
    let pool = client.pool_async("pipes").await.map_err(told)?.toward(Query::Broadcast);
    let pipes = pipes::Client::on(pool);
    while pipes.under_way().await.map_err(told)? > 0 {
        me.sleep(1_000_000).await;
    }
    me.disconnect();
    Ok(())
}

/// What a node that ends may answer.
fn forgive(what: &str, fault: &Fault, ends: &Cell<bool>) -> Result<(), String> {
    let codes = [Code::Draining, Code::NodeGone, Code::NotConnected, Code::Cancelled];
    let away = codes.iter().any(|code| fault.is(*code));
    if ends.get() && away { Ok(()) } else { Err(format!("{what}: {fault}")) }
}

/// Changes modes until all is over. A container stays when a stream of it lasts.
async fn change(me: &Me, directory: &str, ends: &Cell<bool>, over: &Cell<bool>) -> Result<(), String> {
    let client = match me.connect(directory, 2) {
        Ok(client) => client,
        Err(fault) => return forgive("connecting", &fault, ends),
    };
    let admin = admin::Client::on(client.admin());
    while !over.get() {
        let pool = ["pipes", "wide"][me.below(2) as usize];
        let mode = ["shared", "bundled", "dedicated"][me.below(3) as usize];
        match admin.set_pool_mode(pool, mode).await {
            Ok(_) => {}
            // There may be too few workers for it.
            Err(fault) if fault.is(Code::BadArguments) => {}
            Err(fault) => {
                me.disconnect();
                return forgive("changing a mode", &fault, ends);
            }
        }
        me.sleep(me.below(2_000_000)).await;
    }
    me.disconnect();
    Ok(())
}

async fn live(me: &Me, directory: &str, ends: &Cell<bool>) -> Result<(), String> {
    let client = match me.connect(directory, CALLS[me.below(3) as usize]) {
        Ok(client) => client,
        Err(fault) => return forgive("connecting", &fault, ends),
    };
    let ended = read(me, &client).await;
    if me.below(4) == 0 {
        client.vanish();
    }
    me.disconnect();
    ended.or_else(|fault| forgive("a stream", &fault, ends))
}

/// Values to be sent, with rests.
struct Rested {
    next: u64,
    count: u64,
    bytes: u64,
    rests: bool,
}

impl Stream for Rested {
    type Item = Vec<u8>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        if self.rests && self.next % 7 == 6 {
            self.rests = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.rests |= self.next.is_multiple_of(7);
        if self.next == self.count {
            return Poll::Ready(None);
        }
        self.next += 1;
        Poll::Ready(Some(value(self.next - 1, self.bytes)))
    }
}

async fn read(me: &Me, client: &Client) -> Result<(), Fault> {
    let pool = client.pool_async("pipes").await?;
    let wide = wide::Client::on(client.pool_async("wide").await?);
    for _ in 0..1 + me.below(6) {
        let query = match me.below(3) {
            0 => Query::Local,
            1 => Query::Id(me.below(CONTAINERS.into())),
            _ => Query::Dynamic,
        };
        let pipes = pipes::Client::on(pool.toward(query));
        let bytes = [0, 1, 30, 3_000, 150_000][me.below(5) as usize];
        let count = me.below(if bytes > 1_000 { 12 } else { 3_000 });
        let rest_us = if me.coin() { me.below(300) } else { 0 };
        match me.below(6) {
            0 => {
                let fails = me.below(4) == 0;
                let mut values = pipes.send(count, bytes, rest_us, fails).await?;
                let got = all(me, &mut values, bytes).await;
                match (got, fails) {
                    (Err(fault), true) if fault.code == Fault::module(9, "").code => {}
                    (Ok(got), false) if got == count => same("answered", values.end().await?, count)?,
                    (Ok(got), _) => return Err(wrong(format!("{got} values of {count} came"))),
                    (Err(fault), _) => return Err(fault),
                }
            }
            1 => {
                // It is read for a while, and dropped.
                let mut values = pipes.send(1_000_000, bytes, rest_us, false).await?;
                for number in 0..me.below(20) {
                    match values.next().await {
                        Some(got) => check(number, &got?, bytes)?,
                        None => return Err(wrong("a stream without an end has ended".into())),
                    }
                }
                if me.coin() {
                    me.sleep(me.below(2_000_000)).await;
                }
            }
            2 => {
                let values = Rested { next: 0, count, bytes, rests: me.coin() };
                same("taken", pipes.take(u64::MAX, bytes, rest_us, values).await?, count)?;
            }
            3 => {
                let most = me.below(count + 1);
                let values = Rested { next: 0, count: 1_000_000, bytes, rests: me.coin() };
                same("taken of many", pipes.take(most, bytes, rest_us, values).await?, most)?;
            }
            4 => {
                let values = Rested { next: 0, count, bytes, rests: me.coin() };
                let mut values = wide.each(values).await?;
                same("sent back", all(me, &mut values, bytes).await?, count)?;
                same("counted", values.end().await?, count)?;
            }
            _ => {
                let values = Rested { next: 0, count, bytes, rests: me.coin() };
                let mut values = pipes.each(values).await?;
                same("sent back", all(me, &mut values, bytes).await?, count)?;
                same("counted", values.end().await?, count)?;
            }
        }
        if me.below(3) == 0 {
            let _some = pipes.under_way().await?;
        }
    }
    Ok(())
}

/// Reads to the end, at times slowly; answers how many came.
async fn all(me: &Me, values: &mut AsyncItems<Vec<u8>, u64>, bytes: u64) -> Result<u64, Fault> {
    let slow = me.below(3) == 0;
    let mut number = 0;
    while let Some(got) = values.next().await {
        check(number, &got?, bytes)?;
        number += 1;
        if slow && number % 64 == 1 {
            me.sleep(me.below(500_000)).await;
        }
    }
    Ok(number)
}

fn check(number: u64, got: &[u8], bytes: u64) -> Result<(), Fault> {
    if got == value(number, bytes) {
        return Ok(());
    }
    Err(wrong(format!("value {number} is {} bytes of another", got.len())))
}

fn same(what: &str, got: u64, wanted: u64) -> Result<(), Fault> {
    if got == wanted { Ok(()) } else { Err(wrong(format!("{got} were {what}, of {wanted}"))) }
}

fn wrong(text: String) -> Fault {
    Fault::new(Code::BadReply, text)
}
