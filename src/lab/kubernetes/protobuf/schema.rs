//! The messages that clients send in protobuf: numbers and JSON names of their fields, from the
//! `generated.proto` files of k8s.io/api and k8s.io/apimachinery. `status` is never read.

use super::Shape::{self, Bool, Inline, Int, IntOrString, Kept, List, Map, Message, Quantities, Text, Time};
use super::Shape::{OptionalBool, OptionalInt, Quantity};

/// A field of a message: its number, its name in JSON, its shape.
pub(super) type Field = (u64, &'static str, Shape);

const TEXTS: Shape = List(&Text);
const REVIEW_ACCESS: &[Field] = &[(
    2,
    "spec",
    Message(&[
        (
            1,
            "resourceAttributes",
            Message(&[
                (1, "namespace", Text),
                (2, "verb", Text),
                (3, "group", Text),
                (4, "version", Text),
                (5, "resource", Text),
                (6, "subresource", Text),
                (7, "name", Text),
            ]),
        ),
        (2, "nonResourceAttributes", Message(&[(1, "path", Text), (2, "verb", Text)])),
    ]),
)];
const REVIEW_RULES: &[Field] = &[(2, "spec", Message(&[(1, "namespace", Text)]))];
const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", OptionalBool),
    (7, "blockOwnerDeletion", OptionalBool),
];
const META: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Int),
    (8, "creationTimestamp", Time),
    (11, "labels", Map),
    (12, "annotations", Map),
    (13, "ownerReferences", List(&Message(OWNER))),
    (14, "finalizers", TEXTS),
];
const METADATA: Field = (1, "metadata", Message(META));
const SELECTOR: Shape = Message(&[
    (1, "matchLabels", Map),
    (2, "matchExpressions", List(&Message(&[(1, "key", Text), (2, "operator", Text), (3, "values", TEXTS)]))),
]);
const KEY_OF: Shape =
    Message(&[(1, "", Inline(&[(1, "name", Text)])), (2, "key", Text), (3, "optional", OptionalBool)]);
const SOURCE_OF: Shape = Message(&[(1, "", Inline(&[(1, "name", Text)])), (2, "optional", OptionalBool)]);
const PROBE: Shape = Message(&[
    (
        1,
        "",
        Inline(&[
            (1, "exec", Message(&[(1, "command", TEXTS)])),
            (
                2,
                "httpGet",
                Message(&[(1, "path", Text), (2, "port", IntOrString), (3, "host", Text), (4, "scheme", Text)]),
            ),
            (3, "tcpSocket", Message(&[(1, "port", IntOrString)])),
        ]),
    ),
    (2, "initialDelaySeconds", Int),
    (3, "timeoutSeconds", Int),
    (4, "periodSeconds", Int),
    (5, "successThreshold", Int),
    (6, "failureThreshold", Int),
]);
const CONTAINER: Shape = Message(&[
    (1, "name", Text),
    (2, "image", Text),
    (3, "command", TEXTS),
    (4, "args", TEXTS),
    (5, "workingDir", Text),
    (
        6,
        "ports",
        List(&Message(&[(1, "name", Text), (2, "hostPort", Int), (3, "containerPort", Int), (4, "protocol", Text)])),
    ),
    (
        7,
        "env",
        List(&Message(&[
            (1, "name", Text),
            (2, "value", Text),
            (
                3,
                "valueFrom",
                Message(&[
                    (1, "fieldRef", Message(&[(1, "apiVersion", Text), (2, "fieldPath", Text)])),
                    (3, "configMapKeyRef", KEY_OF),
                    (4, "secretKeyRef", KEY_OF),
                ]),
            ),
        ])),
    ),
    (8, "resources", Message(&[(1, "limits", Quantities), (2, "requests", Quantities)])),
    (
        9,
        "volumeMounts",
        List(&Message(&[(1, "name", Text), (2, "readOnly", Bool), (3, "mountPath", Text), (4, "subPath", Text)])),
    ),
    (10, "livenessProbe", PROBE),
    (11, "readinessProbe", PROBE),
    (13, "terminationMessagePath", Text),
    (14, "imagePullPolicy", Text),
    (16, "stdin", Bool),
    (17, "stdinOnce", Bool),
    (18, "tty", Bool),
    (
        19,
        "envFrom",
        List(&Message(&[(1, "prefix", Text), (2, "configMapRef", SOURCE_OF), (3, "secretRef", SOURCE_OF)])),
    ),
    (20, "terminationMessagePolicy", Text),
    (22, "startupProbe", PROBE),
]);
const POD: &[Field] = &[
    (
        1,
        "volumes",
        List(&Message(&[
            (1, "name", Text),
            (
                2,
                "",
                Inline(&[
                    (1, "hostPath", Message(&[(1, "path", Text), (2, "type", Text)])),
                    (2, "emptyDir", Kept(&[(1, "medium", Text)])),
                    (6, "secret", Message(&[(1, "secretName", Text), (3, "defaultMode", OptionalInt)])),
                    (10, "persistentVolumeClaim", Message(&[(1, "claimName", Text), (2, "readOnly", Bool)])),
                    (
                        19,
                        "configMap",
                        Message(&[(1, "", Inline(&[(1, "name", Text)])), (3, "defaultMode", OptionalInt)]),
                    ),
                ]),
            ),
        ])),
    ),
    (2, "containers", List(&CONTAINER)),
    (3, "restartPolicy", Text),
    (4, "terminationGracePeriodSeconds", OptionalInt),
    (5, "activeDeadlineSeconds", OptionalInt),
    (6, "dnsPolicy", Text),
    (7, "nodeSelector", Map),
    (8, "serviceAccountName", Text),
    (9, "serviceAccount", Text),
    (10, "nodeName", Text),
    (11, "hostNetwork", Bool),
    (16, "hostname", Text),
    (17, "subdomain", Text),
    (19, "schedulerName", Text),
    (20, "initContainers", List(&CONTAINER)),
    (
        22,
        "tolerations",
        List(&Message(&[
            (1, "key", Text),
            (2, "operator", Text),
            (3, "value", Text),
            (4, "effect", Text),
            (5, "tolerationSeconds", OptionalInt),
        ])),
    ),
    (24, "priorityClassName", Text),
    (25, "priority", OptionalInt),
];
const TEMPLATE: Shape = Message(&[METADATA, (2, "spec", Message(POD))]);
const DEPLOYMENT: &[Field] = &[
    (1, "replicas", OptionalInt),
    (2, "selector", SELECTOR),
    (3, "template", TEMPLATE),
    (
        4,
        "strategy",
        Message(&[
            (1, "type", Text),
            (2, "rollingUpdate", Message(&[(1, "maxUnavailable", IntOrString), (2, "maxSurge", IntOrString)])),
        ]),
    ),
    (5, "minReadySeconds", Int),
    (6, "revisionHistoryLimit", OptionalInt),
    (7, "paused", Bool),
    (9, "progressDeadlineSeconds", OptionalInt),
];
const JOB: &[Field] = &[
    (1, "parallelism", OptionalInt),
    (2, "completions", OptionalInt),
    (3, "activeDeadlineSeconds", OptionalInt),
    (4, "selector", SELECTOR),
    (5, "manualSelector", OptionalBool),
    (6, "template", TEMPLATE),
    (7, "backoffLimit", OptionalInt),
    (8, "ttlSecondsAfterFinished", OptionalInt),
    (9, "completionMode", Text),
    (10, "suspend", OptionalBool),
];
const CRONJOB: &[Field] = &[
    (1, "schedule", Text),
    (2, "startingDeadlineSeconds", OptionalInt),
    (3, "concurrencyPolicy", Text),
    (4, "suspend", OptionalBool),
    (5, "jobTemplate", Message(&[METADATA, (2, "spec", Message(JOB))])),
    (6, "successfulJobsHistoryLimit", OptionalInt),
    (7, "failedJobsHistoryLimit", OptionalInt),
    (8, "timeZone", Text),
];
const SERVICE: &[Field] = &[
    (
        1,
        "ports",
        List(&Message(&[
            (1, "name", Text),
            (2, "protocol", Text),
            (3, "port", Int),
            (4, "targetPort", IntOrString),
            (5, "nodePort", Int),
        ])),
    ),
    (2, "selector", Map),
    (3, "clusterIP", Text),
    (4, "type", Text),
    (5, "externalIPs", TEXTS),
    (7, "sessionAffinity", Text),
    (10, "externalName", Text),
];
const SCALED: Field = (1, "scaleTargetRef", Message(&[(1, "kind", Text), (2, "name", Text), (3, "apiVersion", Text)]));
const METRIC: Shape = Message(&[
    (1, "type", Text),
    (
        4,
        "resource",
        Message(&[
            (1, "name", Text),
            (
                2,
                "target",
                Message(&[
                    (1, "type", Text),
                    (2, "value", Quantity),
                    (3, "averageValue", Quantity),
                    (4, "averageUtilization", OptionalInt),
                ]),
            ),
        ]),
    ),
]);
const OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", OptionalInt),
    (2, "preconditions", Message(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (3, "orphanDependents", OptionalBool),
    (4, "propagationPolicy", Text),
    (5, "dryRun", TEXTS),
];

/// The fields of a kind that is read; `None` for any other.
pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "SelfSubjectAccessReview" => REVIEW_ACCESS,
        "SelfSubjectRulesReview" => REVIEW_RULES,
        "SelfSubjectReview" => &[],
        "Pod" => const { &[METADATA, (2, "spec", Message(POD))] },
        "Deployment" => const { &[METADATA, (2, "spec", Message(DEPLOYMENT))] },
        "Job" => const { &[METADATA, (2, "spec", Message(JOB))] },
        "CronJob" => const { &[METADATA, (2, "spec", Message(CRONJOB))] },
        "Service" => const { &[METADATA, (2, "spec", Message(SERVICE))] },
        "Namespace" => const { &[METADATA, (2, "spec", Message(&[(1, "finalizers", TEXTS)]))] },
        "ServiceAccount" => const { &[METADATA] },
        "ConfigMap" => const { &[METADATA, (2, "data", Map), (4, "immutable", OptionalBool)] },
        "ResourceQuota" => {
            const { &[METADATA, (2, "spec", Message(&[(1, "hard", Quantities), (2, "scopes", TEXTS)]))] }
        }
        "PodDisruptionBudget" => {
            const {
                &[
                    METADATA,
                    (
                        2,
                        "spec",
                        Message(&[
                            (1, "minAvailable", IntOrString),
                            (2, "selector", SELECTOR),
                            (3, "maxUnavailable", IntOrString),
                        ]),
                    ),
                ]
            }
        }
        "HorizontalPodAutoscaler" if api_version == "autoscaling/v1" => {
            const {
                &[
                    METADATA,
                    (
                        2,
                        "spec",
                        Message(&[
                            SCALED,
                            (2, "minReplicas", OptionalInt),
                            (3, "maxReplicas", Int),
                            (4, "targetCPUUtilizationPercentage", OptionalInt),
                        ]),
                    ),
                ]
            }
        }
        "HorizontalPodAutoscaler" => {
            const {
                &[
                    METADATA,
                    (
                        2,
                        "spec",
                        Message(&[
                            SCALED,
                            (2, "minReplicas", OptionalInt),
                            (3, "maxReplicas", Int),
                            (4, "metrics", List(&METRIC)),
                        ]),
                    ),
                ]
            }
        }
        "Eviction" => const { &[METADATA, (2, "deleteOptions", Message(OPTIONS))] },
        "DeleteOptions" => OPTIONS,
        _ => return None,
    })
}
