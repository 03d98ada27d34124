//! Invite and reset links: one use, a short life, and nothing in the store that could be used.

pub mod accept;
pub mod create;
pub mod get;

use wire::pb::types;

use crate::auth::Auth;
use crate::moment;
use crate::state::people::{Link, LinkKind};

/// The link as clients see it. `token` is its secret.
pub fn shown(auth: &Auth, token: &str, link: &Link) -> types::UserTokenV3 {
    let path = match link.kind {
        LinkKind::Invite => "invite",
        LinkKind::Password => "reset",
    };
    let proxy = auth.proxy_address();
    types::UserTokenV3 {
        kind: "user_token".to_owned(),
        sub_kind: match link.kind {
            LinkKind::Invite => "invite",
            LinkKind::Password => "password",
        }
        .to_owned(),
        version: "v3".to_owned(),
        metadata: Some(types::Metadata {
            name: token.to_owned(),
            namespace: "default".to_owned(),
            expires: Some(moment::write(link.expires)),
            ..types::Metadata::default()
        }),
        spec: Some(types::UserTokenSpecV3 {
            user: link.user.clone(),
            url: format!("https://{proxy}/web/{path}/{token}"),
            created: Some(moment::write(link.created)),
            ..types::UserTokenSpecV3::default()
        }),
    }
}
