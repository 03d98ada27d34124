//! Why a call was not done. The classes and their codes are `wire`'s; here stands what a stranger may
//! not read.

pub use wire::status::{Class, Failure};

/// What a handler gives back.
pub type Answer<T> = Result<T, Failure>;

/// The refusal that explains nothing, for those who must not learn what exists.
pub fn denied() -> Failure {
    Failure::access_denied(wire::status::text::ACCESS_DENIED)
}

/// A failure as its caller may see it: the text of our own faults goes to the log and nowhere else.
pub fn shown(failure: Failure) -> Failure {
    if failure.class() != Class::Internal {
        return failure;
    }
    tracing::error!(error = %failure, "a call failed by our own fault");
    Failure::internal("internal error; the server's log says more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_faults_stay_inside() {
        assert_eq!(shown(Failure::not_found("x")).message(), "x");
        let fault = shown(Failure::internal("/var/lib/secret path"));
        assert_eq!(fault.class(), Class::Internal);
        assert!(!fault.message().contains("secret"));
    }
}
