//! Feature flags, asked of whatever product keeps them. The write is not here: it goes through
//! [`crate::actions::approval::Mutator`], which takes nothing but what the door approved.
//!
//! What a provider has to keep to:
//! - A list is complete: all pages were read, or it is a fault.
//! - `facts` reads anew. Its `version` stands for all that a change would touch; right before a write the provider
//!   compares it with [`crate::domain::flag::FlagWrite::version`] (in the product's own way where it has one) and answers
//!   [`ClusterError::Conflict`] when it differs, also when the flag was archived or deleted in between.
//! - Text is cleaned where it enters; names are [`crate::domain::flag::written`].

use super::Future;
use super::cluster::{ClusterError, DryRun, Permission};
use super::feed::Fault;
use crate::domain::flag::{FlagDetail, FlagFacts, FlagRef, FlagRow};
use crate::domain::mutation::Mutation;
use crate::domain::time::Instant;

/// What a list gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlagList {
    /// Every flag of every project and environment that the source is configured for.
    pub rows: Vec<FlagRow>,
    /// What it lacks (metrics that may not be read), for [`super::feed::Update::Limited`].
    pub limited: Option<Fault>,
}

/// One thing that `doctor` asked of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagCheck {
    /// What was checked (`token`, `project default`).
    pub name: String,
    /// How it came out.
    pub result: FlagFinding,
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq)]
pub enum FlagFinding {
    /// Well, in words.
    Well(String),
    /// Works, with a loss: what, and what to do about it.
    Loss(String, String),
    /// Does not.
    Failed(Fault),
    /// The server's clock when asked.
    Clock(Instant),
}

/// One configured source of flags.
pub trait FlagProvider: Send + Sync {
    /// Its configured name: [`FlagRef::source`].
    fn source(&self) -> &str;
    /// The product, as people call it (`Unleash`).
    fn product(&self) -> &'static str;
    /// Where it is, without secrets.
    fn origin(&self) -> &str;
    /// All flags, read completely.
    fn list(&self) -> Future<'_, Result<FlagList, Fault>>;
    /// One flag, read fresh.
    fn facts<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagFacts, ClusterError>>;
    /// One flag with its history, for people.
    fn detail<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagDetail, ClusterError>>;
    /// May this token send this mutation? An error where the product does not tell.
    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>>;
    /// The product's own preview; only asked where [`FlagFacts::rehearses`].
    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>>;
    /// What `doctor` wants to know: token, permission, projects, clock. Never fails as a whole.
    fn check(&self) -> Future<'_, Vec<FlagCheck>>;
}
