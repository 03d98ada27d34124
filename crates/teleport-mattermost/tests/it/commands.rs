//! What can be asked of the program without a cluster.

use crate::world::Running;

async fn run(arguments: &[&str]) -> crate::world::Ended {
    Running::new(arguments, &[]).ended().await
}

#[tokio::test]
async fn configure_prints_a_file_and_nothing_else() {
    let ended = run(&["configure"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for section in ["[teleport]", "[mattermost]", "[log]"] {
        assert!(
            ended.stdout.lines().any(|line| line == section),
            "{}",
            ended.stdout
        );
    }
    assert!(plugin::config::Config::read(&ended.stdout).is_ok());
}

#[tokio::test]
async fn version_names_program_and_versions() {
    let ended = run(&["version"]).await;
    let words: Vec<&str> = ended.stdout.trim_end().split(' ').collect();
    assert_eq!((ended.code, words.len()), (Some(0), 4), "{ended:?}");
    assert_eq!((words[0], words[1]), ("teleport-mattermost", "v18.0.0"));
    assert!(
        words[2].starts_with("git:countersign-") && words[3].starts_with("rust"),
        "{words:?}"
    );
}

#[tokio::test]
async fn help_is_no_mistake_and_a_mistake_is_one_line() {
    for arguments in [&["--help"][..], &[]] {
        let ended = run(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
        for command in ["configure", "start", "version"] {
            assert!(ended.stderr.contains(command), "{}", ended.stderr);
        }
    }
    assert_eq!(run(&["help"]).await.code, Some(0));
    for (arguments, says) in [
        (&["bogus"][..], "expected command but got \"bogus\""),
        (&["start", "--bogusflag"], "unknown long flag '--bogusflag'"),
    ] {
        let ended = run(arguments).await;
        assert_eq!(
            (ended.code, ended.stderr.lines().count()),
            (Some(1), 1),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}
