//! Processes that end with the demo.
//!
//! What must always hold: a process started here ends no later than the demo does. Dropping its
//! handle ends it, in an error and in a panic as well; and because a node leaves by itself when its
//! standard input closes, and the system closes it with the demo, not even `kill -9` of the demo
//! leaves one.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How often a process is looked after: short beside the times the demo shows.
pub(crate) const GLANCE: Duration = Duration::from_millis(2);

/// How long a node may take to leave by itself before it is killed.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// A process that ends with its handle.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    /// Starts a process in a group of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        apart(command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {program}: give --node-binary its path"))?;
        Ok(Self { child })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A node leaves when its standard input closes; a command has none and is not waited for.
        let leaves = self.child.stdin.take().is_some();
        let started = Instant::now();
        while leaves && started.elapsed() < LEAVE_LIMIT {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(GLANCE),
                _ => break,
            }
        }
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A command that runs; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    shown: String,
    process: Process,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    started: Instant,
    patience: Duration,
}

impl Running {
    /// Starts a command that is called `shown` in errors and has `patience` to end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command, shown: String, patience: Duration) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(command)?;
        let stdout = gather(process.child.stdout.take())?;
        let stderr = gather(process.child.stderr.take())?;
        Ok(Self { shown, process, stdout, stderr, started: Instant::now(), patience })
    }

    /// What the command printed, once it has ended well.
    ///
    /// # Errors
    /// When it failed or takes too long.
    pub(crate) fn poll(&mut self) -> Result<Option<String>> {
        let Some(status) = self.process.child.try_wait()? else {
            let late = self.started.elapsed() > self.patience;
            ensure!(!late, "`{}` takes too long: raise --patience-s", self.shown);
            return Ok(None);
        };
        let output = self.stdout.recv().unwrap_or_default();
        if !status.success() {
            let errors = self.stderr.recv().unwrap_or_default();
            let errors = String::from_utf8_lossy(&errors);
            bail!("`{}` failed ({status}): {}", self.shown, errors.trim());
        }
        let output = String::from_utf8(output);
        output.map(Some).with_context(|| format!("`{}` printed no UTF-8", self.shown))
    }
}

/// Gives a process a group of its own, so that Ctrl-C in a terminal reaches the demo alone and
/// the demo ends the rest in order.
#[cfg(unix)]
fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn apart(_command: &mut Command) {}

/// Reads a pipe to its end beside the process that fills it.
fn gather(pipe: Option<impl Read + Send + 'static>) -> Result<Receiver<Vec<u8>>> {
    let mut pipe = pipe.context("the process has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("output".into()).spawn(move || {
        let mut bytes = Vec::new();
        let _cut_short = pipe.read_to_end(&mut bytes);
        let _nobody_waits = sender.send(bytes);
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a pipe that ends when the process that holds its other end does.
    #[cfg(unix)]
    fn rest_of(mut pipe: impl Read) -> Vec<u8> {
        let mut rest = Vec::new();
        pipe.read_to_end(&mut rest).unwrap();
        rest
    }

    #[cfg(unix)]
    #[test]
    fn a_process_ends_with_its_handle_even_in_a_panic() {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command).unwrap();
        let output = process.child.stdout.take().unwrap();
        let panicked = std::panic::catch_unwind(move || {
            let _held = process;
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        assert!(rest_of(output).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_reads_its_input_is_left_to_end_by_itself() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo left"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command).unwrap();
        let output = process.child.stdout.take().unwrap();
        drop(process);
        assert_eq!(rest_of(output), b"left\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_fails_is_quoted_and_one_that_takes_too_long_is_ended() {
        let outcome = |script: &str, patience: Duration| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let mut running = Running::start(&mut command, "it".into(), patience).unwrap();
            loop {
                match running.poll() {
                    Ok(None) => thread::yield_now(),
                    Ok(Some(output)) => return output,
                    Err(error) => return error.to_string(),
                }
            }
        };
        let long = Duration::from_secs(600);
        assert_eq!(outcome("echo done", long), "done\n");
        let failed = outcome("echo why >&2; exit 3", long);
        assert!(failed.contains("`it` failed") && failed.contains("why"), "{failed}");
        let late = outcome("exec sleep 600", Duration::ZERO);
        assert_eq!(late, "`it` takes too long: raise --patience-s");
    }
}
