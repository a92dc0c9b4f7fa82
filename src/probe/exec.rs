//! A program as a probe: exit code 0 is a pass.
//!
//! What a program has heard of the far end we cannot know, so its failure needs a witness as silence does, and its pass
//! is none. That it could not run says nothing about the endpoint.

use std::time::Duration;

use super::excerpt::first_line;
use super::progress::Progress;
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::programs::{Ended, How, Programs};

/// The exit codes by which a shell says that it could not run what it was told to.
const SHELL_COULD_NOT: std::ops::RangeInclusive<i32> = 126..=127;

/// A program of the list.
#[derive(Debug)]
pub(super) struct Exec {
    pub(super) programs: Programs,
    pub(super) number: usize,
}

impl Exec {
    /// One run, for at most `limit`.
    pub(super) async fn exchange(&self, progress: &Progress, limit: Duration) -> ProbeOutcome {
        progress.runs();
        let ended = self.programs.run(self.number, limit).await;
        progress.said(first_line(&ended.output));
        judge(ended)
    }
}

fn judge(Ended { how, output }: Ended) -> ProbeOutcome {
    match how {
        How::Exited(0) => ProbeOutcome::Pass,
        How::Exited(code) if SHELL_COULD_NOT.contains(&code) => ProbeOutcome::Ours(format!(
            "exit code {code}, a program could not be run: {}",
            first_line(&output)
        )),
        How::Exited(code) => ProbeOutcome::failed(Failure::Program { code, said: first_line(&output) }),
        How::Killed(signal) => ProbeOutcome::Ours(format!("the program was killed by signal {signal}")),
        How::OutOfTime => ProbeOutcome::failed(Failure::Timeout(Phase::Program)),
        How::NotStarted(why) => ProbeOutcome::Ours(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(how: How, output: &str, wanted: ProbeOutcome) {
        assert_eq!(judge(Ended { how, output: output.into() }), wanted);
    }

    #[test]
    fn a_program_tells_by_its_exit_code() {
        let failed = |code, said: &str| ProbeOutcome::Silent(Failure::Program { code, said: said.into() });
        check(How::Exited(0), "OK", ProbeOutcome::Pass);
        check(How::Exited(2), "\n CRITICAL \u{1b}[2J\nmore", failed(2, "CRITICAL \u{fffd}[2J"));
        check(How::Exited(1), "", failed(1, ""));
        check(How::OutOfTime, "half", ProbeOutcome::Silent(Failure::Timeout(Phase::Program)));
    }

    #[test]
    fn one_that_could_not_run_says_nothing_about_the_endpoint() {
        let ours = |text: &str| ProbeOutcome::Ours(text.into());
        check(
            How::Exited(127),
            "sh: 1: psql: not found",
            ours("exit code 127, a program could not be run: sh: 1: psql: not found"),
        );
        check(How::Killed(9), "", ours("the program was killed by signal 9"));
        check(How::NotStarted("cannot run /x: denied".into()), "", ours("cannot run /x: denied"));
    }
}
