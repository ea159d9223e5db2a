use super::{super::load::Load, *};
use crate::model::Login;

fn target(host: &str, login: Option<(&str, &str)>) -> Target {
    Target {
        host: host.to_owned(),
        port: 8883,
        login: login.map(|(user, password)| Login { user: user.to_owned(), password: password.to_owned() }),
        tls: None,
        root: "twinlight".to_owned(),
        load: Load::default(),
        adafruit: host == ADAFRUIT,
    }
}

fn told(host: &str, login: Option<(&str, &str)>, code: u8) -> String {
    refused(&target(host, login), code).one_line()
}

#[test]
fn a_token_in_the_wrong_member_is_told_where_it_belongs() {
    let said = told("mqtt.flespi.io", Some(("me", "t0ken")), 5);
    assert!(said.contains("the token as the user, and an empty password"), "{said}");
    let said = told("mqtt.flespi.io", Some(("t0ken", "")), 4);
    assert!(said.contains("does not take this token"), "{said}");
    for login in [("aio_abc", "me"), ("me", "")] {
        let said = told("io.adafruit.com", Some(login), 5);
        assert!(said.contains("the key (aio_…) as password"), "{said}");
    }
    let said = told("io.adafruit.com", Some(("me", "aio_abc")), 5);
    assert!(said.contains("does not take this user name and key"), "{said}");
}

#[test]
fn no_secret_is_told() {
    let token = "FlespiTokenFlespiTokenFlespiToken";
    for host in ["mqtt.flespi.io", "io.adafruit.com", "broker.lab"] {
        for login in [(token, ""), ("me", token), (token, token)] {
            for code in 1..=9 {
                assert!(!told(host, Some(login), code).contains(token), "{host} {code}");
            }
        }
    }
}

#[test]
fn a_name_of_ones_own_network_is_told_of_as_such() {
    assert!(name_not_found("broker.local").help.unwrap().contains("multicast DNS"));
    assert!(name_not_found("broker").help.unwrap().contains("its address may serve better"));
    assert!(name_not_found("broker.example").help.unwrap().contains("online"));
}
