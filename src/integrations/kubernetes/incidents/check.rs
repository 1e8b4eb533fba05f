//! May this identity read and write the shared journal? Asked of the server each time: rights may be given any moment.

use super::super::access::{Asked, ClusterAccess};
use super::super::paths;
use super::super::transport::Failure;
use super::{CONFIG_MAPS, ClusterJournal, hinted, make, missing};
use crate::ports::cluster::{ClusterError, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceCheck, ServiceFinding};

/// What reading takes.
const READ: [&str; 3] = ["get", "list", "watch"];
/// What writing takes: nothing is ever replaced or deleted.
const WRITE: [&str; 2] = ["create", "patch"];

/// The first of `verbs` that is refused.
async fn refused(
    access: &ClusterAccess,
    namespace: &str,
    verbs: &'static [&'static str],
) -> Result<Option<Permission>, Fault> {
    for verb in verbs {
        let asked = Asked {
            namespace: Some(namespace),
            verb,
            group: CONFIG_MAPS.group,
            resource: CONFIG_MAPS.plural,
            subresource: None,
            name: None,
        };
        let permission = access.may(&asked).await.map_err(|error| match error {
            ClusterError::Fault(fault) => fault,
            other => Fault::new(FaultKind::Server, other.to_string()),
        })?;
        if !permission.allowed {
            return Ok(Some(permission));
        }
    }
    Ok(None)
}

fn forbidden(permission: &Permission, loss: &str, namespace: &str, writing: bool) -> Fault {
    let reason = permission.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let message = format!("{loss}: {} is not allowed{reason}", permission.what);
    hinted(Fault::new(FaultKind::Forbidden, message), namespace, writing)
}

/// What is lost when it may not be written; `None` when it may.
pub(super) async fn may_write(access: &ClusterAccess, namespace: &str) -> Result<Option<Fault>, Fault> {
    let refused = refused(access, namespace, &WRITE).await?;
    Ok(refused.map(|permission| forbidden(&permission, "may not write shared incidents", namespace, true)))
}

/// Namespace, reading, writing.
pub(super) async fn run(journal: &ClusterJournal) -> Vec<ServiceCheck> {
    let (access, namespace) = (journal.access(), &*journal.namespace);
    let mut checks = Vec::new();
    let mut add = |name: &str, result| checks.push(ServiceCheck { name: name.to_owned(), result });
    match journal.transport.get(&paths::namespace(namespace)).await {
        Ok(_) => add("namespace", ServiceFinding::Well(format!("{namespace} is there"))),
        Err(Failure::Status(status)) if status.code == 404 => {
            let fault = Fault::new(FaultKind::NotServed, missing(namespace)).hint(make(namespace));
            add("namespace", ServiceFinding::Failed(fault));
        }
        // Who may not look at namespaces may still work in one; what is wrong otherwise comes out below.
        Err(_) => {}
    }
    add(
        "read",
        match refused(&access, namespace, &READ).await {
            Ok(None) => ServiceFinding::Well(format!("{} configmaps in namespace {namespace}", READ.join(", "))),
            Ok(Some(permission)) => {
                ServiceFinding::Failed(forbidden(&permission, "may not read shared incidents", namespace, false))
            }
            Err(fault) => ServiceFinding::Failed(fault),
        },
    );
    add(
        "write",
        match may_write(&access, namespace).await {
            Ok(None) => ServiceFinding::Well(format!("{} configmaps in namespace {namespace}", WRITE.join(", "))),
            Ok(Some(Fault { message, hint, .. })) => ServiceFinding::Loss(message, hint.unwrap_or_default()),
            Err(fault) => ServiceFinding::Failed(fault),
        },
    );
    checks
}
