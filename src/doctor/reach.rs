//! Name, TCP, TLS: whether the broker can be reached at all.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use traffic_light::mqtt::codec::{Connect, Packet};

use super::{
    causes,
    finding::{Done, Verdict},
    target::Target,
    wire::{Stream, Wire},
};
use crate::{
    model::Diagnostic,
    tls::{Failure, Tls, Trust},
};

const NAME_LIMIT: Duration = Duration::from_secs(8);
const TCP_LIMIT: Duration = Duration::from_secs(5);
/// For a look at what else speaks on a port.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// The addresses of the broker's name, IPv4 first: boards know nothing else.
pub(super) async fn look_up(target: &Target) -> Done<Vec<SocketAddr>> {
    let Target { host, port, .. } = target;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok((
            vec![SocketAddr::new(address, *port)],
            Verdict::Skipped("the host is an address".to_owned()),
        ));
    }
    let found = match timeout(NAME_LIMIT, lookup_host((host.as_str(), *port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => return Err(Verdict::Failed(causes::name_not_found(host))),
        Err(_) => return Err(Verdict::Failed(causes::name_server_silent(host))),
    };
    let mut addresses: Vec<_> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    let verdict = judge(host, &addresses);
    if verdict.is_failure() { Err(verdict) } else { Ok((addresses, verdict)) }
}

/// What there is to say of the addresses of a name.
fn judge(host: &str, addresses: &[SocketAddr]) -> Verdict {
    match addresses.first().map(SocketAddr::ip) {
        None => Verdict::Failed(causes::name_not_found(host)),
        Some(first) if causes::is_known_far_away(host) && is_near(first) => {
            Verdict::Doubtful(causes::name_leads_near(host, first))
        }
        Some(_) => {
            let list: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
            Verdict::Well(format!("{host} is {}", list.join(", ")))
        }
    }
}

/// Whether an address is on this computer or in its network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// The first address that takes a connection.
pub(super) async fn connect(target: &Target, addresses: &[SocketAddr]) -> Done<TcpStream> {
    let mut last = None;
    for address in addresses {
        match timeout(TCP_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A message must not wait for the next one; without, only the times get worse.
                let _ = stream.set_nodelay(true);
                return Ok((stream, Verdict::Well(format!("{address} accepts the connection"))));
            }
            Ok(Err(error)) => last = Some((*address, error)),
            Err(_) => last = Some((*address, std::io::ErrorKind::TimedOut.into())),
        }
    }
    let Some((address, error)) = last else {
        return Err(Verdict::Failed(causes::name_not_found(&target.host)));
    };
    let diagnostic = match error.kind() {
        std::io::ErrorKind::ConnectionRefused if listens_on_loopback_alone(address).await => {
            causes::loopback_alone(address)
        }
        std::io::ErrorKind::ConnectionRefused => causes::nothing_listens(address, is_own(address.ip())),
        std::io::ErrorKind::TimedOut => causes::no_answer(address),
        std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::HostUnreachable => {
            causes::no_way(address)
        }
        _ => Diagnostic::new(
            format!("{address} cannot be connected to: {error}"),
            "check the address, and that this computer is in the right network",
        ),
    };
    Err(Verdict::Failed(diagnostic))
}

/// Whether an address is this computer's.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// Whether what does not listen at this address of this computer listens on its loopback.
async fn listens_on_loopback_alone(address: SocketAddr) -> bool {
    let loopback = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port());
    address.ip() != loopback.ip()
        && is_own(address.ip())
        && matches!(timeout(PROBE_LIMIT, TcpStream::connect(loopback)).await, Ok(Ok(_)))
}

/// Speaks TLS on the connection, where that is wanted.
pub(super) async fn encrypt(target: &Target, tcp: TcpStream) -> Done<Box<dyn Stream>> {
    let Some(tls) = &target.tls else {
        let text = "the configuration asks for none, so others on the way can read what is sent";
        return Ok((Box::new(tcp), Verdict::Skipped(text.to_owned())));
    };
    let there = tcp.peer_addr().ok();
    match tls.connect(&target.host, tcp).await {
        Ok(stream) => {
            let version = match stream.get_ref().1.protocol_version() {
                Some(tokio_rustls::rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                _ => "TLS 1.2",
            };
            let verdict = if tls.checks_the_broker() {
                Verdict::Well(format!("{version}, and the certificate is good for {}", target.host))
            } else {
                Verdict::Doubtful(causes::unchecked(version))
            };
            Ok((Box::new(stream), verdict))
        }
        Err(error) => {
            let failure = Failure::of(&error);
            let maybe_plain = matches!(failure, Some(Failure::NotTls | Failure::Closed | Failure::Silent));
            let diagnostic = match (failure, there) {
                (_, Some(there)) if maybe_plain && speaks_plain_mqtt(there).await => {
                    causes::plain_there(target)
                }
                (Some(failure), _) => Diagnostic::new(failure.cause(&target.host), failure.remedy()),
                (None, _) => Diagnostic::new(
                    format!("the connection ended while TLS was agreed on: {error}"),
                    "try again; if it stays so, ask whoever runs the broker",
                ),
            };
            Err(Verdict::Failed(diagnostic))
        }
    }
}

/// Whether a port answers to MQTT without TLS.
async fn speaks_plain_mqtt(there: SocketAddr) -> bool {
    let asked = async {
        let mut wire = Wire::new(Box::new(TcpStream::connect(there).await.ok()?));
        let connect = Connect {
            client_id: "twinlight-probe",
            clean_session: true,
            keep_alive_s: 10,
            will: None,
            login: None,
        };
        wire.send(|put| connect.encode(put)).await.ok()?;
        Some(matches!(wire.receive(PROBE_LIMIT).await, Ok(Packet::ConnAck { .. })))
    };
    matches!(timeout(2 * PROBE_LIMIT, asked).await, Ok(Some(true)))
}

/// Whether a port answers to TLS, whoever it says it is.
pub(super) async fn speaks_tls(target: &Target) -> bool {
    let asked = async {
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.ok()?;
        let tls = Tls::new(Trust::AcceptAnyCertificate, None).ok()?;
        Some(match tls.connect(&target.host, tcp).await {
            Ok(_) => true,
            // A broker that says in TLS what it does not like speaks it.
            Err(error) => matches!(
                Failure::of(&error),
                Some(
                    Failure::ClientCertificateWanted
                        | Failure::NothingInCommon
                        | Failure::ClientCertificateRefused(_)
                )
            ),
        })
    };
    matches!(timeout(2 * PROBE_LIMIT, asked).await, Ok(Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Vec<SocketAddr> {
        vec![SocketAddr::new(address.parse().unwrap(), 1883)]
    }

    #[test]
    fn a_public_name_that_leads_into_ones_own_network_is_a_portals() {
        let Verdict::Doubtful(diagnostic) = judge("test.mosquitto.org", &at("10.0.0.1")) else { panic!() };
        assert!(diagnostic.message.contains("captive portal"), "{diagnostic:?}");
        assert!(matches!(judge("test.mosquitto.org", &at("203.0.113.7")), Verdict::Well(_)));
        assert!(matches!(judge("broker.lab", &at("10.0.0.1")), Verdict::Well(_)), "it may well be near");
        assert!(judge("broker.lab", &[]).is_failure());
    }

    #[test]
    fn a_name_that_is_none_is_no_reason_to_panic() {
        assert!(matches!(judge("::1", &at("::1")), Verdict::Well(_)));
    }
}
