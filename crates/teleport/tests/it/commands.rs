//! The commands that start nothing.

use std::fs;

use expect_test::{Expect, expect};

use crate::world::World;

fn check(world: &World, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&world.transcript(arguments));
}

#[test]
fn the_version_is_the_one_that_tools_read() {
    let world = World::new();
    check(
        &world,
        &["version"],
        expect![["
        Teleport v18.0.0 git:countersign-0.1.0 rust1.90
        → 0
    "]],
    );
    check(
        &world,
        &["version", "--raw"],
        expect![["
        18.0.0
        → 0
    "]],
    );
    check(
        &world,
        &["status"],
        expect![["
        You are not inside of a Teleport SSH session
        → 0
    "]],
    );
}

#[test]
fn what_is_typed_wrong_is_said_in_one_line() {
    let world = World::new();
    check(
        &world,
        &["nosuch"],
        expect![[r#"
        ! teleport: error: expected command but got "nosuch"
        → 1
    "#]],
    );
    check(
        &world,
        &["start", "--nosuch"],
        expect![["
        ! teleport: error: unknown long flag '--nosuch'
        → 1
    "]],
    );
    check(
        &world,
        &["start", "--data-dri=x"],
        expect![["
        ! teleport: error: unknown long flag '--data-dri'
        ! hint: did you mean `--data-dir`?
        → 1
    "]],
    );
}

#[test]
fn what_does_not_exist_yet_says_so() {
    let world = World::new();
    for (flag, part) in [
        ("--labels=a=b", "an SSH node"),
        ("--fips", "a FIPS build"),
        ("--insecure-no-tls", "a web port without TLS"),
    ] {
        let said = world.transcript(&["start", flag]);
        let name = flag.split('=').next().expect("a name");
        assert!(
            said.contains(&format!("ERROR: {name} is not available yet")),
            "{said}"
        );
        assert!(
            said.contains(part) && said.contains("hint:") && said.ends_with("→ 1\n"),
            "{said}"
        );
    }
    check(
        &world,
        &["start", "--roles=proxy"],
        expect![["
            ! ERROR: these flags cannot be followed:
            !   a process without an Auth Service of its own needs the address of one: `teleport.auth_server`, or `--auth-server`
            ! hint: nothing was started; `teleport configure --test FILE` checks a file without starting anything
            → 1
        "]],
    );
    check(
        &world,
        &[
            "start",
            "--roles=auth,node,prxy",
            "--diag-addr=x:y",
            "--advertise-ip=x",
        ],
        expect![["
            ! ERROR: these flags cannot be followed:
            !   --roles: `node` is not available yet; `auth,proxy` is
            !   --roles: there is no role `prxy`
            !   --diag-addr: address `x:y` has a port that is not a number from 1 to 65535
            !   --advertise-ip: `x` is not an IP address
            ! hint: nothing was started; `teleport configure --test FILE` checks a file without starting anything
            → 1
        "]],
    );
    check(
        &world,
        &["start", "-c", "none.yaml"],
        expect![["
        ! ERROR: path 'none.yaml' does not exist
        ! hint: `teleport configure` prints a file to start from
        → 1
    "]],
    );
    check(
        &world,
        &["start", "--config-string=%"],
        expect![["
        ! ERROR: --config-string is not base64 of a configuration: Invalid symbol 37, offset 0.
        ! hint: give it the output of `base64 -w0 teleport.yaml`
        → 1
    "]],
    );
}

#[test]
fn help_names_every_command_and_flag() {
    let world = World::new();
    check(
        &world,
        &["help"],
        expect![["
        Runs a cluster: the Auth Service, and the proxy with its one public port

        Usage: teleport [OPTIONS] <COMMAND>

        Commands:
          start      Starts the server, and runs until it is told to stop
          configure  Prints a configuration file to start from, or checks one
          status     Says whether this is an SSH session of the cluster
          version    Prints the version
          help       Print this message or the help of the given subcommand(s)

        Options:
          -d, --debug  Say more in the log
          -h, --help   Print help

        `teleport start` needs no configuration file: it makes a data directory, a certificate for its port,
        and prints an invite link for the first administrator.
        → 0
    "]],
    );
    check(
        &world,
        &["help", "start"],
        expect![["
            Starts the server, and runs until it is told to stop

            Usage: teleport start [OPTIONS]

            Options:
              -c, --config <FILE>           Configuration file [default: /etc/teleport.yaml if it is there]
                                            [env: TELEPORT_CONFIG_FILE]
              -d, --debug                   Say more in the log
                  --config-string <BASE64>  The configuration as a text in base64, in place of the file [env:
                                            TELEPORT_CONFIG]
                  --data-dir <DIRECTORY>    Directory where everything is kept
              -r, --roles <ROLES>           Services to run: auth,proxy, auth, or proxy for a cluster whose Auth
                                            Service is elsewhere
                  --nodename <NAME>         What this host calls itself [default: the host's name]
              -l, --listen-ip <IP>          IP address to listen on where the configuration names none [default:
                                            0.0.0.0]
                  --advertise-ip <IP>       One more IP address in the certificates
                  --diag-addr <ADDRESS>     Serve metrics and health over plain HTTP at this address
                  --pid-file <FILE>         File for the number of this process
                  --insecure                Join a cluster without recognising it: whoever answers gets the
                                            token. For tests
                  --auth-server <ADDRESS>   Address of the Auth Service, for a process without one of its own
                                            (`--roles=proxy`)
                  --token <TOKEN>           Token to join the cluster with, or a file that holds it; needed once
                  --ca-pin <PIN>            Pin by which the cluster is recognised; `tctl status` prints it
                  --skip-version-check      Accepted; nothing is compared
                  --no-debug-service        Accepted; there is no debug service
              -h, --help                    Print help
            → 0
        "]],
    );
    check(
        &world,
        &["help", "configure"],
        expect![["
            Prints a configuration file to start from, or checks one

            Usage: teleport configure [OPTIONS]

            Options:
              -d, --debug                  Say more in the log
              -o, --output <PLACE>         Where to: stdout, file (/etc/teleport.yaml), or a path [default:
                                           stdout]
                  --test <FILE>            Check this file and start nothing
                  --cluster-name <NAME>    Name of the cluster
                  --public-addr <ADDRESS>  Where people find the proxy; port 443 if it names none
                  --cert-file <FILE>       Certificate chain for HTTPS; with --key-file
                  --key-file <FILE>        Private key for HTTPS; with --cert-file
                  --data-dir <DIRECTORY>   Directory where everything is kept
              -r, --roles <ROLES>          Services to run: auth,proxy, auth, or proxy for a cluster whose Auth
                                           Service is elsewhere [default: auth,proxy]
                  --node-name <NAME>       What this host calls itself
                  --auth-server <ADDRESS>  Address of the Auth Service, for a process without one of its own
                  --token <TOKEN>          Token to join the cluster with, or a file that holds it
                  --version <VERSION>      Version of the file's form [default: v3] [possible values: v1, v2,
                                           v3]
              -h, --help                   Print help
            → 0
        "]],
    );
}

#[test]
fn a_configuration_to_start_from_is_a_good_one() {
    let world = World::new();
    let flags = [
        "--cluster-name=x.example.com",
        "--node-name=demo",
        "--data-dir=/var/lib/teleport",
    ];
    check(
        &world,
        &[&["configure"][..], &flags].concat(),
        expect![[r#"
        # Configuration of a Countersign cluster. Every key is described in docs/reference/configuration.md;
        # what is left out has a sensible value. `teleport configure --test FILE` checks a changed file.
        version: v3
        teleport:
          nodename: demo
          data_dir: /var/lib/teleport
          log:
            output: stderr
            severity: INFO
            format:
              output: text
          # /metrics, /healthz and /readyz, for example on 127.0.0.1:3000
          diag_addr: ""
        auth_service:
          enabled: "yes"
          listen_addr: 0.0.0.0:3025
          cluster_name: x.example.com
          proxy_listener_mode: multiplex
          # Other names and addresses that clients use for the Auth Service
          public_addr: []
        ssh_service:
          enabled: "no"
        proxy_service:
          enabled: "yes"
          https_keypairs: []
          https_keypairs_reload_interval: 1m
        → 0
    "#]],
    );
    check(
        &world,
        &[
            &[
                "configure",
                "--public-addr=teleport.example.com",
                "--cert-file=/etc/c.pem",
                "--key-file=/etc/k.pem",
            ][..],
            &flags,
        ]
        .concat(),
        expect![[r#"
            # Configuration of a Countersign cluster. Every key is described in docs/reference/configuration.md;
            # what is left out has a sensible value. `teleport configure --test FILE` checks a changed file.
            version: v3
            teleport:
              nodename: demo
              data_dir: /var/lib/teleport
              log:
                output: stderr
                severity: INFO
                format:
                  output: text
              # /metrics, /healthz and /readyz, for example on 127.0.0.1:3000
              diag_addr: ""
            auth_service:
              enabled: "yes"
              listen_addr: 0.0.0.0:3025
              cluster_name: x.example.com
              proxy_listener_mode: multiplex
              # Other names and addresses that clients use for the Auth Service
              public_addr: []
            ssh_service:
              enabled: "no"
            proxy_service:
              enabled: "yes"
              web_listen_addr: 0.0.0.0:443
              public_addr: teleport.example.com:443
              https_keypairs:
              - key_file: /etc/k.pem
                cert_file: /etc/c.pem
              https_keypairs_reload_interval: 1m
            → 0
        "#]],
    );
}

#[test]
fn a_configuration_is_written_once_and_can_be_checked() {
    let world = World::new();
    let place = format!("--output=file://{}", world.path("t.yaml").display());
    let write = ["configure", &place, "--cluster-name=x.example.com"];
    check(
        &world,
        &write,
        expect![[r#"

        A Teleport configuration file has been created at "HOME/t.yaml".
        To start Teleport with this configuration file, run:

        teleport start --config="HOME/t.yaml"

        Happy Teleporting!
        → 0
    "#]],
    );
    check(
        &world,
        &write,
        expect![["
        ! ERROR: will not overwrite existing file HOME/t.yaml, rm -f HOME/t.yaml and try again
        → 1
    "]],
    );
    let file = world.path("t.yaml");
    let file = file.to_str().expect("a path");
    check(
        &world,
        &["configure", "--test", file],
        expect![["
        ! OK HOME/t.yaml
        → 0
    "]],
    );
    fs::write(file, "teleport:\n  nodnema: x\nauth_servce:\n  enabled: yes\n").expect("written");
    check(
        &world,
        &["configure", "--test", file],
        expect![["
        ! FAIL HOME/t.yaml
        ! ERROR: failed parsing the config file HOME/t.yaml:
        !   line 2: unknown key `nodnema` in `teleport`
        !   line 3: unknown key `auth_servce`; did you mean `auth_service`?
        → 1
    "]],
    );
}

#[test]
fn flags_that_make_no_good_file_are_refused() {
    let world = World::new();
    check(
        &world,
        &["configure", "--acme", "--cluster-name=x"],
        expect![["
            ! ERROR: --acme is not available yet: it belongs to certificates by ACME (use --cert-file and --key-file)
            ! hint: leave it out
            → 1
        "]],
    );
    check(
        &world,
        &["configure", "--cert-file=/etc/c.pem"],
        expect![["
        ! ERROR: please provide both --cert-file and --key-file
        → 1
    "]],
    );
    check(
        &world,
        &["configure", "--public-addr=a b"],
        expect![["
        ! ERROR: --public-addr: address `a b` is not of the form `host:port`
        → 1
    "]],
    );
    check(
        &world,
        &["configure", "--roles=proxy"],
        expect![["
            ! ERROR: these flags cannot be followed:
            !   a process without an Auth Service of its own needs the address of one: `teleport.auth_server`, or `--auth-server`
            ! hint: nothing was written
            → 1
        "]],
    );
    check(
        &world,
        &["configure", "--cluster-name=bad name"],
        expect![["
            ! ERROR: these flags cannot be followed:
            !   `auth_service.cluster_name`: `bad name` is not made of letters, digits, dots and hyphens
            ! hint: nothing was written
            → 1
        "]],
    );
}
