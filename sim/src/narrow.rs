//! A session with one call slot: what waits for it must not keep from running what would free it.

use crate::node::Made;
use crate::probe::probe::methods;
use crate::stage::Stage;
use crate::workloads::lives::ready_node_that;
use std::cell::Cell;
use std::rc::Rc;
use windlass_contract::Code;

/// One thread has a call out that ends only when it is cancelled, and sends another: `send` waited for a slot inside the one
/// thread that could have cancelled the first.
#[test]
fn a_task_that_waits_for_a_call_slot_lets_another_task_of_its_thread_free_it() {
    let stage = Stage::new(5).unwrap();
    let (node, begun) = ready_node_that(&stage, Made::default()).unwrap();
    let directory = node.directory();
    let answered = Rc::new(Cell::new(0));
    let count = answered.clone();
    let person = stage.person("narrow", |me| async move {
        let client = me.connect(&directory, 1).map_err(|fault| fault.to_string())?;
        let pool = me.probe(&client).await.map_err(|fault| fault.to_string())?;
        let endless = pool.call(methods::endless()).send();
        let waits = Rc::new(Cell::new(2));
        for value in [3_u64, 4] {
            let (pool, waits, count) = (pool.clone(), waits.clone(), count.clone());
            me.also(async move {
                let reply = pool.call(methods::ping()).argument(&value).answered().await;
                let reply = reply.map_err(|fault| fault.to_string())?;
                count.set(count.get() + reply.value::<u64>().map_err(|fault| fault.to_string())?);
                waits.set(waits.get() - 1);
                Ok(())
            });
        }
        me.sleep(5_000_000).await;
        if waits.get() != 2 {
            return Err("calls went out although no slot was free".into());
        }
        endless.cancel();
        match endless.await {
            Err(fault) if fault.is(Code::Cancelled) => {}
            other => return Err(format!("an endless call: {other:?}")),
        }
        while waits.get() > 0 {
            me.sleep(100_000).await;
        }
        // One that is given up while it waits leaves the slot to others.
        let endless = pool.call(methods::endless()).send();
        let mut given_up = Box::pin(pool.call(methods::ping()).argument(&9_u64).answered());
        std::future::poll_fn(|cx| {
            assert!(given_up.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(given_up);
        drop(endless);
        let reply = pool.call(methods::ping()).argument(&5_u64).answered().await;
        count.set(count.get() + reply.and_then(|reply| reply.value::<u64>()).map_err(|fault| fault.to_string())?);
        me.disconnect();
        Ok(())
    });
    stage.until("the person leaves", || stage.is_over(person)).unwrap();
    assert_eq!(answered.get(), 3 + 4 + 5);
    stage.until("all returns", || node.held() == Some(begun)).unwrap();
    stage.clear();
}
