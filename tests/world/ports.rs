//! Lights that run elsewhere and connect to a port of this program: what the world tells of them, and the faults
//! of their links. Their clients are written by hand, so that they can make every mistake.

use std::{
    io::{self, ErrorKind},
    pin::pin,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
    sync::broadcast::Receiver,
    time::{interval, sleep, timeout},
};
use traffic_light::{Aspect, Name, mqtt::client_id};
use twinlight::{
    config::Config,
    fault::{Fault, LinkFaultSpec, Reset},
    model::{LightId, LightKind},
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{Layer, Severity},
    },
};

const SOON: Duration = Duration::from_secs(30);

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

/// A world that runs the light a; b has a port.
struct PortWorld {
    world: World,
    events: Receiver<Event>,
    port: u16,
}

impl PortWorld {
    async fn start(more: &str) -> PortWorld {
        let port = test_support::free_port();
        let text = format!(
            "[broker]\nkind = \"embedded\"\nport = 0\n[links]\nwifi_join_ms = 50\nboard_port = {port}\n\
             [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nrun = [\"a\"]\n{more}"
        );
        let config = Config::from_toml(&text, "lab.toml", &|_| None).unwrap();
        let options = WorldOptions { detailed: true, ..WorldOptions::default() };
        let (world, events) = World::start(config, options).await.unwrap();
        PortWorld { world, events, port }
    }

    async fn command(&self, command: Command) {
        self.world.commands().send(command).await.unwrap();
    }

    async fn wait<T>(&mut self, what: &str, wanted: impl Fn(&EventKind) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(&self.events.recv().await.unwrap().kind) {
                    return found;
                }
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("{what} did not come"))
    }

    /// Waits until a layer of b's link changes, and says why.
    async fn link(&mut self, wanted: Layer, wanted_up: bool) -> String {
        self.wait(&format!("{wanted:?} {wanted_up}"), |kind| match kind {
            EventKind::LinkChanged { light: other, layer, up, reason }
                if *other == light("b") && (*layer, *up) == (wanted, wanted_up) =>
            {
                Some(reason.clone())
            }
            _ => None,
        })
        .await
    }

    async fn warning(&mut self, part: &str) -> String {
        self.wait(part, |kind| match kind {
            EventKind::Noticed { severity: Severity::Warning, light: Some(of), text }
                if *of == light("b") && text.contains(part) =>
            {
                Some(text.clone())
            }
            _ => None,
        })
        .await
    }

    /// A session through the port.
    async fn session(&mut self, id: &str, keep_alive_s: u8) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(&connect(id, keep_alive_s)).await.unwrap();
        let mut answer = [0; 4];
        timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, [0x20, 2, 0, 0]);
        stream
    }
}

fn connect(id: &str, keep_alive_s: u8) -> Vec<u8> {
    let length = u8::try_from(id.len()).unwrap();
    let mut packet = vec![0x10, 12 + length, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, keep_alive_s, 0, length];
    packet.extend(id.as_bytes());
    packet
}

/// Waits until the connection is over, and says how.
async fn end(stream: &mut TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 1_024];
    loop {
        match timeout(SOON, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) => return Ok(0),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_on_a_port_is_there_when_it_connects_and_a_fault_of_its_link_strikes_it() {
    let mut lab = PortWorld::start("").await;
    let mut b = lab.session("esp32", 10).await;
    let kind = lab
        .wait("b", |kind| match kind {
            EventKind::LightAdded { light: of, kind, .. } if *of == light("b") => Some(*kind),
            _ => None,
        })
        .await;
    assert_eq!(kind, LightKind::Foreign, "until it says that it is a board");
    assert_eq!(lab.link(Layer::Tcp, true).await, "connected from 127.0.0.1");
    assert_eq!(lab.link(Layer::Mqtt, true).await, "session as \"esp32\", keep-alive 10 s");

    let reset = Fault::Link { light: light("b"), spec: LinkFaultSpec::both_ways(Reset { after_ms: 0 }) };
    lab.command(Command::InjectFault { fault: reset.clone(), lasts: None }).await;
    assert_eq!(end(&mut b).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(lab.link(Layer::Mqtt, false).await, "a fault reset the connection");
    lab.command(Command::ClearFault(reset)).await;
    lab.wait("the end of the fault", |kind| {
        matches!(kind, EventKind::FaultChanged { on: false, .. }).then_some(())
    })
    .await;

    let mut b = lab.session("esp32", 10).await;
    lab.link(Layer::Mqtt, true).await;
    b.write_all(b"\xe0\x00").await.unwrap();
    drop(b);
    assert_eq!(lab.link(Layer::Mqtt, false).await, "it disconnected");
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_fault_strikes_a_light_on_a_port() {
    let fault = "[[fault]]\nat_s = 0\nwhat = \"reset\"\nafter_ms = 200\nlight = \"demo/b\"\n";
    let mut lab = PortWorld::start(fault).await;
    let mut b = lab.session("esp32", 10).await;
    assert_eq!(end(&mut b).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(lab.link(Layer::Tcp, false).await, "a fault reset the connection");
    lab.world.stop().await;
}

/// Its own topics and words, one aspect at a time: a light as a student writes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_light_on_a_port_is_heard_and_a_planned_fault_strikes_its_link() {
    let more = "[[foreign]]\nlight = \"demo/b\"\nsays = \"x/b\"\nhears = \"x/a\"\nwords = { red = \"RED\", amber = \"YELLOW\", \
                green = \"GREEN\" }\n[[fault]]\nat_s = 8\nfor_s = 2\nwhat = \"black-hole\"\nway = \"up\"\nlight = \"demo/b\"\n";
    let mut world = PortWorld::start(more).await;
    let mut b = world.session("esp32", 10).await;
    let shows = |aspect| {
        move |kind: &EventKind| match kind {
            EventKind::AspectChanged { light: of, aspect: shown }
                if *of == light("b") && *shown == aspect =>
            {
                Some(())
            }
            _ => None,
        }
    };
    {
        // The observer may have subscribed only after the first time.
        let mut again = interval(Duration::from_millis(500));
        let mut heard = pin!(world.wait("its word", shows(Aspect::Red)));
        loop {
            select! {
                () = &mut heard => break,
                _ = again.tick() => b.write_all(b"\x30\x08\x00\x03x/bRED").await.unwrap(),
            }
        }
    }
    let begun = |wanted| {
        move |kind: &EventKind| {
            matches!(kind, EventKind::FaultChanged { on, .. } if *on == wanted).then_some(())
        }
    };
    world.wait("the fault", begun(true)).await;
    b.write_all(b"\x30\x0a\x00\x03x/bGREEN").await.unwrap();
    // What the light sent is seen on its port, and arrives when the fault is over.
    let mut seen = false;
    let arrived = loop {
        let event = timeout(SOON, world.events.recv()).await.unwrap().unwrap();
        match &event.kind {
            EventKind::PacketSeen { text, .. } if text.contains("GREEN") => seen = true,
            kind if shows(Aspect::Green)(kind).is_some() => break event.at,
            _ => {}
        }
    };
    // The fault's end is told once its effect is undone: what was held back may arrive before that.
    assert!(seen && arrived >= Duration::from_secs(10), "seen on its port: {seen}, arrived at {arrived:?}");
    world.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_broker_looks_stopped_at_a_port() {
    let mut lab = PortWorld::start("").await;
    let mut b = lab.session("esp32", 10).await;
    lab.command(Command::StopBroker).await;
    let _ = end(&mut b).await;
    lab.wait("the broker's end", |kind| matches!(kind, EventKind::BrokerStopped { .. }).then_some(())).await;
    // The kernel may still take one that waits in the backlog while the port is being closed.
    let refused = timeout(SOON, async {
        loop {
            match TcpStream::connect(("127.0.0.1", lab.port)).await {
                Err(error) => return error.kind(),
                Ok(_) => sleep(Duration::from_millis(5)).await,
            }
        }
    });
    assert_eq!(refused.await.unwrap(), ErrorKind::ConnectionRefused);
    for _ in 0..20 {
        let again = TcpStream::connect(("127.0.0.1", lab.port)).await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::ConnectionRefused, "never accepted and reset");
    }
    lab.command(Command::StartBroker).await;
    let back = timeout(SOON, async {
        loop {
            match TcpStream::connect(("127.0.0.1", lab.port)).await {
                Ok(stream) => return stream,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        }
    });
    let mut b = back.await.unwrap();
    b.write_all(&connect("esp32", 10)).await.unwrap();
    timeout(SOON, b.read_exact(&mut [0; 4])).await.unwrap().unwrap();
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_light_on_a_port_is_said_by_name() {
    let mut lab = PortWorld::start("").await;
    let of_a = client_id("twinlight", "demo", "a");
    let _b = lab.session(&of_a, 0).await;
    let shared = lab.warning("client id").await;
    assert!(
        shared.starts_with("demo/b connected with the client id of demo/a")
            && shared.contains("the broker will throw one of them out"),
        "{shared}"
    );
    assert!(lab.warning("keep-alive").await.contains("keep-alive of 0"));

    // The length of "grön" in characters: the last letter is left over.
    let mut b = lab.session("esp32", 10).await;
    b.write_all("\x30\x0a\x00\x04carsgrön".as_bytes()).await.unwrap();
    b.write_all(b"\xc0\x00").await.unwrap();
    let malformed = lab.warning("demo/b does not keep to MQTT 3.1.1").await;
    assert!(malformed.contains("characters were counted instead of bytes"), "{malformed}");
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_a_port_is_told_as_a_sum() {
    let mut lab = PortWorld::start("").await;
    let b = lab.session("esp32", 10).await;
    let (mut read, mut write) = b.into_split();
    let reader = tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    write.write_all(&b"\xc0\x00".repeat(50_000)).await.unwrap();
    let (mut told, mut untold) = (0, 0);
    // Each PINGREQ has its answer.
    while told + untold < 100_000 {
        let (one, more) = lab
            .wait("a packet", |kind| match kind {
                EventKind::PacketSeen { light: of, untold, text, .. } if *of == light("b") => {
                    Some((u64::from(!text.starts_with("more")), *untold))
                }
                _ => None,
            })
            .await;
        (told, untold) = (told + one, untold + more);
    }
    assert!(told < 2_000, "{told} were told one by one");
    drop(write);
    reader.await.unwrap().unwrap();
    lab.world.stop().await;
}
