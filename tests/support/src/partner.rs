//! A light as a student writes one, on a client of its own: it publishes words to one topic and hears its partner on
//! another.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

/// Links, short timings and the junction `lab`, to which its lights are to be added.
pub const LAB: &str = r#"
[links]
wifi_join_ms = 50
[timing]
red_amber_ms = 300
green_min_ms = 800
green_max_ms = 1500
amber_ms = 500
clearance_ms = 300
heartbeat_ms = 300
lease_ms = 2500
lost_after_ms = 2000
tick_ms = 50
watchdog_ms = 200
rtt_ms = 80
[[junction]]
name = "lab"
"#;

/// Far longer than anything here takes on a machine at rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where it connects and what it says.
#[derive(Clone)]
pub struct Talk {
    pub port: u16,
    pub login: Option<(String, String)>,
    pub says: String,
    pub hears: String,
    /// Red, amber and green, whole payloads.
    pub words: [String; 3],
}

impl Talk {
    pub fn new(port: u16) -> Talk {
        Talk {
            port,
            login: None,
            says: "cars/x".to_owned(),
            hears: "cars/y".to_owned(),
            words: ["RED", "YELLOW", "GREEN"].map(str::to_owned),
        }
    }

    /// Connects and subscribes, and says nothing yet.
    pub fn connect(&self, id: &str) -> Partner {
        let mut options = MqttOptions::new(id, "127.0.0.1", self.port);
        options.set_keep_alive(Duration::from_secs(5));
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe(&self.hears, QoS::AtLeastOnce).unwrap();
        let (subscribed, is_subscribed) = mpsc::channel();
        let (heard, hears) = mpsc::channel();
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send(())),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let word = String::from_utf8(publish.payload.to_vec()).unwrap();
                        if heard.send(word).is_err() {
                            break;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        });
        is_subscribed.recv_timeout(PATIENCE).expect("the partner has no subscription");
        Partner { talk: self.clone(), client, hears, heard: Vec::new(), subscribed: is_subscribed }
    }
}

/// A light that is connected. Its session ends when it is dropped.
pub struct Partner {
    talk: Talk,
    client: Client,
    hears: Receiver<String>,
    subscribed: Receiver<()>,
    /// All that it was told.
    pub heard: Vec<String>,
}

impl Partner {
    pub fn say(&self, word: &str) {
        self.client.publish(&self.talk.says, QoS::AtLeastOnce, false, word).unwrap();
    }

    /// Subscribes once more, as after a reconnect.
    pub fn subscribe_again(&self) {
        self.client.unsubscribe(&self.talk.hears).unwrap();
        self.client.subscribe(&self.talk.hears, QoS::AtLeastOnce).unwrap();
        self.subscribed.recv_timeout(PATIENCE).expect("the partner has no subscription");
    }

    /// The next word that it is told, within this time.
    pub fn next_within(&mut self, time: Duration) -> Option<String> {
        match self.hears.recv_timeout(time) {
            Ok(word) => {
                self.heard.push(word.clone());
                Some(word)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the partner lost its session"),
        }
    }

    /// Says this again and again until it is told that.
    pub fn say_until(&mut self, word: &str, told: &str) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            self.say(word);
            if self.next_within(Duration::from_millis(500)).is_some_and(|heard| heard == told) {
                return;
            }
        }
        panic!("it was never told {told}, but {:?}", self.heard);
    }

    /// Waits until it is told this.
    pub fn wait_for(&mut self, word: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.next_within(left) {
                Some(told) if told == word => return,
                Some(_) => {}
                None => panic!("it was never told {word}, but {:?}", self.heard),
            }
        }
    }

    /// Plays a good light for so long: it is red while its partner goes, and takes its turn `after` that has told it red.
    /// Returns how often it was green.
    pub fn alternate(&mut self, lasts: Duration, after: Duration, green: Duration) -> u32 {
        let until = Instant::now() + lasts;
        let [red, amber, go] = self.talk.words.clone();
        let mut greens = 0;
        self.say(&red);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.next_within(left).is_none_or(|told| told != red) {
                continue;
            }
            // Something else may be told while it makes up its mind.
            if self.next_within(after).is_some_and(|told| told != red) {
                continue;
            }
            self.say(&go);
            greens += 1;
            self.pause(green);
            self.say(&amber);
            self.pause(green / 2);
            self.say(&red);
        }
        greens
    }

    /// Listens and says nothing.
    fn pause(&mut self, lasts: Duration) {
        let until = Instant::now() + lasts;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.next_within(left);
        }
    }
}
