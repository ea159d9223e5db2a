//! What the world does for boards: a virtual light gives its place to one, commands reach it, and
//! the broker opens to the network. The boards here are the board's own program on a real connection, or
//! an MQTT client that speaks as a board does.

use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event as MqttEvent, Incoming, MqttOptions, QoS};
use tokio::{
    sync::{broadcast, mpsc},
    time::timeout,
};
use traffic_light::{
    Aspect, Key, Name, ReplayGuard, State, Status,
    command::{Action, Command as LightCommand},
    record::Record,
};
use twinlight::{
    board::provision::Settings,
    config::Config,
    fault::{Fault, WifiDown},
    model::{LightId, LightKind, Login},
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{Layer, TopicKind},
    },
};

use crate::mqtt_board::Board;

const PATIENCE: Duration = Duration::from_secs(30);
const SECRET: &str = "sixteen bytes of key";

/// A world with the keyed pair `demo`, on a broker of its own.
async fn world() -> (World, broadcast::Receiver<Event>, u16) {
    let text = format!(
        "[broker]\nkind = \"embedded\"\nport = 0\n[links]\nwifi_join_ms = 50\n\
         [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nkey = \"{SECRET}\"\n"
    );
    let config = Config::from_toml(&text, "test.toml", &|_| None).unwrap();
    let (world, mut events) = World::start(config, WorldOptions::default()).await.unwrap();
    world.commands().send(Command::Resync).await.unwrap();
    let address = wait(&mut events, "the broker", |kind| match kind {
        EventKind::BrokerStarted { address, open: false, .. } => Some(address.clone()),
        _ => None,
    })
    .await;
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (world, events, port)
}

async fn wait<T>(
    events: &mut broadcast::Receiver<Event>,
    what: &str,
    wanted: impl Fn(&EventKind) -> Option<T>,
) -> T {
    let found = timeout(PATIENCE, async {
        loop {
            if let Some(found) = wanted(&events.recv().await.unwrap().kind) {
                return found;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("{what} did not come"))
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

/// A client with everything that comes to it.
fn client(port: u16, id: &str, login: Option<&Login>) -> (AsyncClient, mpsc::UnboundedReceiver<Incoming>) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    if let Some(login) = login {
        options.set_credentials(&login.user, &login.password);
    }
    let (client, mut connection) = AsyncClient::new(options, 16);
    let (sender, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(event) = connection.poll().await {
            if let MqttEvent::Incoming(packet) = event
                && sender.send(packet).is_err()
            {
                return;
            }
        }
    });
    (client, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_takes_the_place_of_a_virtual_light_and_obeys_commands() {
    let (world, mut events, port) = world().await;
    let (key, commands) = (Key::new(SECRET.as_bytes()).unwrap(), world.commands());
    let b = light("b");
    commands.send(Command::RunLight { light: b.clone(), on: false }).await.unwrap();
    wait(&mut events, "the end of the virtual light", |kind| {
        matches!(kind, EventKind::LightRemoved { light } if *light == b).then_some(())
    })
    .await;

    // A board says hello, and a word of state, as the firmware does.
    let (board, mut heard) = client(port, "a-board", None);
    board.subscribe("twinlight/demo/b/cmd", QoS::AtLeastOnce).await.unwrap();
    let mut status = Status::online();
    status.kind = "board".try_into().ok();
    status.fw = env!("CARGO_PKG_VERSION").try_into().ok();
    status.heap = Some(70_000);
    let topic = "twinlight/demo/b/status";
    let message = status.encode(topic, Some(&key)).to_vec();
    board.publish(topic, QoS::AtLeastOnce, true, message).await.unwrap();
    wait(&mut events, "the board", |kind| {
        matches!(kind, EventKind::LightAdded { light, kind: LightKind::Board, .. } if *light == b)
            .then_some(())
    })
    .await;
    let about = wait(&mut events, "the board's status", |kind| match kind {
        EventKind::PresenceChanged { light, online: true, about } if *light == b => about.clone(),
        _ => None,
    })
    .await;
    assert_eq!(about.heap, Some(70_000));

    // It was provisioned after the virtual light began.
    let boot = 0xfbad_cafe;
    let topic = "twinlight/demo/b/state";
    let signed = State::new(Aspect::Red, boot, 1, 5).encode(topic, Some(&key)).to_vec();
    board.publish(topic, QoS::AtLeastOnce, true, signed).await.unwrap();
    wait(&mut events, "the board's aspect", |kind| {
        matches!(kind, EventKind::MessageIgnored { .. }).then(|| panic!("{kind:?}"));
        matches!(kind, EventKind::AspectChanged { light, .. } if *light == b).then_some(())
    })
    .await;

    // Both commands are admitted by a board's own gate: signed, of its boot, in order.
    let mut gate = ReplayGuard::new(boot, true);
    for (action, ms) in [(Action::Identify, None), (Action::WifiDown, Some(10_000))] {
        commands.send(Command::TellLight { light: b.clone(), action, ms }).await.unwrap();
        let payload = timeout(PATIENCE, async {
            loop {
                if let Incoming::Publish(publish) = heard.recv().await.unwrap() {
                    return publish.payload;
                }
            }
        });
        let command =
            LightCommand::decode("twinlight/demo/b/cmd", &payload.await.unwrap(), Some(&key)).unwrap();
        assert_eq!((command.action, command.ms), (action, ms));
        gate.admit(&command).unwrap();
    }

    // A fault is given to it as a command, for a time: nobody can call it back from it.
    let wifi = Fault::on(b.clone(), WifiDown);
    commands.send(Command::InjectFault { fault: wifi.clone(), lasts: None }).await.unwrap();
    let refused = wait(&mut events, "the refusal", |kind| match kind {
        EventKind::Noticed { text, .. } if text.contains("cannot be injected") => Some(text.clone()),
        _ => None,
    });
    assert!(refused.await.contains("say for how long"));
    let lasts = Some(Duration::from_millis(1_500));
    commands.send(Command::InjectFault { fault: wifi.clone(), lasts }).await.unwrap();
    let payload = timeout(PATIENCE, async {
        loop {
            if let Incoming::Publish(publish) = heard.recv().await.unwrap() {
                return publish.payload;
            }
        }
    });
    let command = LightCommand::decode("twinlight/demo/b/cmd", &payload.await.unwrap(), Some(&key)).unwrap();
    assert_eq!((command.action, command.ms), (Action::WifiDown, Some(1_500)));
    for wanted in [true, false] {
        wait(&mut events, "the fault, and its end", |kind| {
            matches!(kind, EventKind::FaultChanged { fault, on } if *fault == wifi && *on == wanted)
                .then_some(())
        })
        .await;
    }

    // The virtual light comes back when it is asked to.
    commands.send(Command::RunLight { light: b.clone(), on: true }).await.unwrap();
    wait(&mut events, "the virtual light", |kind| {
        matches!(kind, EventKind::LightAdded { light, kind: LightKind::Virtual, .. } if *light == b)
            .then_some(())
    })
    .await;
    world.stop().await;
}

/// Found by an attack: copies and recordings of a board's words were shown, and counted as greens.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_board_said_before_is_neither_shown_nor_counted_and_a_number_that_went_back_is_told_once() {
    let text = format!(
        "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n\
         run = [\"a\"]\nkey = \"{SECRET}\"\n"
    );
    let config = Config::from_toml(&text, "test.toml", &|_| None).unwrap();
    let (world, mut events) = World::start(config, WorldOptions::default()).await.unwrap();
    world.commands().send(Command::Resync).await.unwrap();
    let address = wait(&mut events, "the broker", |kind| match kind {
        EventKind::BrokerStarted { address, .. } => Some(address.clone()),
        _ => None,
    })
    .await;
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    wait(&mut events, "a's session", |kind| {
        matches!(kind, EventKind::PresenceChanged { online: true, .. }).then_some(())
    })
    .await;

    let (b, key, topic) = (light("b"), Key::new(SECRET.as_bytes()).unwrap(), "twinlight/demo/b/state");
    let (board, _heard) = client(port, "a-board", None);
    let says =
        |boot: u32, seq: u32, aspect| State::new(aspect, boot, seq, 5).encode(topic, Some(&key)).to_vec();
    for (boot, seq, aspect) in [
        (900, 1, Aspect::Red),
        (900, 2, Aspect::Green),
        (900, 1, Aspect::Red),
        (900, 3, Aspect::Amber),
        (900, 2, Aspect::Green),
        (7, 4_000, Aspect::Green),
        (900, 4, Aspect::Red),
        (7, 4_001, Aspect::Green),
    ] {
        board.publish(topic, QoS::AtLeastOnce, false, says(boot, seq, aspect)).await.unwrap();
    }
    let mut shown = Vec::new();
    let told = timeout(PATIENCE, async {
        let mut seq = 4_001;
        let mut again = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                event = events.recv() => match event.unwrap().kind {
                    EventKind::AspectChanged { light, aspect } if light == b => shown.push(aspect),
                    EventKind::Noticed { light: Some(light), text, .. } if light == b => break text,
                    _ => {}
                },
                _ = again.tick() => {
                    seq += 1;
                    board.publish(topic, QoS::AtLeastOnce, false, says(7, seq, Aspect::Green)).await.unwrap();
                }
            }
        }
    });
    let text = told.await.expect("the notice");
    assert!(
        text.contains("demo/b speaks with a lower number") && text.contains("provision the board"),
        "{text}"
    );
    assert_eq!(shown, [Aspect::Red, Aspect::Green, Aspect::Amber, Aspect::Red]);

    // A new run counts, and nothing was told twice.
    board.publish(topic, QoS::AtLeastOnce, false, says(901, 1, Aspect::RedAmber)).await.unwrap();
    wait(&mut events, "the new run", |kind| {
        assert!(!matches!(kind, EventKind::Noticed { light: Some(light), .. } if *light == b), "{kind:?}");
        matches!(kind, EventKind::AspectChanged { light, aspect: Aspect::RedAmber } if *light == b)
            .then_some(())
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_was_never_heard_cannot_be_told_anything() {
    let (world, mut events, _) = world().await;
    let (tell, nobody) = (world.commands(), light("nobody"));
    tell.send(Command::TellLight { light: nobody.clone(), action: Action::Identify, ms: None })
        .await
        .unwrap();
    let text = wait(&mut events, "the notice", |kind| match kind {
        EventKind::Noticed { light: Some(light), text, .. } if *light == nobody => Some(text.clone()),
        _ => None,
    })
    .await;
    assert!(text.contains("has not been heard yet"), "{text}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_opened_to_the_network_asks_for_the_login_and_the_lights_find_back() {
    let (world, mut events, port) = world().await;
    let session = |events: &mut broadcast::Receiver<Event>, name: &'static str| {
        let (mut events, id) = (events.resubscribe(), light(name));
        async move {
            wait(&mut events, "a session", |kind| {
                let up = matches!(kind, EventKind::LinkChanged { light, layer: Layer::Mqtt, up: true, .. } if *light == id);
                up.then_some(())
            })
            .await;
        }
    };
    session(&mut events, "b").await;
    let login = Login { user: "lab".to_owned(), password: "made up".to_owned() };
    let (first, second) = (session(&mut events, "a"), session(&mut events, "b"));
    world.commands().send(Command::LetBoardsJoin { login: login.clone() }).await.unwrap();
    let address = wait(&mut events, "the open broker", |kind| match kind {
        EventKind::BrokerStarted { address, open: true, .. } => Some(address.clone()),
        _ => None,
    })
    .await;
    assert_eq!(address, format!("0.0.0.0:{port}"), "boards have the port in their flash");
    tokio::join!(first, second);

    let mut stranger = AsyncClient::new(MqttOptions::new("stranger", "127.0.0.1", port), 4).1;
    let refused = timeout(PATIENCE, stranger.poll()).await.unwrap();
    assert!(matches!(refused, Err(ConnectionError::ConnectionRefused(_))), "{refused:?}");
    let (_board, mut heard) = client(port, "board", Some(&login));
    assert!(matches!(timeout(PATIENCE, heard.recv()).await.unwrap(), Some(Incoming::ConnAck(_))));

    // Closed again: on this computer only, with the login of before, which was none.
    let (first, second) = (session(&mut events, "a"), session(&mut events, "b"));
    world.commands().send(Command::CloseToBoards).await.unwrap();
    let address = wait(&mut events, "the closed broker", |kind| match kind {
        EventKind::BrokerStarted { address, open: false, .. } => Some(address.clone()),
        _ => None,
    })
    .await;
    assert_eq!(address, format!("127.0.0.1:{port}"));
    tokio::join!(first, second);
    let (_own, mut heard) = client(port, "own", None);
    assert!(matches!(timeout(PATIENCE, heard.recv()).await.unwrap(), Some(Incoming::ConnAck(_))));
    world.stop().await;
}

/// A world that runs `a`, and the board `b`, which reads at its start what the window and the command line write.
async fn world_with_board() -> (World, broadcast::Receiver<Event>, Board) {
    let text = format!(
        "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n\
         run = [\"a\"]\nkey = \"{SECRET}\"\n"
    );
    let config = Config::from_toml(&text, "test.toml", &|_| None).unwrap();
    let (world, mut events) =
        World::start(config.clone(), WorldOptions { detailed: true, ..WorldOptions::default() })
            .await
            .unwrap();
    world.commands().send(Command::Resync).await.unwrap();
    let address = wait(&mut events, "the broker", |kind| match kind {
        EventKind::BrokerStarted { address, .. } => Some(address.clone()),
        _ => None,
    })
    .await;

    // What a board reads at its start is what the window and the command line write.
    let (junction, b) = (&config.junctions[0], light("b"));
    let mut settings = Settings::of(junction, &b.light);
    settings.wifi_ssid = "lab".to_owned();
    settings.broker_host = "192.168.1.2".to_owned();
    settings.broker_port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut record = settings.record().unwrap();
    // The make-believe board runs on this computer, where this is the broker's address.
    record.broker.host = "127.0.0.1".try_into().unwrap();
    let flash = record.encode().unwrap();
    let board = Board::start(&Record::decode(&flash).unwrap(), 77);
    (world, events, board)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_alternates_with_a_virtual_light_and_shows_what_its_twin_shows() {
    let (world, mut events, _board) = world_with_board().await;
    let b = light("b");
    let (mut greens, mut twin, mut differences) = (Vec::new(), None, Vec::new());
    let alternated = timeout(Duration::from_secs(90), async {
        while greens.len() < 5 {
            match events.recv().await.unwrap().kind {
                EventKind::AspectChanged { light, aspect: Aspect::Green } => greens.push(light),
                EventKind::ConflictBegan { lights, .. } => panic!("a conflict of {lights:?}"),
                EventKind::TwinChanged { light, aspect } if light == b => twin = aspect,
                kind @ EventKind::TwinDiffers { .. } => differences.push(kind),
                kind @ EventKind::MessageIgnored { .. } => panic!("{kind:?}"),
                _ => {}
            }
        }
    });
    alternated.await.expect("five greens");
    assert!(greens.windows(2).all(|pair| pair[0] != pair[1]), "{greens:?}");
    assert!(greens.contains(&b) && twin.is_some() && differences.is_empty(), "{twin:?}, {differences:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_outage_of_the_broker_a_twin_cannot_tell_and_is_back_with_the_boards_first_words() {
    let (world, mut events, _board) = world_with_board().await;
    let (a, b) = (light("a"), light("b"));
    let twin = |known: bool| {
        let b = b.clone();
        move |kind: &EventKind| match kind {
            EventKind::TwinDiffers { .. } => panic!("a false alarm: {kind:?}"),
            EventKind::TwinChanged { light, aspect } if *light == b && aspect.is_some() == known => Some(()),
            _ => None,
        }
    };
    wait(&mut events, "a twin", twin(true)).await;
    for is_long in [false, true] {
        world.commands().send(Command::StopBroker).await.unwrap();
        wait(&mut events, "that nobody is heard", twin(false)).await;
        if is_long {
            // The lights have lost each other.
            wait(&mut events, "flashing", |kind| {
                let EventKind::AspectChanged { light, aspect: Aspect::FlashingAmber } = kind else {
                    return None;
                };
                (*light == a).then_some(())
            })
            .await;
        }
        world.commands().send(Command::StartBroker).await.unwrap();
        let (mut heard, mut back, mut greens) = (None, None, Vec::new());
        let found_back = timeout(Duration::from_secs(90), async {
            while greens.len() < 2 {
                let event = events.recv().await.unwrap();
                match event.kind {
                    EventKind::MessagePassed { light, topic: TopicKind::State, retained: false, .. }
                        if light == b =>
                    {
                        heard = heard.or(Some(event.at));
                    }
                    EventKind::TwinChanged { light, aspect: Some(_) } if light == b => {
                        back = back.or(Some(event.at));
                    }
                    EventKind::AspectChanged { light, aspect: Aspect::Green } => greens.push(light),
                    kind @ EventKind::TwinDiffers { .. } => panic!("a false alarm: {kind:?}"),
                    _ => {}
                }
            }
        });
        found_back.await.expect("two greens");
        let (heard, back) = (heard.unwrap(), back.unwrap());
        let heartbeat = Duration::from_millis(500);
        assert!((heard..=heard + heartbeat).contains(&back), "heard at {heard:?}, back at {back:?}");
    }
    world.stop().await;
}
