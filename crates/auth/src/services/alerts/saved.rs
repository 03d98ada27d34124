//! Warnings about a role that was saved, for administrators whose program shows none beside the answer.
//!
//! The original's programs ask for alerts after each command, so that is where they find the warning. It is gone when the
//! role is saved without one.

use jiff::SignedDuration;
use wire::pb::types;

use super::{KIND, PERMIT_VERBS, upsert};
use crate::audit;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::state::Change;
use crate::state::alerts::{key, put};

/// How long the warning is shown.
const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Longest warning; the rest is said to be missing.
const MESSAGE_CHARS_MAX: usize = 250;

/// Tells what the call warned of when it saved `role`. The role is saved in any case.
pub async fn about_saved(auth: &Auth, call: &Call, role: &str) {
    if let Err(error) = tell(auth, call, role).await {
        tracing::warn!(%error, role, "the warnings about a role could not be made an alert");
    }
}

async fn tell(auth: &Auth, call: &Call, role: &str) -> Answer<()> {
    let name = format!("role-warning-{role}");
    let warnings = call.warnings();
    if call.takes_warnings() || warnings.is_empty() {
        let Some(stored) = auth.state.item(&key(&name), call.now).await? else {
            return Ok(());
        };
        let told = audit::cluster::changed(call.actor(), KIND, &name, "delete");
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&key(&name), Some(stored.revision))
            .delete(key(&name));
        auth.state.commit(change).await?;
        return Ok(());
    }
    let alert = types::ClusterAlert {
        header: Some(types::ResourceHeader {
            metadata: Some(types::Metadata {
                name: name.clone(),
                labels: [(PERMIT_VERBS.to_owned(), "role:create|role:update".to_owned())].into(),
                expires: call.now.saturating_add(SHOWN_FOR).ok().map(moment::write),
                ..types::Metadata::default()
            }),
            ..types::ResourceHeader::default()
        }),
        spec: Some(types::ClusterAlertSpec {
            severity: types::AlertSeverity::High.into(),
            message: shortened(&format!("role {role:?}: {}", warnings.join("; "))),
            created: None,
        }),
    };
    let alert = upsert::accept(call, alert)?;
    let told = audit::cluster::changed(call.actor(), KIND, &name, "upsert");
    let change = Change::new(call.now, &call.actor().user, told);
    auth.state.commit(put(change, &alert)).await?;
    Ok(())
}

fn shortened(text: &str) -> String {
    let one_line: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if one_line.chars().count() <= MESSAGE_CHARS_MAX {
        return one_line;
    }
    let begin: String = one_line.chars().take(MESSAGE_CHARS_MAX).collect();
    format!("{begin} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_warning_is_shortened_and_says_so() {
        assert_eq!(shortened("two\nlines"), "twolines");
        let long = shortened(&"é".repeat(1000));
        assert_eq!(long.chars().count(), MESSAGE_CHARS_MAX + 2);
        assert!(long.ends_with(" …"));
    }
}
