//! `chat.*`: messages and their addresses.

use serde_json::{Value, json};

use super::answers::{Answer, Refusal};
use super::channel::Message;
use super::http::Call;
use super::people;

/// Longest text, in characters.
const LONGEST: usize = 40_000;
/// Most blocks of a message.
const MOST_BLOCKS: usize = 50;
/// Longest text of a section, and of a header, in characters.
const LONGEST_SECTION: usize = 3000;
const LONGEST_HEADER: usize = 150;

pub(super) fn post(call: &mut Call<'_>) -> Answer {
    let given = call.given;
    let blocks = blocks(given.structured("blocks"))?;
    let metadata = metadata(given.structured("metadata"))?;
    let text = given.text("text").unwrap_or_default();
    if text.is_empty() && blocks.is_null() {
        return Err("no_text".into());
    }
    if text.chars().count() > LONGEST {
        return Err("msg_too_long".into());
    }
    let ts = call.held.stamp(call.now);
    let channel = call.own_channel()?;
    let thread = given.text("thread_ts").map(str::to_owned);
    if let Some(thread) = &thread {
        channel.message(thread).map_err(|_| "thread_not_found")?;
    }
    channel.pace.take().map_err(Refusal::Slower)?;
    let said = Message::said(ts.clone(), people::bot().id, &escaped(text));
    let message = Message { blocks, metadata, thread, ..said };
    let told = channel.message_json(&message, true);
    channel.messages.push(message);
    Ok(json!({"channel": channel.id, "ts": ts, "message": told}))
}

pub(super) fn permalink(call: &mut Call<'_>) -> Answer {
    let (url, ts) = (call.url, call.given.required("message_ts")?.to_owned());
    let channel = call.channel()?;
    channel.message(&ts)?;
    Ok(json!({"channel": channel.id, "permalink": address(url, &channel.id, &ts)}))
}

/// Where a message is for people.
pub(super) fn address(url: &str, channel: &str, ts: &str) -> String {
    format!("{url}/archives/{channel}/p{}", ts.replace('.', ""))
}

/// Blocks that Slack would take, or `null`.
fn blocks(given: Option<Value>) -> Result<Value, Refusal> {
    let invalid = |why: String| Refusal::Error("invalid_blocks", json!({"response_metadata": {"messages": [why]}}));
    let given = given.ok_or("invalid_blocks_format")?;
    if given.is_null() {
        return Ok(given);
    }
    let blocks = given.as_array().ok_or("invalid_blocks_format")?;
    if blocks.len() > MOST_BLOCKS {
        return Err(invalid(format!("[ERROR] no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]")));
    }
    for (place, block) in blocks.iter().enumerate() {
        let Some(kind) = block["type"].as_str() else {
            return Err(invalid(format!("[ERROR] missing required field: type [json-pointer:/blocks/{place}]")));
        };
        let most = match kind {
            "section" => LONGEST_SECTION,
            "header" => LONGEST_HEADER,
            _ => continue,
        };
        if block["text"]["text"].as_str().is_some_and(|text| text.chars().count() > most) {
            return Err(invalid(format!(
                "[ERROR] must be less than {} characters [json-pointer:/blocks/{place}/text/text]",
                most + 1
            )));
        }
    }
    Ok(if blocks.is_empty() { Value::Null } else { given })
}

/// Metadata with its two fields, or `null`.
fn metadata(given: Option<Value>) -> Result<Value, Refusal> {
    let given = given.ok_or("invalid_metadata_format")?;
    if given.is_null() || (given["event_type"].is_string() && given["event_payload"].is_object()) {
        return Ok(given);
    }
    Err("invalid_metadata_schema".into())
}

/// A text with `&`, `<` and `>` as entities, where they are not entities, links or mentions already.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(['&', '<', '>']) {
        let (before, special) = rest.split_at(place);
        out.push_str(before);
        let whole = match special.as_bytes()[0] {
            b'&' => ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| special.starts_with(entity)),
            b'<' => special.find('>').map(|end| &special[..=end]).filter(|link| is_link(link)),
            _ => None,
        };
        match whole {
            Some(whole) => out.push_str(whole),
            None => out.push_str(match special.as_bytes()[0] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                _ => "&gt;",
            }),
        }
        rest = &special[whole.map_or(1, str::len)..];
    }
    out + rest
}

fn is_link(text: &str) -> bool {
    ["<@", "<#", "<!", "<http://", "<https://", "<mailto:"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_could_be_markup_is_an_entity() {
        for (given, kept) in [
            ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
            (
                "<@U1> see <https://a.example/?b=1&c=2|it> &amp; <b>",
                "<@U1> see <https://a.example/?b=1&c=2|it> &amp; &lt;b&gt;",
            ),
            ("ends with <", "ends with &lt;"),
            ("größer → <!here>", "größer → <!here>"),
        ] {
            assert_eq!(escaped(given), kept);
        }
    }
}
