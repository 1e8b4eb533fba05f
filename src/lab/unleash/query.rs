//! Parameters of searches: pages, orders and filters, with the real server's defaults and limits.

use serde_json::Value;

use super::flag::Flag;
use super::http::Refusal;

/// Rows of a page, unless told otherwise.
const DEFAULT_LIMIT: usize = 50;

/// Parameters as they came.
pub(super) struct Params<'a>(pub &'a [(String, String)]);

/// A filter `OPERATOR:value,value`.
struct Filter {
    negated: bool,
    values: Vec<String>,
}

impl Filter {
    fn accepts(&self, value: &str) -> bool {
        self.values.iter().any(|wanted| wanted == value) != self.negated
    }
}

impl Params<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Offset and limit. A limit that is too high, or none, is the default one: the real server's trap.
    pub(super) fn page(&self, most: usize) -> (usize, usize) {
        let number = |name| self.get(name).and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0);
        let limit = number("limit").filter(|limit| *limit <= most).unwrap_or(DEFAULT_LIMIT);
        (number("offset").unwrap_or(0), limit)
    }

    fn filter(&self, name: &str) -> Result<Option<Filter>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let (operator, values) = text.split_once(':').unwrap_or((text, ""));
        if !text.contains(':') || !["IS", "IS_NOT", "IS_ANY_OF", "IS_NONE_OF"].contains(&operator) {
            let pattern = "^(IS|IS_NOT|IS_ANY_OF|IS_NONE_OF):(.*?)(,([a-zA-Z0-9_]+))*$";
            let path = format!("/query/{name}");
            let why = format!("The `{path}` property must match pattern \"{pattern}\". You sent \"{text}\".");
            return Err(Refusal::bad_data(&why, Some(&path)));
        }
        let negated = operator.ends_with("NOT") || operator == "IS_NONE_OF";
        Ok(Some(Filter { negated, values: values.split(',').map(str::to_owned).collect() }))
    }

    /// Does a filter let a value through? An absent one does.
    pub(super) fn accepts<'v>(&self, name: &str) -> Result<impl Fn(&str) -> bool + 'v, Refusal> {
        let filter = self.filter(name)?;
        Ok(move |value: &str| filter.as_ref().is_none_or(|filter| filter.accepts(value)))
    }

    /// The flags that a search asks for, in its order: by creation, unless told otherwise, and by name.
    pub(super) fn flags<'f>(&self, all: impl Iterator<Item = &'f Flag>) -> Result<Vec<&'f Flag>, Refusal> {
        let (project, kind, state) = (self.accepts("project")?, self.accepts("type")?, self.accepts("state")?);
        let tag = self.filter("tag")?;
        let archived = self.get("archived") == Some("IS:true");
        let words: Vec<String> =
            self.get("query").unwrap_or_default().split(',').map(|word| word.trim().to_lowercase()).collect();
        let statuses: Vec<(&str, bool)> = self
            .0
            .iter()
            .filter(|(name, _)| name == "status" || name == "status[]")
            .filter_map(|(_, value)| value.split_once(':'))
            .map(|(environment, status)| (environment, status == "enabled"))
            .collect();
        let mut found: Vec<&Flag> = all
            .filter(|flag| flag.archived_at.is_some() == archived)
            .filter(|flag| project(&flag.project) && kind(&flag.kind))
            .filter(|flag| state(if flag.stale { "stale" } else { "active" }))
            .filter(|flag| {
                tag.as_ref()
                    .is_none_or(|tag| flag.tags.iter().any(|(kind, value)| tag.accepts(&format!("{kind}:{value}"))))
            })
            .filter(|flag| {
                let text = format!("{}\n{}", flag.name, flag.description.as_deref().unwrap_or_default()).to_lowercase();
                words.iter().any(|word| text.contains(word.as_str()))
            })
            .filter(|flag| {
                statuses.is_empty()
                    || statuses.iter().any(|(environment, wanted)| {
                        flag.setting(environment).is_some_and(|setting| setting.enabled == *wanted)
                    })
            })
            .collect();
        let descending = self.get("sortOrder") == Some("desc");
        found.sort_by(|a, b| {
            let order = match self.get("sortBy") {
                Some("name") => a.name.cmp(&b.name),
                Some("type") => a.kind.cmp(&b.kind),
                Some("project") => a.project.cmp(&b.project),
                _ => a.created_at.cmp(&b.created_at),
            };
            let order = if descending { order.reverse() } else { order };
            order.then_with(|| a.name.cmp(&b.name))
        });
        Ok(found)
    }
}

/// The page of some rows.
pub(super) fn page<T>(rows: &[T], (offset, limit): (usize, usize), row: impl Fn(&T) -> Value) -> Vec<Value> {
    rows.iter().skip(offset).take(limit).map(row).collect()
}
