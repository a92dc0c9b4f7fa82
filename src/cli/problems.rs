//! Mistakes in files, as programs read them.

use serde::Serialize;

use crate::model::{Place, Problem, Severity};

/// One mistake.
#[derive(Debug, Serialize)]
pub(super) struct ProblemDocument<'p> {
    severity: &'static str,
    file: Option<&'p str>,
    line: Option<u32>,
    column: Option<u32>,
    found: &'p str,
    help: &'p str,
}

/// All of them, in their order.
pub(super) fn documents(problems: &[Problem]) -> Vec<ProblemDocument<'_>> {
    problems.iter().map(document).collect()
}

fn document(Problem { severity, place, found, help, .. }: &Problem) -> ProblemDocument<'_> {
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Place { file, line, column } = match place {
        Some(place) => place,
        None => return ProblemDocument { severity, file: None, line: None, column: None, found, help },
    };
    ProblemDocument { severity, file: Some(file), line: Some(*line), column: Some(*column), found, help }
}
