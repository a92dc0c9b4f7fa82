//! One program at work, from its start to its end.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use super::{Ended, How, OUTPUT_MAX_OCTETS, Program};

/// Where programs that are named without a folder by a script are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs it here.
pub(super) async fn run(program: &Program, input: String, limit: Duration) -> Ended {
    let deadline = Instant::now() + limit;
    let (mut running, mut output, stdin) = match Running::start(program, !input.is_empty()) {
        Ok(started) => started,
        Err(error) => return Ended::not_started(shown(program, &error)),
    };
    let how = tokio::select! {
        biased;
        ended = running.ended() => match ended {
            Ok(status) => of_status(status),
            Err(error) => How::NotStarted(shown(program, &error)),
        },
        () = sleep_until(deadline) => How::OutOfTime,
        never = output.collect() => match never {},
        never = feed(stdin, input) => match never {},
    };
    drop(running); // what it left behind holds the pipe no longer
    output.take_rest();
    Ended { how, output: output.text() }
}

/// Writes all of it, and closes the pipe; for ever after that. A program that does not read it all does not have to.
async fn feed(stdin: Option<Sender>, input: String) -> Infallible {
    if let Some(mut stdin) = stdin {
        drop(stdin.write_all(input.as_bytes()).await);
    }
    pending().await
}

fn shown(program: &Program, error: &io::Error) -> String {
    format!("cannot run {}: {error}", program.arguments.first().map_or("nothing", String::as_str))
}

fn of_status(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, signal) => How::Killed(signal.unwrap_or_default()),
    }
}

/// A process that leads a group of its own. When it is dropped the group is killed, and the process buried.
struct Running {
    child: Option<Child>,
    group: Pid,
    /// Its pidfd, which is readable when the process has ended, and never read. The process is not buried before that, so
    /// that its number stays its own.
    end: Option<Receiver>,
}

impl Running {
    fn start(program: &Program, reads: bool) -> io::Result<(Running, Output, Option<Sender>)> {
        let (path, arguments) = program.arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (reader, writer) = pipe()?;
        let (stdin, input) = match reads {
            true => {
                let (reader, writer) = pipe()?;
                (Stdio::from(reader), Some(Sender::from_owned_fd(writer.into())?))
            }
            false => (Stdio::null(), None),
        };
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(stdin)
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let child = command.spawn()?;
        drop(command); // and with it our end of the pipe that is written to
        let group = Pid::from_child(&child);
        let mut running = Running { child: Some(child), group, end: None };
        running.end = Some(Receiver::from_file_unchecked(pidfd_open(group, PidfdFlags::NONBLOCK)?.into())?);
        let output = Output { pipe: Some(Receiver::from_owned_fd(reader.into())?), kept: Vec::new() };
        Ok((running, output, input))
    }

    /// Waits for its end, kills what it left behind in its group, and buries it.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        if let Some(end) = &self.end {
            end.readable().await?;
        }
        self.kill();
        let mut child = self.child.take().ok_or(io::ErrorKind::NotFound)?;
        child.wait()
    }

    /// While the process is not buried, no other group can have its number.
    fn kill(&self) {
        kill_process_group(self.group, Signal::KILL).ok(); // an error: nobody is left in it
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.kill();
        let end = self.end.take();
        // A process that hangs in the kernel dies later; nobody waits for that.
        let bury = async move {
            if let Some(end) = end {
                drop(end.readable().await);
                drop(child.wait());
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(bury);
        }
    }
}

/// What it writes.
struct Output {
    pipe: Option<Receiver>,
    kept: Vec<u8>,
}

impl Output {
    /// Takes in all that comes, for ever.
    async fn collect(&mut self) -> Infallible {
        let mut octets = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut octets).await {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(read) => self.keep(&octets[..read]),
            }
        }
        pending().await
    }

    /// What is there already; a process that has left the group may hold the pipe for ever.
    fn take_rest(&mut self) {
        let mut octets = [0; 4096];
        while let Some(Ok(read @ 1..)) = self.pipe.as_ref().map(|pipe| pipe.try_read(&mut octets)) {
            self.keep(&octets[..read]);
            if self.kept.len() >= OUTPUT_MAX_OCTETS {
                return;
            }
        }
    }

    fn keep(&mut self, octets: &[u8]) {
        let room = OUTPUT_MAX_OCTETS.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&octets[..octets.len().min(room)]);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Duration = Duration::from_secs(20);

    fn sh(script: &str) -> Program {
        let arguments = ["/bin/sh", "-c", script].map(str::to_owned).into();
        Program { arguments, environment: vec![("CADENCE_ADDRESS".into(), "192.0.2.1".into())] }
    }

    async fn check(script: &str, how: How, output: &str) {
        let ended = run(&sh(script), String::new(), PLENTY).await;
        assert_eq!(ended, Ended { how, output: output.to_owned() }, "{script}");
    }

    #[tokio::test]
    async fn how_it_ends_and_what_it_says() {
        check("echo fine", How::Exited(0), "fine\n").await;
        check("echo bad >&2; exit 2", How::Exited(2), "bad\n").await;
        check("kill -SEGV $$", How::Killed(Signal::SEGV.as_raw()), "").await;
        check("echo $CADENCE_ADDRESS $HOME", How::Exited(0), "192.0.2.1\n").await;
        check("cat; exit 3", How::Exited(3), "").await; // nothing to read
        check("exec >&- 2>&-; exit 4", How::Exited(4), "").await;
    }

    #[tokio::test]
    async fn what_it_is_given_it_reads() {
        let long = "x".repeat(200_000); // more than a pipe holds
        let read = run(&sh("wc -c"), long.clone(), PLENTY).await;
        assert_eq!((read.how, read.output.trim()), (How::Exited(0), "200000"));
        let unread = run(&sh("echo no, thanks"), long, PLENTY).await;
        assert_eq!(unread, Ended { how: How::Exited(0), output: "no, thanks\n".into() });
    }

    #[tokio::test]
    async fn what_is_no_program_is_not_started() {
        let program = Program { arguments: vec!["/nowhere".into()], environment: Vec::new() };
        let How::NotStarted(why) = run(&program, String::new(), PLENTY).await.how else {
            panic!("there is none")
        };
        assert_eq!(why, "cannot run /nowhere: No such file or directory (os error 2)");
    }

    /// A program that writes without end is read without end, and little of it is kept.
    #[tokio::test]
    async fn output_is_bounded() {
        let ended = run(&sh("head -c 10000000 /dev/zero | tr '\\0' x"), String::new(), PLENTY).await;
        assert_eq!((ended.how, ended.output.len()), (How::Exited(0), OUTPUT_MAX_OCTETS));
    }

    /// The line that it writes holds the number of a process.
    fn number_in(output: &str) -> i32 {
        output.trim().parse().unwrap_or_else(|_| panic!("{output} is no number"))
    }

    fn is_alive(process: i32) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let state = text.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        !matches!(state, None | Some("Z" | "X"))
    }

    async fn wait_until_gone(process: i32) {
        while is_alive(process) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn out_of_time_it_is_killed_with_its_children() {
        let ended = run(&sh("sleep 1000 & echo $!; wait"), String::new(), Duration::from_millis(300)).await;
        assert_eq!(ended.how, How::OutOfTime);
        wait_until_gone(number_in(&ended.output)).await;
    }

    /// The pipe stays open in the child; nobody waits for that.
    #[tokio::test]
    async fn what_it_leaves_behind_is_killed() {
        let ended = run(&sh("sleep 1000 & echo $!; exit 5"), String::new(), PLENTY).await;
        assert_eq!(ended.how, How::Exited(5));
        wait_until_gone(number_in(&ended.output)).await;
    }

    #[tokio::test]
    async fn when_nobody_waits_any_more_it_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("number");
        let script = sh(&format!("echo $$ > {}; exec sleep 1000", file.display()));
        let task = tokio::spawn(async move { run(&script, String::new(), PLENTY).await });
        let number = loop {
            match std::fs::read_to_string(&file) {
                Ok(text) if text.ends_with('\n') => break number_in(&text),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        task.abort();
        wait_until_gone(number).await;
    }
}
