//! Who calls: the guide's roles and as many people as a goal needs, each with a certificate and a connection.

use auth::services::certificates::{Wanted, sign, subject};
use auth::services::requests::person;
use client::Cluster;
use client::identity::{Identity, IdentityParts, Origin};
use pki::{Algorithm, KeyPair};
use transport::system::SystemEntropy;
use wire::keep::Kept;
use wire::pb::proto::UpsertRoleRequest;
use wire::pb::teleport::users::v1::CreateUserRequest;
use wire::pb::types;
use wire::resource::{Kind, Limits, read_all};

use super::{World, refused};
use crate::bench::trouble::{Outcome, While as _};

/// The roles, as a person would write them.
const ROLES: &str = "
kind: role
version: v7
metadata: {name: elevated-access}
spec: {allow: {logins: [root]}}
---
kind: role
version: v7
metadata: {name: asks-two}
spec: {allow: {request: {roles: [elevated-access], thresholds: [{approve: 2, deny: 1}]}}}
---
kind: role
version: v7
metadata: {name: asks-a-hundred}
spec: {allow: {request: {roles: [elevated-access], thresholds: [{approve: 100, deny: 100}]}}}
---
kind: role
version: v7
metadata: {name: reviews}
spec: {allow: {review_requests: {roles: [elevated-access]}}}
---
kind: role
version: v7
metadata: {name: sees}
spec: {allow: {rules: [{resources: [access_request], verbs: [list, read]}]}}
---
kind: role
version: v7
metadata: {name: access-plugin}
spec:
  allow:
    rules:
    - {resources: [access_request], verbs: [list, read]}
    - {resources: [access_plugin_data], verbs: [update]}
";

/// Somebody who can call.
#[derive(Clone)]
pub struct Voice {
    /// The name.
    pub name: String,
    /// The connection.
    pub cluster: Cluster,
}

impl World {
    pub(super) async fn make_roles(&self) -> Outcome<()> {
        let roles = read_all(ROLES, &Limits::default()).to("read the roles")?;
        for role in roles {
            debug_assert_eq!(role.kind(), Kind::Role);
            let message: types::RoleV6 = role.to().to("read the roles")?;
            self.admin
                .auth()
                .upsert_role_v2(UpsertRoleRequest {
                    role: Some(Kept::from(message)),
                })
                .await
                .map_err(|status| refused("make the roles", &status))?;
        }
        Ok(())
    }

    /// Makes a person with these roles and connects as that person.
    pub async fn person(&self, name: &str, roles: &[&str]) -> Outcome<Voice> {
        let user = types::UserV2 {
            kind: "user".to_owned(),
            version: "v2".to_owned(),
            metadata: Some(types::Metadata {
                name: name.to_owned(),
                namespace: "default".to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::UserSpecV2 {
                roles: roles.iter().map(ToString::to_string).collect(),
                ..types::UserSpecV2::default()
            }),
            ..types::UserV2::default()
        };
        self.admin
            .users()
            .create_user(CreateUserRequest {
                user: Some(Kept::from(user)),
            })
            .await
            .map_err(|status| refused("make a user", &status))?;
        let key = KeyPair::generate(Algorithm::P256, &SystemEntropy).to("make a key")?;
        // What signing in ends with, without the password: hashing a hundred of them would only make people wait.
        let now = self.now();
        let person = person(&self.auth, name, now)
            .await
            .to("read a user")?
            .to("read a user")?;
        let permit = access::issue::sign_in(&subject(&person), None, None, now).to("issue a certificate")?;
        let keys = Wanted {
            ssh: None,
            tls: Some(key.public().clone()),
        };
        let call = self.auth.own_call("/bench/SignIn");
        let certificates = sign(&self.auth, &call, &permit, &keys)
            .await
            .to("issue a certificate")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parts = IdentityParts {
            private_key: key.to_pem().to("write a key")?,
            tls_certificate: text(&certificates.tls),
            tls_authorities: certificates.tlsca_certs.iter().map(|pem| text(pem)).collect(),
            ssh_certificate: None,
        };
        let identity = Identity::new(&parts, Origin::Process).to("use a certificate")?;
        Ok(Voice {
            name: name.to_owned(),
            cluster: self.connect(identity).await?,
        })
    }

    /// `count` people who may review.
    pub async fn reviewers(&self, count: usize) -> Outcome<Vec<Voice>> {
        let mut reviewers = Vec::with_capacity(count);
        for number in 0..count {
            reviewers.push(self.person(&format!("reviewer-{number}"), &["reviews"]).await?);
        }
        Ok(reviewers)
    }
}
