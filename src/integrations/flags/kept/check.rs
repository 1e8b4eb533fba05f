//! What `doctor` asks of flags in the cluster: is the definition there, may we read and patch, are there flags at all.

use super::{Form, Kept};
use crate::domain::cluster::NamespaceScope;
use crate::ports::cluster::{ClusterError, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagFinding};

impl<F: Form> Kept<F> {
    pub(super) async fn checks(&self) -> Vec<FlagCheck> {
        let mut checks = Vec::new();
        let mut add = |name: &str, result| checks.push(FlagCheck { name: name.to_owned(), result });
        match self.all().await {
            Err(fault) => {
                add("objects", FlagFinding::Failed(fault));
                return checks;
            }
            Ok(known) => {
                let (objects, flags) = (known.objects.len(), known.rows().len());
                add(
                    "objects",
                    match known.limited(&self.reader) {
                        Some(fault) if flags == 0 => FlagFinding::Failed(fault),
                        Some(fault) => FlagFinding::Loss(fault.message, fault.hint.unwrap_or_default()),
                        None => FlagFinding::Well(format!("{flags} flags in {objects} of {}", self.objects.sort())),
                    },
                );
            }
        }
        for scope in self.reader.scopes() {
            let namespace = match &scope {
                NamespaceScope::All => None,
                NamespaceScope::One(name) => Some(&**name),
            };
            let result = match self.objects.may("patch", namespace, None).await {
                Ok(Permission { allowed: true, what, .. }) => FlagFinding::Well(what),
                Ok(Permission { what, .. }) => FlagFinding::Loss(
                    format!("it may look and not switch: {what} is missing"),
                    "ask for a Role with that right; one that names the objects shows only when a flag is switched"
                        .into(),
                ),
                Err(ClusterError::Fault(fault)) => FlagFinding::Failed(fault),
                Err(error) => FlagFinding::Failed(Fault::new(FaultKind::Server, error.to_string())),
            };
            add("permission", result);
        }
        checks
    }
}
