//! The whole lab, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::served::client;
use super::*;

fn origin() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-14T14:32:07Z").unwrap().to_utc()
}

async fn get(url: &str) -> serde_json::Value {
    let client = client();
    client.get(url).send().await.unwrap().json().await.unwrap()
}

async fn firing(lab: &Lab) -> Vec<String> {
    let alerts = get(&format!("{}/api/v2/alerts", lab.alertmanager_url)).await;
    let mut names: Vec<String> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_bad_deploy_is_on_all_three_servers() {
    let lab = start(LabOptions::new(ScenarioName::BadDeploy, LabClock::frozen(origin()))).await.unwrap();
    assert_eq!(
        firing(&lab).await,
        ["ErrorBudgetBurn", "HighErrorRate", "PodCrashLooping", "PodCrashLooping", "PodCrashLooping", "Watchdog"]
    );
    let pods = get(&format!("{}/api/v1/namespaces/shop/pods?labelSelector=app%3Dpayment", lab.kubernetes_url)).await;
    assert_eq!(pods["items"].as_array().unwrap().len(), 6);
    let query = "sum(rate(http_requests_total{service=\"payment\",code=~\"5..\"}[1m]))/sum(rate(http_requests_total{service=\"payment\"}[1m]))";
    let url =
        reqwest::Url::parse_with_params(&format!("{}/api/v1/query", lab.prometheus_url), [("query", query)]).unwrap();
    let ratio: f64 = get(url.as_str()).await["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((ratio - 0.172).abs() < 0.01, "{ratio}");
}

#[tokio::test]
async fn what_fires_when_the_lab_opens_has_paged_already() {
    let lab = start(LabOptions::new(ScenarioName::BadDeploy, LabClock::frozen(origin()))).await.unwrap();
    let client = client();
    let request = client
        .get(format!("{}/incidents?statuses%5B%5D=triggered", lab.pagerduty_url))
        .header("Authorization", format!("Token token={}", pagerduty::USER_TOKEN));
    let told: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let titles: Vec<&str> =
        told["incidents"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(titles.iter().any(|title| title.starts_with("HighErrorRate: payment fails")), "{titles:?}");
    assert!(titles.iter().any(|title| title.starts_with("ErrorBudgetBurn: payment burns")), "{titles:?}");
    let page = told["incidents"][0]["created_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(page < origin() && page > origin() - TimeDelta::minutes(6), "as old as its alert: {page}");
}

#[tokio::test(start_paused = true)]
async fn a_running_lab_moves_by_its_clock() {
    use self::kubernetes::resources::{DEPLOYMENTS, PODS};
    let lab = start(LabOptions::new(ScenarioName::Calm, LabClock::new(origin(), 10.0))).await.unwrap();
    let store = lab.store().clone();
    let (pods, _) = store.list(&PODS, Some("shop"));
    store.modify(&DEPLOYMENTS, "shop", "auth", |auth| auth["spec"]["replicas"] = serde_json::json!(6)).unwrap();
    // Two seconds here are twenty in the lab.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(store.list(&PODS, Some("shop")).0.len(), pods.len() + 2);
    assert_eq!(store.get(&DEPLOYMENTS, "shop", "auth").unwrap()["status"]["readyReplicas"], 6);
    assert_eq!(store.now(), origin() + TimeDelta::seconds(20));
}

#[tokio::test]
async fn calm_has_nothing_but_the_watchdog_and_dropping_the_lab_closes_it() {
    let lab = start(LabOptions::new(ScenarioName::Calm, LabClock::frozen(origin()))).await.unwrap();
    assert_eq!(firing(&lab).await, ["Watchdog"]);
    let directory = tempfile::tempdir().unwrap();
    lab.write_dir(directory.path()).unwrap();
    assert!(std::fs::read_to_string(directory.path().join("kubeconfig")).unwrap().contains(&lab.kubernetes_url));
    let configuration: toml::Table =
        std::fs::read_to_string(directory.path().join("opsdeck.toml")).unwrap().parse().unwrap();
    assert_eq!(configuration["slo"].as_array().unwrap().len(), 2);
    let address = lab.kubernetes_url.trim_start_matches("http://").to_owned();
    drop(lab);
    let closed = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn switching_the_flag_off_in_its_server_heals_the_shop() {
    let lab = start(LabOptions::new(ScenarioName::BadFlag, LabClock::new(origin(), 1.0))).await.unwrap();
    assert_eq!(firing(&lab).await, ["ErrorBudgetBurn", "HighErrorRate", "HighLatency", "Watchdog"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let off = "api/admin/projects/default/features/new-pricing/environments/production/off";
    let answer = client
        .post(format!("{}/{off}", lab.unleash_url))
        .header("Authorization", unleash::OWNER_TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    tokio::time::sleep(Duration::from_secs(75)).await;
    let left = firing(&lab).await;
    assert!(left.iter().all(|alert| alert == "ErrorBudgetBurn" || alert == "Watchdog"), "{left:?}");
}
