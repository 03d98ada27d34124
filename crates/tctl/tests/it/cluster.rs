//! `status`, `version`, help, and command lines that cannot be read.

use expect_test::expect;

use crate::world::World;

#[test]
fn status_shows_the_cluster_its_pins_and_its_authorities() {
    let world = World::new();
    world.tctl("status").prints(expect![[r"
        $ tctl status    → 0
        Cluster: teleport.example.com                                                    
        Version: 18.0.0                                                                  
        CA pins: <pin__________________________________________________________________> 

        authority     rotation                protocol status algorithm   storage  
        ------------- ----------------------- -------- ------ ----------- -------- 
        host          standby (never rotated) SSH      active Ed25519     software 
                                              TLS      active ECDSA P-256 software 
        user          standby (never rotated) SSH      active Ed25519     software 
                                              TLS      active ECDSA P-256 software 
        db            standby (never rotated)                                      
        db_client     standby (never rotated)                                      
        openssh       standby (never rotated) SSH      active Ed25519     software 
        jwt           standby (never rotated)                                      
        saml_idp      standby (never rotated)                                      
        oidc_idp      standby (never rotated)                                      
        spiffe        standby (never rotated)                                      
        okta          standby (never rotated)                                      
        awsra         standby (never rotated)                                      
        bound_keypair standby (never rotated)                                      

        Two persons for rule changes: off
    "]]);
}

#[test]
fn whoever_is_signed_in_sees_the_same_status() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    let bob = world.tctl_as("bob", "status").succeeded();
    assert_eq!(bob, world.tctl("status").succeeded());
}

#[test]
fn the_version_is_one_line() {
    let world = World::new();
    let line = world.tctl("version").succeeded();
    assert!(line.starts_with("Teleport v18.0.0 git:countersign-"), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn what_does_not_exist_is_one_line() {
    let world = World::new();
    world.tctl("nosuch").prints(expect![[r#"
        $ tctl nosuch    → 1
        ! tctl: error: expected command but got "nosuch"
        ! hint: did you mean `nodes`?
    "#]]);
    world.tctl("requests ls --nosuchflag").prints(expect![[r"
        $ tctl requests ls --nosuchflag    → 1
        ! tctl: error: unknown long flag '--nosuchflag'
    "]]);
    world.tctl("user ls").prints(expect![[r#"
        $ tctl user ls    → 1
        ! tctl: error: expected command but got "user"
        ! hint: did you mean `users`?
    "#]]);
}

#[test]
fn what_is_missing_shows_the_usage_first() {
    let world = World::new();
    world.tctl("get").prints(expect![[r"
        $ tctl get    → 1
        ! Usage: tctl get [OPTIONS] <RESOURCES>
        ! 
        ! ERROR: required argument 'resources' not provided
        ! hint: `tctl get --help` lists the flags
    "]]);
    world.tctl("get role/a/b/c").prints(expect![[r"
        $ tctl get role/a/b/c    → 1
        ! Usage: tctl get [OPTIONS] <RESOURCES>
        ! 
        ! ERROR: failed to parse 'role/a/b/c'
        ! hint: `tctl get --help` lists the flags
    "]]);
    world.tctl("get nosuch").prints(expect![[r#"
        $ tctl get nosuch    → 1
        ! Usage: tctl get [OPTIONS] <RESOURCES>
        ! 
        ! ERROR: unsupported resource: "nosuch" - resources should be expressed as 'type/name', for example 'connector/github'
        ! hint: `tctl get --help` lists the flags
    "#]]);
    world.tctl("rm nosuch/x").prints(expect![[r#"
        $ tctl rm nosuch/x    → 1
        ! Usage: tctl rm [OPTIONS] <RESOURCES>
        ! 
        ! ERROR: unsupported resource: "nosuch" - resources should be expressed as 'type/name', for example 'connector/github'
        ! hint: `tctl rm --help` lists the flags
    "#]]);
    world.tctl("users add x@example.com").prints(expect![[r"
        $ tctl users add x@example.com    → 1
        ! Usage: tctl users add [OPTIONS] --roles <LIST> <ACCOUNT>
        ! 
        ! ERROR: required flag --roles not provided
        ! hint: `tctl users add --help` lists the flags
    "]]);
    world.tctl("auth sign --user=access-plugin").prints(expect![[r"
        $ tctl auth sign --user=access-plugin    → 1
        ! Usage: tctl auth sign [OPTIONS] --out <PATH>
        ! 
        ! ERROR: required flag --out/-o not provided
        ! hint: `tctl auth sign --help` lists the flags
    "]]);
    world.tctl("auth export --type=zz").prints(expect![[r"
        $ tctl auth export --type=zz    → 1
        ! Usage: tctl auth export [OPTIONS]
        ! 
        ! ERROR: enum value must be one of user,host,tls-host,tls-user,tls-user-der,tls-spiffe,windows,db,db-der,db-client,db-client-der,openssh,saml-idp,github,awsra, got 'zz'
        ! hint: `tctl auth export --help` lists the flags
    "]]);
}

#[test]
fn help_says_what_there_is() {
    let world = World::new();
    let bare = world.tctl("");
    assert_eq!((bare.code(), bare.stdout().as_str()), (Some(0), ""));
    assert!(bare.stderr().contains("requests"), "{}", bare.stderr());
    let asked = world.tctl("users add --help");
    assert_eq!((asked.code(), asked.stdout().as_str()), (Some(0), ""));
    assert!(asked.stderr().contains("--db-users <LIST>"), "{}", asked.stderr());
    let command = world.tctl("help users add").succeeded();
    assert_eq!(command, asked.stderr());
}

#[test]
fn a_debugging_person_sees_what_is_done() {
    let world = World::new();
    let plain = world.tctl("--auth-server=nosuch.invalid:1 status");
    let debugged = world.tctl("-d --auth-server=nosuch.invalid:1 status");
    assert_eq!((debugged.code(), debugged.stdout().as_str()), (Some(1), ""));
    let said = debugged.stderr();
    let (told, rest) = said.split_at(said.len() - plain.stderr().len());
    assert_eq!(rest, plain.stderr());
    assert!(
        told.contains("as an Auth Service or through TLS routing"),
        "{told}"
    );
}

#[test]
fn what_is_removed_is_what_was_named() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        let role = format!("kind: role\nversion: v7\nmetadata: {{name: {name}}}\nspec: {{}}\n");
        world.tctl_with("create", &role).succeeded();
    }
    for line in [
        "rm role/a/b",
        "get role/x/a",
        "rm role/a,rolle/b",
        "rm role/a,roles",
        "rm all",
    ] {
        assert_eq!(world.tctl(line).code(), Some(1), "{line}");
    }
    world.tctl("rm role/a,role/b").prints(expect![[r#"
        $ tctl rm role/a,role/b    → 0
        role "a" has been deleted
        role "b" has been deleted
    "#]]);
    world.tctl("get role/c").succeeded();
}

#[test]
fn a_file_holds_each_resource_once() {
    let world = World::new();
    let role = "kind: role\nversion: v7\nmetadata: {name: a}\nspec: {}\n";
    world
        .tctl_with("create -f", &format!("{role}---\n{role}"))
        .prints(expect![[r"
            $ tctl create -f    → 1
            ! ERROR: the role `a` stands twice in the file
            ! hint: nothing was applied; keep one of them
        "]]);
    assert_eq!(world.tctl("get role/a").code(), Some(1));
}

#[test]
fn a_misspelt_key_of_the_configuration_is_not_overlooked() {
    let world = World::new();
    world.write("other.yaml", "teleport:\n  data_dri: /data\n");
    world.tctl("-c other.yaml status").prints(expect![[r"
        $ tctl -c other.yaml status    → 1
        ! ERROR: failed parsing the config file other.yaml: line 2: `teleport` has no key `data_dri`
        ! hint: `teleport configure --test=FILE` checks a configuration
    "]]);
}

#[test]
fn a_backup_warns_of_the_keys_in_it() {
    let typed = World::new().tctl("get all");
    assert_eq!(typed.code(), Some(0));
    assert!(typed.stderr().contains("a backup holds every secret"));
}

#[test]
fn the_keys_of_an_authority_are_exchanged_by_hand() {
    let world = World::new();
    world.tctl("auth rotate").prints(expect![["
        $ tctl auth rotate    → 1
        ! ERROR: required flag --type not provided, not starting interactive mode because stdin does not appear to be a terminal
        ! hint: name an authority: `--type=host`, `--type=user` or `--type=openssh`
    "]]);
    world
        .tctl("auth rotate --type=host --manual --phase=init")
        .prints(expect![[r#"
            $ tctl auth rotate --type=host --manual --phase=init    → 0
            Updated rotation phase to "init". To check status use 'tctl status'
        "#]]);
    let status = world.tctl("status").succeeded();
    assert_eq!(status.matches("sha256:").count(), 2, "{status}");
    let rows: Vec<&str> = status.lines().skip(5).take(7).map(str::trim_end).collect();
    expect![["
        authority     rotation                                protocol status  algorithm   storage
        ------------- --------------------------------------- -------- ------- ----------- --------
        host          in progress (mode: manual, phase: init) SSH      active  Ed25519     software
                                                              SSH      trusted Ed25519     software
                                                              TLS      active  ECDSA P-256 software
                                                              TLS      trusted ECDSA P-256 software
        user          standby (never rotated)                 SSH      active  Ed25519     software"]]
    .assert_eq(&rows.join("\n"));
    world
        .tctl("auth rotate --type=host --manual --phase=rollback")
        .prints(expect![[r#"
            $ tctl auth rotate --type=host --manual --phase=rollback    → 0
            Updated rotation phase to "rollback". To check status use 'tctl status'
        "#]]);
    world
        .tctl("auth rotate --type=host --manual --phase=standby")
        .prints(expect![[r#"
            $ tctl auth rotate --type=host --manual --phase=standby    → 0
            Updated rotation phase to "standby". To check status use 'tctl status'
        "#]]);
    world
        .tctl("auth rotate --type=host --manual --phase=nosuch")
        .prints(expect![[r#"
            $ tctl auth rotate --type=host --manual --phase=nosuch    → 1
            ! ERROR: unsupported phase: "nosuch"
        "#]]);
    world.tctl("auth rotate --type=nosuch").prints(expect![["
        $ tctl auth rotate --type=nosuch    → 1
        ! Usage: tctl auth rotate [OPTIONS]
        ! 
        ! ERROR: enum value must be one of host,user,db,db_client,openssh,jwt,saml_idp,oidc_idp,spiffe,okta,awsra,bound_keypair, got 'nosuch'
        ! hint: `tctl auth rotate --help` lists the flags
    "]]);
    world
        .tctl("auth rotate --type=user --grace-period=3h")
        .prints(expect![["
            $ tctl auth rotate --type=user --grace-period=3h    → 0
            Initiated certificate authority rotation. To check status use 'tctl status'
        "]]);
    let status = world.tctl("status").succeeded();
    assert!(status.contains("standby (last rotated: "), "{status}");
    assert!(
        status.contains("in progress (mode: auto, phase: init)"),
        "{status}"
    );
}
