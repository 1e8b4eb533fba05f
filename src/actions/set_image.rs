//! Another image for one container, as `kubectl set image`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::Field;
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{items, raw};
use super::outcome::Refusal;
use super::plan::{Plan, Undo};
use super::step::Step;
use super::workload;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::text::clean;
use crate::ports::cluster::{Facts, Part};

/// Longest reference that a registry takes (distribution's `NameTotalLengthMax` with a digest).
const LONGEST_IMAGE: usize = 400;

/// Run another image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetImage {
    /// The workload.
    pub target: WorkloadRef,
    /// The container; empty for the only one.
    pub container: String,
    /// The image.
    pub image: String,
}

impl Action for SetImage {
    fn word(&self) -> &'static str {
        "set-image"
    }

    fn verb(&self) -> &'static str {
        "set image"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn title(&self) -> String {
        format!("Set the image of {}", self.target)
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Autoscalers]
    }

    fn admit(&self) -> Result<(), Refusal> {
        match self.target.kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {}
            kind => return Err(Refusal::not_here(format!("a {} does not roll out a new image", kind.kind()))),
        }
        if self.image.is_empty()
            || self.image.len() > LONGEST_IMAGE
            || !self.image.chars().all(|c| c.is_ascii_graphic())
        {
            let shown: String = clean(&self.image).chars().take(60).collect();
            return Err(Refusal::BadInput(format!(
                "`{shown}` is no image: NAME[:TAG][@DIGEST], at most {LONGEST_IMAGE} characters"
            )));
        }
        Ok(())
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = &self.target;
        let object = &facts.object;
        let before = workload::template(target, object)?;
        let (list, index, container) = self.find(before)?;
        let name = raw(container, &["name"]).unwrap_or_default();
        let image = raw(container, &["image"]).unwrap_or_default();
        if image == self.image {
            let (name, image) = (clean(name), clean(image));
            return Err(Refusal::not_here(format!("nothing to do: {name} of {target} runs {image} already")));
        }
        let path = format!("/spec/template/spec/{list}/{index}");
        let mut operations = workload::preconditions(object)?;
        operations.push(json!({"op": "test", "path": format!("{path}/name"), "value": name}));
        operations.push(json!({"op": "replace", "path": format!("{path}/image"), "value": self.image}));
        let mut after = before.clone();
        after["spec"][list][index]["image"] = json!(self.image);
        let sent =
            vec![Field::new(format!("{path}/image"), format!("image {}", clean(&self.image)), &json!(self.image))];
        let mutation = Mutation::new(target.into(), Change::JsonPatch(Value::Array(operations)));
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(sent.clone())];
        workload::rolls(&mut plan, target, facts, (before, &after), sent.clone());
        if workload::is_paused(object) {
            workload::waits_for_resume(&mut plan, target, sent);
        }
        let back = Self { target: target.clone(), container: name.to_owned(), image: image.to_owned() };
        plan.undo = Undo::by(format!("set it back to {}", clean(image)), ActionKind::SetImage(back));
        plan.done = format!("{} of {target} runs {}", clean(name), clean(&self.image));
        Ok(plan)
    }
}

impl SetImage {
    /// The container: which list, where in it, and itself.
    fn find<'a>(&self, template: &'a Value) -> Result<(&'static str, usize, &'a Value), Refusal> {
        let containers = items(template, &["spec", "containers"]);
        if self.container.is_empty()
            && let [only] = containers
        {
            return Ok(("containers", 0, only));
        }
        for list in ["containers", "initContainers"] {
            let found = items(template, &["spec", list]).iter().enumerate();
            for (index, container) in found {
                if raw(container, &["name"]) == Some(&*self.container) {
                    return Ok((list, index, container));
                }
            }
        }
        let known: Vec<_> = containers.iter().filter_map(|one| raw(one, &["name"])).map(|name| clean(name)).collect();
        let wanted = if self.container.is_empty() {
            "several containers".into()
        } else {
            format!("no container {}", clean(&self.container))
        };
        Err(Refusal::not_here(format!("{} has {wanted}; there are {}", self.target, known.join(", "))))
    }
}
