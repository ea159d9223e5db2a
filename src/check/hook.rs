//! The command that switches the light's own network off and on.

use std::{
    io,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

pub(super) const DOWN: &str = "down";
pub(super) const UP: &str = "up";

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// Is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it to its end.
///
/// # Errors
/// Why it did not do its work.
pub(super) async fn run(hook: &str, argument: &str) -> Result<(), String> {
    let mut running = Running(command(hook, argument).spawn().map_err(|error| error.to_string())?);
    let deadline = Instant::now() + LONGEST;
    loop {
        match running.0.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) if Instant::now() > deadline => {
                return Err(format!("it did not end within {} s", LONGEST.as_secs()));
            }
            Ok(None) => sleep(LOOK).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Starts it, and waits for nothing: it may outlive this program.
pub(super) fn start(hook: &str, argument: &str) {
    let started: io::Result<Child> = command(hook, argument).spawn();
    drop(started);
}

/// As a person would type it, with arguments of its own.
fn command(hook: &str, argument: &str) -> Command {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.arg(option).arg(format!("{hook} {argument}")).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_way_not_to_work_is_told_and_a_command_that_is_given_up_is_ended() {
        assert_eq!(run("true #", DOWN).await, Ok(()));
        assert!(run("exit 3 #", DOWN).await.unwrap_err().contains('3'));
        assert!(run("/no/such/hook", DOWN).await.unwrap_err().contains("127"));

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let hangs = format!("echo $$ > {}; exec sleep 600 #", file.display());
        let pid = tokio::select! {
            ended = run(&hangs, DOWN) => panic!("{ended:?}"),
            pid = async {
                loop {
                    let pid = std::fs::read_to_string(&file).unwrap_or_default();
                    if pid.ends_with('\n') {
                        break pid.trim().to_owned();
                    }
                    sleep(LOOK).await;
                }
            } => pid,
        };
        let there = Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().unwrap();
        assert!(!there.success(), "it outlives the check");
    }
}
