//! A board as the broker sees it: the board's whole program, as its firmware runs it, on a record
//! as it lies on the flash, over a real connection. Only lamps and radio are missing.

use std::time::{Duration, Instant as Clock};

use rumqttc::{AsyncClient, Event, Incoming, LastWill, MqttOptions, QoS};
use tokio::task::JoinHandle;
use traffic_light::{
    Aspect, Instant, Start,
    message::Message,
    mqtt::client_id,
    program::{Facts, HostCommand, LightHost, LogEvent, Program, Topic},
    record::Record,
};

/// A board that runs until it is dropped.
pub(crate) struct Board {
    task: JoinHandle<()>,
}

struct Host {
    client: AsyncClient,
    topics: [String; 2],
}

impl LightHost for Host {
    fn show(&mut self, _: Aspect) {}

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let topic = match topic {
            Topic::Status => &self.topics[1],
            _ => &self.topics[0],
        };
        self.client.try_publish(topic, QoS::AtLeastOnce, true, message.as_slice()).is_ok()
    }

    fn execute(&mut self, _command: HostCommand) -> bool {
        true
    }

    fn facts(&self) -> Facts {
        Facts {
            kind: "board",
            wifi_rssi: Some(-61),
            wifi_joins: 1,
            mqtt_joins: 1,
            heap: Some(70_168),
            reset: "power-on",
            firmware: env!("CARGO_PKG_VERSION"),
            ..Facts::default()
        }
    }

    fn log(&mut self, _: LogEvent) {}
}

impl Board {
    /// Starts the board of `record`, as `boot`; must be called within a runtime.
    pub(crate) fn start(record: &Record, boot: u32) -> Board {
        let started = Clock::now();
        let now = move || Instant::from_ms(u64::try_from(started.elapsed().as_millis()).unwrap());
        let start = Start { boot, seed: u64::from(boot), lease_max_ms: 0, last_run_ended_ms: None };
        let mut program = Program::new(record, start, now()).unwrap();
        let broker = &record.broker;
        let id = client_id(&broker.root, record.junction.as_str(), record.light.as_str());
        let mut options = MqttOptions::new(id.as_str(), broker.host.as_str(), broker.port);
        options.set_keep_alive(Duration::from_secs(u64::from(broker.keep_alive_s)));
        if !broker.user.is_empty() {
            options.set_credentials(broker.user.as_str(), broker.password.as_str());
        }
        let topics = [Topic::State, Topic::Status].map(|topic| program.topic(topic).to_string());
        options.set_last_will(LastWill::new(&topics[1], program.will().to_vec(), QoS::AtLeastOnce, true));
        let (client, mut connection) = AsyncClient::new(options, 32);
        let mut host = Host { client: client.clone(), topics };
        let task = tokio::spawn(async move {
            let mut checks = tokio::time::interval(Duration::from_millis(50));
            loop {
                let event = tokio::select! {
                    _ = checks.tick() => {
                        program.check(now(), &mut host);
                        continue;
                    }
                    event = connection.poll() => event,
                };
                match event {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        for topic in program.subscriptions() {
                            client.try_subscribe(topic.as_str(), QoS::AtLeastOnce).unwrap();
                        }
                        program.session_up(now(), &mut host);
                    }
                    Ok(Event::Incoming(Incoming::Publish(word))) => {
                        program.hear(now(), &word.topic, &word.payload, word.retain, &mut host);
                    }
                    Ok(_) => {}
                    Err(_) => {
                        program.session_down(now(), &mut host);
                        tokio::time::sleep(Duration::from_millis(300)).await;
                    }
                }
            }
        });
        Board { task }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.task.abort();
    }
}
