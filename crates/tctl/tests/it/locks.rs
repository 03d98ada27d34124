//! `lock`, and locks through `get` and `rm`.

use expect_test::expect;

use crate::world::World;

#[test]
fn a_lock_shuts_out_at_once_until_it_is_removed() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    world.tctl_as("bob", "requests ls").succeeded();
    let made = world.tctl("lock --user=bob@example.com --message=gone --ttl=1h");
    made.prints(expect![[r#"
        $ tctl lock --user=bob@example.com --message=gone --ttl=1h    → 0
        Created a lock with name "<uuid______________________________>".
    "#]]);
    world.tctl_as("bob", "requests ls").prints(expect![[r#"
        $ tctl -i bob --auth-server=AUTH requests ls    → 1
        ! ERROR: lock targeting User:"bob@example.com" is in force: gone
    "#]]);
    world.tctl("get locks --format=text").prints(expect![[r#"
        $ tctl get locks --format=text    → 0
        ID                                   Target                 Message Expires              
        ------------------------------------ ---------------------- ------- -------------------- 
        <uuid______________________________> User:"bob@example.com" gone    <date______________> 
    "#]]);
    world.tctl("get locks").prints(expect![[r#"
        $ tctl get locks    → 0
        kind: lock
        metadata:
          name: <uuid______________________________>
          revision: "15"
        spec:
          created_at: "<time>"
          created_by: Admin
          expires: "<time>"
          message: gone
          target:
            user: bob@example.com
        version: v2
    "#]]);
    let made = made.succeeded();
    let name = made.split('"').nth(1).expect("a name");
    world.tctl(&format!("rm lock/{name}")).prints(expect![[r#"
        $ tctl rm lock/<uuid______________________________>    → 0
        lock "<uuid______________________________>" has been deleted
    "#]]);
    world.tctl_as("bob", "requests ls").succeeded();
    world.tctl("get locks --format=text").prints(expect![[r"
        $ tctl get locks --format=text    → 0
        ID   Target Message Expires 
        --   ------ ------- ------- 
    "]]);
}

#[test]
fn every_target_can_be_locked() {
    let world = World::new();
    for target in [
        "--user=x",
        "--role=x",
        "--login=x",
        "--mfa-device=0192f3a4-0000-7000-8000-000000000001",
        "--access-request=0192f3a4-0000-7000-8000-000000000001",
        "--server-id=0192f3a4-0000-7000-8000-000000000001",
        "--bot-instance-id=0192f3a4-0000-7000-8000-000000000001",
        "--join-token=ci",
        "--expires=2099-01-01T00:00:00Z --user=y",
    ] {
        world.tctl(&format!("lock {target}")).succeeded();
    }
    let shown = world.tctl("get locks --format=text").succeeded();
    for target in [
        "User:\"x\"",
        "Role:\"x\"",
        "Login:\"x\"",
        "MFADevice:\"",
        "AccessRequest:\"",
        "ServerID:\"",
        "BotInstanceID:\"",
        "JoinToken:\"ci\"",
        "Jan 01 00:00 UTC",
    ] {
        assert!(shown.contains(target), "{target} in {shown}");
    }
}

#[test]
fn a_lock_that_makes_no_sense_is_refused() {
    let world = World::new();
    world.tctl("lock").prints(expect![[r"
        $ tctl lock    → 1
        ! ERROR: at least one target field must be set
        ! hint: name whom to lock with `--user`, `--role`, `--login`, `--mfa-device`, `--access-request`, `--server-id`, `--bot-instance-id` or `--join-token`
    "]]);
    world
        .tctl("lock --role=x --expires=2099-01-01T00:00:00Z --ttl=1h")
        .prints(expect![[r"
            $ tctl lock --role=x --expires=<time> --ttl=1h    → 1
            ! ERROR: use only one of --expires and --ttl
        "]]);
    world.tctl("lock --user=x --expires=garbage").prints(expect![[r"
        $ tctl lock --user=x --expires=garbage    → 1
        ! Usage: tctl lock [OPTIONS]
        ! 
        ! ERROR: --expires: `garbage` is not a moment; write it like `<time>`
        ! hint: `tctl lock --help` lists the flags
    "]]);
    world
        .tctl("lock --user=x --expires=2001-01-01T00:00:00Z")
        .prints(expect![[r"
            $ tctl lock --user=x --expires=<time>    → 1
            ! ERROR: the lock's end lies in the past
        "]]);
    world.tctl("get locks").prints(expect![[r"
        $ tctl get locks    → 0
        [] ⊣
    "]]);
}

#[test]
fn locks_are_resources() {
    let world = World::new();
    let lock = "kind: lock\nversion: v2\nmetadata: {name: newlock}\nspec: {target: {user: l1}}\n";
    world.tctl_with("create", lock).prints(expect![[r#"
        $ tctl create    → 0
        lock "newlock" has been created
    "#]]);
    world.tctl_with("create", lock).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	lock "newlock" already exists
    "#]]);
    world.tctl_with("create -f", lock).prints(expect![[r#"
        $ tctl create -f    → 0
        lock "newlock" has been created
    "#]]);
}
