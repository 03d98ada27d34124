//! A status as people and as programs read it. Rows, their order and their names are the original's.

use cli::{duration, moment, text};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Fields;

/// The active profile, then the others, each followed by an empty line.
pub fn text(active: &Fields, others: &[Fields], now: Timestamp, verbose: bool) -> String {
    let mut lines = block(active, true, now, verbose);
    for other in others {
        lines.push_str(&block(other, false, now, verbose));
    }
    lines
}

fn block(fields: &Fields, active: bool, now: Timestamp, verbose: bool) -> String {
    let mut rows = Rows::default();
    rows.text("Profile URL:", &fields.profile_url);
    rows.text("Logged in as:", &fields.username);
    rows.list("Active requests:", &fields.active_requests);
    rows.text("Cluster:", &fields.cluster);
    rows.text("Roles:", &fields.roles.join(", "));
    if verbose {
        let traits = fields.traits.iter().filter(|(_, values)| !values.is_empty());
        let traits: Vec<String> = traits
            .map(|(name, values)| format!("{name}: [{}]", values.join(" ")))
            .collect();
        rows.list("Traits:", &traits);
    }
    rows.list("Logins:", &fields.logins);
    let enabled = if fields.kubernetes_enabled {
        "enabled"
    } else {
        "disabled"
    };
    rows.text("Kubernetes:", enabled);
    if !fields.kubernetes_cluster.is_empty() {
        rows.text("Kubernetes cluster:", &text::quoted(&fields.kubernetes_cluster));
    }
    rows.list("Kubernetes users:", &fields.kubernetes_users);
    rows.list("Kubernetes groups:", &fields.kubernetes_groups);
    if !fields.allowed_resources.is_empty() {
        let listed = Value::from(fields.allowed_resources.as_slice());
        rows.text("Allowed Resources:", &listed.to_string());
    }
    let until = moment::long(fields.valid_until);
    let left = left(fields.valid_until, now);
    rows.text("Valid until:", &format!("{until} [{left}]"));
    rows.list("Extensions:", &fields.extensions);
    if verbose {
        let options = fields.critical_options.iter();
        let options: Vec<String> = options.map(|(name, value)| format!("{name}: {value}")).collect();
        rows.list("Critical options:", &options);
    }
    let mark = if active { "> " } else { "  " };
    format!("{mark}{}\n", rows.0.trim_start_matches(' '))
}

/// Lines of a name and a value each.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn text(&mut self, name: &str, value: &str) {
        self.0
            .push_str(&format!("  {name:<20}{}\n", text::visible(value)));
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.text(name, &values.join(", "));
        }
    }
}

/// How long something is still valid, in the words of the original.
fn left(until: Timestamp, now: Timestamp) -> String {
    let left = until.duration_since(now);
    if !left.is_positive() {
        "EXPIRED".to_owned()
    } else if left.as_secs() < 60 {
        "valid for <1m".to_owned()
    } else {
        format!("valid for {}", duration::print_minutes(left))
    }
}

/// The same for programs.
pub fn json(active: &Fields, others: &[Fields]) -> Value {
    let others: Vec<Value> = others.iter().map(object).collect();
    json!({"active": object(active), "profiles": others})
}

/// An object whose members keep their order, and are absent where there is nothing to say.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn always(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.always(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.always(name, values);
        }
    }

    fn map(&mut self, name: &str, values: Map<String, Value>) {
        if !values.is_empty() {
            self.always(name, values);
        }
    }
}

fn object(fields: &Fields) -> Value {
    let traits = fields.traits.iter().map(|(name, values)| {
        let values = (!values.is_empty()).then(|| values.clone());
        (name.clone(), values.into())
    });
    let options = fields.critical_options.iter();
    let mut members = Members::default();
    members.always("profile_url", fields.profile_url.as_str());
    members.always("username", fields.username.as_str());
    members.list("active_requests", &fields.active_requests);
    members.always("cluster", fields.cluster.as_str());
    members.list("roles", &fields.roles);
    members.map("traits", traits.collect());
    members.list("logins", &fields.logins);
    members.always("kubernetes_enabled", fields.kubernetes_enabled);
    members.text("kubernetes_cluster", &fields.kubernetes_cluster);
    members.list("kubernetes_users", &fields.kubernetes_users);
    members.list("kubernetes_groups", &fields.kubernetes_groups);
    members.always("valid_until", moment::rfc3339(fields.valid_until));
    members.list("extensions", &fields.extensions);
    members.map(
        "critical_options",
        options
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect(),
    );
    if !fields.allowed_resources.is_empty() {
        let resources: Vec<Value> = fields.allowed_resources.iter().map(|id| resource(id)).collect();
        members.always("allowed_resources", resources);
    }
    Value::Object(members.0)
}

/// `/CLUSTER/KIND/NAME[/SUB]` taken apart.
fn resource(id: &str) -> Value {
    let mut parts = id.trim_start_matches('/').splitn(4, '/');
    let mut next = || parts.next().unwrap_or_default();
    let mut object = json!({"cluster": next(), "kind": next(), "name": next()});
    let sub = next();
    if !sub.is_empty() {
        object["sub_resource"] = sub.into();
    }
    object
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn bob() -> Fields {
        Fields {
            profile_url: "https://localhost:3080".to_owned(),
            username: "bob@example.com".to_owned(),
            cluster: "teleport.example.com".to_owned(),
            roles: vec!["devops".to_owned()],
            kubernetes_enabled: true,
            valid_until: "2025-08-27T22:00:00Z".parse().unwrap(),
            extensions: [
                "login-ip",
                "permit-port-forwarding",
                "permit-pty",
                "private-key-policy",
            ]
            .map(str::to_owned)
            .into(),
            traits: [("logins".to_owned(), Vec::new())].into(),
            ..Fields::default()
        }
    }

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    #[test]
    fn a_status_reads_as_the_original_was_seen_to_print_it() {
        expect![[r"
            > Profile URL:        https://localhost:3080
              Logged in as:       bob@example.com
              Cluster:            teleport.example.com
              Roles:              devops
              Kubernetes:         enabled
              Valid until:        2025-08-27 22:00:00 +0000 UTC [valid for 12h0m0s]
              Extensions:         login-ip, permit-port-forwarding, permit-pty, private-key-policy

        "]]
        .assert_eq(&text(&bob(), &[], at("2025-08-27T09:59:59Z"), false));
    }

    #[test]
    fn what_a_request_gave_is_shown() {
        let bob = Fields {
            active_requests: vec!["0193496f-268c-727e-b696-600a868429ff".to_owned()],
            roles: vec!["devops".to_owned(), "elevated-access".to_owned()],
            logins: vec!["root".to_owned()],
            ..bob()
        };
        let other = Fields {
            profile_url: "https://other\u{1b}[2J:443".to_owned(),
            kubernetes_enabled: false,
            ..self::bob()
        };
        expect![[r"
            > Profile URL:        https://localhost:3080
              Logged in as:       bob@example.com
              Active requests:    0193496f-268c-727e-b696-600a868429ff
              Cluster:            teleport.example.com
              Roles:              devops, elevated-access
              Logins:             root
              Kubernetes:         enabled
              Valid until:        2025-08-27 22:00:00 +0000 UTC [valid for <1m]
              Extensions:         login-ip, permit-port-forwarding, permit-pty, private-key-policy

              Profile URL:        https://other\u{1b}[2J:443
              Logged in as:       bob@example.com
              Cluster:            teleport.example.com
              Roles:              devops
              Kubernetes:         disabled
              Valid until:        2025-08-27 22:00:00 +0000 UTC [valid for <1m]
              Extensions:         login-ip, permit-port-forwarding, permit-pty, private-key-policy

        "]]
        .assert_eq(&text(&bob, &[other], at("2025-08-27T21:59:01Z"), false));
    }

    #[test]
    fn an_end_is_an_end() {
        assert_eq!(
            left(at("2025-08-27T22:00:00Z"), at("2025-08-27T22:00:00Z")),
            "EXPIRED"
        );
        assert_eq!(
            left(at("2025-08-27T22:00:00Z"), at("2025-08-27T21:59:00Z")),
            "valid for 1m0s"
        );
    }

    #[test]
    fn programs_find_what_they_found_in_the_original() {
        expect![[r#"
            {
              "active": {
                "profile_url": "https://localhost:3080",
                "username": "bob@example.com",
                "cluster": "teleport.example.com",
                "roles": [
                  "devops"
                ],
                "traits": {
                  "logins": null
                },
                "kubernetes_enabled": true,
                "valid_until": "2025-08-27T22:00:00Z",
                "extensions": [
                  "login-ip",
                  "permit-port-forwarding",
                  "permit-pty",
                  "private-key-policy"
                ]
              },
              "profiles": []
            }"#]]
        .assert_eq(&wire::resource::json::pretty(&json(&bob(), &[]), 2));
    }

    #[test]
    fn a_resource_is_taken_apart() {
        assert_eq!(
            resource("/c/node/n/sub/more"),
            json!({"cluster": "c", "kind": "node", "name": "n", "sub_resource": "sub/more"})
        );
    }
}
