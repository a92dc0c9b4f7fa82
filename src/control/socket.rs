//! The control socket's file: who may open it, and what becomes of one that is there already.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;

/// The user of the daemon and the socket's group may use it, no others.
const SOCKET_MODE: u32 = 0o660;

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Why the socket could not be taken.
#[derive(Debug)]
pub enum BindError {
    /// Another daemon answers there.
    InUse(PathBuf),
    /// Something that is not a socket is in the way.
    NotASocket(PathBuf),
    /// The system would not let us.
    Io(PathBuf, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::InUse(path) => {
                write!(f, "control socket {}: another daemon answers there; stop it first", path.display())
            }
            BindError::NotASocket(path) => {
                let path = path.display();
                write!(
                    f,
                    "control socket {path}: a file that is no socket is in the way; move it, or change [control] socket"
                )
            }
            BindError::Io(path, error) => {
                write!(f, "control socket {}: {error}; its folder must exist and be writable", path.display())
            }
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BindError::Io(_, error) => Some(error),
            BindError::InUse(_) | BindError::NotASocket(_) => None,
        }
    }
}

/// The socket, taken but not yet served. The file goes when this is dropped.
pub struct Bound {
    pub(super) listener: StdListener,
    pub(super) file: SocketFile,
}

/// The socket's file: removed with the daemon, so that the next client finds no socket instead of a dead one.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Another daemon's, which is not ours to remove.
    is_lent: bool,
}

impl SocketFile {
    /// It goes with us, or stays for another daemon.
    pub(super) fn lend(&mut self, is_lent: bool) {
        self.is_lent = is_lent;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.is_lent {
            drop(fs::remove_file(&self.path)); // gone already is as good
        }
    }
}

/// Takes the socket of a daemon that has it open, and which keeps its file until we serve.
#[must_use]
pub fn take_over(path: &Path, socket: OwnedFd) -> Bound {
    Bound { listener: socket.into(), file: SocketFile { path: path.to_owned(), is_lent: true } }
}

/// Takes the socket; one that a killed daemon left behind is replaced.
///
/// # Errors
/// When another daemon answers there, or the system refuses.
pub async fn bind(path: &Path) -> Result<Bound, BindError> {
    clear_the_way(path).await?;
    let failed = |error| BindError::Io(path.to_owned(), error);
    let listener = listen(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), is_lent: false };
    // The process's umask may have taken away more.
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(Bound { listener, file })
}

/// A listener whose file never has more rights than [`SOCKET_MODE`]: on Linux the file gets those of the socket, less
/// the umask. To set them afterwards would leave a moment in which anyone may connect.
fn listen(path: &Path) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    File::from(OwnedFd::from(socket.try_clone()?)).set_permissions(Permissions::from_mode(SOCKET_MODE))?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(OwnedFd::from(socket).into())
}

async fn clear_the_way(path: &Path) -> Result<(), BindError> {
    let failed = |error| BindError::Io(path.to_owned(), error);
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(BindError::InUse(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it was made").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_is_never_open_to_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let _listener = listen(&path).expect("our folder");
        assert_eq!(mode(&path) & !SOCKET_MODE, 0, "{:o} before its mode is set", mode(&path));
        fs::remove_file(&path).expect("our folder");
        let bound = bind(&path).await.expect("our folder");
        assert_eq!(mode(&path), SOCKET_MODE);
        drop(bound);
        assert!(!path.exists());
    }
}
