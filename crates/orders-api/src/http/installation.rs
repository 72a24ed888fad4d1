//! What identifies this installation to others: the source of its events, and the host of ids.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

/// An installation, by its public URL. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Installation(Arc<str>);

impl Installation {
    /// Creates it from the origin of its public URL, if it has one.
    pub(crate) fn new(public_url: Option<&str>) -> Self {
        Self(public_url.unwrap_or_default().into())
    }

    /// Returns the installation that serves a request.
    pub(crate) fn from_request(request: &HttpRequest) -> Self {
        let shared = request.app_data::<Data<Self>>();
        shared.map_or_else(|| Self::new(None), |shared| shared.get_ref().clone())
    }

    /// Returns the `source` of the events of a feed.
    pub(crate) fn source(&self, feed: &str) -> String {
        format!("{}/orders/{feed}", self.0)
    }

    /// Returns its host, which makes the ids of calendar entries unique in the world.
    pub(crate) fn host(&self) -> &str {
        self.0.split_once("://").map_or("orders", |(_, host)| host)
    }
}
