//! Core errors on their way to JavaScript: as JSON, because lib/errors.js builds every error a user sees. Errors made
//! here would not be `instanceof Error` inside Jest and would have no stack worth reading.

use redstart_core::Error;
use serde_json::json;

/// What lib/errors.js needs: code, message, retryable, and the failure to rebuild as `cause`.
pub(crate) fn to_json(error: &Error) -> String {
    let mut details = json!({
        "code": error.code(),
        "message": error.to_string(),
        "retryable": error.is_retryable(),
    });
    if let Some(failure) = error.job_failure() {
        details["failure"] = json!(failure);
    }
    details.to_string()
}
