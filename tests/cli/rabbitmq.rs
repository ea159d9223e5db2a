//! Lights of one junction in two programs on the two nodes of a RabbitMQ cluster, as config/cluster/rabbitmq ships it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rumqttc::QoS;
use tempfile::TempDir;
use test_support::free_port;
use tokio::runtime::Runtime;
use twinlight::{
    fault::{BlackHole, LinkFaultSpec},
    world::proxy::Proxy,
};

use super::cluster::{Program, all_flash, all_green, end_well, mouth, observer};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// A node takes half a minute to start on a busy machine, and does so once more to heal a partition.
const SOON_S: u64 = 120;
/// Short greens; what a light promises and how soon it misses another are as usual.
const SHORT: &str = "[timing]\ngreen_min_ms = 1000\ngreen_max_ms = 2000\namber_ms = 1000\n";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/cluster/rabbitmq");

/// The routes from one node to another, by the name of that one.
type Routes = Arc<Mutex<BTreeMap<String, Route>>>;

/// Leads through a proxy, where it can be cut.
struct Route {
    port: u16,
    proxy: Proxy,
    /// Whether the node runs.
    open: bool,
}

/// In place of Erlang's port mapper, which tells nodes each other's port: tells the port of a proxy.
struct PortMapper {
    port: u16,
    routes: Routes,
    _runtime: Arc<Runtime>,
}

impl PortMapper {
    fn start() -> PortMapper {
        let listener = TcpListener::bind(ANY).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (routes, runtime) = (Routes::default(), Arc::new(Runtime::new().unwrap()));
        let (shared, proxies) = (routes.clone(), runtime.clone());
        thread::spawn(move || {
            for node in listener.incoming().map_while(Result::ok) {
                let (routes, runtime) = (shared.clone(), proxies.clone());
                thread::spawn(move || answer(node, port, &routes, &runtime));
            }
        });
        PortMapper { port, routes, _runtime: runtime }
    }

    fn cut(&self) {
        for Route { proxy, .. } in self.routes.lock().unwrap().values() {
            proxy.inject(LinkFaultSpec::both_ways(BlackHole)).unwrap();
        }
    }

    fn heal(&self) {
        for Route { proxy, .. } in self.routes.lock().unwrap().values() {
            proxy.clear(&LinkFaultSpec::both_ways(BlackHole));
        }
    }
}

/// One request of the mapper's protocol ("Distribution Protocol" in Erlang's documentation of ERTS).
fn answer(mut node: TcpStream, mapper: u16, routes: &Routes, runtime: &Runtime) -> Option<()> {
    let mut length = [0; 2];
    node.read_exact(&mut length).ok()?;
    let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
    node.read_exact(&mut request).ok()?;
    let number = |at: usize| Some(u16::from_be_bytes([*request.get(at)?, *request.get(at + 1)?]));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match request.first()? {
        // ALIVE2_REQ: a node has this name and port for as long as it keeps this connection.
        120 => {
            let port = number(1)?;
            let name = text(request.get(11..11 + usize::from(number(9)?))?);
            let set = |open| {
                let mut routes = routes.lock().unwrap();
                let route = routes.entry(name.clone()).or_insert_with(|| {
                    let proxy = runtime.block_on(async { Proxy::start(ANY, "127.0.0.1", port, 1) });
                    Route { port, proxy: proxy.unwrap(), open }
                });
                assert_eq!(route.port, port, "each node keeps its port");
                route.open = open;
            };
            set(true);
            node.write_all(&[118, 0, 0, 0, 0, 1]).ok()?;
            let _ = node.read(&mut [0]);
            set(false);
        }
        // PORT_PLEASE2_REQ
        122 => {
            let name = text(request.get(1..)?);
            let routes = routes.lock().unwrap();
            let Some(Route { proxy, .. }) = routes.get(&name).filter(|route| route.open) else {
                node.write_all(&[119, 1]).ok()?;
                return None;
            };
            let port = proxy.address().port().to_be_bytes();
            let length = u8::try_from(name.len()).ok()?;
            let head = [119, 0, port[0], port[1], 77, 0, 0, 6, 0, 5, 0, length];
            node.write_all(&[&head[..], name.as_bytes(), &[0, 0]].concat()).ok()?;
        }
        // NAMES_REQ
        110 => {
            let routes = routes.lock().unwrap();
            let open = routes.iter().filter(|(_, route)| route.open);
            let lines = open.map(|(name, route)| format!("name {name} at port {}\n", route.port));
            let answer =
                [&u32::from(mapper).to_be_bytes()[..], lines.collect::<String>().as_bytes()].concat();
            node.write_all(&answer).ok()?;
        }
        _ => {}
    }
    Some(())
}

struct Node {
    process: Child,
    number: u8,
    /// Of MQTT.
    port: u16,
    /// Of what the nodes say to each other.
    between: u16,
}

/// Two nodes of one cluster.
struct Cluster {
    nodes: [Node; 2],
    mapper: PortMapper,
    folder: TempDir,
}

impl Cluster {
    fn start() -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let mapper = PortMapper::start();
        let nodes = [1, 2].map(|number| {
            let (port, between) = (free_port(), free_port());
            let text = fs::read_to_string(format!("{SHIPPED}/node{number}.conf")).unwrap();
            // The port is the test's own; all else is as shipped.
            let own = text
                .replace(&format!("127.0.0.1:{}", 1882 + u16::from(number)), &format!("127.0.0.1:{port}"));
            assert_ne!(own, text, "the shipped file has changed its shape");
            fs::write(conf(folder.path(), number), own).unwrap();
            let process = start(folder.path(), number, between, mapper.port);
            Node { process, number, port, between }
        });
        let mut cluster = Cluster { nodes, mapper, folder };
        for node in &mut cluster.nodes {
            node.wait();
        }
        cluster.wait_until_joined();
        cluster
    }

    /// Until a word said on one node is heard on the other.
    fn wait_until_joined(&self) {
        let heard = observer(self.nodes[1].port, "waiting", "twinlight/waiting");
        let mouth = mouth(self.nodes[0].port, "asking", None);
        let until = Instant::now() + Duration::from_secs(SOON_S);
        while heard.recv_timeout(Duration::from_millis(200)).is_err() {
            assert!(Instant::now() < until, "the nodes are no cluster");
            mouth.publish("twinlight/waiting", QoS::AtLeastOnce, false, "?").unwrap();
        }
    }

    /// How often each node has lost the other, as its log says.
    fn losses(&self) -> [usize; 2] {
        [(1, 2), (2, 1)].map(|(number, other)| {
            let log = self.folder.path().join(format!("log{number}/node{number}@localhost.log"));
            let lost = format!("node node{other}@localhost down: ");
            fs::read_to_string(log).unwrap().matches(&lost).count()
        })
    }

    fn restart(&mut self, index: usize) {
        let Node { number, between, .. } = self.nodes[index];
        self.nodes[index].process = start(self.folder.path(), number, between, self.mapper.port);
        self.nodes[index].wait();
    }
}

fn conf(folder: &Path, number: u8) -> PathBuf {
    folder.join(format!("node{number}.conf"))
}

fn start(folder: &Path, number: u8, between: u16, mapper: u16) -> Child {
    assert!(
        Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server").exists(),
        "this test needs a real RabbitMQ: install it with \".ci/setup test\""
    );
    let log = fs::File::create(folder.join(format!("out{number}"))).unwrap();
    Command::new("sh")
        .arg(format!("{SHIPPED}/start"))
        .arg(number.to_string())
        .env("LIGHTS_RABBITMQ", folder)
        .env("RABBITMQ_CONFIG_FILE", conf(folder, number))
        .env("RABBITMQ_DIST_PORT", between.to_string())
        .env("ERL_EPMD_PORT", mapper.to_string())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        // Its shell is not the node: both are ended together.
        .process_group(0)
        .spawn()
        .unwrap()
}

impl Node {
    fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(SOON_S);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.try_wait().unwrap();
            assert!(
                Instant::now() < until && ended.is_none(),
                "node {} did not start: {ended:?}",
                self.number
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// As a computer that loses its power.
    fn kill(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn lights_on_two_nodes_alternate_again_after_a_killed_node_and_after_a_partition() {
    let began = Instant::now();
    let told = |what: &str| println!("{what}: after {} s", began.elapsed().as_secs());
    let mut cluster = Cluster::start();
    told("a cluster");
    let mut programs = [
        Program::start("a", "b", cluster.nodes[0].port, SHORT),
        Program::start("b", "a", cluster.nodes[1].port, SHORT),
    ];
    all_green(&mut programs, SOON_S);
    told("both green");

    cluster.nodes[1].kill();
    all_flash(&mut programs, SOON_S);
    told("one node killed, both flash");
    cluster.restart(1);
    all_green(&mut programs, SOON_S);
    told("both green again");

    let seen = cluster.losses();
    cluster.mapper.cut();
    all_flash(&mut programs, SOON_S);
    told("nodes apart, both flash");
    // Until then it is an interruption. A partition has to be healed.
    let until = Instant::now() + Duration::from_secs(SOON_S);
    while cluster.losses().iter().zip(seen).any(|(now, before)| *now <= before) {
        assert!(Instant::now() < until, "the nodes do not miss each other: {:?}", cluster.losses());
        thread::sleep(Duration::from_millis(100));
    }
    told("both nodes miss the other");
    cluster.mapper.heal();
    all_green(&mut programs, SOON_S);
    all_green(&mut programs, SOON_S);
    told("both green again, twice");

    end_well(programs);
}
