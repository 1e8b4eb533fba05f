//! Kubernetes over kube's client: kubeconfig, authentication, TLS and proxies are kube's; requests, decoding into only
//! the fields that a row needs, and watching are ours, so that 10,000 pods cost a few megabytes and an answer's
//! `Warning` headers are not lost.
//!
//! Start at [`connect::connect`].

mod access;
#[cfg(test)]
mod access_tests;
pub mod connect;
pub(in crate::integrations) mod fault;
mod feeds;
pub mod incidents;
mod intern;
mod kubeconfig;
mod lean;
pub(in crate::integrations) mod lines;
mod link;
#[cfg(test)]
pub(in crate::integrations) mod mock;
mod mutate;
mod namespaces;
pub(in crate::integrations) mod objects;
pub(in crate::integrations) mod paths;
mod plugin;
mod proxy;
pub mod question;
pub(in crate::integrations) mod reads;
pub(in crate::integrations) mod rows;
mod served;
mod services;
pub(in crate::integrations) mod transport;
pub(in crate::integrations) mod watch;
mod watch_event;
#[cfg(test)]
mod watch_tests;
mod way;

pub use kubeconfig::contexts;
pub use services::{ProxyAnswer, ServiceFound};
