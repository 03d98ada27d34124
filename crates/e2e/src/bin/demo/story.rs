//! The story itself: Bob asks, Alice and Ivan agree, and only then does his certificate carry the role.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use e2e::cluster::free_port;
use e2e::{Chat, Cluster, Person, Plugin, Programs, guide, people};

use crate::narrator::Narrator;

/// Everything that runs when the story has been told.
pub struct Stage {
    cluster: Cluster,
    chat: Chat,
    plugin: Plugin,
    people: Vec<Person>,
}

/// Plays the story.
///
/// # Panics
/// If a step of it does not do what the guide says.
pub fn play(programs: &Programs, folder: &Path, narrator: &Narrator) -> Stage {
    narrator.scene("1. A cluster, a chat server, and the guide's roles");
    let chat = Chat::start_at(SocketAddr::from(([127, 0, 0, 1], this_or_another(8065))));
    let cluster = Cluster::start_on(programs, folder, this_or_another(3080), this_or_another(3025));
    narrator.good(&format!(
        "teleport serves https://{} and {}",
        cluster.proxy(),
        cluster.auth()
    ));
    narrator.good(&format!("a Mattermost to look at: {}", chat.page()));
    for name in ["access-plugin.yaml", "dual-authorization-roles.yaml"] {
        fs::copy(guide::document(name), folder.join(name)).expect("a copy");
        narrator.typed("host", &cluster.tctl(&["create", "-f", name]).succeeded());
    }

    narrator.scene("2. The plugin gets an identity and starts");
    narrator.typed(
        "host",
        &cluster
            .tctl(&[
                "auth",
                "sign",
                "--user=access-plugin",
                "--overwrite",
                "--out=identity",
            ])
            .succeeded(),
    );
    let plugin = Plugin::start_with(&cluster, &chat, &folder.join("identity"), &cluster.proxy());
    narrator.good("teleport-mattermost watches for requests");

    narrator.scene("3. People accept their invitations and sign in");
    let mut people: Vec<Person> = guide::PEOPLE
        .iter()
        .map(|(name, roles)| invite(&cluster, name, roles, narrator))
        .collect();
    people.push(invite(
        &cluster,
        "admin@example.com",
        "access,editor,auditor",
        narrator,
    ));
    let [bob, alice, ivan, _] = &people[..] else {
        panic!("there are four people");
    };

    narrator.scene("4. Bob has the role `devops` and no login anywhere");
    show_certificate("before", bob, narrator);

    narrator.scene("5. Bob asks for `elevated-access` and waits");
    let waiting = bob.ask_and_wait(&[
        "--reviewers=alice@example.com,ivan@example.com",
        "--reason=db-7 does not answer, need to look at it",
    ]);
    let id = waiting.id.clone();
    narrator.say(&format!(
        "  bob$ tsh request create --roles=elevated-access --reviewers=alice@example.com,ivan@example.com …\n      request {id}"
    ));
    let post = chat.until("the message in the channel", |chat| chat.about(&id).pop());
    narrator.good("a message is in the channel:");
    for line in post.message.lines().filter(|line| !line.is_empty()) {
        narrator.say(&format!("      {line}"));
    }

    narrator.scene("6. Alice agrees. One person is not enough");
    narrator.typed(
        "alice",
        &alice
            .tsh(&[
                "request",
                "review",
                "--approve",
                "--reason=I see the alarm too",
                &id,
            ])
            .succeeded(),
    );
    let early = bob.tsh(&["login", "--request-id", &id, "--request-nowait"]);
    assert!(!bob.roles().contains(&"elevated-access".to_owned()), "{early}");
    narrator.closed("Bob's certificate still carries `devops` alone");
    let alone = cluster.tctl(&["requests", "approve", &id]).failed();
    narrator.typed("host", &alone);
    narrator.closed("not even whoever runs the host can put the second vote in");

    narrator.scene("7. Ivan agrees too");
    narrator.typed(
        "ivan",
        &ivan
            .tsh(&["request", "review", "--approve", "--reason=go ahead", &id])
            .succeeded(),
    );
    narrator.say("  bob's waiting command ends:");
    let waited = waiting.outcome().succeeded();
    narrator.typed("bob", &waited);
    show_certificate("after", bob, narrator);
    chat.until("the message to say how it ended", |chat| {
        chat.about(&id).pop().filter(|post| post.edited)
    });
    narrator.good("the message in the channel now says how it ended, with both names below it");
    Stage {
        cluster,
        chat,
        plugin,
        people,
    }
}

fn invite(cluster: &Cluster, name: &str, roles: &str, narrator: &Narrator) -> Person {
    let added = cluster
        .tctl(&["users", "add", name, &format!("--roles={roles}")])
        .succeeded();
    let mut person = Person::new(cluster, name);
    let _ = person.accept(&people::link_in(&added.stdout)).succeeded();
    let _ = person.login(&[]).succeeded();
    narrator.good(&format!("{name} with {roles}"));
    person
}

/// What a certificate says that matters here.
fn show_certificate(when: &str, person: &Person, narrator: &Narrator) {
    let status = person.status();
    let list = |field: &str| {
        let values = status["active"][field].as_array().cloned().unwrap_or_default();
        let texts: Vec<String> = values
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        if texts.is_empty() {
            "none".to_owned()
        } else {
            texts.join(", ")
        }
    };
    narrator.say(&format!("  Bob's certificate {when}:"));
    narrator.row("  roles", &list("roles"));
    narrator.row("  logins", &list("logins"));
    narrator.row("  active requests", &list("active_requests"));
    narrator.row(
        "  valid until",
        status["active"]["valid_until"].as_str().unwrap_or_default(),
    );
}

impl Stage {
    /// Prints how to go on from here.
    pub fn show_the_way(&self, narrator: &Narrator) {
        let folder = self.cluster.folder();
        narrator.scene("Everything is still running. Your turn");
        narrator.row("pages", &format!("https://{}/web/requests", self.cluster.proxy()));
        narrator.row("", "(signed by the demo's own authority; let the browser go on)");
        narrator.row("chat", &self.chat.page());
        narrator.row(
            "configuration",
            &self.cluster.configuration().display().to_string(),
        );
        narrator.row("logs", &format!("{}/*.log", folder.display()));
        narrator.say("\n  Each person has a shell set-up; for example, in another terminal:");
        for person in &self.people {
            let script = self.write_set_up(person);
            narrator.say(&format!("    . {}", script.display()));
        }
        narrator.say("    tsh status; tsh request ls; tctl status");
        narrator.say("\n  Signing in anew, in the browser or with `tsh login`:");
        narrator.row("name", "password, and the seed of the authenticator application");
        for person in &self.people {
            let seed = person.seed().unwrap_or_default();
            narrator.row(&person.name, &format!("{}  {seed}", person.password));
        }
        narrator.say("\n  Ctrl-C stops everything.");
    }

    /// A file that makes a shell this person's; gives its path.
    fn write_set_up(&self, person: &Person) -> std::path::PathBuf {
        let short = person.name.split('@').next().unwrap_or(&person.name);
        let path = self.cluster.folder().join(short);
        let text = format!(
            "# Makes this shell {name}'s.\n\
             export PATH='{programs}':\"$PATH\"\n\
             export TELEPORT_HOME='{profile}'\n\
             export TELEPORT_PROXY='{proxy}' TELEPORT_USER='{name}'\n\
             export SSL_CERT_FILE='{authority}'\n",
            name = person.name,
            programs = self.cluster.programs().folder().display(),
            profile = person.profile().display(),
            proxy = self.cluster.proxy(),
            authority = self.cluster.web_authority().display(),
        );
        fs::write(&path, text).expect("a file");
        path
    }

    /// Stops everything.
    pub fn stop(&mut self) {
        self.plugin.stop();
        self.cluster.stop();
    }
}

/// The usual port if nobody listens there, otherwise a free one.
fn this_or_another(port: u16) -> u16 {
    TcpListener::bind(("127.0.0.1", port)).map_or_else(|_| free_port(), |_| port)
}
