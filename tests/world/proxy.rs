//! The proxy's faults, measured from outside with plain sockets. Bounds are wide on the side that a
//! busy machine makes worse; the exact figures are printed by `cargo bench --bench proxy`.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use test_support::Mosquitto;
use tokio::{runtime::Runtime, sync::mpsc};
use twinlight::{
    fault::{
        Bandwidth, BlackHole, Direction, Double, HalfOpen, Latency, LinkFaultSpec, Lose, Refuse, Reset,
        SlowClose,
    },
    tap::{Closer, LinkEvent, Packet, Seen},
    world::proxy::{Destination, LoginAnswer, Proxy},
};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Long enough for anything that happens at all, short enough for what should not.
const NEVER: Duration = Duration::from_millis(400);
const SOON: Duration = Duration::from_secs(20);

/// A proxy in front of a server, whose connections the test holds.
struct Setup {
    runtime: Runtime,
    proxy: Proxy,
    accepted: Receiver<TcpStream>,
    seen: mpsc::Receiver<Seen>,
}

impl Setup {
    fn new() -> Setup {
        Setup::with_room_for(1_000)
    }

    /// The tap holds so many events.
    fn with_room_for(events: usize) -> Setup {
        let listener = TcpListener::bind(ANY).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, accepted) = channel();
        thread::spawn(move || listener.incoming().flatten().try_for_each(|stream| tell.send(stream)));
        let (tap, seen) = mpsc::channel(events);
        let runtime = Runtime::new().unwrap();
        let destination = Destination { host: "127.0.0.1".to_owned(), port, tls: None };
        let proxy = runtime.block_on(async { Proxy::tapped(destination, ANY, 1, tap).unwrap() });
        Setup { runtime, proxy, accepted, seen }
    }

    /// Closes it with an RST.
    fn reset(&self, stream: TcpStream) {
        let _within = self.runtime.enter();
        stream.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(stream).unwrap().set_zero_linger().unwrap();
    }

    /// What is seen next.
    fn next(&mut self) -> LinkEvent {
        let next = self.runtime.block_on(async { tokio::time::timeout(SOON, self.seen.recv()).await });
        next.expect("something is seen in time").expect("the proxy runs").what
    }

    /// How the connection ends, whatever is seen before.
    fn end(&mut self) -> (Closer, bool) {
        loop {
            if let LinkEvent::Closed { by, reset } = self.next() {
                return (by, reset);
            }
        }
    }

    fn put(&self, spec: LinkFaultSpec) {
        self.proxy.inject(spec).unwrap();
    }

    fn connect(&self) -> TcpStream {
        prepared(TcpStream::connect(self.proxy.address()).unwrap())
    }

    /// A connection through the proxy: the client's end and the server's.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.connect();
        (client, prepared(self.accepted.recv_timeout(SOON).unwrap()))
    }
}

fn start(port: u16) -> (Runtime, Proxy) {
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(async { Proxy::start(ANY, "127.0.0.1", port, 1).unwrap() });
    (runtime, proxy)
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Sends `bytes` and waits for them at the other end.
fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) -> Duration {
    let started = Instant::now();
    from.write_all(bytes).unwrap();
    let mut read = vec![0; bytes.len()];
    to.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
    started.elapsed()
}

/// Whether nothing comes for a while; the connection stays.
fn is_quiet(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(NEVER)).unwrap();
    let read = stream.read(&mut [0; 1]);
    stream.set_read_timeout(Some(SOON)).unwrap();
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn without_faults_bytes_and_the_end_pass_both_ways() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let writer = thread::spawn({
        let (mut client, long) = (client.try_clone().unwrap(), long.clone());
        move || client.write_all(&long).unwrap()
    });
    let mut read = vec![0; long.len()];
    server.read_exact(&mut read).unwrap();
    writer.join().unwrap();
    assert_eq!(read, long);
    pass(&mut server, &mut client, b"and back");
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn latency_is_in_the_direction_that_was_asked_for_and_goes_when_it_is_cleared() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    let slow = LinkFaultSpec::to_broker(Latency { ms: 150, jitter_ms: 0 });
    setup.put(slow);
    let least =
        |from: &mut TcpStream, to: &mut TcpStream| (0..5).map(|_| pass(from, to, b"x")).min().unwrap();
    let (up, down) = (least(&mut client, &mut server), least(&mut server, &mut client));
    assert!(up >= Duration::from_millis(150), "{up:?}");
    assert!(down < Duration::from_millis(100), "{down:?}");
    setup.put(LinkFaultSpec::to_broker(Latency { ms: 300, jitter_ms: 0 }));
    assert!(least(&mut client, &mut server) >= Duration::from_millis(300), "new parameters replace the old");
    setup.proxy.clear(&slow);
    assert!(least(&mut client, &mut server) < Duration::from_millis(100));
}

#[test]
fn a_narrow_wire_carries_no_more_than_its_dose() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    setup.put(LinkFaultSpec::to_broker(Bandwidth { bytes_per_s: 20_000 }));
    let took = pass(&mut client, &mut server, &[7; 10_000]);
    assert!(took >= Duration::from_millis(495), "{took:?}");
    let free = pass(&mut server, &mut client, &[7; 10_000]);
    assert!(free < took, "the other direction is not narrow: {free:?}");
}

#[test]
fn a_black_hole_keeps_the_connection_and_what_it_held_arrives_afterwards() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    let hole = LinkFaultSpec::from_broker(BlackHole);
    setup.put(hole);
    pass(&mut client, &mut server, b"up passes");
    server.write_all(b"held").unwrap();
    assert!(is_quiet(&mut client));
    setup.proxy.clear(&hole);
    let mut read = [0; 4];
    client.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"held");
}

#[test]
fn no_new_connection_comes_to_be_through_a_black_hole() {
    let setup = Setup::new();
    setup.put(LinkFaultSpec::both_ways(BlackHole));
    let mut client = setup.connect();
    client.write_all(b"hello?").unwrap();
    assert!(setup.accepted.recv_timeout(NEVER).is_err());
    setup.proxy.clear_all();
    let mut server = prepared(setup.accepted.recv_timeout(SOON).unwrap());
    let mut read = [0; 6];
    server.read_exact(&mut read).unwrap();
    pass(&mut server, &mut client, b"yes");
}

#[test]
fn a_reset_is_seen_as_econnreset_at_both_ends() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, b"well so far");
    setup.put(LinkFaultSpec::both_ways(Reset { after_ms: 0 }));
    for end in [&mut client, &mut server] {
        assert_eq!(end.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    setup.put(LinkFaultSpec::both_ways(Reset { after_ms: 200 }));
    let (mut client, mut server) = setup.pair();
    let began = Instant::now();
    pass(&mut client, &mut server, b"well for a while");
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
}

#[test]
fn refused_means_econnrefused_and_whoever_is_in_stays() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    setup.put(LinkFaultSpec::both_ways(Refuse));
    let until = Instant::now() + SOON;
    let refused = loop {
        match TcpStream::connect(setup.proxy.address()) {
            Err(error) => break error.kind(),
            Ok(_) => assert!(Instant::now() < until, "it still listens"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(refused, ErrorKind::ConnectionRefused);
    pass(&mut client, &mut server, b"still here");
    setup.proxy.set_closed(true);
    setup.proxy.clear_all();
    setup.proxy.inject(LinkFaultSpec::both_ways(Refuse)).unwrap();
    setup.proxy.clear_all();
    assert!(TcpStream::connect(setup.proxy.address()).is_err(), "closed for two reasons");
    setup.proxy.set_closed(false);
    while TcpStream::connect(setup.proxy.address()).is_err() {
        assert!(Instant::now() < until, "it does not listen again");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_slow_close_is_heard_late() {
    let setup = Setup::new();
    let (mut client, server) = setup.pair();
    setup.put(LinkFaultSpec::from_broker(SlowClose { ms: 300 }));
    thread::sleep(Duration::from_millis(50));
    let closed = Instant::now();
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    assert!(closed.elapsed() >= Duration::from_millis(300), "{:?}", closed.elapsed());
}

#[test]
fn a_half_open_connection_looks_well_to_the_client_alone() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    setup.put(LinkFaultSpec::both_ways(HalfOpen { after_ms: 0 }));
    assert!(matches!(server.read(&mut [0; 1]), Ok(0) | Err(_)), "the broker's end is over");
    for _ in 0..3 {
        client.write_all(&[0; 1_000]).unwrap();
        assert!(is_quiet(&mut client));
    }
}

#[test]
fn what_the_broker_says_after_the_client_has_ended_its_side_arrives() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, b"the question");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0; 1]).unwrap(), 0, "the broker is told of the end");
    pass(&mut server, &mut client, b"the answer");
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_cut_resets_all_connections_and_takes_new_ones() {
    let setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, b"well so far");
    setup.proxy.cut();
    for end in [&mut client, &mut server] {
        assert_eq!(end.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, b"and again");
}

const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
const PINGREQ: &[u8] = b"\xc0\x00";
const PINGRESP: &[u8] = b"\xd0\x00";

#[test]
fn a_tap_sees_what_the_light_sent_before_faults_and_what_it_got_after_them() {
    let mut setup = Setup::new();
    let (mut client, mut server) = setup.pair();
    assert!(matches!(setup.next(), LinkEvent::Opened { from } if from == client.local_addr().unwrap()));
    setup.put(LinkFaultSpec::to_broker(BlackHole));
    client.write_all(CONNECT).unwrap();
    let connect = setup.next();
    assert!(
        matches!(&connect, LinkEvent::Packet { direction: Direction::ToBroker, packet: Packet::Connect(connect) }
            if connect.client_id == "me"),
        "{connect:?}"
    );
    assert!(is_quiet(&mut server), "it was seen and has not passed");
    setup.proxy.clear_all();
    server.read_exact(&mut [0; 16]).unwrap();
    setup.put(LinkFaultSpec::from_broker(BlackHole));
    server.write_all(CONNACK).unwrap();
    assert!(is_quiet(&mut client));
    client.write_all(PINGREQ).unwrap();
    let up = LinkEvent::Packet { direction: Direction::ToBroker, packet: Packet::PingReq };
    assert_eq!(setup.next(), up, "what the light has not got is not seen");
    setup.proxy.clear_all();
    client.read_exact(&mut [0; 4]).unwrap();
    let packet = Packet::ConnAck { session_present: false, code: 0 };
    assert_eq!(setup.next(), LinkEvent::Packet { direction: Direction::FromBroker, packet });
}

#[test]
fn a_tap_tells_who_ended_a_connection_and_how() {
    let mut setup = Setup::new();
    let open = |setup: &Setup| {
        let (mut client, mut server) = setup.pair();
        pass(&mut client, &mut server, CONNECT);
        pass(&mut server, &mut client, CONNACK);
        (client, server)
    };
    let (client, server) = open(&setup);
    drop(client);
    drop(server);
    assert_eq!(setup.end(), (Closer::Light, false));

    let (client, _server) = open(&setup);
    setup.reset(client);
    assert_eq!(setup.end(), (Closer::Light, true));

    let (mut client, server) = open(&setup);
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(setup.end(), (Closer::Broker, false));

    let (_client, server) = open(&setup);
    setup.reset(server);
    assert_eq!(setup.end(), (Closer::Broker, true));

    let (_client, _server) = open(&setup);
    setup.proxy.cut();
    assert_eq!(setup.end(), (Closer::Fault, true));

    let (mut client, mut server) = open(&setup);
    setup.put(LinkFaultSpec::both_ways(HalfOpen { after_ms: 0 }));
    assert!(matches!(server.read(&mut [0; 1]), Ok(0) | Err(_)));
    client.write_all(PINGREQ).unwrap();
    let up = LinkEvent::Packet { direction: Direction::ToBroker, packet: Packet::PingReq };
    while setup.next() != up {}
    drop(client);
    assert_eq!(setup.next(), LinkEvent::HalfClosed, "the light gave it up");
    assert_eq!(setup.end(), (Closer::Light, false));
}

#[test]
fn a_login_is_refused_or_cut_without_the_brokers_hearing_of_it() {
    let mut setup = Setup::new();
    setup.proxy.answer_logins(Some(LoginAnswer::Refused(5)));
    let mut client = setup.connect();
    client.write_all(&CONNECT[..9]).unwrap();
    assert!(is_quiet(&mut client), "it waits for the whole CONNECT");
    client.write_all(&[&CONNECT[9..], PINGREQ].concat()).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"\x20\x02\x00\x05");
    drop(client);
    let refused = Packet::ConnAck { session_present: false, code: 5 };
    let refused = LinkEvent::Packet { direction: Direction::FromBroker, packet: refused };
    while setup.next() != refused {}
    assert_eq!(setup.end(), (Closer::Fault, false));

    setup.proxy.answer_logins(Some(LoginAnswer::Cut));
    let mut client = setup.connect();
    client.write_all(CONNECT).unwrap();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), 4, "nothing more has come");
    assert!(setup.accepted.try_recv().is_err());

    setup.proxy.answer_logins(None);
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, CONNECT);
}

#[test]
fn a_light_that_ends_its_side_is_seen_at_once_even_where_nothing_passes() {
    let mut setup = Setup::new();
    let (client, _server) = setup.pair();
    setup.put(LinkFaultSpec::both_ways(BlackHole));
    drop(client);
    while setup.next() != LinkEvent::HalfClosed {}
}

#[test]
fn a_flood_waits_for_its_watcher_and_nothing_of_it_is_lost() {
    let mut setup = Setup::with_room_for(4);
    let (mut client, mut server) = setup.pair();
    let count = 100_000;
    let writer = thread::spawn(move || {
        client.write_all(CONNECT).unwrap();
        client.write_all(&PINGREQ.repeat(count)).unwrap();
        client
    });
    let reader = thread::spawn(move || {
        let mut all = vec![0; CONNECT.len() + 2 * count];
        server.read_exact(&mut all).map(|()| server)
    });
    let mut seen = 0;
    while seen < count {
        match setup.next() {
            LinkEvent::Packet { packet: Packet::PingReq, .. } => seen += 1,
            LinkEvent::Opened { .. } | LinkEvent::Packet { packet: Packet::Connect(_), .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let _ends = (writer.join().unwrap(), reader.join().unwrap().unwrap());
}

#[test]
fn a_watcher_that_takes_nothing_stops_no_light_and_is_told_how_much_it_missed() {
    let mut setup = Setup::with_room_for(4);
    let (mut client, mut server) = setup.pair();
    pass(&mut client, &mut server, CONNECT);
    pass(&mut client, &mut server, &PINGREQ.repeat(1_000));
    pass(&mut server, &mut client, &[CONNACK, &PINGRESP.repeat(1_000)].concat());
    let (mut told, mut lost) = (0, 0);
    drop(client);
    drop(server);
    loop {
        match setup.next() {
            LinkEvent::Lost { events } => lost += events,
            LinkEvent::Closed { .. } => break,
            LinkEvent::Opened { .. } | LinkEvent::HalfClosed => {}
            LinkEvent::Packet { .. } => told += 1,
            LinkEvent::Malformed { .. } => panic!("all of it is MQTT"),
        }
    }
    assert!(lost > 0);
    assert!(
        (2_001..=2_003).contains(&(told + lost)),
        "{told} told, {lost} lost, of 2,002 packets and one end"
    );
}

#[test]
fn a_broker_that_is_not_there_is_a_reset_and_the_reason_is_kept() {
    let (_runtime, proxy) = start(test_support::free_port());
    let mut client = prepared(TcpStream::connect(proxy.address()).unwrap());
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
    let trouble = proxy.trouble().lock().unwrap().take();
    assert_eq!(trouble.unwrap().kind(), ErrorKind::ConnectionRefused);
}

// With a real broker.

/// A client of MQTT 3.1.1, written by hand: it shares nothing with the framing that the proxy does.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: impl std::net::ToSocketAddrs, id: &str, clean: bool, keep_alive_s: u16) -> Client {
        let mut stream = prepared(TcpStream::connect(address).unwrap());
        let will = if clean { will() } else { Vec::new() };
        let flags = if clean { 0x02 | 0x04 } else { 0 };
        let mut body = [&b"\x00\x04MQTT\x04"[..], &[flags], &keep_alive_s.to_be_bytes()].concat();
        body.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
        body.extend(id.as_bytes());
        body.extend(will);
        stream.write_all(&packet(0x10, &body)).unwrap();
        let mut client = Client { stream };
        assert_eq!(client.read().unwrap()[0], 0x20);
        client
    }

    fn subscribe(&mut self, topic: &str) {
        let mut body = vec![0, 1];
        body.extend(text(topic));
        body.push(1);
        self.stream.write_all(&packet(0x82, &body)).unwrap();
        assert_eq!(self.read().unwrap()[0], 0x90);
    }

    fn publish(&mut self, topic: &str, id: u8, payload: &[u8]) {
        self.stream.write_all(&packet(0x32, &[&text(topic)[..], &[0, id], payload].concat())).unwrap();
    }

    /// One whole packet; `None` where none comes in time.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let mut body = vec![0; usize::from(head[1])];
        self.stream.read_exact(&mut body).ok()?;
        Some([&head[..], &body].concat())
    }

    fn is_quiet(&mut self) -> bool {
        is_quiet(&mut self.stream)
    }
}

fn mosquitto() -> Mosquitto {
    let _no_port_is_taken_anew = crate::FORK.blocking_lock();
    Mosquitto::start("allow_anonymous true", &[])
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn will() -> Vec<u8> {
    [text("will"), text("gone")].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn a_lost_message_comes_again_to_a_kept_session_and_never_to_a_clean_one() {
    let broker = mosquitto();
    let (_runtime, proxy) = start(broker.port);
    let lose = LinkFaultSpec::from_broker(Lose { percent: 100 });
    let mut publisher = Client::connect(("127.0.0.1", broker.port), "publisher", true, 60);
    for (clean, comes_again) in [(false, true), (true, false)] {
        let mut subscriber = Client::connect(proxy.address(), "subscriber", clean, 60);
        subscriber.subscribe("t");
        proxy.inject(lose).unwrap();
        publisher.publish("t", 1, b"once");
        assert_eq!(publisher.read().unwrap()[0], 0x40, "the broker has it");
        assert!(subscriber.is_quiet(), "it was lost");
        proxy.clear_all();
        assert!(subscriber.is_quiet(), "within a connection nothing is sent again");
        drop(subscriber);
        let mut subscriber = Client::connect(proxy.address(), "subscriber", clean, 60);
        if comes_again {
            let again = subscriber.read().unwrap();
            assert_eq!(again[0] & 0xF8, 0x38, "a PUBLISH marked as sent before");
            assert!(again.ends_with(b"once"));
        } else {
            assert!(subscriber.is_quiet());
        }
    }
}

#[test]
fn a_doubled_message_arrives_twice_and_is_acknowledged_once() {
    let broker = mosquitto();
    let (_runtime, proxy) = start(broker.port);
    let mut subscriber = Client::connect(("127.0.0.1", broker.port), "subscriber", true, 60);
    subscriber.subscribe("t");
    let mut publisher = Client::connect(proxy.address(), "publisher", true, 60);
    proxy.inject(LinkFaultSpec::to_broker(Double { percent: 100 })).unwrap();
    publisher.publish("t", 1, b"twice");
    assert_eq!(publisher.read().unwrap(), [0x40, 2, 0, 1]);
    for _ in 0..2 {
        assert!(subscriber.read().unwrap().ends_with(b"twice"));
    }
    assert!(publisher.is_quiet() && subscriber.is_quiet());
}

#[test]
fn a_black_hole_is_noticed_by_the_broker_within_one_and_a_half_keep_alives() {
    let broker = mosquitto();
    let (_runtime, proxy) = start(broker.port);
    let mut watcher = Client::connect(("127.0.0.1", broker.port), "watcher", true, 60);
    watcher.subscribe("will");
    let _client = Client::connect(proxy.address(), "client", true, 2);
    proxy.inject(LinkFaultSpec::both_ways(BlackHole)).unwrap();
    let since = Instant::now();
    assert!(watcher.read().unwrap().ends_with(b"gone"));
    let took = since.elapsed();
    println!("the broker noticed after {took:?}; its own checks are a second or more apart");
    assert!(took >= Duration::from_secs(2), "a keep-alive is not over before: {took:?}");
}
