//! The operator's own words for a notice, in the language of Jinja.

use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior, context};

use super::words::headline;
use crate::config::TemplateText;
use crate::controller::{Announcement, Notice, NoticeState};
use crate::model::{Moment, Problem};

/// What a template may use.
const KNOWN: [&str; 16] = [
    "id",
    "key",
    "state",
    "text",
    "names",
    "more_names",
    "regions",
    "epoch",
    "event",
    "urgency",
    "node",
    "time",
    "since",
    "headline",
    "author",
    "reason",
];

const HELP: &str = "headline, text, urgency, state, event, names, more_names, regions, epoch, node, time, since, author, reason, \
                    id and key are what there is";

/// The name of the one template in its environment.
const NAME: &str = "text";

/// Steps that a template may take: a loop over many names fits, one without end does not.
const FUEL: u64 = 100_000;

/// What is longer is cut, in characters.
const TEXT_MAX: usize = 8_000;

/// A template that has been tried.
#[derive(Debug, Clone)]
pub(super) struct Template(Arc<Environment<'static>>);

impl Template {
    /// Reads a template, and tries it on a notice of each state.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn new(text: &TemplateText) -> Result<Template, Problem> {
        let TemplateText { source, place } = text;
        let problem = |error: &minijinja::Error| {
            let line = error.line().filter(|_| source.contains('\n'));
            let line = line.map(|line| format!(" in its line {line}")).unwrap_or_default();
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let found = format!("the template cannot be used{line}: {why}");
            Problem::error(Some(place.clone()), found, HELP)
        };
        let built = |undefined| {
            let mut environment = Environment::new();
            environment.set_undefined_behavior(undefined);
            environment.set_fuel(Some(FUEL));
            environment.add_template_owned(NAME, source.clone())?;
            Ok(Template(Arc::new(environment)))
        };
        // On a notice that has everything nothing may be undefined; later there may be one without a name.
        let strict = built(UndefinedBehavior::Strict).map_err(|error| problem(&error))?;
        strict.knows_all().map_err(|found| Problem::error(Some(place.clone()), found, HELP))?;
        for state in [NoticeState::Firing, NoticeState::Resolved, NoticeState::Told] {
            strict.filled(&Notice { state, ..with_everything() }).map_err(|error| problem(&error))?;
        }
        built(UndefinedBehavior::Lenient).map_err(|error| problem(&error))
    }

    /// The words; those that we would use, should the template fail after all.
    pub(super) fn render(&self, notice: &Notice) -> String {
        let text = self.filled(notice).unwrap_or_else(|_| headline(notice));
        text.chars().take(TEXT_MAX).collect()
    }

    fn knows_all(&self) -> Result<(), String> {
        let template = self.0.get_template(NAME).map_err(|error| error.to_string())?;
        let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        unknown.retain(|name| {
            !KNOWN.contains(&name.as_str())
                && !["range", "dict", "namespace", "debug"].contains(&name.as_str())
        });
        unknown.sort();
        match unknown.first() {
            Some(name) => Err(format!("the template cannot be used: it knows nothing called {name}")),
            None => Ok(()),
        }
    }

    fn filled(&self, notice: &Notice) -> Result<String, minijinja::Error> {
        #[rustfmt::skip]
        let Notice {
            id, key, state, event, urgency, node, time, since, text, names, more_names, regions, epoch, author, reason,
        } = notice;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        let state = match state {
            NoticeState::Firing => "firing",
            NoticeState::Resolved => "resolved",
            NoticeState::Told => "told",
        };
        self.0.get_template(NAME)?.render(context! {
            id, key, state, text, names, more_names, regions, epoch,
            event => event.word(), urgency => urgency.to_string(), node => node.as_str(),
            time => time.to_string(), since => since.to_string(), headline => headline(notice),
            author => author.as_deref().unwrap_or_default(), reason => reason.as_deref().unwrap_or_default(),
        })
    }
}

fn with_everything() -> Notice {
    Notice {
        names: vec!["example.com".parse().expect("a name")],
        regions: vec!["region".into()],
        epoch: Some(1),
        author: Some("author".into()),
        reason: Some("reason".into()),
        ..Announcement::of_test(&"ns1".into(), Moment::default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::sample;
    use super::*;
    use crate::model::Place;

    fn of(source: &str) -> Result<Template, String> {
        let place = Place { file: "c.toml".into(), line: 1, column: 1 };
        Template::new(&TemplateText { source: source.into(), place }).map_err(|problem| problem.found)
    }

    #[test]
    fn a_template_has_every_part_of_a_notice() {
        let source = "{{ urgency|upper }} {{ state }} {{ event }} {{ names|join(', ') }} on {{ regions|first }}, epoch \
                      {{ epoch }}{% if author %} by {{ author }}{% endif %}: {{ text }}";
        let told = of(source).expect("it is right").render(&sample());
        let expected = "WARNING firing failed-over app.example.com, api.example.com on eu-west, epoch 17: app.example.com: \
                        us-east -> eu-west (epoch 17): failed over: us-east down: \"refused\" <&>";
        assert_eq!(told, expected);
        let bare = Announcement::of_test(&"ns1".into(), Moment::default());
        assert!(
            of("{{ regions|first }}{{ text }}").expect("it is right").render(&bare).starts_with("a test")
        );
    }

    #[test]
    fn what_is_wrong_is_told_before_it_matters() {
        let wrong = ["{{ urgncy }}", "{{ text", "a\nb\n{% nonsense %}", "{{ text|no_such_filter }}"];
        let told = wrong.map(|source| of(source).expect_err("it is wrong"));
        insta::assert_snapshot!(told.join("\n"), @r"
        the template cannot be used: it knows nothing called urgncy
        the template cannot be used: unexpected end of input, expected end of variable block
        the template cannot be used in its line 3: unknown statement nonsense
        the template cannot be used: filter no_such_filter is unknown
        ");
    }

    #[test]
    fn a_template_that_never_ends_is_refused() {
        let endless = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
        assert!(of(endless).expect_err("it never ends").contains("fuel"), "{:?}", of(endless).err());
    }
}
