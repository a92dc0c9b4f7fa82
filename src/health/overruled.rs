//! A verdict under the word of an operator.

use std::net::IpAddr;
use std::sync::Arc;

use super::family::agreed_state;
use super::{EndpointVerdict, Says, State, Verdict, Word};
use crate::model::Family;

impl Verdict {
    /// The same verdict under the word of an operator on the region, and on some of its addresses.
    ///
    /// An address that is drained counts for nothing, as if it were not configured; a region that needs a family of which
    /// all addresses are drained is drained itself.
    #[must_use]
    pub fn under(
        &self,
        word: Option<Arc<Word>>,
        on_address: impl Fn(IpAddr) -> Option<Arc<Word>>,
    ) -> Verdict {
        let mut verdict = self.clone();
        for endpoint in &mut verdict.endpoints {
            endpoint.word = on_address(endpoint.address);
            let says = endpoint.word.as_ref().map(|word| word.says);
            if let Some(state) = says.and_then(Says::state) {
                (endpoint.state, endpoint.doubt, endpoint.suspect) = (state, None, false);
            }
        }
        if verdict.endpoints.iter().any(|endpoint| endpoint.word.is_some()) {
            verdict.count_again();
        }
        if let Some(word) = word {
            if let Some(state) = word.says.state() {
                (verdict.state, verdict.doubt, verdict.steady) = (state, None, state == State::Up);
                verdict.recovered = None;
            }
            verdict.word = Some(word);
        }
        verdict
    }

    /// Whether an operator wants it left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.says == Says::Drained)
    }

    /// The state of the region from the states of its addresses.
    fn count_again(&mut self) {
        for family in self.families.clone() {
            let all_drained = self.endpoints_of(family).all(EndpointVerdict::is_drained);
            let word = self.endpoints_of(family).next().and_then(|first| first.word.clone());
            if all_drained && word.is_some() {
                self.word = word;
                return;
            }
        }
        let counting = self.endpoints.iter().filter(|endpoint| !endpoint.is_drained());
        let states: Vec<(IpAddr, State, bool)> =
            counting.map(|endpoint| (endpoint.address, endpoint.state, endpoint.suspect)).collect();
        let state_of = |suspects_are_up: bool| {
            let states = states.iter().map(|(address, state, suspect)| {
                let falls = *state == State::Up && *suspect && !suspects_are_up;
                (*address, if falls { State::Down } else { *state })
            });
            agreed_state(&self.families, self.min_up, states)
        };
        let (state, steady) = (state_of(true), state_of(false) == State::Up);
        if state != State::Unknown {
            self.doubt = None;
        }
        (self.state, self.steady) = (state, steady);
        let first = self.families.first().copied().unwrap_or(Family::Ipv4);
        let members = states.iter().filter(|(address, ..)| Family::of(*address) == first).count();
        self.needed = self.min_up.of(members);
    }
}
