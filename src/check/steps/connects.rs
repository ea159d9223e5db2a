//! TCP, CONNECT, CONNACK 0.

use std::time::Duration;

use crate::check::{
    bench::Bench,
    history::{History, seconds, us},
    record::{Step, Who},
    timings::FIRST_CONNECTION,
    verdict::{Cause, Verdict},
};

/// A light that was refused may have another try in it.
const AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// What the tap says of a CONNECT that may be good, and cannot be read.
const OTHER_VERSIONS: [&str; 2] = ["MQTT 5", "MQTT 3.1 (MQIsdp)"];

pub(crate) async fn play(bench: &mut Bench) {
    let (began, since) = (bench.now(), tokio::time::Instant::now());
    let decided = move |history: &History<'_>| {
        let now = began + us(since.elapsed());
        let connections = history.connections();
        let up = connections.iter().any(|connection| connection.up().is_some());
        let trouble = connections.iter().find_map(|connection| {
            let refused = connection.answer.map(|(at, ..)| at);
            refused.or(connection.malformed.as_ref().map(|(at, ..)| *at))
        });
        let long_ago = trouble.is_some_and(|at| now.saturating_sub(at) > us(AFTER_REFUSAL));
        (up || long_ago).then_some(())
    };
    bench.until(FIRST_CONNECTION, "waits for the light to connect", decided).await;
}

pub(crate) fn judge(history: &History<'_>) -> Verdict {
    let step = Step::Connects;
    let connections = history.connections();
    if let Some((connection, up)) = connections.iter().find_map(|one| Some((one, one.up()?))) {
        let evidence = format!(
            "connected as \"{}\" after {}, keep-alive {} s",
            connection.client_id,
            seconds(up),
            connection.keep_alive_s
        );
        return Verdict::pass(step, evidence);
    }
    if connections.is_empty() {
        let evidence = format!("nothing connected to the port within {}", seconds(us(FIRST_CONNECTION)));
        return Verdict::fail(step, Cause::NeverCame, evidence);
    }
    let tries = connections.len();
    if let Some((_, code, _)) = connections.iter().find_map(|connection| connection.answer) {
        let (cause, words) = match code {
            4 => (Cause::BadLogin, "bad user name or password"),
            5 => (Cause::BadLogin, "not authorized"),
            1 => (Cause::LoginRefused, "unacceptable protocol version"),
            2 => (Cause::LoginRefused, "client id rejected"),
            3 => (Cause::LoginRefused, "server unavailable"),
            _ => (Cause::LoginRefused, "a code that MQTT 3.1.1 does not have"),
        };
        return Verdict::fail(
            step,
            cause,
            format!("the broker refused its login {tries} times with code {code}: {words}"),
        );
    }
    let malformed =
        connections.iter().find_map(|one| one.malformed.as_ref().filter(|(_, by, _)| *by == Who::Light));
    if let Some((_, _, reason)) = malformed {
        if OTHER_VERSIONS.iter().any(|version| reason.contains(version)) {
            let text = format!(
                "{reason}; this check reads MQTT 3.1.1: choose that in your client (in paho: protocol=mqtt.MQTTv311)"
            );
            return Verdict::unjudged(step, text);
        }
        return Verdict::fail(step, Cause::MalformedPacket, format!("{reason} (in {tries} connections)"));
    }
    if connections.iter().any(|connection| connection.first_packet_is_connect == Some(false)) {
        let evidence = "its first packet is no CONNECT, so the broker ended the connection";
        return Verdict::fail(step, Cause::MalformedPacket, evidence);
    }
    if connections.iter().any(|connection| connection.connect.is_some()) {
        return Verdict::unjudged(
            step,
            "it sent its CONNECT, and the broker did not answer: is the broker there?",
        );
    }
    let evidence = format!("{tries} connections were opened, and no CONNECT came on them");
    Verdict::fail(step, Cause::NeverCame, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::What};

    fn cause(script: &Script) -> Option<Cause> {
        judge(&History::of(&script.record)).cause
    }

    #[test]
    fn each_way_not_to_connect_has_its_cause() {
        let mut script = Script::new();
        assert_eq!(cause(&script), Some(Cause::NeverCame));
        script.at(0, What::Opened { c: 1, from: None });
        assert_eq!(cause(&script), Some(Cause::NeverCame));
        script.at(5, What::Malformed { c: 1, by: Who::Light, reason: "TLS".to_owned() });
        assert_eq!(cause(&script), Some(Cause::MalformedPacket));
        script.at(9, What::ConnAck { c: 2, session: false, code: 5 });
        assert_eq!(cause(&script), Some(Cause::BadLogin));
        script.connected(20, 30);
        assert_eq!(cause(&script), None, "in the end it was let in");
    }
}
