//! The catalogue: which requests there are, in the orders people list them in.
//!
//! A page of a list costs the page, not the store. The catalogue only says where to look: what is shown is read from the
//! store, and whether it fits and may be seen is judged on what was read. It is made at the first list and follows the
//! store's changes before each answer, so a list shows everything that was acknowledged before it began.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use access::request::{Request, State};
use jiff::Timestamp;
use store::{Change, WatchError};
use tokio::sync::Mutex;
use wire::pb::proto::AccessRequestSort;
use wire::pb::types::AccessRequestV3;

use crate::failure::{Answer, Failure};
use crate::state;
use crate::state::requests::plain;
use crate::state::resource::{Found, Resource as _};

type Id = Arc<str>;

/// Which requests, in which order.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// By what they are sorted.
    pub sort: AccessRequestSort,
    /// The last one first.
    pub descending: bool,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only this user's.
    pub user: Option<&'a str>,
}

/// A request at its place in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Place);

impl Entry {
    /// The request.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// What clients send to go on from here.
    pub fn key(&self) -> String {
        match &self.0 {
            Place::Id(id) => id.to_string(),
            Place::Created(created, id) => format!("{created:.9}/{id}"),
            Place::Group(name, id) => format!("{name}/{id}"),
        }
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// At the first.
    Start,
    /// At this place, whether it is still taken or not.
    At(&'a str),
    /// Behind this one.
    After(&'a Entry),
}

/// The catalogue of one Auth Service.
#[derive(Debug, Default)]
pub struct Catalogue(Mutex<Option<(store::Watch, Shelves)>>);

impl Catalogue {
    /// At most `count` places of an order, as of the last commit before the call.
    pub async fn look(
        &self,
        state: &state::State,
        now: Timestamp,
        query: &Query<'_>,
        from: From<'_>,
        count: usize,
    ) -> Answer<Vec<Entry>> {
        let mut held = self.0.lock().await;
        let current = match held.take() {
            Some((mut watch, mut shelves)) => match follow(&mut watch, &mut shelves) {
                Ok(()) => Some((watch, shelves)),
                // So much has happened since the last list that it is quicker to begin anew.
                Err(Lost::Behind) => None,
                Err(Lost::Failed(failure)) => return Err(failure),
            },
            None => None,
        };
        let (watch, shelves) = match current {
            Some(current) => current,
            None => begin(state, now).await?,
        };
        let found = shelves.look(query, from, count);
        *held = Some((watch, shelves));
        found
    }
}

enum Lost {
    Behind,
    Failed(Failure),
}

/// Reads everything. What changes meanwhile is in the watch, which began before.
async fn begin(state: &state::State, now: Timestamp) -> Answer<(store::Watch, Shelves)> {
    let unavailable = |error: WatchError| Failure::connection_problem(error.to_string());
    let mut watch = state
        .watch(vec![AccessRequestV3::prefix()])
        .map_err(unavailable)?;
    let mut shelves = Shelves::default();
    let mut from = String::new();
    loop {
        let page = state.find_page::<AccessRequestV3>(&from, 1_000, now).await?;
        for found in page.found {
            shelves.put(&plain(found)?.request);
        }
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    match follow(&mut watch, &mut shelves) {
        Ok(()) => Ok((watch, shelves)),
        Err(Lost::Behind) => Err(Failure::connection_problem(
            "requests change more quickly than they can be listed; try again",
        )),
        Err(Lost::Failed(failure)) => Err(failure),
    }
}

fn follow(watch: &mut store::Watch, shelves: &mut Shelves) -> Result<(), Lost> {
    loop {
        match watch.try_next() {
            Ok(None) => return Ok(()),
            Ok(Some(event)) => match event.change {
                Change::Delete(key) => shelves.remove(&key.name()),
                Change::Put(item) => {
                    let found = Found::read(&item).and_then(plain).map_err(Lost::Failed)?;
                    shelves.put(&found.request);
                }
            },
            Err(WatchError::Lagged { .. }) => return Err(Lost::Behind),
            Err(error) => return Err(Lost::Failed(Failure::connection_problem(error.to_string()))),
        }
    }
}

/// The states in the order of their names.
const STATES: [State; 4] = [State::Approved, State::Denied, State::Pending, State::Promoted];

fn place(state: State) -> usize {
    match state {
        State::Approved => 0,
        State::Denied => 1,
        State::Pending => 2,
        State::Promoted => 3,
    }
}

#[derive(Debug)]
struct Row {
    state: State,
    created: Timestamp,
    user: Arc<str>,
}

/// The orders themselves.
#[derive(Debug, Default)]
struct Shelves {
    rows: HashMap<Id, Row>,
    by_id: [BTreeSet<Id>; 4],
    by_created: [BTreeSet<(Timestamp, Id)>; 4],
    by_user: BTreeMap<Arc<str>, BTreeSet<Id>>,
}

impl Shelves {
    fn put(&mut self, request: &Request) {
        if let Some(row) = self.rows.get(request.id.as_str())
            && row.state == request.state
            && row.created == request.created
            && *row.user == *request.user
        {
            return;
        }
        self.remove(&request.id);
        let id: Id = request.id.as_str().into();
        let user = match self.by_user.get_key_value(request.user.as_str()) {
            Some((user, _)) => Arc::clone(user),
            None => request.user.as_str().into(),
        };
        let shelf = place(request.state);
        self.by_id[shelf].insert(Arc::clone(&id));
        self.by_created[shelf].insert((request.created, Arc::clone(&id)));
        self.by_user
            .entry(Arc::clone(&user))
            .or_default()
            .insert(Arc::clone(&id));
        let row = Row {
            state: request.state,
            created: request.created,
            user,
        };
        self.rows.insert(id, row);
    }

    fn remove(&mut self, id: &str) {
        let Some((id, row)) = self.rows.remove_entry(id) else {
            return;
        };
        let shelf = place(row.state);
        self.by_id[shelf].remove(&id);
        if let Some(ids) = self.by_user.get_mut(&row.user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_user.remove(&row.user);
            }
        }
        self.by_created[shelf].remove(&(row.created, id));
    }

    fn look(&self, query: &Query<'_>, from: From<'_>, count: usize) -> Answer<Vec<Entry>> {
        let from = Begin::read(from, query)?;
        if let Some(user) = query.user {
            return Ok(self.of_user(user, query, &from, count));
        }
        let mut shelves: Vec<usize> = STATES
            .into_iter()
            .filter(|state| query.state.is_none_or(|wanted| wanted == *state))
            .map(place)
            .collect();
        let descending = query.descending;
        Ok(match query.sort {
            AccessRequestSort::Default => {
                let orders = shelves.iter().map(|shelf| {
                    let range = from.over(|place| Arc::clone(place.id()));
                    turned(self.by_id[*shelf].range(range), descending)
                });
                let ids = Merged::new(orders.collect(), descending);
                ids.take(count)
                    .map(|id| Entry(Place::Id(Arc::clone(id))))
                    .collect()
            }
            AccessRequestSort::Created => {
                let orders = shelves.iter().map(|shelf| {
                    let range = from.over(Place::when);
                    turned(self.by_created[*shelf].range(range), descending)
                });
                let places = Merged::new(orders.collect(), descending);
                let places = places.map(|(created, id)| Place::Created(*created, Arc::clone(id)));
                places.take(count).map(Entry).collect()
            }
            AccessRequestSort::State => {
                if descending {
                    shelves.reverse();
                }
                let groups = shelves
                    .iter()
                    .map(|shelf| (STATES[*shelf].name(), &self.by_id[*shelf]));
                let places = groups.flat_map(|(name, ids)| from.grouped(&name.into(), ids));
                places.take(count).map(Entry).collect()
            }
            AccessRequestSort::User => {
                let users = self.by_user.range::<Arc<str>, _>(from.users());
                let users: Box<dyn Iterator<Item = _>> = if descending {
                    Box::new(users.rev())
                } else {
                    Box::new(users)
                };
                let places = users.flat_map(|(user, ids)| from.grouped(user, ids));
                let fitting = places.filter(|place| {
                    let state = self.rows.get(place.id()).map(|row| row.state);
                    query.state.is_none_or(|wanted| state == Some(wanted))
                });
                fitting.take(count).map(Entry).collect()
            }
        })
    }

    /// One person has few requests.
    fn of_user(&self, user: &str, query: &Query<'_>, from: &Begin, count: usize) -> Vec<Entry> {
        let ids = self.by_user.get(user).into_iter().flatten();
        let mut mine: Vec<Place> = ids
            .filter_map(|id| {
                let row = self.rows.get(id)?;
                let fits = query.state.is_none_or(|wanted| wanted == row.state);
                let id = Arc::clone(id);
                fits.then(|| match query.sort {
                    AccessRequestSort::Default => Place::Id(id),
                    AccessRequestSort::Created => Place::Created(row.created, id),
                    AccessRequestSort::State => Place::Group(row.state.name().into(), id),
                    AccessRequestSort::User => Place::Group(Arc::clone(&row.user), id),
                })
            })
            .filter(|place| from.allows(place))
            .collect();
        mine.sort();
        if query.descending {
            mine.reverse();
        }
        mine.truncate(count);
        mine.into_iter().map(Entry).collect()
    }
}

/// A place in an order. Only places of the same order are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In the order of ids.
    Id(Id),
    /// In the order of creation.
    Created(Timestamp, Id),
    /// By a state's or a user's name.
    Group(Arc<str>, Id),
}

impl Place {
    fn id(&self) -> &Id {
        match self {
            Self::Id(id) | Self::Created(_, id) | Self::Group(_, id) => id,
        }
    }

    fn when(&self) -> (Timestamp, Id) {
        match self {
            Self::Created(created, id) => (*created, Arc::clone(id)),
            Self::Id(id) | Self::Group(_, id) => (Timestamp::MIN, Arc::clone(id)),
        }
    }

    /// Reads what [`Entry::key`] wrote.
    fn read(key: &str, sort: AccessRequestSort) -> Answer<Self> {
        let unreadable = || Failure::bad_parameter(format!("invalid start key {key:?}"));
        if sort == AccessRequestSort::Default {
            return Ok(Self::Id(key.into()));
        }
        let (by, id) = key.rsplit_once('/').ok_or_else(unreadable)?;
        Ok(if sort == AccessRequestSort::Created {
            Self::Created(by.parse().map_err(|_| unreadable())?, id.into())
        } else {
            Self::Group(by.into(), id.into())
        })
    }
}

/// A beginning, whether it belongs to what follows, and which way that goes.
struct Begin {
    place: Option<Place>,
    included: bool,
    descending: bool,
}

impl Begin {
    fn read(from: From<'_>, query: &Query<'_>) -> Answer<Self> {
        let (place, included) = match from {
            From::Start | From::At("") => (None, true),
            From::At(key) => (Some(Place::read(key, query.sort)?), true),
            From::After(Entry(place)) => (Some(place.clone()), false),
        };
        Ok(Self {
            place,
            included,
            descending: query.descending,
        })
    }

    /// The range of a set that is sorted by what `of` takes out of a place.
    fn over<K>(&self, of: impl Fn(&Place) -> K) -> (Bound<K>, Bound<K>) {
        let begin = match &self.place {
            None => Bound::Unbounded,
            Some(place) if self.included => Bound::Included(of(place)),
            Some(place) => Bound::Excluded(of(place)),
        };
        if self.descending {
            (Bound::Unbounded, begin)
        } else {
            (begin, Bound::Unbounded)
        }
    }

    /// The users among whom the beginning is, and all that follow.
    fn users(&self) -> (Bound<Arc<str>>, Bound<Arc<str>>) {
        let begin = match &self.place {
            Some(Place::Group(name, _)) => Bound::Included(Arc::clone(name)),
            _ => Bound::Unbounded,
        };
        if self.descending {
            (Bound::Unbounded, begin)
        } else {
            (begin, Bound::Unbounded)
        }
    }

    /// The places of one group, from the beginning on.
    fn grouped<'a>(&self, name: &Arc<str>, ids: &'a BTreeSet<Id>) -> impl Iterator<Item = Place> + use<'a> {
        let side = match &self.place {
            Some(Place::Group(begin, _)) => name.cmp(begin),
            _ if self.descending => Ordering::Less,
            _ => Ordering::Greater,
        };
        let range = match side {
            Ordering::Equal => Some(self.over(|place| Arc::clone(place.id()))),
            Ordering::Less if self.descending => Some((Bound::Unbounded, Bound::Unbounded)),
            Ordering::Greater if !self.descending => Some((Bound::Unbounded, Bound::Unbounded)),
            // Before the beginning.
            Ordering::Less | Ordering::Greater => None,
        };
        let name = Arc::clone(name);
        let ids = range.map(|range| turned(ids.range(range), self.descending));
        ids.into_iter()
            .flatten()
            .map(move |id| Place::Group(Arc::clone(&name), Arc::clone(id)))
    }

    fn allows(&self, place: &Place) -> bool {
        let Some(begin) = &self.place else { return true };
        match place.cmp(begin) {
            Ordering::Equal => self.included,
            Ordering::Less => self.descending,
            Ordering::Greater => !self.descending,
        }
    }
}

type Ordered<'a, K> = Box<dyn Iterator<Item = &'a K> + 'a>;

fn turned<'a, K>(order: impl DoubleEndedIterator<Item = &'a K> + 'a, descending: bool) -> Ordered<'a, K> {
    if descending {
        Box::new(order.rev())
    } else {
        Box::new(order)
    }
}

/// Several orders as one.
struct Merged<'a, K> {
    orders: Vec<std::iter::Peekable<Ordered<'a, K>>>,
    descending: bool,
}

impl<'a, K: Ord> Merged<'a, K> {
    fn new(orders: Vec<Ordered<'a, K>>, descending: bool) -> Self {
        Self {
            orders: orders.into_iter().map(Iterator::peekable).collect(),
            descending,
        }
    }
}

impl<'a, K: Ord> Iterator for Merged<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        let descending = self.descending;
        let heads = self.orders.iter_mut().filter_map(|order| {
            let head = *order.peek()?;
            Some((head, order))
        });
        let (_, next) = heads.reduce(|best, other| {
            let sooner = if descending {
                other.0 > best.0
            } else {
                other.0 < best.0
            };
            if sooner { other } else { best }
        })?;
        next.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORTS: [AccessRequestSort; 4] = [
        AccessRequestSort::Default,
        AccessRequestSort::Created,
        AccessRequestSort::State,
        AccessRequestSort::User,
    ];

    fn request(id: &str, user: &str, state: State, second: i64) -> Request {
        let pattern = wire::convert::request(&AccessRequestV3 {
            metadata: Some(wire::pb::types::Metadata::default()),
            spec: Some(wire::pb::types::AccessRequestSpecV3 {
                state: 1,
                created: Some(wire::convert::timestamp(Timestamp::UNIX_EPOCH)),
                expires: Some(wire::convert::timestamp(Timestamp::MAX)),
                ..wire::pb::types::AccessRequestSpecV3::default()
            }),
            ..AccessRequestV3::default()
        })
        .unwrap();
        Request {
            id: id.to_owned(),
            user: user.to_owned(),
            state,
            created: Timestamp::from_second(second).unwrap(),
            ..pattern
        }
    }

    fn some() -> Vec<Request> {
        vec![
            request("1", "bob", State::Pending, 50),
            request("2", "eve", State::Approved, 40),
            request("3", "bob", State::Denied, 30),
            request("4", "ann", State::Pending, 20),
            request("5", "bob", State::Approved, 0),
            request("6", "bob", State::Pending, 20),
            request("7", "eve", State::Promoted, 60),
        ]
    }

    fn shelves(requests: &[Request]) -> Shelves {
        let mut shelves = Shelves::default();
        for request in requests {
            shelves.put(request);
        }
        shelves
    }

    /// The slow and obvious way.
    fn twin(requests: &[Request], query: &Query<'_>) -> Vec<String> {
        let mut fitting: Vec<&Request> = requests
            .iter()
            .filter(|request| query.state.is_none_or(|state| state == request.state))
            .filter(|request| query.user.is_none_or(|user| user == request.user))
            .collect();
        fitting.sort_by_key(|request| {
            let id = request.id.clone();
            match query.sort {
                AccessRequestSort::Default => (String::new(), Timestamp::MIN, id),
                AccessRequestSort::Created => (String::new(), request.created, id),
                AccessRequestSort::State => (request.state.name().to_owned(), Timestamp::MIN, id),
                AccessRequestSort::User => (request.user.clone(), Timestamp::MIN, id),
            }
        });
        if query.descending {
            fitting.reverse();
        }
        fitting.into_iter().map(|request| request.id.clone()).collect()
    }

    /// Every query there is, with what the slow way says to it.
    fn each(requests: &[Request], mut check: impl FnMut(&Query<'_>, Vec<String>)) {
        let states = STATES.into_iter().map(Some).chain([None]);
        for (sort, state) in SORTS
            .into_iter()
            .flat_map(|sort| states.clone().map(move |state| (sort, state)))
        {
            for (descending, user) in [
                (false, None),
                (true, None),
                (false, Some("bob")),
                (true, Some("bob")),
            ] {
                let query = Query {
                    sort,
                    descending,
                    state,
                    user,
                };
                check(&query, twin(requests, &query));
            }
        }
    }

    fn ids(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(|entry| entry.id().to_owned()).collect()
    }

    #[test]
    fn every_order_is_that_of_the_slow_way_page_by_page() {
        let shelves = shelves(&some());
        each(&some(), |query, expected| {
            for size in 1..=8 {
                let mut seen = Vec::new();
                let mut last: Option<Entry> = None;
                loop {
                    let from = last.as_ref().map_or(From::Start, From::After);
                    let page = shelves.look(query, from, size).unwrap();
                    seen.extend(ids(&page));
                    assert!(page.len() <= size);
                    match page.last() {
                        Some(end) if page.len() == size => last = Some(end.clone()),
                        _ => break,
                    }
                }
                assert_eq!(seen, expected, "{query:?} in pages of {size}");
            }
        });
    }

    #[test]
    fn a_page_can_begin_at_a_place_that_is_no_longer_taken() {
        let full = shelves(&some());
        let without: Vec<Request> = some().into_iter().filter(|request| request.id != "4").collect();
        let rest = shelves(&without);
        each(&some(), |query, expected| {
            let entries = full.look(query, From::Start, 100).unwrap();
            for (number, entry) in entries.iter().enumerate() {
                let left: Vec<String> = expected[number..]
                    .iter()
                    .filter(|id| *id != "4")
                    .cloned()
                    .collect();
                let from_there = rest.look(query, From::At(&entry.key()), 100).unwrap();
                assert_eq!(ids(&from_there), left, "{query:?} from {}", entry.key());
            }
        });
    }

    #[test]
    fn what_changes_moves_and_what_is_gone_leaves_nothing() {
        let mut shelves = shelves(&some());
        let mut changed = some();
        changed[0].state = State::Denied;
        changed[1].user = "bob".to_owned();
        for request in &changed {
            shelves.put(request);
        }
        each(&changed, |query, expected| {
            assert_eq!(
                ids(&shelves.look(query, From::Start, 100).unwrap()),
                expected,
                "{query:?}"
            );
        });
        for request in &changed {
            shelves.remove(&request.id);
        }
        shelves.remove("never there");
        let empty =
            shelves.by_id.iter().all(BTreeSet::is_empty) && shelves.by_created.iter().all(BTreeSet::is_empty);
        assert!(empty && shelves.by_user.is_empty() && shelves.rows.is_empty());
    }

    #[test]
    fn a_key_that_nobody_was_given_is_refused() {
        let shelves = shelves(&some());
        for (sort, key) in [
            (AccessRequestSort::Created, "yesterday/1"),
            (AccessRequestSort::State, "PENDING"),
        ] {
            let query = Query {
                sort,
                descending: false,
                state: None,
                user: None,
            };
            assert!(shelves.look(&query, From::At(key), 1).is_err(), "{key}");
        }
    }
}
