//! What every backend of `Driver` must do: one suite of claims, run against each.
//!
//! Lives here: `Site` (a driver and where its files and sockets may stand), `Play` (starts operations and waits for
//! them), the macro that names the claims; `files`, `sockets`, `endings` play them.
//! Holds: nothing here knows which backend it plays with; a completion that does not come is a failure, not a hang.

pub mod endings;
pub mod files;
pub mod sockets;

use std::path::PathBuf;
use windlass_driver::{
    Address, Completion, Driver, Handle, IoBuffer, IoError, OpId, OpenHow, Operation, Tag, Value,
};

/// A driver, and where its files and sockets may stand.
pub trait Site {
    /// The driver to play with.
    fn driver(&mut self) -> &mut dyn Driver;
    /// A path that is this site's alone.
    fn path(&self, name: &str) -> PathBuf;
    /// A file that can be opened for writing, on a medium without room; `None` if there is none here.
    fn full(&self) -> Option<PathBuf>;
    /// Puts a socket file there that nobody listens at.
    fn leave_stale_socket(&mut self, path: &std::path::Path);
}

/// How often a play sleeps for a completion before it gives up, each time this long: far more than any backend needs.
const SLEEPS_MAX: usize = 2_000;
const SLEEP_NS: u64 = 10_000_000;

pub const WRITE: OpenHow = OpenHow {
    write: true,
    create: true,
    fresh: false,
    truncate: false,
    direct: false,
    durable: false,
    exclusive: false,
};

/// Starts operations and waits for their completions.
pub struct Play<'a> {
    driver: &'a mut dyn Driver,
    done: Vec<Completion>,
}

impl<'a> Play<'a> {
    pub fn new(driver: &'a mut dyn Driver) -> Self {
        Self { driver, done: Vec::new() }
    }

    pub fn driver(&mut self) -> &mut dyn Driver {
        self.driver
    }

    #[track_caller]
    pub fn start(&mut self, tag: u64, operation: Operation) -> OpId {
        self.driver.start(operation, Tag(tag)).expect("there is room for it")
    }

    /// The completion of what was started with this tag.
    #[track_caller]
    pub fn wait(&mut self, tag: u64) -> Completion {
        for _ in 0..SLEEPS_MAX {
            if let Some(at) = self.done.iter().position(|completion| completion.tag == Tag(tag)) {
                return self.done.swap_remove(at);
            }
            self.step();
        }
        panic!("operation {tag} did not complete; {} are under way", self.driver.under_way());
    }

    /// One flush, one sleep, one reaping.
    pub fn step(&mut self) {
        let driver = &mut *self.driver;
        driver.flush().unwrap();
        driver.reap(&mut self.done).unwrap();
        if self.done.is_empty() && driver.under_way() > 0 {
            let until = driver.now() + SLEEP_NS;
            driver.park(Some(until), &mut Vec::new()).unwrap();
            driver.reap(&mut self.done).unwrap();
        } else if driver.under_way() > 0 {
            let until = driver.now() + SLEEP_NS / 100;
            driver.park(Some(until), &mut Vec::new()).unwrap();
            driver.reap(&mut self.done).unwrap();
        }
    }

    /// Whether it has completed already.
    pub fn has(&self, tag: u64) -> bool {
        self.done.iter().any(|completion| completion.tag == Tag(tag))
    }

    /// Starts one and waits for it.
    #[track_caller]
    pub fn ask(&mut self, operation: Operation) -> Completion {
        self.start(u64::MAX, operation);
        self.wait(u64::MAX)
    }

    #[track_caller]
    pub fn open(&mut self, path: PathBuf, how: OpenHow) -> Handle {
        handle(self.ask(Operation::Open { path, how }))
    }

    #[track_caller]
    pub fn write(&mut self, file: Handle, at: u64, bytes: &[u8]) {
        let done = self.ask(Operation::WriteAt { file, at, buffer: IoBuffer::from_vec(bytes.to_vec()) });
        assert_eq!(bytes_of(&done), bytes.len());
    }

    #[track_caller]
    pub fn read(&mut self, file: Handle, at: u64, len: usize) -> Vec<u8> {
        let done = self.ask(Operation::ReadAt { file, at, buffer: room(len) });
        let count = bytes_of(&done);
        let mut bytes = done.buffer.unwrap().into_vec();
        bytes.truncate(count);
        bytes
    }

    #[track_caller]
    pub fn announce(&mut self) -> (Handle, Address) {
        let at = Address::Tcp(([127, 0, 0, 1], 0).into());
        let listener = handle(self.ask(Operation::Announce { at }));
        let done = self.ask(Operation::LocalAddress { socket: listener });
        let Ok(Value::Address(address)) = done.result else { panic!("{done:?}") };
        (listener, address)
    }

    /// Both ends of a connection: who accepted, who connected.
    #[track_caller]
    pub fn pair(&mut self) -> (Handle, Handle) {
        let (listener, to) = self.announce();
        self.start(1 << 40, Operation::Accept { listener });
        self.start(1 << 41, Operation::Connect { to });
        let far = handle(self.wait(1 << 41));
        let near = handle(self.wait(1 << 40));
        self.driver.close(listener).unwrap();
        (near, far)
    }

    /// Receives until so many bytes are there, or the end.
    #[track_caller]
    pub fn receive_up_to(&mut self, socket: Handle, len: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < len {
            let done = self.ask(Operation::Receive { socket, buffer: room(len - all.len()) });
            let count = bytes_of(&done);
            if count == 0 {
                break;
            }
            all.extend_from_slice(&done.buffer.unwrap().into_vec()[..count]);
        }
        all
    }
}

#[track_caller]
pub fn handle(completion: Completion) -> Handle {
    match completion.result {
        Ok(Value::Handle(handle)) => handle,
        other => panic!("a handle was expected, not {other:?}"),
    }
}

#[track_caller]
pub fn bytes_of(completion: &Completion) -> usize {
    match completion.result {
        Ok(Value::Bytes(count)) => count,
        ref other => panic!("a count was expected, not {other:?}"),
    }
}

#[track_caller]
pub fn error_of(completion: &Completion) -> &IoError {
    match &completion.result {
        Err(error) => error,
        other => panic!("an error was expected, not {other:?}"),
    }
}

/// The kind of the system's own error.
#[track_caller]
pub fn kind_of(completion: &Completion) -> std::io::ErrorKind {
    match error_of(completion) {
        IoError::System(error) => error.kind(),
        other => panic!("an error of the system was expected, not {other:?}"),
    }
}

pub fn room(len: usize) -> IoBuffer {
    IoBuffer::zeroed(len).unwrap()
}

pub fn bytes(text: &[u8]) -> IoBuffer {
    IoBuffer::from_vec(text.to_vec())
}

/// Every claim as a test of the module it is used in, against the site that the expression makes; none when it is `None`.
#[macro_export]
macro_rules! conformance_suite {
    ($make:expr) => {
        $crate::conformance_suite!(@ $make, files:
            volume_IO3_an_operation_on_a_handle_that_nobody_has_says_so,
            volume_IO3_an_operation_needs_a_handle_of_its_kind,
            volume_IO6_a_thousand_writes_and_reads_of_one_file_go_on_at_once,
            volume_IO7_each_completion_carries_what_its_own_operation_came_to,
            volume_IO7_a_short_read_tells_the_end_and_an_empty_one_what_lies_behind,
            volume_IO7_a_full_medium_is_told_and_not_hidden,
            volume_IO8_what_the_driver_has_no_room_for_comes_back_and_goes_later,
            volume_IO14_a_read_names_its_place_and_moves_nothing,
            a_file_is_opened_as_it_was_asked,
            an_exclusive_file_is_in_use_for_everybody_else,
            an_exclusive_file_is_free_once_it_is_closed,
            a_file_is_cut_extended_reserved_and_made_durable,
            a_file_is_renamed_over_another_and_removed,
            a_direct_file_takes_whole_blocks_only,
            a_place_behind_every_file_is_refused,
        );
        $crate::conformance_suite!(@ $make, sockets:
            volume_IO4_all_bytes_arrive_however_they_are_cut,
            volume_IO4_a_peer_that_ends_is_told_after_its_last_byte,
            volume_IO5_a_second_reader_and_a_second_writer_are_refused,
            volume_IO7_a_connection_that_is_refused_says_so,
            volume_IO11_a_unix_listener_is_found_by_its_path,
            volume_IO11_a_socket_file_that_nobody_listens_at_is_replaced_and_a_live_one_is_not,
            volume_IO11_many_connections_are_accepted_in_any_order,
            rpc_R26_of_hundreds_of_sources_only_those_that_are_ready_complete,
            volume_IO11_a_name_is_looked_up,
            volume_IO13_a_peer_that_goes_wakes_both_directions,
            volume_IO13_a_peer_that_goes_while_nobody_waits_harms_nobody,
            a_half_closed_connection_still_carries_the_other_half,
        );
        $crate::conformance_suite!(@ $make, endings:
            volume_IO12_closing_a_socket_wakes_everybody_who_waits_for_it,
            volume_IO12_closing_a_listener_wakes_everybody_who_accepts,
            volume_IO12_a_file_that_is_closed_lets_its_operations_end,
            volume_IO15_an_operation_that_is_cancelled_at_any_moment_completes_once,
            volume_IO15_a_stalled_receive_is_cancelled_and_the_next_one_works,
            volume_IO15_a_cancelled_accept_loses_no_later_connection,
            volume_IO15_cancelling_what_has_ended_does_nothing,
        );
    };
    (@ $make:expr, $part:ident: $($claim:ident,)*) => {
        $(
            #[test]
            fn $claim() {
                let mut site = $make;
                $crate::conformance::$part::$claim(&mut site);
            }
        )*
    };
}
