//! Lights of one junction in two programs on two brokers: two real Mosquittos with a bridge between
//! them, as config/cluster/ ships it, and the real binary on each.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, Incoming, LastWill, MqttOptions, Publish, QoS};
use serde_json::Value;
use test_support::{Going, Mosquitto, Workspace};
use tokio::runtime::Runtime;
use traffic_light::mqtt::codec::{Connect, Will};
use twinlight::{
    config::{BrokerChoice, Config},
    fault::{BlackHole, LinkFaultSpec},
    world::proxy::Proxy,
};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Longer than a light needs after a fault on a busy machine: lease, clearance, heartbeats, a bridge and a
/// session that come back, another light's go.
const SOON_S: u64 = 60;
/// The clearance of the default timings, less what reading two clocks at two starts may err.
const CLEARANCE_MS: u64 = 1_000 - 20;

/// Two nodes. The bridge from the first to the second leads through a proxy, where it can be cut.
struct Cluster {
    first: Mosquitto,
    second: Mosquitto,
    bridge: Proxy,
    _runtime: Runtime,
}

impl Cluster {
    fn start() -> Cluster {
        // Ports are the test's own; all else is as shipped.
        let shipped = |text: &str| {
            let kept = text.lines().filter(|line| !line.starts_with("listener"));
            kept.collect::<Vec<_>>().join("\n")
        };
        let second = Mosquitto::start(&shipped(include_str!("../../config/cluster/node2.conf")), &[]);
        let runtime = Runtime::new().unwrap();
        let bridge = runtime.block_on(async { Proxy::start(ANY, "127.0.0.1", second.port, 1).unwrap() });
        let text = shipped(include_str!("../../config/cluster/node1.conf"));
        let address = format!("address 127.0.0.1:{}", bridge.address().port());
        let first = text.replace("address 127.0.0.1:1884", &address);
        assert_ne!(first, text, "the shipped file has changed its shape");
        let cluster = Cluster { first: Mosquitto::start(&first, &[]), second, bridge, _runtime: runtime };
        cluster.wait_for_bridge();
        cluster
    }

    /// Until a word said on one node is heard on the other.
    fn wait_for_bridge(&self) {
        let heard = observer(self.second.port, "waiting", "twinlight/waiting");
        let mouth = mouth(self.first.port, "asking", None);
        let until = Instant::now() + Duration::from_secs(30);
        while heard.recv_timeout(Duration::from_millis(200)).is_err() {
            assert!(Instant::now() < until, "the bridge did not come up");
            mouth.publish("twinlight/waiting", QoS::AtLeastOnce, false, "?").unwrap();
        }
    }
}

/// A client that speaks; its connection is served in the background. Dropping it says goodbye.
pub(crate) struct Mouth(Client);

impl std::ops::Deref for Mouth {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        let _ = self.0.disconnect();
    }
}

pub(crate) fn mouth(port: u16, id: &str, will: Option<LastWill>) -> Mouth {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    if let Some(will) = will {
        options.set_last_will(will);
    }
    let (client, mut connection) = Client::new(options, 16);
    thread::spawn(move || connection.iter().take_while(Result::is_ok).for_each(drop));
    Mouth(client)
}

/// What comes on `filter`. Ends with the receiver.
pub(crate) fn observer(port: u16, id: &str, filter: &str) -> Receiver<Publish> {
    let (client, mut connection) = Client::new(MqttOptions::new(id, "127.0.0.1", port), 16);
    client.subscribe(filter, QoS::AtLeastOnce).unwrap();
    let (tell, heard) = channel();
    let (ready, subscribed) = channel();
    thread::spawn(move || {
        // The client is kept: without it the connection would end.
        let _client = client;
        for event in connection.iter() {
            let told = match event {
                Ok(Event::Incoming(Incoming::SubAck(_))) => ready.send(()).is_ok(),
                Ok(Event::Incoming(Incoming::Publish(publish))) => tell.send(publish).is_ok(),
                Ok(_) => true,
                Err(_) => false,
            };
            if !told {
                return;
            }
        }
    });
    subscribed.recv_timeout(Duration::from_secs(20)).expect("no subscription");
    heard
}

fn next(heard: &Receiver<Publish>) -> (String, Vec<u8>, bool, QoS) {
    let publish = heard.recv_timeout(Duration::from_secs(20)).expect("nothing came");
    (publish.topic, publish.payload.to_vec(), publish.retain, publish.qos)
}

#[test]
fn live_words_kept_words_and_wills_pass_the_bridge_both_ways_once_each() {
    let cluster = Cluster::start();
    let nodes = [cluster.first.port, cluster.second.port];
    for (round, [here, there]) in [nodes, [nodes[1], nodes[0]]].into_iter().enumerate() {
        let id = |name: &str| format!("{name}-{round}");
        let topic = |last: &str| format!("twinlight/demo/l{round}/{last}");
        let (state, status) = (topic("state"), topic("status"));
        let far = observer(there, &id("far"), &topic("+"));
        let near = observer(here, &id("near"), &topic("+"));

        let will = LastWill::new(&status, "gone", QoS::AtLeastOnce, true);
        let socket = cut_by_hand(here, &id("light"), &will);
        let speaker = mouth(here, &id("speaker"), None);
        speaker.publish(&state, QoS::AtLeastOnce, true, "said").unwrap();
        let live = (state.clone(), b"said".to_vec(), false, QoS::AtLeastOnce);
        assert_eq!(next(&far), live, "a live word has to arrive as live, or no light counts it as fresh");
        assert_eq!(next(&near), live);

        drop(socket);
        let gone = (status.clone(), b"gone".to_vec(), false, QoS::AtLeastOnce);
        assert_eq!(next(&far), gone, "the will of a light on the other node");

        let late = observer(there, &id("late"), &topic("+"));
        let mut kept = [next(&late), next(&late)];
        kept.sort_by(|one, other| one.0.cmp(&other.0));
        let retained = |topic: String, payload: &[u8]| (topic, payload.to_vec(), true, QoS::AtLeastOnce);
        assert_eq!(kept, [retained(state, b"said"), retained(status, b"gone")]);

        assert_eq!(next(&near).1, b"gone");
        let echo = [&far, &near].map(|ear| ear.recv_timeout(Duration::from_millis(700)).ok());
        assert!(echo.iter().all(Option::is_none), "a word went in a circle: {echo:?}");
    }
}

/// A session with a will, over a plain socket: dropping the socket is a light that loses its power.
fn cut_by_hand(port: u16, id: &str, will: &LastWill) -> std::net::TcpStream {
    use std::io::{Read, Write};
    let will = Will { topic: &will.topic, payload: &will.message, qos: 1, retain: true };
    let connect =
        Connect { client_id: id, clean_session: true, keep_alive_s: 60, will: Some(will), login: None };
    let mut packet = Vec::new();
    connect.encode(|bytes| packet.extend_from_slice(bytes)).unwrap();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(&packet).unwrap();
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    socket
}

#[test]
fn the_second_nodes_file_differs_from_the_firsts_in_its_port_alone() {
    let read = |text: &str| Config::from_toml(text, "shipped", &|_| None).unwrap();
    let mut first = read(include_str!("../../config/cluster.toml"));
    let second = read(include_str!("../../config/cluster/second.toml"));
    assert_ne!(first, second);
    if let BrokerChoice::External { port, .. } = &mut first.broker {
        *port = 1884;
    }
    assert_eq!(first, second);
}

/// A program that runs one of the lights on one of the nodes.
pub(crate) struct Program {
    pub(crate) going: Going,
    pub(crate) light: &'static str,
    pub(crate) other: &'static str,
    _lab: Workspace,
}

/// What a program's own light showed, by the wall clock.
pub(crate) struct Shown {
    at_ms: u64,
    light: &'static str,
    aspect: String,
}

impl Program {
    /// `timing`: lines of the configuration, beside what is shipped.
    pub(crate) fn start(light: &'static str, other: &'static str, port: u16, timing: &str) -> Program {
        let lab = Workspace::new();
        let shipped = include_str!("../../config/cluster.toml");
        let config = shipped.replace("port = 1883", &format!("port = {port}"));
        assert_ne!(config, shipped, "the shipped file has changed its shape");
        let config = format!("{config}\n{timing}");
        let file = lab.config(&config);
        let args = ["run", "--lights", light, "--json", "--config", file.to_str().unwrap()];
        Program { going: lab.start(&args), light, other, _lab: lab }
    }

    pub(crate) fn wait_for(&mut self, light: &str, aspect: &str, seconds: u64) {
        self.going.wait_for(&format!("{aspect} of {light}"), seconds, |line| shows(line, light, aspect));
    }
}

/// What a program said that its own light showed.
fn shown(light: &'static str, lines: &[Value]) -> Vec<Shown> {
    let start = lines.iter().find(|line| line["kind"] == "broker").unwrap();
    let zero = start["unix_ms"].as_u64().unwrap() - start["ms"].as_u64().unwrap();
    let own = lines.iter().filter(|line| line["kind"] == "aspect" && line["light"] == light);
    own.map(|line| Shown {
        at_ms: zero + line["ms"].as_u64().unwrap(),
        light,
        aspect: line["aspect"].as_str().unwrap().to_owned(),
    })
    .collect()
}

fn shows(line: &Value, light: &str, aspect: &str) -> bool {
    line["kind"] == "aspect" && line["light"] == light && line["aspect"] == aspect
}

/// When a light had right of way, begin and end.
fn goes(shown: &[Shown]) -> Vec<(u64, u64)> {
    let is_go = |shown: &Shown| matches!(shown.aspect.as_str(), "red-amber" | "green" | "amber");
    let mut goes = Vec::new();
    let mut began = None;
    for one in shown {
        match (is_go(one), began) {
            (true, None) => began = Some(one.at_ms),
            (false, Some(begin)) => {
                goes.push((begin, one.at_ms));
                began = None;
            }
            _ => {}
        }
    }
    goes.extend(began.map(|begin| (begin, u64::MAX)));
    goes
}

#[test]
fn lights_on_two_nodes_keep_out_of_each_others_go_and_alternate_again_after_each_fault() {
    let mut cluster = Cluster::start();
    let mut programs =
        [Program::start("a", "b", cluster.first.port, ""), Program::start("b", "a", cluster.second.port, "")];
    all_green(&mut programs, SOON_S);

    cluster.second.stop();
    all_flash(&mut programs, SOON_S);
    cluster.second.restart();
    all_green(&mut programs, SOON_S);

    // Silent: both ends believe in the connection until a keep-alive has passed, and what was on its way
    // comes late.
    cluster.bridge.inject(LinkFaultSpec::both_ways(BlackHole)).unwrap();
    all_flash(&mut programs, SOON_S);
    cluster.bridge.clear(&LinkFaultSpec::both_ways(BlackHole));
    all_green(&mut programs, SOON_S);
    all_green(&mut programs, SOON_S);

    end_well(programs);
}

/// Waits until each program shows its own light green, and then the other one's, `seconds` at most for each.
pub(crate) fn all_green(programs: &mut [Program; 2], seconds: u64) {
    for program in programs {
        let (own, other) = (program.light, program.other);
        program.wait_for(own, "green", seconds);
        // Over MQTT, through the cluster: the monitor of each program watches both lights.
        program.wait_for(other, "green", seconds);
    }
}

/// Waits until each program's own light flashes, `seconds` at most for each.
pub(crate) fn all_flash(programs: &mut [Program; 2], seconds: u64) {
    for program in programs {
        let own = program.light;
        program.wait_for(own, "flashing-amber", seconds);
    }
}

/// Ends both and judges what they showed.
pub(crate) fn end_well(programs: [Program; 2]) {
    let both = programs.map(|program| {
        let Program { going, light, other, _lab } = program;
        let (status, lines) = going.end();
        assert_eq!(status, 0, "{light}: {lines:#?}");
        assert_eq!(lines.last().unwrap()["conflicts"], 0);
        assert!(lines.iter().any(|line| shows(line, other, "green")), "{light} never heard {other}");
        shown(light, &lines)
    });
    judge(&both[0], &both[1]);
}

/// By the wall clock of this machine, from what each program says of its own light.
fn judge(a: &[Shown], b: &[Shown]) {
    for go in goes(a) {
        for other in goes(b) {
            let apart =
                if go.0 < other.0 { other.0.saturating_sub(go.1) } else { go.0.saturating_sub(other.1) };
            assert!(apart >= CLEARANCE_MS, "a had right of way {go:?}, b {other:?}: {apart} ms apart");
        }
    }
    let flashed = |shown: &[Shown]| shown.iter().rfind(|one| one.aspect == "flashing-amber").unwrap().at_ms;
    let last_fault = flashed(a).max(flashed(b));
    let mut after: Vec<_> =
        a.iter().chain(b).filter(|one| one.at_ms > last_fault && one.aspect == "green").collect();
    after.sort_by_key(|one| one.at_ms);
    let order: Vec<_> = after.iter().map(|one| one.light).collect();
    assert!(order.len() >= 3 && order.windows(2).all(|two| two[0] != two[1]), "{order:?}");
}
