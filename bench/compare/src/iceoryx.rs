//! iceoryx2: request-response with slices over shared memory.
//!
//! Chosen: a service of `[u8]` to `u64`; the client's port is made for the size of the run, so memory is laid out once; a
//! request is written from the caller's bytes into a loan (one copy, as for every contender whose caller owns its bytes).
//! `Event` waits as the project's documentation advises: an event service each way, a notification after each batch.
//! `Spin` looks again and again, and notifies nobody. Names and files carry a prefix of their own.
//!
//! Lives here: `serve`, `connect`.

use iceoryx2::{
    pending_response::PendingResponse,
    port::{client, listener::Listener, notifier::Notifier},
    prelude::*,
    service::port_factory::request_response::PortFactory,
};
use std::{collections::VecDeque, hint::spin_loop};
use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending, operation::HEAD_BYTES};

/// Most requests outstanding; the service reserves room for as many.
pub const OUTSTANDING_MAX: u32 = 128;

type Requests = PortFactory<ipc::Service, [u8], (), u64, ()>;
type Port = client::Client<ipc::Service, [u8], (), u64, ()>;
type Pending = PendingResponse<ipc::Service, [u8], (), u64, ()>;

/// How a side waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// On an event of the other's.
    Event,
    /// On the core.
    Spin,
}

/// An event's number by which a client takes its leave; all others mean that there is something to receive.
const LEAVE: usize = 1;

fn node() -> Result<Node<ipc::Service>, Failure> {
    set_log_level(LogLevel::Error);
    let mut config = Config::global_config().clone();
    config.global.prefix = FileName::new(b"windlass_bench_")?;
    Ok(NodeBuilder::new()
        .config(&config)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()?)
}

fn requests(node: &Node<ipc::Service>, name: &str) -> Result<Requests, Failure> {
    Ok(node
        .service_builder(&name.try_into()?)
        .request_response::<[u8], u64>()
        .max_active_requests_per_client(OUTSTANDING_MAX as usize)
        .max_loaned_requests(1)
        .max_response_buffer_size(1)
        .max_servers(1)
        .max_clients(2)
        .max_nodes(2)
        .open_or_create()?)
}

/// One direction's event: who listens and who notifies are made from it.
struct Bell {
    listener: Option<Listener<ipc::Service>>,
    notifier: Option<Notifier<ipc::Service>>,
}

/// Which end of a bell a side has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Listens,
    Notifies,
}

fn bell(node: &Node<ipc::Service>, name: &str, end: End) -> Result<Bell, Failure> {
    let event = node.service_builder(&name.try_into()?).event().max_nodes(2).open_or_create()?;
    Ok(match end {
        End::Listens => Bell { listener: Some(event.listener_builder().create()?), notifier: None },
        End::Notifies => Bell { listener: None, notifier: Some(event.notifier_builder().create()?) },
    })
}

impl Bell {
    fn ring(&self) -> Result<(), Failure> {
        if let Some(notifier) = &self.notifier {
            notifier.notify()?;
        }
        Ok(())
    }

    /// Sleeps until the other side rings; says whether it took its leave.
    fn wait(&self) -> Result<bool, Failure> {
        let mut leaves = false;
        if let Some(listener) = &self.listener {
            listener.blocking_wait(|event| leaves |= event.id == EventId::new(LEAVE))?;
        }
        Ok(leaves)
    }
}

/// Serves one client until it leaves or the door closes.
pub fn serve(door: &Door, how: Wait) -> Result<(), Failure> {
    let node = node()?;
    node.try_cleanup_dead_nodes();
    let name = format!("windlass-bench/{}", std::process::id());
    let service = requests(&node, &name)?;
    let server = service.server_builder().create()?;
    let asked = bell(&node, &format!("{name}/asked"), End::Listens)?;
    let answered = bell(&node, &format!("{name}/answered"), End::Notifies)?;
    door.ready(&name, Ending::Tidy)?;
    while !door.closing() {
        let mut any = false;
        while let Some(request) = server.receive()? {
            request.send_copy(checksum(request.payload()))?;
            any = true;
        }
        match how {
            Wait::Spin => spin_loop(),
            Wait::Event if any => answered.ring()?,
            Wait::Event => {
                if asked.wait()? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// A client of the service that `name` names.
pub fn connect(name: &str, how: Wait) -> Result<Box<dyn Caller>, Failure> {
    let node = node()?;
    let service = requests(&node, name)?;
    let asked = bell(&node, &format!("{name}/asked"), End::Notifies)?;
    let answered = bell(&node, &format!("{name}/answered"), End::Listens)?;
    Ok(Box::new(Client { port: None, service, asked, answered, how, _node: node }))
}

struct Client {
    port: Option<(usize, Port)>,
    service: Requests,
    asked: Bell,
    answered: Bell,
    how: Wait,
    _node: Node<ipc::Service>,
}

impl Client {
    /// Makes the port for requests of `bytes`, unless the one there is was made for them.
    fn fit_port(&mut self, bytes: usize) -> Result<(), Failure> {
        if self.port.as_ref().is_none_or(|(length, _)| *length != bytes) {
            // The old one goes first: the service has room for two clients, and memory for as few as possible.
            self.port = None;
            let port = self.service.client_builder().initial_max_slice_len(bytes).create()?;
            self.port = Some((bytes, port));
        }
        Ok(())
    }
}

impl Caller for Client {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let (questions, how) = (meter.questions(), self.how);
        meter.copied_bytes(questions.bytes() as u64);
        self.fit_port(questions.bytes())?;
        let Some((bytes, port)) = &self.port else { return Err("no port".into()) };
        let mut request = questions.request(0);
        let mut send = |variant: usize| -> Result<Pending, Failure> {
            request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
            let pending = port.loan_slice_uninit(*bytes)?.write_from_slice(&request).send()?;
            if how == Wait::Event {
                self.asked.ring()?;
            }
            Ok(pending)
        };
        // The server answers in the order it was asked, so the oldest request is the one to look at.
        let mut outstanding = VecDeque::new();
        for slot in 0..meter.ask().outstanding as usize {
            if let Some(variant) = meter.issue(slot) {
                outstanding.push_back((slot, send(variant)?));
            }
        }
        while let Some((slot, pending)) = outstanding.pop_front() {
            let sum = loop {
                if let Some(response) = pending.receive()? {
                    break *response;
                }
                match how {
                    Wait::Spin => spin_loop(),
                    Wait::Event => drop(self.answered.wait()?),
                }
            };
            drop(pending);
            meter.answer(slot, sum)?;
            if let Some(variant) = meter.issue(slot) {
                outstanding.push_back((slot, send(variant)?));
            }
        }
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(notifier) = &self.asked.notifier
            && let Err(error) = notifier.notify_with_custom_event_id(EventId::new(LEAVE))
        {
            eprintln!("cannot take leave of the server: {error}");
        }
    }
}
