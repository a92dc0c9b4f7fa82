//! The URL of an HTTP probe.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// An `http` or `https` URL with a host that a certificate can name, without a user and without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeUrl(Url);

/// Why a text is not the URL of a probe. Never repeats the text, which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeUrlError {
    /// It is not a URL at all.
    Syntax(url::ParseError),
    /// It has another scheme than `http` or `https`.
    Scheme(String),
    /// It has a user name or a password.
    User,
    /// It has a fragment.
    Fragment,
    /// Its host is neither a domain name nor an address.
    Host,
}

impl ProbeUrl {
    /// The URL itself.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether the connection is TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address, where the URL has one instead of a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// The host as the `Host` header begins with: IPv6 addresses in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().expect("a URL without a host is refused")
    }

    /// The port that it names, unless that is the usual one of its scheme.
    #[must_use]
    pub fn unusual_port(&self) -> Option<u16> {
        self.0.port()
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().expect("http and https have a usual port")
    }

    /// The same with another port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> ProbeUrl {
        self.0.set_port(Some(port)).expect("a URL with a host can have any port");
        self
    }

    /// The same with an address in place of the host.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> ProbeUrl {
        self.0.set_ip_host(address).expect("an http URL with a host can have any address");
        self
    }
}

impl FromStr for ProbeUrl {
    type Err = ProbeUrlError;

    fn from_str(text: &str) -> Result<ProbeUrl, ProbeUrlError> {
        let url = Url::parse(text).map_err(ProbeUrlError::Syntax)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ProbeUrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ProbeUrlError::User);
        }
        if url.fragment().is_some() {
            return Err(ProbeUrlError::Fragment);
        }
        match url.host() {
            Some(Host::Domain(name)) if !is_host_name(name) => Err(ProbeUrlError::Host),
            Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) => Ok(ProbeUrl(url)),
            None => Err(ProbeUrlError::Host),
        }
    }
}

/// Whether a certificate can be for it (RFC 1123 section 2.1, and the underscore, which is in common use).
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        fits && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProbeUrlError {
    /// What would be right.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            ProbeUrlError::Syntax(_) => "as in \"https://cadence.example.com/health\"",
            ProbeUrlError::Scheme(_) => "http:// or https://; for other protocols, `tcp` and a port",
            ProbeUrlError::User => "send it as `headers = { Authorization = \"Basic …\" }`",
            ProbeUrlError::Fragment => "leave out the # and what follows it",
            ProbeUrlError::Host => "the name that clients use",
        }
    }
}

impl fmt::Display for ProbeUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeUrlError::Syntax(error) => write!(f, "is not valid: {error}"),
            ProbeUrlError::Scheme(scheme) => write!(f, "has the scheme `{scheme}`"),
            ProbeUrlError::User => f.write_str("contains a user name or a password"),
            ProbeUrlError::Fragment => f.write_str("has a fragment, which is never sent"),
            ProbeUrlError::Host => f.write_str("has a host that is not a domain name"),
        }
    }
}

impl Error for ProbeUrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ProbeUrlError::Syntax(error) => Some(error),
            ProbeUrlError::Scheme(_)
            | ProbeUrlError::User
            | ProbeUrlError::Fragment
            | ProbeUrlError::Host => None,
        }
    }
}
