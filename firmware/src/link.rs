//! The board's link to the broker: radio, sockets and timers for the library's [`BrokerLink`], which decides.

use core::{fmt, future::pending, net::Ipv4Addr, sync::atomic::Ordering};

use alloc::{boxed::Box, vec};

use embassy_executor::Spawner;
use embassy_futures::select::{Either, Either4, select, select4};
use embassy_net::{
    Config, DhcpConfig, IpAddress, Runner, Stack, StackResources,
    dns::DnsQueryType,
    tcp::{ConnectError, TcpSocket},
};
use embassy_time::{Duration, Instant as Moment, Timer, with_timeout};
use esp_hal::{peripherals::WIFI, rng::Rng};
use esp_radio::wifi::{
    AuthenticationMethodConfig, Config as WifiConfig, ConnectionError, ControllerConfig, DisconnectReason,
    Interface, WifiController, WifiError, sta::StationConfig,
};
use static_cell::StaticCell;
use traffic_light::{
    Instant,
    link::{Address, BrokerLink, CONNECT_TIMEOUT_MS, LinkError, Received},
    mqtt::{self, ConnectOptions},
    program::{HostCommand, Topic},
    reconnector::Action,
    record::{Dialect, Record, Wifi},
};

use crate::shared::{
    ADDRESS, LINK_EVENTS, LinkEvent, MQTT_JOINS, ORDERS, OUTBOUND, PROGRESS, Publication, RSSI, Topics, WIFI_JOINS, now,
};

const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(15);
const NAME_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(CONNECT_TIMEOUT_MS as u64);
/// TCP gives a connection up when nothing was acknowledged for so long.
const TCP_TIMEOUT: Duration = Duration::from_secs(20);
/// For the last packets of a connection that is dropped on purpose.
const LAST_PACKETS: Duration = Duration::from_millis(100);
/// The most that the radio sends with, in quarters of a dBm: 15 dBm. The driver's own 5 dBm do not reach
/// through a building; over 16 dBm it is known to fail to authenticate on some hardware, and 20 dBm are the
/// most that is allowed in Europe, the antenna's gain included (EN 300 328).
const TRANSMIT_POWER: i8 = 60;
/// How often the signal strength is read.
const RSSI_EVERY: Duration = Duration::from_secs(5);
const SOCKET_BYTES: usize = 2_048;
const READ_BYTES: usize = 512;

/// Starts the radio and keeps the board connected, for ever.
///
/// # Errors
/// When the radio does not start.
pub fn start(spawner: Spawner, wifi: WIFI<'static>, record: Record, topics: Topics) -> Result<(), WifiError> {
    static RESOURCES: StaticCell<StackResources<4>> = StaticCell::new();
    let interface = Interface::station();
    let config = ControllerConfig::default().with_initial_config(station(&record)?);
    let mut controller = WifiController::new(wifi, config)?;
    if let Err(error) = controller.set_max_tx_power(TRANSMIT_POWER) {
        log::warn!("the radio stays at its lowest power: {error}");
    }
    let random = Rng::new();
    let seed = u64::from(random.random()) << 32 | u64::from(random.random());
    let (stack, runner) = embassy_net::new(
        interface,
        Config::dhcpv4(DhcpConfig::default()),
        RESOURCES.init(StackResources::new()),
        seed,
    );
    let client_id = mqtt::client_id(&record.broker.root, record.junction.as_str(), record.light.as_str());
    let link = BoardLink {
        controller,
        stack,
        random,
        link: BrokerLink::new(record.broker.dialect == Dialect::AdafruitIo, now()),
        client_id,
        record,
        topics,
        session_number: 0,
    };
    if let (Ok(network), Ok(connection)) = (run_network(runner), stay_connected(Box::new(link))) {
        spawner.spawn(network);
        spawner.spawn(connection);
    }
    Ok(())
}

fn station(record: &Record) -> Result<WifiConfig, WifiError> {
    let wifi = &record.wifi;
    let authentication = if wifi.password.is_empty() {
        AuthenticationMethodConfig::Open
    } else {
        AuthenticationMethodConfig::Wpa2Personal(wifi.password.as_str().try_into()?)
    };
    Ok(WifiConfig::Station(
        StationConfig::default()
            .with_ssid(wifi.ssid.as_str().try_into()?)
            .with_authentication(authentication),
    ))
}

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, Interface>) {
    runner.run().await
}

#[embassy_executor::task]
async fn stay_connected(mut link: Box<BoardLink>) {
    loop {
        link.take_next_action().await;
    }
}

struct BoardLink {
    controller: WifiController<'static>,
    stack: Stack<'static>,
    random: Rng,
    link: BrokerLink,
    client_id: heapless::String<64>,
    record: Record,
    topics: Topics,
    session_number: u32,
}

/// Why a connection is over, or never came to be.
enum Over {
    /// The network is gone.
    WifiGone(Option<DisconnectReason>),
    /// The network took the address back.
    NoAddress,
    /// The light's program asks for it.
    Commanded(HostCommand),
    /// The connection failed, or never came to be.
    Failed(LinkError),
}

impl From<LinkError> for Over {
    fn from(error: LinkError) -> Over {
        Over::Failed(error)
    }
}

impl BoardLink {
    /// Does what is due next.
    async fn take_next_action(&mut self) {
        PROGRESS.set(self.link.progress());
        match self.link.next_action(now()) {
            Action::Wait { until } => {
                if let Either::Second(command) = select(sleep_until(until), ORDERS.receive()).await {
                    self.obey(command);
                }
            }
            Action::LeaveWifi => {
                let _ = with_timeout(JOIN_TIMEOUT, self.controller.disconnect_async()).await;
                self.off_wifi();
                self.link.wifi_left(now());
                log::info!("left Wi-Fi \"{}\" on purpose", self.record.wifi.ssid);
            }
            Action::JoinWifi => self.join().await,
            Action::Connect => self.connect().await,
        }
    }

    /// Takes in a command that comes while there is no session.
    fn obey(&mut self, command: HostCommand) {
        if let HostCommand::WifiDown { ms } = command {
            self.link.take_wifi_down(now(), ms);
        }
    }

    async fn join(&mut self) {
        let ssid = self.record.wifi.ssid.clone();
        log::info!("joining Wi-Fi \"{ssid}\"");
        let began = Moment::now();
        let failed = match with_timeout(JOIN_TIMEOUT, self.controller.connect_async()).await {
            Ok(Ok(_)) => None,
            Ok(Err(ConnectionError::Failed(info))) => Some(WifiTrouble::Reason(info.reason)),
            Ok(Err(_)) => Some(WifiTrouble::Driver),
            Err(_) => return self.leave_wifi(&WifiTrouble::Timeout).await,
        };
        if let Some(trouble) = failed {
            return self.lose_wifi(&trouble);
        }
        // The stack asks for an address anew whenever the network comes up, and forgets it when it
        // goes down.
        if with_timeout(ADDRESS_TIMEOUT, self.stack.wait_config_up()).await.is_err() {
            return self.leave_wifi(&WifiTrouble::NoAddress).await;
        }
        let address = self.stack.config_v4().map(|config| config.address.address());
        ADDRESS.lock(|cell| cell.set(address));
        self.read_signal();
        self.link.wifi_joined(now());
        WIFI_JOINS.store(self.link.wifi_joins(), Ordering::Relaxed);
        let took = Seconds(began.elapsed());
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED);
        log::info!("joined Wi-Fi \"{ssid}\" in {took}, address {address}");
    }

    /// Leaves a network that is of no use as it is.
    async fn leave_wifi(&mut self, trouble: &WifiTrouble) {
        let _ = with_timeout(JOIN_TIMEOUT, self.controller.disconnect_async()).await;
        self.lose_wifi(trouble);
    }

    fn lose_wifi(&mut self, trouble: &WifiTrouble) {
        self.off_wifi();
        let wait_ms = self.link.wifi_lost(now(), self.random.random());
        let trouble = trouble.about(&self.record.wifi);
        log::warn!("no Wi-Fi: {trouble}; next try in {}", Seconds::of_ms(wait_ms));
    }

    fn off_wifi(&mut self) {
        ADDRESS.lock(|cell| cell.set(None));
        RSSI.store(0, Ordering::Relaxed);
    }

    fn read_signal(&self) {
        RSSI.store(self.controller.rssi().unwrap_or(0), Ordering::Relaxed);
    }

    async fn connect(&mut self) {
        let error = match self.connection().await {
            Over::WifiGone(reason) => {
                return self.lose_wifi(&reason.map_or(WifiTrouble::Driver, WifiTrouble::Reason));
            }
            Over::NoAddress => return self.leave_wifi(&WifiTrouble::NoAddress).await,
            Over::Commanded(command @ HostCommand::WifiDown { .. }) => return self.obey(command),
            Over::Commanded(_) => LinkError::Dropped,
            Over::Failed(error) => error,
        };
        let retry = self.link.lost(error, now(), self.random.random());
        let address = Address { host: &self.record.broker.host, port: self.record.broker.port };
        log::warn!("{}", error.about(address));
        log::info!("connecting again in {}", Seconds::of_ms(retry.after_ms));
    }

    /// Connects and carries messages until that ends.
    async fn connection(&mut self) -> Over {
        let began = Moment::now();
        if !self.stack.is_config_up() {
            return Over::NoAddress;
        }
        let address = match select(self.address(), self.controller.wait_for_disconnect_async()).await {
            Either::First(Some(address)) => address,
            Either::First(None) => return Over::Failed(LinkError::NameNotFound),
            Either::Second(info) => return Over::WifiGone(info.ok().map(|info| info.reason)),
        };
        let (mut received, mut to_send) = (vec![0; SOCKET_BYTES], vec![0; SOCKET_BYTES]);
        let mut socket = TcpSocket::new(self.stack, &mut received, &mut to_send);
        socket.set_timeout(Some(TCP_TIMEOUT));
        socket.set_nagle_enabled(false);
        let endpoint = (address, self.record.broker.port);
        match with_timeout(CONNECT_TIMEOUT, socket.connect(endpoint)).await {
            Ok(Ok(())) => {}
            Ok(Err(ConnectError::ConnectionReset)) => return Over::Failed(LinkError::NobodyListens),
            Ok(Err(_)) | Err(_) => return Over::Failed(LinkError::NoAnswer),
        }
        let over = match self.session(&mut socket, began).await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        if self.link.is_up() {
            LINK_EVENTS.send(LinkEvent::Down).await;
        }
        // As a failure does: without a goodbye, so that the broker tells the others.
        socket.abort();
        let _ = with_timeout(LAST_PACKETS, socket.flush()).await;
        over
    }

    async fn address(&self) -> Option<IpAddress> {
        let host = self.record.broker.host.as_str();
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Some(IpAddress::Ipv4(address));
        }
        let answer = with_timeout(NAME_TIMEOUT, self.stack.dns_query(host, DnsQueryType::A)).await;
        answer.ok()?.ok()?.first().copied()
    }

    /// One MQTT session.
    async fn session(
        &mut self,
        socket: &mut TcpSocket<'_>,
        began: Moment,
    ) -> Result<core::convert::Infallible, Over> {
        let options = ConnectOptions {
            client_id: &self.client_id,
            keep_alive_s: self.record.broker.keep_alive_s,
            user: &self.record.broker.user,
            password: &self.record.broker.password,
            will_topic: &self.topics.status,
            will: &self.topics.will,
        };
        self.session_number = self.session_number.wrapping_add(1);
        self.link.connected(&options, now())?;
        let (mut reader, mut writer) = socket.split();
        let mut bytes = [0; READ_BYTES];
        let mut rssi_at = Moment::now() + RSSI_EVERY;
        loop {
            let outgoing = self.link.outgoing();
            let send = async {
                if outgoing.is_empty() { pending().await } else { writer.write(outgoing).await }
            };
            let due_at = self.link.due_at().unwrap_or(Instant::from_ms(u64::MAX));
            let wake = async {
                match select(sleep_until(due_at), Timer::at(rssi_at)).await {
                    Either::First(()) => false,
                    Either::Second(()) => true,
                }
            };
            let gone = self.controller.wait_for_disconnect_async();
            let socket = select4(reader.read(&mut bytes), send, wake, gone);
            match select(select(ORDERS.receive(), socket), OUTBOUND.receive()).await {
                Either::First(Either::First(command)) => return Err(Over::Commanded(command)),
                Either::First(Either::Second(Either4::First(read))) => {
                    let count = read.ok().filter(|count| *count > 0).ok_or(LinkError::Closed)?;
                    let mut rest = &bytes[..count];
                    while !rest.is_empty() {
                        let taken = self.link.feed(rest);
                        rest = &rest[taken..];
                        self.receive(began).await?;
                        if taken == 0 {
                            // Only what waits for the socket can be in the way.
                            let sent = writer.write(self.link.outgoing()).await.map_err(|_| LinkError::Closed)?;
                            self.link.sent(sent);
                        }
                    }
                }
                Either::First(Either::Second(Either4::Second(written))) => {
                    let count = written.map_err(|_| LinkError::Closed)?;
                    self.link.sent(count);
                    self.receive(began).await?;
                }
                Either::First(Either::Second(Either4::Third(read_signal))) => {
                    if read_signal {
                        rssi_at = Moment::now() + RSSI_EVERY;
                        self.read_signal();
                    } else {
                        self.link.check(now())?;
                    }
                }
                Either::First(Either::Second(Either4::Fourth(info))) => {
                    return Err(Over::WifiGone(info.ok().map(|info| info.reason)));
                }
                Either::Second(publication) => self.publish(&publication),
            }
        }
    }

    /// A message of an earlier session, or one that has no room, is dropped.
    fn publish(&mut self, publication: &Publication) {
        let Publication { session: number, topic, message } = publication;
        if *number == self.session_number {
            let (topic, retain) = match topic {
                Topic::Partner => (&self.topics.partner, self.topics.partner_retains),
                Topic::Status => (&self.topics.status, true),
                Topic::State | Topic::Command => (&self.topics.state, true),
            };
            self.link.publish_retained(topic, message, retain);
        }
    }

    /// Hands what came in to the light.
    async fn receive(&mut self, began: Moment) -> Result<(), Over> {
        while let Some(received) = self.link.receive(now(), || self.topics.subscriptions.clone())? {
            let event = match received {
                Received::Accepted => continue,
                Received::Up => {
                    MQTT_JOINS.store(self.link.mqtt_joins(), Ordering::Relaxed);
                    PROGRESS.set(self.link.progress());
                    let (host, port) = (&self.record.broker.host, self.record.broker.port);
                    log::info!("connected to the broker at {host}:{port} in {}", Seconds(began.elapsed()));
                    LinkEvent::Up(self.session_number)
                }
                Received::TooLong { bytes } => LinkEvent::TooLong { bytes },
                Received::Message { topic, payload, retained } => LinkEvent::Message { topic, payload, retained },
            };
            LINK_EVENTS.send(event).await;
        }
        Ok(())
    }
}

/// Why there is no Wi-Fi.
enum WifiTrouble {
    Reason(DisconnectReason),
    Timeout,
    NoAddress,
    Driver,
}

impl WifiTrouble {
    fn about<'a>(&'a self, wifi: &'a Wifi) -> impl fmt::Display + 'a {
        struct About<'a>(&'a WifiTrouble, &'a Wifi);
        impl fmt::Display for About<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let About(trouble, Wifi { ssid, password }) = self;
                match trouble {
                    WifiTrouble::Reason(DisconnectReason::NoAccessPointFound) => {
                        write!(f, "no network \"{ssid}\" is in reach; a LoPy4 hears 2.4 GHz alone")
                    }
                    WifiTrouble::Reason(
                        DisconnectReason::FourWayHandshakeTimeout
                        | DisconnectReason::HandshakeTimeout
                        | DisconnectReason::AuthenticationFailed
                        | DisconnectReason::MicFailure,
                    ) => write!(f, "the network \"{ssid}\" refused the password"),
                    WifiTrouble::Reason(DisconnectReason::BeaconTimeout) => {
                        write!(f, "the network \"{ssid}\" is not heard any more")
                    }
                    WifiTrouble::Reason(
                        DisconnectReason::NoAccessPointFoundWithCompatibleSecurity
                        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold,
                    ) if password.is_empty() => {
                        write!(f, "the network \"{ssid}\" needs a password (help: provision the board with it)")
                    }
                    WifiTrouble::Reason(
                        DisconnectReason::NoAccessPointFoundWithCompatibleSecurity
                        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold,
                    ) => write!(
                        f,
                        "the network \"{ssid}\" is open, or secured by less than WPA2; a password is only sent to one \
                         with WPA2"
                    ),
                    WifiTrouble::Reason(reason) => {
                        write!(f, "the network \"{ssid}\" let go of the board ({reason:?})")
                    }
                    WifiTrouble::Timeout => write!(f, "the network \"{ssid}\" does not answer"),
                    WifiTrouble::NoAddress => {
                        write!(f, "the network \"{ssid}\" gives the board no address (DHCP)")
                    }
                    WifiTrouble::Driver => write!(f, "the connection to \"{ssid}\" is gone"),
                }
            }
        }
        About(self, wifi)
    }
}

/// A span, as a person reads it.
struct Seconds(Duration);

impl Seconds {
    fn of_ms(ms: u32) -> Seconds {
        Seconds(Duration::from_millis(u64::from(ms)))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_millis() + 50) / 100;
        write!(f, "{}.{} s", tenths / 10, tenths % 10)
    }
}

async fn sleep_until(moment: Instant) {
    Timer::at(Moment::from_millis(moment.as_ms())).await;
}
