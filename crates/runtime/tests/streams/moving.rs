//! Streams of containers that move meanwhile: they go on, and the container goes when they have ended.

use crate::pipes::{Tally, Wide, tally, wide};
use crate::stage::Stage;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use windlass::prelude::*;
use windlass_client::{Connect, Items, Pending};
use windlass_contract::admin::ModeFacts;

/// A node of three workers, with a pool of one container, and another that is bundled on another worker.
struct Scene {
    stage: Stage,
    tally: tally::Blocking,
}

impl Scene {
    fn by(way: &str) -> Self {
        let stage = Stage::with(|config| {
            config.modules.extend([Tally::TABLE]);
            config.workers = 3;
            config.tcp = Some("127.0.0.1:0".parse().unwrap());
        });
        let admin = stage.admin();
        admin.create_spread("tally", "tally", &[], 1, "round_robin").unwrap();
        let elsewhere = (admin.pool_modes("tally").unwrap()[0].workers[0] + 1) % 3;
        admin.create_in_mode("there", "tally", &[], 1, &format!("pinned:{elsewhere}"), "bundled").unwrap();
        let client = match way {
            "shared memory" => Connect::to(&stage.address()),
            "a Unix stream" => Connect::unix_stream(&stage.address()),
            _ => Connect::tcp(&stage.tcp().to_string()).token(stage.token()),
        };
        let client = client.calls(64).open().unwrap();
        let tally = tally::Blocking::on(client.pool("tally").unwrap());
        Self { stage, tally }
    }

    /// An ordinary call.
    fn ask(&self) -> Pending {
        self.tally.pool().call(tally::methods::sum()).send()
    }
}

/// A stream that sends one number and gets it back, over and over.
struct Echo {
    tell: Sender<u64>,
    items: Items<u64, u64>,
    said: u64,
}

impl Echo {
    fn of(scene: &Scene) -> Self {
        let (tell, told) = channel();
        let mut echo = Self { tell, items: scene.tally.each(told).unwrap(), said: 0 };
        echo.pass();
        echo
    }

    /// One number goes there and comes back.
    fn pass(&mut self) {
        self.said += 1;
        self.tell.send(self.said).unwrap();
        assert_eq!(self.items.next().unwrap().unwrap(), self.said);
    }

    /// How many came to the method, when it has ended.
    fn end(self) -> u64 {
        drop(self.tell);
        self.items.end().unwrap()
    }
}

/// Has the container move, and a stream go on meanwhile: `to_end` says what to do with it once other calls wait. Answers what became of
/// the move, and the stream if it is there yet.
fn moved_beside(
    scene: &Scene,
    to_end: impl FnOnce(&mut Option<Echo>, &dyn Fn() -> bool),
) -> (ModeFacts, Option<Echo>) {
    let mut echo = Some(Echo::of(scene));
    let (admin, told) = (scene.stage.admin(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let mover = scope.spawn(|| {
            let set = admin.set_pool_mode("tally", "bundled").unwrap();
            told.store(true, Ordering::SeqCst);
            set
        });
        // An ordinary call that is sent before a number and not answered after that is back waits for the move.
        let mut asked = scene.ask();
        while asked.is_answered() || {
            echo.as_mut().unwrap().pass();
            asked.is_answered()
        } {
            assert!(!told.load(Ordering::SeqCst), "no call waited, or the stream did");
            asked = scene.ask();
        }
        to_end(&mut echo, &|| told.load(Ordering::SeqCst));
        let set = mover.join().unwrap();
        asked.wait().unwrap();
        (set, echo)
    })
}

#[test]
fn rpc_R13_a_stream_goes_on_while_its_container_is_to_move_and_that_moves_when_it_ends() {
    for way in ["shared memory", "a Unix stream", "TCP"] {
        // A machine that is busy may be slower than the time that a move waits.
        let moves = (0..20).any(|_| {
            let scene = Scene::by(way);
            let mut said = 0;
            let (set, _) = moved_beside(&scene, |echo, _| {
                let mut echo = echo.take().unwrap();
                (0..20).for_each(|_| echo.pass());
                said = echo.said;
                assert_eq!(echo.end(), said);
            });
            // What the stream left there is there.
            assert_eq!(scene.tally.sum().unwrap(), (1..=said).sum::<u64>(), "{way}");
            set.moved == 1
        });
        assert!(moves, "{way}: it does not move");
    }
}

#[test]
fn rpc_R13_a_stream_that_lasts_keeps_its_container_where_it_is_and_goes_on_all_the_while() {
    for way in ["shared memory", "a Unix stream", "TCP"] {
        let scene = Scene::by(way);
        let (set, echo) = moved_beside(&scene, |echo, told| {
            while !told() {
                echo.as_mut().unwrap().pass();
            }
        });
        assert!(set.moved == 0 && set.stays[0].why.contains("it is busy"), "{way}: {set:?}");
        let mut echo = echo.unwrap();
        (0..20).for_each(|_| echo.pass());
        let said = echo.said;
        assert_eq!((echo.end(), scene.tally.sum().unwrap()), (said, (1..=said).sum::<u64>()), "{way}");
    }
}

#[test]
fn rpc_R13_streams_that_begin_while_their_container_moves_are_whole() {
    let scene = Scene::by("shared memory");
    let admin = scene.stage.admin();
    admin.create_spread("many", "tally", &[], 4, "round_robin").unwrap();
    let over = AtomicBool::new(false);
    let reader = |at: u64| {
        let tally = tally::Blocking::on(scene.stage.client().pool("many").unwrap().toward(Query::Id(at)));
        let mut count = 0u64;
        while !over.load(Ordering::Relaxed) {
            let mut values = tally.each(0..3_000u64).unwrap();
            assert!(values.by_ref().map(Result::unwrap).eq(0..3_000));
            assert_eq!(values.end().unwrap(), 3_000);
            count += 1;
        }
        assert_eq!(tally.sum().unwrap(), count * (0..3_000u64).sum::<u64>());
    };
    let reader = &reader;
    std::thread::scope(|scope| {
        (0..4).for_each(|at| drop(scope.spawn(move || reader(at))));
        let mut moved = 0;
        for turn in 0..400 {
            if moved >= 20 {
                break;
            }
            moved += admin.set_pool_mode("many", ["bundled", "shared"][turn % 2]).unwrap().moved;
        }
        over.store(true, Ordering::Relaxed);
        assert!(moved >= 20, "{moved} moved");
    });
}

#[test]
fn tasks_K34_streams_of_a_container_whose_shares_are_dealt_anew_are_whole() {
    let stage = Stage::with(|config| {
        config.modules.extend([Wide::TABLE, Tally::TABLE]);
        config.workers = 3;
    });
    wide::Blocking::create(&stage.client(), "wide").unwrap();
    let admin = stage.admin();
    admin.create_spread("other", "tally", &[], 1, "pinned:2").unwrap();
    let over = AtomicBool::new(false);
    let reader = || {
        let wide = wide::Blocking::on(stage.client().pool("wide").unwrap());
        while !over.load(Ordering::Relaxed) {
            let mut values = wide.each(0..3_000u64).unwrap();
            assert!(values.by_ref().map(Result::unwrap).eq(0..3_000));
            assert_eq!(values.end().unwrap(), 3_000);
        }
    };
    let reader = &reader;
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(reader)));
        let mut dealt = 0;
        for turn in 0..400 {
            if dealt >= 20 {
                break;
            }
            dealt += admin.set_pool_mode("other", ["dedicated", "shared"][turn % 2]).unwrap().moved;
        }
        over.store(true, Ordering::Relaxed);
        assert!(dealt >= 20, "{dealt} were dealt");
    });
}
