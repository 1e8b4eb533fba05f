//! Tests of runbooks: the format, runs, values that want to be more than values, plain Markdown, lint, matching.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod format;
mod injection;
mod judge;
mod lint;
mod matching;
mod plain;
mod run;

use std::sync::Arc;

use super::{Origin, Runbook, Shelf, parse};

pub(super) fn origin(place: &str) -> Origin {
    Origin { place: place.into(), shelf: Shelf::User, modified: None }
}

/// A runbook that has to be without errors.
pub(super) fn book(text: &str) -> Arc<Runbook> {
    let parsed = parse(text, origin("/books/test.md"));
    assert!(!parsed.has_errors(), "{:#?}", parsed.diagnostics);
    Arc::new(parsed.runbook.unwrap())
}

/// Diagnostics as they are printed.
pub(super) fn told(text: &str) -> Vec<String> {
    parse(text, origin("/books/test.md")).diagnostics.iter().map(ToString::to_string).collect()
}

pub(super) const GOOD: &str = r#"---
apiVersion: opsdeck.dev/v1
id: high-error-rate
title: High error rate
tags: [http, errors]
match:
  - alert: "HighErrorRate*"
    labels: {severity: "critical|warning"}
parameters:
  workload: {type: workload, from: workload, required: true}
  replicas: {type: integer, default: 4, min: 1, max: 50}
  token: {type: string, secret: true}
---
# High error rate

## Meaning
Users of {{ workload }} see errors.

## Diagnosis
### Look at the ratio
Is it still going on?

```promql {assert="value < 0.01", for="2m", name=ratio, capture=ratio_now}
sum(rate(http_requests_total{namespace="{{ workload.namespace }}",code=~"5.."}[5m]))
```

### Which pods
```kubectl
kubectl get pods -n {{ workload.namespace }} -l app={{ workload.name }}
```

## Mitigation
1. Roll it back

   ```action {verify=ratio, rollback=undo}
   do: rollback
   workload: {{ workload }}
   reason: "errors of {{ workload.name }}"
   ```
2. More pods

   ```action {name="undo"}
   do: scale
   workload: "{{ workload }}"
   replicas: {{ replicas }}
   ```

## Verification
- [ ] Tell the others
"#;
