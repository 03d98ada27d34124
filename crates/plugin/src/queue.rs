//! Which request is worked on next: the newest news of each, one worker for each, and pauses when a server asks for one.
//!
//! Pure: the moment is an argument. Bounded: when too many requests wait, the newest are dropped and the queue says that
//! everything has to be listed again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use access::ambient::Entropy;
use client::backoff::Backoff;
use tokio::time::Instant;

use crate::request::Request;

/// Most requests that wait.
pub const WAITING_MAX: usize = 10_000;
/// Most requests worked on at the same time.
pub const RUNNING_MAX: usize = 16;
/// The longest pause, whatever a server asks for.
pub const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The first pause after a failure.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// What is known of a request.
#[derive(Debug, Clone)]
pub enum News {
    /// It is like this.
    Is(Box<Request>),
    /// It is not there any more.
    Gone,
}

/// A request to be worked on.
#[derive(Debug, Clone)]
pub struct Job {
    /// The request.
    pub id: String,
    /// The latest news of it.
    pub news: News,
    /// It is to be told although it may be over: it was pending while we knew of it.
    pub tell: bool,
    /// Nobody has worked on it yet, as far as this process knows.
    pub first: bool,
    /// When this process wrote the first notes about it, if it was this one.
    pub begun: Option<Instant>,
    /// A post may be there that nobody has noted.
    pub doubt: bool,
    /// The process that began has had its time.
    pub waited: bool,
    /// Attempts that failed.
    pub failures: u32,
}

/// How working on a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything shows the present.
    Settled,
    /// To be tried again after this time.
    Later(Duration),
    /// To be tried again after a growing pause.
    Again,
    /// The chat wants a pause, for everything.
    Busy(Option<Duration>),
    /// The chat is not there.
    Down,
}

/// The requests that wait.
pub struct Queue {
    entropy: Arc<dyn Entropy>,
    ready: VecDeque<String>,
    jobs: HashMap<String, Waiting>,
    timers: BTreeSet<(Instant, String)>,
    running: HashMap<String, Option<News>>,
    pause: Pause,
    overflowed: bool,
}

struct Waiting {
    job: Job,
    backoff: Backoff,
    due: Option<Instant>,
}

/// Whether the chat is to be left alone.
struct Pause {
    until: Option<Instant>,
    /// One call first, to see whether it is well again.
    probing: bool,
    backoff: Backoff,
}

impl Queue {
    /// An empty queue.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        let backoff = backoff(&entropy);
        Self {
            entropy,
            ready: VecDeque::new(),
            jobs: HashMap::new(),
            timers: BTreeSet::new(),
            running: HashMap::new(),
            pause: Pause {
                until: None,
                probing: false,
                backoff,
            },
            overflowed: false,
        }
    }

    /// News of a request. `tell` says that it is to be told even if it is over by now.
    pub fn add(&mut self, id: &str, news: News, tell: bool, live: bool) {
        let tell = tell || matches!(&news, News::Is(request) if request.is_pending());
        if let Some(next) = self.running.get_mut(id) {
            if !is_older(next.as_ref(), &news) {
                *next = Some(news);
            }
            return;
        }
        if let Some(waiting) = self.jobs.get_mut(id) {
            if !is_older(Some(&waiting.job.news), &news) {
                waiting.job.news = news;
                waiting.job.tell |= tell;
                // What failed before may work for what is new.
                if let Some(due) = waiting.due.take() {
                    self.timers.remove(&(due, id.to_owned()));
                    self.ready.push_back(id.to_owned());
                }
            }
            return;
        }
        if self.jobs.len() >= WAITING_MAX {
            self.overflowed = true;
            return;
        }
        let job = Job {
            id: id.to_owned(),
            news,
            tell,
            first: live,
            begun: None,
            doubt: false,
            waited: false,
            failures: 0,
        };
        let backoff = backoff(&self.entropy);
        self.jobs.insert(
            id.to_owned(),
            Waiting {
                job,
                backoff,
                due: None,
            },
        );
        self.ready.push_back(id.to_owned());
    }

    /// The next request to work on, if there is one and nothing speaks against it.
    pub fn take(&mut self, now: Instant) -> Option<Job> {
        self.wake(now);
        let most = if self.pause.probing { 1 } else { RUNNING_MAX };
        if self.running.len() >= most || self.pause.until.is_some_and(|until| now < until) {
            return None;
        }
        self.pause.until = None;
        let id = self.ready.pop_front()?;
        let waiting = self.jobs.get(&id)?;
        self.running.insert(id, None);
        Some(waiting.job.clone())
    }

    /// Work on a request has ended.
    pub fn ended(&mut self, job: Job, outcome: &Outcome, now: Instant) {
        let news = self.running.remove(&job.id).flatten();
        match outcome {
            Outcome::Settled | Outcome::Later(_) | Outcome::Again => {
                self.pause.probing = false;
                self.pause.backoff.reset();
            }
            Outcome::Busy(wait) => {
                let wait = wait.map_or_else(|| self.pause.backoff.next_span(), |wait| wait.min(PAUSE_MAX));
                self.pause_until(now + wait);
            }
            Outcome::Down => {
                self.pause.probing = true;
                let wait = self.pause.backoff.next_span();
                self.pause_until(now + wait);
            }
        }
        let Some(waiting) = self.jobs.get_mut(&job.id) else {
            return;
        };
        let is_news = news.is_some();
        let tell = job.tell || matches!(&news, Some(News::Is(request)) if request.is_pending());
        let news = news.unwrap_or_else(|| job.news.clone());
        waiting.job = Job { news, tell, ..job };
        let id = waiting.job.id.clone();
        let due = match outcome {
            Outcome::Settled if !is_news => {
                self.jobs.remove(&id);
                return;
            }
            Outcome::Settled => {
                waiting.backoff.reset();
                waiting.job.failures = 0;
                waiting.job.begun = None;
                None
            }
            Outcome::Busy(_) | Outcome::Down => {
                // Its turn is as soon as the chat is well again: the oldest first.
                self.ready.push_front(id);
                return;
            }
            Outcome::Later(span) => Some(now + *span),
            Outcome::Again => Some(now + waiting.backoff.next_span()),
        };
        waiting.due = due;
        match due {
            None => self.ready.push_back(id),
            Some(due) => {
                self.timers.insert((due, id));
            }
        }
    }

    /// When to look again, if nothing else happens.
    pub fn wake_at(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(due, _)| *due);
        let pause = self.pause.until.filter(|_| !self.ready.is_empty());
        [timer, pause].into_iter().flatten().min()
    }

    /// Whether requests were dropped because too many wait, and there is room again. Says so once.
    pub fn take_overflow(&mut self) -> bool {
        let room = self.jobs.len() <= WAITING_MAX / 2;
        std::mem::take(&mut self.overflowed) && {
            self.overflowed = !room;
            room
        }
    }

    /// How many requests wait or are worked on.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    fn pause_until(&mut self, until: Instant) {
        self.pause.until = Some(self.pause.until.map_or(until, |before| before.max(until)));
    }

    fn wake(&mut self, now: Instant) {
        while self.timers.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, id)) = self.timers.pop_first() else {
                return;
            };
            if let Some(waiting) = self.jobs.get_mut(&id) {
                waiting.due = None;
                self.ready.push_back(id);
            }
        }
    }
}

/// Whether `next` was true before `last` was: what is over does not begin again.
fn is_older(last: Option<&News>, next: &News) -> bool {
    match (last, next) {
        (Some(News::Gone), News::Is(_)) => true,
        (Some(News::Is(last)), News::Is(next)) => !last.is_pending() && next.is_pending(),
        _ => false,
    }
}

fn backoff(entropy: &Arc<dyn Entropy>) -> Backoff {
    Backoff::new(Arc::clone(entropy), PAUSE_FIRST, PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;
    use crate::record::Record;
    use crate::request::Standing;

    fn queue() -> Queue {
        Queue::new(Arc::new(SeededEntropy::new(1)))
    }

    fn is(standing: Standing) -> News {
        let mut request = Record::default().request_gone("id");
        request.standing = standing;
        News::Is(Box::new(request))
    }

    fn standing(job: &Job) -> Option<Standing> {
        match &job.news {
            News::Is(request) => Some(request.standing),
            News::Gone => None,
        }
    }

    fn later(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn only_the_newest_news_of_a_request_counts() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.add("a", is(Standing::Pending), false, true);
        queue.add("a", is(Standing::Approved), false, true);
        queue.add("a", is(Standing::Pending), false, true);
        let job = queue.take(now).unwrap();
        assert_eq!(standing(&job), Some(Standing::Approved));
        assert!(job.tell, "it was pending while we knew of it");
        assert!(queue.take(now).is_none());
    }

    #[tokio::test]
    async fn a_request_has_one_worker_at_a_time_and_no_news_is_lost() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.add("a", is(Standing::Pending), false, true);
        let job = queue.take(now).unwrap();
        queue.add("a", is(Standing::Denied), false, true);
        queue.add("a", News::Gone, false, true);
        queue.add("a", is(Standing::Pending), false, true);
        assert!(queue.take(now).is_none());
        queue.ended(job, &Outcome::Settled, now);
        let job = queue.take(now).unwrap();
        assert_eq!(standing(&job), None);
        queue.ended(job, &Outcome::Settled, now);
        assert!(queue.is_empty());
    }

    #[tokio::test]
    async fn a_busy_chat_is_left_alone_for_as_long_as_it_says_and_no_longer_than_a_limit() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.add("a", is(Standing::Pending), false, true);
        queue.add("b", is(Standing::Pending), false, true);
        let job = queue.take(now).unwrap();
        queue.ended(job, &Outcome::Busy(Some(Duration::from_secs(7))), now);
        assert!(queue.take(later(now, 6)).is_none());
        assert_eq!(queue.wake_at(), Some(later(now, 7)));
        let job = queue.take(later(now, 7)).unwrap();
        assert_eq!(job.id, "a", "the oldest comes first");
        queue.ended(job, &Outcome::Busy(Some(Duration::MAX)), later(now, 7));
        assert!(queue.take(later(now, 306)).is_none());
        assert!(queue.take(later(now, 307)).is_some());
        assert!(queue.take(later(now, 307)).is_some(), "then everybody goes on");
    }

    #[tokio::test]
    async fn a_chat_that_was_down_is_asked_once_before_all_go_on() {
        let (mut queue, now) = (queue(), Instant::now());
        for id in ["a", "b", "c"] {
            queue.add(id, is(Standing::Pending), false, true);
        }
        let job = queue.take(now).unwrap();
        queue.ended(job, &Outcome::Down, now);
        let now = later(now, 1);
        let probe = queue.take(now).unwrap();
        assert!(queue.take(now).is_none());
        queue.ended(probe, &Outcome::Settled, now);
        assert!(queue.take(now).is_some() && queue.take(now).is_some());
    }

    #[tokio::test]
    async fn what_failed_comes_again_after_a_pause_of_its_own() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.add("a", is(Standing::Pending), false, true);
        let job = queue.take(now).unwrap();
        queue.ended(job, &Outcome::Again, now);
        assert!(queue.take(now).is_none());
        queue.add("b", is(Standing::Pending), false, true);
        assert_eq!(queue.take(now).unwrap().id, "b", "others go on");
        assert_eq!(queue.take(later(now, 1)).unwrap().id, "a");
    }

    #[tokio::test]
    async fn the_queue_has_an_end_and_says_what_follows() {
        let (mut queue, now) = (queue(), Instant::now());
        for n in 0..=WAITING_MAX {
            queue.add(&n.to_string(), is(Standing::Pending), false, true);
        }
        assert_eq!(queue.len(), WAITING_MAX);
        assert!(!queue.take_overflow(), "there is no room yet");
        while queue.len() > WAITING_MAX / 2 {
            let job = queue.take(now).unwrap();
            queue.ended(job, &Outcome::Settled, now);
        }
        assert!(queue.take_overflow());
        assert!(!queue.take_overflow());
    }
}
