//! Access lists, their members and reviews, and who has a seat in which.
//!
//! | key | what |
//! | --- | --- |
//! | `/access_lists/LIST` | the list |
//! | `/access_list_members/LIST/MEMBER` | a member of it |
//! | `/access_list_reviews/LIST/REVIEW` | a review of it |
//! | `/access_list_seats/KIND/NAME/LIST/PART` | since when the user or list `NAME` is a member or an owner of it |
//!
//! Seats are where a decision begins: a few reads find the lists that name somebody, however many lists there are. What a
//! seat says counts only together with the list and the member it belongs to. A user who is deleted leaves the seats
//! behind; they are not those of the next user of that name, see [`State::book_about`].

use access::list::{Book, DEPTH_MAX, Kind, List, Owner, Part};
use bytes::Bytes;
use jiff::Timestamp;
use prost::{Message, Name};
use serde::{Deserialize, Serialize};
use store::{Item, Key, Prefix, Range, Revision};
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::teleport::header::v1::ResourceHeader;

use super::resource::stamp;
use super::{Change, Read, State, own_bytes, read_own};
use crate::failure::{Answer, Failure};

/// A list as clients see it, with what we do not know of it.
pub type AccessList = Kept<pb::AccessList>;
/// A member as clients see it.
pub type Member = Kept<pb::Member>;
/// A review as clients see it.
pub type Review = Kept<pb::Review>;

/// One of the three messages that begin with a header.
pub trait Headed: Message + Name + Default + Clone {
    /// The header.
    fn header(&self) -> Option<&ResourceHeader>;
    /// The header, made if there is none.
    fn header_mut(&mut self) -> &mut ResourceHeader;

    /// The name in it; empty if there is none.
    fn name(&self) -> &str {
        convert::header_name(self.header())
    }

    /// When the resource itself ends.
    fn ends(&self) -> Option<Timestamp> {
        let metadata = self.header()?.metadata.as_ref()?;
        crate::moment::read_option(metadata.expires.as_ref())
    }

    /// The stamp that a client sends back.
    fn stamp(&self) -> &str {
        self.header()
            .and_then(|header| header.metadata.as_ref())
            .map_or("", |metadata| metadata.revision.as_str())
    }
}

macro_rules! headed {
    ($($message:ident)*) => {$(
        impl Headed for pb::$message {
            fn header(&self) -> Option<&ResourceHeader> {
                self.header.as_ref()
            }

            fn header_mut(&mut self) -> &mut ResourceHeader {
                self.header.get_or_insert_default()
            }
        }
    )*};
}

headed! { AccessList Member Review }

/// Since when somebody has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    since: Timestamp,
}

/// A seat as read.
struct Seat {
    list: String,
    part: Part,
    since: Timestamp,
}

/// Where all lists live.
pub fn lists() -> Prefix {
    Prefix::of(["access_lists"])
}

/// Where a list lives.
pub fn list_key(list: &str) -> Key {
    Key::of(["access_lists", list])
}

/// Where all members of all lists live.
pub fn members() -> Prefix {
    Prefix::of(["access_list_members"])
}

/// Where the members of a list live.
pub fn members_of(list: &str) -> Prefix {
    Prefix::of(["access_list_members", list])
}

/// Where a member lives.
pub fn member_key(list: &str, member: &str) -> Key {
    Key::of(["access_list_members", list, member])
}

/// Where all reviews of all lists live.
pub fn reviews() -> Prefix {
    Prefix::of(["access_list_reviews"])
}

/// Where the reviews of a list live.
pub fn reviews_of(list: &str) -> Prefix {
    Prefix::of(["access_list_reviews", list])
}

/// Where a review lives.
pub fn review_key(list: &str, review: &str) -> Key {
    Key::of(["access_list_reviews", list, review])
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::List => "list",
    }
}

fn seats_of(kind: Kind, name: &str) -> Prefix {
    Prefix::of(["access_list_seats", kind_word(kind), name])
}

fn seat_key(kind: Kind, name: &str, list: &str, part: Part) -> Key {
    Key::of(["access_list_seats", kind_word(kind), name, list, part.word()])
}

/// Reads one from what the store keeps, with its stamp.
pub fn read<M: Headed>(item: &Item) -> Answer<Read<Kept<M>>> {
    let mut value = Kept::<M>::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    value.header_mut().metadata.get_or_insert_default().revision = stamp(item.revision);
    Ok(Read {
        value,
        revision: item.revision,
        expires: item.expires,
    })
}

/// As clients see what a commit has written.
pub fn stamped<M: Headed>(mut message: Kept<M>, revision: Revision) -> Kept<M> {
    message.header_mut().metadata.get_or_insert_default().revision = stamp(revision);
    message
}

fn bytes_of<M: Headed>(message: &Kept<M>) -> Bytes {
    let mut plain = message.clone();
    plain
        .header_mut()
        .metadata
        .get_or_insert_default()
        .revision
        .clear();
    plain.encode_to_vec().into()
}

/// A page of one of the three, and where the next one begins: the last segments of its key.
pub type ListPage<M> = (Vec<Kept<M>>, Option<Key>);

impl State {
    /// One list.
    pub async fn access_list(&self, name: &str, now: Timestamp) -> Answer<Option<Read<AccessList>>> {
        let item = self.item(&list_key(name), now).await?;
        item.as_ref().map(read).transpose()
    }

    /// One member.
    pub async fn access_list_member(
        &self,
        list: &str,
        member: &str,
        now: Timestamp,
    ) -> Answer<Option<Read<Member>>> {
        let item = self.item(&member_key(list, member), now).await?;
        item.as_ref().map(read).transpose()
    }

    /// One review.
    pub async fn access_list_review(
        &self,
        list: &str,
        review: &str,
        now: Timestamp,
    ) -> Answer<Option<Read<Review>>> {
        let item = self.item(&review_key(list, review), now).await?;
        item.as_ref().map(read).transpose()
    }

    /// At most `limit` of them below `prefix`, from `from` on.
    pub async fn list_page<M: Headed>(
        &self,
        prefix: Prefix,
        from: Option<Key>,
        limit: usize,
        now: Timestamp,
    ) -> Answer<ListPage<M>> {
        let page = self
            .page(Range::under(prefix).from(from).limit(limit), now)
            .await?;
        let found = page
            .items
            .iter()
            .map(|item| read(item).map(|read| read.value))
            .collect::<Answer<_>>()?;
        Ok((found, page.next))
    }

    /// All of them below `prefix`.
    pub async fn list_all<M: Headed>(&self, prefix: Prefix, now: Timestamp) -> Answer<Vec<Read<Kept<M>>>> {
        let (items, _) = self.all(prefix, now).await?;
        items.iter().map(read).collect()
    }

    /// Every list with every member.
    pub async fn whole_book(&self, now: Timestamp) -> Answer<Book> {
        let mut book = Book::default();
        for found in self.list_all::<pb::AccessList>(lists(), now).await? {
            let list = convert::access_list(&found.value);
            book.lists.insert(list.name.clone(), list);
        }
        for found in self.list_all::<pb::Member>(members(), now).await? {
            let list = found.value.spec.as_ref().map(|spec| spec.access_list.clone());
            book.members
                .entry(list.unwrap_or_default())
                .or_default()
                .push(convert::access_list_member(&found.value));
        }
        Ok(book)
    }

    /// The lists that lead up from the user `name`: those that name the user, those that name them, and so on. Members and
    /// owners that do not lead there are left out.
    ///
    /// `namesake_until` is when an earlier user of that name ended: what that one had is not this one's.
    pub async fn book_about(
        &self,
        name: &str,
        namesake_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Answer<Book> {
        let mut book = Book::default();
        let mut seats = self.seats(Kind::User, name, now).await?;
        seats.retain(|seat| namesake_until.is_none_or(|ended| ended < seat.since));
        let mut open = self.take_seats(&mut book, Kind::User, name, seats, now).await?;
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for inner in open {
                let seats = self.seats(Kind::List, &inner, now).await?;
                next.extend(self.take_seats(&mut book, Kind::List, &inner, seats, now).await?);
            }
            if next.is_empty() {
                break;
            }
            open = next;
        }
        Ok(book)
    }

    /// Puts into the book what `seats` of `name` stand for. Gives the lists of which it is a member and which are new there.
    async fn take_seats(
        &self,
        book: &mut Book,
        kind: Kind,
        name: &str,
        seats: Vec<Seat>,
        now: Timestamp,
    ) -> Answer<Vec<String>> {
        let mut new = Vec::new();
        for seat in seats {
            let Some(item) = self.item(&list_key(&seat.list), now).await? else {
                continue;
            };
            let list = self.access_lists.read(&item, |item| {
                let found: Read<AccessList> = read(item)?;
                Ok(convert::access_list(&found.value))
            })?;
            let owner = Owner {
                name: name.to_owned(),
                kind,
            };
            let shown = book.lists.entry(seat.list.clone()).or_insert_with(|| List {
                owners: Vec::new(),
                ..List::clone(&list)
            });
            match seat.part {
                Part::Owner if list.owners.contains(&owner) => {
                    if !shown.owners.contains(&owner) {
                        shown.owners.push(owner);
                    }
                }
                Part::Owner => {}
                Part::Member => {
                    let Some(found) = self.access_list_member(&seat.list, name, now).await? else {
                        continue;
                    };
                    let member = convert::access_list_member(&found.value);
                    if member.kind != kind {
                        continue;
                    }
                    let members = book.members.entry(seat.list.clone()).or_default();
                    if members.is_empty() {
                        new.push(seat.list.clone());
                    }
                    if !members.contains(&member) {
                        members.push(member);
                    }
                }
            }
        }
        Ok(new)
    }

    async fn seats(&self, kind: Kind, name: &str, now: Timestamp) -> Answer<Vec<Seat>> {
        let (items, _) = self.all(seats_of(kind, name), now).await?;
        let mut seats = Vec::with_capacity(items.len());
        for item in items {
            let since = read_own::<Since>(&item)?.value.since;
            let mut last = item.key.segments().skip(3).map(std::borrow::Cow::into_owned);
            let (Some(list), Some(part)) = (last.next(), last.next()) else {
                continue;
            };
            let part = if part == Part::Owner.word() {
                Part::Owner
            } else {
                Part::Member
            };
            seats.push(Seat { list, part, since });
        }
        Ok(seats)
    }

    /// The lists that name the list `name`: as what, and which.
    pub async fn lists_around(&self, name: &str, now: Timestamp) -> Answer<Vec<(Part, String)>> {
        let seats = self.seats(Kind::List, name, now).await?;
        Ok(seats.into_iter().map(|seat| (seat.part, seat.list)).collect())
    }
}

impl Change {
    /// Puts a list into the change. `before` is what was there; owners who stay keep their seats.
    pub fn put_access_list(self, before: Option<&pb::AccessList>, list: &AccessList) -> Answer<Self> {
        let name = list.name().to_owned();
        let earlier = before.map(convert::access_list).unwrap_or_default().owners;
        let now_owners = convert::access_list(list).owners;
        let mut change = self.put_until(list_key(&name), bytes_of(list), list.ends());
        for gone in earlier.iter().filter(|owner| !now_owners.contains(owner)) {
            change = change.delete(seat_key(gone.kind, &gone.name, &name, Part::Owner));
        }
        for owner in now_owners.iter().filter(|owner| !earlier.contains(owner)) {
            change = change.put_seat(owner.kind, &owner.name, &name, Part::Owner)?;
        }
        Ok(change)
    }

    /// Puts a member into the change, with a seat from now on. `before` is the member of that name that was there.
    pub fn put_access_list_member(self, before: Option<&pb::Member>, member: &Member) -> Answer<Self> {
        let list = list_of(member).to_owned();
        let decided = convert::access_list_member(member);
        let mut change = self;
        if let Some(before) = before.map(convert::access_list_member)
            && before.kind != decided.kind
        {
            change = change.delete(seat_key(before.kind, &before.name, &list, Part::Member));
        }
        let key = member_key(&list, &decided.name);
        change.put_until(key, bytes_of(member), member.ends()).put_seat(
            decided.kind,
            &decided.name,
            &list,
            Part::Member,
        )
    }

    fn put_seat(self, kind: Kind, name: &str, list: &str, part: Part) -> Answer<Self> {
        let since = Since { since: self.now() };
        Ok(self.put(seat_key(kind, name, list, part), own_bytes(&since)?))
    }

    /// Takes a member out.
    #[must_use]
    pub fn delete_access_list_member(self, member: &pb::Member) -> Self {
        let list = list_of(member);
        let decided = convert::access_list_member(member);
        self.delete(member_key(list, &decided.name)).delete(seat_key(
            decided.kind,
            &decided.name,
            list,
            Part::Member,
        ))
    }

    /// Takes a list out; its members and reviews are the caller's to take out too.
    #[must_use]
    pub fn delete_access_list(self, list: &pb::AccessList) -> Self {
        let name = list.name();
        let owners = convert::access_list(list).owners;
        owners.iter().fold(self.delete(list_key(name)), |change, owner| {
            change.delete(seat_key(owner.kind, &owner.name, name, Part::Owner))
        })
    }

    /// Puts a review into the change.
    #[must_use]
    pub fn put_access_list_review(self, review: &Review) -> Self {
        let list = review.spec.as_ref().map_or("", |spec| spec.access_list.as_str());
        self.put_until(review_key(list, review.name()), bytes_of(review), review.ends())
    }
}

/// The list that a member belongs to.
pub fn list_of(member: &pb::Member) -> &str {
    member.spec.as_ref().map_or("", |spec| spec.access_list.as_str())
}
