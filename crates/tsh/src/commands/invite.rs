//! `tsh invite accept`: an invitation or a reset link, accepted in the terminal.
//!
//! The password and the secret of the authenticator are shown to nobody else: the secret goes to standard output
//! once, as a picture and as text. Nothing is written on this machine.

mod link;

use access::SecretText;
use cli::{Failure, prompt, qr, text};
use client::web::{TotpChallenge, WebClient};

use crate::args::Accept;
use crate::out;
use crate::refusal;
use crate::world::World;
use link::Link;

/// What an authenticator is called that nobody has named.
const DEVICE_NAME: &str = "otp-device";
/// How often a password or a code may be typed wrongly at a terminal.
const TRIES: u32 = 3;
/// The shortest password that a cluster takes.
const PASSWORD_CHARACTERS_MIN: usize = 12;

/// Runs the command.
pub async fn run(world: &World, asked: &Accept) -> Result<(), Failure> {
    let link = Link::parse(&asked.url)?;
    let client =
        WebClient::new(link.proxy.clone(), &world.web_trust(), &world.clock).map_err(refusal::of_web)?;
    if world.insecure() {
        out::talk(&format!(
            "WARNING: You are using insecure connection to Teleport proxy https://{}",
            client.address()
        ));
    }
    let invite = client.invite(&link.token).await.map_err(refused)?;
    let user = text::visible(&invite.user);
    let at_terminal = prompt::interactive();
    if at_terminal {
        out::talk(&format!("This link is for {user} at {}.\n", client.address()));
    }
    let password = password(&user)?;
    let challenge = client.invite_totp(&link.token).await.map_err(refused)?;
    show_secret(&challenge, at_terminal)?;
    accept(&client, &link.token, &password, at_terminal).await?;
    out::talk(&format!(
        "\nPassword and authenticator of {user} are set.\nhint: sign in with `tsh login --proxy={} --user={user}`",
        client.address()
    ));
    Ok(())
}

/// Asks for a new password; at a terminal twice, and again while it cannot be one.
fn password(user: &str) -> Result<SecretText, Failure> {
    if !prompt::interactive() {
        return Ok(SecretText::new(prompt::secret("a new password")?));
    }
    for _ in 0..TRIES {
        let first = SecretText::new(prompt::secret(&format!("Enter a new password for {user}:"))?);
        if first.expose().chars().count() < PASSWORD_CHARACTERS_MIN {
            out::talk(&format!(
                "A password has at least {PASSWORD_CHARACTERS_MIN} characters."
            ));
            continue;
        }
        let second = SecretText::new(prompt::secret("Enter it again:")?);
        if first.expose() == second.expose() {
            return Ok(first);
        }
        out::talk("The two passwords are not the same.");
    }
    Err(Failure::new("no password was set").hint("run the command again; the link is still good"))
}

/// Shows the secret: a picture and text at a terminal, the bare secret to a script.
pub(super) fn show_secret(challenge: &TotpChallenge, at_terminal: bool) -> Result<(), Failure> {
    let Some(uri) = &challenge.uri else {
        return Err(Failure::new(
            "the proxy sent the authenticator's secret as a picture, which a terminal cannot show",
        )
        .hint("open the link in a browser"));
    };
    let secret = link::secret_of(uri).ok_or_else(|| {
        Failure::new("the proxy sent an authenticator's secret that cannot be read")
            .hint("open the link in a browser")
    })?;
    if !at_terminal {
        return out::data(&format!("{}\n", text::visible(&secret)));
    }
    let picture = qr::print(uri).unwrap_or_default();
    out::data(&format!(
        "\nScan this with an authenticator application:\n\n{picture}\nor type this secret into it:\n\n  {}\n\n",
        link::grouped(&secret)
    ))
}

/// Proves that the authenticator has the secret. A mistyped code may be typed again.
async fn accept(
    client: &WebClient,
    token: &SecretText,
    password: &SecretText,
    at_terminal: bool,
) -> Result<(), Failure> {
    let mut left = if at_terminal { TRIES } else { 1 };
    loop {
        left -= 1;
        let code = prompt::secret("Enter the OTP code it shows:")?;
        let code = SecretText::new(code.trim().replace(' ', ""));
        let Err(error) = client.accept_invite(token, password, &code, DEVICE_NAME).await else {
            return Ok(());
        };
        let wrong_code = error.to_string().contains("one time token");
        if !wrong_code || left == 0 {
            return Err(refused(error));
        }
        out::talk("That is not the code. Take the one that is shown now; check the clock of the device.");
    }
}

fn refused(error: client::web::WebError) -> Failure {
    let words = error.to_string();
    let hint = if words.contains("bad or expired token") {
        "a link can be used once and for a short time: ask an administrator for a new one"
    } else if words.contains("password is too short") {
        "choose a longer one; the link is still good"
    } else if words.contains("one time token") {
        "run the command again and add the new secret; check the clock of the device"
    } else {
        return refusal::of_web(error);
    };
    Failure::new(words).hint(hint)
}
