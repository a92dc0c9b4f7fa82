//! Who we become.

use std::fmt;
use std::io;

use nix::unistd::{self, Gid, Uid, setgroups, setresgid, setresuid};

use super::error::{HOW_TO_MAKE, RightsError};
use crate::config::NodeSettings;
use crate::model::Problem;

/// Whom root becomes when the configuration names nobody.
const DEFAULT: &str = "cadence-dns";

/// A user with its primary group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    name: Option<String>,
    uid: Uid,
    gid: Gid,
}

/// Whom to become; nobody when we stay who we are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Become {
    pub(super) user: Option<User>,
    /// Why it would be better to become somebody.
    pub(super) doubt: Option<String>,
}

/// `[node] user` names nobody on this machine.
#[must_use]
pub fn unknown_user(settings: &NodeSettings) -> Option<Problem> {
    let name = settings.user.as_deref()?;
    match User::named(name) {
        Ok(None) => {
            let found = format!("there is no user {name}");
            Some(Problem::error(settings.user_place.clone(), found, HOW_TO_MAKE))
        }
        Ok(Some(_)) | Err(_) => None,
    }
}

/// Whom to become, when the configuration wants `wanted`.
pub(super) fn choose(wanted: Option<&str>) -> Result<Become, RightsError> {
    let look_up = |name: &str| {
        User::named(name).map_err(|error| RightsError::System("the user that started us", error))
    };
    choose_among(wanted, &User::us(), look_up)
}

fn choose_among(
    wanted: Option<&str>,
    us: &User,
    look_up: impl Fn(&str) -> Result<Option<User>, RightsError>,
) -> Result<Become, RightsError> {
    let stay = Become { user: None, doubt: None };
    let Some(wanted) = wanted else {
        if !us.uid.is_root() {
            return Ok(stay);
        }
        let user = look_up(DEFAULT)?;
        let doubt = user.is_none().then(|| {
            format!(
                "still root, though without its capabilities: there is no user {DEFAULT}; {HOW_TO_MAKE}, or name \
                 another by [node] user"
            )
        });
        return Ok(Become { user, doubt });
    };
    match look_up(wanted)? {
        None => Err(RightsError::NoSuchUser(wanted.to_owned())),
        Some(user) if user.uid == us.uid => Ok(stay),
        Some(user) if us.uid.is_root() => Ok(Become { user: Some(user), doubt: None }),
        Some(_) => Err(RightsError::NotRoot { us: us.to_string(), wanted: wanted.to_owned() }),
    }
}

impl User {
    fn named(name: &str) -> io::Result<Option<User>> {
        Ok(unistd::User::from_name(name)?.map(User::from))
    }

    /// Who we are now.
    pub(super) fn us() -> User {
        let (uid, gid) = (Uid::effective(), Gid::effective());
        let name = unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
        User { name, uid, gid }
    }

    /// The numbers of user and group.
    pub(super) fn numbers(&self) -> (u32, u32) {
        (self.uid.as_raw(), self.gid.as_raw())
    }

    /// Becomes it for good, in all threads: no group of the old user stays, and there is no way back.
    pub(super) fn become_it(&self) -> io::Result<()> {
        let User { uid, gid, .. } = *self;
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        let is_root = Uid::current().is_root() || Uid::effective().is_root();
        if !uid.is_root()
            && (is_root || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok())
        {
            return Err(io::Error::other("the system lets us be root again"));
        }
        Ok(())
    }
}

impl From<unistd::User> for User {
    fn from(user: unistd::User) -> User {
        User { name: Some(user.name), uid: user.uid, gid: user.gid }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (uid {}, gid {})", self.uid, self.gid),
            None => write!(f, "uid {}, gid {}", self.uid, self.gid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, number: u32) -> User {
        User { name: Some(name.into()), uid: Uid::from_raw(number), gid: Gid::from_raw(number) }
    }

    /// On a machine with these users: who is chosen, or why nobody is.
    fn chosen(wanted: Option<&str>, us: &User, known: &[User]) -> String {
        let look_up = |name: &str| Ok(known.iter().find(|user| user.name.as_deref() == Some(name)).cloned());
        match choose_among(wanted, us, look_up) {
            Ok(Become { user: Some(user), doubt }) => {
                assert_eq!(doubt, None);
                format!("become {user}")
            }
            Ok(Become { user: None, doubt }) => doubt.unwrap_or_else(|| "stay".to_owned()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn root_becomes_the_user_that_is_wanted_or_the_usual_one() {
        let (root, ours, other) = (user("root", 0), user("cadence-dns", 998), user("dns", 997));
        let all = [root.clone(), ours.clone(), other];
        assert_eq!(chosen(None, &root, &all), "become cadence-dns (uid 998, gid 998)");
        assert_eq!(chosen(Some("dns"), &root, &all), "become dns (uid 997, gid 997)");
        assert_eq!(chosen(Some("root"), &root, &all), "stay");
        assert!(chosen(None, &root, &all[..1]).starts_with("still root, though without its capabilities"));
        assert!(chosen(Some("dsn"), &root, &all).starts_with("[node] user: there is no user dsn; `useradd"));
    }

    #[test]
    fn whoever_is_not_root_stays_and_says_so_when_another_is_wanted() {
        let (ours, other) = (user("cadence-dns", 998), user("dns", 997));
        let all = [ours.clone(), other.clone()];
        assert_eq!(chosen(None, &other, &all), "stay");
        assert_eq!(chosen(Some("cadence-dns"), &ours, &all), "stay");
        let refused = chosen(Some("cadence-dns"), &other, &all);
        assert!(
            refused.contains("runs as dns (uid 997, gid 997) and cannot become cadence-dns"),
            "{refused}"
        );
    }
}
