//! Argo Rollouts: the CRDs that its module ships, and its controller.

use super::process::{Process, StartError};
use super::{ControlPlane, Site, answers, apply};

pub(super) fn start(site: &mut Site<'_>, plane: &ControlPlane) -> Result<Process, StartError> {
    let admin = plane.admin();
    for crd in ["rollout", "analysis-run", "analysis-template", "cluster-analysis-template", "experiment"] {
        apply(&admin, &site.parts.join(format!("{crd}-crd.yaml")))?;
    }
    let health = site.ports.take("the health of rollouts-controller")?;
    let metrics = site.ports.take("the metrics of rollouts-controller")?;
    let arguments = vec![
        format!("--kubeconfig={}", admin.display()),
        format!("--healthzPort={health}"),
        format!("--metricsPort={metrics}"),
        "--leader-elect=false".into(),
    ];
    let program = site.parts.join("rollouts-controller");
    let mut process = Process::start("rollouts-controller", &program, arguments, site.directory)?;
    process.until(|| answers(&format!("http://127.0.0.1:{health}/healthz")))?;
    Ok(process)
}
