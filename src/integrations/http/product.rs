//! The services that are spoken to by HTTP, and what differs between them: name, settings, how the token stands in the
//! header, whether they rehearse.

/// Who answers, for messages and for the settings that hints name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Prometheus, or anything that speaks its HTTP API.
    Prometheus,
    /// Alertmanager, or anything that speaks its API v2.
    Alertmanager,
    /// Unleash, by its admin API.
    Unleash,
    /// LaunchDarkly, by its REST API.
    LaunchDarkly,
    /// Flagsmith, by its Admin API.
    Flagsmith,
    /// PagerDuty, by its REST API v2.
    PagerDuty,
    /// PagerDuty's Events API v2, which is another host and takes a key in the body.
    PagerDutyEvents,
    /// Opsgenie, by its Alert API v2.
    Opsgenie,
    /// Statuspage, by its API v1.
    Statuspage,
    /// Slack, by its Web API.
    Slack,
    /// Mattermost, by its API v4.
    Mattermost,
    /// Discord, by its API v10.
    Discord,
    /// Matrix, by the client-server API.
    Matrix,
    /// Anything that takes messages by POST.
    Webhook,
}

impl Product {
    /// Does a token say to which workspace it belongs, so that a new one has to be asked before anything is sent with it?
    pub const fn has_workspaces(self) -> bool {
        matches!(self, Self::Slack | Self::Mattermost | Self::Discord | Self::Matrix)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Alertmanager => "Alertmanager",
            Self::Unleash => "Unleash",
            Self::LaunchDarkly => "LaunchDarkly",
            Self::Flagsmith => "Flagsmith",
            Self::PagerDuty => "PagerDuty",
            Self::PagerDutyEvents => "PagerDuty's Events API",
            Self::Opsgenie => "Opsgenie",
            Self::Statuspage => "Statuspage",
            Self::Slack => "Slack",
            Self::Mattermost => "Mattermost",
            Self::Discord => "Discord",
            Self::Matrix => "Matrix",
            Self::Webhook => "the webhook",
        }
    }

    /// Its table in the configuration file.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Unleash | Self::LaunchDarkly | Self::Flagsmith => "flags",
            Self::PagerDuty | Self::PagerDutyEvents | Self::Opsgenie => "paging",
            Self::Statuspage => "status-page",
            Self::Slack | Self::Mattermost | Self::Discord | Self::Matrix | Self::Webhook => "chat",
        }
    }

    /// The setting that names its address.
    pub const fn url_setting(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus.url",
            Self::Alertmanager => "alertmanager.urls",
            Self::Unleash | Self::LaunchDarkly | Self::Flagsmith => "flags.url",
            Self::PagerDuty | Self::Opsgenie => "paging.url",
            Self::PagerDutyEvents => "paging.events-url",
            Self::Statuspage => "status-page.url",
            Self::Slack | Self::Mattermost | Self::Discord | Self::Matrix | Self::Webhook => "chat.url",
        }
    }

    /// The query that makes it try a change and keep nothing; `None` for those that would keep it all the same.
    pub(super) const fn rehearsal(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::LaunchDarkly => Some(("dryRun", "true")),
            _ => None,
        }
    }

    /// What stands before the token in `Authorization`.
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Prometheus | Self::Alertmanager | Self::Slack | Self::Mattermost | Self::Matrix | Self::Webhook => {
                "Bearer "
            }
            Self::Discord => "Bot ",
            // The token alone; the key of PagerDuty's events is in the body.
            Self::Unleash | Self::LaunchDarkly | Self::PagerDutyEvents => "",
            Self::Flagsmith => "Api-Key ",
            Self::PagerDuty => "Token token=",
            Self::Opsgenie => "GenieKey ",
            Self::Statuspage => "OAuth ",
        }
    }
}
