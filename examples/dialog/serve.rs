//! `serve`: the guessing game in a browser.

use crate::play::Game;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_dialog::serve::{Limits, Server};
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    game: Game,
    /// The address to listen on; others than this machine reach it only at one that is no loopback
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port; 0 is one that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Names, without port, by which the server is called besides its address; requests for others
    /// are refused
    #[arg(long, num_args = 1..)]
    host: Vec<String>,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        if self.address.is_unspecified() && self.host.is_empty() {
            let address = self.address;
            bail!(
                "--address {address} is every address, expected --host NAME for what it is called by"
            );
        }
        let (agents, pool) = self.game.open(common, device)?;
        let scenes = pool.scenes().len();
        let address = SocketAddr::new(self.address, self.port);
        let server = Server::bind(address, &self.host, agents, pool, Limits::default())?;
        let address = server.address();
        let url = format!("http://{address}/");
        conv_cli::print(
            common.json,
            &Serving { url, scenes, is_open: !address.ip().is_loopback() },
        )?;
        Ok(server.run()?)
    }
}

#[derive(Debug, Serialize)]
struct Serving {
    url: String,
    scenes: usize,
    /// Whether other machines may reach it.
    is_open: bool,
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, scenes, is_open } = self;
        write!(f, "{url}  {scenes} scenes; Ctrl-C ends it")?;
        if *is_open {
            write!(f, "; other machines can reach it, without a password and unencrypted")?;
        }
        Ok(())
    }
}
