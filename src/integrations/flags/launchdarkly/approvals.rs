//! Approvals: whether a change in an environment needs one, and the request for one that is open.

use super::wire::{ApprovalRequest, ApprovalSettings, EnvironmentSettings, Flag, Instruction, Page};
use super::{LaunchDarkly, words};
use crate::domain::flag::{FlagApproval, FlagChange, RawFlag};
use crate::domain::text::clean;
use crate::integrations::flags::segment;
use crate::ports::feed::Fault;

/// Where LaunchDarkly itself decides, and not another service.
const OWN: &str = "launchdarkly";

/// `/api/v2/projects/default/flags/new-pricing/environments/production/approval-requests`.
pub(super) fn path(raw: &RawFlag) -> String {
    let (project, key, environment) = (segment(&raw.project), segment(&raw.key), segment(&raw.environment));
    format!("/api/v2/projects/{project}/flags/{key}/environments/{environment}/approval-requests")
}

impl LaunchDarkly {
    /// The approval that a change of this flag needs, and whether changes need a comment.
    pub(super) async fn approval(&self, raw: &RawFlag, flag: &Flag) -> Result<(Option<FlagApproval>, bool), Fault> {
        let path = format!("/api/v2/projects/{}/environments/{}", segment(&raw.project), segment(&raw.environment));
        let answer = self.road.ask(&path, &[]).await?;
        // Who may not read the settings learns of approvals from the answer to the dry run.
        let settings: EnvironmentSettings = self.parsed(&answer).unwrap_or_default();
        let comments = settings.require_comments;
        let mut by_kind = settings.resource_approval_settings.unwrap_or_default();
        let approvals = by_kind.remove("flag").or(settings.approval_settings).unwrap_or_default();
        if !needed(&approvals, flag) && !self.demands(raw) {
            return Ok((None, comments));
        }
        let place = clean(&raw.environment).to_uppercase();
        let needs = match approvals.min_num_approvals {
            Some(1) | None => "an approval".to_owned(),
            Some(count) => format!("{count} approvals"),
        };
        let own = matches!(approvals.service_kind.as_str(), "" | OWN);
        let by = if own { String::new() } else { format!(" by {}", clean(&approvals.service_kind)) };
        let mut approval = FlagApproval {
            why: format!("changes in {place} need {needs}{by}"),
            // Another service wants fields of its own with a request.
            files: own,
            ..FlagApproval::default()
        };
        let requests: Option<Page<ApprovalRequest>> = self.fetch(&self::path(raw), &[]).await.ok();
        let open = requests.into_iter().flat_map(|page| page.items);
        let open = open.filter(|request| matches!(request.status.as_str(), "pending" | "scheduled"));
        if let Some(request) = open.max_by_key(|request| request.creation_date) {
            approval.open = Some(state(&request, approvals.min_num_approvals));
            approval.wants = request.instructions.iter().find_map(|one| wish(one, flag));
        }
        Ok((Some(approval), comments))
    }
}

fn needed(approvals: &ApprovalSettings, flag: &Flag) -> bool {
    let tags = &approvals.required_approval_tags;
    approvals.required && (tags.is_empty() || flag.tags.iter().any(|tag| tags.contains(tag)))
}

/// `#62a, in review, 1 of 2 approvals`.
fn state(request: &ApprovalRequest, wanted: Option<u32>) -> String {
    let approved = request.all_reviews.iter().filter(|review| review.kind == "approve").count();
    let standing = match (request.status.as_str(), request.review_status.as_str()) {
        ("scheduled", _) => "scheduled",
        (_, "approved") => "approved and not applied yet: apply it in LaunchDarkly",
        (_, "declined") => "declined",
        _ => "in review",
    };
    format!("#{}, {standing}, {approved} of {} approvals", clean(&request.id), wanted.unwrap_or(1))
}

/// The change that an instruction stands for, as far as it is one of ours.
fn wish(instruction: &Instruction, flag: &Flag) -> Option<FlagChange> {
    match instruction.kind.as_str() {
        "turnFlagOn" => Some(FlagChange::Enabled(true)),
        "turnFlagOff" => Some(FlagChange::Enabled(false)),
        "updateFallthroughVariationOrRollout" => {
            if let Some(weights) = &instruction.rollout_weights {
                let yes = &flag.variations.get(words::yes(flag)?)?.id;
                let weight = weights.get(yes).copied().unwrap_or(0);
                return Some(FlagChange::Percentage(u8::try_from(weight / 1_000).ok()?));
            }
            let id = instruction.variation_id.as_ref()?;
            let index = flag.variations.iter().position(|variation| variation.id == *id)?;
            Some(FlagChange::Variant(words::label(flag, index)))
        }
        _ => None,
    }
}
