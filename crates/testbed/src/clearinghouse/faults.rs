//! What a tester can make the clearinghouse do wrong while it runs. The knobs only hold what was set;
//! `web` looks at them for each connection and request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use overlord_clearinghouse::Method;
use overlord_clearinghouse::server::Fault;
use tokio::sync::watch;

/// What happens to a request in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// The request is read and never answered; the connection stays open.
    Hang,
    /// The work is done, and the connection closed without a word: a lost answer.
    LoseAnswer,
    /// The connection is closed before anything is done.
    LoseRequest,
    /// The work is not done, and this fault is the answer.
    Fault(Fault),
    /// The work is not done, and an HTTP error page with this status is the answer.
    Status(u16),
    /// The work is done, and something that is not XML-RPC is the answer.
    Garbage,
    /// The work is done, and the answer comes so much later.
    Late(Duration),
}

/// Which requests misbehave, how, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// Only requests of this method; `None`: all.
    pub method: Option<Method>,
    /// How many requests; `None`: until the rules are cleared.
    pub times: Option<u32>,
    /// What happens to them.
    pub misbehaviour: Misbehaviour,
}

impl FaultRule {
    /// Every request until cleared.
    #[must_use]
    pub fn always(misbehaviour: Misbehaviour) -> Self {
        Self {
            method: None,
            times: None,
            misbehaviour,
        }
    }

    /// The next request of a method.
    #[must_use]
    pub fn next(method: Method, misbehaviour: Misbehaviour) -> Self {
        Self {
            method: Some(method),
            times: Some(1),
            misbehaviour,
        }
    }
}

#[derive(Debug, Default)]
struct Settings {
    latency: Duration,
    rules: Vec<FaultRule>,
}

#[derive(Debug)]
struct Shared {
    settings: Mutex<Settings>,
    down: watch::Sender<bool>,
}

/// How the knobs of a clearinghouse stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearinghouseFaultState {
    /// Whether it is down.
    pub down: bool,
    /// By how much connections and answers are delayed.
    pub latency: Duration,
    /// Which requests misbehave, the first that fits first.
    pub rules: Vec<FaultRule>,
}

/// The fault knobs of a clearinghouse. Clones turn the same knobs.
#[derive(Debug, Clone)]
pub struct ClearinghouseFaults(Arc<Shared>);

impl Default for ClearinghouseFaults {
    fn default() -> Self {
        Self(Arc::new(Shared {
            settings: Mutex::default(),
            down: watch::Sender::new(false),
        }))
    }
}

impl ClearinghouseFaults {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the clearinghouse is down: connections are cut, and new ones refused, until cleared.
    pub fn set_down(&self, down: bool) {
        self.0.down.send_replace(down);
    }

    /// Delays each new connection and each answer by `latency`, as a network with that round trip does.
    pub fn set_latency(&self, latency: Duration) {
        self.settings().latency = latency;
    }

    /// Adds a rule. The first rule that fits a request decides; its count then goes down by one.
    pub fn add(&self, rule: FaultRule) {
        self.settings().rules.push(rule);
    }

    /// Every request hangs until cleared.
    pub fn set_hanging(&self, hanging: bool) {
        let rule = FaultRule::always(Misbehaviour::Hang);
        let mut settings = self.settings();
        settings.rules.retain(|other| *other != rule);
        if hanging {
            settings.rules.insert(0, rule);
        }
    }

    /// How the knobs stand.
    #[must_use]
    pub fn current(&self) -> ClearinghouseFaultState {
        let settings = self.settings();
        ClearinghouseFaultState {
            down: *self.0.down.borrow(),
            latency: settings.latency,
            rules: settings.rules.clone(),
        }
    }

    /// Puts every knob back.
    pub fn clear(&self) {
        *self.settings() = Settings::default();
        self.set_down(false);
    }

    pub(crate) fn latency(&self) -> Duration {
        self.settings().latency
    }

    pub(crate) fn down(&self) -> watch::Receiver<bool> {
        self.0.down.subscribe()
    }

    /// What is to happen to a request of that method; `None` for requests that are no call.
    pub(crate) fn take(&self, method: Option<Method>) -> Option<Misbehaviour> {
        let mut settings = self.settings();
        let fits = |rule: &FaultRule| rule.method.is_none() || rule.method == method;
        let index = settings.rules.iter().position(fits)?;
        let rule = settings.rules.get_mut(index)?;
        let misbehaviour = rule.misbehaviour.clone();
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                settings.rules.remove(index);
            }
        }
        Some(misbehaviour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_hits_its_method_as_often_as_it_says() {
        let faults = ClearinghouseFaults::default();
        faults.add(FaultRule {
            method: Some(Method::AcquireResources),
            times: Some(2),
            misbehaviour: Misbehaviour::LoseAnswer,
        });
        assert_eq!(faults.take(Some(Method::GetResourceInfo)), None);
        assert_eq!(faults.take(None), None);
        for _ in 0..2 {
            let taken = faults.take(Some(Method::AcquireResources));
            assert_eq!(taken, Some(Misbehaviour::LoseAnswer));
        }
        assert_eq!(faults.take(Some(Method::AcquireResources)), None);
    }

    #[test]
    fn hanging_comes_before_other_rules_and_goes_when_cleared() {
        let faults = ClearinghouseFaults::default();
        faults.add(FaultRule::always(Misbehaviour::Garbage));
        faults.set_hanging(true);
        assert_eq!(faults.take(None), Some(Misbehaviour::Hang));
        faults.set_hanging(false);
        assert_eq!(faults.take(None), Some(Misbehaviour::Garbage));
        faults.clear();
        assert_eq!(faults.take(None), None);
    }
}
