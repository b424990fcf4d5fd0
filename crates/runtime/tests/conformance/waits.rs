//! Claims about what a module waits for and spawns: files, sockets and tasks, whatever road it came in by.
#![allow(clippy::disallowed_methods, reason = "a test looks at the files that a module wrote")]

use crate::on_every_road;
use windlass_contract::{Code, Outcome};

#[test]
fn a_file_takes_a_callers_bytes_and_gives_them_to_its_memory() {
    on_every_road(|set| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept").display().to_string();
        let data: Vec<u8> = (0..200_000_u32).map(|at| (at * 7 + at / 251) as u8).collect();
        let (loan, used) = set.echo.store(&path, &data, set.client.lend(data.len() + 10).unwrap()).unwrap();
        assert!(used == data.len() && loan[..used] == data[..]);
        assert!(std::fs::read(&path).unwrap() == data);
        let again = set.echo.store(&path, &data, set.client.lend(10).unwrap()).map(drop).unwrap_err();
        assert_eq!((again.is(Code::Exists), again.outcome), (true, Outcome::Ended), "{again:?}");
        assert!(again.message.contains("kept"), "{again:?}");
        let frozen = set.client.freeze(&data).unwrap();
        let path = directory.path().join("frozen").display().to_string();
        let (loan, used) = set.echo.store(&path, &frozen, set.client.lend(1000).unwrap()).unwrap();
        assert!(used == 1000 && loan[..] == data[..1000]);
    });
}

#[test]
fn a_socket_and_a_task_behind_it_carry_bytes_there_and_back() {
    on_every_road(|set| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket").display().to_string();
        for text in ["hoist", &"a long one ".repeat(3000)] {
            assert_eq!(set.echo.through(&path, text).unwrap(), text);
        }
        let nowhere = set.echo.through("/nowhere/at/all", "x").unwrap_err();
        assert!(nowhere.is(Code::NotFound), "{nowhere:?}");
    });
}

#[test]
fn a_spawned_task_is_joined_and_ends_when_its_call_is_cancelled_or_not() {
    on_every_road(|set| {
        assert_eq!(set.echo.later(300, 9).unwrap(), 9);
        let hour = set.echo.pool().call(windlass_echo::echo::methods::later()).argument(&3_600_000_000_u64);
        let waiting = hour.argument(&1_u64).send();
        assert_eq!(set.echo.later(0, 10).unwrap(), 10);
        waiting.cancel();
        assert!(waiting.wait().unwrap_err().is(Code::Cancelled));
        // The task itself sleeps on: nobody asked it to end. Its pool's end does.
        set.stage.admin().destroy_pool("echo").unwrap();
        while set.stage.admin().node().unwrap().tasks > 1 {
            std::thread::yield_now();
        }
    });
}
