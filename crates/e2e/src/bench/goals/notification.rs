//! P9: from calling `CreateAccessRequestV2` until the chat server has the message, by the plugin of this repository.
//!
//! The floor is the sum of what cannot be left out: the request's own call and commit, a streamed message, the plugin's
//! two notes (it claims the message before it posts, and notes it afterwards), each a call and a commit, and the post.

use std::collections::BTreeMap;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use mattermost_stand_in::{PostShown, Settings, StandIn};
use plugin::audience::Audience;
use plugin::config::Config;
use plugin::mattermost::Mattermost;
use plugin::mattermost::api::Api;
use plugin::{Plugin, Setup};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use transport::system::{Stopwatch, SystemClock, SystemEntropy};

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::floors::commit::Commits;
use crate::bench::floors::post::Posts;
use crate::bench::floors::rpc::Rpc;
use crate::bench::options::Goal;
use crate::bench::original;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Measured, Rounds};
use crate::bench::stats::Sample;
use crate::bench::trouble::{Outcome, Trouble, While as _};
use crate::bench::world::{Voice, World, approval, ask};

const TEAM: &str = "team-name";
const CHANNEL: &str = "channel-name";
/// A message that has not come by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Between two requests, so that what the plugin still notes of the last one is not measured with the next.
const PAUSE: Duration = Duration::from_millis(10);

/// A chat server with the plugin's channel, and another for the floor.
struct Chat {
    server: StandIn,
    channel: String,
    other_channel: String,
    token: String,
}

impl Chat {
    async fn start() -> Outcome<Self> {
        let server = StandIn::spawn_local(Settings::default())
            .await
            .to("start the chat server")?;
        let team = server.create_team(TEAM, "Platform");
        let channel = server.create_channel(&team, CHANNEL, "Access requests", false);
        let other_channel = server.create_channel(&team, "floor", "Floor", false);
        let bot = server.create_bot("teleport", "Teleport");
        server.set_roles(&bot.user_id, "system_user system_post_all");
        server.join_team(&team, &bot.user_id);
        for one in [&channel, &other_channel] {
            server.join_channel(one, &bot.user_id);
        }
        Ok(Self {
            server,
            channel,
            other_channel,
            token: bot.token,
        })
    }

    /// What begins a thread in the plugin's channel.
    fn announcements(&self) -> Vec<PostShown> {
        let mut posts = self.server.posts(&self.channel);
        posts.retain(|post| post.root_id.is_empty());
        posts
    }

    /// Waits for the next announcement after `known` of them.
    async fn next(&self, known: usize) -> Outcome<()> {
        let come = self.server.until(|_| self.announcements().len() > known);
        let waited = tokio::time::timeout(LOST_AFTER, come).await;
        waited.map_err(|_| Trouble::new("a request was never announced in the chat"))
    }

    fn clear(&self) {
        for channel in [&self.channel, &self.other_channel] {
            for post in self.server.posts(channel) {
                self.server.delete_post(&post.id);
            }
        }
    }
}

/// The plugin, running in this process.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), plugin::Ended>>,
}

impl Running {
    fn start(chat: &Chat, voice: &Voice) -> Outcome<Self> {
        let text = format!(
            "[teleport]\nauth_server = \"127.0.0.1:1\"\nidentity = \"/nowhere\"\n[mattermost]\nurl = \"{}\"\n\
             team = \"{TEAM}\"\nchannel = \"{CHANNEL}\"\ntoken = \"{}\"\n",
            chat.server.url(),
            chat.token
        );
        let config = Config::read(&text).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Trouble::new(format!("could not configure the plugin: {}", lines.join("; ")))
        })?;
        let api = Api::new(&config.mattermost.url, config.mattermost.token.clone(), "bench")
            .to("prepare calls to the chat server")?;
        let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock::new());
        let entropy: std::sync::Arc<dyn Entropy> = std::sync::Arc::new(SystemEntropy);
        let audience = Audience::new(BTreeMap::from([(
            "*".to_owned(),
            vec![format!("{TEAM}/{CHANNEL}")],
        )]));
        let plugin = Plugin::new(Setup {
            cluster: voice.cluster.clone(),
            name: "mattermost",
            chat: Mattermost::new(api),
            audience,
            clock,
            entropy,
            fail_fast: true,
            renews: false,
            courtesy: Duration::from_secs(3),
            patience: Duration::from_secs(5),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(plugin.run(async move {
            // A sender that is gone says "stop" as well.
            let _ = stopped.await;
        }));
        Ok(Self { stop, task })
    }

    async fn end(self) -> Outcome<()> {
        drop(self.stop);
        self.task.await.to("stop the plugin")?.to("run the plugin")
    }
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    bench
        .progress
        .preparing("an Auth Service, a chat server and the plugin between them");
    let world = World::start(&bench.disk).await?;
    let bob = world.person("bob", &["asks-two"]).await?;
    let voice = world.person("access-plugin", &["access-plugin"]).await?;
    let chat = Chat::start().await?;
    let plugin = Running::start(&chat, &voice)?;
    // The first is not measured: it waits for the plugin to listen, and fills its pools.
    let pattern = ask(&bob, 1).await?.pop().to("make a request")?;
    chat.next(0).await?;
    chat.clear();
    let mut commits = Commits::open(world.home())?;
    let mut rpc = Rpc::start(pattern).await?;
    let posts = Posts::new(chat.server.url(), &chat.token, &chat.other_channel)?;

    let calls = bench.plan.pick(40, 15);
    let since = Stopwatch::start();
    let mut rounds = Rounds::new(bench.plan, "floor", &bench.progress);
    while rounds.next().is_some() {
        let commit = p50(blocking(|| commits.run(calls))?)?;
        let call = p50(rpc
            .calls(calls, &approval("00000000-0000-4000-8000-000000000000"))
            .await?)?;
        let delivery = p50(rpc.deliveries(calls).await?)?;
        let post = p50(posts.run(calls).await?)?;
        let mut took = Vec::with_capacity(calls);
        for number in 0..calls {
            let begin = since.elapsed();
            let (made, come) = tokio::join!(ask(&bob, 1), chat.next(number));
            made?;
            come?;
            took.push(since.elapsed().saturating_sub(begin));
            tokio::time::sleep(PAUSE).await;
        }
        let announced = chat.announcements().len();
        if announced != calls {
            return Err(Trouble::new(format!(
                "{calls} requests were announced by {announced} messages"
            )));
        }
        chat.clear();
        let took = Sample::of_durations(took).to("measure a notification")?;
        rounds.add(Measured::from([
            ("commit", commit),
            ("call", call),
            ("delivery", delivery),
            ("post", post),
            ("floor", 3.0 * (call + commit) + delivery + post),
            ("posted_p50", took.median()),
            ("posted_p99", took.percentile(99)),
        ]));
    }
    let rounds = rounds.finish();
    plugin.end().await?;
    drop((bob, voice, rpc));
    world.stop().await?;
    Ok(section(rounds))
}

fn section(rounds: crate::bench::rounds::Finished) -> Section {
    let mut section = Section::new(Goal::P9);
    let floor = Figure::seconds(rounds.median("floor"));
    let median = Figure::seconds(rounds.median("posted_p50"));
    section.lines = vec![
        Line {
            what: "request to post, p50".to_owned(),
            subject: median,
            floor,
            ratio: rounds.ratio("posted_p50", "floor"),
            wanted: Bound::AtMost(2.0),
            stretch: Some(Bound::AtMost(1.5)),
        },
        Line {
            what: "request to post, p99".to_owned(),
            subject: Figure::seconds(rounds.median("posted_p99")),
            floor,
            ratio: rounds.ratio("posted_p99", "floor"),
            wanted: Bound::AtMost(6.0),
            stretch: None,
        },
    ];
    section.original.push(Line {
        what: "request to post, p50".to_owned(),
        subject: median,
        floor: Figure::seconds(original::NOTIFICATION),
        ratio: median.value / original::NOTIFICATION,
        // 10 ms beside 522 ms.
        wanted: Bound::AtMost(0.01 / original::NOTIFICATION),
        stretch: None,
    });
    section.notes.push(format!(
        "the floor is three calls ({}) and commits ({}), a streamed message ({}) and a post ({}); every request was \
         announced once",
        Figure::seconds(rounds.median("call")),
        Figure::seconds(rounds.median("commit")),
        Figure::seconds(rounds.median("delivery")),
        Figure::seconds(rounds.median("post"))
    ));
    section.keep("notification", rounds);
    section
}

fn p50(durations: Vec<Duration>) -> Outcome<f64> {
    Ok(Sample::of_durations(durations).to("measure a round")?.median())
}
