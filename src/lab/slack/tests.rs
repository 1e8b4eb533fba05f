//! The API by HTTP, as a client sees it, and the life in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::lab::served::Served;

fn origin() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 14, 32, 7).unwrap()
}

type Client = Served<Slack>;

impl Client {
    async fn new(scenario: ScenarioName) -> Self {
        Self::start(|url| Slack::new(LabClock::frozen(origin()), scenario, url), serve).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, token: Option<&str>) -> (u16, Option<String>, Value) {
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let answer = request.send().await.unwrap();
        let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), after, answer.json().await.unwrap())
    }

    /// By a query.
    async fn get(&self, method: &str, query: &str) -> Value {
        let (status, _, told) =
            self.send(self.http.get(format!("{}/api/{method}?{query}", self.url)), Some(BOT_TOKEN)).await;
        assert_eq!(status, 200, "{method}: {told}");
        told
    }

    /// By JSON.
    async fn post(&self, method: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/api/{method}", self.url)).json(body);
        let (status, _, told) = self.send(request, Some(BOT_TOKEN)).await;
        assert_eq!(status, 200, "{method}: {told}");
        told
    }

    /// By JSON, and it has to go well.
    async fn done(&self, method: &str, body: &Value) -> Value {
        let told = self.post(method, body).await;
        assert_eq!(told["ok"], true, "{method} {body}: {told}");
        told
    }

    /// By JSON, and it has to be refused: the word for it.
    async fn refused(&self, method: &str, body: &Value) -> String {
        let told = self.post(method, body).await;
        assert_eq!(told["ok"], false, "{method} {body}: {told}");
        told["error"].as_str().unwrap().to_owned()
    }

    async fn open(&self, name: &str) -> String {
        self.done("conversations.create", &json!({"name": name})).await["channel"]["id"].as_str().unwrap().to_owned()
    }

    /// Lets some seconds of the lab pass.
    fn later(&self, seconds: i64) {
        let clock = LabClock::frozen(origin() + TimeDelta::seconds(seconds));
        drop(Slack { clock, ..self.server.clone() }.lock());
    }
}

#[tokio::test]
async fn a_declare_goes_through_and_its_second_attempt_says_so() {
    let client = Client::new(ScenarioName::BadDeploy).await;
    assert_eq!(client.done("auth.test", &json!({})).await["user"], "opsdeck");
    let channel = client.open("inc-20261121-payment").await;
    assert_eq!(client.refused("conversations.create", &json!({"name": "inc-20261121-payment"})).await, "name_taken");
    client.done("conversations.setTopic", &json!({"channel": channel, "topic": "SEV2: payment fails"})).await;
    let found = client.get("users.lookupByEmail", "email=payments-lead%40shop.example").await["user"]["id"].clone();
    let invite = json!({"channel": channel, "users": found});
    client.done("conversations.invite", &invite).await;
    assert_eq!(client.refused("conversations.invite", &invite).await, "already_in_channel");

    let metadata = json!({"event_type": "incident", "event_payload": {"mark": "x7k2/summary"}});
    let said = client
        .done("chat.postMessage", &json!({"channel": channel, "text": "5xx < 1 % & falling", "metadata": metadata}))
        .await;
    let ts = said["ts"].as_str().unwrap();
    let pin = json!({"channel": channel, "timestamp": ts});
    client.done("pins.add", &pin).await;
    assert_eq!(client.refused("pins.add", &pin).await, "already_pinned");
    let react = json!({"channel": channel, "timestamp": ts, "name": "pushpin"});
    client.done("reactions.add", &react).await;
    assert_eq!(client.refused("reactions.add", &react).await, "already_reacted");
    let bookmark = json!({"channel_id": channel, "title": "Runbook", "type": "link", "link": "https://x.example/"});
    client.done("bookmarks.add", &bookmark).await;
    let bookmarks = client.done("bookmarks.list", &json!({"channel_id": channel})).await;
    assert_eq!(bookmarks["bookmarks"][0]["title"], "Runbook");

    let info = client.get("conversations.info", &format!("channel={channel}")).await;
    assert_eq!(info["channel"]["topic"]["value"], "SEV2: payment fails");
    let pins = client.get("pins.list", &format!("channel={channel}")).await;
    assert_eq!(pins["items"][0]["message"]["text"], "5xx &lt; 1 % &amp; falling");
    let link = client.get("chat.getPermalink", &format!("channel={channel}&message_ts={ts}")).await;
    assert_eq!(link["permalink"], format!("{}/archives/{channel}/p{}", client.url, ts.replace('.', "")));
    // The mark is shown to who asks for it.
    let history = async |query: &str| {
        client.get("conversations.history", &format!("channel={channel}&limit=1{query}")).await["messages"][0].clone()
    };
    assert_eq!(history("&include_all_metadata=true").await["metadata"], metadata);
    let short = history("").await;
    assert_eq!((&short["metadata"], &short["reactions"][0]["count"]), (&json!({"event_type": "incident"}), &json!(1)));

    client.done("conversations.archive", &json!({"channel": channel})).await;
    assert_eq!(client.refused("conversations.archive", &json!({"channel": channel})).await, "already_archived");
    for (method, body) in [
        ("chat.postMessage", json!({"channel": channel, "text": "late"})),
        ("conversations.setTopic", json!({"channel": channel, "topic": "late"})),
        ("conversations.invite", json!({"channel": channel, "users": "U0LABSRELED"})),
        ("pins.add", pin),
        ("bookmarks.add", bookmark),
    ] {
        assert_eq!(client.refused(method, &body).await, "is_archived", "{method}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_own_word() {
    let client = Client::new(ScenarioName::Calm).await;
    let channel = client.open("inc-words").await;
    let long = "x".repeat(81);
    let many = vec!["U0LABSRELED"; 1001].join(",");
    let with = |name: &str, value: &str| json!({"channel": channel, name: value});
    for (method, body, word) in [
        ("conversations.create", json!({}), "invalid_name_required"),
        ("conversations.create", json!({"name": long}), "invalid_name_maxlength"),
        ("conversations.create", json!({"name": "Inc 1"}), "invalid_name_specials"),
        ("conversations.create", json!({"name": "--_"}), "invalid_name_punctuation"),
        // An archived channel keeps its name.
        ("conversations.create", json!({"name": "inc-20261003-checkout-latency"}), "name_taken"),
        ("conversations.setTopic", with("topic", &"x".repeat(251)), "too_long"),
        ("conversations.invite", with("users", ""), "no_user"),
        ("conversations.invite", with("users", "U0NOBODY000"), "user_not_found"),
        ("conversations.invite", with("users", "U0LABBOT001"), "cant_invite_self"),
        ("conversations.invite", with("users", "U0LABFORMER"), "cant_invite"),
        ("conversations.invite", with("users", &many), "too_many_users"),
        ("conversations.archive", json!({"channel": "#general"}), "cant_archive_general"),
        ("conversations.setTopic", json!({"channel": "C0NOTHERE00", "topic": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": "#payments", "text": "x"}), "not_in_channel"),
        ("chat.postMessage", with("text", ""), "no_text"),
        ("chat.postMessage", with("text", &"x".repeat(40_001)), "msg_too_long"),
        ("chat.postMessage", json!({"channel": channel, "blocks": [{"text": "x"}]}), "invalid_blocks"),
        (
            "chat.postMessage",
            json!({"channel": channel, "text": "x", "metadata": {"event": 1}}),
            "invalid_metadata_schema",
        ),
        ("chat.postMessage", json!({"text": "x"}), "invalid_arguments"),
        ("pins.add", with("timestamp", "1.000001"), "message_not_found"),
        ("chat.delete", json!({}), "unknown_method"),
    ] {
        assert_eq!(client.refused(method, &body).await, word, "{method} {body}");
    }
    // As a whole or not at all, unless somebody insists.
    let both = json!({"channel": channel, "users": "U0LABSRELED,U0NOBODY000"});
    let told = client.post("conversations.invite", &both).await;
    assert_eq!((&told["error"], &told["errors"][0]["user"]), (&json!("user_not_found"), &json!("U0NOBODY000")));
    let members = async || client.get("conversations.members", &format!("channel={channel}")).await["members"].clone();
    assert_eq!(members().await, json!(["U0LABBOT001"]));
    client
        .done("conversations.invite", &json!({"channel": channel, "users": "U0LABSRELED,U0NOBODY000", "force": true}))
        .await;
    assert_eq!(members().await, json!(["U0LABBOT001", "U0LABSRELED"]));
}

#[tokio::test]
async fn tokens_scopes_and_ways_of_asking() {
    let client = Client::new(ScenarioName::Calm).await;
    let at = |method: &str| format!("{}/api/{method}", client.url);
    for (token, word) in
        [(None, "not_authed"), (Some("xoxb-other"), "invalid_auth"), (Some(REVOKED_TOKEN), "token_revoked")]
    {
        let (status, _, told) = client.send(client.http.post(at("auth.test")), token).await;
        assert_eq!((status, &told["ok"], &told["error"]), (200, &json!(false), &json!(word)));
    }
    let create = client.http.post(at("conversations.create")).json(&json!({"name": "inc-narrow"}));
    let (status, _, told) = client.send(create, Some(NARROW_TOKEN)).await;
    assert_eq!(
        (status, &told["error"], &told["needed"]),
        (200, &json!("missing_scope"), &json!("channels:manage,groups:write"))
    );
    assert_eq!(told["provided"], "channels:history,channels:read,chat:write,users:read");
    // A form with the token in it is as good as JSON; what only reads takes no JSON.
    let form = client.http.post(at("conversations.create")).form(&[("name", "inc-form"), ("token", BOT_TOKEN)]);
    assert_eq!(client.send(form, None).await.2["channel"]["name"], "inc-form");
    let body = json!({"user": "U0LABONCALL"});
    assert_eq!(client.refused("users.info", &body).await, "invalid_arguments");
    assert_eq!(client.get("users.info", "user=U0LABONCALL").await["user"]["name"], "oncall");
    let broken = client.http.post(at("auth.test")).header("content-type", "application/json").body("{");
    assert_eq!(client.send(broken, Some(BOT_TOKEN)).await.2["error"], "invalid_json");
}

#[tokio::test]
async fn pages_come_one_after_the_other_and_are_filtered_late() {
    let client = Client::new(ScenarioName::Calm).await;
    let (mut names, mut lengths, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let query = format!("limit=1&exclude_archived=true&cursor={}", cursor.replace('=', "%3D"));
        let page = client.get("conversations.list", &query).await;
        let channels = page["channels"].as_array().unwrap();
        names.extend(channels.iter().map(|channel| channel["name"].as_str().unwrap().to_owned()));
        lengths.push(channels.len());
        cursor = page["response_metadata"]["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
        assert!(cursor.ends_with('='), "{cursor}");
    }
    assert_eq!((names, lengths), (vec!["general".into(), "incidents".into(), "payments".into()], vec![1, 1, 1, 0]));
    assert_eq!(client.get("users.list", "cursor=else").await["error"], "invalid_cursor");
    let people = client.get("users.list", "limit=3").await;
    assert_eq!(people["members"].as_array().unwrap().len(), 3);
    assert!(!people["response_metadata"]["next_cursor"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_burst_of_messages_is_told_to_wait_in_its_channel_only() {
    let client = Client::new(ScenarioName::Calm).await;
    let (one, other) = (client.open("inc-fast").await, client.open("inc-slow").await);
    let say = |channel: &str| {
        let body = json!({"channel": channel, "text": "again"});
        client.send(client.http.post(format!("{}/api/chat.postMessage", client.url)).json(&body), Some(BOT_TOKEN))
    };
    let mut taken = 0;
    let (status, after, told) = loop {
        let answer = say(&one).await;
        if answer.0 != 200 || taken > 50 {
            break answer;
        }
        taken += 1;
    };
    assert!((5..=50).contains(&taken), "{taken}");
    assert_eq!((status, after.as_deref(), &told["error"]), (429, Some("1"), &json!("ratelimited")));
    assert_eq!(say(&other).await.0, 200);
    let history = client.get("conversations.history", &format!("channel={one}")).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), taken, "what was refused is not there");
}

#[tokio::test]
async fn somebody_comes_and_marks_what_matters() {
    let client = Client::new(ScenarioName::BadDeploy).await;
    let channel = client.open("inc-life").await;
    let secret = client.done("conversations.create", &json!({"name": "inc-secret", "is_private": true})).await;
    let quiet = client.open("team-lunch").await;
    let messages = async |channel: &str| {
        let told = client.get("conversations.history", &format!("channel={channel}&include_all_metadata=1")).await;
        told["messages"].as_array().unwrap().clone()
    };
    client.later(19);
    assert_eq!(messages(&channel).await, Vec::<Value>::new());
    client.done("chat.postMessage", &json!({"channel": channel, "text": "what we know"})).await;
    client.later(70);
    let told = messages(&channel).await;
    let kinds: Vec<&str> = told.iter().rev().map(|message| message["subtype"].as_str().unwrap_or("said")).collect();
    assert_eq!(kinds, ["said", "channel_join", "said", "said"], "{told:?}");
    let marked: Vec<&Value> = told.iter().filter(|message| message["reactions"][0]["name"] == "pushpin").collect();
    assert_eq!(marked.len(), 1);
    assert!(marked[0]["text"].as_str().unwrap().contains("pricing table v2"), "{}", marked[0]);
    assert_eq!(marked[0]["metadata"]["event_type"], "lab_life", "it says whose it is");
    assert_eq!(marked[0]["user_profile"]["real_name"], "Payments lead (lab)");
    // At its own time, whoever looks when.
    assert_eq!(marked[0]["ts"], ts((origin() + TimeDelta::seconds(60)).timestamp_micros()));
    assert_eq!(messages(&quiet).await, Vec::<Value>::new(), "it is no incident's");
    assert_eq!(messages(secret["channel"]["id"].as_str().unwrap()).await, Vec::<Value>::new(), "nobody was asked in");
}
