//! Between the light's port and the broker: where a login can be refused, or cut, in the broker's name.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

/// How long a CONNECT may take to come.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two tries to accept where the system has no files left.
const PAUSE: Duration = Duration::from_millis(100);

/// What becomes of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Pass,
    /// CONNACK with this code.
    Refuse(u8),
    /// The connection ends without an answer.
    Cut,
}

/// A relay to `upstream`, a port of this machine. Dropping it cuts its connections.
#[derive(Debug)]
pub(super) struct Door {
    port: u16,
    admission: watch::Sender<Admission>,
    task: JoinHandle<()>,
}

impl Door {
    pub(super) async fn open(upstream: u16) -> io::Result<Door> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (admission, admitted) = watch::channel(Admission::Pass);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            connections.spawn(carry(client, upstream, admitted.clone()));
                        }
                        Err(_) => sleep(PAUSE).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Door { port, admission, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// For the logins from now on.
    pub(super) fn set(&self, admission: Admission) {
        self.admission.send_replace(admission);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, upstream: u16, admitted: watch::Receiver<Admission>) {
    let _ = client.set_nodelay(true);
    let mut first = [0; 1_024];
    let Ok(Ok(count @ 1..)) = timeout(CONNECT, client.read(&mut first)).await else { return };
    let admission = *admitted.borrow();
    match admission {
        Admission::Cut => return,
        Admission::Refuse(code) => {
            if client.write_all(&[0x20, 2, 0, code]).await.is_ok() && client.shutdown().await.is_ok() {
                // Until the client has read it.
                let _ = timeout(CONNECT, client.read(&mut first)).await;
            }
            return;
        }
        Admission::Pass => {}
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else { return };
    let _ = server.set_nodelay(true);
    if server.write_all(first.get(..count).unwrap_or_default()).await.is_ok() {
        // An error ends both ends, as an end does.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_login_passes_or_is_refused_or_cut() {
        let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let door = Door::open(broker.local_addr().unwrap().port()).await.unwrap();
        let answer = async |door: &Door| {
            let mut light = TcpStream::connect(door.address()).await.unwrap();
            light.write_all(&[0x10, 0]).await.unwrap();
            let mut answer = Vec::new();
            light.read_to_end(&mut answer).await.map(|_| answer).unwrap_or_default()
        };
        door.set(Admission::Refuse(3));
        assert_eq!(answer(&door).await, [0x20, 2, 0, 3]);
        door.set(Admission::Cut);
        assert!(answer(&door).await.is_empty());
        door.set(Admission::Pass);
        let serve = async {
            let (mut peer, _) = broker.accept().await.unwrap();
            let mut heard = [0; 2];
            peer.read_exact(&mut heard).await.unwrap();
            peer.write_all(&[heard[0], 9]).await.unwrap();
        };
        let (answer, ()) = tokio::join!(answer(&door), serve);
        assert_eq!(answer, [0x10, 9]);
    }
}
