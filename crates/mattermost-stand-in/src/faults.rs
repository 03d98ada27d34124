//! Faults on command: what a test lets go wrong, where, and how often.

use std::time::Duration;

/// One thing that can go wrong with a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers this instead, and stores nothing.
    Answer {
        /// The status code.
        status: u16,
        /// Headers besides the content type.
        headers: Vec<(String, String)>,
        /// `Content-Type` of the body.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Cuts the connection before anything is stored.
    CutBefore,
    /// Stores, then cuts the connection without an answer.
    CutAfter,
    /// Takes the call, carries nothing out and never answers.
    Silence,
    /// Waits before the call is carried out. A new post is "in work" meanwhile.
    DelayBefore(Duration),
    /// Carries the call out, then waits with the answer.
    DelayAfter(Duration),
    /// Carries the call out and answers with a body that never ends.
    EndlessBody,
    /// Carries the call out and cuts the answer in the middle of its body.
    CutBody,
}

impl Fault {
    /// 503 with a page of HTML, as a proxy in front of the server gives it.
    pub fn unavailable() -> Self {
        Self::Answer {
            status: 503,
            headers: Vec::new(),
            content_type: "text/html".into(),
            body: "<html><body><h1>503 Service Unavailable</h1></body></html>\n".into(),
        }
    }

    /// 429 in the server's own form.
    pub fn too_many(retry_after: &str) -> Self {
        Self::Answer {
            status: 429,
            headers: vec![
                ("Retry-After".into(), retry_after.into()),
                ("X-Ratelimit-Limit".into(), "101".into()),
                ("X-Ratelimit-Remaining".into(), "0".into()),
                ("X-Ratelimit-Reset".into(), "10".into()),
            ],
            content_type: "text/plain; charset=utf-8".into(),
            body: "limit exceeded\n".into(),
        }
    }

    /// An error in the form of the server's own errors.
    pub fn error(status: u16, id: &str) -> Self {
        let body = serde_json::json!({
            "id": id, "message": "The server was told to fail.", "detailed_error": "",
            "request_id": crate::ambient::id(), "status_code": status,
        });
        Self::Answer {
            status,
            headers: Vec::new(),
            content_type: "application/json".into(),
            body: body.to_string(),
        }
    }

    /// What two first replies to one root at the same moment give.
    pub fn reply_collision() -> Self {
        Self::error(500, "app.post.save.app_error")
    }
}

/// Where and how often a fault happens.
#[derive(Debug, Clone)]
pub struct Rule {
    method: Option<String>,
    path: Option<String>,
    body: Option<String>,
    skip: u32,
    times: Option<u32>,
    fault: Fault,
}

impl Rule {
    /// This fault on every call, until it is cleared.
    pub fn always(fault: Fault) -> Self {
        Self {
            method: None,
            path: None,
            body: None,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// This fault on the next `times` calls that fit.
    pub fn times(times: u32, fault: Fault) -> Self {
        Self {
            times: Some(times),
            ..Self::always(fault)
        }
    }

    /// Only calls of this method, and of paths (below `/api/v4`) that start so.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Only calls whose body has this text.
    #[must_use]
    pub fn with_body(mut self, text: &str) -> Self {
        self.body = Some(text.to_owned());
        self
    }

    /// Lets the first `count` calls that fit pass.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    fn fits(&self, method: &str, path: &str, body: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self
                .path
                .as_ref()
                .is_none_or(|start| path.starts_with(start.as_str()))
            && self.body.as_ref().is_none_or(|text| body.contains(text.as_str()))
    }
}

/// The faults still to come, in the order they were asked for.
#[derive(Debug, Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    pub fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault this call meets, counted as used.
    pub fn next(&mut self, method: &str, path: &str, body: &str) -> Option<Fault> {
        let place = self.0.iter_mut().position(|rule| {
            if !rule.fits(method, path, body) {
                return false;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            true
        })?;
        let rule = &mut self.0[place];
        let fault = rule.fault.clone();
        if let Some(times) = &mut rule.times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(place);
            }
        }
        Some(fault)
    }
}
