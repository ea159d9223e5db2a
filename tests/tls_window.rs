//! What the window says of a broker whose certificate nobody checks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{sync::Arc, time::Duration};

use egui::vec2;
use egui_kittest::{Harness, kittest::Queryable};
use tokio::sync::{broadcast, mpsc};
use twinlight::{
    app::{
        TwinlightApp, board::context::ProvisioningContext, clock::Clock, settings::Settings,
        world_client::WorldLink,
    },
    board::JobRunner,
    config::Config,
    world::{Event, EventKind},
};

fn says_not_checked(broker: &str) -> bool {
    let text = format!(
        "[broker]\nkind = \"external\"\nhost = \"broker.lab\"\n{broker}\n[[junction]]\nname = \"demo\"\n"
    );
    let config = Config::from_toml(&text, "my.toml", &|_| None).unwrap();
    let (commands, _commands) = mpsc::channel(16);
    let (events, receiver) = broadcast::channel(16);
    let link = WorldLink { commands, events: receiver };
    let mut harness = Harness::builder().with_size(vec2(1_400.0, 900.0)).build_eframe(|cc| {
        let app =
            TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), Settings::default(), "test".to_owned());
        app.with_board(JobRunner::new(Arc::new(|| ())).unwrap(), ProvisioningContext::of(&config, None))
    });
    let address = "broker.lab:8883".to_owned();
    let kind = EventKind::BrokerStarted { address, embedded: false, open: false, note: None };
    events.send(Event { at: Duration::from_millis(1), kind }).unwrap();
    harness.step();
    harness.step();
    assert!(harness.query_all_by_label_contains("broker.lab:8883").next().is_some());
    harness.query_by_label("not checked").is_some()
}

#[test]
fn a_broker_that_nobody_checks_is_marked_beside_its_address() {
    assert!(says_not_checked("tls = true\ninsecure = true"));
    assert!(!says_not_checked(""));
}
