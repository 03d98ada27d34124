//! `alerts`, and that high alerts are seen after every command.

use expect_test::expect;

use crate::world::World;

#[test]
fn a_high_alert_is_seen_after_every_command_until_it_is_acknowledged() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    world.tctl("alerts ls").prints(expect![[r"
        $ tctl alerts ls    → 0
        no alerts
    "]]);
    world
        .tctl("alerts create hello --severity=high")
        .prints(expect![[r"
            $ tctl alerts create hello --severity=high    → 0
            ! hello
            ! 
        "]]);
    let shown = world.tctl("alerts ls");
    shown.prints(expect![[r#"
        $ tctl alerts ls    → 0
        ID                                   Severity Expires In Message 
        ------------------------------------ -------- ---------- ------- 
        <uuid______________________________> HIGH     24h0m0s    "hello" 

        ! hello
        ! 
    "#]]);
    world.tctl("alerts ls -v").prints(expect![[r#"
        $ tctl alerts ls -v    → 0
        ID                                   Severity Expires In Message Created             Labels                                                                      
        ------------------------------------ -------- ---------- ------- ------------------- --------------------------------------------------------------------------- 
        <uuid______________________________> HIGH     24h0m0s    "hello" <rfc822___________> teleport.internal/alert-on-login=yes,teleport.internal/alert-permit-all=yes 

        ! hello
        ! 
    "#]]);
    world.tctl("alerts ls --format=json").prints(expect![[r#"
        $ tctl alerts ls --format=json    → 0
        [
            {
                "kind": "cluster_alert",
                "version": "v1",
                "metadata": {
                    "name": "<uuid______________________________>",
                    "labels": {
                        "teleport.internal/alert-on-login": "yes",
                        "teleport.internal/alert-permit-all": "yes"
                    },
                    "expires": "<time>"
                },
                "spec": {
                    "severity": 10,
                    "message": "hello",
                    "created": "<time>"
                }
            }
        ]
        ! hello
        ! 
    "#]]);
    // Bob may not list alerts that are for others, and sees those that are for him.
    world.tctl_as("bob", "requests ls").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
        ! hello
        ! 
    "]]);
    let listed = shown.succeeded();
    let id = listed
        .lines()
        .find(|line| line.contains("HIGH"))
        .and_then(|line| line.split(' ').next())
        .expect("an id")
        .to_owned();
    world
        .tctl(&format!("alerts ack {id} --reason=seen"))
        .prints(expect![[r#"
            $ tctl alerts ack <uuid______________________________> --reason=seen    → 0
            Successfully acknowledged alert "<uuid______________________________>". Alerts with this ID won't be pushed for 24h0m0s.
        "#]]);
    world.tctl("alerts ack ls").prints(expect![[r#"
        $ tctl alerts ack ls    → 0
        ID                                   Reason Expires             
        ------------------------------------ ------ ------------------- 
        <uuid______________________________> "seen" <rfc822___________> 

    "#]]);
    world.tctl_as("bob", "requests ls").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
    "]]);
    world
        .tctl(&format!("alerts ack {id} --clear"))
        .prints(expect![[r#"
            $ tctl alerts ack <uuid______________________________> --clear    → 0
            Successfully cleared acknowledgement for alert "<uuid______________________________>". Alerts with this ID will resume being pushed.
            ! hello
            ! 
        "#]]);
    world.tctl("alerts ls --labels=a=b").prints(expect![[r"
        $ tctl alerts ls --labels=a=b    → 0
        no alerts
        ! hello
        ! 
    "]]);
}

#[test]
fn a_low_alert_disturbs_nobody_and_what_cannot_be_shown_is_refused() {
    let world = World::new();
    world.tctl("alerts create quiet --ttl=1h").prints(expect![[r"
            $ tctl alerts create quiet --ttl=1h    → 0
        "]]);
    world.tctl("alert ls").prints(expect![[r#"
        $ tctl alert ls    → 0
        ID                                   Severity Expires In Message 
        ------------------------------------ -------- ---------- ------- 
        <uuid______________________________> LOW      1h0m0s     "quiet" 

    "#]]);
    world.tctl("alerts create x --labels=k").prints(expect![[r#"
        $ tctl alerts create x --labels=k    → 1
        ! ERROR: invalid key-value pair: "k"
    "#]]);
    world.tctl("alerts create x --severity=grave").prints(expect![[r"
            $ tctl alerts create x --severity=grave    → 1
            ! Usage: tctl alerts create [OPTIONS] <MESSAGE>
            ! 
            ! ERROR: enum value must be one of low,medium,high, got 'grave'
            ! hint: `tctl alerts create --help` lists the flags
        "]]);
    world.tctl("alerts ack").prints(expect![[r"
        $ tctl alerts ack    → 1
        ! Usage: tctl alerts ack [OPTIONS] <ID>
        !        tctl alerts ack <COMMAND>
        ! 
        ! ERROR: required argument 'id' not provided
        ! hint: `tctl alerts ack --help` lists the flags
    "]]);
    world.tctl("alerts ack 1").prints(expect![[r"
        $ tctl alerts ack 1    → 1
        ! ERROR: say why the alert needs nothing more, in 1 to 1024 bytes
    "]]);
}
