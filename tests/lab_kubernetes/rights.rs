//! Who may do what, and how it is said.

use opsdeck::lab::kubernetes::Identity;
use reqwest::Method;
use serde_json::json;

use crate::cluster::{Cluster, DEPLOYMENT, SHOP_PODS, answer};

#[tokio::test]
async fn who_may_not_is_told_why_and_may_ask_first() {
    let cluster = Cluster::start(Identity::viewer("guest")).await;
    assert_eq!(cluster.get(SHOP_PODS).await.0, 200);
    let (code, refused) = cluster.patch(DEPLOYMENT, "merge-patch", &json!({})).await;
    let expected = "deployments.apps \"payment\" is forbidden: User \"guest\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\"";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    let ask = |verb: &str| {
        let spec = json!({"resourceAttributes": {"namespace": "shop", "verb": verb, "group": "apps", "resource": "deployments"}});
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
        answer(cluster.request(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").json(&review))
    };
    assert_eq!(ask("patch").await.1["status"]["allowed"], false);
    assert_eq!(ask("list").await.1["status"]["allowed"], true);
}

#[tokio::test]
async fn a_token_decides_who_asks() {
    let cluster = Cluster::admin().await;
    let ask = |token: &str, method: Method, path: &str| answer(cluster.request(method, path).bearer_auth(token));
    let (code, refused) = ask("look", Method::DELETE, &format!("{SHOP_PODS}/payment-1")).await;
    let expected = "pods \"payment-1\" is forbidden: User \"viewer\" cannot delete resource \"pods\" in API group \"\" in the namespace \"shop\"";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    assert_eq!(ask("look", Method::GET, "/api/v1/pods").await.0, 200);
    let (code, refused) = ask("edit", Method::GET, "/api/v1/pods").await;
    let expected =
        "pods is forbidden: User \"editor\" cannot list resource \"pods\" in API group \"\" at the cluster scope";
    assert_eq!((code, refused["message"].as_str().unwrap()), (403, expected));
    assert_eq!(ask("edit", Method::GET, "/api/v1/namespaces/shop").await.0, 200);
    assert_eq!(ask("edit", Method::GET, "/api/v1/namespaces/platform").await.0, 403);
    assert_eq!(ask("edit", Method::DELETE, &format!("{SHOP_PODS}/payment-1")).await.0, 200);
}
