//! Users: a session with the node for each user that clients name.
//!
//! Lives here: `Users`.
//! From: `answer`, when a command needs the node. To: `windlass_client::Client`.
//! Holds: clients of one user share a namespace, also across connections, as Arkouda's clients expect; those of another see what
//!   is shared with them. At most `USERS_MAX` are kept: who has no connection and was away longest makes room.
//! Not here: who may connect (`token`); the user's name is what the client says, and no secret.

use crate::limits::{CALLS_PER_USER, USER_BYTES_MAX, USERS_MAX};
use std::cell::RefCell;
use std::collections::BTreeMap;
use windlass_client::Client;
use windlass_contract::{Code, Fault};

/// What is kept of a user.
struct Known {
    client: Client,
    /// Connections that have spoken for this user and are open.
    open: usize,
    /// When it was last asked for, in order.
    turn: u64,
}

/// The users.
pub(crate) struct Users {
    node: String,
    known: RefCell<BTreeMap<String, Known>>,
    turn: RefCell<u64>,
}

impl Users {
    pub(crate) fn new(node: &str) -> Users {
        Users { node: node.to_owned(), known: RefCell::default(), turn: RefCell::new(0) }
    }

    /// The session of this user. `by`: the users that the connection which asks has spoken for, and this one from now on; nobody, if it is asked
    /// for by the way. Whoever waits for this may go at any moment: what is counted here is in `by` before anything is waited for again.
    pub(crate) async fn client(&self, name: &str, by: Option<&mut Vec<String>>) -> Result<Client, Fault> {
        let user = cut(name);
        let first = by.as_ref().is_some_and(|by| !by.iter().any(|one| one == name));
        let client = self.counted(user, first).await?;
        if let (true, Some(by)) = (first, by) {
            by.push(name.to_owned());
        }
        Ok(client)
    }

    async fn counted(&self, user: &str, first: bool) -> Result<Client, Fault> {
        if let Some(client) = self.find(user, first) {
            return Ok(client);
        }
        // The node may be busy, and others of ours must not wait with us.
        let (node, name) = (self.node.clone(), format!("arkouda {user}"));
        let made = tokio::task::spawn_blocking(move || {
            Client::options().name(&name).calls(CALLS_PER_USER).connect(&node)
        })
        .await;
        let made =
            made.map_err(|error| Fault::new(Code::Internal, format!("connecting to the node: {error}")))??;
        // Another connection of this user may have been quicker; then its session is the one.
        if let Some(client) = self.find(user, first) {
            return Ok(client);
        }
        if !self.known.borrow().contains_key(user) {
            self.make_room()?;
        }
        let turn = self.next_turn();
        let mut all = self.known.borrow_mut();
        let known = all.entry(user.to_owned()).or_insert_with(|| Known { client: made.clone(), open: 0, turn });
        (known.client, known.turn) = (made.clone(), turn);
        known.open += usize::from(first);
        Ok(made)
    }

    /// A connection that had asked for this user's session has ended.
    pub(crate) fn left(&self, user: &str) {
        if let Some(known) = self.known.borrow_mut().get_mut(cut(user)) {
            known.open = known.open.saturating_sub(1);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.known.borrow().len()
    }

    /// Connections that have spoken for this user and are open.
    #[cfg(test)]
    pub(crate) fn open(&self, user: &str) -> usize {
        self.known.borrow().get(cut(user)).map_or(0, |known| known.open)
    }

    fn find(&self, user: &str, first: bool) -> Option<Client> {
        let turn = self.next_turn();
        let mut all = self.known.borrow_mut();
        let known = all.get_mut(user)?;
        if !known.client.is_alive() {
            // It gets another; its connections are there still, and counted.
            return None;
        }
        known.open += usize::from(first);
        known.turn = turn;
        Some(known.client.clone())
    }

    fn make_room(&self) -> Result<(), Fault> {
        let mut all = self.known.borrow_mut();
        if all.len() < USERS_MAX {
            return Ok(());
        }
        let idle = all.iter().filter(|(_, known)| known.open == 0).min_by_key(|(_, known)| known.turn);
        let Some(user) = idle.map(|(user, _)| user.clone()) else {
            let text = format!("{USERS_MAX} users are connected, which is all that this node takes");
            return Err(Fault::new(Code::QueueFull, text));
        };
        tracing::info!(%user, "its session makes room for another user's");
        all.remove(&user);
        Ok(())
    }

    fn next_turn(&self) -> u64 {
        let mut turn = self.turn.borrow_mut();
        *turn += 1;
        *turn
    }
}

/// A user's name, as far as names are told apart.
fn cut(user: &str) -> &str {
    let mut end = user.len().min(USER_BYTES_MAX);
    while !user.is_char_boundary(end) {
        end -= 1;
    }
    &user[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(cut("ana"), "ana");
        let long = format!("{}é", "x".repeat(USER_BYTES_MAX - 1));
        assert_eq!(cut(&long).len(), USER_BYTES_MAX - 1);
    }
}
