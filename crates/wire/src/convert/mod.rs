//! Between the messages of the wire and the values that decisions are made with.
//!
//! Nothing is decided here. What a message says in several ways is read into one; what it does not say is `None`.

mod access_list;
mod access_report;
mod content;
mod evidence;
mod lists;
mod moment;
mod pin;
mod policy;
mod request;
mod role;

pub use access_list::{
    access_list, access_list_member, header_name, membership_kind, membership_kind_number, pairs,
    pairs_message, recurrence,
};
pub use access_report::access_report;
pub use content::{content_digest, request_content};
pub use evidence::taken_back_by;
pub use lists::{label_values, labels, traits};
pub use moment::{moment, timestamp, timestamp_option};
pub use pin::{PinError, pin, pin_of_content, role_digest};
pub use policy::{PolicyError, account, bot_of_token, policy};
pub use request::{
    ConvertError, proposal, request, request_message, resource_id, resource_id_message, state, state_number,
    submission,
};
pub use role::{RoleError, role};
