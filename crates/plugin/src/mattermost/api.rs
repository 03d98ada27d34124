//! One call to Mattermost: sent to the configured origin alone, bounded in time and size, its failure told apart.
//!
//! Nothing follows a redirect, no cookie is kept, and the token goes nowhere but into its header.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use access::SecretText;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::settings::{TokenError, TokenSource};

/// The time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes: a page of history with posts of the greatest length fits.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where and as whom to call.
pub struct Api {
    http: reqwest::Client,
    /// `https://HOST[:PORT][/PATH]/api/v4`
    base: String,
    source: TokenSource,
    token: Mutex<SecretText>,
}

/// Why a call has no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection came about; nothing was sent.
    #[error("cannot reach {origin}: {cause}")]
    Unreachable {
        /// The server.
        origin: String,
        /// What the system says.
        cause: String,
    },
    /// The connection broke or stayed silent after the call was sent: it may have been carried out.
    #[error("no answer from {origin}: {cause}")]
    NoAnswer {
        /// The server.
        origin: String,
        /// What happened.
        cause: String,
    },
    /// The server refuses, in its own words.
    #[error("Mattermost answers {status} `{id}`: {message}")]
    Refused {
        /// The status code.
        status: u16,
        /// The stable id of the error.
        id: String,
        /// The text, which may be in any language.
        message: String,
    },
    /// The server wants fewer calls.
    #[error("Mattermost wants fewer calls (429)")]
    TooMany {
        /// For how long it wants to be left alone, if it said so.
        wait: Option<Duration>,
    },
    /// Something answers that is not Mattermost's API: a proxy in front of it, or another server.
    #[error("{origin} answers {status}, but not as Mattermost does")]
    Foreign {
        /// The server.
        origin: String,
        /// The status code.
        status: u16,
    },
}

impl CallError {
    /// Whether the call may have been carried out.
    pub fn maybe_done(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TooMany { .. } => false,
            Self::NoAnswer { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            // A gateway gives up on a server that goes on.
            Self::Foreign { status, .. } => *status < 300 || *status >= 500,
        }
    }

    /// The stable id of a refusal; empty for every other failure.
    pub fn id(&self) -> &str {
        match self {
            Self::Refused { id, .. } => id,
            _ => "",
        }
    }

    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Foreign { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Why no calls can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The token is not there.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// TLS cannot be set up.
    #[error("cannot set up HTTPS: {0}")]
    Tls(String),
}

impl Api {
    /// Prepares calls to the server at `url`. Nothing is sent yet.
    pub fn new(url: &Url, source: TokenSource, program: &str) -> Result<Self, ApiError> {
        let token = source.read()?;
        // One library does all cryptography; that somebody has said so already is fine.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(format!(
                "{program}/{} countersign/{}",
                client::cluster::COMPATIBLE_VERSION,
                env!("CARGO_PKG_VERSION")
            ))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true);
        if url.scheme() == "http" {
            // TLS is not used, so a machine that trusts nobody is fine.
            let nobody = rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            http = http.tls_backend_preconfigured(nobody);
        }
        let http = http.build().map_err(|error| ApiError::Tls(causes(&error)))?;
        Ok(Self {
            http,
            base: format!("{}/api/v4", url.as_str().trim_end_matches('/')),
            source,
            token: Mutex::new(token),
        })
    }

    /// The server's address, for people.
    pub fn origin(&self) -> &str {
        self.base.trim_end_matches("/api/v4")
    }

    /// The file the token comes from, if it does.
    pub fn token_file(&self) -> Option<&PathBuf> {
        self.source.file()
    }

    /// Reads the token anew; says whether it is another one. On an error the one in use stays.
    pub fn renew_token(&self) -> Result<bool, TokenError> {
        let next = self.source.read()?;
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let other = next.expose() != token.expose();
        *token = next;
        Ok(other)
    }

    /// `GET`, as the bot.
    pub async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, None).await
    }

    /// `POST`, as the bot.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PUT`, as the bot.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `DELETE`, as the bot.
    pub async fn delete(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(ACCEPT, "application/json");
        if let Some(authorization) = self.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let wait = (status == StatusCode::TOO_MANY_REQUESTS).then(|| retry_after(response.headers()));
        let mut bytes = Vec::new();
        while let Some(more) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if bytes.len() + more.len() > ANSWER_BYTES_MAX {
                return Err(CallError::NoAnswer {
                    origin: self.origin().to_owned(),
                    cause: format!("the answer is larger than {} MiB", ANSWER_BYTES_MAX >> 20),
                });
            }
            bytes.extend_from_slice(&more);
        }
        if let Some(wait) = wait {
            return Err(CallError::TooMany { wait });
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            Some(answer) if !status.is_success() && answer["id"].is_string() => Err(CallError::Refused {
                status: status.as_u16(),
                id: short(&answer["id"]),
                message: short(&answer["message"]),
            }),
            _ => Err(CallError::Foreign {
                origin: self.origin().to_owned(),
                status: status.as_u16(),
            }),
        }
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let text = SecretText::new(format!("Bearer {}", token.expose()));
        let mut value = HeaderValue::try_from(text.expose().as_str()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn broken(&self, error: &reqwest::Error) -> CallError {
        let origin = self.origin().to_owned();
        let cause = if error.is_timeout() {
            "it took too long".to_owned()
        } else {
            causes(error)
        };
        if error.is_connect() || error.is_builder() {
            CallError::Unreachable { origin, cause }
        } else {
            CallError::NoAnswer { origin, cause }
        }
    }
}

/// What lies at the bottom of a failed call. The library's own sentences only repeat the address.
fn causes(error: &reqwest::Error) -> String {
    let mut deepest: Option<String> = None;
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.is_empty() {
            deepest = Some(text);
        }
        next = cause.source();
    }
    deepest.unwrap_or_else(|| "the connection broke".to_owned())
}

/// Text of the server, short enough for a log.
fn short(text: &Value) -> String {
    const CHARACTERS_MAX: usize = 200;
    text.as_str()
        .unwrap_or_default()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(CHARACTERS_MAX)
        .collect()
}

/// `Retry-After` in seconds. The other form, a date, needs a clock in step with the server's, and Mattermost never sends it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// One part of a path.
pub fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_from_seconds_alone() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for odd in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"] {
            assert_eq!(wait(odd), None, "{odd}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn parts_of_a_path_stay_parts() {
        assert_eq!(segment("a/b?c#d e@x.y"), "a%2Fb%3Fc%23d%20e@x.y");
        assert_eq!(segment(".."), "..");
    }
}
