//! Files of a module: bytes pass between a file and whoever called, handles are a container's own, and what waits ends.
#![allow(clippy::disallowed_methods, reason = "a test looks at the files that a module wrote")]

use crate::stage::{Stage, block_on};
use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use windlass::prelude::*;
use windlass::{Address, Lost, Pages};

thread_local! {
    /// A file that a container hid from its node, for another to find.
    static HIDDEN: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a file open.
pub struct Cabinet {
    file: RefCell<Option<std::rc::Rc<File>>>,
}

#[module(export = false)]
impl Cabinet {
    #[create]
    fn create() -> Self {
        Self { file: RefCell::default() }
    }
    /// Opens a file, in place of the one before.
    #[method]
    async fn open(&self, cx: &Context<'_>, path: &str, fresh: bool, exclusive: bool) -> Result<(), Fault> {
        let how = OpenHow::read().write().create();
        let how = if fresh { how.fresh() } else { how };
        let how = if exclusive { how.exclusive() } else { how };
        let file = cx.open(path, how).await?;
        *self.file.borrow_mut() = Some(file.into());
        Ok(())
    }
    #[method]
    fn close(&self) {
        self.file.take();
    }
    #[method]
    async fn put(&self, cx: &Context<'_>, at: u64, data: In<Bytes>) -> Result<(), Fault> {
        self.file()?.write_all_at(cx, at, &data, ..).await?;
        self.file()?.sync(cx).await
    }
    #[method]
    async fn put_live(&self, cx: &Context<'_>, at: u64, data: In<SharedBytes>) -> Result<(), Fault> {
        self.file()?.write_all_at(cx, at, &data, ..).await?;
        Ok(())
    }
    /// Into room that the node lends.
    #[method]
    async fn get(&self, cx: &Context<'_>, at: u64, out: Out<Bytes>) -> Result<u64, Fault> {
        let (came, mut out) = self.file()?.read_at(cx, at, out, ..).await?;
        out.set_len(came);
        Ok(came as u64)
    }
    /// Into the caller's own memory: the second half first.
    #[method]
    async fn get_live(&self, cx: &Context<'_>, at: u64, mut out: Out<SharedBytes>) -> Result<u64, Fault> {
        let half = out.len() / 2;
        let (behind, _) = self.file()?.read_at(cx, at + half as u64, &out, half..).await?;
        let (before, _) = self.file()?.read_at(cx, at, &out, ..half).await?;
        out.set_len(before + behind);
        Ok((before + behind) as u64)
    }
    /// By pages of its own, around the page cache.
    #[method]
    async fn direct(&self, cx: &Context<'_>, path: &str, byte: u8) -> Result<u64, Fault> {
        let file = cx.open(path, OpenHow::read().write().create().direct()).await?;
        let mut pages = Pages::zeroed(16384).ok_or_else(|| Fault::new(Code::NoMemory, "no pages"))?;
        pages.fill(byte);
        let mut pages = file.write_all_at(cx, 4096, pages, ..).await?;
        pages.fill(0);
        let pages = file.read_exact_at(cx, 8192, pages, ..8192).await?;
        Ok(pages.iter().map(|byte| u64::from(*byte)).sum())
    }
    #[method]
    async fn shape(&self, cx: &Context<'_>, bytes: u64, reserve: bool) -> Result<u64, Fault> {
        let file = self.file()?;
        file.set_length(cx, bytes).await?;
        if reserve {
            file.reserve(cx, bytes).await?;
        }
        file.length(cx).await
    }
    #[method]
    async fn rename(&self, cx: &Context<'_>, from: &str, to: &str) -> Result<(), Fault> {
        cx.rename_file(from, to).await
    }
    #[method]
    async fn remove(&self, cx: &Context<'_>, path: &str) -> Result<(), Fault> {
        cx.remove_file(path).await
    }
    /// Asks for more than there is; the buffer comes back with the Fault.
    #[method]
    async fn too_much(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        match self.file()?.read_exact_at(cx, 0, vec![7; 4096], ..).await {
            Err(Lost { fault, buffer: Some(buffer) }) if fault.is(Code::Ended) => Ok(buffer.len() as u64),
            other => Err(Fault::new(Code::Internal, format!("{other:?}"))),
        }
    }
    /// Hides its file where the node does not look for it; another container's is used.
    #[method]
    async fn hide(&self, cx: &Context<'_>, path: &str) -> Result<(), Fault> {
        let file = cx.open(path, OpenHow::read().write().create()).await?;
        HIDDEN.with_borrow_mut(|hidden| hidden.push(file));
        Ok(())
    }
    #[method]
    async fn use_hidden(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        let Some(file) = HIDDEN.with_borrow_mut(Vec::pop) else { return Ok(0) };
        let length = file.length(cx).await;
        HIDDEN.with_borrow_mut(|hidden| hidden.push(file));
        length
    }
    /// Hangs in a read of a connection that never speaks, with the caller's memory lent.
    #[method]
    async fn hang(&self, cx: &Context<'_>, at: &str, mut out: Out<SharedBytes>) -> Result<(), Fault> {
        let listener = cx.announce(Address::Unix(at.into())).await?;
        let near = cx.connect(Address::Unix(at.into())).await?;
        let _far = listener.accept(cx).await?;
        let received = near.receive(cx, &out, ..).await.map(|(came, _)| came).map_err(Fault::from);
        out.set_len(0);
        received?;
        Ok(())
    }
    /// Waits for ever, then cleans up in a shield.
    #[method]
    async fn tidy(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let ended = cx.sleep(std::time::Duration::from_secs(3600)).await;
        let file = self.file()?;
        let refused = file.write_all_at(cx, 0, b"not".to_vec(), ..).await;
        let Err(Lost { buffer: Some(_), .. }) = refused else {
            return Err(Fault::new(Code::Internal, format!("a cancelled call began a write: {refused:?}")));
        };
        cx.shield(async |cx| file.write_all_at(&cx, 0, b"tidy".to_vec(), ..).await).await?;
        ended
    }
}

impl Cabinet {
    fn file(&self) -> Result<std::rc::Rc<File>, Fault> {
        self.file.borrow().clone().ok_or_else(|| Fault::module(1, "nothing is open"))
    }
}

struct Files {
    stage: Stage,
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { stage: Stage::of(&[Cabinet::TABLE]), directory: tempfile::tempdir().unwrap() }
    }
    /// All containers on one worker: each worker counts its handles for itself.
    fn of_one_worker() -> Self {
        let stage = Stage::with(|config| {
            config.workers = 1;
            config.modules.push(Cabinet::TABLE);
        });
        Self { stage, directory: tempfile::tempdir().unwrap() }
    }
    fn cabinet(&self, name: &str) -> cabinet::Blocking {
        cabinet::Blocking::create(&self.stage.client(), name).unwrap()
    }
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn bytes_pass_from_every_kind_of_buffer_to_a_file_and_back() {
    let files = Files::new();
    let cabinet = files.cabinet("one");
    let client = cabinet.pool().client().clone();
    cabinet.open(&files.text("f"), true, false).unwrap();
    let owned = data(300_001);
    cabinet.put(0, &owned).unwrap();
    assert!(std::fs::read(files.path("f")).unwrap() == owned);
    let frozen = client.freeze(&owned[..5000]).unwrap();
    cabinet.put(7, &frozen).unwrap();
    let mut loan = client.lend(10_000).unwrap();
    loan.copy_from_slice(&owned[..10_000]);
    cabinet.put_live(300_001, loan).unwrap();
    let mut wanted = [&owned[..], &owned[..10_000]].concat();
    wanted[7..5007].copy_from_slice(&owned[..5000]);
    assert!(std::fs::read(files.path("f")).unwrap() == wanted);
    let (came, out) = cabinet.get(3, wanted.len()).unwrap();
    assert!(came as usize == wanted.len() - 3 && out[..] == wanted[3..]);
    let (loan, came) = {
        let (came, (loan, used)) = cabinet.get_live(1, client.lend(200_000).unwrap()).unwrap();
        assert_eq!(came as usize, used);
        (loan, used)
    };
    assert!(came == 200_000 && loan[..] == wanted[1..200_001]);
    assert_eq!(cabinet.direct(&files.text("d"), 3).unwrap(), 3 * 8192);
}

#[test]
fn lengths_names_and_ends_are_told_as_they_are() {
    let files = Files::new();
    let cabinet = files.cabinet("one");
    cabinet.open(&files.text("f"), true, false).unwrap();
    assert_eq!(cabinet.shape(10, false).unwrap(), 10);
    assert_eq!(cabinet.too_much().unwrap(), 4096);
    assert_eq!(cabinet.shape(100_000, true).unwrap(), 100_000);
    let fault = cabinet.open(&files.text("f"), true, false).unwrap_err();
    assert!(
        fault.is(Code::Exists) && fault.message.contains("opening") && fault.message.contains("/f"),
        "{fault:?}"
    );
    assert_eq!(fault.outcome, Outcome::Ended);
    cabinet.rename(&files.text("f"), &files.text("g")).unwrap();
    assert!(cabinet.rename(&files.text("f"), &files.text("g")).unwrap_err().is(Code::NotFound));
    cabinet.remove(&files.text("g")).unwrap();
    assert!(cabinet.remove(&files.text("g")).unwrap_err().is(Code::NotFound));
    assert!(cabinet.open("", false, false).unwrap_err().is(Code::BadArguments));
    assert!(cabinet.open("/proc/nothing/here", false, false).unwrap_err().is(Code::NotFound));
}

#[test]
fn an_exclusive_file_is_in_use_until_its_container_has_ended() {
    let files = Files::new();
    let (one, two) = (files.cabinet("one"), files.cabinet("two"));
    one.open(&files.text("f"), false, true).unwrap();
    assert!(two.open(&files.text("f"), false, true).unwrap_err().is(Code::InUse));
    one.close().unwrap();
    two.open(&files.text("f"), false, true).unwrap();
    files.stage.admin().destroy_pool("two").unwrap();
    one.open(&files.text("f"), false, true).unwrap();
}

#[test]
fn a_handle_of_another_container_is_not_registered_and_a_forgotten_one_is_closed_with_its_container() {
    let files = Files::of_one_worker();
    let (one, two) = (files.cabinet("one"), files.cabinet("two"));
    one.hide(&files.text("f")).unwrap();
    assert_eq!(one.use_hidden().unwrap(), 0);
    assert!(two.use_hidden().unwrap_err().is(Code::NotRegistered));
    files.stage.admin().destroy_pool("one").unwrap();
    // The same name is a new container: what was open before is not its own.
    let again = files.cabinet("one");
    assert!(again.use_hidden().unwrap_err().is(Code::NotRegistered));
}

#[test]
fn a_cancelled_call_gives_its_callers_memory_back_when_the_driver_has_let_go_of_it() {
    let files = Files::new();
    let cabinet = files.cabinet("one");
    let client = cabinet.pool().client().clone();
    for round in 0..20 {
        let at = files.text(&format!("s{round}"));
        let hang = cabinet.pool().call(cabinet::methods::hang()).argument(&at[..]);
        let pending = hang.output_shared(client.lend(4096).unwrap()).send();
        // Whether it waits in the read already or not: it ends, once.
        if round % 2 == 0 {
            while !files.path(&format!("s{round}")).exists() {
                std::thread::yield_now();
            }
            cabinet.close().unwrap();
        }
        pending.cancel();
        let fault = pending.wait().map(drop).unwrap_err();
        assert!(fault.is(Code::Cancelled), "{fault:?}");
    }
    assert_eq!(files.stage.admin().node().unwrap().tasks, 1, "nothing but the question itself lives");
}

#[test]
fn what_is_shielded_is_done_although_the_call_is_cancelled() {
    let files = Files::new();
    let cabinet = files.cabinet("one");
    cabinet.open(&files.text("f"), false, false).unwrap();
    let pending = cabinet.pool().call(cabinet::methods::tidy()).send();
    cabinet.shape(0, false).unwrap();
    pending.cancel();
    assert!(pending.wait().map(drop).unwrap_err().is(Code::Cancelled));
    assert_eq!(std::fs::read(files.path("f")).unwrap(), b"tidy");
}

#[test]
fn many_reads_and_writes_of_one_file_are_under_way_at_once() {
    let files = Files::new();
    let address = files.stage.address();
    let cabinet = files.cabinet("one");
    cabinet.open(&files.text("f"), false, false).unwrap();
    block_on(async {
        let cabinet = cabinet::Client::connect(&address, "one").await.unwrap();
        let pieces: Vec<Vec<u8>> = (0..48).map(|at| vec![at as u8 + 1; 10_000]).collect();
        let mut writes = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            writes.push(Box::pin(cabinet.put(at as u64 * 10_000, piece)));
        }
        for write in writes {
            write.await.unwrap();
        }
    });
    let file = std::fs::File::open(files.path("f")).unwrap();
    for at in 0..48 {
        let mut piece = vec![0; 10_000];
        file.read_exact_at(&mut piece, at * 10_000).unwrap();
        assert!(piece.iter().all(|byte| u64::from(*byte) == at + 1), "piece {at}");
    }
}
