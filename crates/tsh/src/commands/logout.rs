//! `tsh logout`: forgets keys and certificates on this machine. The cluster is not asked.

use cli::Failure;
use client::profile::Profile;

use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub fn run(world: &World) -> Result<(), Failure> {
    match (world.proxy_host()?, world.user()) {
        (Some(host), Some(user)) => one(&host, user),
        (None, None) => everybody(world),
        (None, Some(user)) => out::data(&format!(
            "Specify --proxy to log out user {} from a specific proxy or remove the --user flag to log out all users from all proxies.\n",
            cli::text::quoted(user)
        )),
        (Some(host), None) => out::data(&format!(
            "Specify --user to log out a specific user from {} or remove the --proxy flag to log out all users from all proxies.\n",
            cli::text::quoted(&host)
        )),
    }
}

fn one(host: &str, user: &str) -> Result<(), Failure> {
    let directory = World::profiles()?;
    let profile = directory.load(host).map_err(refusal::of_profile)?;
    let gone = match profile {
        Some(profile) if profile.user == user => directory.remove(&profile),
        // Somebody else has logged in through the same proxy since: their profile stays.
        other => directory.remove_keys(&Profile {
            user: user.to_owned(),
            ..other.unwrap_or_else(|| Profile::on_one_port(host, user, host))
        }),
    };
    let (user, host) = (cli::text::visible(user), cli::text::visible(host));
    if gone.map_err(refusal::of_profile)? {
        out::data(&format!("Logged out {user} from {host}.\n"))
    } else {
        out::data(&format!("User {user} already logged out from {host}.\n"))?;
        Err(Failure::told())
    }
}

fn everybody(world: &World) -> Result<(), Failure> {
    let directory = World::profiles()?;
    let now = world.clock.now();
    let mut expired = Vec::new();
    for name in directory.names().map_err(refusal::of_profile)? {
        // A profile that cannot be read is removed like the others.
        if let Ok(Some(session)) = Session::of_profile(&directory, &name)
            && session.is_expired(now)
        {
            expired.push(session.profile.web_proxy_addr);
        }
    }
    if !directory.remove_all().map_err(refusal::of_profile)? {
        return out::data("All users logged out.\n");
    }
    for address in expired {
        out::talk(&format!(
            "Credentials expired for proxy {}, skipping...",
            cli::text::quoted(&address)
        ));
    }
    out::data("Logged out all users from all proxies.\n")
}
