//! What the plugin needs of a chat, and how a chat can fail.

use std::future::Future;
use std::time::Duration;

use crate::picture::Picture;
use crate::request::Request;

/// How people get from a message to the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// `https://PROXY`, without a slash at the end, if the cluster has said where its pages are.
    pub pages: Option<String>,
}

/// The two names of something that is to be posted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The post carries it where people do not see it, and is found by it.
    pub mark: String,
    /// The server takes two posts with it, shortly after each other, for one. Must not be guessable.
    pub once: String,
}

/// A chat.
pub trait Chat: Send + Sync + 'static {
    /// What a place should show, in the words of this chat.
    fn draw(&self, request: &Request, links: &Links) -> Picture;

    /// The id of the place where `recipient` reads.
    fn place(&self, recipient: &str) -> impl Future<Output = Result<String, ChatError>> + Send;

    /// Posts, and gives the post's id.
    fn post(
        &self,
        place: &str,
        text: &str,
        request: &str,
        tag: &Tag,
    ) -> impl Future<Output = Result<String, ChatError>> + Send;

    /// The post about `request` that is there already, whoever of us made it.
    fn find(
        &self,
        place: &str,
        request: &Request,
        tag: &Tag,
    ) -> impl Future<Output = Result<Option<String>, ChatError>> + Send;

    /// Answers below a post.
    fn reply(
        &self,
        place: &str,
        post: &str,
        text: &str,
        tag: &Tag,
    ) -> impl Future<Output = Result<(), ChatError>> + Send;

    /// The marks of our answers that are there already.
    fn replies(&self, post: &str) -> impl Future<Output = Result<Vec<String>, ChatError>> + Send;

    /// Gives a post another text.
    fn edit(&self, post: &str, text: &str) -> impl Future<Output = Result<(), ChatError>> + Send;

    /// Removes a post of ours that is one too many.
    fn remove(&self, post: &str) -> impl Future<Output = Result<(), ChatError>> + Send;
}

/// What kind of failure it is: what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The server wants to be left alone for a while.
    Busy {
        /// For how long, if it said so.
        wait: Option<Duration>,
    },
    /// The server is not there, or not well. Helps: trying again later, with anything.
    Down,
    /// This one call went wrong. Helps: trying it again.
    Hiccup,
    /// The server does not take our token. Helps: another token.
    Token,
    /// This place or recipient is closed to us. Helps: somebody opens it.
    Closed,
    /// The post is not there any more, or not ours.
    Gone,
    /// The post is too old to be changed.
    TooOld,
}

/// A failed call to a chat.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ChatError {
    /// What helps.
    pub trouble: Trouble,
    /// What happened, for people.
    pub message: String,
    /// What they can do about it.
    pub hint: Option<String>,
    /// Whether the call may have been carried out all the same.
    pub maybe_done: bool,
}

impl ChatError {
    /// A failure after which nothing has changed in the chat.
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        Self {
            trouble,
            message: message.into(),
            hint: None,
            maybe_done: false,
        }
    }

    /// Adds what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
