//! Sockets: connections that are cut, fall silent, fill up, and are closed under those who wait.
//!
//! Holds: bytes come back in order and as they were sent; a connection that ends in order has lost none; whoever waits at a
//! handle that is closed is told.

use crate::stage::Stage;
use crate::tasks::{Cx, TasksActor};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use windlass_driver::sim::Machine;
use windlass_driver::{Address, Handle, IoBuffer, IoError, Operation, Value};

/// How long a connection may be silent, virtual nanoseconds.
const SILENCE_NS: u64 = 60_000_000_000;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let address = Rc::new(RefCell::new(None));
    let (server, server_actor) = TasksActor::new(stage, Machine(1), "server")?;
    let (client, client_actor) = TasksActor::new(stage, Machine(2), "client")?;
    let connections = 1 + stage.dice("sockets").below(6);
    let over = Rc::new(Cell::new(0));
    let (cx, told) = (server.clone(), address.clone());
    let (enough, counted) = (over.clone(), over);
    server.spawn(async move { serve(cx, told, move || enough.get() == connections).await });
    let server = stage.tasks(server_actor);
    stage.until("the server listens", || address.borrow().is_some())?;
    let to = address.borrow().clone().ok_or("no address")?;
    for _ in 0..connections {
        let (cx, to, over) = (client.clone(), to.clone(), counted.clone());
        client.spawn(async move {
            let told = call(&cx, to).await;
            over.set(over.get() + 1);
            told
        });
    }
    // Not before it has tasks: a process without any leaves.
    let at = [server, stage.tasks(client_actor)];
    stage.until("all connections end", || at.iter().all(|at| stage.is_over(*at)))?;
    match stage.world().held() {
        (0, 0, 0, 0) => Ok(()),
        held => Err(format!("operations, files, sockets, listeners are left: {held:?}")),
    }
}

type Told = Rc<RefCell<Option<Address>>>;

async fn serve(cx: Cx, told: Told, enough: impl Fn() -> bool) -> Result<(), String> {
    let at = Address::Tcp("127.0.0.1:0".parse().map_err(|_| "an address")?);
    let listener = handle(cx.ask(Operation::Announce { at }).await.result)?;
    match cx.ask(Operation::LocalAddress { socket: listener }).await.result {
        Ok(Value::Address(at)) => *told.borrow_mut() = Some(at),
        other => return Err(format!("where it listens: {other:?}")),
    }
    while !enough() {
        let ticket = cx.start(Operation::Accept { listener }).map_err(|done| format!("{done:?}"))?;
        // Looks up now and then whether anybody is still to come.
        let waits = cx.clone();
        let timer = Rc::new(Cell::new(false));
        let rung = timer.clone();
        let bits = ticket.to_bits();
        waits.clone().spawn(async move {
            waits.sleep(500_000_000).await;
            if !rung.get() {
                waits.io().cancel(&windlass_lane::io::Ticket::from_bits(bits));
            }
            Ok(())
        });
        let accepted = cx.wait(ticket).await.result;
        timer.set(true);
        match accepted {
            Ok(Value::Handle(socket)) => {
                let inner = cx.clone();
                cx.spawn(async move { echo(&inner, socket).await });
            }
            Err(IoError::Cancelled) => {}
            other => return Err(format!("accepting: {other:?}")),
        }
    }
    cx.io().close(listener);
    Ok(())
}

/// Sends back what comes, to the end.
async fn echo(cx: &Cx, socket: Handle) -> Result<(), String> {
    let over = watch_silence(cx, socket);
    while let Some(bytes) = receive(cx, socket).await? {
        over.seen.set(cx.now());
        if !cx.send_all(socket, bytes).await? {
            break;
        }
    }
    let _may_be_lost = cx.ask(Operation::Shutdown { socket }).await;
    over.end(cx);
    Ok(())
}

/// Sends a run of bytes and expects it back.
async fn call(cx: &Cx, to: Address) -> Result<(), String> {
    let socket = match cx.ask(Operation::Connect { to }).await.result {
        Ok(Value::Handle(socket)) => socket,
        Err(IoError::System(_)) => return Ok(()),
        other => return Err(format!("connecting: {other:?}")),
    };
    if cx.below(3) == 0 {
        return hasty(cx, socket).await;
    }
    let over = watch_silence(cx, socket);
    let (length, salt) = (1 + cx.below(4_000), cx.below(251));
    let sent: Vec<u8> = (0..length).map(|at| (at * 3 + salt) as u8).collect();
    let (inner, bytes) = (cx.clone(), sent.clone());
    let whole = Rc::new(Cell::new(false));
    let told = whole.clone();
    cx.spawn(async move {
        for piece in bytes.chunks(1 + inner.below(700) as usize) {
            if !inner.send_all(socket, piece.to_vec()).await? {
                return Ok(());
            }
        }
        told.set(inner.ask(Operation::Shutdown { socket }).await.result.is_ok());
        Ok(())
    });
    let closes = cx.below(4) == 0;
    if closes {
        let inner = cx.clone();
        cx.spawn(async move {
            inner.sleep(inner.below(3_000_000)).await;
            inner.io().close(socket);
            Ok(())
        });
    }
    let mut came = Vec::new();
    let end = loop {
        match receive_or(cx, socket).await? {
            Ok(bytes) if bytes.is_empty() => break true,
            Ok(bytes) => {
                over.seen.set(cx.now());
                came.extend(bytes);
            }
            Err(_) => break false,
        }
    };
    over.end(cx);
    if came.len() > sent.len() || came[..] != sent[..came.len()] {
        return Err(format!("{} bytes came back, not as they were sent", came.len()));
    }
    if end && whole.get() && came.len() < sent.len() {
        return Err(format!("{} of {} bytes came back, and then an end in order", came.len(), sent.len()));
    }
    Ok(())
}

/// Closes a socket in the turn in which somebody began to wait at it.
async fn hasty(cx: &Cx, socket: Handle) -> Result<(), String> {
    let buffer = IoBuffer::zeroed(64).ok_or("no memory")?;
    let ticket = cx.start(Operation::Receive { socket, buffer }).map_err(|done| format!("{done:?}"))?;
    cx.io().close(socket);
    match cx.wait(ticket).await.result {
        Err(IoError::Closed | IoError::NotRegistered) => Ok(()),
        other => Err(format!("a receive whose socket was closed: {other:?}")),
    }
}

async fn receive(cx: &Cx, socket: Handle) -> Result<Option<Vec<u8>>, String> {
    Ok(receive_or(cx, socket).await?.ok().filter(|bytes| !bytes.is_empty()))
}

/// Bytes, none at the end, or an error that a connection may have.
async fn receive_or(cx: &Cx, socket: Handle) -> Result<Result<Vec<u8>, IoError>, String> {
    let buffer = IoBuffer::zeroed(1 + cx.below(900) as usize).ok_or("no memory")?;
    let done = cx.ask(Operation::Receive { socket, buffer }).await;
    let Some(buffer) = done.buffer else { return Err("a receive lost its buffer".into()) };
    match done.result {
        Ok(Value::Bytes(came)) => {
            let mut bytes = buffer.into_vec();
            bytes.truncate(came);
            Ok(Ok(bytes))
        }
        Err(error @ (IoError::System(_) | IoError::Closed | IoError::NotRegistered)) => Ok(Err(error)),
        other => Err(format!("receiving: {other:?}")),
    }
}

/// Closes a connection on which nothing has come for too long.
struct Silence {
    socket: Handle,
    seen: Rc<Cell<u64>>,
    over: Rc<Cell<bool>>,
}

fn watch_silence(cx: &Cx, socket: Handle) -> Silence {
    let silence = Silence { socket, seen: Rc::new(Cell::new(cx.now())), over: Rc::default() };
    let (inner, seen, over) = (cx.clone(), silence.seen.clone(), silence.over.clone());
    cx.spawn(async move {
        while !over.get() {
            inner.sleep(SILENCE_NS / 4).await;
            if !over.get() && inner.now() - seen.get() > SILENCE_NS {
                inner.io().close(socket);
                return Ok(());
            }
        }
        Ok(())
    });
    silence
}

impl Silence {
    fn end(&self, cx: &Cx) {
        self.over.set(true);
        cx.io().close(self.socket);
    }
}

fn handle(result: Result<Value, IoError>) -> Result<Handle, String> {
    match result {
        Ok(Value::Handle(handle)) => Ok(handle),
        other => Err(format!("no handle: {other:?}")),
    }
}
