//! Accounts: bytes of symbols, per session and per node, admitted before they are allocated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use windlass_contract::{Code, Fault};

/// What one party uses, and how much it may.
pub(super) struct Account {
    whose: &'static str,
    used: AtomicU64,
    max: u64,
}

/// Bytes that two accounts pay for while this lives.
pub(super) struct Charge {
    of: [Arc<Account>; 2],
    bytes: u64,
}

impl Account {
    pub(super) fn new(whose: &'static str, max: u64) -> Arc<Self> {
        Arc::new(Self { whose, used: AtomicU64::new(0), max })
    }
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
    pub(super) fn left(&self) -> u64 {
        self.max.saturating_sub(self.used())
    }

    /// Charges `bytes` to both, or to neither. `others` of the node's bytes are taken by what is no symbol.
    ///
    /// # Errors
    /// `NoMemory` names the shortfall.
    pub(super) fn charge(session: &Arc<Self>, node: &Arc<Self>, bytes: u64, others: u64) -> Result<Charge, Fault> {
        session.take(bytes, 0)?;
        if let Err(fault) = node.take(bytes, others) {
            session.give_back(bytes);
            return Err(fault);
        }
        Ok(Charge { of: [session.clone(), node.clone()], bytes })
    }

    fn take(&self, bytes: u64, others: u64) -> Result<(), Fault> {
        // ORDER: the counter alone decides, and no memory is handed over by it.
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| sum.saturating_add(others) <= self.max)
        });
        taken.map(drop).map_err(|used| {
            let left = self.max.saturating_sub(used).saturating_sub(others);
            let short = bytes.saturating_sub(left);
            let text = format!(
                "{bytes} bytes for a symbol, {left} left of the {} that {} may have: {short} short; delete symbols",
                self.max, self.whose
            );
            Fault::new(Code::NoMemory, text)
        })
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.of.iter().for_each(|account| account.give_back(self.bytes));
    }
}
