//! The good lights without Twinlight: on a real Mosquitto, with a partner that this file plays. What a check says of
//! them is worth something only because they are good.

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use test_support::{
    Mosquitto,
    own_light::{Address, Board, Light, good, micropython},
};

/// The light's partner, which writes down what the light says.
struct Partner {
    client: Client,
    heard: Arc<Mutex<VecDeque<String>>>,
    hears: String,
    json: bool,
}

impl Partner {
    fn on(port: u16, light: &Light) -> Partner {
        let mut options = MqttOptions::new("partner", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = Client::new(options, 10);
        let heard = Arc::<Mutex<VecDeque<String>>>::default();
        let (keeps, subscribes, says) = (heard.clone(), client.clone(), light.of.says.clone());
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        subscribes.subscribe(&says, QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        keeps.lock().unwrap().push_back(String::from_utf8(publish.payload.to_vec()).unwrap());
                    }
                    Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                    Ok(_) => {}
                }
            }
        });
        Partner { client, heard, hears: light.of.hears.clone(), json: light.of.json.is_some() }
    }

    fn says(&self, text: &str) {
        let text = if self.json { format!("{{\"state\":\"{text}\"}}") } else { text.to_owned() };
        self.client.publish(&self.hears, QoS::AtLeastOnce, false, text).unwrap();
    }

    /// Waits until the light says this, from now on.
    fn waits_for(&self, text: &str, board: &Board, what: &str, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut heard = Vec::new();
        while Instant::now() < until {
            if let Some(next) = self.heard.lock().unwrap().pop_front() {
                heard.push(next);
                if heard.last().is_some_and(|last| last.contains(text)) {
                    return;
                }
            } else {
                thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("{what}: no {text} within {seconds} s; heard {heard:?}; the board: {:#?}", board.log());
    }
}

#[test]
fn good_lights_take_turns_yield_and_come_back_after_their_broker_without_twinlight() {
    let Some(micropython) = micropython("good lights on a real Mosquitto") else { return };
    thread::scope(|scope| {
        for light in good() {
            let micropython = &micropython;
            scope.spawn(move || {
                let mut broker = Mosquitto::start("allow_anonymous true", &[]);
                let (says, hears) = (light.of.says.clone(), light.of.hears.clone());
                let at = Address { port: broker.port, login: None, says, hears };
                let partner = Partner::on(broker.port, &light);
                let board = Board::start(micropython, &light.program(&at));
                let words = &light.of.words;
                let rounds = |when: &str| {
                    let what = format!("{}, {when}", light.name);
                    partner.waits_for(&words.red, &board, &what, 40);
                    partner.says(&words.red);
                    partner.waits_for(&words.green, &board, &what, 40);
                    partner.says(&words.green);
                    partner.waits_for(&words.red, &board, &what, 4);
                    partner.says(&words.red);
                    partner.waits_for(&words.green, &board, &what, 40);
                };
                rounds("at first");
                broker.stop();
                // Its port is held, so that nothing else takes it, and is refused to nobody: connections are cut.
                let held = TcpListener::bind(("127.0.0.1", broker.port)).unwrap();
                let cut = Instant::now() + Duration::from_secs(10);
                held.set_nonblocking(true).unwrap();
                while Instant::now() < cut {
                    let _ = held.accept();
                    thread::sleep(Duration::from_millis(20));
                }
                drop(held);
                broker.restart();
                partner.heard.lock().unwrap().clear();
                rounds("after its broker was away");
                partner.client.disconnect().unwrap();
            });
        }
    });
}
