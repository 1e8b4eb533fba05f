//! The registry of commands: their ids, and what footer, palette, help and the check of keymaps say of them. What each does
//! is told where it is done.

use std::sync::LazyLock;

use super::offers;
use crate::config::keymap::{CommandId, Scope};
use crate::panes::PANES;
use crate::state::command::CommandInfo;

const GLOBAL: &[CommandInfo] = &[
    CommandInfo::new("focus", "focus", Scope::Global, "Narrow all panes to what the selected row is about")
        .in_footer(1),
    CommandInfo::new("widen", "widen", Scope::Global, "Take the last narrowing back: filter, zoom, then focus")
        .in_footer(2),
    CommandInfo::new(
        "actions",
        "actions",
        Scope::Global,
        "What can be done with the selected row, or with all marked ones",
    )
    .mutating()
    .in_footer(4),
    CommandInfo::new(
        "undo",
        "undo",
        Scope::Global,
        "Plan to take the last action back; in the audit log, the chosen one",
    )
    .mutating()
    .in_footer(3),
    CommandInfo::new("mark", "mark", Scope::Global, "Mark the selected row: an action is then about all marked ones"),
    CommandInfo::new("details", "details", Scope::Global, "All there is to know about the selected row").in_footer(5),
    CommandInfo::new(
        "filter",
        "filter",
        Scope::Global,
        "Keep the rows of this pane that match; ! in front turns it round",
    )
    .in_footer(6),
    CommandInfo::new(
        "palette",
        "command",
        Scope::Global,
        "Find a command by its name, or go: ctx NAME, ns NAME, rollback deploy/NAME",
    )
    .in_footer(8),
    CommandInfo::new("zoom", "zoom", Scope::Global, "Show the active pane alone, or all again").in_footer(9),
    CommandInfo::new("help", "help", Scope::Global, "All keys and commands").in_footer(4),
    CommandInfo::new("back", "back", Scope::Global, "Close, widen, and at last leave").in_footer(30),
    CommandInfo::new("quit", "quit", Scope::Global, "Leave the console"),
    CommandInfo::new("next-pane", "next pane", Scope::Global, "Go to the next pane").in_footer(10),
    CommandInfo::new("previous-pane", "previous pane", Scope::Global, "Go to the pane before"),
    CommandInfo::new("pane-alerts", "alerts", Scope::Global, "Go to the alerts"),
    CommandInfo::new("pane-slo", "error budget", Scope::Global, "Go to the error budgets"),
    CommandInfo::new("pane-rollouts", "rollouts", Scope::Global, "Go to the rollouts"),
    CommandInfo::new("pane-pods", "pods", Scope::Global, "Go to the pods"),
    CommandInfo::new("pane-logs", "logs", Scope::Global, "Go to the logs").in_footer(10),
    CommandInfo::new("pane-nodes", "nodes", Scope::Global, "Go to the nodes, which take the place of the rollouts"),
    CommandInfo::new(
        "pane-flags",
        "flags",
        Scope::Global,
        "Go to the feature flags, which take the place of the rollouts",
    ),
    CommandInfo::new("cronjobs", "cronjobs", Scope::Global, "Show the CronJobs, which are hidden while all is well"),
    CommandInfo::new("jobs", "jobs", Scope::Global, "Show the Jobs, which are hidden while all is well"),
    CommandInfo::new("down", "down", Scope::Global, "Next row"),
    CommandInfo::new("up", "up", Scope::Global, "Row before"),
    CommandInfo::new("page-down", "page down", Scope::Global, "One screen down"),
    CommandInfo::new("page-up", "page up", Scope::Global, "One screen up"),
    CommandInfo::new("top", "top", Scope::Global, "First row"),
    CommandInfo::new("bottom", "bottom", Scope::Global, "Last row"),
    CommandInfo::new("left", "left", Scope::Global, "Move long log lines back"),
    CommandInfo::new("right", "right", Scope::Global, "Show more of long log lines"),
    CommandInfo::new("faults-only", "faults only", Scope::Global, "Hide what is well in this pane, or show it again")
        .in_footer(11),
    CommandInfo::new(
        "next-match",
        "next match",
        Scope::Global,
        "Next match of the filter, with what stands around it (logs)",
    ),
    CommandInfo::new(
        "previous-match",
        "previous match",
        Scope::Global,
        "Match before, with what stands around it (logs)",
    ),
    CommandInfo::new("context", "context", Scope::Global, "Look at another context").in_footer(12),
    CommandInfo::new("namespace", "namespace", Scope::Global, "Look at another namespace"),
    CommandInfo::new("all-namespaces", "all namespaces", Scope::Global, "Look at all namespaces"),
    CommandInfo::new("copy", "copy", Scope::Global, "Copy the selected row").in_footer(13),
    CommandInfo::new(
        "runbook",
        "runbook",
        Scope::Global,
        "Open the runbook of the selected alert, or come back to the one that is open",
    )
    .in_footer(5),
    CommandInfo::new(
        "incident",
        "incident",
        Scope::Global,
        "Declare an incident from the selected alert, or look at one that is open or was",
    )
    .in_footer(5),
    CommandInfo::new("note", "note", Scope::Global, "Write something down in the open incident, with the time"),
    CommandInfo::new("audit", "audit log", Scope::Global, "What was done before, by whom, and how it ended"),
    CommandInfo::new("refresh", "refresh", Scope::Global, "Ask all sources again now"),
    CommandInfo::new("theme", "theme", Scope::Global, "Next theme"),
];

const DIALOG: &[CommandInfo] = &[
    CommandInfo::new("confirm", "go ahead", Scope::Dialog, "Yes: do what the plan says").in_footer(1),
    CommandInfo::new("toggle-diff", "full diff", Scope::Dialog, "Show or hide the full diff of the plan").in_footer(3),
    CommandInfo::new(
        "reason",
        "reason",
        Scope::Dialog,
        "Say why, and which incident it belongs to; plans again with it",
    )
    .in_footer(5),
    CommandInfo::new(
        "break-glass",
        "break glass",
        Scope::Dialog,
        "Override the guardrail that refused it, with a reason",
    )
    .in_footer(6),
    CommandInfo::new(
        "go-on",
        "stop or go on",
        Scope::Dialog,
        "With several targets: stop at the first failure, or go on",
    )
    .in_footer(7),
    CommandInfo::new("revisions", "revisions", Scope::Dialog, "Choose another revision to go back to").in_footer(4),
    CommandInfo::new("re-plan", "plan again", Scope::Dialog, "After a conflict: plan again from fresh data")
        .in_footer(2),
    CommandInfo::new(
        "publish-too",
        "status page",
        Scope::Dialog,
        "Declaring: tell customers, too, on the status page; asks by itself",
    ),
    CommandInfo::new("cancel", "close", Scope::Dialog, "No: close, nothing is sent").in_footer(9),
];

const RUNBOOK: &[CommandInfo] = &[
    CommandInfo::new("step-run", "run", Scope::Runbook, "Begin; do the step; say yes to what it asks"),
    CommandInfo::new("step-skip", "skip", Scope::Runbook, "Pass over the step, and say why"),
    CommandInfo::new("step-back", "back", Scope::Runbook, "Go to the step before"),
    CommandInfo::new("step-goto", "go to", Scope::Runbook, "Go to a step, by its number"),
    CommandInfo::new("step-note", "note", Scope::Runbook, "Write a remark into the run's log"),
    CommandInfo::new("step-retry", "retry", Scope::Runbook, "Do a step again that failed"),
    CommandInfo::new("step-undo", "take back", Scope::Runbook, "Go to the step that takes a failed one back"),
    CommandInfo::new("step-done", "done", Scope::Runbook, "A step that was cut off, or is done by hand, was done"),
    CommandInfo::new("step-decline", "no", Scope::Runbook, "Say no to what a step asks, and why"),
    CommandInfo::new("step-abort", "give up", Scope::Runbook, "Give the run up, and say why"),
    CommandInfo::new("choice-1", "1st choice", Scope::Runbook, "Take the first of several choices"),
    CommandInfo::new("choice-2", "2nd choice", Scope::Runbook, "Take the second of several choices"),
    CommandInfo::new("choice-3", "3rd choice", Scope::Runbook, "Take the third of several choices"),
    CommandInfo::new("choice-4", "4th choice", Scope::Runbook, "Take the fourth of several choices"),
    CommandInfo::new("choice-5", "5th choice", Scope::Runbook, "Take the fifth of several choices"),
    CommandInfo::new("choice-6", "6th choice", Scope::Runbook, "Take the sixth of several choices"),
    CommandInfo::new("choice-7", "7th choice", Scope::Runbook, "Take the seventh of several choices"),
    CommandInfo::new("choice-8", "8th choice", Scope::Runbook, "Take the eighth of several choices"),
    CommandInfo::new("choice-9", "9th choice", Scope::Runbook, "Take the ninth of several choices"),
];

const INCIDENT: &[CommandInfo] = &[
    CommandInfo::new("incident-note", "note", Scope::Incident, "Write something down, with the time"),
    CommandInfo::new("incident-update", "update", Scope::Incident, "Tell everyone how it stands; begins with a draft"),
    CommandInfo::new("incident-status", "status", Scope::Incident, "Triage, mitigating, monitoring, resolved"),
    CommandInfo::new("incident-severity", "severity", Scope::Incident, "Another severity"),
    CommandInfo::new("incident-role", "roles", Scope::Incident, "Who leads, who tells, who changes, who writes down"),
    CommandInfo::new("incident-channel", "channel", Scope::Incident, "What the channel shows"),
    CommandInfo::new("incident-retry", "send again", Scope::Incident, "Send again what did not arrive"),
    CommandInfo::new(
        "incident-drop",
        "leave unsent",
        Scope::Incident,
        "Leave out something that has not been sent, and say why",
    ),
    CommandInfo::new("incident-hand-over", "hand over", Scope::Incident, "Give it to somebody else, with a summary"),
    CommandInfo::new("incident-task", "task", Scope::Incident, "Write down what is left to do afterwards"),
    CommandInfo::new("incident-title", "title", Scope::Incident, "Another title"),
    CommandInfo::new(
        "incident-publish",
        "status page",
        Scope::Incident,
        "Tell customers, on the status page; asks by itself",
    ),
    CommandInfo::new("incident-escalate", "escalate", Scope::Incident, "Page the next level of those who are on call"),
    CommandInfo::new("incident-join", "ask to join", Scope::Incident, "Ask people of the paging service to join"),
    CommandInfo::new(
        "incident-page",
        "page",
        Scope::Incident,
        "A page is about this: acknowledge it if nobody has, and leave a note there",
    ),
    CommandInfo::new(
        "incident-take-over",
        "take over",
        Scope::Incident,
        "Send from here what another console had planned and left; asks by itself",
    ),
    CommandInfo::new(
        "incident-export",
        "bundle",
        Scope::Incident,
        "Write a redacted bundle that another person opens with opsdeck incident open",
    ),
    CommandInfo::new("incident-merge", "merge", Scope::Incident, "It is the same as another incident: go on there"),
    CommandInfo::new(
        "incident-post-mortem",
        "post-mortem",
        Scope::Incident,
        "Write the draft of the post-mortem to a file",
    ),
    CommandInfo::new(
        "incident-other",
        "other incident",
        Scope::Incident,
        "Look at another incident, also one that is over, or declare one",
    ),
];

static ALL: LazyLock<Vec<CommandInfo>> = LazyLock::new(|| {
    offers::OFFERS
        .iter()
        .map(|offer| offer.command)
        .chain(
            GLOBAL
                .iter()
                .chain(PANES.iter().flat_map(|pane| pane.commands))
                .chain(DIALOG)
                .chain(RUNBOOK)
                .chain(INCIDENT)
                .copied(),
        )
        .collect()
});

/// Every command.
pub fn commands() -> &'static [CommandInfo] {
    &ALL
}

/// Ids of every command, for loading keymaps.
pub fn command_ids() -> Vec<CommandId> {
    commands().iter().map(|command| command.id).collect()
}
