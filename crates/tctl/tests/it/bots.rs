//! `bots` and `tokens`, and both through `get`, `create` and `rm`.

use expect_test::expect;

use crate::world::World;

/// The token in what a command printed.
fn token_in(text: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.split_once(" token: "))
        .unwrap_or_else(|| panic!("no token in:\n{text}"));
    line.1.to_owned()
}

#[test]
fn a_bot_is_made_shown_changed_and_removed() {
    let world = World::new().with_guide();
    world.tctl("bots ls").prints(expect![[r"
        $ tctl bots ls    → 0
        No bots found
    "]]);
    let made = world
        .tctl("bots add robot --roles=auditor --logins=root")
        .succeeded();
    let token = token_in(&made);
    assert_eq!(token.len(), 32, "{made}");
    assert!(made.contains("This token will expire in 59 minutes."), "{made}");
    assert!(made.contains("--proxy-server=localhost:3080"), "{made}");
    world.tctl("bots ls").prints(expect![[r"
        $ tctl bots ls    → 0
        Bot   User      Roles   
        ----- --------- ------- 
        robot bot-robot auditor 


        To view active instances of a bot, run:

        > tctl bots instances list [name]
    "]]);
    world.tctl("get bot/robot").prints(expect![[r"
        $ tctl get bot/robot    → 0
        kind: bot
        metadata:
          name: robot
        spec:
          max_session_ttl:
            seconds: 43200
          roles:
          - auditor
          traits:
          - name: logins
            values:
            - root
        status:
          role_name: bot-robot
          user_name: bot-robot
        version: v1
    "]]);
    world.tctl("get bots --format=text").prints(expect![[r"
        $ tctl get bots --format=text    → 0
        Name  Roles   
        ----- ------- 
        robot auditor 
    "]]);
    world.tctl("bots add robot --roles=auditor").prints(expect![[r#"
            $ tctl bots add robot --roles=auditor    → 1
            ! ERROR: creating bot user
            ! 	user "bot-robot" already registered
        "#]]);
    world.tctl("bots update robot --add-roles=access").succeeded();
    world
        .tctl("bots update robot --set-roles=nosuch")
        .prints(expect![[r"
            $ tctl bots update robot --set-roles=nosuch    → 1
            ! ERROR: role nosuch is not found
            ! hint: `tctl get roles` lists the roles
        "]]);
    world
        .tctl("bots update nosuch --add-roles=access")
        .prints(expect![[r#"
            $ tctl bots update nosuch --add-roles=access    → 1
            ! ERROR: fetching bot user
            ! 	"user" "bot-nosuch" does not exist
        "#]]);
    let shown = world.tctl("get role/bot-robot").succeeded();
    assert!(shown.contains("- auditor\n      - access\n"), "{shown}");
    // The token goes with the bot.
    let tokens = world.tctl("tokens ls --with-secrets").succeeded();
    assert!(tokens.contains(&token), "{tokens}");
    world.tctl("bots rm robot").prints(expect![[r#"
        $ tctl bots rm robot    → 0
        Bot "robot" deleted successfully.
    "#]]);
    world.tctl("bots rm robot").prints(expect![[r#"
        $ tctl bots rm robot    → 1
        ! ERROR: deleting bot user
        ! 	fetching bot user
        ! 		user "bot-robot" not found, deleting bot role
        ! 	fetching bot role
        ! 		role bot-robot is not found
    "#]]);
    let tokens = world.tctl("tokens ls --with-secrets").succeeded();
    assert!(!tokens.contains(&token), "{tokens}");
}

#[test]
fn a_bot_may_have_roles_that_are_not_there_yet_and_that_is_said() {
    let world = World::new();
    let made = world.tctl("bots add robot --roles=nosuch");
    made.succeeded();
    world
        .tctl("bots add robot4 --roles=access --token=nosuch")
        .prints(expect![[r#"
            $ tctl bots add robot4 --roles=access --token=nosuch    → 1
            ! ERROR: token with name "nosuch" not found, create the token or do not set TokenName: "token" "****ch" does not exist
        "#]]);
    world.tctl("bots instances ls").prints(expect![[r"
        $ tctl bots instances ls    → 0
        No bot instances found.
    "]]);
    world.tctl("bots instances show robot/zz").prints(expect![[r#"
        $ tctl bots instances show robot/zz    → 1
        ! ERROR: bot_instance "zz" doesn't exist
    "#]]);
    let more = world.tctl("bots instances add robot --ttl=2h").succeeded();
    assert_eq!(token_in(&more).len(), 32, "{more}");
}

#[test]
fn bots_and_tokens_come_from_files() {
    let world = World::new();
    let bot = "kind: bot\nversion: v1\nmetadata: {name: rb5}\nspec: {roles: [access]}\n";
    world.tctl_with("create", bot).prints(expect![[r#"
        $ tctl create    → 0
        bot "rb5" has been created
    "#]]);
    world.tctl_with("create", bot).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	creating bot user
        ! 	user "bot-rb5" already registered
    "#]]);
    world.tctl_with("create -f", bot).prints(expect![[r#"
        $ tctl create -f    → 0
        bot "rb5" has been created
    "#]]);
    let token = "kind: token\nversion: v2\nmetadata: {name: a-secret-of-some-length}\n\
                 spec: {roles: [Bot], bot_name: rb5, join_method: token}\n";
    world.tctl_with("create", token).prints(expect![[r#"
        $ tctl create    → 0
        provision_token "a-secret-of-some-length" has been created
    "#]]);
    world.tctl("get tokens --format=text").prints(expect![[r"
        $ tctl get tokens --format=text    → 0
        Token                   Type Labels Expiry Time (UTC) 
        ----------------------- ---- ------ ----------------- 
        *****************length Bot         never             
    "]]);
    world.tctl("rm token/a-secret-of-some-length").prints(expect![[r#"
        $ tctl rm token/a-secret-of-some-length    → 0
        token "a-secret-of-some-length" has been deleted
    "#]]);
    world.tctl("rm token/a-secret-of-some-length").prints(expect![[r"
        $ tctl rm token/a-secret-of-some-length    → 1
        ! ERROR: provisioning token(*****************length) not found
    "]]);
    world.tctl("rm bot/rb5").prints(expect![[r#"
        $ tctl rm bot/rb5    → 0
        Bot "rb5" has been deleted
    "#]]);
}

#[test]
fn tokens_are_made_for_a_while_and_their_secrets_are_hidden() {
    let world = World::new();
    world.tctl("tokens ls").prints(expect![[r"
        $ tctl tokens ls    → 0
        Token Type Labels Expiry Time (UTC) 
        ----- ---- ------ ----------------- 
    "]]);
    world.tctl("tokens ls --format=json").prints(expect![[r"
        $ tctl tokens ls --format=json    → 0
        [] ⊣
    "]]);
    let made = world
        .tctl("tokens add --type=node --format=text --ttl=5m")
        .succeeded();
    assert_eq!(made.trim().len(), 32, "{made}");
    world
        .tctl("tokens add --type=node --format=json --value=a-secret-of-some-length")
        .succeeded();
    world
        .tctl("tokens add --type=node --value=a-secret-of-some-length")
        .prints(expect![[r#"
            $ tctl tokens add --type=node --value=a-secret-of-some-length    → 1
            ! ERROR: failed to create token ("a-secret-of-some-length" already exists), please use another name
        "#]]);
    world.tctl("tokens add --type=nosuch").prints(expect![[r#"
        $ tctl tokens add --type=nosuch    → 1
        ! ERROR: invalid role "nosuch"
    "#]]);
    world.tctl("tokens add --type=bot").prints(expect![[r#"
        $ tctl tokens add --type=bot    → 1
        ! ERROR: token with role "Bot" must set bot_name
        ! hint: `tctl bots add NAME` makes a bot with its token, `tctl bots instances add NAME` another token
    "#]]);
    let listed = world.tctl("tokens ls").succeeded();
    assert!(listed.contains("***length "), "{listed}");
    assert!(!listed.contains(made.trim()), "{listed}");
    let advice = world.tctl("tokens add --type=node,proxy").succeeded();
    assert!(advice.contains("--roles=node,proxy"), "{advice}");
    world.tctl("tokens rm a-secret-of-some-length").succeeded();
    world.tctl("tokens rm a-secret-of-some-length").prints(expect![[r"
            $ tctl tokens rm a-secret-of-some-length    → 1
            ! ERROR: provisioning token(*****************length) not found
        "]]);
}
