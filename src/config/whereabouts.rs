//! Where the daemon can be reached, read from a configuration that may be wrong elsewhere.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::parse::{SOCKET, STATE_DIR};

/// What a command needs to find the daemon or what it left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// `[control] socket`
    pub socket: PathBuf,
    /// `[node] state_dir`
    pub state_dir: PathBuf,
}

impl Default for Whereabouts {
    fn default() -> Whereabouts {
        Whereabouts { socket: SOCKET.into(), state_dir: STATE_DIR.into() }
    }
}

impl Whereabouts {
    /// Takes what is there and the defaults for the rest: an operator who has just broken the configuration needs
    /// `status` more than ever. Relative paths start at `base`, the configuration file's folder.
    #[must_use]
    pub fn read(text: &str, base: &Path) -> Whereabouts {
        let (tree, _) = DeTable::parse_recoverable(text);
        // What is not what it should be is for `check` to say.
        let value = |table: &str, key: &str| {
            let table = tree.get_ref().get(table)?.get_ref().as_table()?;
            table.get(key)?.get_ref().as_str().map(|path| base.join(path))
        };
        let default = Whereabouts::default();
        Whereabouts {
            socket: value("control", "socket").unwrap_or(default.socket),
            state_dir: value("node", "state_dir").unwrap_or(default.state_dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_elsewhere_does_not_matter() {
        let base = Path::new("/etc/x");
        let text = "[node]\nstate_dir = \"s\"\nnmae = 1\n[control]\nsocket = \"/c\"\n[[zone]\n";
        assert_eq!(
            Whereabouts::read(text, base),
            Whereabouts { socket: "/c".into(), state_dir: "/etc/x/s".into() }
        );
        assert_eq!(Whereabouts::read("=", base), Whereabouts::default());
    }
}
