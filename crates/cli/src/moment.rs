//! Moments in the layouts that the commands print. All in UTC, with the zone shown where the layout has one.

use jiff::Timestamp;

/// `21 Nov 24 18:50 UTC`: the form of the request tables.
pub fn rfc822(moment: Timestamp) -> String {
    printed("%d %b %y %H:%M UTC", moment)
}

/// `Thu, 21 Nov 2024 18:50:00 UTC`: the form of `tsh mfa ls`.
pub fn rfc1123(moment: Timestamp) -> String {
    printed("%a, %d %b %Y %H:%M:%S UTC", moment)
}

/// `2025-08-27 22:00:00 +0000 UTC`: the form of `tsh status`.
pub fn long(moment: Timestamp) -> String {
    printed("%Y-%m-%d %H:%M:%S +0000 UTC", moment)
}

/// `2025-08-27 22:00:00`: the form of `tsh request show`.
pub fn short(moment: Timestamp) -> String {
    printed("%Y-%m-%d %H:%M:%S", moment)
}

/// `2025-08-27T22:00:00Z`, whole seconds: RFC 3339.
pub fn rfc3339(moment: Timestamp) -> String {
    printed("%Y-%m-%dT%H:%M:%SZ", moment)
}

fn printed(layout: &str, moment: Timestamp) -> String {
    moment.strftime(layout).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_prints_one_moment() {
        let moment: Timestamp = "2024-11-21T18:50:07.5Z".parse().unwrap();
        assert_eq!(rfc822(moment), "21 Nov 24 18:50 UTC");
        assert_eq!(long(moment), "2024-11-21 18:50:07 +0000 UTC");
        assert_eq!(short(moment), "2024-11-21 18:50:07");
        assert_eq!(rfc3339(moment), "2024-11-21T18:50:07Z");
    }
}
