//! The names of the namespaces, for the picker: asked for now and then, because they rarely change and not everybody may
//! watch them.

use std::time::Duration;

use serde::Deserialize;

use super::fault::fault;
use super::lean::{List, Meta};
use super::paths::with_query;
use super::transport::{Failure, Transport};
use crate::domain::Text;
use crate::domain::text::clean;
use crate::integrations::poll::{self, Poll};
use crate::ports::Future;
use crate::ports::feed::{Fault, Feed, SourceId, Update, UpdateStream};

/// How often.
const EVERY: Duration = Duration::from_secs(30);

/// Polls the list. Who may not list them knows only the namespace that the kubeconfig names, which is no fault.
pub(super) struct NamespacesFeed {
    transport: Transport,
    own: Text,
}

impl NamespacesFeed {
    /// A feed; `own` is the namespace that is known anyway.
    pub fn new(transport: Transport, own: Text) -> Self {
        Self { transport, own }
    }
}

impl Feed for NamespacesFeed {
    fn id(&self) -> SourceId {
        SourceId::Namespaces
    }

    fn open(&self) -> UpdateStream {
        poll::every(EVERY, Poller { transport: self.transport.clone(), own: self.own.clone() })
    }

    fn patience(&self) -> u64 {
        poll::patience(EVERY)
    }
}

#[derive(Deserialize)]
struct Named {
    metadata: Meta,
}

struct Poller {
    transport: Transport,
    own: Text,
}

impl Poller {
    async fn list(&self) -> Result<Vec<Text>, Failure> {
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", "500")];
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let page: List<Named> = self.transport.get_json(&with_query("/api/v1/namespaces", &query)).await?;
            names.extend(page.items.iter().map(|item| Text::from(clean(&item.metadata.name))));
            token = page.metadata.next;
            if token.is_empty() {
                return Ok(names);
            }
        }
    }
}

impl Poll for Poller {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async {
            let (names, complete) = match self.list().await {
                Ok(names) => (names, true),
                Err(Failure::Status(status)) if matches!(status.code, 403 | 404) => (vec![self.own.clone()], false),
                Err(failure) => return Err(fault(&failure, "list namespaces", self.transport.server())),
            };
            Ok(vec![Update::Namespaces { names, complete }])
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use futures::StreamExt;
    use serde_json::json;

    use super::super::mock::{list, ok, refuse, server};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_may_not_list_them_knows_one() {
        let (transport, _) = server(|number, _| match number {
            0 => refuse(403, "Forbidden", "no"),
            1 => ok(&list("7", "more", &[json!({"metadata": {"name": "shop"}})])),
            2 => ok(&list("7", "", &[json!({"metadata": {"name": "web"}})])),
            _ => refuse(503, "ServiceUnavailable", "away"),
        });
        let mut stream = NamespacesFeed::new(transport, "own".into()).open();
        let own = Update::Namespaces { names: vec!["own".into()], complete: false };
        assert_eq!(stream.next().await.unwrap().unwrap(), own);
        let all = Update::Namespaces { names: vec!["shop".into(), "web".into()], complete: true };
        assert_eq!(stream.next().await.unwrap().unwrap(), all);
        assert!(stream.next().await.unwrap().is_err());
    }
}
