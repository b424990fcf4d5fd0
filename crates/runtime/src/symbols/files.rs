//! Files: large memory of symbols stands in sealed files, so that a client can read it in place.
//!
//! Lives here: `Files` (how many there are, and those that nobody has just now).
//! From: `reserve`. To: memory whose file comes back here when its last holder goes.
//! Holds: a file goes on to another symbol zeroed (or to a `LateRoom`, which zeroes it before anybody sees it), and only if no client was ever given it; what is kept warm has a bound, and
//! goes when memory is short or nobody is connected. Zeroing pages that are there takes less than giving them back, and far less
//! than new ones do.
//! Not here: who may have how much (`account`), who may see what (`session`).

use super::account::Charge;
use crate::limits::{FILES_MAX, FILES_WARM_BYTES_MAX, FILES_WARM_MAX, FILES_WARM_PART};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windlass_contract::array::{MemoryFile, Room, Soil, SpentFile};

pub(super) struct Files {
    warm_bytes_max: u64,
    /// Files that there are, warm ones too: each is a descriptor.
    count: AtomicUsize,
    warm: Mutex<Vec<SpentFile>>,
    warm_bytes: AtomicU64,
}

impl Files {
    /// None so far; of a node that may have so many bytes in all.
    pub(super) fn new(node_bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            warm_bytes_max: FILES_WARM_BYTES_MAX.min(node_bytes_max / FILES_WARM_PART),
            count: AtomicUsize::new(0),
            warm: Mutex::default(),
            warm_bytes: AtomicU64::new(0),
        })
    }

    /// Bytes that are kept for the next symbols.
    pub(super) fn warm_bytes(&self) -> u64 {
        self.warm_bytes.load(Ordering::Relaxed)
    }

    /// Memory in a file, for a session; the charge comes back when it goes. `late`: whoever asks zeroes what has to be. `Err(charge)`: not
    /// in a file.
    pub(super) fn room(
        self: &Arc<Self>,
        len: usize,
        owner: u64,
        charge: Charge,
        late: bool,
    ) -> Result<(Room, Soil), Charge> {
        let warm =
            self.renewed(len, owner, late).map(|file| (file, if late { Soil::Soiled } else { Soil::Clean }));
        let made = warm.or_else(|| self.created(len, owner).map(|file| (file, Soil::New)));
        let Some((file, soil)) = made else { return Err(charge) };
        let files = self.clone();
        let room = file.into_room(len, move |spent| {
            // First the file: whoever finds the bytes free finds them here too.
            files.keep(spent);
            drop(charge);
        });
        // A file that is too short was not made here.
        Ok((room.unwrap_or_else(|| unreachable!("the file was made or chosen for {len} bytes")), soil))
    }

    fn created(&self, len: usize, owner: u64) -> Option<MemoryFile> {
        let less = |count: usize| (count < FILES_MAX).then_some(count + 1);
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            return None;
        }
        match MemoryFile::create(len, owner) {
            Ok(file) => Some(file),
            Err(error) => {
                // Its memory is then the node's own, and whoever reads it gets a copy.
                tracing::debug!(len, %error, "memory of a symbol stands in no file");
                self.count.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// The shortest warm file that is long enough and not a quarter longer.
    fn renewed(&self, len: usize, owner: u64, late: bool) -> Option<MemoryFile> {
        let spent = {
            let mut warm = self.warm();
            let fits = |file: &&SpentFile| file.bytes() >= len && file.bytes() - len <= len / 4;
            let bytes = warm.iter().filter(fits).map(SpentFile::bytes).min()?;
            let at = warm.iter().position(|file| file.bytes() == bytes)?;
            self.warm_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
            warm.swap_remove(at)
        };
        let renewed = if late { spent.soiled(owner) } else { spent.renewed(owner) };
        if renewed.is_none() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        renewed
    }

    fn keep(&self, file: SpentFile) {
        let bytes = file.bytes() as u64;
        let mut warm = self.warm();
        let fits = self.warm_bytes().saturating_add(bytes) <= self.warm_bytes_max && warm.len() < FILES_WARM_MAX;
        if fits && file.is_useful() {
            self.warm_bytes.fetch_add(bytes, Ordering::Relaxed);
            warm.push(file);
            return;
        }
        drop(warm);
        self.count.fetch_sub(1, Ordering::Relaxed);
        drop(file);
    }

    /// Lets go of what is warm; answers whether there was anything.
    pub(super) fn cool(&self) -> bool {
        let all = {
            let mut warm = self.warm();
            self.warm_bytes.store(0, Ordering::Relaxed);
            std::mem::take(&mut *warm)
        };
        self.count.fetch_sub(all.len(), Ordering::Relaxed);
        !all.is_empty()
    }

    // Every change of the list is one statement, so that a panic leaves it whole.
    fn warm(&self) -> MutexGuard<'_, Vec<SpentFile>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
