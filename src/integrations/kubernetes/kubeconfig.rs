//! Kubeconfig files: where they lie, how several merge, which contexts there are, and what is wrong with them.

use std::path::PathBuf;

use kube::config::{AuthInfo, Kubeconfig, KubeconfigError};

use super::fault::short;
use crate::domain::Text;
use crate::domain::cluster::ContextEntry;
use crate::ports::feed::{Fault, FaultKind};

/// What every message about a missing kubeconfig offers.
const OFFER: &str = "name one with --kubeconfig or KUBECONFIG, or see opsdeck at work with `opsdeck --demo`";

/// The contexts of the kubeconfig, in its order. `explicit` is `--kubeconfig`; else `KUBECONFIG`, else `~/.kube/config`.
pub fn contexts(explicit: Option<&PathBuf>) -> Result<Vec<ContextEntry>, Fault> {
    Ok(entries(&load(explicit)?))
}

/// The context entries of a loaded file.
pub fn entries(config: &Kubeconfig) -> Vec<ContextEntry> {
    let current = config.current_context.as_deref();
    config
        .contexts
        .iter()
        .filter_map(|named| {
            let context = named.context.as_ref()?;
            Some(ContextEntry {
                name: text(&named.name),
                cluster: text(&context.cluster),
                user: text(context.user.as_deref().unwrap_or_default()),
                namespace: context.namespace.as_deref().filter(|name| !name.is_empty()).map(text),
                current: current == Some(named.name.as_str()),
            })
        })
        .collect()
}

fn text(raw: &str) -> Text {
    crate::domain::text::clean(raw).into()
}

/// Loads and merges. Files of a `KUBECONFIG` list that do not exist are skipped, as kubectl does, unless none exists.
pub fn load(explicit: Option<&PathBuf>) -> Result<Kubeconfig, Fault> {
    let paths = match explicit {
        Some(path) => vec![path.clone()],
        None => default_paths(std::env::var_os("KUBECONFIG"), std::env::home_dir()),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in &paths {
        let next = match Kubeconfig::read_from(path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _))
                if explicit.is_none() && error.kind() == std::io::ErrorKind::NotFound =>
            {
                continue;
            }
            Err(error) => return Err(describe(&error)),
        };
        merged = Some(match merged {
            Some(first) => first.merge(next).map_err(|error| describe(&error))?,
            None => next,
        });
    }
    merged.ok_or_else(|| {
        let looked = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        Fault::new(FaultKind::NotConfigured, format!("there is no kubeconfig (looked at {looked})")).hint(OFFER)
    })
}

fn default_paths(variable: Option<std::ffi::OsString>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = variable
        .map(|value| std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if listed.is_empty() { home.map(|home| home.join(".kube/config")).into_iter().collect() } else { listed }
}

/// The context to use: the one asked for, else the current one.
pub fn choose(config: &Kubeconfig, wanted: Option<&str>) -> Result<ContextEntry, Fault> {
    let entries = entries(config);
    let names = || {
        let shown: Vec<_> = entries.iter().take(12).map(|entry| entry.name.to_string()).collect();
        let more = entries.len().saturating_sub(shown.len());
        let list = shown.join(", ");
        if more > 0 { format!("{list} and {more} more") } else { list }
    };
    if entries.is_empty() {
        return Err(Fault::new(FaultKind::NotConfigured, "the kubeconfig has no contexts").hint(OFFER));
    }
    let Some(name) = wanted.or(config.current_context.as_deref()).filter(|name| !name.is_empty()) else {
        return Err(Fault::new(FaultKind::NotConfigured, "the kubeconfig names no current context")
            .hint(format!("choose one with --context; there are: {}", names())));
    };
    if let Some(entry) = entries.iter().find(|entry| &*entry.name == name) {
        return Ok(entry.clone());
    }
    let nearest = entries
        .iter()
        .map(|entry| (strsim::damerau_levenshtein(&entry.name, name), &entry.name))
        .min()
        .filter(|(distance, _)| *distance <= name.chars().count().max(3) / 3 + 1);
    let hint = match nearest {
        Some((_, nearest)) => format!("did you mean {nearest}? There are: {}", names()),
        None => format!("there are: {}", names()),
    };
    Err(Fault::new(FaultKind::NotConfigured, short(&format!("the kubeconfig has no context {name}"))).hint(hint))
}

/// What is wrong with the user entry before anything is tried: ways to log in that Kubernetes clients no longer have.
pub fn refuse_removed_provider(user: &AuthInfo) -> Result<(), Fault> {
    let Some(provider) = &user.auth_provider else { return Ok(()) };
    let advice = match provider.name.as_str() {
        "oidc" => return Ok(()),
        // kube still runs the gcp provider's command, which needs gcloud as kubectl ≤ 1.25 did.
        "gcp" if provider.config.contains_key("cmd-path") => return Ok(()),
        "gcp" => {
            "install gke-gcloud-auth-plugin and run `gcloud container clusters get-credentials` for this cluster again"
        }
        "azure" => "run `kubelogin convert-kubeconfig` (https://github.com/Azure/kubelogin)",
        _ => "use an `exec` credential plugin instead",
    };
    Err(Fault::new(
        FaultKind::Unauthorized,
        short(&format!("the auth-provider `{}` of this user was removed from Kubernetes clients", provider.name)),
    )
    .hint(advice))
}

/// Names a file of the user entry that cannot be read: the error of the connection would not say which.
pub fn refuse_missing_files(user: &AuthInfo) -> Result<(), Fault> {
    let files = [
        ("client-certificate", &user.client_certificate, user.client_certificate_data.is_some()),
        ("client-key", &user.client_key, user.client_key_data.is_some()),
        ("tokenFile", &user.token_file, user.token.is_some()),
    ];
    for (field, path, unused) in files {
        if let (Some(path), false) = (path, unused)
            && let Err(error) = std::fs::File::open(path)
        {
            let message = format!("the {field} of this user in the kubeconfig cannot be read: {path}: {error}");
            return Err(Fault::new(FaultKind::Unauthorized, short(&message))
                .hint("correct the path in the kubeconfig, or log in again so that the file is written anew"));
        }
    }
    Ok(())
}

/// Words for a kubeconfig that cannot be used. Never repeats its contents.
pub fn describe(error: &KubeconfigError) -> Fault {
    let message = match error {
        KubeconfigError::ReadConfig(error, path) if error.kind() == std::io::ErrorKind::NotFound => {
            return Fault::new(FaultKind::NotConfigured, format!("{} does not exist", path.display())).hint(OFFER);
        }
        KubeconfigError::ReadConfig(error, path) => format!("cannot read {}: {error}", path.display()),
        // The parser's text quotes the line it stumbled over, which may be a token.
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("the kubeconfig is not valid YAML at line {}, column {}", at.line(), at.column()),
            None => "the kubeconfig is not a valid kubeconfig".to_owned(),
        },
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("the context names cluster {name}, which is not defined")
        }
        other => other.to_string(),
    };
    Fault::new(FaultKind::NotConfigured, short(&message)).hint("check it with `kubectl config view`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = "
apiVersion: v1
kind: Config
current-context: prod-eu
clusters: [{name: c1, cluster: {server: 'https://k'}}]
contexts:
- {name: prod-eu, context: {cluster: c1, user: u1, namespace: shop}}
- {name: staging, context: {cluster: c1, user: u1}}
users: [{name: u1, user: {}}]
";

    #[test]
    fn a_misspelt_context_is_answered_with_the_nearest_and_the_list() {
        let config = Kubeconfig::from_yaml(FILE).unwrap();
        assert_eq!(choose(&config, None).unwrap().namespace.as_deref(), Some("shop"));
        let fault = choose(&config, Some("stagign")).unwrap_err();
        let hint = fault.hint.unwrap();
        assert!(hint.starts_with("did you mean staging?"), "{hint}");
        assert!(hint.contains("prod-eu"), "{hint}");
        let far = choose(&config, Some("zzzzzzzzzz")).unwrap_err().hint.unwrap();
        assert!(far.starts_with("there are:"), "{far}");
    }

    #[test]
    fn missing_files_of_a_list_are_skipped_and_the_first_value_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, FILE).unwrap();
        std::fs::write(&b, FILE.replace("prod-eu", "other").replace("shop", "x")).unwrap();
        let list = std::env::join_paths([dir.path().join("missing"), b.clone(), a]).unwrap();
        let paths = default_paths(Some(list), None);
        assert_eq!(paths.len(), 3);
        let merged =
            Kubeconfig::read_from(&paths[1]).unwrap().merge(Kubeconfig::read_from(&paths[2]).unwrap()).unwrap();
        assert_eq!(&*choose(&merged, None).unwrap().name, "other");
        let missing = load(Some(&dir.path().join("missing"))).unwrap_err();
        assert_eq!(missing.kind, FaultKind::NotConfigured);
        assert!(missing.hint.unwrap().contains("--demo"));
    }

    #[test]
    fn broken_yaml_is_located_but_never_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "users:\n- name: u\n  user: {token: 'hunter2\n").unwrap();
        let fault = load(Some(&path)).unwrap_err();
        assert!(!fault.message.contains("hunter2"), "{}", fault.message);
    }

    #[test]
    fn removed_providers_are_explained() {
        let user: AuthInfo = serde_json::from_value(serde_json::json!({"auth-provider": {"name": "azure"}})).unwrap();
        assert!(refuse_removed_provider(&user).unwrap_err().hint.unwrap().contains("kubelogin"));
        assert!(refuse_removed_provider(&AuthInfo::default()).is_ok());
    }
}
