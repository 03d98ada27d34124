//! Who one is, where the cluster is, and every way in which that can fail: each with its own cause.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use client::profile::{Profile, ProfileDir, ProfileKeys};
use expect_test::expect;
use wire::identity_file::IdentityFile;

use crate::world::{CLUSTER, World, plain_port};

/// Makes the identity in `file` the profile of whoever is logged in at `proxy`.
fn log_in(world: &World, file: &str, user: &str, proxy: &str) {
    let identity = IdentityFile::read(&world.read(file)).expect("an identity file");
    let mut keys = ProfileKeys {
        ssh_private_key: identity.private_key.clone(),
        ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
        tls_private_key: identity.private_key,
        tls_certificate: identity.tls_certificate,
        ssh_certificate: identity.ssh_certificate.unwrap_or_default(),
        ..ProfileKeys::default()
    };
    keys.tls_authorities
        .insert(CLUSTER.to_owned(), identity.tls_authorities.concat());
    ProfileDir::at(world.path("home/.tsh"))
        .save(&Profile::on_one_port(proxy, user, CLUSTER), &keys)
        .expect("a profile");
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().expect("a port")
}

#[test]
fn a_configuration_makes_one_the_local_administrator() {
    let world = World::new();
    world
        .run_bare(&[], "-c teleport.yaml users ls", "")
        .prints(expect![[r"
        $ tctl -c teleport.yaml users ls    → 0
        No users found
    "]]);
    world
        .run_bare(&[], "users ls --config=teleport.yaml", "")
        .prints(expect![[r"
            $ tctl users ls --config=teleport.yaml    → 0
            No users found
        "]]);
    let encoded = "dGVsZXBvcnQ6IHtkYXRhX2RpcjogZGF0YX0K";
    world
        .run_bare(&[("TELEPORT_CONFIG", encoded)], "users ls", "")
        .prints(expect![[r"
            $ tctl users ls    → 0
            No users found
        "]]);
}

#[test]
fn what_flags_say_the_environment_can_say() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    let address = world.address();
    let variables = [
        ("TELEPORT_IDENTITY_FILE", "bob"),
        ("TELEPORT_AUTH_SERVER", address.as_str()),
    ];
    world.run_bare(&variables, "users ls", "").prints(expect![[r#"
        $ tctl users ls    → 1
        ! ERROR: access denied to perform action "read" on "user", access denied to perform action "list" on "user"
    "#]]);
    // A flag is stronger.
    world
        .run_bare(&variables, "users ls -i nofile", "")
        .prints(expect![[r"
            $ tctl users ls -i nofile    → 1
            ! ERROR: the identity file `nofile` does not exist
            ! hint: write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer
        "]]);
    world
        .run_bare(&[("TELEPORT_CONFIG_FILE", "none.yaml")], "users ls", "")
        .prints(expect![[r"
            $ tctl users ls    → 1
            ! ERROR: cannot read the config file none.yaml: no such file or directory
            ! hint: name the file of the Auth Service on this machine with `--config`
        "]]);
    let variables = [
        ("TELEPORT_CONFIG_FILE", "none.yaml"),
        ("TELEPORT_HOME", "nowhere"),
    ];
    world
        .run_bare(&variables, "-c teleport.yaml users ls --no-insecure", "")
        .succeeded();
}

#[test]
fn a_profile_makes_one_whoever_is_logged_in() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    log_in(&world, "bob", "bob@example.com", &world.address());
    world.run_bare(&[], "get roles", "").prints(expect![[r#"
        $ tctl get roles    → 1
        ! ERROR: access denied to perform action "list" on "role", access denied to perform action "read" on "role"
    "#]]);
    world.run_bare(&[], "requests ls", "").prints(expect![[r"
        $ tctl requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
    "]]);
    world
        .run_bare(&[], &format!("--auth-server={} requests ls", world.address()), "")
        .prints(expect![[r"
            $ tctl --auth-server=AUTH requests ls    → 0
            Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
            ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
        "]]);
}

#[test]
fn a_configuration_without_auth_service_leaves_the_profile() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    log_in(&world, "bob", "bob@example.com", &world.address());
    world.write("proxy.yaml", "auth_service:\n  enabled: no\n");
    world
        .run_bare(&[], "-c proxy.yaml users ls", "")
        .prints(expect![[r#"
            $ tctl -c proxy.yaml users ls    → 1
            ! ERROR: access denied to perform action "read" on "user", access denied to perform action "list" on "user"
        "#]]);
}

#[test]
fn without_anything_one_is_told_what_to_do() {
    let world = World::new();
    world
        .run_bare(&[("XDG_DATA_HOME", "nowhere")], "-c none.yaml status", "")
        .prints(expect![[r"
            $ tctl -c none.yaml status    → 1
            ! ERROR: cannot read the config file none.yaml: no such file or directory
            ! hint: name the file of the Auth Service on this machine with `--config`
        "]]);
    world.write("empty.yaml", "teleport:\n  data_dir: nowhere\n");
    world.run_bare(&[], "-c empty.yaml status", "").prints(expect![[r"
        $ tctl -c empty.yaml status    → 1
        ! ERROR: Could not load Teleport host UUID file at nowhere/host_uuid.
        ! 	lstat nowhere/host_uuid: no such file or directory
        ! hint: on the machine of the Auth Service, start it or name its configuration with `--config`; elsewhere log in with `tsh login` first
    "]]);
    world.write("bad.yaml", "teleport: [\n");
    world.run_bare(&[], "-c bad.yaml status", "").prints(expect![[r"
        $ tctl -c bad.yaml status    → 1
        ! ERROR: failed parsing the config file bad.yaml: error: line 1 column 11: expected mapping start
        ! hint: `teleport configure --test=FILE` checks a configuration
    "]]);
    fs::remove_file(world.path("data/proc/admin")).expect("removed");
    world.tctl("status").prints(expect![[r"
        $ tctl status    → 1
        ! ERROR: tctl must be used on an Auth Service host or provided with credentials by logging in with tsh first.
        ! hint: `FOLDER/data/proc/admin` is missing: the Auth Service writes it when it starts
    "]]);
}

#[test]
fn a_dead_address_is_named() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dead = free.local_addr().expect("an address").to_string();
    drop(free);
    let typed = world.tctl(&format!("--auth-server={dead} status"));
    expect![[r"
        $ tctl --auth-server=DEAD status    → 1
        ! ERROR: cannot reach the cluster `teleport.example.com`: cannot connect to DEAD: connection refused
        ! hint: check that the server runs and listens on port PORT, and that no firewall is in between
    "]]
    .assert_eq(
        &typed
            .transcript()
            .replace(&dead, "DEAD")
            .replace(port_of(&dead), "PORT"),
    );
    world
        .tctl("--auth-server=nosuch.invalid:1 status")
        .prints(expect![[r"
        $ tctl --auth-server=nosuch.invalid:1 status    → 1
        ! ERROR: cannot reach the cluster `teleport.example.com`: cannot find the host `nosuch.invalid`
        ! hint: check the spelling of the host and this machine's name resolution
    "]]);
    world.tctl("--auth-server=: status").prints(expect![[r"
        $ tctl --auth-server=: status    → 1
        ! ERROR: --auth-server: address `:` has no host
        ! hint: write it like `teleport.example.com:443`
    "]]);
}

#[test]
fn an_identity_file_is_used_or_its_fault_is_named() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    world.run_bare(&[], "-i bob status", "").prints(expect![[r"
        $ tctl -i bob status    → 1
        ! ERROR: tctl --identity also requires --auth-server
        ! hint: name the Auth Service or the proxy of the identity's cluster with `--auth-server HOST:PORT`
    "]]);
    world.tctl_as("nofile", "status").prints(expect![[r"
        $ tctl -i nofile --auth-server=AUTH status    → 1
        ! ERROR: the identity file `nofile` does not exist
        ! hint: write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer
    "]]);
    world.write("junk", "junk\n");
    world.tctl_as("junk", "status").prints(expect![[r"
        $ tctl -i junk --auth-server=AUTH status    → 1
        ! ERROR: the identity file `junk` cannot be read: it holds no key and no certificate: this is not an identity file
        ! hint: write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer
    "]]);
    let other = {
        world.identity("alice@example.com", "alice");
        IdentityFile::read(&world.read("alice")).expect("an identity file")
    };
    let mut mixed = IdentityFile::read(&world.read("bob")).expect("an identity file");
    mixed.private_key = other.private_key;
    world.write("mixed", mixed.write().expect("a text").expose());
    world.tctl_as("mixed", "status").prints(expect![[r"
        $ tctl -i mixed --auth-server=AUTH status    → 1
        ! ERROR: the identity file `mixed` holds a key that does not belong to its certificate
        ! hint: write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer
    "]]);
}

#[test]
fn an_identity_beats_the_local_administrator() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    // The configuration is in the environment, and Bob does not become root by it.
    world
        .tctl(&format!("-i bob --auth-server={} users ls", world.address()))
        .prints(expect![[r#"
            $ tctl -i bob --auth-server=AUTH users ls    → 1
            ! ERROR: access denied to perform action "read" on "user", access denied to perform action "list" on "user"
        "#]]);
}

#[test]
fn expired_credentials_are_named_and_nothing_is_done() {
    let past = World::hours_ago(40).with_guide();
    past.tctl("auth sign --user=bob@example.com --out=bob")
        .succeeded();
    past.tctl_as("bob", "status").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH status    → 1
        ! ERROR: the identity file `bob` expired at <time>
        ! hint: write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer
    "]]);
    log_in(&past, "bob", "bob@example.com", &past.address());
    past.run_bare(&[], "status", "").prints(expect![[r"
        $ tctl status    → 1
        ! ERROR: your credentials have expired, please log in using `tsh login`
        ! 	the profile `127.0.0.1` expired at <time>
        ! hint: log in again with `tsh login`
    "]]);
}

#[test]
fn an_identity_of_another_cluster_is_named() {
    let here = World::new();
    let twin = World::new().with_guide();
    twin.identity("bob@example.com", "bob");
    fs::copy(twin.path("bob"), here.path("bob")).expect("copied");
    here.tctl_as("bob", "status").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH status    → 1
        ! ERROR: cannot reach the cluster `teleport.example.com`: AUTH: the server's certificate is signed by an unknown authority: `<uuid______________________________>.teleport.example.com`, issued by `teleport.example.com`, <digest________________>
        ! hint: the credentials trust `teleport.example.com`, self-signed, <digest________________>: they are for another cluster, or AUTH is not an Auth Service of theirs
    "]]);
    let other = World::named("other.example.com").with_guide();
    other.identity("bob@example.com", "bob");
    fs::copy(other.path("bob"), here.path("bob")).expect("copied");
    here.tctl_as("bob", "status").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH status    → 1
        ! ERROR: cannot reach the cluster `other.example.com`: AUTH: the server refused the connection: access denied
        ! hint: the credentials are for a cluster that this server does not serve
    "]]);
}

#[test]
fn who_may_not_read_the_administrators_key_is_told_so() {
    // Root may read everything; as root this shows only that the key is used.
    let world = World::new();
    let key = world.path("data/proc/admin");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).expect("set");
    let typed = world.tctl("status");
    if fs::read(&key).is_ok() {
        assert_eq!(typed.code(), Some(0));
    } else {
        assert_eq!(typed.code(), Some(1));
        let stderr = typed.stderr();
        assert!(
            stderr.contains("permission denied\nhint: run tctl as the user who runs"),
            "{stderr}"
        );
    }
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    fs::set_permissions(world.path("bob"), fs::Permissions::from_mode(0o644)).expect("set");
    world.tctl_as("bob", "requests ls").prints(expect![[r"
        $ tctl -i bob --auth-server=AUTH requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
        ! warning: others than its owner can read the identity file `bob`; run `chmod 600 bob`
    "]]);
}

#[test]
fn a_port_that_is_no_auth_service_is_named() {
    let world = World::new().with_guide();
    world.identity("bob@example.com", "bob");
    let web = world.self_signed_web_port();
    let typed = world.run_bare(&[], &format!("-i bob --auth-server={web} status"), "");
    expect![[r"
        $ tctl -i bob --auth-server=WEB status    → 1
        ! ERROR: cannot reach the cluster `teleport.example.com`: WEB: the server shows the certificate of an authority as its own: `localhost`, self-signed, <digest________________>
        ! hint: WEB is not an Auth Service, or not one of the cluster of the credentials
    "]].assert_eq(&typed.transcript().replace(&web, "WEB"));
    let plain = plain_port();
    let typed = world.run_bare(&[], &format!("-i bob --auth-server={plain} status"), "");
    expect![[r"
        $ tctl -i bob --auth-server=PLAIN status    → 1
        ! ERROR: cannot reach the cluster `teleport.example.com`: PLAIN: the server does not speak TLS on this port
        ! hint: check the port: PORT may belong to another service
    "]].assert_eq(&typed.transcript().replace(&plain, "PLAIN").replace(port_of(&plain), "PORT"));
}
