//! The packets of MQTT: whatever bytes come, nothing panics, nothing is read past a packet's end, and
//! what was read is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use traffic_light::mqtt::codec::{
    self, DISCONNECT, FixedHeader, PINGREQ, PINGRESP, Packet, PublishHead, TooLong,
};

fuzz_target!(|data: &[u8]| {
    let read = Packet::read(data);
    let (packet, length) = match read {
        Ok(Some(read)) => read,
        // More bytes may complete a packet, and fewer never make one.
        Ok(None) => {
            for length in 0..data.len() {
                assert_eq!(Packet::read(&data[..length]), Ok(None));
            }
            return;
        }
        Err(_) => return,
    };
    // Neither what follows nor where the packet is cut changes what is read.
    let header = FixedHeader::read(data).unwrap().unwrap();
    assert_eq!(header.total, length);
    assert_eq!(Packet::read(&data[..length]), Ok(Some((packet, length))));
    for cut in 0..length {
        assert_eq!(Packet::read(&data[..cut]), Ok(None));
    }
    let mut written = Vec::new();
    if encode(packet, &mut |bytes| written.extend_from_slice(bytes)) {
        // A length may have been said in more bytes than it needs, never in fewer.
        assert!(written.len() <= length);
        assert_eq!(Packet::read(&written), Ok(Some((packet, written.len()))));
    }
    if let Packet::Publish(publish) = packet {
        let head = PublishHead::read(data).unwrap().unwrap();
        assert_eq!(&data[head.topic], publish.topic.as_bytes());
        assert_eq!(&data[head.payload_at..length], publish.payload);
        assert_eq!(head.delivery, publish.delivery);
    }
});

/// Whether this program writes such packets.
fn encode(packet: Packet<'_>, append: &mut dyn FnMut(&[u8])) -> bool {
    let encoded: Result<(), TooLong> = match packet {
        Packet::Connect(connect) => connect.encode(append),
        Packet::Publish(publish) => publish.encode(append),
        Packet::Subscribe { id, filters } => codec::subscribe(id, filters, append),
        Packet::SubAck { id, codes } => codec::suback(id, codes, append),
        Packet::PubAck { id } => {
            append(&codec::puback(id));
            Ok(())
        }
        Packet::ConnAck { session_present: false, code } => {
            append(&codec::connack(code));
            Ok(())
        }
        Packet::PingReq => {
            append(&PINGREQ);
            Ok(())
        }
        Packet::PingResp => {
            append(&PINGRESP);
            Ok(())
        }
        Packet::Disconnect => {
            append(&DISCONNECT);
            Ok(())
        }
        Packet::ConnAck { .. } | Packet::Qos2(..) | Packet::Unsubscribe { .. } | Packet::UnsubAck { .. } => {
            return false;
        }
    };
    encoded.expect("what was read can be written");
    true
}
