//! Behind a load balancer that ends TLS, a real nginx: the original's packages and our own programs pass it by an upgrade
//! of the connection.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::cluster::{self, Cluster, free_port};
use e2e::wait::until;
use e2e::{Outcome, Person};

use crate::original::{program, said};
use crate::world::World;

/// A running nginx in front of a proxy, with the proxy's own public certificate. It is stopped when this is dropped.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    fn start(cluster: &Cluster, passes_upgrades: bool) -> Self {
        let folder = cluster.folder().join("nginx");
        fs::create_dir_all(&folder).expect("a folder");
        let port = free_port();
        let upgrade = if passes_upgrades {
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $passing;"
        } else {
            ""
        };
        let text = format!(
            "daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
             fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n\
             map $http_upgrade $passing {{ default upgrade; '' close; }}\n\
             server {{\nlisten 127.0.0.1:{port} ssl;\nserver_name localhost;\n\
             ssl_certificate {own}/web.crt;\nssl_certificate_key {own}/web.key;\n\
             location / {{\nproxy_pass https://{proxy};\nproxy_http_version 1.1;\nproxy_set_header Host $host;\n\
             {upgrade}\nproxy_read_timeout 1h;\n}}\n}}\n}}\n",
            folder = folder.display(),
            own = cluster.folder().display(),
            proxy = cluster.proxy().replace("localhost", "127.0.0.1"),
        );
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, text).expect("written");
        let log = fs::File::create(folder.join("log")).expect("a log");
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nginx");
        let nginx = Self { child, port };
        nginx.wait(cluster.web_authority().as_path(), &folder);
        nginx
    }

    fn wait(&self, authority: &Path, folder: &Path) {
        let url = format!("https://{}/webapi/find", self.address());
        until(
            "nginx to serve",
            || {
                let mut curl = Command::new("curl");
                curl.args(["--silent", "--fail", "--max-time", "5", "--cacert"])
                    .arg(authority)
                    .arg(&url);
                (Outcome::of(&mut curl, "").code == Some(0)).then_some(())
            },
            || fs::read_to_string(folder.join("log")).unwrap_or_default(),
        );
    }

    fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        cluster::signal("TERM", &self.child);
        let _ = self.child.wait();
    }
}

/// An identity file of the guide's plugin.
fn identity(world: &World) -> String {
    let path = world.folder.path().join("identity").display().to_string();
    let out = format!("--out={path}");
    let _ = world
        .cluster
        .tctl(&["auth", "sign", "--user=access-plugin", &out])
        .succeeded();
    path
}

#[test]
fn the_originals_packages_pass_a_load_balancer() {
    let Some(program) = program() else { return };
    let world = World::new();
    let bob = Person::signed_in(&world.cluster, "bob@example.com", "devops");
    let nginx = Nginx::start(&world.cluster, true);
    let identity = identity(&world);
    let mut command = Command::new(&program);
    bob.as_me(&mut command);
    command
        .args(["-upgrade", "-proxy", &nginx.address(), "-cluster", cluster::NAME])
        .args(["-identity", &identity, "-profile"])
        .arg(bob.profile())
        .arg("roads");
    let lines = said(&mut command);
    assert!(lines.len() >= 8, "{lines:?}");
}

#[test]
fn our_own_programs_find_the_way_through_a_load_balancer() {
    let world = World::new();
    let bob = Person::signed_in(&world.cluster, "bob@example.com", "devops");
    let nginx = Nginx::start(&world.cluster, true);
    let server = format!("--auth-server={}", nginx.address());
    let identity = identity(&world);
    let listed = bob
        .tctl(&["-i", &identity, &server, "requests", "ls"])
        .succeeded();
    assert!(listed.says("Token"), "{listed}");
}

#[test]
fn a_load_balancer_that_passes_no_upgrades_is_named() {
    let world = World::new();
    let bob = Person::signed_in(&world.cluster, "bob@example.com", "devops");
    let nginx = Nginx::start(&world.cluster, false);
    let server = format!("--auth-server={}", nginx.address());
    let identity = identity(&world);
    let _ = bob
        .tctl(&["-i", &identity, &server, "requests", "ls"])
        .failed()
        .saying(&["hint:", "/webapi/connectionupgrade"]);
}
