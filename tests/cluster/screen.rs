//! What a person reads from the console's screen, for cases that compare it with kubectl.

use crate::backend::Place;
use crate::support::Console;

/// Wide enough for whole names and messages.
pub const SIZE: (u16, u16) = (220, 60);

/// A pod: name, status, ready containers.
pub type Pod = (String, String, String);

/// Every row of the zoomed pods pane, sorted; one that is there twice is listed twice.
pub fn pods(contents: &str) -> Vec<Pod> {
    let mut pods: Vec<Pod> = contents.lines().filter_map(pod).collect();
    pods.sort();
    pods
}

/// `│▌✓  name  Running  1/1 …`
fn pod(line: &str) -> Option<Pod> {
    let line = line.replace(['│', '▏', '▌'], " ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let [mark, name, status, ready, ..] = words[..] else { return None };
    let is_mark = mark.chars().count() == 1 && !mark.chars().all(char::is_alphanumeric);
    let is_count = ready.split_once('/').is_some_and(|(ready, all)| {
        [ready, all].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    (is_mark && is_count).then(|| (name.to_owned(), status.to_owned(), ready.to_owned()))
}

/// What kubectl prints of the same.
pub fn kubectl_pods(place: &Place) -> Vec<Pod> {
    let mut pods: Vec<Pod> = place
        .kubectl("get pods --no-headers")
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (name, ready, status) = (words.next()?, words.next()?, words.next()?);
            Some((name, status, ready))
        })
        .collect();
    pods.sort();
    pods
}

/// The name of the row that is selected in the zoomed pods pane.
pub fn selected(contents: &str) -> Option<String> {
    contents.lines().filter(|line| line.contains(['▏', '▌'])).find_map(pod).map(|(name, ..)| name)
}

/// The title of the pods pane.
fn title(contents: &str) -> &str {
    contents.lines().find(|line| line.contains("4 Pods")).unwrap_or_default()
}

/// Do the header and the pods pane both say that the data is live?
pub fn is_live(contents: &str) -> bool {
    title(contents).contains("· live") && contents.contains("● k8s")
}

/// How old the pods pane says that its data is, in seconds.
pub fn stale_for(contents: &str) -> Option<u64> {
    let (_, age) = title(contents).split_once("stale ")?;
    let digits = age.chars().take_while(char::is_ascii_digit).count();
    let number: u64 = age[..digits].parse().ok()?;
    Some(if age[digits..].starts_with('m') { number * 60 } else { number })
}

/// Gives the whole screen to the pods.
pub fn zoom_pods(console: &mut Console) {
    console.wait_for("4 Pods");
    console.send("4");
    console.send("z");
    console.wait_until("the zoomed pods", |screen| !title(screen).is_empty() && !screen.contains("3 Rollouts"));
}

/// Waits until the rows are those of kubectl, live, none twice and none too many.
pub fn wait_for_truth(console: &mut Console, place: &Place, when: &str) {
    console.wait_until(&format!("what kubectl says {when}"), |screen| {
        is_live(screen) && pods(screen) == kubectl_pods(place)
    });
}
