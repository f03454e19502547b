//! What `README.md` says of the command line can be pasted.

use std::process::Command;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));

/// The commands of the page, without their prompt.
fn commands() -> impl Iterator<Item = &'static str> {
    README.lines().filter_map(|line| line.strip_prefix("$ "))
}

#[test]
fn the_command_that_builds_the_program_names_its_package() {
    let built = format!("cargo build --release -p {} ", env!("CARGO_PKG_NAME"));
    assert!(commands().any(|command| command.starts_with(&built)), "{built}is not on the page");
}

#[test]
fn the_program_knows_every_command_of_the_page() {
    let mut seen = 0;
    for command in commands().filter_map(|command| command.strip_prefix("rejoin ")) {
        let name = command.split(' ').next().unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_rejoin")).args(["help", name]).output();
        assert!(help.unwrap().status.success(), "there is no `rejoin {name}`");
        seen += 1;
    }
    assert!(seen >= 7, "{seen} commands");
}
