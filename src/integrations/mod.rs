//! Clients of the outside world. They implement ports and know no state, no screen and no task.

pub mod alertmanager;
pub mod alerts;
pub mod chat;
pub mod flags;
pub mod http;
pub mod kubernetes;
pub mod logs;
mod outgoing;
pub mod paging;
pub mod poll;
pub mod prometheus;
pub mod secret;
pub mod signals;
pub mod slo;
pub mod status_page;
pub mod tls;
