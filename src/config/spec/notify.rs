//! `[[notify]]`: who is told of what happens.

use std::time::Duration;

use crate::config::read::At;

tables! {
    /// Who is told of what happens; [what each kind is sent](operating.md#notifications). A receiver that hangs or fails keeps
    /// nobody else waiting, and no answer. A key that its kind has no use for is an error.
    "[[notify]]" NotifySpec {
        /// In `cadence-dns notify`, in `status` and in the log.
        must name: String,
        /// What it is.
        must kind: String { one_of: &["webhook", "slack", "pagerduty", "alertmanager", "email", "command"] },
        /// Where requests go; of an Alertmanager its address, without a path.
        may url: String { otherwise: "that of PagerDuty, for its kind" },
        /// A file with the URL in its first line, where the URL itself is a secret, as Slack's are.
        may url_file: String,
        /// Of a webhook: its first line signs the request as with a hook. Of PagerDuty: the routing key, which it must have.
        may secret_file: String,
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
        /// Of the kind command: the program with its arguments. Of the kind email: what takes the message on stdin.
        may command: Vec<At<String>> { otherwise: "of an e-mail `[\"/usr/sbin/sendmail\", \"-t\", \"-i\"]`" },
        /// Of an e-mail: `dns@example.com`, or `cadence-dns <dns@example.com>`. It must have one.
        may from: String,
        /// Of an e-mail: such addresses, at least one.
        may to: Vec<At<String>>,
        /// Nothing below this is told.
        may urgency: String {
            otherwise: "`\"info\"`; for PagerDuty `\"critical\"`", one_of: &["info", "warning", "critical"],
        },
        /// Only these: `decision`, `failed-over`, `fail-open`, `held`, `frozen`, `pinned`, `draining`, `region`, `gate`, `hook`,
        /// `override`, `switchover`, `cluster`, `reload`, `part`, `test`.
        may events: Vec<At<String>> { otherwise: "all" },
        /// Only what is about these names, or about none.
        may names: Vec<At<String>> { otherwise: "all" },
        /// [A template](operating.md#notifications) for what is told.
        may text: String { otherwise: "ours" },
        /// The same for the subject of an e-mail.
        may subject: String { otherwise: "ours" },
        /// For one attempt.
        may deadline: Duration { default: "10s", least: "100ms", most: "1m" },
        /// Messages an hour at most, ten of which may come at once.
        may rate: i64 { default: "120", least: "1", most: "3600", unit: "messages an hour" },
        /// An Alertmanager is told again of what fires.
        may repeat: Duration { default: "1m", least: "10s", most: "3m" },
    }
}
