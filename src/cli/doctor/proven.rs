//! A source that is well has accepted its secrets: that is written down, for `opsdeck auth status`.

use super::check::{Check, Verdict};
use crate::cli::{Global, start};
use crate::config::credentials::{Credential, Service};
use crate::runtime::credentials::ledger::Ledger;
use crate::runtime::credentials::prove::Proof;
use crate::runtime::wiring::Launch;

/// Writes down which secrets of this context were accepted. What cannot be written is logged and hinders no check.
pub(super) async fn record(global: &Global, launch: &Launch, context: &str, checks: &[Check]) {
    let Ok(config) = launch.configuration().await else { return };
    let ledger = Ledger::new(&start::dirs(global));
    for credential in config.credentials_in(context) {
        let Some(whom) = accepted(&credential, checks) else { continue };
        if let Err(error) = ledger.record(&credential, &Proof::Valid(whom), "doctor", launch.clock.now()) {
            tracing::warn!(setting = credential.setting, %error, "cannot write down that a secret was accepted");
        }
    }
}

/// Who accepted it: nothing of its service failed, and something went well.
fn accepted(credential: &Credential, checks: &[Check]) -> Option<String> {
    let service = credential.uses.first()?;
    let named = format!("{}: ", credential.source);
    let of = |check: &&Check| match service {
        Service::Prometheus(_) => check.source == "Prometheus",
        Service::Alertmanager(_) => check.source == "Alertmanager",
        Service::Flags(_) | Service::Chat(_) | Service::Paging(_) | Service::StatusPage(_) => {
            check.name.starts_with(&named)
        }
    };
    let mut well = None;
    for check in checks.iter().filter(of) {
        match check.verdict {
            Verdict::Failed => return None,
            Verdict::Ok if check.skew_seconds.is_none() => well = well.or(Some(check.source.to_owned())),
            Verdict::Ok | Verdict::Warning => {}
        }
    }
    well
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::{LoadOptions, load};
    use crate::ports::feed::{Fault, FaultKind};

    #[test]
    fn only_a_source_of_which_nothing_failed_accepted_its_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[prometheus]\nurl = \"http://p\"\ntoken = { env = \"P\" }\n[alertmanager]\nurls = [\"http://a\"]\n\
                    token = { env = \"A\" }";
        std::fs::write(file.path(), text).unwrap();
        let options = LoadOptions { explicit_file: Some(file.path().to_owned()), ..LoadOptions::default() };
        let found = load(&options).unwrap().config.credentials_in("lab");
        let [prometheus, alertmanager] = &found[..] else { panic!("{found:#?}") };
        let well = Check::ok("Prometheus", "reachable", "fine");
        let failed = Check::failed("Prometheus", "rules", Fault::new(FaultKind::Server, "no"));
        assert_eq!(accepted(prometheus, std::slice::from_ref(&well)).as_deref(), Some("Prometheus"));
        assert_eq!(accepted(alertmanager, std::slice::from_ref(&well)), None);
        assert_eq!(accepted(prometheus, &[well, failed]), None);
    }
}
