//! Tells when a port comes, goes or changes.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::PortInfo;
use crate::board::BoardError;

/// Between two looks: soon enough for a person who plugs something in.
const PERIOD: Duration = Duration::from_millis(700);

/// Watches the ports on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// Dropping it wakes the thread and ends it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Begins to watch. `changed` gets all ports, from the watcher's thread: at once, and after each
    /// change.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(in crate::board) fn start(
        changed: impl FnMut(Vec<PortInfo>) + Send + 'static,
    ) -> Result<Watcher, BoardError> {
        Watcher::with(PERIOD, super::list, changed)
    }

    fn with(
        period: Duration,
        mut look: impl FnMut() -> Vec<PortInfo> + Send + 'static,
        mut changed: impl FnMut(Vec<PortInfo>) + Send + 'static,
    ) -> Result<Watcher, BoardError> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new()
            .name("twinlight-ports".to_owned())
            .spawn(move || {
                let mut last = None;
                loop {
                    let ports = look();
                    if last.as_ref() != Some(&ports) {
                        changed(ports.clone());
                        last = Some(ports);
                    }
                    if stopped.recv_timeout(period) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
            })
            .map_err(BoardError::NoThread)?;
        Ok(Watcher { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been told already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::{
        super::{Access, Adapter},
        *,
    };

    #[test]
    fn the_first_look_and_each_change_are_told_and_nothing_else() {
        let port = |path: &str| PortInfo {
            path: path.to_owned(),
            adapter: Adapter::NotUsb,
            usb: None,
            access: Access::Free,
        };
        let mut looks = vec![vec![], vec![port("a")], vec![port("a")], vec![]];
        let (told, heard) = mpsc::channel();
        let look = move || looks.pop().unwrap_or_else(|| vec![port("end")]);
        let watcher =
            Watcher::with(Duration::from_millis(1), look, move |ports| told.send(ports.len()).unwrap())
                .unwrap();
        let heard: Vec<_> = heard.iter().take(4).collect();
        assert_eq!(heard, [0, 1, 0, 1]);
        drop(watcher);
    }
}
