//! Resolve: a query that a module has a word in becomes the containers that it goes to.
//!
//! Lives here: `is_asked`, `resolve`.
//! From: `find`, and `find_here` for a call that was sent to where it can be asked. To: parts of a call that are resolved.
//! Holds: a container of the pool is asked, on its own worker: a call that comes where there is none goes there first, once. A
//! query that was resolved is `Id` and is never asked about again.

use super::{Found, Method, Pool, at, fan, least, targets};
use crate::core::Core;
use crate::host::asked;
use crate::host::library::may_ask;
use crate::reply::Refused;
use crate::transport::Arrived;
use std::ops::Range;
use std::rc::Rc;
use windlass_contract::Fault;
use windlass_contract::module::Event;
use windlass_contract::slot::Query;

/// Whether the module has a word in where a call with this query goes.
#[inline]
pub(super) fn is_asked(pool: &Pool, query: Query) -> bool {
    let table = pool.module.table;
    match query {
        Query::Dynamic => pool.spots.len() > 1 && table.owns(Event::Schedule),
        Query::Range { .. } | Query::Broadcast => pool.spots.len() > 1 && table.owns(Event::ReplicaStart),
        _ => false,
    }
}

/// Asks the module, and finds what it says.
///
/// # Errors
/// As `find`; the module's own for a call to several containers.
pub(super) fn resolve(
    core: &Rc<Core>,
    call: Arrived,
    pool: &Rc<Pool>,
    method: &Rc<Method>,
) -> Result<Found, Refused> {
    let to = match call.slot.query {
        Query::Dynamic => 0..pool.spots.len(),
        query => match targets(core, pool, query) {
            Ok(to) => to,
            Err(fault) => return Err(Refused::new(call.reply, fault)),
        },
    };
    let Some(by) = pool.spots[to.clone()].iter().find_map(|spot| spot.here.as_ref()) else {
        return Ok(Found::Away(call, pool.spots[to.start].worker, to.start as u32));
    };
    // One whose plain function asks this from within, by hand, is not asked: the node's own choice goes.
    let asks = may_ask(by);
    let found = match call.slot.query {
        Query::Dynamic => {
            let chosen = if asks { asked::schedule(core, by, method, &call, to.len()) } else { Ok(None) };
            chosen.map(|chosen| {
                let one = chosen.unwrap_or_else(|| least(core, pool));
                one..one + 1
            })
        }
        _ if to.len() > 1 && asks => asked::may_fan(core, by, method, to.len()).map(|()| to),
        _ => Ok(to),
    };
    go(core, call, pool, method, found)
}

fn go(
    core: &Rc<Core>,
    call: Arrived,
    pool: &Rc<Pool>,
    method: &Rc<Method>,
    to: Result<Range<usize>, Fault>,
) -> Result<Found, Refused> {
    match to {
        Ok(to) if to.len() == 1 => Ok(at(core, pool, method, call, to.start)),
        Ok(to) => fan::begin(core, call, pool, method, to).map(Found::Several),
        Err(fault) => Err(Refused::new(call.reply, fault)),
    }
}
