//! Where the console looks and what it may do there.

pub use crate::domain::cluster::NamespaceScope;

/// The context that the console looks at. All text is clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextInfo {
    /// Goes up with every switch; messages of older epochs are dropped.
    pub epoch: u64,
    /// Name in the kubeconfig.
    pub name: String,
    /// What the configuration calls it (`PROD eu-west-1`), else the name.
    pub label: String,
    /// Production: stands out, and asks for more confirmation.
    pub production: bool,
    /// Colour of the label, when the configuration gives one ([`crate::config::theme::Theme::context_label`]).
    pub colour: Option<String>,
    /// The embedded lab, not the real world.
    pub demo: bool,
    /// Who we are to the API server, once known.
    pub identity: Option<String>,
    /// Namespace.
    pub namespace: NamespaceScope,
}

/// One context of the kubeconfig, for the picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextEntry {
    /// Name.
    pub name: String,
    /// Its label, when the configuration gives it one.
    pub label: Option<String>,
    /// Production?
    pub production: bool,
    /// Read-only?
    pub read_only: bool,
}
