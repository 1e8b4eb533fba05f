//! The subcommands that alter the world, one variant each. Adding one: its variant with its arguments in
//! [`ActCommand`], and its line in [`ActCommand::asked`]; where it takes nothing but targets, [`Workloads`] is its
//! arguments. Flags, confirmation, output and exit codes come with [`Manner`] and [`drive`].

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::drive::{Manner, drive, named, workload};
use super::output::Failure;
use super::{Global, start};
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
use crate::runtime::wiring::Connected;

/// What all of them say after their options: examples, and how they end.
macro_rules! examples {
    ($examples:literal) => {
        concat!(
            "Examples:\n",
            $examples,
            "\n\nExit codes: 0 done and verified, 2 bad arguments, 3 refused or not confirmed, 4 conflict, 5 failed, 6 unverified"
        )
    };
}

/// Every action.
#[derive(Debug, Subcommand)]
pub enum ActCommand {
    /// Roll workloads back to an earlier revision: plan, confirm, execute, verify, record
    #[command(after_help = ROLLBACK)]
    Rollback(RollbackArgs),
    /// Run another number of pods
    #[command(after_help = SCALE)]
    Scale(ScaleArgs),
    /// Set the bounds of the autoscaler of a workload, or of one named as hpa/NAME
    #[command(after_help = AUTOSCALE)]
    Autoscale(AutoscaleArgs),
    /// Replace all pods of workloads, within the bounds of their rollout
    #[command(after_help = RESTART)]
    Restart(Workloads),
    /// Stop a rollout where it is
    #[command(after_help = PAUSE)]
    Pause(Workloads),
    /// Let a paused rollout go on
    #[command(after_help = RESUME)]
    Resume(Workloads),
    /// Run another image in one container
    #[command(after_help = SET_IMAGE)]
    SetImage(SetImageArgs),
}

const ROLLBACK: &str = examples!(
    "  opsdeck rollback payment --dry-run
  opsdeck rollback deployment/payment --to-revision 41 --reason '5xx since 2.4.0'
  opsdeck -n shop rollback payment cart --yes --go-on --incident INC-12"
);

const SCALE: &str = examples!(
    "  opsdeck scale payment --replicas 12
  opsdeck scale statefulset/db --by -1 --dry-run

Where an autoscaler owns the number of pods it is refused: see `opsdeck autoscale`."
);

const AUTOSCALE: &str = examples!(
    "  opsdeck autoscale frontend --max 16
  opsdeck autoscale hpa/frontend --min 4 --max 16 --reason 'campaign'"
);

const RESTART: &str = examples!(
    "  opsdeck restart payment
  opsdeck restart deployment/payment statefulset/db --go-on --yes"
);

const PAUSE: &str = examples!("  opsdeck pause payment --reason '2.4.0 fails'");

const RESUME: &str = examples!("  opsdeck resume payment");

const SET_IMAGE: &str = examples!(
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
    manner: Manner,
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
    manner: Manner,
}

/// Arguments of `set-image`.
#[derive(Debug, Args)]
pub struct SetImageArgs {
    /// Workloads, and last the image: `CONTAINER=IMAGE`, or `IMAGE` where there is one container
    #[arg(value_name = "WORKLOAD... [CONTAINER=]IMAGE", required = true, num_args = 2..)]
    words: Vec<String>,
    #[command(flatten)]
    manner: Manner,
}

impl Workloads {
    /// The same action on each of them.
    fn each(&self, at: &Connected, make: impl Fn(WorkloadRef) -> ActionKind) -> Result<Vec<ActionKind>, Failure> {
        self.workloads.iter().map(|text| workload(text, at).map(&make)).collect()
    }
}

/// Runs it.
pub fn run(global: &Global, command: &ActCommand) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let connected =
            start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await.map_err(start::unusable)?;
        start.settle(&connected).await;
        let (actions, manner) = command.asked(&connected).await?;
        drive(&start.launch, &connected, manner.request(actions)?, manner).await
    })
}

impl ActCommand {
    /// What was asked for, and in which manner.
    async fn asked(&self, at: &Connected) -> Result<(Vec<ActionKind>, &Manner), Failure> {
        Ok(match self {
            Self::Rollback(RollbackArgs { targets, to_revision }) => (
                targets.each(at, |target| ActionKind::Rollback(Rollback { target, to: *to_revision }))?,
                &targets.manner,
            ),
            Self::Scale(ScaleArgs { targets, replicas, by }) => {
                let replicas = replicas.map_or_else(|| Replicas::By(by.unwrap_or(0)), Replicas::To);
                (targets.each(at, |target| ActionKind::Scale(Scale { target, replicas }))?, &targets.manner)
            }
            Self::Autoscale(args) => (args.actions(at).await?, &args.manner),
            Self::Restart(args) => (args.each(at, |target| ActionKind::Restart(Restart { target }))?, &args.manner),
            Self::Pause(args) => (args.each(at, |target| ActionKind::Pause(Pause { target }))?, &args.manner),
            Self::Resume(args) => (args.each(at, |target| ActionKind::Resume(Resume { target }))?, &args.manner),
            Self::SetImage(args) => (args.actions(at)?, &args.manner),
        })
    }
}

impl SetImageArgs {
    fn actions(&self, at: &Connected) -> Result<Vec<ActionKind>, Failure> {
        let Some((last, workloads)) = self.words.split_last() else { return Ok(Vec::new()) };
        let (container, image) = last.split_once('=').unwrap_or(("", last));
        let make = |target| {
            ActionKind::SetImage(SetImage { target, container: container.to_owned(), image: image.to_owned() })
        };
        workloads.iter().map(|text| workload(text, at).map(make)).collect()
    }
}

impl AutoscaleArgs {
    async fn actions(&self, at: &Connected) -> Result<Vec<ActionKind>, Failure> {
        let mut actions = Vec::new();
        for text in &self.targets {
            let words = ["hpa", "horizontalpodautoscaler"];
            let is_hpa = text.split_once('/').is_some_and(|(kind, _)| words.contains(&&*kind.to_ascii_lowercase()));
            let (namespace, hpa) = if is_hpa {
                (super::drive::namespace(at), named(text, &words)?.into())
            } else {
                let target = workload(text, at)?;
                (target.namespace.clone(), autoscaler(&target, at).await?.into())
            };
            actions.push(ActionKind::ScaleBounds(ScaleBounds { namespace, hpa, min: self.min, max: self.max }));
        }
        Ok(actions)
    }
}

/// The name of the autoscaler that owns the number of pods of a workload.
async fn autoscaler(target: &WorkloadRef, at: &Connected) -> Result<String, Failure> {
    let needs = Needs { target: ObjectRef::from(target), parts: vec![Part::Autoscalers] };
    let facts = at
        .services
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
