//! A simulated network: listeners, connections, names.
//!
//! Lives here: `Net`, `Side` (one end of a connection), `End` (which one). From: `operations`. To: the other end, later.
//! Holds: bytes of one direction arrive in order and once; a direction holds at most so many bytes on the way, then its sender
//! waits; a lost connection tells both sides, a silent one tells nobody.
//! Not here: when bytes arrive (`world`), what waits for them (`operations`).

use crate::Nanos;
use crate::operation::Address;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// An operation of a driver that waits.
pub(super) type Waiting = Option<(usize, u64)>;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct End {
    pub(super) connection: u64,
    /// 0: who connected; 1: who accepted.
    pub(super) side: usize,
}

impl End {
    pub(super) fn other(self) -> Self {
        Self { connection: self.connection, side: 1 - self.side }
    }
}

/// What one end knows and holds.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) address: Address,
    /// Arrived, not received.
    pub(super) inbox: VecDeque<u8>,
    /// On the way to this side, in order.
    pub(super) flights: VecDeque<(Nanos, Vec<u8>)>,
    /// The other side sends no more, from then on.
    pub(super) ends_at: Option<Nanos>,
    /// The descriptor is closed, or its process is gone.
    pub(super) closed: bool,
    /// This side sends no more.
    pub(super) shut: bool,
    /// Nothing arrives here any more and nobody says so.
    pub(super) silent: bool,
    pub(super) receives: Waiting,
    pub(super) sends: Waiting,
}

impl Side {
    fn new(address: Address) -> Self {
        Self {
            address,
            inbox: VecDeque::new(),
            flights: VecDeque::new(),
            ends_at: None,
            closed: false,
            shut: false,
            silent: false,
            receives: None,
            sends: None,
        }
    }

    /// Bytes that this side has not received.
    pub(super) fn held(&self) -> usize {
        self.inbox.len() + self.flights.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Takes in what has arrived by now.
    pub(super) fn land(&mut self, now: Nanos) {
        while !self.silent && self.flights.front().is_some_and(|(at, _)| *at <= now) {
            self.inbox.extend(self.flights.pop_front().into_iter().flat_map(|(_, bytes)| bytes));
        }
    }

    /// Whether everything was received and no more comes.
    pub(super) fn is_over(&self, now: Nanos) -> bool {
        !self.silent
            && self.inbox.is_empty()
            && self.flights.is_empty()
            && self.ends_at.is_some_and(|at| at <= now)
    }
}

/// Two ends.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sides: [Side; 2],
    /// It was lost: whoever uses it is told.
    pub(super) lost: bool,
    /// A pipe: side 0 writes, side 1 reads.
    pub(super) pipe: bool,
}

/// Somebody listens.
#[derive(Debug)]
pub(super) struct Listener {
    /// Connections that wait to be accepted.
    pub(super) queue: VecDeque<u64>,
    pub(super) accepts: VecDeque<(usize, u64)>,
}

/// Everything between the drivers of one world.
#[derive(Debug, Default)]
pub(super) struct Net {
    pub(super) listeners: BTreeMap<u64, (Address, Listener)>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) names: BTreeMap<String, Vec<SocketAddr>>,
    /// Paths at which somebody listens or listened.
    pub(super) socket_files: BTreeSet<PathBuf>,
    next: u64,
}

/// Ports that the system chooses begin here.
const FIRST_PORT: u16 = 32_768;

impl Net {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// An address that is free, in place of port 0; `None` when it is taken.
    pub(super) fn listen(&mut self, at: &Address) -> Option<u64> {
        let free = |net: &Self, at: &Address| !net.listeners.values().any(|(taken, _)| taken == at);
        let at = match at {
            Address::Tcp(at) if at.port() == 0 => {
                let mut ports = (FIRST_PORT..=u16::MAX).map(|port| Address::Tcp(SocketAddr::new(at.ip(), port)));
                ports.find(|at| free(self, at))?
            }
            at => at.clone(),
        };
        if !free(self, &at) {
            return None;
        }
        if let Address::Unix(path) = &at {
            self.socket_files.insert(path.clone());
        }
        let number = self.number();
        let listener = Listener { queue: VecDeque::new(), accepts: VecDeque::new() };
        self.listeners.insert(number, (at, listener));
        Some(number)
    }

    /// The listener that a connection to this address reaches.
    pub(super) fn listener_at(&self, to: &Address) -> Option<u64> {
        let any = match to {
            Address::Tcp(to) => {
                let ip = match to.ip() {
                    IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                };
                Some(Address::Tcp(SocketAddr::new(ip, to.port())))
            }
            Address::Unix(_) => None,
        };
        let fits = |at: &Address| at == to || Some(at) == any.as_ref();
        self.listeners.iter().find(|(_, (at, _))| fits(at)).map(|(number, _)| *number)
    }

    /// Makes a connection that waits to be accepted.
    pub(super) fn connect(&mut self, to: &Address, listener: u64) -> Option<u64> {
        let number = self.number();
        let own = match to {
            Address::Tcp(to) => {
                // Nobody listens at these; a port of a client only has to look like one.
                Address::Tcp(SocketAddr::new(to.ip(), 1024 + (number % 30_000) as u16))
            }
            Address::Unix(_) => Address::Unix(PathBuf::new()),
        };
        let sides = [Side::new(own), Side::new(to.clone())];
        let (_, listener) = self.listeners.get_mut(&listener)?;
        listener.queue.push_back(number);
        self.connections.insert(number, Connection { sides, lost: false, pipe: false });
        Some(number)
    }

    /// Makes two ends that are connected: two sockets without a name, or a pipe.
    pub(super) fn pair(&mut self, pipe: bool) -> u64 {
        let number = self.number();
        let side = || Side::new(Address::Unix(PathBuf::new()));
        self.connections.insert(number, Connection { sides: [side(), side()], lost: false, pipe });
        number
    }

    pub(super) fn connection(&mut self, end: End) -> Option<&mut Connection> {
        self.connections.get_mut(&end.connection)
    }

    pub(super) fn side(&mut self, end: End) -> Option<&mut Side> {
        self.connection(end).map(|connection| &mut connection.sides[end.side])
    }

    /// What a name of the form `host:port` stands for. Numbers stand for themselves.
    pub(super) fn resolve(&self, name: &str) -> Option<Vec<SocketAddr>> {
        if let Ok(address) = name.parse() {
            return Some(vec![address]);
        }
        let (host, port) = name.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        if host == "localhost" {
            return Some(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)]);
        }
        let known = self.names.get(host)?;
        Some(known.iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
    }
}
