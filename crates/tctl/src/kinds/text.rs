//! How `tctl get --format=text` shows each kind.

use cli::{Table, moment, text};
use serde_json::Value as Json;
use wire::pb::types;
use wire::resource::{Kind, Resource};

use crate::columns::fitted;

/// The role that everybody has and nobody can change.
const IMPLICIT_ROLE: &str = "default-implicit-role";

/// Begins the login of a preset role with which nobody can log in.
const NO_LOGIN: &str = "no-login-";

/// The lines for resources of one kind, for a terminal of `columns`; everything in full if `verbose`.
pub fn text(kind: Kind, resources: &[Resource], verbose: bool, columns: usize) -> String {
    let documents: Vec<Json> = resources.iter().map(Resource::to_json).collect();
    let columns = if verbose { usize::MAX / 2 } else { columns };
    match kind {
        Kind::Role => roles(&documents, columns),
        // The original ends this list with an empty line.
        Kind::User => plain(["User"], &documents, |user| [string(user, "/metadata/name")]) + "\n",
        Kind::Lock => locks(resources),
        Kind::Token => plain(
            ["Token", "Type", "Labels", "Expiry Time (UTC)"],
            &documents,
            |token| {
                [
                    super::read::masked(&string(token, "/metadata/name")),
                    list(token, "/spec/roles", ","),
                    labels(token, "/metadata/labels"),
                    expiry(token, "/metadata/expires"),
                ]
            },
        ),
        Kind::Bot => plain(["Name", "Roles"], &documents, |bot| {
            [string(bot, "/metadata/name"), list(bot, "/spec/roles", ", ")]
        }),
        Kind::BotInstance => plain(["Bot", "ID"], &documents, |instance| {
            [
                string(instance, "/spec/bot_name"),
                string(instance, "/spec/instance_id"),
            ]
        }),
        Kind::AccessRequest => fitted(
            ["Name", "User", "Roles", "Annotations"],
            documents
                .iter()
                .map(|request| {
                    [
                        string(request, "/metadata/name"),
                        string(request, "/spec/user"),
                        list(request, "/spec/roles", ","),
                        labels(request, "/spec/system_annotations"),
                    ]
                })
                .collect(),
            columns,
        ),
        Kind::AccessMonitoringRule => plain(["Name", "Labels"], &documents, |rule| {
            [string(rule, "/metadata/name"), labels(rule, "/metadata/labels")]
        }),
        Kind::AccessList => plain(
            ["Name", "Title", "Review Frequency", "Next Audit Date"],
            &documents,
            |list| {
                [
                    string(list, "/metadata/name"),
                    string(list, "/spec/title"),
                    string(list, "/spec/audit/recurrence/frequency"),
                    string(list, "/spec/audit/next_audit_date"),
                ]
            },
        ),
        Kind::AccessListMember => plain(["Access List", "Member", "Expires"], &documents, |member| {
            [
                string(member, "/spec/access_list"),
                string(member, "/spec/name"),
                expiry(member, "/spec/expires"),
            ]
        }),
        Kind::Github => plain(["Name", "Teams To Logins"], &documents, |connector| {
            [string(connector, "/metadata/name"), teams(connector)]
        }),
        Kind::Saml => plain(["Name", "SSO URL"], &documents, |connector| {
            [
                string(connector, "/metadata/name"),
                string(connector, "/spec/sso"),
            ]
        }),
        Kind::Oidc => plain(
            ["Name", "Issuer URL", "Additional Scope"],
            &documents,
            |connector| {
                [
                    string(connector, "/metadata/name"),
                    string(connector, "/spec/issuer_url"),
                    list(connector, "/spec/scope", ","),
                ]
            },
        ),
        Kind::CertAuthority => authorities(resources),
        Kind::TrustedCluster => plain(
            [
                "Name",
                "Enabled",
                "Token",
                "Proxy Address",
                "Reverse Tunnel Address",
                "Role Map",
            ],
            &documents,
            |cluster| {
                [
                    string(cluster, "/metadata/name"),
                    string(cluster, "/spec/enabled"),
                    super::read::masked(&string(cluster, "/spec/token")),
                    string(cluster, "/spec/web_proxy_addr"),
                    string(cluster, "/spec/tunnel_addr"),
                    string(cluster, "/spec/role_map"),
                ]
            },
        ),
        Kind::ClusterAuthPreference => plain(["Type", "Second Factors"], &documents, |preference| {
            [string(preference, "/spec/type"), second_factors(preference)]
        }),
        Kind::ClusterNetworkingConfig => plain(
            [
                "Client Idle Timeout",
                "Keep Alive Interval",
                "Keep Alive Count Max",
                "Session Control Timeout",
            ],
            &documents,
            |config| {
                [
                    string(config, "/spec/client_idle_timeout"),
                    string(config, "/spec/keep_alive_interval"),
                    string(config, "/spec/keep_alive_count_max"),
                    string(config, "/spec/session_control_timeout"),
                ]
            },
        ),
        Kind::SessionRecordingConfig => plain(["Mode", "Proxy Checks Host Keys"], &documents, |config| {
            [
                string(config, "/spec/mode"),
                string(config, "/spec/proxy_checks_host_keys"),
            ]
        }),
        Kind::Node => fitted(
            ["Host", "UUID", "Public Address", "Labels", "Version"],
            documents
                .iter()
                .map(|node| {
                    let public = string(node, "/spec/public_addrs/0");
                    let address = if public.is_empty() {
                        string(node, "/spec/addr")
                    } else {
                        public
                    };
                    [
                        string(node, "/spec/hostname"),
                        string(node, "/metadata/name"),
                        address,
                        labels(node, "/metadata/labels"),
                        string(node, "/spec/version"),
                    ]
                })
                .collect(),
            columns,
        ),
        Kind::App => plain(
            ["Application", "Description", "Public Address", "URI", "Labels"],
            &documents,
            |app| {
                [
                    string(app, "/metadata/name"),
                    string(app, "/metadata/description"),
                    string(app, "/spec/public_addr"),
                    string(app, "/spec/uri"),
                    labels(app, "/metadata/labels"),
                ]
            },
        ),
        Kind::Db => plain(["Name", "Protocol", "URI", "Labels"], &documents, |database| {
            [
                string(database, "/metadata/name"),
                string(database, "/spec/protocol"),
                string(database, "/spec/uri"),
                labels(database, "/metadata/labels"),
            ]
        }),
        Kind::KubeCluster => plain(["Cluster", "Labels"], &documents, |cluster| {
            [
                string(cluster, "/metadata/name"),
                labels(cluster, "/metadata/labels"),
            ]
        }),
        _ => plain(["Name"], &documents, |document| {
            [string(document, "/metadata/name")]
        }),
    }
}

fn plain<const N: usize>(
    header: [&str; N],
    documents: &[Json],
    cells: impl Fn(&Json) -> [String; N],
) -> String {
    let mut table = Table::new(header);
    for document in documents {
        table.row(cells(document));
    }
    table.print(usize::MAX)
}

fn roles(documents: &[Json], columns: usize) -> String {
    let rows = documents
        .iter()
        .filter(|role| string(role, "/metadata/name") != IMPLICIT_ROLE)
        .map(|role| {
            [
                string(role, "/metadata/name"),
                logins(role),
                node_labels(role),
                rules(role),
            ]
        })
        .collect();
    let header = [
        "Role",
        "Allowed to login as",
        "Node Labels",
        "Access to resources",
    ];
    fitted(header, rows, columns)
}

/// The logins of a role. One that was made up because a certificate needs one is nobody's login.
fn logins(role: &Json) -> String {
    let logins = role.pointer("/spec/allow/logins").and_then(Json::as_array);
    let shown: Vec<&str> = logins
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .filter(|login| !login.starts_with(NO_LOGIN))
        .collect();
    shown.join(",")
}

/// `<all nodes>`, or `env=[prod],type=[db]`.
fn node_labels(role: &Json) -> String {
    let written = labels(role, "/spec/allow/node_labels");
    match written.as_str() {
        "*=[*]" => "<all nodes>".to_owned(),
        "" => string(role, "/spec/allow/node_labels_expression"),
        _ => written,
    }
}

/// `access_request:list,read,access_plugin_data:update`.
fn rules(role: &Json) -> String {
    let rules = role.pointer("/spec/allow/rules").and_then(Json::as_array);
    let rule = |rule: &Json| format!("{}:{}", list(rule, "/resources", ","), list(rule, "/verbs", ","));
    rules
        .into_iter()
        .flatten()
        .map(rule)
        .collect::<Vec<_>>()
        .join(",")
}

fn locks(resources: &[Resource]) -> String {
    let mut table = Table::new(["ID", "Target", "Message", "Expires"]);
    for resource in resources {
        let spec = resource
            .to::<types::LockV2>()
            .ok()
            .and_then(|lock| lock.spec)
            .unwrap_or_default();
        let expires = wire::convert::moment(spec.expires.as_ref());
        table.row([
            resource.name(),
            target(&spec.target.unwrap_or_default()),
            spec.message,
            expires.map_or_else(
                || "never".to_owned(),
                |expires| expires.strftime("%a %b %d %H:%M UTC").to_string(),
            ),
        ]);
    }
    table.print(usize::MAX)
}

/// `User:"bob"`.
fn target(target: &types::LockTarget) -> String {
    let named = [
        ("User", &target.user),
        ("Role", &target.role),
        ("Login", &target.login),
        ("Node", &target.node),
        ("MFADevice", &target.mfa_device),
        ("WindowsDesktop", &target.windows_desktop),
        ("AccessRequest", &target.access_request),
        ("Device", &target.device),
        ("ServerID", &target.server_id),
        ("BotInstanceID", &target.bot_instance_id),
        ("JoinToken", &target.join_token),
    ];
    named
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}:{}", text::quoted(value)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn authorities(resources: &[Resource]) -> String {
    let mut table = Table::new(["Cluster Name", "CA Type", "Fingerprint", "Role Map"]);
    for resource in resources {
        let authority = resource.to::<types::CertAuthorityV2>().unwrap_or_default();
        let spec = authority.spec.unwrap_or_default();
        let sets = spec.active_keys.iter().chain(&spec.additional_trusted_keys);
        for pair in sets.flat_map(|set| &set.ssh) {
            let line = String::from_utf8_lossy(&pair.public_key);
            let fingerprint = pki::PublicKey::from_text(line.trim()).map(|key| key.ssh_fingerprint());
            table.row([
                spec.cluster_name.clone(),
                spec.r#type.clone(),
                fingerprint.unwrap_or_else(|error| error.to_string()),
                if spec.r#type == "host" { "N/A" } else { "[]" }.to_owned(),
            ]);
        }
    }
    table.print(usize::MAX)
}

/// `@org/team: login`.
fn teams(connector: &Json) -> String {
    let mappings = connector
        .pointer("/spec/teams_to_logins")
        .and_then(Json::as_array);
    let mapping = |mapping: &Json| {
        format!(
            "@{}/{}: {}",
            string(mapping, "/organization"),
            string(mapping, "/team"),
            list(mapping, "/logins", ", ")
        )
    };
    mappings
        .into_iter()
        .flatten()
        .map(mapping)
        .collect::<Vec<_>>()
        .join(", ")
}

fn second_factors(preference: &Json) -> String {
    let listed = list(preference, "/spec/second_factors", ",");
    if listed.is_empty() {
        return string(preference, "/spec/second_factor");
    }
    listed
}

/// The text at a place, empty if there is none.
fn string(document: &Json, place: &str) -> String {
    match document.pointer(place) {
        Some(Json::String(text)) => text.clone(),
        None | Some(Json::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn list(document: &Json, place: &str, between: &str) -> String {
    let items = document.pointer(place).and_then(Json::as_array);
    let shown = |item: &Json| string(item, "");
    items
        .into_iter()
        .flatten()
        .map(shown)
        .collect::<Vec<_>>()
        .join(between)
}

/// `env=[prod],type=[a b]`; labels with one value each look like `env=prod` in documents and the same here.
fn labels(document: &Json, place: &str) -> String {
    let entries = document.pointer(place).and_then(Json::as_object);
    let entry = |(name, value): (&String, &Json)| match value {
        Json::Array(_) => format!("{name}=[{}]", list(value, "", " ")),
        one => format!("{name}=[{}]", string(one, "")),
    };
    entries
        .into_iter()
        .flatten()
        .map(entry)
        .collect::<Vec<_>>()
        .join(",")
}

fn expiry(document: &Json, place: &str) -> String {
    let written = string(document, place);
    match written.parse() {
        Ok(expires) => moment::rfc822(expires),
        Err(_) => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use wire::resource::{Limits, read_all};

    use super::*;

    fn check(document: &str, expected: Expect) {
        let resources = read_all(document, &Limits::FILE).expect("a document");
        expected.assert_eq(&text(resources[0].kind(), &resources, false, 80));
    }

    #[test]
    fn roles() {
        check(
            "{kind: role, version: v7, metadata: {name: wd}, spec: {allow: {node_labels: {env: [a, b], x: '^re.*$'}}}}",
            expect![[r"
                Role Allowed to login as Node Labels          Access to resources 
                ---- ------------------- -------------------- ------------------- 
                wd                       env=[a b],x=[^re.*$]                     
            "]],
        );
        check(
            "{kind: role, version: v7, metadata: {name: all}, spec: {allow: {logins: [root, admin], node_labels: {'*': '*'}, \
             rules: [{resources: [role, user], verbs: [list, read]}, {resources: [lock], verbs: [create]}]}}}",
            expect![[r"
                Role Allowed to login as Node Labels Access to resources             
                ---- ------------------- ----------- ------------------------------- 
                all  root,admin          <all nodes> role,user:list,read,lock:create 
            "]],
        );
    }

    #[test]
    fn locks() {
        check(
            "kind: lock\nversion: v2\nmetadata: {name: l}\nspec: {target: {user: l1}, message: gone, expires: '2026-11-21T18:50:00Z'}\n\
             ---\nkind: lock\nversion: v2\nmetadata: {name: m}\nspec: {target: {access_request: abc}}\n",
            expect![[r#"
                ID   Target              Message Expires              
                --   ------------------- ------- -------------------- 
                l    User:"l1"           gone    Sat Nov 21 18:50 UTC 
                m    AccessRequest:"abc"         never                
            "#]],
        );
        assert_eq!(
            text(Kind::Lock, &[], false, 80),
            "ID   Target Message Expires \n--   ------ ------- ------- \n"
        );
    }

    #[test]
    fn users() {
        assert_eq!(text(Kind::User, &[], false, 80), "User \n---- \n\n");
    }

    #[test]
    fn settings() {
        check(
            "{kind: cluster_auth_preference, version: v2, spec: {type: local, second_factor: otp}}",
            expect![[r"
                Type  Second Factors 
                ----- -------------- 
                local otp            
            "]],
        );
        check(
            "{kind: cluster_networking_config, version: v2, spec: {keep_alive_interval: 5m, keep_alive_count_max: 3}}",
            expect![[r"
                Client Idle Timeout Keep Alive Interval Keep Alive Count Max Session Control Timeout 
                ------------------- ------------------- -------------------- ----------------------- 
                0s                  5m0s                3                    0s                      
            "]],
        );
        check(
            "{kind: session_recording_config, version: v2, spec: {mode: node, proxy_checks_host_keys: true}}",
            expect![[r"
                Mode Proxy Checks Host Keys 
                ---- ---------------------- 
                node true                   
            "]],
        );
    }

    #[test]
    fn names_from_people_cannot_drive_the_terminal() {
        let lock = "{kind: lock, version: v2, metadata: {name: l}, spec: {target: {user: x}, message: \"a\\e[2Jb\\u202e\"}}";
        check(
            lock,
            expect![[r#"
            ID   Target   Message             Expires 
            --   -------- ------------------- ------- 
            l    User:"x" a\u{1b}[2Jb\u{202e} never   
        "#]],
        );
    }
}
