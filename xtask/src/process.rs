//! Running other programs: their output streams through, and a failure names the whole command.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tally::Tally;

/// Cargo, the same one that started this program, working in the root of the workspace.
pub(crate) fn cargo() -> Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(crate::workspace_root()?);
    Ok(command)
}

/// Runs `command` with its output streaming through.
///
/// # Errors
/// When it cannot be started, or does not end with exit code 0; the message is the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", show(command));
    }
    Ok(())
}

/// Runs `command` like [`run`] and counts the tests it reports, also when it fails.
pub(crate) fn run_counting(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).context("reading the test output")? > 0 {
            std::io::stdout().write_all(&line).context("printing the test output")?;
            tally.read_line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child.wait().with_context(|| format!("waiting for `{}`", show(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", show(command));
    }
    Ok(())
}

/// Runs `command` and gives back what it wrote to its standard output, trimmed.
///
/// # Errors
/// When it cannot be started or fails; the message has the command and its error output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", show(command), output.status, stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it, with the variables that were set for it.
pub(crate) fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(value)));
        }
    }
    words.push(program(command));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

/// Announces a piece of work.
pub(crate) fn heading(text: &str) {
    println!("\n{}", paint("1;36", &format!("== {text}")));
}

/// Says what is about to happen to the machine, or what was found there.
pub(crate) fn note(text: &str) {
    println!("{}", paint("33", text));
}

/// Says what went wrong, on the error output.
pub(crate) fn failure(text: &str) {
    let label = if colours(std::io::stderr().is_terminal()) {
        "\u{1b}[1;31merror:\u{1b}[0m"
    } else {
        "error:"
    };
    eprintln!("{label} {text}");
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", show(command))
}

/// Cargo by its plain name, anything else as it was started.
fn program(command: &Command) -> String {
    let program = command.get_program();
    if std::env::var_os("CARGO").is_some_and(|cargo| cargo == program) {
        return "cargo".to_owned();
    }
    quoted(program)
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn paint(code: &str, text: &str) -> String {
    if colours(std::io::stdout().is_terminal()) {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Colours are for people: only on a terminal, and not where <https://no-color.org> is asked for.
fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command.args(["doc", "a b", "it's", ""]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(show(&command), r"RUSTDOCFLAGS='-D warnings' cargo doc 'a b' 'it'\''s' ''");
    }
}
