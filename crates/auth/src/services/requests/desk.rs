//! Desks: reviews of one request that arrive together are judged together, one after the other in their order, and
//! committed at once. So a crowd of reviewers waits for one or two writes of the disk, not for one each, and nobody runs
//! into another's commit.
//!
//! What is judged and written is the caller's of [`Desks::line_up`]; here is only who waits where. Correctness does not
//! rest on this, the store's conditions see to that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most that are judged together.
const AT_ONCE_MAX: usize = 256;

/// Who waits at which desk. A desk is there as long as somebody serves it.
#[derive(Debug)]
pub struct Desks<W>(Mutex<HashMap<String, Vec<W>>>);

impl<W> Default for Desks<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W> Desks<W> {
    /// Puts `waiting` at the end of the line of desk `id`. If nobody serves it yet, whoever called must, until
    /// [`Desk::next`] gives nothing more.
    pub fn line_up(self: &Arc<Self>, id: &str, waiting: W) -> Option<Desk<W>> {
        let mut desks = self.lines();
        if let Some(line) = desks.get_mut(id) {
            line.push(waiting);
            return None;
        }
        desks.insert(id.to_owned(), vec![waiting]);
        Some(Desk {
            desks: Arc::clone(self),
            id: id.to_owned(),
            closed: false,
        })
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Vec<W>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The duty to serve a desk. When it is dropped, the desk is closed, and who still waits there is sent away.
#[derive(Debug)]
pub struct Desk<W> {
    desks: Arc<Desks<W>>,
    id: String,
    closed: bool,
}

impl<W> Desk<W> {
    /// Which desk.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Those who are next, in their order; nobody if the line is empty, and then the desk is closed.
    pub fn next(&mut self) -> Vec<W> {
        if self.closed {
            return Vec::new();
        }
        let mut desks = self.desks.lines();
        match desks.get_mut(&self.id) {
            Some(line) if !line.is_empty() => line.drain(..line.len().min(AT_ONCE_MAX)).collect(),
            _ => {
                desks.remove(&self.id);
                self.closed = true;
                Vec::new()
            }
        }
    }
}

impl<W> Drop for Desk<W> {
    fn drop(&mut self) {
        // Closed already: it may have been opened again by somebody else since.
        if !self.closed {
            let left = self.desks.lines().remove(&self.id);
            // Outside the lock, as it may wake others.
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    fn desks() -> Arc<Desks<u32>> {
        Arc::default()
    }

    #[test]
    fn the_first_serves_all_who_come_meanwhile_in_their_order() {
        let desks = desks();
        let mut desk = desks.line_up("a", 1).unwrap();
        assert!(desks.line_up("a", 2).is_none());
        assert!(desks.line_up("a", 3).is_none());
        assert_eq!(desk.next(), [1, 2, 3]);
        assert!(desks.line_up("a", 4).is_none());
        assert_eq!(desk.next(), [4]);
        assert!(desk.next().is_empty());
        assert!(desks.line_up("a", 5).is_some(), "a closed desk is opened anew");
    }

    #[test]
    fn nobody_waits_for_another_request() {
        let desks = desks();
        let one = desks.line_up("a", 1);
        let other = desks.line_up("b", 2);
        assert!(one.is_some() && other.is_some());
    }

    #[test]
    fn a_desk_that_is_left_sends_everybody_away_and_can_be_opened_again() {
        let desks = desks();
        let desk = desks.line_up("a", 1);
        assert!(desks.line_up("a", 2).is_none());
        drop(desk);
        let mut desk = desks.line_up("a", 3).unwrap();
        assert_eq!(desk.next(), [3]);
    }

    #[test]
    fn leaving_a_closed_desk_does_not_close_the_next_one() {
        let desks = desks();
        let mut first = desks.line_up("a", 1).unwrap();
        assert_eq!((first.next(), first.next()), (vec![1], vec![]));
        let mut second = desks.line_up("a", 2).unwrap();
        drop(first);
        assert_eq!(second.next(), [2]);
    }

    #[test]
    fn a_great_crowd_is_served_in_several_goes() {
        let desks = desks();
        let mut desk = desks.line_up("a", 0).unwrap();
        for waiting in 1..300 {
            assert!(desks.line_up("a", waiting).is_none());
        }
        assert_eq!(desk.next().len(), AT_ONCE_MAX);
        assert_eq!(desk.next().len(), 300 - AT_ONCE_MAX);
    }

    /// What has become of those who came, in order.
    #[derive(Debug, Default)]
    struct Seen {
        served: Vec<usize>,
        sent_away: Vec<usize>,
    }

    /// Somebody at a desk; told of when it is dropped without having been served.
    struct Token {
        who: usize,
        seen: Rc<RefCell<Seen>>,
        served: bool,
    }

    impl Drop for Token {
        fn drop(&mut self) {
            if !self.served {
                self.seen.borrow_mut().sent_away.push(self.who);
            }
        }
    }

    /// Plays one order of steps of `many` people, who come and, if they must, serve or leave; `choose` picks the next step out of
    /// so many. Gives what became of them and whether a server left.
    fn play(many: usize, mut choose: impl FnMut(usize) -> usize) -> (Seen, bool) {
        let desks: Arc<Desks<Token>> = Arc::default();
        let seen = Rc::new(RefCell::new(Seen::default()));
        let (mut came, mut somebody_left) = (0, false);
        let mut serving: Option<Desk<Token>> = None;
        loop {
            // Who comes next, what the server does next, and that the server goes away.
            let mut steps = Vec::new();
            if came < many {
                steps.push("come");
            }
            if serving.is_some() {
                steps.extend(["serve", "leave"]);
            }
            if steps.is_empty() {
                break;
            }
            match steps[choose(steps.len())] {
                "come" => {
                    let token = Token {
                        who: came,
                        seen: Rc::clone(&seen),
                        served: false,
                    };
                    came += 1;
                    if let Some(desk) = desks.line_up("a", token) {
                        assert!(serving.is_none(), "two serve one desk");
                        serving = Some(desk);
                    }
                }
                "serve" => {
                    let batch = serving.as_mut().map(Desk::next).unwrap_or_default();
                    if batch.is_empty() {
                        serving = None;
                    }
                    for mut token in batch {
                        token.served = true;
                        seen.borrow_mut().served.push(token.who);
                    }
                }
                _ => {
                    serving = None;
                    somebody_left = true;
                }
            }
        }
        assert!(desks.lines().is_empty(), "a desk is left behind");
        (seen.take(), somebody_left)
    }

    /// Each step is one look under the lock, so that whatever threads do is an order of steps: all of them are played.
    #[test]
    fn in_every_order_of_steps_everybody_is_served_once_or_sent_away_by_a_server_who_left() {
        const MANY: usize = 5;
        // The choices of one order, and how many there were at each; counted up like a number.
        let mut choices: Vec<(usize, usize)> = Vec::new();
        let mut orders = 0;
        loop {
            let mut at = 0;
            let (seen, somebody_left) = play(MANY, |among| {
                if at == choices.len() {
                    choices.push((0, among));
                }
                at += 1;
                choices[at - 1].0
            });
            orders += 1;
            let mut all: Vec<usize> = seen.served.iter().chain(&seen.sent_away).copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..MANY).collect::<Vec<_>>(), "{seen:?} after {choices:?}");
            assert!(seen.served.is_sorted(), "{seen:?} after {choices:?}");
            assert!(
                somebody_left || seen.sent_away.is_empty(),
                "{seen:?} after {choices:?}"
            );
            while choices.last().is_some_and(|(chosen, among)| chosen + 1 == *among) {
                choices.pop();
            }
            match choices.last_mut() {
                Some((chosen, _)) => *chosen += 1,
                None => break,
            }
        }
        assert!(orders > 100, "only {orders} orders");
    }
}
