//! `tctl acl reviews`: when a list was looked at, by whom, and looking at it now.

use cli::{Failure, Table, moment};
use client::calls::pages;
use futures::TryStreamExt as _;
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;

use crate::commands::lists::split;
use crate::connection::Connection;
use crate::output;

/// Show reviews, and review a list.
#[derive(Debug, clap::Subcommand)]
pub enum Reviews {
    /// Show the reviews of an access list
    Ls(List),
    /// Review an access list: who is in it stays in it, except those who are taken out
    Create(Create),
}

impl Reviews {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Ls(command) => command.run(connection).await,
            Self::Create(command) => command.run(connection).await,
        }
    }
}

/// Shows the reviews.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Name of the list
    #[arg(value_name = "LIST")]
    list: String,
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let name = self.list.as_str();
        let listed = pages(|next_token| {
            let mut lists = session.cluster().access_lists();
            async move {
                let request = pb::ListAccessListReviewsRequest {
                    access_list: name.to_owned(),
                    next_token,
                    ..pb::ListAccessListReviewsRequest::default()
                };
                let page = session.call(lists.list_access_list_reviews(request)).await?;
                Ok::<_, Failure>((page.reviews, page.next_token))
            }
        });
        let mut reviews: Vec<Kept<pb::Review>> = listed.try_collect().await?;
        if reviews.is_empty() {
            return output::line(&format!("access list {name} has not been reviewed yet"));
        }
        let date = |review: &pb::Review| {
            let spec = review.spec.as_ref();
            convert::moment(spec.and_then(|spec| spec.review_date.as_ref()))
        };
        reviews.sort_by_key(|review| date(review));
        let mut table = Table::new(["ID", "Reviewer", "Review Date", "Removed Members", "Notes"]);
        for review in &reviews {
            let spec = review.spec.clone().unwrap_or_default();
            let removed = spec.changes.unwrap_or_default().removed_members;
            table.row([
                convert::header_name(review.header.as_ref()).to_owned(),
                spec.reviewers.join(","),
                date(review).map(moment::rfc822).unwrap_or_default(),
                removed.join(","),
                spec.notes,
            ]);
        }
        output::print(&table.print(usize::MAX))
    }
}

/// Reviews a list.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// Name of the list
    #[arg(value_name = "LIST")]
    list: String,
    /// What was found
    #[arg(long, value_name = "TEXT", default_value = "")]
    notes: String,
    /// Members to take out; several between commas
    #[arg(long, value_name = "USERS")]
    remove_members: Vec<String>,
}

impl Create {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        let review = pb::Review {
            spec: Some(pb::ReviewSpec {
                access_list: self.list.clone(),
                notes: self.notes,
                changes: Some(pb::ReviewChanges {
                    removed_members: split(&self.remove_members),
                    ..pb::ReviewChanges::default()
                }),
                ..pb::ReviewSpec::default()
            }),
            ..pb::Review::default()
        };
        let request = pb::CreateAccessListReviewRequest {
            review: Some(Kept::from(review)),
        };
        let mut lists = session.cluster().access_lists();
        let made = session.call(lists.create_access_list_review(request)).await?;
        let next = convert::moment(made.next_audit_date.as_ref());
        output::line(&format!(
            "access list {} was reviewed ({}); the next review is due {}",
            self.list,
            made.review_name,
            next.map_or_else(|| "never".to_owned(), moment::rfc822)
        ))
    }
}
