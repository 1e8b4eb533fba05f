//! Arguments of what is done to workloads of any kind.

use clap::Args;

use super::super::drive::{Manner, named, workload};
use super::super::output::Failure;
use super::{Here, examples};
use crate::actions::pause::{Pause, Resume};
use crate::actions::restart::Restart;
use crate::actions::rollback::Rollback;
use crate::actions::scale::{Replicas, Scale};
use crate::actions::scale_bounds::ScaleBounds;
use crate::actions::set_image::SetImage;
use crate::actions::{ActionKind, manifest, ownership};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::{Needs, Part};

pub const ROLLBACK: &str = examples!(
    "  opsdeck rollback payment --dry-run
  opsdeck rollback deployment/payment --to-revision 41 --reason '5xx since 2.4.0'
  opsdeck -n shop rollback payment cart --yes --go-on --incident INC-12"
);

pub const SCALE: &str = examples!(
    "  opsdeck scale payment --replicas 12
  opsdeck scale statefulset/db --by -1 --dry-run

Where an autoscaler owns the number of pods it is refused: see `opsdeck autoscale`."
);

pub const AUTOSCALE: &str = examples!(
    "  opsdeck autoscale frontend --max 16
  opsdeck autoscale hpa/frontend --min 4 --max 16 --reason 'campaign'"
);

pub const RESTART: &str = examples!(
    "  opsdeck restart payment
  opsdeck restart deployment/payment statefulset/db --go-on --yes"
);

pub const PAUSE: &str = examples!("  opsdeck pause payment --reason '2.4.0 fails'");

pub const RESUME: &str = examples!("  opsdeck resume payment");

pub const SET_IMAGE: &str = examples!(
    "  opsdeck set-image payment app=registry.example/shop/payment:2.3.8
  opsdeck set-image payment registry.example/shop/payment:2.3.8   (a workload with one container)"
);

/// Nothing but workloads.
#[derive(Debug, Args)]
pub struct Workloads {
    /// `deployment/payment`, or just `payment` for a Deployment; several are one plan
    #[arg(value_name = "WORKLOAD", required = true)]
    workloads: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    targets: Workloads,
    /// Revision to go back to [default: the one before the current]
    #[arg(long, value_name = "N")]
    to_revision: Option<u64>,
}

/// Arguments of `scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    #[command(flatten)]
    targets: Workloads,
    /// So many pods
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        required_unless_present = "by",
        conflicts_with = "by"
    )]
    replicas: Option<i64>,
    /// So many pods more, or fewer (--by -2)
    #[arg(long, value_name = "±N", allow_negative_numbers = true)]
    by: Option<i64>,
}

/// Arguments of `autoscale`.
#[derive(Debug, Args)]
pub struct AutoscaleArgs {
    /// A workload, whose autoscaler is looked up, or `hpa/NAME`
    #[arg(value_name = "WORKLOAD|HPA", required = true)]
    targets: Vec<String>,
    /// At least so many pods
    #[arg(long, value_name = "N", allow_negative_numbers = true, required_unless_present = "max")]
    min: Option<i64>,
    /// At most so many pods
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max: Option<i64>,
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `set-image`.
#[derive(Debug, Args)]
pub struct SetImageArgs {
    /// Workloads, and last the image: `CONTAINER=IMAGE`, or `IMAGE` where there is one container
    #[arg(value_name = "WORKLOAD... [CONTAINER=]IMAGE", required = true, num_args = 2..)]
    words: Vec<String>,
    #[command(flatten)]
    pub manner: Manner,
}

impl Workloads {
    /// The same action on each of them.
    fn each(&self, at: Here<'_>, make: impl Fn(WorkloadRef) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        self.workloads.iter().map(|text| workload(text, at.namespace).map(&make)).collect()
    }

    pub fn restart(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Restart(Restart { target }))
    }

    pub fn pause(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Pause(Pause { target }))
    }

    pub fn resume(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.each(at, |target| ActionKind::Resume(Resume { target }))
    }
}

impl RollbackArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        self.targets.each(at, |target| ActionKind::Rollback(Rollback { target, to: self.to_revision }))
    }
}

impl ScaleArgs {
    pub const fn manner(&self) -> &Manner {
        &self.targets.manner
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        let replicas = self.replicas.map_or_else(|| Replicas::By(self.by.unwrap_or(0)), Replicas::To);
        self.targets.each(at, |target| ActionKind::Scale(Scale { target, replicas }))
    }
}

impl SetImageArgs {
    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        let Some((last, workloads)) = self.words.split_last() else { return Ok(Vec::new()) };
        let (container, image) = last.split_once('=').unwrap_or(("", last));
        let make = |target| {
            ActionKind::SetImage(SetImage { target, container: container.to_owned(), image: image.to_owned() })
        };
        workloads.iter().map(|text| workload(text, at.namespace).map(make)).collect()
    }
}

impl AutoscaleArgs {
    pub async fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        let mut actions = Vec::new();
        for text in &self.targets {
            let words = ["hpa", "horizontalpodautoscaler"];
            let is_hpa = text.split_once('/').is_some_and(|(kind, _)| words.contains(&&*kind.to_ascii_lowercase()));
            let hpa = if is_hpa {
                named(text, &words)?.into()
            } else {
                autoscaler(&workload(text, at.namespace)?, at).await?.into()
            };
            let namespace = at.namespace.clone();
            actions.push(ActionKind::ScaleBounds(ScaleBounds { namespace, hpa, min: self.min, max: self.max }));
        }
        Ok(actions)
    }
}

/// The name of the autoscaler that owns the number of pods of a workload.
async fn autoscaler(target: &WorkloadRef, at: Here<'_>) -> Result<String, Failure> {
    let needs = Needs { target: ObjectRef::from(target), parts: vec![Part::Autoscalers] };
    let facts = at
        .cluster
        .facts(&needs)
        .await
        .map_err(|error| Failure::failed(format!("{target} could not be read: {error}")))?;
    if facts.autoscalers.is_none() {
        return Err(Failure::failed("autoscalers may not be read here").hint("name it: hpa/NAME"));
    }
    let hpa = ownership::autoscalers_of(facts.autoscalers.as_deref(), target).next();
    hpa.map(manifest::name).ok_or_else(|| {
        Failure::usage(format!("no autoscaler owns the number of pods of {target}"))
            .hint(format!("scale it itself: opsdeck scale {target} --replicas N"))
    })
}
