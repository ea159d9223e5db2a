//! What the embedded broker must do whatever its clients do. Each test names the fault that it keeps away;
//! several are faults of other embedded brokers that were tried (design, section 5a).

use std::{
    collections::{BTreeSet, VecDeque},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rumqttc::ConnectReturnCode;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use twinlight::{
    model::Login,
    world::broker::{Broker, BrokerConfig, BrokerError, Ended, PORTS_TRIED},
};

use crate::client::{
    Client, PATIENCE, Pair, Raw, connect_packet, gets_in_at_once, king_arthur, loopback, options, quiet_port,
    refusal, start, will,
};

// Messages.

/// The fault: a queue shorter than the number of topics (one broker gave 100 of 300).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_subscriber_gets_all_of_600_retained_topics() {
    let broker = start(&loopback()).await;
    let mut lights = Client::connect(&broker, "lights").await;
    for n in 0..600 {
        lights.send(&format!("twinlight/j{}/l{n}/state", n % 20), true, &n.to_string()).await;
    }
    lights.acknowledged(600).await;

    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("twinlight/+/+/state").await;
    let mut heard = BTreeSet::new();
    for _ in 0..600 {
        let message = observer.message().await;
        assert!(message.retain, "{} came without the retain flag", message.topic);
        heard.insert(message.topic);
    }
    assert_eq!(heard.len(), 600, "some topics came twice, others never");

    lights.publish("twinlight/j0/l0/state", true, "fresh").await;
    assert!(!observer.message().await.retain, "a fresh message came with the retain flag");
    broker.stop().await;
}

/// The fault: an empty payload kept as a message instead of clearing the topic.
#[tokio::test]
async fn an_empty_retained_message_clears_its_topic() {
    let broker = start(&loopback()).await;
    let mut light = Client::connect(&broker, "light").await;
    light.publish("demo/a", true, "old").await;
    light.publish("demo/a", true, "").await;
    light.publish("demo/b", true, "kept").await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/#").await;
    assert_eq!(observer.message().await.topic, "demo/b");
    broker.stop().await;
}

// Wills.

/// The fault: a light that lost power stays online for everybody else.
#[tokio::test]
async fn the_will_is_published_when_a_socket_drops() {
    let broker = start(&loopback()).await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/+/status").await;

    let mut with_will = options(&broker, "light");
    with_will.set_last_will(will("demo/a/status", "a is offline"));
    drop(Client::with(with_will).await.unwrap());
    assert_eq!(observer.text().await, "a is offline");

    let connect = connect_packet(b"raw", 60, Some(("demo/b/status", "b is offline")));
    Raw::connected(broker.address(), &connect).await.reset();
    assert_eq!(observer.text().await, "b is offline");
    broker.stop().await;
}

/// The fault: a will for a light that has stopped cleanly, or none because the broker takes every end of
/// a connection for a clean one.
#[tokio::test]
async fn the_will_is_not_published_after_a_clean_disconnect() {
    let broker = start(&loopback()).await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/+/status").await;
    let connect = connect_packet(b"clean", 60, Some(("demo/a/status", "wrong: a is offline")));
    let mut clean = Raw::connected(broker.address(), &connect).await;
    clean.0.write_all(&[0xE0, 0]).await.unwrap();
    clean.closed().await;

    let connect = connect_packet(b"dropped", 60, Some(("demo/b/status", "b is offline")));
    drop(Raw::connected(broker.address(), &connect).await);
    assert_eq!(observer.text().await, "b is offline");
    broker.stop().await;
}

/// The fault: a black hole (no FIN, no RST) keeps a dead light online for ever.
#[tokio::test]
async fn the_will_of_a_silent_client_is_published_within_one_and_a_half_keep_alives() {
    let broker = start(&loopback()).await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/a/status").await;

    let began = Instant::now();
    let connect = connect_packet(b"light", 2, Some(("demo/a/status", "offline")));
    let mut silent = Raw::connected(broker.address(), &connect).await;
    assert_eq!(observer.text().await, "offline");
    let took = began.elapsed();
    // At 3 s; the rest is for a machine that is busy with other tests.
    assert!(took > Duration::from_millis(1_900), "dropped within its keep-alive: {took:?}");
    assert!(took < Duration::from_secs(6), "dropped late: {took:?}");
    silent.closed().await;
    broker.stop().await;
}

/// The fault: after a takeover the broker publishes the new connection's will, or forgets it, so that
/// others see a light offline that has just come back, or never see it go again.
#[tokio::test]
async fn the_will_of_the_connection_that_takes_over_comes_when_that_one_dies_and_not_before() {
    let broker = start(&loopback()).await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/a/#").await;

    let first = connect_packet(b"light", 60, Some(("demo/a/status", "will of the first")));
    let second = connect_packet(b"light", 60, Some(("demo/a/status", "will of the second")));
    let mut first = Raw::connected(broker.address(), &first).await;
    let second = Raw::connected(broker.address(), &second).await;
    first.closed().await;

    // A second of its own, so that a will published late by the takeover comes before the marker.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut marker = Client::connect(&broker, "marker").await;
    marker.publish("demo/a/marker", false, "marker").await;
    // MQTT 3.1.1 wants the first one's will published; when, is open.
    let mut heard_but_first = async || {
        loop {
            let heard = observer.text().await;
            if heard != "will of the first" {
                return heard;
            }
        }
    };
    let heard = heard_but_first().await;
    assert_eq!(heard, "marker", "the second connection's will came at the takeover");

    drop(second);
    assert_eq!(heard_but_first().await, "will of the second");
    broker.stop().await;
}

// Rude peers.

/// The fault: one connection reset before its CONNACK poisons the listener for good.
#[tokio::test]
async fn connections_aborted_before_the_connack_disturb_nobody() {
    let broker = start(&loopback()).await;
    let mut pair = Pair::connect(&broker).await;
    let connect = connect_packet(b"aborted", 60, None);
    for round in 0..60 {
        // Nothing said, half a CONNECT, all of it; ended by a reset, then by a FIN.
        for said in [0, 1, connect.len() / 2, connect.len()] {
            let mut raw = Raw::open(broker.address()).await;
            raw.0.write_all(&connect[..said]).await.unwrap();
            if round % 2 == 0 {
                raw.reset();
            }
        }
    }
    pair.talks().await;
    gets_in_at_once(options(&broker, "good")).await;
    broker.stop().await;
}

/// The fault: five wrong passwords lock the whole address out for 300 s, and on loopback that is everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_lock_nobody_out_and_cost_little() {
    let broker = start(&BrokerConfig { login: Some(king_arthur()), ..loopback() }).await;
    let with = |id: &str, user: &str, password: &str| {
        let mut options = options(&broker, id);
        options.set_credentials(user, password);
        options
    };
    let mut pair = Pair::with(with("speaker", "king", "arthur"), with("listener", "king", "arthur")).await;
    for n in 0..100 {
        let wrong = Client::with(with(&format!("wrong-{n}"), "king", "lancelot")).await;
        assert_eq!(refusal(wrong), ConnectReturnCode::BadUserNamePassword);
    }
    pair.talks().await;

    // With a slow hash (argon2: tens of milliseconds, and one core) this would take several seconds.
    let began = Instant::now();
    for n in 0..200 {
        gets_in_at_once(with(&format!("right-{n}"), "king", "arthur")).await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "200 logins took {took:?}");
    broker.stop().await;
}

/// The fault: a client id that serves as a file name, a map key or a log line brings the broker down.
#[tokio::test]
async fn odd_client_ids_are_let_in_or_refused_in_words_and_disturb_nobody() {
    let broker = start(&loopback()).await;
    let mut pair = Pair::connect(&broker).await;
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    let huge = "x".repeat(65_535);
    let path = ["demo/a", "../../etc/passwd", "..", "a\\b", "cert:x"];
    for welcome in ["", "lampa-å-信号-🚦", "a b", "$SYS", "+", "#", "%s%n", &longest].into_iter().chain(path)
    {
        let mut raw = Raw::open(broker.address()).await;
        let code = raw.log_in(&connect_packet(welcome.as_bytes(), 60, None)).await;
        assert_eq!(code, Some(0), "{welcome:?} was not let in");
    }
    // Code 2 is "identifier rejected".
    for unwelcome in ["a\nb", "\x1b[2J", &too_long, &huge] {
        let mut raw = Raw::open(broker.address()).await;
        let code = raw.log_in(&connect_packet(unwelcome.as_bytes(), 60, None)).await;
        assert_eq!(code, Some(2), "{unwelcome:?} was not refused in words");
    }
    // Not UTF-8, or with a NUL: malformed, so that the connection just ends.
    for malformed in [&b"\xff\xfe"[..], b"\xed\xa0\x80", b"a\0b"] {
        let mut raw = Raw::open(broker.address()).await;
        let code = raw.log_in(&connect_packet(malformed, 60, None)).await;
        assert_ne!(code, Some(0), "{malformed:?} was let in");
    }
    pair.talks().await;
    gets_in_at_once(options(&broker, "good")).await;
    broker.stop().await;
}

/// The fault: peers that connect and say nothing (port scanners, sleepy boards) use up a pool or hold a
/// lock, and a stop waits for them.
#[tokio::test]
async fn a_hundred_connections_that_say_nothing_disturb_nobody_and_do_not_delay_the_stop() {
    let broker = start(&loopback()).await;
    let mut pair = Pair::connect(&broker).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(Raw::open(broker.address()).await);
    }
    pair.talks().await;
    gets_in_at_once(options(&broker, "good")).await;

    let began = Instant::now();
    broker.stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "the stop took {took:?}");
    // The crate itself would let each go on for up to 10 s.
    for mut raw in silent {
        raw.closed().await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "the last closed after {took:?}");
}

/// The fault: a parser that panics, allocates what a header promises, or goes round for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_disturb_nobody() {
    let broker = start(&loopback()).await;
    let mut pair = Pair::connect(&broker).await;
    let mut random = StdRng::seed_from_u64(42);
    let mut open = VecDeque::new();
    for n in 0..400 {
        let mut noise = vec![0; random.random_range(1..2_000)];
        random.fill_bytes(&mut noise);
        let mut bytes = Vec::new();
        match n % 4 {
            0 => {}
            // A CONNECT's head, then noise for its body.
            1 => bytes.extend([0x10, random.random_range(1..128)]),
            // The longest length that there is (256 MiB), then noise.
            2 => bytes.extend([0x10, 0xFF, 0xFF, 0xFF, 0x7F]),
            // Logged in, then noise.
            _ => bytes.extend(connect_packet(format!("noise-{n}").as_bytes(), 60, None)),
        }
        bytes.extend(noise);
        let mut raw = Raw::open(broker.address()).await;
        // The broker may hang up in the middle: that is an answer too.
        drop(raw.0.write_all(&bytes).await);
        open.push_back(raw);
        if open.len() > 100 {
            open.pop_front();
        }
    }
    pair.talks().await;
    gets_in_at_once(options(&broker, "good")).await;
    drop(open);
    pair.talks().await;
    broker.stop().await;
}

/// The fault: a default limit on clients, on clients of one address or on logins a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_clients_of_one_address_are_served() {
    // Both ends of every connection are in this process.
    let descriptors = rlimit::increase_nofile_limit(8_192).unwrap_or(1_024);
    let count = usize::try_from(descriptors.saturating_sub(600) / 2).unwrap().min(2_000);
    let broker = start(&loopback()).await;
    let mut clients = Vec::new();
    for n in 0..count {
        let connect = connect_packet(format!("client-{n}").as_bytes(), 60, None);
        clients.push(Raw::connected(broker.address(), &connect).await);
    }
    Pair::connect(&broker).await.talks().await;
    broker.stop().await;
    for mut client in clients {
        client.closed().await;
    }
}

/// The fault: a subscriber without a keep-alive dropped after a few seconds of silence.
#[tokio::test]
async fn a_subscriber_with_keep_alive_zero_survives_some_silence() {
    let broker = start(&loopback()).await;
    let mut patient = options(&broker, "patient");
    patient.set_keep_alive(Duration::ZERO);
    let mut patient = Client::with(patient).await.unwrap();
    patient.subscribe("demo/a").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    Client::connect(&broker, "light").await.publish("demo/a", false, "still here").await;
    assert_eq!(patient.text().await, "still here");
    broker.stop().await;
}

// Start and stop.

/// The fault: a port that stays taken after a stop, by the listener or by old connections.
#[tokio::test]
async fn the_broker_starts_and_stops_ten_times_on_one_port() {
    let _no_fork = crate::FORK.lock().await;
    let port = quiet_port(0).await;
    let config = BrokerConfig { first_port: port, ..loopback() };
    for round in 0..10 {
        let broker = start(&config).await;
        assert_eq!(broker.address().port(), port);
        assert_eq!(broker.wanted_port_taken(), None);
        let mut pair = Pair::connect(&broker).await;
        pair.talks().await;
        let mut client = Client::connect(&broker, "client").await;
        client.publish("demo/a", true, &round.to_string()).await;

        broker.stop().await;
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        assert!(refused.is_err(), "somebody still listens after stop {round}");
        client.closed().await;
    }
}

/// The fault: a stop at once after the start hangs, because the broker is not ready to hear it.
#[tokio::test]
async fn a_stop_at_once_after_the_start_works() {
    let _no_fork = crate::FORK.lock().await;
    let port = quiet_port(1).await;
    for _ in 0..20 {
        let broker = start(&BrokerConfig { first_port: port, ..loopback() }).await;
        timeout(PATIENCE, broker.stop()).await.expect("the stop hangs");
    }
}

/// The fault: an end that nobody hears of, or one reported although the broker runs.
#[tokio::test]
async fn its_end_is_told_after_a_stop_and_after_a_drop_and_not_before() {
    let broker = start(&loopback()).await;
    let mut ended = Box::pin(broker.ended());
    assert!(timeout(Duration::from_millis(200), &mut ended).await.is_err(), "told too early");
    broker.stop().await;
    assert_eq!(timeout(PATIENCE, ended).await.expect("not told"), Ended::Stopped);

    let broker = start(&loopback()).await;
    let ended = broker.ended();
    let mut client = Client::connect(&broker, "client").await;
    drop(broker);
    assert_eq!(timeout(PATIENCE, ended).await.expect("not told"), Ended::Stopped);
    client.closed().await;
}

/// The fault: retained messages of the last run that tell of lights which are gone.
#[tokio::test]
async fn a_new_start_remembers_nothing() {
    let broker = start(&loopback()).await;
    Client::connect(&broker, "light").await.publish("demo/old", true, "old").await;
    broker.stop().await;

    let broker = start(&loopback()).await;
    Client::connect(&broker, "light").await.publish("demo/new", true, "new").await;
    let mut observer = Client::connect(&broker, "observer").await;
    observer.subscribe("demo/#").await;
    assert_eq!(observer.message().await.topic, "demo/new");
    broker.stop().await;
}

/// The fault: the crate's default storage, a folder in whatever directory the app was started from.
#[test]
fn nothing_is_written_into_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    // Another process, as the working directory is one for all tests of this one.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "broker::a_new_start_remembers_nothing"]).current_dir(folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let forked = crate::FORK.blocking_lock();
    let child = command.spawn().unwrap();
    drop(forked);
    let run = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    let written: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert!(written.is_empty(), "{written:?}");
}

// Who may come in, and where.

/// The fault: a login that is asked for but not checked.
#[tokio::test]
async fn the_right_login_gets_in_and_a_wrong_one_or_none_does_not() {
    let broker = start(&BrokerConfig { login: Some(king_arthur()), ..loopback() }).await;
    let with = |user: &str, password: &str| {
        let mut options = options(&broker, "light");
        options.set_credentials(user, password);
        Client::with(options)
    };
    assert!(with("king", "arthur").await.is_ok());
    for (user, password) in [("king", "lancelot"), ("king", ""), ("queen", "arthur"), ("", "")] {
        let refused = refusal(with(user, password).await);
        assert_eq!(refused, ConnectReturnCode::BadUserNamePassword, "{user}/{password}");
    }
    let none = refusal(Client::with(options(&broker, "light")).await);
    assert_eq!(none, ConnectReturnCode::BadUserNamePassword, "no login");
    broker.stop().await;
}

/// The fault: a broker that gives up, or hides that it is elsewhere, when Mosquitto has port 1883.
#[tokio::test]
async fn with_the_port_in_use_a_search_takes_the_next_and_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let broker = start(&BrokerConfig { first_port: port, search: true, ..loopback() }).await;
    assert_eq!(broker.wanted_port_taken(), Some(port));
    let got = broker.address().port();
    assert!(got > port && got - port < PORTS_TRIED, "{got} after {port}");
    Pair::connect(&broker).await.talks().await;
    broker.stop().await;
}

/// The fault: two brokers of ours share a port by SO_REUSEADDR and each gets some of the clients.
#[tokio::test]
async fn two_brokers_do_not_share_a_port_not_even_on_loopback_and_lan() {
    let first = start(&loopback()).await;
    let port = first.address().port();
    let on_loopback = BrokerConfig { first_port: port, ..loopback() };
    let on_lan = BrokerConfig { lan: true, login: Some(king_arthur()), ..on_loopback.clone() };
    for config in [on_loopback, on_lan] {
        let second = Broker::start(&config).await;
        assert!(matches!(second, Err(BrokerError::PortInUse { .. })), "{second:?}");
    }
    first.stop().await;
}

/// The fault: "address in use" as a number, without a word about what to do.
#[tokio::test]
async fn with_the_port_in_use_and_no_search_the_error_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Broker::start(&BrokerConfig { first_port: port, ..loopback() }).await.unwrap_err();
    assert!(matches!(error, BrokerError::PortInUse { port: p, .. } if p == port), "{error:?}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    assert!(error.help().contains("choose another port"), "{}", error.help());
}

/// The fault: a search that wraps round to port 0, or does not tell where it looked.
#[tokio::test]
async fn a_search_that_finds_nothing_tells_the_ports_it_tried() {
    let last = u16::MAX;
    // Somebody else may have it: then it is in use just as well.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, last));
    let config = BrokerConfig { first_port: last, search: true, ..loopback() };
    let error = Broker::start(&config).await.unwrap_err();
    assert!(matches!(error, BrokerError::NoFreePort { first: u16::MAX, last: u16::MAX, .. }), "{error:?}");
}

/// The fault: a broker open to the whole lab although nobody asked for it.
#[tokio::test]
async fn it_is_on_loopback_only_unless_lan_is_asked_for() {
    let broker = start(&loopback()).await;
    assert_eq!(broker.address().ip(), Ipv4Addr::LOCALHOST);
    if let Some(lan_ip) = lan_ip() {
        let from_outside = SocketAddr::from((lan_ip, broker.address().port()));
        assert!(TcpStream::connect(from_outside).await.is_err(), "reachable at {from_outside}");
    }
    broker.stop().await;

    let broker = start(&BrokerConfig { lan: true, login: Some(king_arthur()), ..loopback() }).await;
    assert_eq!(broker.address().ip(), Ipv4Addr::UNSPECIFIED);
    let port = broker.address().port();
    for ip in lan_ip().into_iter().chain([Ipv4Addr::LOCALHOST]) {
        let mut options = rumqttc::MqttOptions::new("board", ip.to_string(), port);
        options.set_credentials("king", "arthur");
        gets_in_at_once(options).await;
    }
    let anonymous = refusal(Client::with(options(&broker, "anonymous")).await);
    assert_eq!(anonymous, ConnectReturnCode::BadUserNamePassword);
    broker.stop().await;
}

/// This machine's address towards others, if it has one. Nothing is sent.
fn lan_ip() -> Option<Ipv4Addr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(address) if !address.ip().is_loopback() => Some(*address.ip()),
        _ => None,
    }
}

/// The fault: a broker that anybody in the lab can command, by a forgotten or an empty password.
#[tokio::test]
async fn lan_without_a_login_is_refused() {
    let none = BrokerConfig { lan: true, ..loopback() };
    let error = Broker::start(&none).await.unwrap_err();
    assert!(matches!(error, BrokerError::LanWithoutLogin), "{error:?}");
    for (user, password) in [("", "arthur"), ("king", ""), ("", "")] {
        let login = Login { user: user.to_owned(), password: password.to_owned() };
        let empty = BrokerConfig { lan: true, login: Some(login), ..loopback() };
        let error = Broker::start(&empty).await.unwrap_err();
        assert!(matches!(error, BrokerError::EmptyLogin), "{error:?}");
    }
}
