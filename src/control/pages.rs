//! The pages for a browser: what they show, they ask the [`Backend`] for, as the API does.

use axum::Router;

use super::backend::Backend;

/// The routes of all pages.
pub(super) fn routes() -> Router<Backend> {
    Router::new()
}
