//! Access requests and reviews.
