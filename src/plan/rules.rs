//! The rules the files write down for an interface, beside those that are there.
//!
//! A rule belongs to no device: it is ours where it was not there before, and others' are left alone.

use ovsdp_proto::IfName;

use super::memory::OwnRule;
use super::observed::Observed;
use super::step::Step;
use crate::model::PolicyRule;

/// Of the `asked` rules of `me` those that are ours, which of them are in `own` already or are to be made.
pub(super) fn ours(observed: &Observed, me: IfName, asked: &[PolicyRule], own: &[OwnRule]) -> Vec<OwnRule> {
    let is_ours = |rule: &OwnRule| own.contains(rule) || find(observed, &rule.rule).is_none();
    asked.iter().map(|rule| OwnRule { ifname: me, rule: rule.clone() }).filter(is_ours).collect()
}

/// The steps that make those of `asked` which are not there.
pub(super) fn missing(observed: &Observed, asked: &[PolicyRule]) -> Vec<Step> {
    asked.iter().filter(|rule| find(observed, rule).is_none()).map(|rule| Step::AddRule { rule: rule.clone() }).collect()
}

/// The steps that take away what of `own` belongs to `me` and is not `asked` for.
pub(super) fn superfluous(observed: &Observed, me: IfName, asked: &[PolicyRule], own: &[OwnRule]) -> Vec<Step> {
    let left = own.iter().filter(|own| own.ifname == me && !asked.contains(&own.rule));
    let mut going: Vec<&PolicyRule> = left.filter_map(|own| find(observed, &own.rule)).collect();
    going.retain(|there| !asked.iter().any(|asked| asked.is_met_by(there)));
    // Taken back, those of one priority are again in the order they were in.
    going.sort_by_key(|rule| std::cmp::Reverse(observed.rules.iter().position(|there| there == *rule)));
    going.into_iter().map(|rule| Step::RemoveRule { rule: rule.clone() }).collect()
}

fn find<'a>(observed: &'a Observed, rule: &PolicyRule) -> Option<&'a PolicyRule> {
    observed.rules.iter().find(|there| rule.is_met_by(there))
}
