//! What must happen outside, in the runtime.

use crate::actions::exchange::DoorEffect;
use crate::domain::flag::FlagRef;
use crate::ports::feed::LogTarget;

use super::context::NamespaceScope;

/// One effect. The runtime runs them in order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Leave. The runtime waits for what must not be cut off (a write to the audit log, an execution).
    Quit,
    /// Look at another context; answered by [`super::message::Message::Switched`], or a notice why not.
    SwitchContext(String),
    /// Look at another namespace of this context; answered likewise.
    SwitchNamespace(NamespaceScope),
    /// Follow the logs of this instead of what was followed before; `None` follows nothing.
    FollowLogs(Option<LogTarget>),
    /// Work for an action under way; answered by [`super::message::Message::Door`].
    Door(DoorEffect),
    /// Put text on the clipboard (OSC 52).
    Copy(String),
    /// Read the contexts of the kubeconfig; answered by [`super::message::Message::Contexts`].
    ListContexts,
    /// Read the last records of the audit log; answered by [`super::message::Message::Audit`].
    ReadAudit {
        /// How many.
        most: usize,
    },
    /// Read one flag whole; answered by [`super::message::Message::Flag`].
    ReadFlag(FlagRef),
    /// Work for runbooks; answered by [`super::message::Message::Desk`].
    Desk(super::runbook::DeskEffect),
    /// Work for incidents; answered by [`super::message::Message::Incident`].
    Incident(super::incident::IncidentEffect),
    /// Ask all sources again now, waiting ones too.
    Refresh,
}
