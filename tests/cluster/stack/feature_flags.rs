//! The OpenFeature operator's objects: their definition alone. Nobody serves the flags; what is tested is how they are
//! kept.

use super::process::StartError;
use super::{ControlPlane, Site, apply, kubectl, write};

pub(super) fn install(site: &Site<'_>, plane: &ControlPlane) -> Result<(), StartError> {
    let definition = site.directory.join("feature_flags.yaml");
    write(&definition, include_str!("feature_flags.yaml"))?;
    let admin = plane.admin();
    apply(&admin, &definition)?;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s", "crd/featureflags.core.openfeature.dev"];
    let output = kubectl(&admin, &wait).map_err(|error| StartError(format!("kubectl: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError(format!("FeatureFlags: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
