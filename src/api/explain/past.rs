//! An answer of the past, explained from the history.

use super::{DecisionExplanation, EXPLANATION_SCHEMA, Explanation, ExplanationSource, LaterExplanation};
use crate::controller::HistoryEntry;
use crate::model::Name;

impl Explanation {
    /// Why a name was answered as it was while an epoch lasted: from the entries of the history with their numbers, the
    /// oldest first. None when they do not tell.
    #[must_use]
    pub fn past(name: &Name, epoch: u64, entries: &[(u64, HistoryEntry)]) -> Option<Explanation> {
        let is_of =
            |(_, entry): &&(u64, HistoryEntry)| entry.names.contains(name) && entry.epoch == Some(epoch);
        let mut of_epoch = entries.iter().filter(is_of);
        let (number, entry) = of_epoch.next()?;
        let (decision, _) = entry.decision()?;
        let later =
            of_epoch.map(|(_, entry)| LaterExplanation { time: entry.time, text: entry.text.clone() });
        let decision =
            DecisionExplanation { later: later.collect(), ..DecisionExplanation::of(&decision, entry.time) };
        Some(Explanation {
            schema: EXPLANATION_SCHEMA.into(),
            node: entry.node.to_string(),
            time: entry.time,
            source: ExplanationSource::History(*number),
            name: name.clone(),
            rtype: "A, AAAA".to_owned(),
            code: None,
            path: Vec::new(),
            client: None,
            decision: Some(Box::new(decision)),
        })
    }
}
