//! The chapters of the guide are played: each `console` block, prompt by prompt.
//!
//! `bob$ …` is typed in Bob's home, `host$ …` on the Auth host. Lines below a command must appear in what it
//! says, in this order; `…` stands for anything. A new chapter is played as soon as it is in the folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Chat, Outcome, Person, Plugin, guide, people};

use crate::world::World;

/// One command of a chapter.
#[derive(Debug)]
struct Step {
    line: usize,
    who: String,
    command: String,
    output: Vec<String>,
}

fn chapters() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("chapters")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect();
    found.sort();
    found
}

/// The commands of a chapter's `console` blocks.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = fence == "console";
            continue;
        }
        if !inside {
            continue;
        }
        let prompt = line
            .split_once("$ ")
            .filter(|(who, _)| !who.is_empty() && who.bytes().all(|b| b.is_ascii_lowercase()));
        match (prompt, steps.last_mut()) {
            (Some((who, command)), _) => steps.push(Step {
                line: at + 1,
                who: who.to_owned(),
                command: command.to_owned(),
                output: Vec::new(),
            }),
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.pop();
                step.command.push_str(line.trim_start());
            }
            (None, Some(step)) => step.output.push(line.trim_end().to_owned()),
            (None, None) => panic!("line {}: output before any command", at + 1),
        }
    }
    steps
}

/// Whether `said` is what a line of the chapter shows.
fn matches(shown: &str, said: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    let Some(mut left) = said.strip_prefix(first) else {
        return false;
    };
    for (n, part) in rest.iter().enumerate() {
        if n + 1 == rest.len() && !part.is_empty() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    // Without `…` nothing may be left over; after a last one anything may.
    !rest.is_empty() || left.is_empty()
}

/// The world in which a chapter is played.
struct Player {
    world: World,
    chat: Chat,
    people: BTreeMap<String, Person>,
    invitations: BTreeMap<String, String>,
    /// What somebody's shell was told to remember: `NAME=…` lines.
    remembered: BTreeMap<String, String>,
    plugin: Option<Plugin>,
}

impl Player {
    fn new() -> Self {
        let world = World::empty();
        for document in fs::read_dir(guide::document("")).expect("documents") {
            let path = document.expect("a document").path();
            let name = path.file_name().expect("a name").to_owned();
            fs::copy(&path, world.cluster.folder().join(name)).expect("a copy");
        }
        Self {
            world,
            chat: Chat::start(),
            people: BTreeMap::new(),
            invitations: BTreeMap::new(),
            remembered: BTreeMap::new(),
            plugin: None,
        }
    }

    fn play(&mut self, step: &Step) -> Outcome {
        let command = step
            .command
            .replace("localhost:3080", &self.world.cluster.proxy())
            .replace("localhost:3025", &self.world.cluster.auth());
        let outcome = if step.who == "host" {
            self.on_the_host(&command)
        } else {
            self.as_somebody(&step.who, &command)
        };
        if let Some(name) = command
            .strip_prefix("tctl users add ")
            .and_then(|rest| rest.split(' ').next())
        {
            self.invitations
                .insert(name.to_owned(), people::link_in(&outcome.stdout));
        }
        outcome
    }

    fn on_the_host(&mut self, command: &str) -> Outcome {
        let cluster = &self.world.cluster;
        if command.starts_with("teleport-mattermost start") {
            let identity = cluster.folder().join("identity");
            self.plugin = Some(Plugin::start_with(
                cluster,
                &self.chat,
                &identity,
                &cluster.proxy(),
            ));
            return Outcome::of(&mut std::process::Command::new("true"), "");
        }
        let mut shell = cluster.programs().shell(command);
        shell
            .env("TELEPORT_CONFIG_FILE", cluster.configuration())
            .env("HOME", cluster.folder())
            .env("SSL_CERT_FILE", cluster.web_authority())
            .current_dir(cluster.folder());
        Outcome::of(&mut shell, "")
    }

    fn as_somebody(&mut self, who: &str, command: &str) -> Outcome {
        let cluster = &self.world.cluster;
        let name = format!("{who}@example.com");
        let person = self
            .people
            .entry(who.to_owned())
            .or_insert_with(|| Person::new(cluster, &name));
        if command.starts_with("tsh invite accept ") {
            let link = self.invitations.get(&name).expect("an invitation");
            return person.accept(link);
        }
        if command.starts_with("tsh login ") && !command.contains("--request-id") {
            return person.login(&[]);
        }
        // Each command has a shell of its own; the reader has one, which remembers.
        let remembered = self.remembered.entry(who.to_owned()).or_default();
        let outcome = person.shell(&format!("{remembered}{command}"));
        if command.starts_with("ID=") {
            remembered.push_str(&format!("{command}\n"));
        }
        outcome
    }
}

#[test]
fn every_chapter_of_the_guide_can_be_played() {
    let mut played = 0;
    for path in chapters() {
        let text = fs::read_to_string(&path).expect("a chapter");
        let steps = steps(&text);
        if steps.is_empty() {
            continue;
        }
        let mut player = Player::new();
        for step in steps {
            let place = format!("{}:{}", path.file_name().expect("a name").display(), step.line);
            let outcome = player.play(&step);
            let expects_failure = step.output.iter().any(|line| line.starts_with("ERROR:"));
            assert_eq!(outcome.code == Some(0), !expects_failure, "{place}: {outcome}");
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            let mut lines = said.lines().map(str::trim_end);
            for shown in step.output.iter().filter(|line| !line.is_empty()) {
                assert!(
                    lines.any(|line| matches(shown, line)),
                    "{place}: `{shown}` is not said, or not in this order:\n{outcome}"
                );
            }
            played += 1;
        }
    }
    assert!(
        played > 20,
        "the guide has only {played} commands that can be played"
    );
}

#[test]
fn a_line_of_a_chapter_stands_for_what_it_should() {
    for (shown, said, fits) in [
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("a…c", "abbbc", true),
        ("a…c", "abbbcd", false),
        ("a…", "abbb", true),
        ("…c", "xc", true),
        ("a…b…c", "axxbyyc", true),
        ("a…b…c", "axxyyc", false),
    ] {
        assert_eq!(matches(shown, said), fits, "{shown} {said}");
    }
}
