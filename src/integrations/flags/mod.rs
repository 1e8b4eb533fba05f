//! Sources of feature flags. A provider is a file here and its line in [`provider`]; everything above knows flags only
//! by [`crate::ports::flags`].
//!
//! [`Flags`] holds the sources of one context, and sends each question to the one that the flag's name says.

mod config_map;
mod digest;
mod document;
mod feature_flag;
mod feed;
pub mod flagsmith;
mod go_feature_flag;
mod interned;
mod kept;
pub mod launchdarkly;
pub(in crate::integrations) mod patience;
mod road;
pub mod unleash;

use std::sync::Arc;

use self::config_map::{ConfigMap, Plain};
use self::feature_flag::FeatureFlag;
pub use self::feed::FlagsFeed;
use self::go_feature_flag::GoFeatureFlag;
use self::kept::{Form, Kept};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::config::FlagSource;
use crate::config::settings::FlagProduct;
use crate::domain::flag::{FlagDetail, FlagFacts, FlagRef};
use crate::domain::mutation::Mutation;
use crate::domain::object::ObjectRef;
use crate::integrations::kubernetes::connect::Connection;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::FlagProvider;

/// A source that is read and, with the door's pass, written to.
pub trait Provider: FlagProvider + Mutator {}

impl<T: FlagProvider + Mutator> Provider for T {}

/// The registry: one line for each product. Sends nothing.
pub fn provider(settings: &FlagSource, cluster: &Connection) -> Arc<dyn Provider> {
    match settings.provider {
        FlagProduct::Flagsmith => Arc::new(flagsmith::Flagsmith::new(settings)),
        FlagProduct::LaunchDarkly => Arc::new(launchdarkly::LaunchDarkly::new(settings)),
        FlagProduct::Unleash => Arc::new(unleash::Unleash::new(settings)),
        FlagProduct::FeatureFlag => kept(FeatureFlag, settings, cluster),
        FlagProduct::GoFeatureFlag => kept(ConfigMap::new(GoFeatureFlag, &settings.kept), settings, cluster),
        FlagProduct::ConfigMap => {
            let language = Plain { path: settings.kept.path.clone() };
            kept(ConfigMap::new(language, &settings.kept), settings, cluster)
        }
    }
}

/// Flags that are kept in objects of the cluster.
fn kept(form: impl Form, settings: &FlagSource, cluster: &Connection) -> Arc<dyn Provider> {
    let objects = cluster.objects(form.shelf());
    Arc::new(Kept::new(form, objects, settings))
}

/// The sources of a context. Cheap to clone.
#[derive(Clone, Default)]
pub struct Flags {
    sources: Arc<[Arc<dyn Provider>]>,
}

impl Flags {
    /// The sources that the configuration names; nothing is sent.
    pub fn new(settings: &[FlagSource], cluster: &Connection) -> Self {
        Self::of(settings.iter().map(|source| provider(source, cluster)).collect())
    }

    /// These sources.
    pub fn of(sources: Vec<Arc<dyn Provider>>) -> Self {
        Self { sources: sources.into() }
    }

    /// All of them.
    pub fn sources(&self) -> &[Arc<dyn Provider>] {
        &self.sources
    }

    /// Reads one flag for a plan, or for the proof after it.
    pub async fn facts(&self, object: &ObjectRef) -> Result<FlagFacts, ClusterError> {
        let flag = flag_of(object)?;
        self.source(&flag)?.facts(&flag).await
    }

    /// Reads one flag for people.
    pub async fn detail(&self, flag: &FlagRef) -> Result<FlagDetail, ClusterError> {
        self.source(flag)?.detail(flag).await
    }

    /// May it be sent?
    pub async fn permission(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        self.source(&flag_of(&mutation.target)?)?.permission(mutation).await
    }

    /// The product's own preview.
    pub async fn dry_run(&self, mutation: &Mutation) -> Result<DryRun, ClusterError> {
        self.source(&flag_of(&mutation.target)?)?.dry_run(mutation).await
    }

    /// Sends what the door approved.
    pub async fn execute(&self, approved: Approved<Mutation>) -> Result<Receipt, ClusterError> {
        let flag = flag_of(&approved.get().target)?;
        self.source(&flag)?.execute(approved).await
    }

    fn source(&self, flag: &FlagRef) -> Result<&Arc<dyn Provider>, ClusterError> {
        let found = self.sources.iter().find(|source| source.source() == &*flag.source);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.sources.iter().map(|source| source.source()).collect();
            let hint = if known.is_empty() {
                "no [[flags]] of the configuration has an environment for this context".to_owned()
            } else {
                format!("sources here: {}", known.join(", "))
            };
            let message = format!("there is no source of flags `{}` in this context", flag.source);
            Fault::new(FaultKind::NotConfigured, message).hint(hint).into()
        })
    }
}

fn flag_of(object: &ObjectRef) -> Result<FlagRef, ClusterError> {
    FlagRef::of_object(object).ok_or_else(|| ClusterError::Rejected(format!("{object} is no flag")))
}

/// One segment of a path, percent-encoded: names may hold slashes, spaces and worse.
pub(in crate::integrations) fn segment(raw: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
