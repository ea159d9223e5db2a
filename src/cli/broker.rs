//! `twinlight broker`: the embedded broker alone.

use clap::Args;

use super::output;
use crate::{
    board::provision::this_computer::{addresses, make_login},
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{FAILED, WELL},
        failure::wrong_usage,
    },
    config::BrokerChoice,
    model::Diagnostic,
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, Ended, OwnClients},
    },
};

#[derive(Clone, Debug, Args)]
pub(super) struct BrokerArgs {
    /// Listen on exactly this port; without it, on the configured one or the next free one
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Listen on all network interfaces, so that boards can join; they need a user and a password
    #[arg(long)]
    lan: bool,
}

pub(super) fn run(common: &Common, args: &BrokerArgs) -> anyhow::Result<u8> {
    let config = common.load()?;
    let BrokerChoice::Embedded { port, lan, login, limits } = config.broker else {
        let message =
            "the configuration names a broker elsewhere, and \"twinlight broker\" runs the embedded one";
        return Err(wrong_usage((message, "leave --config out, or choose one with kind = \"embedded\"")));
    };
    let lan = lan || args.lan;
    let limiter = config.emulated.map(|emulated| {
        let listener = Box::new(|event| note!("{event}"));
        AccountLimiter::adafruit(&emulated.user, emulated.per_minute, listener)
    });
    let made_up = (lan && login.is_none()).then(make_login);
    let config = BrokerConfig {
        first_port: args.port.unwrap_or(port),
        search: args.port.is_none(),
        lan,
        login: login.or_else(|| made_up.clone()),
        limits,
        own: OwnClients::default(),
    };
    runtime()?.block_on(async {
        let mut broker = Broker::start_limited(&config, limiter).await?;
        if let Some(mut notices) = broker.take_notices() {
            tokio::spawn(async move {
                while let Some(notice) = notices.recv().await {
                    note!("{}", Diagnostic::from(notice).one_line());
                }
            });
        }
        output::line(format_args!("the embedded broker listens at {}", broker.address()))?;
        if let Some(wanted) = broker.wanted_port_taken() {
            output::line(format_args!("(port {wanted} is in use by another program)"))?;
        }
        if let Some(login) = &made_up {
            output::line(format_args!(
                "user {}, password {} (generated for this run: to keep them, set both in a configuration)",
                login.user, login.password
            ))?;
        }
        if lan {
            output::line(format_args!(
                "every computer and board of this network that knows user and password can now join:"
            ))?;
            for address in addresses() {
                output::line(format_args!("  {address}, port {}", broker.address().port()))?;
            }
        }
        output::line(format_args!("Ctrl-C ends it"))?;
        let ended = broker.ended();
        tokio::select! {
            () = asked_to_end() => {
                broker.stop().await;
                Ok(WELL)
            }
            ended = ended => {
                if let Ended::Failed { reason } = ended {
                    note!("error: the broker ended: {reason}");
                }
                Ok(FAILED)
            }
        }
    })
}
