//! The first administrator: made with the cluster, invited by a link that is shown once, on the terminal.
//!
//! The link never goes into the log. Who missed it gets another one on this host.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use auth::Auth;
use auth::failure::Answer;
use auth::services::{links, users};
use auth::state::people::LinkKind;
use cli::{moment, style};
use jiff::{SignedDuration, Timestamp};
use wire::pb::types;

use crate::config::{AuthConfig, Config, FILE_DEFAULT, HttpsCertificates, LogOutput};

/// What the first administrator is called.
pub const NAME: &str = "admin";
/// What the first administrator may: use everything, change everything, read the record.
pub const ROLES: [&str; 3] = ["access", "editor", "auditor"];
/// How long the link lives.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Makes the first administrator of a cluster that has never known anybody, and shows the link.
///
/// The cluster is there and works either way, so a failure is told and stops nothing.
pub async fn first_administrator(auth: &Auth, config: &Config, told: &AuthConfig) {
    match auth.state.has_ever_known_anybody(auth.clock.now()).await {
        Ok(false) => {}
        Ok(true) => return,
        Err(error) => {
            tracing::error!(%error, "It cannot be told whether somebody must be invited.");
            return;
        }
    }
    let signs_in_here = told.preference.as_ref().is_none_or(|preference| {
        let spec = preference.spec.as_ref();
        let allowed = spec.and_then(|spec| spec.allow_local_auth.as_ref());
        allowed.is_none_or(|allowed| allowed.value)
    });
    if config.proxy().is_none() || !signs_in_here {
        tracing::info!("Nobody was invited: add people with `tctl users add` on this host.");
        return;
    }
    match invite(auth).await {
        Ok((link, until)) => show(&link, until, config),
        Err(error) => tracing::error!(
            %error,
            "The first administrator could not be invited; run `tctl users add {NAME} --roles={}` on this host.",
            ROLES.join(",")
        ),
    }
}

async fn invite(auth: &Auth) -> Answer<(String, Timestamp)> {
    let call = auth.own_call("first administrator");
    let user = types::UserV2 {
        kind: "user".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: NAME.to_owned(),
            namespace: "default".to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::UserSpecV2 {
            roles: ROLES.map(str::to_owned).to_vec(),
            ..types::UserSpecV2::default()
        }),
        ..types::UserV2::default()
    };
    users::create::create(auth, &call, user.into()).await?;
    let token = links::create::create(auth, &call, NAME, LinkKind::Invite, LIFETIME).await?;
    let until = call.now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    Ok((token.spec.unwrap_or_default().url, until))
}

/// Shows the link where a person looks, and where no log is.
fn show(link: &str, until: Timestamp, config: &Config) {
    // What was given as a text is no file.
    let reset = reset(config.file.as_deref().filter(|file| file.is_file()));
    if is_journal() {
        tracing::info!(
            "A new cluster was made. The output goes into the system's journal, so no invite link is printed: \
             run `{reset}` on this host to get one."
        );
        return;
    }
    let own_certificate = config
        .proxy()
        .is_some_and(|proxy| proxy.certificates == HttpsCertificates::Own);
    // Whoever reads the log as data must not find this in it.
    let written = if config.log.output == LogOutput::Stdout {
        let coloured = style::wanted(io::stderr().is_terminal());
        io::stderr()
            .lock()
            .write_all(message(link, until, own_certificate, coloured, &reset).as_bytes())
    } else {
        let coloured = style::wanted(io::stdout().is_terminal());
        let mut stdout = io::stdout().lock();
        let text = message(link, until, own_certificate, coloured, &reset);
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    };
    if written.is_err() {
        tracing::warn!("The invite link could not be shown; run `{reset}` on this host to get one.");
    }
}

/// How somebody on this host gets another link: the administrator's program must read the same file.
fn reset(file: Option<&Path>) -> String {
    match file.filter(|file| *file != Path::new(FILE_DEFAULT)) {
        Some(file) => format!("tctl -c {} users reset {NAME}", file.display()),
        None => format!("tctl users reset {NAME}"),
    }
}

fn message(link: &str, until: Timestamp, own_certificate: bool, coloured: bool, reset: &str) -> String {
    format!(
        "\nA new cluster was made. Its first administrator is `{NAME}`, with the roles {}.\n\
         Open this link to choose a password and an authenticator; it works once, until {} UTC:\n\n    {}\n\n\
         In a terminal: tsh {insecure}invite accept LINK\n\
         Another link:  {reset}\n\n",
        ROLES.join(", "),
        moment::short(until),
        style::bold(link, coloured),
        insecure = if own_certificate { "--insecure " } else { "" },
    )
}

/// Whether what is printed is kept by the system's journal.
fn is_journal() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some() && !io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_link_is_made_with_the_same_file() {
        let file = Path::new("/srv/teleport.yaml");
        assert_eq!(reset(Some(file)), "tctl -c /srv/teleport.yaml users reset admin");
        assert_eq!(reset(Some(Path::new(FILE_DEFAULT))), "tctl users reset admin");
        assert_eq!(reset(None), "tctl users reset admin");
    }
}
