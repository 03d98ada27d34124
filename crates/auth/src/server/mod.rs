//! The outside of the Auth Service: one port, gRPC and the old JSON calls, figures and health.

pub mod dispatch;
pub mod health;
pub mod metrics;
