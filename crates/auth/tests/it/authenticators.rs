//! Authenticators that sign: registered with a link or beside another factor, signing in, confirming votes.

use client::Cluster;
use tonic::{Request, Status};
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{
    self, AddMfaDeviceSyncRequest, CreateAuthenticateChallengeRequest, CreateRegisterChallengeRequest,
    DeleteMfaDeviceSyncRequest, DeviceType, DeviceUsage, MfaAuthenticateResponse, MfaRegisterResponse,
    TotpRegisterResponse, TotpResponse, mfa_authenticate_response, mfa_register_challenge,
    mfa_register_response,
};
use wire::pb::teleport::mfa::v1::{ChallengeExtensions, ChallengeScope};
use wire::pb::types::{self, AccessReviewSubmission, RequestState};
use wire::pb::webauthn::{CredentialAssertion, CredentialAssertionResponse, CredentialCreation};

use crate::authenticator::Authenticator;
use crate::people::{Person, ask, state_of, verdict};
use crate::refused;
use crate::world::{World, on_every_store, seconds};

/// What everybody is told whose second factor does not count, whatever was wrong about it.
pub const WRONG: &str = "invalid username, password or second factor";

/// An answer of an authenticator, as calls carry it.
pub fn signed(answer: CredentialAssertionResponse) -> MfaAuthenticateResponse {
    MfaAuthenticateResponse {
        response: Some(mfa_authenticate_response::Response::Webauthn(answer)),
    }
}

/// A call with a second factor beside it.
pub fn confirmed<M>(message: M, answer: CredentialAssertionResponse) -> Request<M> {
    let mut request = Request::new(message);
    let header = wire::mfa::header::write(&signed(answer)).expect("a header");
    let value = header.parse().expect("text");
    request.metadata_mut().insert(wire::metadata::MFA_RESPONSE, value);
    request
}

/// A call as pages make it.
pub fn in_browser<M>(mut request: Request<M>) -> Request<M> {
    let value = "1".parse().expect("text");
    request.metadata_mut().insert(wire::metadata::FROM_BROWSER, value);
    request
}

impl World {
    /// A challenge for somebody who is signed in.
    pub async fn challenge(
        &self,
        by: &Cluster,
        scope: ChallengeScope,
    ) -> Result<CredentialAssertion, Status> {
        let asked = CreateAuthenticateChallengeRequest {
            challenge_extensions: Some(ChallengeExtensions {
                scope: scope.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let given = by.auth().create_authenticate_challenge(asked).await?.into_inner();
        Ok(given.webauthn_challenge.expect("somebody with an authenticator"))
    }

    /// What a new authenticator of somebody who is signed in is asked, with `proof`.
    pub async fn wish(
        &self,
        by: &Cluster,
        proof: Option<MfaAuthenticateResponse>,
        usage: DeviceUsage,
    ) -> Result<CredentialCreation, Status> {
        let asked = CreateRegisterChallengeRequest {
            device_type: DeviceType::Webauthn.into(),
            device_usage: usage.into(),
            existing_mfa_response: proof,
            ..Default::default()
        };
        let given = by.auth().create_register_challenge(asked).await?.into_inner();
        match given.request {
            Some(mfa_register_challenge::Request::Webauthn(options)) => Ok(options),
            other => panic!("a wish for a credential: {other:?}"),
        }
    }

    /// The code that a person's app shows half a minute from now, when it is a new one.
    pub fn code(&self, person: &Person) -> MfaAuthenticateResponse {
        self.clock.advance(seconds(30));
        MfaAuthenticateResponse {
            response: Some(mfa_authenticate_response::Response::Totp(TotpResponse {
                code: person.seed.code(self.now()).expect("a code"),
            })),
        }
    }

    /// Gives somebody an authenticator beside the app.
    pub async fn authenticator(&self, person: &Person, usage: DeviceUsage) -> Authenticator {
        let proof = self.code(person);
        let wish = self
            .wish(&person.cluster, Some(proof), usage)
            .await
            .expect("a wish");
        let mut authenticator = Authenticator::new(&person.name);
        let made = authenticator.make(&wish);
        add(
            &person.cluster,
            "key",
            mfa_register_response::Response::Webauthn(made),
        )
        .await
        .expect("registered");
        authenticator
    }

    /// What finishes a sign-in after the right password.
    pub async fn begin_sign_in(&self, person: &Person) -> ours::BeginResponse {
        let request = ours::BeginRequest {
            user: person.name.clone(),
            password: person.password.as_bytes().to_vec().into(),
            ..Default::default()
        };
        self.proxy
            .sign_in()
            .begin(request)
            .await
            .expect("begun")
            .into_inner()
    }

    /// What anybody is asked who gives no name.
    pub async fn begin_passwordless(&self) -> Result<CredentialAssertion, Status> {
        let request = ours::BeginRequest {
            passwordless: true,
            ..Default::default()
        };
        let begun = self.proxy.sign_in().begin(request).await?.into_inner();
        Ok(begun.webauthn.expect("a challenge"))
    }

    /// Finishes a sign-in with an authenticator's answer.
    pub async fn finish_signed(
        &self,
        user: &str,
        password: &str,
        answer: CredentialAssertionResponse,
    ) -> Result<ours::FinishResponse, Status> {
        let line = self.key().public().to_ssh_line().into_bytes();
        let request = ours::FinishRequest {
            user: user.to_owned(),
            password: password.as_bytes().to_vec().into(),
            second_factor: Some(ours::finish_request::SecondFactor::Webauthn(answer)),
            tls_public_key: line.into(),
            ..Default::default()
        };
        Ok(self.proxy.sign_in().finish(request).await?.into_inner())
    }
}

/// Adds a second factor.
pub async fn add(
    by: &Cluster,
    name: &str,
    response: mfa_register_response::Response,
) -> Result<types::MfaDevice, Status> {
    let asked = AddMfaDeviceSyncRequest {
        new_device_name: name.to_owned(),
        new_mfa_response: Some(MfaRegisterResponse {
            response: Some(response),
        }),
        ..Default::default()
    };
    let added = by.auth().add_mfa_device_sync(asked).await?.into_inner();
    Ok(added.device.expect("the device"))
}

/// Removes a second factor.
pub async fn remove(by: &Cluster, name: &str, proof: MfaAuthenticateResponse) -> Result<(), Status> {
    let asked = DeleteMfaDeviceSyncRequest {
        device_name: name.to_owned(),
        existing_mfa_response: Some(proof),
        ..Default::default()
    };
    by.auth().delete_mfa_device_sync(asked).await.map(|_| ())
}

async fn devices(by: &Cluster) -> Vec<types::MfaDevice> {
    let asked = proto::GetMfaDevicesRequest::default();
    by.auth()
        .get_mfa_devices(asked)
        .await
        .expect("a list")
        .into_inner()
        .devices
}

fn names(devices: &[types::MfaDevice]) -> Vec<&str> {
    let mut names: Vec<&str> = devices
        .iter()
        .map(|device| device.metadata.as_ref().expect("metadata").name.as_str())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_invitation_is_accepted_with_an_authenticator_which_then_signs_in_alone() {
    on_every_store(async |world| {
        world.user("dora@example.com", &["access"]).await;
        let token = world.link("dora@example.com", "invite").await;
        let invite = world
            .proxy
            .sign_in()
            .get_invite(ours::GetInviteRequest {
                token: token.clone(),
                ..Default::default()
            })
            .await
            .expect("an invite")
            .into_inner();
        assert!(invite.webauthn_allowed && invite.passwordless_allowed && invite.totp_allowed);
        let wish = world
            .proxy
            .sign_in()
            .register_authenticator(ours::RegisterAuthenticatorRequest {
                token: token.clone(),
                passwordless: true,
                ..Default::default()
            })
            .await
            .expect("a wish")
            .into_inner();
        let options = wish.public_key.as_ref().expect("options");
        assert_eq!(options.rp.as_ref().expect("a party").id, "proxy.example.com");
        let selection = options.authenticator_selection.as_ref().expect("a selection");
        assert!(selection.require_resident_key && selection.user_verification == "required");
        let mut key = Authenticator::new("dora");
        let accepted = ours::AcceptInviteRequest {
            token,
            new_password: b"a long password".to_vec().into(),
            webauthn: Some(key.make(&wish)),
            device_name: "yubikey".to_owned(),
            ..Default::default()
        };
        world
            .proxy
            .sign_in()
            .accept_invite(accepted)
            .await
            .expect("accepted");
        let challenge = world.begin_passwordless().await.expect("a challenge");
        let options = challenge.public_key.as_ref().expect("options");
        assert!(options.allow_credentials.is_empty() && options.user_verification == "required");
        let answer = world
            .finish_signed("", "", key.sign(&challenge))
            .await
            .expect("signed in");
        assert_eq!(answer.username, "dora@example.com");
    })
    .await;
}

#[tokio::test]
async fn password_and_authenticator_sign_in_and_the_certificate_names_it() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let begun = world.begin_sign_in(&cast.alice).await;
        let challenge = begun.webauthn.expect("a challenge");
        assert!(begun.totp && !begun.password_is_enough);
        let options = challenge.public_key.as_ref().expect("options");
        assert_eq!(options.allow_credentials.len(), 1);
        assert_eq!(options.timeout_ms, 300_000);
        world
            .finish_signed(&cast.alice.name, &cast.alice.password, key.sign(&challenge))
            .await
            .expect("signed in");
        // A browser does not send the password twice: the challenge was given for the right one.
        let challenge = world
            .begin_sign_in(&cast.alice)
            .await
            .webauthn
            .expect("a challenge");
        let request = ours::OpenWebSessionRequest {
            user: cast.alice.name.clone(),
            second_factor: Some(ours::open_web_session_request::SecondFactor::Webauthn(
                key.sign(&challenge),
            )),
            ..Default::default()
        };
        let opened = world
            .proxy
            .sign_in()
            .open_web_session(request)
            .await
            .expect("a session");
        assert_eq!(opened.into_inner().user, cast.alice.name);
    })
    .await;
}

#[tokio::test]
async fn factors_are_added_listed_and_removed_each_with_a_fresh_proof() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let alice = &cast.alice.cluster;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        assert_eq!(names(&devices(alice).await), ["key", "otp-device"]);

        // A second app, proven with the authenticator.
        let challenge = world
            .challenge(alice, ChallengeScope::ManageDevices)
            .await
            .expect("a challenge");
        let asked = CreateRegisterChallengeRequest {
            device_type: DeviceType::Totp.into(),
            existing_mfa_response: Some(signed(key.sign(&challenge))),
            ..Default::default()
        };
        let given = alice.auth().create_register_challenge(asked).await.expect("a secret");
        let Some(mfa_register_challenge::Request::Totp(totp)) = given.into_inner().request else {
            panic!("a secret for an app");
        };
        world.plant("the seed of a second app", totp.secret.clone());
        let seed = auth::credentials::totp::Seed::from_base32(&totp.secret).expect("a seed");
        let code = TotpRegisterResponse {
            code: seed.code(world.now()).expect("a code"),
            id: totp.id.clone(),
        };
        let response = mfa_register_response::Response::Totp(code);
        add(alice, "phone", response.clone()).await.expect("added");
        refused!(add(alice, "phone 2", response).await, PermissionDenied, "this registration was not begun by you, is finished, or is too old: begin again");
        assert_eq!(names(&devices(alice).await), ["key", "otp-device", "phone"]);

        let proof = world.code(&cast.alice);
        refused!(remove(alice, "nothing", proof).await, NotFound, "MFA device \"nothing\" does not exist");
        let proof = world.code(&cast.alice);
        remove(alice, "otp-device", proof).await.expect("the one that was shown");
        for gone in ["phone", "key"] {
            let challenge = world
                .challenge(alice, ChallengeScope::ManageDevices)
                .await
                .expect("a challenge");
            let removed = remove(alice, gone, signed(key.sign(&challenge))).await;
            if gone == "key" {
                refused!(removed, InvalidArgument, "cannot delete the last MFA device for this user; add a replacement device first to avoid getting locked out");
            } else {
                removed.expect("removed");
            }
        }
        assert_eq!(names(&devices(alice).await), ["key"]);
    })
    .await;
}

#[tokio::test]
async fn a_reset_takes_authenticators_away_and_another_may_register_them() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Passwordless).await;
        let challenge = world.begin_passwordless().await.expect("a challenge");
        let token = world.link(&cast.alice.name, "password").await;
        let answer = world.finish_signed("", "", key.sign(&challenge)).await;
        refused!(answer, PermissionDenied, WRONG);
        let wish = world
            .proxy
            .sign_in()
            .register_authenticator(ours::RegisterAuthenticatorRequest {
                token: token.clone(),
                ..Default::default()
            })
            .await
            .expect("a wish");
        let accepted = ours::AcceptInviteRequest {
            token,
            new_password: b"another password".to_vec().into(),
            webauthn: Some(key.make(wish.get_ref())),
            ..Default::default()
        };
        world
            .proxy
            .sign_in()
            .accept_invite(accepted)
            .await
            .expect("the same key again");
    })
    .await;
}

/// What an authenticator signs for a vote, and the vote.
pub async fn vote(by: &Person, key: &mut Authenticator, id: &str) -> CredentialAssertionResponse {
    let asked = ours::BeginVoteRequest {
        request_id: id.to_owned(),
    };
    let begun = by
        .cluster
        .access()
        .begin_vote(asked)
        .await
        .expect("begun")
        .into_inner();
    key.sign(&begun.webauthn.expect("a challenge"))
}

/// An approval.
pub fn yes(id: &str) -> AccessReviewSubmission {
    verdict(id, RequestState::Approved)
}

#[tokio::test]
async fn a_vote_in_the_browser_is_confirmed_by_whoever_has_an_authenticator() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let plain = in_browser(Request::new(yes(&id)));
        let refusal = cast.alice.cluster.auth().submit_access_review(plain).await;
        refused!(
            refusal,
            PermissionDenied,
            auth::services::requests::votes::MFA_NEEDED
        );
        let answer = vote(&cast.alice, &mut key, &id).await;
        let counted = cast
            .alice
            .cluster
            .auth()
            .submit_access_review(in_browser(confirmed(yes(&id), answer)))
            .await
            .expect("counted");
        assert_eq!(state_of(counted.get_ref()), RequestState::Pending);
        let kept = auth::services::requests::votes::key(&id, &cast.alice.name);
        let kept: auth::services::requests::votes::Kept = world
            .auth
            .state
            .own(&kept, world.now())
            .await
            .expect("readable")
            .expect("kept with the vote")
            .value;
        assert_eq!(
            (kept.person.as_str(), kept.request.as_str()),
            (cast.alice.name.as_str(), id.as_str())
        );
        assert!(kept.verified && !kept.challenge.is_empty());
        // Whoever has none is not asked for one.
        let plain = in_browser(Request::new(yes(&id)));
        let counted = cast
            .ivan
            .cluster
            .auth()
            .submit_access_review(plain)
            .await
            .expect("counted");
        assert_eq!(state_of(counted.get_ref()), RequestState::Approved);
    })
    .await;
}
