//! Everybody in a story, and what they do, each by the call that their tools make.

use auth::credentials::totp::Seed;
use client::Cluster;
use jiff::SignedDuration;
use tonic::Status;
use wire::convert::timestamp;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{
    self, AccessRequestFilter, AccessRequestSpecV3, AccessRequestV3, AccessReview, AccessReviewSubmission,
    Metadata, RequestState,
};
use wire::resource::{Limits, defaults, read_all};

use crate::world::{World, hours, seconds};

/// The roles that the guide prints.
pub const GUIDE: &str = include_str!("../../../e2e/data/guide/dual-authorization-roles.yaml");
/// The plugin's role, user and helper role.
pub const PLUGIN: &str = include_str!("../../../e2e/data/guide/access-plugin.yaml");
/// The role that lets the plugin's certificate be signed.
pub const IMPERSONATOR: &str = include_str!("../../../e2e/data/guide/access-plugin-impersonator.yaml");

/// Somebody with a password and an authenticator app, signed in.
pub struct Person {
    pub name: String,
    pub password: String,
    pub seed: Seed,
    /// As the person's own tools call.
    pub cluster: Cluster,
}

/// The people of the guide.
pub struct Cast {
    pub bob: Person,
    pub alice: Person,
    pub ivan: Person,
    pub editor: Person,
}

impl World {
    /// The cluster as the guide leaves it: its roles, Bob who asks, Alice and Ivan who review, an editor.
    pub async fn cast(&self) -> Cast {
        self.apply(GUIDE).await;
        Cast {
            bob: self.person("bob@example.com", &["devops"]).await,
            alice: self.person("alice@example.com", &["dbreviewer"]).await,
            ivan: self.person("ivan@example.com", &["dbreviewer"]).await,
            editor: self.person("editor@example.com", &["access", "editor"]).await,
        }
    }

    /// Writes every role and user of a resource file, as the local administrator.
    pub async fn apply(&self, yaml: &str) {
        for resource in read_all(yaml, &Limits::default()).expect("a resource file") {
            match resource.kind() {
                wire::resource::Kind::Role => {
                    let mut role: types::RoleV6 = resource.to().expect("a role");
                    defaults::role(&mut role);
                    self.put_role(role).await.expect("stored");
                }
                wire::resource::Kind::User => {
                    let mut user: types::UserV2 = resource.to().expect("a user");
                    defaults::user(&mut user);
                    let request = users::UpsertUserRequest {
                        user: Some(Kept::from(user)),
                    };
                    self.admin.users().upsert_user(request).await.expect("stored");
                }
                other => panic!("a story has no use for {other:?}"),
            }
        }
    }

    pub async fn put_role(&self, role: types::RoleV6) -> Result<Kept<types::RoleV6>, Status> {
        let request = proto::UpsertRoleRequest {
            role: Some(Kept::from(role)),
        };
        Ok(self.admin.auth().upsert_role_v2(request).await?.into_inner())
    }

    /// A user nobody has signed in as yet.
    pub async fn user(&self, name: &str, roles: &[&str]) {
        let request = users::CreateUserRequest {
            user: Some(Kept::from(user(name, roles))),
        };
        self.admin.users().create_user(request).await.expect("a new user");
    }

    /// Gives a user other roles.
    pub async fn set_roles(&self, name: &str, roles: &[&str]) {
        let request = users::UpsertUserRequest {
            user: Some(Kept::from(user(name, roles))),
        };
        self.admin.users().upsert_user(request).await.expect("stored");
    }

    pub async fn delete_user(&self, name: &str) {
        let request = users::DeleteUserRequest {
            name: name.to_owned(),
        };
        self.admin.users().delete_user(request).await.expect("deleted");
    }

    /// A link for a user, as `tctl users add` and `tctl users reset` print it.
    pub async fn link(&self, name: &str, kind: &str) -> String {
        let request = proto::CreateResetPasswordTokenRequest {
            name: name.to_owned(),
            r#type: kind.to_owned(),
            ..Default::default()
        };
        let made = self.admin.auth().create_reset_password_token(request).await;
        let token = made
            .expect("a link")
            .into_inner()
            .metadata
            .expect("metadata")
            .name;
        self.plant(format!("the link for {name}"), token.clone());
        token
    }

    /// Accepts a link with a password and a new authenticator app.
    pub async fn accept(&self, token: &str, password: &str) -> Result<Seed, Status> {
        let shown = self
            .proxy
            .sign_in()
            .enrol_authenticator(ours::EnrolAuthenticatorRequest {
                token: token.to_owned(),
                ..Default::default()
            })
            .await?
            .into_inner();
        self.plant("the seed of an authenticator", shown.secret.clone());
        self.plant("a password", password);
        let seed = Seed::from_base32(&shown.secret).expect("a seed");
        let request = ours::AcceptInviteRequest {
            token: token.to_owned(),
            new_password: password.as_bytes().to_vec().into(),
            totp_code: seed.code(self.now()).expect("a code"),
            device_name: "otp-device".to_owned(),
            ..Default::default()
        };
        self.proxy.sign_in().accept_invite(request).await?;
        Ok(seed)
    }

    /// Somebody new, through invite and sign-in.
    pub async fn person(&self, name: &str, roles: &[&str]) -> Person {
        self.user(name, roles).await;
        let token = self.link(name, "invite").await;
        let password = format!("the password of {name}");
        let seed = self.accept(&token, &password).await.expect("accepted");
        let cluster = self.sign_in(name, &password, &seed).await.expect("signed in");
        Person {
            name: name.to_owned(),
            password,
            seed,
            cluster,
        }
    }

    /// Signs in with password and code, half a minute later, when the code is a new one.
    pub async fn sign_in(&self, name: &str, password: &str, seed: &Seed) -> Result<Cluster, Status> {
        self.clock.advance(seconds(30));
        let key = self.key();
        let line = key.public().to_ssh_line().into_bytes();
        let request = ours::FinishRequest {
            user: name.to_owned(),
            password: password.as_bytes().to_vec().into(),
            second_factor: Some(ours::finish_request::SecondFactor::TotpCode(
                seed.code(self.now()).expect("a code"),
            )),
            ssh_public_key: line.clone().into(),
            tls_public_key: line.into(),
            ..Default::default()
        };
        let answer = self.proxy.sign_in().finish(request).await?.into_inner();
        Ok(self.dial(self.identity(&key, &answer.tls_certificate)))
    }

    /// A session of the browser.
    pub async fn web_session(&self, person: &Person) -> ours::WebSession {
        self.clock.advance(seconds(30));
        let request = ours::OpenWebSessionRequest {
            user: person.name.clone(),
            password: person.password.as_bytes().to_vec().into(),
            second_factor: Some(ours::open_web_session_request::SecondFactor::TotpCode(
                person.seed.code(self.now()).expect("a code"),
            )),
            ..Default::default()
        };
        let opened = self
            .proxy
            .sign_in()
            .open_web_session(request)
            .await
            .expect("a session")
            .into_inner();
        self.plant("the id of a web session", opened.id.clone());
        self.plant("a bearer token", opened.bearer_token.clone());
        self.plant(
            "the key of a web session",
            String::from_utf8_lossy(&opened.tls_private_key).into_owned(),
        );
        opened
    }

    /// The same person, signed in anew.
    pub async fn again(&self, person: &Person) -> Cluster {
        self.sign_in(&person.name, &person.password, &person.seed)
            .await
            .expect("signed in")
    }

    /// A certificate for `user`, asked for by `by`: `tctl auth sign --user`.
    pub async fn sign_as(&self, by: &Cluster, user: &str, ttl: SignedDuration) -> Result<Cluster, Status> {
        self.certificate(by, |asked, now| {
            user.clone_into(&mut asked.username);
            asked.expires = Some(timestamp(now + ttl));
        })
        .await
    }

    /// The caller's own certificate with these requests inside: `tsh login --request-id`.
    pub async fn assume(&self, by: &Cluster, ids: &[&str]) -> Result<Cluster, Status> {
        self.certificate(by, |asked, _| {
            asked.access_requests = ids.iter().map(|id| (*id).to_owned()).collect();
        })
        .await
    }

    /// A certificate, asked for as `ask` says: by default the caller's own, for twelve hours.
    pub async fn certificate(
        &self,
        by: &Cluster,
        ask: impl FnOnce(&mut proto::UserCertsRequest, jiff::Timestamp),
    ) -> Result<Cluster, Status> {
        let key = self.key();
        let mut asked = proto::UserCertsRequest {
            username: by.identity().current().user().to_owned(),
            tls_public_key: key.public().to_ssh_line().into_bytes().into(),
            expires: Some(timestamp(self.now() + hours(12))),
            ..Default::default()
        };
        ask(&mut asked, self.now());
        let answer = by.auth().generate_user_certs(asked).await?.into_inner();
        Ok(self.dial(self.identity(&key, &answer.tls)))
    }
}

/// A user resource.
pub fn user(name: &str, roles: &[&str]) -> types::UserV2 {
    let mut user = types::UserV2 {
        metadata: Some(Metadata {
            name: name.to_owned(),
            ..Metadata::default()
        }),
        spec: Some(types::UserSpecV2 {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    defaults::user(&mut user);
    user
}

/// A role resource out of its `spec` in YAML.
pub fn role(name: &str, spec: &str) -> types::RoleV6 {
    let spec: Vec<&str> = spec.trim().lines().collect();
    let spec = spec.join("\n  ");
    let text = format!("kind: role\nversion: v7\nmetadata:\n  name: {name}\nspec:\n  {spec}\n");
    let read = wire::resource::read_one(&text, &Limits::default())
        .unwrap_or_else(|error| panic!("{text}\n{:?}", error.messages()));
    let mut role: types::RoleV6 = read.to().expect("a role");
    defaults::role(&mut role);
    role
}

/// A request as clients send it.
pub fn wanted(world: &World, user: &str, roles: &[&str]) -> AccessRequestV3 {
    AccessRequestV3 {
        kind: "access_request".to_owned(),
        version: "v3".to_owned(),
        metadata: Some(Metadata {
            name: world.uuid(),
            ..Metadata::default()
        }),
        spec: Some(AccessRequestSpecV3 {
            user: user.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            state: RequestState::Pending.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Sends a request.
pub async fn send(by: &Cluster, request: AccessRequestV3) -> Result<AccessRequestV3, Status> {
    let made = by.auth().create_access_request_v2(Kept::from(request)).await?;
    Ok(made.into_inner().into_message())
}

/// Asks for roles for oneself; gives the request's id.
pub async fn ask(world: &World, by: &Cluster, roles: &[&str]) -> String {
    let name = by.identity().current().user().to_owned();
    let request = send(by, wanted(world, &name, roles)).await.expect("a request");
    id_of(&request)
}

pub fn id_of(request: &AccessRequestV3) -> String {
    request.metadata.as_ref().expect("metadata").name.clone()
}

pub fn state_of(request: &AccessRequestV3) -> RequestState {
    request.spec.as_ref().expect("a spec").state()
}

/// A review as clients send it.
pub fn verdict(id: &str, state: RequestState) -> AccessReviewSubmission {
    AccessReviewSubmission {
        request_id: id.to_owned(),
        review: Some(AccessReview {
            proposed_state: state.into(),
            reason: "looked at it".to_owned(),
            ..Default::default()
        }),
    }
}

/// Reviews a request.
pub async fn review(by: &Cluster, submission: AccessReviewSubmission) -> Result<AccessRequestV3, Status> {
    Ok(by
        .auth()
        .submit_access_review(submission)
        .await?
        .into_inner()
        .into_message())
}

pub async fn approve(by: &Cluster, id: &str) -> Result<AccessRequestV3, Status> {
    review(by, verdict(id, RequestState::Approved)).await
}

pub async fn deny(by: &Cluster, id: &str) -> Result<AccessRequestV3, Status> {
    review(by, verdict(id, RequestState::Denied)).await
}

/// Sets a request's state: `tctl requests approve` and `deny`.
pub async fn set_state(by: &Cluster, id: &str, state: RequestState) -> Result<(), Status> {
    let request = proto::RequestStateSetter {
        id: id.to_owned(),
        state: state.into(),
        ..Default::default()
    };
    by.auth().set_access_request_state(request).await.map(|_| ())
}

/// The request as `by` sees it.
pub async fn look(by: &Cluster, id: &str) -> Option<AccessRequestV3> {
    let filter = AccessRequestFilter {
        id: id.to_owned(),
        ..Default::default()
    };
    list(by, filter).await.expect("a list").pop()
}

pub async fn list(by: &Cluster, filter: AccessRequestFilter) -> Result<Vec<AccessRequestV3>, Status> {
    let request = proto::ListAccessRequestsRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let found = by.auth().list_access_requests(request).await?.into_inner();
    Ok(found
        .access_requests
        .into_iter()
        .map(Kept::into_message)
        .collect())
}

/// A lock on a user.
pub async fn lock_user(by: &Cluster, world: &World, name: &str) -> Result<String, Status> {
    lock(
        by,
        world,
        types::LockTarget {
            user: name.to_owned(),
            ..Default::default()
        },
    )
    .await
}

/// A lock; gives its name.
pub async fn lock(by: &Cluster, world: &World, target: types::LockTarget) -> Result<String, Status> {
    let name = world.uuid();
    let lock = types::LockV2 {
        kind: "lock".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(Metadata {
            name: name.clone(),
            ..Metadata::default()
        }),
        spec: Some(types::LockSpecV2 {
            target: Some(target),
            ..Default::default()
        }),
        ..Default::default()
    };
    by.auth().upsert_lock(Kept::from(lock)).await?;
    Ok(name)
}

/// What a call was refused with.
pub fn refusal<T>(answer: Result<T, Status>) -> (tonic::Code, String) {
    match answer {
        Ok(_) => panic!("the call was not refused"),
        Err(status) => (status.code(), status.message().to_owned()),
    }
}

/// Asserts class and words of a refusal.
#[macro_export]
macro_rules! refused {
    ($answer:expr, $code:ident, $message:expr) => {
        assert_eq!(
            $crate::people::refusal($answer),
            (tonic::Code::$code, String::from($message))
        )
    };
}
