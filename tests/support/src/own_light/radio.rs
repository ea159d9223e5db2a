//! A board's radio: what its connections pass while it is on the Wi-Fi.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const LOOK: Duration = Duration::from_millis(30);

/// Passes connections on while a file is there. When it goes, the board's ends are closed, and the other ends hear
/// nothing: nobody tells a broker that a board is out of reach.
pub(super) struct Radio {
    pub(super) port: u16,
    stop: Arc<AtomicBool>,
}

/// Ends of which the other is gone; they stay open until the radio is dropped.
type Orphans = Arc<Mutex<Vec<TcpStream>>>;

impl Radio {
    /// `joined` is told later: the board needs the port before it is there.
    pub(super) fn listen(to: u16, joined: Arc<Mutex<Option<PathBuf>>>) -> Radio {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stops = stop.clone();
        thread::spawn(move || {
            let orphans = Orphans::default();
            while !stops.load(Ordering::Relaxed) {
                let Ok((board, _)) = listener.accept() else {
                    thread::sleep(LOOK);
                    continue;
                };
                let joined = joined.lock().unwrap().clone();
                if let Some(joined) = joined.filter(|joined| joined.exists())
                    && let Ok(broker) = TcpStream::connect(("127.0.0.1", to))
                {
                    pass(board, broker, &joined, &stops, &orphans);
                }
            }
        });
        Radio { port, stop }
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn pass(board: TcpStream, broker: TcpStream, joined: &Path, stop: &Arc<AtomicBool>, orphans: &Orphans) {
    for (from, to, from_board) in [(&board, &broker, true), (&broker, &board, false)] {
        from.set_nonblocking(false).unwrap();
        from.set_read_timeout(Some(LOOK)).unwrap();
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (joined, stop, orphans) = (joined.to_owned(), stop.clone(), orphans.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !stop.load(Ordering::Relaxed) {
                let read = from.read(&mut bytes);
                if !joined.exists() {
                    let (board, broker) = if from_board { (from, to) } else { (to, from) };
                    let _ = board.shutdown(Shutdown::Both);
                    orphans.lock().unwrap().push(broker);
                    return;
                }
                match read {
                    Ok(0) => break,
                    Ok(count) if to.write_all(&bytes[..count]).is_err() => break,
                    Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        break;
                    }
                    _ => {}
                }
            }
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
