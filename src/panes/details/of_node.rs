//! All there is to know about a node.

use super::Sheet;
use crate::config::theme::Role;
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::time::age;
use crate::panes::{nodes, pods};
use crate::state::table::Row as _;
use crate::ui::text;

/// Unhealthy pods that are named.
const MOST: usize = 20;

pub(super) fn node(sheet: &mut Sheet<'_, '_>, name: &Text) -> String {
    let look = sheet.look;
    let title = format!("node/{name}");
    let Some(row) = look.world.nodes.table.get(name) else { return title };
    let (_, word, role) = nodes::state(look, row);
    sheet.row("state", word, role);
    if let Some(problem) = &row.node.problem {
        sheet.row("problem", problem, Role::Warning);
    }
    let pods_there = text::count(row.pods.all as usize, "pod", "pods");
    // Counted are the pods that this console watches.
    let whose = match &look.context.namespace {
        NamespaceScope::All => String::new(),
        NamespaceScope::One(namespace) => format!(" of {namespace}"),
    };
    let most =
        if row.node.max_pods > 0 { format!("; it takes at most {} of all", row.node.max_pods) } else { String::new() };
    let unhealthy = if row.pods.unhealthy > 0 { format!(", {} unhealthy", row.pods.unhealthy) } else { String::new() };
    let role = if row.fails_its_pods() { Role::Warning } else { Role::Text };
    sheet.row("pods", &format!("{pods_there}{whose}{unhealthy}{most}"), role);
    match nodes::amounts(row) {
        Some((cpu, memory)) => {
            sheet.row("cpu", &cpu, Role::Text);
            sheet.row("memory", &memory, Role::Text);
        }
        None => sheet.row("use", "not measured: the cluster serves no metrics", Role::Dim),
    }
    if !row.node.roles.is_empty() {
        sheet.row("roles", &row.node.roles, Role::Text);
    }
    for taint in row.node.taints.iter() {
        sheet.row("taint", taint, Role::Text);
    }
    sheet.row("kubelet", &row.node.version, Role::Text);
    sheet.row("age", &age(row.node.created, look.now), Role::Text);
    // Those that are unwell first; the table of all is in that order.
    let unwell: Vec<_> = look.world.pods.worst().filter(|pod| pod.is_on(name)).take(MOST).collect();
    if !unwell.is_empty() {
        sheet.head("Unhealthy pods");
        for pod in unwell {
            let (_, role) = pods::health(look, pod);
            let reason = pod.reason.as_deref().map_or_else(String::new, |reason| format!("  {reason}"));
            sheet.row(&format!("{}/{}", pod.id.namespace, pod.id.name), &format!("{}{reason}", pod.status), role);
        }
    }
    // Events of nodes, which belong to no namespace, are kept in this one.
    sheet.events(&"default".into(), "Node", name);
    title
}
