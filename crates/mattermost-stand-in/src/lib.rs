//! mattermost-stand-in
