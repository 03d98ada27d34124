//! Pages that say one thing: not found, not allowed, broken, too often.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use wire::status::{Class, Failure};

use super::{Frame, render};
use crate::body::BodyError;
use crate::text;
use crate::words::t;

/// A page that says one thing, and what to do about it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The status it goes out with.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: String,
    /// What it means.
    pub text: String,
    /// What to do, if there is something.
    pub hint: String,
    /// A command that does it, if there is one.
    pub command: String,
    /// Where to go: what the link says, and where it leads.
    pub link: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page {
    frame: Frame,
    message: Message,
}

impl Message {
    /// A page that only says it.
    pub fn new(status: StatusCode, title: &str, text: impl Into<String>) -> Self {
        Self {
            status,
            title: title.to_owned(),
            text: text.into(),
            hint: String::new(),
            command: String::new(),
            link: Some((t("Go to the start page"), "/web")),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The command that does it.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Where to go.
    #[must_use]
    pub fn link(mut self, says: &'static str, leads: &'static str) -> Self {
        self.link = Some((says, leads));
        self
    }

    /// The page. Without a frame nothing about the visitor is known.
    pub fn respond(self, frame: Option<Frame>) -> Response {
        let frame = frame.unwrap_or_default();
        let status = self.status;
        render(status, &Page { frame, message: self })
    }
}

/// The page about a failure. Our own faults are told in the log and nowhere else.
pub fn of_failure(failure: &Failure, frame: Option<Frame>) -> Response {
    let said = text::visible(failure.message());
    let frame = frame.unwrap_or_default();
    let message = match failure.class() {
        Class::NotFound => not_found(),
        Class::AccessDenied | Class::Unauthenticated => Message::new(
            StatusCode::FORBIDDEN,
            t("You may not see this"),
            frame.fill("The cluster refused: {}.", &[&said]),
        )
        .hint(t(
            "If you need it for your work, ask an administrator of the cluster.",
        ))
        .link(t("Sign in as somebody else"), "/web/login"),
        Class::LimitExceeded => Message::new(
            StatusCode::TOO_MANY_REQUESTS,
            t("Too many requests"),
            frame.fill("The cluster asks you to wait: {}.", &[&said]),
        )
        .hint(t("Wait a moment, then try again.")),
        Class::BadParameter | Class::AlreadyExists | Class::CompareFailed => Message::new(
            StatusCode::BAD_REQUEST,
            t("That did not work"),
            frame.fill("The cluster says: {}.", &[&said]),
        ),
        Class::NotImplemented => Message::new(
            StatusCode::NOT_IMPLEMENTED,
            t("Not available yet"),
            frame.fill("The cluster says: {}.", &[&said]),
        ),
        Class::ConnectionProblem | Class::DeadlineExceeded | Class::Cancelled => {
            tracing::warn!(error = %failure, "the Auth Service could not be asked");
            Message::new(
                StatusCode::GATEWAY_TIMEOUT,
                t("The cluster does not answer"),
                t("This page comes from the proxy; the Auth Service behind it does not answer. Nothing was changed."),
            )
            .hint(t("Try again in a moment. If it stays so, an administrator should look at the Auth Service."))
        }
        Class::Internal => {
            tracing::error!(error = %failure, "a page failed");
            Message::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                t("Something went wrong"),
                t("The fault is on our side. The server's log says more."),
            )
        }
    };
    let mut response = message.respond(Some(frame));
    if failure.class() == Class::LimitExceeded {
        // The wait is told in the text, `… try again in 3s`.
        let seconds = failure
            .message()
            .rsplit(' ')
            .next()
            .and_then(|last| last.strip_suffix('s'));
        if let Some(seconds) = seconds.and_then(|seconds| HeaderValue::try_from(seconds).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
    }
    response
}

/// Nothing lies here.
pub fn not_found() -> Message {
    Message::new(
        StatusCode::NOT_FOUND,
        t("There is nothing here"),
        t("What you are looking for does not exist, is over, or is not yours to see."),
    )
}

/// A form that was not sent by one of our pages, or not as a whole.
pub fn unread(error: BodyError) -> Message {
    match error {
        BodyError::FromElsewhere => Message::new(
            error.status(),
            t("This did not come from our page"),
            t("Another site tried to send something in your name. Nothing was changed."),
        ),
        BodyError::Form | BodyError::Incomplete => Message::new(
            error.status(),
            t("That could not be read"),
            t("What your browser sent is not what this page expects. Nothing was changed."),
        ),
        BodyError::TooLarge => Message::new(
            error.status(),
            t("That is too much"),
            t("What your browser sent is larger than this page accepts. Nothing was changed."),
        ),
    }
    .hint(t("Open the page again and repeat what you did."))
}

/// A form without the secret of the browser that sent it.
pub fn stale_form() -> Message {
    Message::new(
        StatusCode::FORBIDDEN,
        t("This form is out of date"),
        t("Your browser sent it without the secret it was given. Nothing was changed."),
    )
    .hint(t(
        "Open the page again and repeat what you did. Your browser must accept cookies of this site.",
    ))
}

/// The answer to a method that a page does not have.
pub async fn no_such_method() -> Response {
    Message::new(
        StatusCode::METHOD_NOT_ALLOWED,
        t("That is not possible here"),
        t("This page can be read; nothing can be sent to it."),
    )
    .respond(None)
    .into_response()
}
