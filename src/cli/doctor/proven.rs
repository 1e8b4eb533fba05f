//! A source that is well has accepted its secrets, and one that says 401 has not: that is written down, for
//! `opsdeck auth status`.

use super::check::{Check, Verdict};
use crate::cli::{Global, start};
use crate::config::credentials::{Credential, Service};
use crate::config::secret::Secrets as _;
use crate::ports::feed::{Fault, FaultKind};
use crate::runtime::credentials::ledger::Ledger;
use crate::runtime::credentials::look_at;
use crate::runtime::credentials::prove::Proof;
use crate::runtime::wiring::Launch;

/// Writes down what came of the secrets of this context. What cannot be written is logged and hinders no check.
pub(super) async fn record(global: &Global, launch: &Launch, context: &str, checks: &[Check]) {
    let Ok(config) = launch.configuration().await else { return };
    let ledger = Ledger::new(&start::dirs(global));
    for credential in config.credentials_in(context) {
        let Some(service) = credential.uses.first().filter(|_| credential.is_provable()) else { continue };
        let Some(proof) = proof(&credential, service, checks) else { continue };
        // A secret that is missing was not refused: nobody was asked.
        if matches!(proof, Proof::Refused(_)) && !all_there(service).await {
            continue;
        }
        if let Err(error) = ledger.record(&credential, &proof, "doctor", launch.clock.now()) {
            tracing::warn!(setting = credential.setting, %error, "cannot write down what came of a secret");
        }
    }
}

async fn all_there(service: &Service) -> bool {
    for (setting, at) in service.secrets() {
        if look_at(&at, &setting).await.is_err() {
            return false;
        }
    }
    true
}

/// What the checks say of it: accepted when nothing of its service failed and something went well.
fn proof(credential: &Credential, service: &Service, checks: &[Check]) -> Option<Proof> {
    let named = format!("{}: ", credential.source);
    let of = |check: &&Check| match service {
        Service::Prometheus(_) => check.source == "Prometheus",
        Service::Alertmanager(_) => check.source == "Alertmanager",
        Service::Flags(_) | Service::Chat(_) | Service::Paging(_) | Service::StatusPage(_) => {
            check.name.starts_with(&named)
        }
    };
    let (mut well, mut failed) = (None, false);
    for check in checks.iter().filter(of) {
        match check.verdict {
            Verdict::Failed if check.kind == Some(FaultKind::Unauthorized) => {
                return Some(Proof::Refused(Fault::new(FaultKind::Unauthorized, check.detail.clone())));
            }
            Verdict::Failed => failed = true,
            Verdict::Ok if check.skew_seconds.is_none() => well = well.or(Some(check.source.to_owned())),
            Verdict::Ok | Verdict::Warning => {}
        }
    }
    if failed { None } else { well.map(Proof::Valid) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::{LoadOptions, load};

    #[test]
    fn only_a_source_of_which_nothing_failed_accepted_its_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[prometheus]\nurl = \"http://p\"\ntoken = { env = \"P\" }\n[alertmanager]\nurls = [\"http://a\"]\n\
                    token = { env = \"A\" }";
        std::fs::write(file.path(), text).unwrap();
        let options = LoadOptions { explicit_file: Some(file.path().to_owned()), ..LoadOptions::default() };
        let found = load(&options).unwrap().config.credentials_in("lab");
        let [prometheus, alertmanager] = &found[..] else { panic!("{found:#?}") };
        let failed = |kind| Check::failed("Prometheus", "rules", Fault::new(kind, "no"));
        let of = |one: &Credential, checks: &[Check]| proof(one, &one.uses[0], checks);
        let accepted = Some(Proof::Valid("Prometheus".into()));
        assert_eq!(of(prometheus, &[Check::ok("Prometheus", "reachable", "fine")]), accepted);
        assert_eq!(of(alertmanager, &[Check::ok("Prometheus", "reachable", "fine")]), None);
        assert_eq!(of(prometheus, &[Check::ok("Prometheus", "reachable", "fine"), failed(FaultKind::Server)]), None);
        let refused = of(prometheus, &[failed(FaultKind::Unauthorized)]);
        assert!(matches!(refused, Some(Proof::Refused(_))), "{refused:?}");
    }
}
