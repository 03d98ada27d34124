//! Proving who one is: password, then code, through the proxy's web API. Nothing is written here.

use std::time::Duration;

use access::SecretText;
use cli::{Failure, duration, prompt};
use client::profile::Profile;
use client::web::{Login, LoginAnswer, Ping, WebClient, WebError};
use jiff::SignedDuration;
use pki::KeyPair;
use transport::Address;

use crate::out;
use crate::refusal;
use crate::world::{World, no_proxy};

/// Where the proxy says nothing about it.
const LIFETIME_DEFAULT: SignedDuration = SignedDuration::from_hours(12);

/// The public halves of the keys that are to be certified.
pub struct PublicKeys {
    /// One `authorized_keys` line.
    pub ssh: String,
    /// PEM.
    pub tls: String,
}

impl PublicKeys {
    /// Those of two keys, which may be the same.
    pub fn of(ssh: &KeyPair, tls: &KeyPair) -> Result<Self, Failure> {
        let tls = tls.public().to_pem();
        Ok(Self {
            ssh: format!("{}\n", ssh.public().to_ssh_line()),
            tls: tls.map_err(|error| Failure::new(error.to_string()))?,
        })
    }
}

/// What came out of a sign-in.
pub struct Proven {
    /// The proxy.
    pub client: WebClient,
    /// What it says about itself.
    pub ping: Ping,
    /// Who was asked for.
    pub user: String,
    /// The certificates.
    pub answer: LoginAnswer,
}

impl Proven {
    /// The profile of this sign-in. Its addresses are the ones that worked.
    pub fn profile(&self) -> Profile {
        let address = self.client.address().to_string();
        let mut profile = Profile::on_one_port(&address, &self.user, &self.ping.cluster_name);
        let proxy = &self.ping.proxy;
        profile.tls_routing_enabled = proxy.tls_routing_enabled;
        if !proxy.kube.enabled {
            profile.kube_proxy_addr = String::new();
        }
        if !proxy.tls_routing_enabled {
            profile.postgres_proxy_addr = String::new();
            profile.mysql_proxy_addr = String::new();
            let told = [&proxy.ssh.ssh_public_addr, &proxy.ssh.public_addr];
            if let Some(told) = told.into_iter().find(|address| !address.is_empty()) {
                profile.ssh_proxy_addr.clone_from(told);
            }
        }
        profile
    }
}

/// Asks for password and code, and has the keys certified.
pub async fn prove(
    world: &World,
    before: Option<&Profile>,
    lifetime: Option<SignedDuration>,
    keys: &PublicKeys,
) -> Result<Proven, Failure> {
    let addresses = match (world.proxy(), before) {
        (None, Some(profile)) => vec![
            Address::parse(&profile.web_proxy_addr, 443).map_err(|error| Failure::new(error.to_string()))?,
        ],
        (None, None) => return Err(no_proxy()),
        (Some(_), _) => world.proxy_addresses()?,
    };
    let user = world
        .user()
        .map(str::to_owned)
        .or_else(|| {
            before
                .map(|profile| profile.user.clone())
                .filter(|user| !user.is_empty())
        })
        .or_else(World::account)
        .ok_or_else(|| Failure::new("nobody is named to sign in as").hint("say who you are with `--user`"))?;
    let (client, _) = WebClient::find_among(&addresses, &world.web_trust(), &world.clock)
        .await
        .map_err(refusal::of_web)?;
    let ping = client.ping().await.map_err(refusal::of_web)?;
    if !ping.auth.kind.is_empty() && ping.auth.kind != "local" && world.connector().is_none() {
        return Err(Failure::new(format!(
            "this cluster signs people in through `{}`, which is not available yet",
            ping.auth.kind
        ))
        .hint("a user with a password may sign in with `--auth=local`"));
    }
    if ping.auth.has_motd {
        acknowledge(&client).await?;
    }
    if world.insecure() {
        // Before the password is given away, not after.
        out::talk(&format!(
            "WARNING: You are using insecure connection to Teleport proxy https://{}",
            client.address()
        ));
    }
    let password = SecretText::new(prompt::secret(&format!(
        "Enter password for Teleport user {}:",
        cli::text::visible(&user)
    ))?);
    let refused = |error| refused(world, error);
    let challenge = client.login_begin(&user, &password).await.map_err(refused)?;
    let code = if challenge.totp_challenge {
        Some(SecretText::new(prompt::secret(
            "Enter an OTP code from a device:",
        )?))
    } else if challenge.webauthn_challenge.is_some() {
        return Err(
            Failure::new("this sign-in wants a security key, which this program cannot use")
                .hint("sign in in the browser, and add an authenticator app there under How you sign in"),
        );
    } else {
        None
    };
    let lifetime = lifetime
        .or_else(|| duration::parse(&ping.auth.default_session_ttl).ok())
        .filter(|lifetime| lifetime.is_positive())
        .unwrap_or(LIFETIME_DEFAULT);
    let login = Login {
        user: &user,
        password: &password,
        code: code.as_ref(),
        ssh_public_key: &keys.ssh,
        tls_public_key: &keys.tls,
        ttl: Duration::try_from(lifetime).unwrap_or(Duration::MAX),
    };
    let answer = client.login_finish(&login).await.map_err(refused)?;
    Ok(Proven {
        client,
        ping,
        user,
        answer,
    })
}

/// The message of the day is shown before anything is asked.
async fn acknowledge(client: &WebClient) -> Result<(), Failure> {
    let message = client.message_of_the_day().await.map_err(refusal::of_web)?;
    if message.trim().is_empty() {
        return Ok(());
    }
    out::talk(message.trim_end());
    if prompt::interactive() {
        prompt::line("Press [ENTER] to continue.")?;
    }
    Ok(())
}

/// A refusal of credentials, with what may be wrong about them.
fn refused(world: &World, error: WebError) -> Failure {
    let wrong = error.status().is_some_and(|status| status.as_u16() == 403)
        && [
            "invalid credentials",
            "invalid username, password or second factor",
        ]
        .contains(&error.to_string().as_str());
    let failure = refusal::of_web(error);
    if !wrong {
        return failure;
    }
    let failure = failure
        .hint("check name, password and code; after several wrong guesses an account is closed for a while");
    match (world.user(), World::account()) {
        (None, Some(account)) => failure.hint(format!(
            "set the --user flag to log in as a specific user, or leave it empty to use the system user ({account})"
        )),
        _ => failure,
    }
}
