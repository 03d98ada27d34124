//! The proxy's JSON calls: what it is, signing in, invitations.
//!
//! They need no certificate of ours. The proxy's is checked against the system's authorities, unless
//! the caller says otherwise.

use std::sync::Arc;
use std::time::Duration;

use access::SecretText;
use access::ambient::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use transport::Address;
use transport::dial::{ClientTls, DialError, HandshakeError, Server, Trust};
use transport::tls::TlsError;

/// Answers larger than this are refused.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The time for one call, connection included.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The proxy cannot be reached, or is not the one asked for.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The proxy said no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The proxy's words.
        message: String,
    },
    /// Something answered that is no proxy of ours.
    #[error("{address} does not answer like a Teleport proxy (HTTP status {status})")]
    NoProxy {
        /// What was dialled.
        address: Address,
        /// The HTTP status.
        status: StatusCode,
    },
    /// The connection broke.
    #[error("the connection to {address} broke: {reason}")]
    Broken {
        /// What was dialled.
        address: Address,
        /// What the library says.
        reason: String,
    },
    /// No whole answer in time.
    #[error("{address} did not answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut {
        /// What was dialled.
        address: Address,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl WebError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dial(error) => error.hint(Server::Proxy),
            Self::NoProxy { .. } => {
                Some("check that the address is the proxy's web address, as `host:port`".to_owned())
            }
            Self::TimedOut { .. } | Self::Broken { .. } => Some("try again".to_owned()),
            Self::Refused { .. } | Self::Tls(_) => None,
        }
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Nobody answers at that port; another one may be right.
    fn is_nobody_there(&self) -> bool {
        matches!(
            self,
            Self::Dial(DialError::Connect { .. } | DialError::TimedOut { .. })
        )
    }

    /// The proxy's certificate is not believed.
    pub fn is_untrusted(&self) -> bool {
        matches!(
            self,
            Self::Dial(DialError::Handshake {
                source: HandshakeError::UnknownAuthority { .. }
                    | HandshakeError::WrongName { .. }
                    | HandshakeError::BadCertificate { .. },
                ..
            })
        )
    }
}

/// Calls one proxy.
#[derive(Debug, Clone)]
pub struct WebClient {
    address: Address,
    tls: ClientTls,
}

impl WebClient {
    /// Calls the proxy at `address`, believed as `trust` says.
    pub fn new(address: Address, trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Self, WebError> {
        let tls = ClientTls::new(trust, None, &[transport::names::HTTP_1_1], clock)?;
        Ok(Self { address, tls })
    }

    /// Finds the proxy among several addresses: the first in order that answers as one.
    ///
    /// If none does, the error of the one that came closest.
    pub async fn find_among(
        addresses: &[Address],
        trust: &Trust,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Ping), WebError> {
        let mut failure: Option<WebError> = None;
        let mut attempts = Vec::new();
        for address in addresses {
            let client = Self::new(address.clone(), trust, clock)?;
            attempts.push(tokio::spawn(async move {
                let found = client.find().await;
                (client, found)
            }));
        }
        for attempt in attempts {
            match attempt.await {
                Ok((client, Ok(found))) => return Ok((client, found)),
                Ok((_, Err(error))) => {
                    if failure.as_ref().is_none_or(WebError::is_nobody_there) {
                        failure = Some(error);
                    }
                }
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or(WebError::Tls(TlsError::NoCertificate)))
    }

    /// The address called.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the proxy is, with the ways to sign in.
    pub async fn ping(&self) -> Result<Ping, WebError> {
        self.call(Method::GET, "/webapi/ping", None).await
    }

    /// The same for one connector.
    pub async fn ping_connector(&self, connector: &str) -> Result<Ping, WebError> {
        self.call(Method::GET, &format!("/webapi/ping/{}", in_path(connector)), None)
            .await
    }

    /// What the proxy is, without the ways to sign in; never limited.
    pub async fn find(&self) -> Result<Ping, WebError> {
        self.call(Method::GET, "/webapi/find", None).await
    }

    /// The message of the day.
    pub async fn message_of_the_day(&self) -> Result<String, WebError> {
        #[derive(Deserialize)]
        struct Motd {
            #[serde(rename = "Text", default)]
            text: String,
        }
        let motd: Motd = self.call(Method::GET, "/webapi/motd", None).await?;
        Ok(motd.text)
    }

    /// The certificates of the cluster's host authority, PEM: whom to believe behind this proxy.
    pub async fn host_authorities(&self) -> Result<String, WebError> {
        let path = "/webapi/auth/export?type=tls-host";
        let called = tokio::time::timeout(CALL_TIMEOUT, self.exchange(Method::GET, path, None));
        let (status, bytes) = called.await.map_err(|_| WebError::TimedOut {
            address: self.address.clone(),
        })??;
        match (status.is_success(), String::from_utf8(bytes.to_vec())) {
            (true, Ok(text)) => Ok(text),
            _ => Err(WebError::NoProxy {
                address: self.address.clone(),
                status,
            }),
        }
    }

    /// First half of signing in: the password, answered by what is asked for next.
    pub async fn login_begin(&self, user: &str, password: &SecretText) -> Result<LoginChallenge, WebError> {
        let body = json!({"user": user, "pass": password.expose(), "passwordless": false});
        self.call(Method::POST, "/webapi/mfa/login/begin", Some(&body))
            .await
    }

    /// Second half: the code, and the keys that are to be certified.
    pub async fn login_finish(&self, login: &Login<'_>) -> Result<LoginAnswer, WebError> {
        let body = json!({
            "user": login.user,
            "password": login.password.expose(),
            "webauthn_challenge_response": null,
            "totp_code": login.code.map(|code| code.expose().as_str()).unwrap_or_default(),
            "ssh_pub_key": BASE64.encode(login.ssh_public_key),
            "tls_pub_key": BASE64.encode(login.tls_public_key),
            "ttl": u64::try_from(login.ttl.as_nanos()).unwrap_or(u64::MAX >> 1),
            "RouteToCluster": "",
            "KubernetesCluster": "",
        });
        self.call(Method::POST, "/webapi/mfa/login/finish", Some(&body))
            .await
    }

    /// Whose invitation or reset link a token is.
    pub async fn invite(&self, token: &SecretText) -> Result<Invite, WebError> {
        let path = format!("/v1/webapi/users/password/token/{}", in_path(token.expose()));
        self.call(Method::GET, &path, None).await
    }

    /// A new one-time password secret for an invitation; the last one asked for counts.
    pub async fn invite_totp(&self, token: &SecretText) -> Result<TotpChallenge, WebError> {
        #[derive(Deserialize)]
        struct Challenge {
            totp: Option<TotpChallenge>,
        }
        let path = format!(
            "/v1/webapi/mfa/token/{}/registerchallenge",
            in_path(token.expose())
        );
        let body = json!({"deviceType": "totp", "deviceUsage": "mfa"});
        let challenge: Challenge = self.call(Method::POST, &path, Some(&body)).await?;
        challenge.totp.ok_or_else(|| WebError::Refused {
            status: StatusCode::OK,
            message: "the cluster does not allow one-time codes".to_owned(),
        })
    }

    /// Accepts an invitation or a reset: sets the password and proves the second factor.
    pub async fn accept_invite(
        &self,
        token: &SecretText,
        password: &SecretText,
        code: &SecretText,
        device_name: &str,
    ) -> Result<(), WebError> {
        let body = json!({
            "token": token.expose(),
            "password": BASE64.encode(password.expose()),
            "second_factor_token": code.expose(),
            "deviceName": device_name,
        });
        let _: serde_json::Value = self
            .call(Method::PUT, "/v1/webapi/users/password/token", Some(&body))
            .await?;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, WebError> {
        let called = tokio::time::timeout(CALL_TIMEOUT, self.exchange(method, path, body));
        let (status, bytes) = called.await.map_err(|_| WebError::TimedOut {
            address: self.address.clone(),
        })??;
        let no_proxy = || WebError::NoProxy {
            address: self.address.clone(),
            status,
        };
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| no_proxy());
        }
        let answer: ErrorAnswer = serde_json::from_slice(&bytes).map_err(|_| no_proxy())?;
        Err(WebError::Refused {
            status,
            message: answer.error.message,
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<(StatusCode, bytes::Bytes), WebError> {
        let broken = |error: &dyn std::error::Error| WebError::Broken {
            address: self.address.clone(),
            reason: error.to_string(),
        };
        let stream = self
            .tls
            .dial(&self.address, self.address.host(), CALL_TIMEOUT)
            .await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| broken(&e))?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(
                header::USER_AGENT,
                concat!("countersign/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONNECTION, "close");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let content = body.map(serde_json::Value::to_string).unwrap_or_default();
        let request = request
            .body(Full::<bytes::Bytes>::from(content))
            .map_err(|e| broken(&e))?;
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let status = response.status();
        let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| broken(&*error))?
            .to_bytes();
        connection.abort();
        Ok((status, bytes))
    }
}

/// A text as one segment of a path.
fn in_path(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut path, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
                path.push(char::from(byte));
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
            path
        })
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorMessage,
}

#[derive(Deserialize)]
struct ErrorMessage {
    message: String,
}

/// What a sign-in asks for.
pub struct Login<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The password.
    pub password: &'a SecretText,
    /// The one-time code, if one was asked for.
    pub code: Option<&'a SecretText>,
    /// One `authorized_keys` line.
    pub ssh_public_key: &'a str,
    /// PEM.
    pub tls_public_key: &'a str,
    /// The lifetime wished for.
    pub ttl: Duration,
}

/// What is needed after the password.
#[derive(Debug, Clone, Deserialize)]
pub struct LoginChallenge {
    /// An authenticator may answer.
    #[serde(default)]
    pub webauthn_challenge: Option<serde_json::Value>,
    /// A one-time code may answer.
    #[serde(default)]
    pub totp_challenge: bool,
}

/// The certificates of a sign-in.
#[derive(Debug, Clone, Deserialize)]
pub struct LoginAnswer {
    /// The user's name.
    pub username: String,
    /// The SSH certificate line.
    #[serde(rename = "cert", with = "base64_text")]
    pub ssh_certificate: String,
    /// PEM.
    #[serde(rename = "tls_cert", with = "base64_text")]
    pub tls_certificate: String,
    /// The clusters and their authorities.
    #[serde(default)]
    pub host_signers: Vec<HostSigner>,
}

/// A cluster's authorities.
#[derive(Debug, Clone, Deserialize)]
pub struct HostSigner {
    /// The cluster's name.
    #[serde(rename = "domain_name")]
    pub cluster: String,
    /// SSH public keys, as `authorized_keys` lines.
    #[serde(default, with = "base64_texts")]
    pub checking_keys: Vec<String>,
    /// PEM.
    #[serde(default, with = "base64_texts")]
    pub tls_certs: Vec<String>,
}

/// An invitation or a reset link.
#[derive(Debug, Clone, Deserialize)]
pub struct Invite {
    /// The user it is for.
    pub user: String,
}

/// A one-time password secret to be put into an application.
#[derive(Debug, Clone, Deserialize)]
pub struct TotpChallenge {
    /// A PNG picture in base64.
    #[serde(rename = "qrCode", default)]
    pub qr_code: String,
    /// The same as text: `otpauth://totp/…`. Our proxies send it, the original's do not.
    #[serde(default)]
    pub uri: Option<String>,
}

mod base64_text {
    use base64::Engine as _;
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = super::BASE64.decode(text).map_err(D::Error::custom)?;
        String::from_utf8(bytes).map_err(D::Error::custom)
    }
}

mod base64_texts {
    use base64::Engine as _;
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(from)?.unwrap_or_default();
        texts
            .into_iter()
            .map(|text| {
                let bytes = super::BASE64.decode(text).map_err(D::Error::custom)?;
                String::from_utf8(bytes).map_err(D::Error::custom)
            })
            .collect()
    }
}

/// What a proxy says about itself: the answer of `find` and `ping`, keys in their usual order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ping {
    /// How people sign in; nearly empty in `find`.
    pub auth: AuthSettings,
    /// Where its services listen.
    pub proxy: ProxySettings,
    /// The cluster's version.
    pub server_version: String,
    /// Older clients are refused.
    pub min_client_version: String,
    /// Automatic updates.
    pub auto_update: AutoUpdate,
    /// The cluster's name.
    pub cluster_name: String,
    /// Whether agents update themselves.
    pub automatic_upgrades: bool,
    /// Which edition: `oss`.
    pub edition: String,
    /// FIPS mode.
    pub fips: bool,
}

/// How people sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthSettings {
    /// `local`, `github`, `saml` or `oidc`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `otp`, `webauthn`, `on`, `optional` or `off`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub second_factor: String,
    /// Which second factor to ask for first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preferred_local_mfa: String,
    /// Authenticators may replace passwords.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_passwordless: bool,
    /// Headless sign-in.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_headless: bool,
    /// The local connector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalSettings>,
    /// Authenticators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webauthn: Option<WebauthnSettings>,
    /// Which kinds of keys are demanded.
    pub private_key_policy: String,
    /// Slot on a hardware key.
    pub piv_slot: String,
    /// How long a hardware key's PIN is kept.
    pub piv_pin_cache_ttl: i64,
    /// Trusted devices.
    pub device_trust: DeviceTrust,
    /// There is a message of the day.
    pub has_motd: bool,
    /// A certificate's lifetime if none is asked for, as `12h0m0s`.
    pub default_session_ttl: String,
    /// Which kinds of keys to make.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature_algorithm_suite: String,
}

/// The local connector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalSettings {
    /// Its name.
    pub name: String,
}

/// Authenticators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebauthnSettings {
    /// The relying party.
    pub rp_id: String,
}

/// Trusted devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceTrust {
    /// Not in use.
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Devices enroll by themselves.
    #[serde(skip_serializing_if = "is_false")]
    pub auto_enroll: bool,
}

/// Where a proxy's services listen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxySettings {
    /// Kubernetes.
    pub kube: KubeSettings,
    /// SSH and the web.
    pub ssh: SshSettings,
    /// Databases.
    pub db: DbSettings,
    /// Everything is on the web port.
    pub tls_routing_enabled: bool,
}

/// Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KubeSettings {
    /// Served at all.
    pub enabled: bool,
    /// `host:port` for clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub public_addr: String,
    /// `host:port` on the proxy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub listen_addr: String,
}

/// SSH and the web.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SshSettings {
    /// SSH.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub listen_addr: String,
    /// Reverse tunnels.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tunnel_listen_addr: String,
    /// Web.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub web_listen_addr: String,
    /// Web, for clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub public_addr: String,
    /// SSH, for clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ssh_public_addr: String,
    /// Reverse tunnels, for clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ssh_tunnel_public_addr: String,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub dial_timeout: i64,
}

/// Databases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DbSettings {
    /// PostgreSQL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postgres_listen_addr: String,
    /// `MySQL`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mysql_listen_addr: String,
}

/// Automatic updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoUpdate {
    /// The version for tools.
    pub tools_version: String,
    /// Tools update themselves.
    pub tools_auto_update: bool,
    /// The version for agents.
    pub agent_version: String,
    /// Agents update themselves.
    pub agent_auto_update: bool,
    /// Spread over so many seconds.
    pub agent_update_jitter_seconds: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a real 18.0.0 proxy was seen to answer.
    const PING: &str = concat!(
        r#"{"auth":{"type":"local","second_factor":"otp","preferred_local_mfa":"otp","local":{"name":""},"#,
        r#""private_key_policy":"none","piv_slot":"","piv_pin_cache_ttl":0,"device_trust":{"disabled":true},"#,
        r#""has_motd":false,"default_session_ttl":"12h0m0s","signature_algorithm_suite":"balanced-v1"},"#,
        r#""proxy":{"kube":{"enabled":true,"listen_addr":"127.0.0.1:3080"},"ssh":{"listen_addr":"127.0.0.1:3080","#,
        r#""tunnel_listen_addr":"127.0.0.1:3080","web_listen_addr":"127.0.0.1:3080","public_addr":"localhost:3080","#,
        r#""dial_timeout":30000000000},"db":{"postgres_listen_addr":"127.0.0.1:3080","#,
        r#""mysql_listen_addr":"127.0.0.1:3080"},"tls_routing_enabled":true},"server_version":"18.0.0","#,
        r#""min_client_version":"17.0.0-aa","auto_update":{"tools_version":"18.0.0","tools_auto_update":false,"#,
        r#""agent_version":"18.0.0","agent_auto_update":false,"agent_update_jitter_seconds":60},"#,
        r#""cluster_name":"teleport.example.com","automatic_upgrades":false,"edition":"oss","fips":false}"#,
    );

    #[test]
    fn a_ping_is_read_and_written_as_seen() {
        let ping: Ping = serde_json::from_str(PING).expect("readable");
        assert_eq!(ping.cluster_name, "teleport.example.com");
        assert!(ping.proxy.tls_routing_enabled);
        assert_eq!(serde_json::to_string(&ping).expect("writable"), PING);
    }

    #[test]
    fn find_leaves_out_what_it_does_not_say() {
        let auth = AuthSettings {
            default_session_ttl: "0s".to_owned(),
            signature_algorithm_suite: "balanced-v1".to_owned(),
            ..AuthSettings::default()
        };
        assert_eq!(
            serde_json::to_string(&auth).expect("writable"),
            r#"{"type":"","private_key_policy":"","piv_slot":"","piv_pin_cache_ttl":0,"device_trust":{},"has_motd":false,"default_session_ttl":"0s","signature_algorithm_suite":"balanced-v1"}"#
        );
    }

    #[test]
    fn tokens_stay_in_their_path_segment() {
        assert_eq!(in_path("abc/../x?y#z %"), "abc%2F..%2Fx%3Fy%23z%20%25");
    }

    #[test]
    fn a_login_answer_is_unwrapped() {
        let answer: LoginAnswer = serde_json::from_str(
            r#"{"username":"bob","cert":"c3NoLWVkMjU1MTkK","tls_cert":"UEVN","host_signers":
            [{"domain_name":"example.com","checking_keys":["a2V5"],"tls_certs":["UEVN"]}],"mfa_token":""}"#,
        )
        .expect("readable");
        assert_eq!(answer.ssh_certificate, "ssh-ed25519\n");
        assert_eq!(answer.host_signers[0].checking_keys, ["key"]);
        assert!(serde_json::from_str::<LoginAnswer>(r#"{"username":"x","cert":"*","tls_cert":""}"#).is_err());
    }
}
