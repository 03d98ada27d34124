//! `tsh mfa ls`, `add`, `rm`: one's own second factors.
//!
//! Authenticator apps are set up here, with the code of one that is there already. Security keys and passkeys need a
//! browser: this program speaks to no hardware, and says where to go.

use cli::{Failure, Table, moment, prompt};
use client::Cluster;
use client::web::TotpChallenge;
use wire::convert;
use wire::pb::proto::{
    AddMfaDeviceSyncRequest, CreateAuthenticateChallengeRequest, CreateRegisterChallengeRequest,
    DeleteMfaDeviceSyncRequest, DeviceType, GetMfaDevicesRequest, MfaAuthenticateResponse,
    MfaRegisterResponse, TotpRegisterResponse, TotpResponse, mfa_authenticate_response,
    mfa_register_challenge, mfa_register_response,
};
use wire::pb::teleport::mfa::v1::{ChallengeExtensions, ChallengeScope};
use wire::pb::types::{MfaDevice, mfa_device};

use super::invite::show_secret;
use crate::args::{Factor, Mfa, MfaAdd, MfaList, MfaRemove, Shape};
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: Mfa) -> Result<(), Failure> {
    let session = Session::require(world)?;
    match asked {
        Mfa::Ls(asked) => ls(&session.connect(world).await?, &asked).await,
        Mfa::Add(asked) => add(world, &session, &asked).await,
        Mfa::Rm(asked) => rm(&session.connect(world).await?, &asked).await,
    }
}

async fn ls(cluster: &Cluster, asked: &MfaList) -> Result<(), Failure> {
    let devices = cluster
        .auth()
        .get_mfa_devices(GetMfaDevicesRequest::default())
        .await
        .map_err(|status| refusal::of_call(cluster, &status))?
        .into_inner()
        .devices;
    match asked.format {
        Shape::Text => {
            let mut table = Table::new(["Name", "Type", "Added at", "Last used"]);
            for device in &devices {
                let [added, used] = [&device.added_at, &device.last_used].map(|at| {
                    convert::moment(at.as_ref())
                        .map(moment::rfc1123)
                        .unwrap_or_default()
                });
                table.row([&*name(device), kind(device), &added, &used]);
            }
            out::data(&format!("{}\n", table.print(usize::MAX)))
        }
        shape => {
            let listed = devices
                .iter()
                .map(|device| {
                    serde_json::json!({
                        "id": device.id,
                        "name": name(device),
                        "type": kind(device),
                        "added_at": convert::moment(device.added_at.as_ref()).map(|at| at.to_string()),
                        "last_used": convert::moment(device.last_used.as_ref()).map(|at| at.to_string()),
                    })
                })
                .collect();
            let listed = serde_json::Value::Array(listed);
            out::data(&match shape {
                Shape::Yaml => wire::resource::yaml::document(&listed),
                _ => format!("{listed:#}\n"),
            })
        }
    }
}

async fn add(world: &World, session: &Session, asked: &MfaAdd) -> Result<(), Failure> {
    if asked.kind != Factor::Totp {
        return Err(Failure::new(
            "security keys and passkeys are registered in the browser: this program speaks to no hardware",
        )
        .hint(format!(
            "open https://{}/web/account/security, or add an authenticator app with `--type=totp`",
            session.profile.web_proxy_addr
        )));
    }
    let cluster = session.connect(world).await?;
    let proof = proof(&cluster).await?;
    let request = CreateRegisterChallengeRequest {
        device_type: DeviceType::Totp.into(),
        existing_mfa_response: Some(proof),
        ..CreateRegisterChallengeRequest::default()
    };
    let given = cluster
        .auth()
        .create_register_challenge(request)
        .await
        .map_err(|status| refusal::of_call(&cluster, &status))?;
    let Some(mfa_register_challenge::Request::Totp(totp)) = given.into_inner().request else {
        return Err(Failure::new("the cluster gave no secret for an app"));
    };
    let uri = wire::mfa::totp_address(&totp.issuer, &totp.account, &totp.secret);
    let challenge = TotpChallenge {
        qr_code: String::new(),
        uri: Some(uri),
    };
    show_secret(&challenge, prompt::interactive())?;
    let code = prompt::secret("Enter the OTP code it shows:")?;
    let request = AddMfaDeviceSyncRequest {
        new_device_name: asked.name.clone(),
        new_mfa_response: Some(MfaRegisterResponse {
            response: Some(mfa_register_response::Response::Totp(TotpRegisterResponse {
                code: plain(&code),
                id: totp.id,
            })),
        }),
        ..AddMfaDeviceSyncRequest::default()
    };
    cluster
        .auth()
        .add_mfa_device_sync(request)
        .await
        .map_err(|status| refusal::of_call(&cluster, &status))?;
    out::talk(&format!(
        "MFA device \"{}\" added.",
        cli::text::visible(&asked.name)
    ));
    Ok(())
}

async fn rm(cluster: &Cluster, asked: &MfaRemove) -> Result<(), Failure> {
    let request = DeleteMfaDeviceSyncRequest {
        device_name: asked.name.clone(),
        existing_mfa_response: Some(proof(cluster).await?),
        ..DeleteMfaDeviceSyncRequest::default()
    };
    cluster
        .auth()
        .delete_mfa_device_sync(request)
        .await
        .map_err(|status| refusal::of_call(cluster, &status))?;
    out::talk(&format!(
        "MFA device \"{}\" removed.",
        cli::text::visible(&asked.name)
    ));
    Ok(())
}

/// A code of an app that is there already.
async fn proof(cluster: &Cluster) -> Result<MfaAuthenticateResponse, Failure> {
    let request = CreateAuthenticateChallengeRequest {
        challenge_extensions: Some(ChallengeExtensions {
            scope: ChallengeScope::ManageDevices.into(),
            ..ChallengeExtensions::default()
        }),
        ..CreateAuthenticateChallengeRequest::default()
    };
    let challenge = cluster
        .auth()
        .create_authenticate_challenge(request)
        .await
        .map_err(|status| refusal::of_call(cluster, &status))?
        .into_inner();
    if challenge.totp.is_none() {
        return Err(
            Failure::new("you have no authenticator app, and this program cannot use security keys")
                .hint("change your second factors in the browser, under How you sign in"),
        );
    }
    let code = prompt::secret("Enter an OTP code from a *registered* device:")?;
    Ok(MfaAuthenticateResponse {
        response: Some(mfa_authenticate_response::Response::Totp(TotpResponse {
            code: plain(&code),
        })),
    })
}

fn plain(code: &str) -> String {
    code.chars().filter(|sign| !sign.is_whitespace()).collect()
}

fn name(device: &MfaDevice) -> String {
    device
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.clone())
        .unwrap_or_default()
}

fn kind(device: &MfaDevice) -> &'static str {
    match &device.device {
        Some(mfa_device::Device::Totp(_)) => "TOTP",
        Some(mfa_device::Device::Webauthn(_)) => "WebAuthn",
        Some(mfa_device::Device::U2f(_)) => "U2F",
        Some(mfa_device::Device::Sso(_)) => "SSO",
        None => "unknown",
    }
}
