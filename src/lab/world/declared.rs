//! What a pod declares about its own behaviour: annotations of its template by which anybody makes
//! a bad workload with `kubectl apply`, whatever its image is.
//!
//! The same annotations drive the nodes of a simulated real cluster in the tests, so that one
//! manifest behaves the same in both.

use std::time::Duration;

use serde_json::Value;

use super::behaviour::{Behaviour, Ending, PullError, Voice};
use super::object::annotation;

/// The annotation: `crash-loop`, `never-ready`, `image-missing`, or `healthy`.
pub const BEHAVIOUR: &str = "opsdeck.dev/behaviour";
/// The annotation of a line that each container of the pod logs.
pub const LOG: &str = "opsdeck.dev/log";

/// How the containers of a pod behave by its annotation; `None` when it declares nothing known.
pub fn of_pod(pod: &Value, image: &str) -> Option<Result<Behaviour, PullError>> {
    let healthy = Behaviour {
        ready_after: Some(Duration::from_secs(1)),
        ending: None,
        stops_within: Duration::from_secs(1),
        cpu: 5,
        memory: 24 << 20,
        voice: Voice::Plain,
        fails: 0.0,
        plight: None,
    };
    match annotation(pod, BEHAVIOUR) {
        "healthy" => Some(Ok(healthy)),
        "never-ready" => Some(Ok(Behaviour { ready_after: None, ..healthy })),
        "crash-loop" => {
            let ending = Ending { after: Duration::from_secs(1), code: 1, reason: "Error" };
            Some(Ok(Behaviour { ready_after: None, ending: Some(ending), ..healthy }))
        }
        "image-missing" => Some(Err(PullError::not_found(image))),
        _ => None,
    }
}

/// The line that the containers of a pod log, empty for none.
pub fn log(pod: &Value) -> &str {
    annotation(pod, LOG)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_declared_behaviour_wins_over_the_image_and_an_unknown_one_does_not() {
        let pod = |behaviour: &str| json!({"metadata": {"annotations": {BEHAVIOUR: behaviour}}});
        assert_eq!(of_pod(&pod("crash-loop"), "a").unwrap().unwrap().ending.unwrap().code, 1);
        assert_eq!(of_pod(&pod("never-ready"), "a").unwrap().unwrap().ready_after, None);
        assert!(of_pod(&pod("image-missing"), "a/b:1").unwrap().unwrap_err().0.ends_with("a/b:1: not found"));
        assert!(of_pod(&pod("dance"), "a").is_none());
    }
}
