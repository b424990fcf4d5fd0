//! Trouble that only a build with hooks can make: memory that is refused, and clients that lie.

use super::book::{Book, Rough};
use super::calls::EVERY;
use super::lives::{Life, all_return, ready_node};
use crate::person::Me;
use crate::probe::probe::methods;
use crate::stage::Stage;
use std::rc::Rc;
use windlass_client::{Client, Pool};
use windlass_contract::slot::{Kind, Slot};
use windlass_contract::{CallId, MethodId, PoolId};
use windlass_memory::{SegmentId, hooks};

/// Doors that a run passes, about: the one that refuses is drawn among so many.
const DOORS: u64 = 160;

pub(super) fn memory(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("memory");
    if dice.below(8) == 0 {
        return beginning(stage, dice.below(8));
    }
    let (node, begun) = ready_node(stage)?;
    let book = Book::new(Rough::Memory);
    hooks::fail_at(Some(dice.below(DOORS)));
    let people: Vec<usize> = (0..1 + dice.below(3))
        .map(|number| {
            let life = Life::drawn(stage, &node, &book, number, EVERY);
            stage.person(&format!("client-{number}"), |me| life.live(me))
        })
        .collect();
    all_return(stage, &node, begun, &book, &people)
}

/// A node that is refused memory while it begins says so, and one that is not begins.
fn beginning(stage: &Stage, door: u64) -> Result<(), String> {
    hooks::fail_at(Some(door));
    match ready_node(stage) {
        Ok((node, _)) => super::lives::stop(stage, &node),
        Err(text) if text.starts_with("stuck") => Err(text),
        Err(_said) => stage.verdict(),
    }
}

pub(super) fn lies(stage: &Stage) -> Result<(), String> {
    let (node, begun) = ready_node(stage)?;
    let book = Book::new(Rough::No);
    let mut people: Vec<usize> = (0..1 + stage.dice("lies").below(2))
        .map(|number| {
            let life = Life::drawn(stage, &node, &book, number, EVERY);
            stage.person(&format!("client-{number}"), |me| life.live(me))
        })
        .collect();
    let directory = node.directory();
    let end = book.clone();
    people.push(stage.person("liar", |me| liar(me, directory, end)));
    all_return(stage, &node, begun, &book, &people)
}

async fn liar(me: Me, directory: String, book: Rc<Book>) -> Result<(), String> {
    let client = me.connect(&directory, 4).map_err(|fault| fault.to_string())?;
    let pool = me.probe(&client).await.map_err(|fault| fault.to_string())?;
    for _ in 0..1 + me.below(12) {
        lie(&me, &client, &pool).await?;
        if !client.is_alive() {
            break;
        }
    }
    book.gather().await;
    me.disconnect();
    Ok(())
}

/// One lie: whatever it is, it is not answered with a value.
async fn lie(me: &Me, client: &Client, pool: &Pool) -> Result<(), String> {
    let bytes = client.welcome().client_segment_bytes;
    let far = me.below(u64::MAX);
    let which = me.below(9);
    let call = pool.call(methods::ping()).argument(&0_u64);
    let told: Box<dyn FnOnce(&mut Slot) + Send> = match which {
        // The last byte of the segment is zero, which is a zero in postcard: cut short, this would be a good call.
        0 | 1 => Box::new(move |slot| {
            (slot.arguments.offset, slot.arguments.length) = (bytes - 1, 2);
        }),
        2 => Box::new(move |slot| slot.arguments.offset = far),
        3 => Box::new(move |slot| slot.arguments.length = u32::MAX),
        4 => Box::new(move |slot| slot.arguments.segment = SegmentId(far as u32 | 0x10)),
        5 => Box::new(|slot| slot.kind = Kind::Invoke),
        6 => Box::new(move |slot| slot.method = MethodId(900 + far as u32 % 100)),
        7 => Box::new(move |slot| slot.pool = PoolId::from_bits(far | 1 << 20)),
        _ => Box::new(move |slot| slot.call = CallId::new(1 << 20, far as u32)),
    };
    match call.lying(told).send().await {
        Err(_fault) => Ok(()),
        Ok(reply) => Err(format!("lie {which} was answered with {:?}", reply.value::<u64>())),
    }
}
