//! What the proxy costs while nothing is broken, and how exactly it breaks what it is asked to.
//!
//! `cargo bench --bench proxy` compares a loopback connection with the same one through a proxy:
//! round trips of a message's size, and throughput. Then it measures latency and bandwidth, beside
//! what was asked for.

use std::{error::Error, net::SocketAddr, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use twinlight::{
    fault::{Bandwidth, Latency, LinkFaultSpec},
    world::proxy::Proxy,
};

const MESSAGE: usize = 200;
const ROUND_TRIPS: usize = 20_000;
const BULK: usize = 200_000_000;
const ANY: &str = "127.0.0.1:0";

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let echo = start_echo().await?;
        let proxy = Proxy::start(ANY.parse()?, "127.0.0.1", echo.port(), 1)?;
        println!("{:>9} {:>12} {:>12} {:>12}", "", "p50 µs", "p99 µs", "MB/s");
        for (name, address) in [("direct", echo), ("proxied", proxy.address())] {
            let (p50, p99) = round_trips(address, ROUND_TRIPS).await?;
            println!(
                "{name:>9} {:>12.1} {:>12.1} {:>12.0}",
                p50 * 1e6,
                p99 * 1e6,
                throughput(address).await?
            );
        }
        println!();
        for ms in [5, 20, 100, 500] {
            proxy.inject(LinkFaultSpec::to_broker(Latency { ms, jitter_ms: 0 }))?;
            let (p50, p99) = round_trips(proxy.address(), 20).await?;
            println!(
                "latency {ms:>4} ms: {:>8.2} ms in half of 20 cases, {:.2} ms at the most",
                p50 * 1e3,
                p99 * 1e3
            );
        }
        proxy.clear_all();
        for bytes_per_s in [1_000, 20_000, 1_000_000] {
            proxy.inject(LinkFaultSpec::to_broker(Bandwidth { bytes_per_s }))?;
            let measured = paced(proxy.address(), bytes_per_s as usize * 2).await?;
            println!("bandwidth {bytes_per_s:>8} bytes/s: {measured:>10.0} bytes/s");
        }
        Ok(())
    })
}

/// Sends back what comes.
async fn start_echo() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind(ANY).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Ok(address)
}

/// Half and 99 % of the round trips took no longer, in seconds.
async fn round_trips(address: SocketAddr, count: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sent, mut back) = ([7; MESSAGE], [0; MESSAGE]);
    let mut took = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        stream.write_all(&sent).await?;
        stream.read_exact(&mut back).await?;
        took.push(started.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took.get(((count * share).div_ceil(100)).max(1) - 1).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}

/// Megabytes a second, there and back.
async fn throughput(address: SocketAddr) -> Result<f64, Box<dyn Error>> {
    Ok(carry(address, BULK).await? / 1e6)
}

async fn paced(address: SocketAddr, bytes: usize) -> Result<f64, Box<dyn Error>> {
    carry(address, bytes).await
}

async fn carry(address: SocketAddr, bytes: usize) -> Result<f64, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut read, mut write) = stream.into_split();
    let started = Instant::now();
    let writer = tokio::spawn(async move {
        let chunk = vec![7; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let count = left.min(chunk.len());
            write.write_all(&chunk[..count]).await?;
            left -= count;
        }
        Ok::<_, std::io::Error>(write)
    });
    let mut buffer = vec![0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        left -= read.read(&mut buffer).await?.min(left);
    }
    let took = started.elapsed().as_secs_f64();
    drop(writer.await??);
    Ok(bytes as f64 / took)
}
