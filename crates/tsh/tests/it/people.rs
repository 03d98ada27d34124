//! Everybody in a story: a home of their own, a password, an authenticator.

use std::path::PathBuf;

use access::ambient::Clock as _;
use auth::credentials::totp::Seed;
use jiff::SignedDuration;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{CreateResetPasswordTokenRequest, RequestStateSetter, UpsertRoleRequest};
use wire::pb::teleport::users::v1::CreateUserRequest;
use wire::pb::types;
use wire::resource::{Limits, defaults, read_all};

use crate::world::World;

/// The roles that the guide prints.
const GUIDE: &str = include_str!("../../../e2e/data/guide/dual-authorization-roles.yaml");

/// Somebody with a home, a password and an authenticator.
pub struct Person {
    pub name: String,
    pub password: String,
    pub home: PathBuf,
    pub seed: Seed,
}

/// The people of the guide.
pub struct Cast {
    pub bob: Person,
    pub alice: Person,
    pub ivan: Person,
}

impl World {
    /// The guide's roles, Bob who asks, Alice and Ivan who review; all of them signed in.
    pub fn cast(&self) -> Cast {
        self.roles(GUIDE);
        let person = |name: &str, role: &str| {
            let person = self.person(name, &[role]);
            self.login(&person);
            person
        };
        Cast {
            bob: person("bob@example.com", "devops"),
            alice: person("alice@example.com", "dbreviewer"),
            ivan: person("ivan@example.com", "dbreviewer"),
        }
    }

    /// Writes roles, as the local administrator.
    pub fn roles(&self, yaml: &str) {
        for resource in read_all(yaml, &Limits::default()).unwrap() {
            let mut role: types::RoleV6 = resource.to().unwrap();
            defaults::role(&mut role);
            let request = UpsertRoleRequest {
                role: Some(Kept::from(role)),
            };
            self.runtime
                .block_on(async { self.admin.auth().upsert_role_v2(request).await })
                .unwrap();
        }
    }

    /// Takes an approval back, as an administrator.
    pub fn revoke(&self, id: &str) {
        let setter = RequestStateSetter {
            id: id.to_owned(),
            state: types::RequestState::Denied as i32,
            ..RequestStateSetter::default()
        };
        self.runtime
            .block_on(async { self.admin.auth().set_access_request_state(setter).await })
            .unwrap();
    }

    /// Locks somebody out.
    pub fn lock(&self, user: &str) {
        let mut lock = types::LockV2 {
            metadata: Some(types::Metadata {
                name: "8c1d3f2e-6a45-4b7c-9d10-2e5f7a9b3c4d".to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(types::LockTarget {
                    user: user.to_owned(),
                    ..types::LockTarget::default()
                }),
                ..types::LockSpecV2::default()
            }),
            ..types::LockV2::default()
        };
        defaults::lock(&mut lock);
        self.runtime
            .block_on(async { self.admin.auth().upsert_lock(Kept::from(lock)).await })
            .unwrap();
    }

    /// A user nobody has signed in as yet, and the link to their first sign-in.
    pub fn invited(&self, name: &str, roles: &[&str]) -> String {
        let mut user = types::UserV2 {
            metadata: Some(types::Metadata {
                name: name.to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::UserSpecV2 {
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                ..types::UserSpecV2::default()
            }),
            ..types::UserV2::default()
        };
        defaults::user(&mut user);
        let token = self.runtime.block_on(async {
            let request = CreateUserRequest {
                user: Some(Kept::from(user)),
            };
            self.admin.users().create_user(request).await.unwrap();
            let request = CreateResetPasswordTokenRequest {
                name: name.to_owned(),
                r#type: "invite".to_owned(),
                ..CreateResetPasswordTokenRequest::default()
            };
            let made = self
                .admin
                .auth()
                .create_reset_password_token(request)
                .await
                .unwrap();
            made.into_inner().metadata.unwrap().name
        });
        format!("https://{}/web/invite/{token}", self.address())
    }

    /// Somebody who has accepted an invitation, in the browser so to say.
    pub fn person(&self, name: &str, roles: &[&str]) -> Person {
        let link = self.invited(name, roles);
        let token = link.rsplit('/').next().unwrap().to_owned();
        let password = format!("the password of {name}");
        let seed = self.runtime.block_on(async {
            let request = ours::EnrolAuthenticatorRequest {
                token: token.clone(),
                ..ours::EnrolAuthenticatorRequest::default()
            };
            let shown = self.proxy.sign_in().enrol_authenticator(request).await.unwrap();
            let seed = Seed::from_base32(&shown.into_inner().secret).unwrap();
            let request = ours::AcceptInviteRequest {
                token,
                new_password: password.clone().into_bytes().into(),
                totp_code: seed.code(self.clock.now()).unwrap(),
                device_name: "otp-device".to_owned(),
                ..ours::AcceptInviteRequest::default()
            };
            self.proxy.sign_in().accept_invite(request).await.unwrap();
            seed
        });
        Person {
            home: self.home(name),
            name: name.to_owned(),
            password,
            seed,
        }
    }

    /// A home for somebody.
    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.directory.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    /// A code that was not used before.
    pub fn code(&self, seed: &Seed) -> String {
        self.clock.advance(SignedDuration::from_secs(30));
        seed.code(self.clock.now()).unwrap()
    }

    /// Password and code, as a script gives them.
    pub fn answers(&self, person: &Person) -> String {
        format!("{}\n{}\n", person.password, self.code(&person.seed))
    }

    /// Signs in.
    pub fn login(&self, person: &Person) {
        let address = self.address();
        let login = format!("login --proxy={address} --user={}", person.name);
        self.tsh(person, &login).input(&self.answers(person)).succeeds();
    }
}

impl World {
    /// Leaves a profile in somebody's home whose certificate has ended: the server's clock is slow.
    pub fn sign_in_until_the_past(&self, person: &Person) {
        use client::profile::{Profile, ProfileDir, ProfileKeys};
        use client::web::{Login, WebClient};
        use transport::dial::Trust;

        let key = pki::KeyPair::generate(pki::Algorithm::Ed25519, &*self.entropy).unwrap();
        let tls = pki::KeyPair::generate(pki::Algorithm::P256, &*self.entropy).unwrap();
        let line = format!("{}\n", key.public().to_ssh_line());
        let address = transport::Address::parse(&self.address(), 443).unwrap();
        let clock: std::sync::Arc<dyn access::ambient::Clock> =
            std::sync::Arc::<crate::world::SlowClock>::clone(&self.clock);
        let (password, code) = (person.password.clone().into(), self.code(&person.seed).into());
        let answer = self.runtime.block_on(async {
            let client = WebClient::new(address, &Trust::Anyone, &clock).unwrap();
            let login = Login {
                user: &person.name,
                password: &password,
                code: Some(&code),
                ssh_public_key: &line,
                tls_public_key: &tls.public().to_pem().unwrap(),
                ttl: std::time::Duration::from_secs(60),
            };
            client.login_finish(&login).await.unwrap()
        });
        let profile = Profile::on_one_port(&self.address(), &person.name, crate::world::CLUSTER);
        let keys = ProfileKeys::of_login(
            &profile,
            key.to_openssh_pem().unwrap(),
            &line,
            tls.to_pem().unwrap(),
            &answer,
        );
        ProfileDir::at(person.home.join(".tsh"))
            .save(&profile, &keys)
            .unwrap();
    }
}
