//! The guessing game in a browser: a person questions A-Bot, or looks on while Q-Bot does
//! (feature `serve`).
//!
//! [`Server::bind`] listens on one address, [`Server::run`] answers. It keeps nothing between
//! requests: a game is a function of its scene, its seed and what was asked, so that no client can
//! make it grow. Whoever connects is a stranger: [`Limits`] says how many may, for how long, and
//! how much they may send; requests whose `Host` or `Origin` is another site's are refused, since a
//! page of another site that a person looks at could send them too (DNS rebinding, cross-site
//! requests).
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /` | | the page, which needs nothing else but `page.js` and `page.css` of this server |
//! | `GET /pool` | | how many scenes there are, and how many rounds may be asked for |
//! | `GET /scene/N.svg` | | scene N as a picture, its objects in words as its title |
//! | `POST /play` | `{"scene", "rounds", "seed"}` | a game of both agents |
//! | `POST /ask` | `{"scene", "seed", "questions"}` | the same, asked by a person; the last answer is the new one |
//!
//! What is wrong with a request is said in `{"error": …}`.

mod connection;
mod guard;
mod page;
mod routes;

use crate::guess::{Agents, ScenePool};
use crate::{Error, Result};
use connection::Gate;
use conv_hub::InvalidField;
use guard::Names;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// What strangers may ask of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are open at a time; further ones wait to be taken.
    pub connections: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// How long a request may take, from its head to its answer: its body's arrival, its turn to be
    /// computed, and that.
    pub request: Duration,
    /// How long one side of a connection may be at it: a client at its request, from the first
    /// byte of the head on, or at reading the answer. Nor is a connection kept longer that says
    /// nothing.
    pub turn: Duration,
    /// Games that are computed at a time.
    pub games: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            body: 16 << 10,
            request: Duration::from_secs(20),
            turn: Duration::from_secs(30),
            games: std::thread::available_parallelism().map_or(1, Into::into),
        }
    }
}

impl Limits {
    fn check(&self) -> Result<()> {
        for (name, found) in
            [("connections", self.connections), ("body", self.body), ("games", self.games)]
        {
            InvalidField::unless(found > 0, name, &found, "at least 1")?;
        }
        for (name, found) in [("request", self.request), ("turn", self.turn)] {
            let seconds = found.as_secs_f64();
            InvalidField::unless(seconds > 0.0, name, &seconds, "more than 0 seconds")?;
        }
        Ok(())
    }
}

/// What every request is answered from.
#[derive(Debug)]
struct Shared {
    agents: Agents,
    pool: ScenePool,
    names: Names,
    limits: Limits,
    /// Who may compute.
    turns: Arc<Semaphore>,
}

/// A server that listens.
///
/// ```no_run
/// use candle_core::Device;
/// use conv_dialog::guess::{Agents, ScenePool, draw_scenes};
/// use conv_dialog::serve::{Limits, Server};
/// let agents = Agents::open("data/models/guess-agents".as_ref(), &Device::Cpu)?;
/// let pool = ScenePool::new(draw_scenes(1000, 1));
/// let server = Server::bind(([127, 0, 0, 1], 8080).into(), &[], agents, pool, Limits::default())?;
/// println!("http://{}", server.address());
/// server.run()?;
/// # Ok::<(), conv_dialog::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    shared: Shared,
}

impl Server {
    /// Listens on `address`; port 0 is one that is free. Requests are answered that are for this
    /// address, for `localhost` where that is a loopback one, or for one of `names`, without port.
    ///
    /// # Errors
    /// An address that cannot be had, a pool of no scenes, or a limit of 0.
    pub fn bind(
        address: SocketAddr,
        names: &[String],
        agents: Agents,
        pool: ScenePool,
        limits: Limits,
    ) -> Result<Self> {
        limits.check()?;
        pool.scene(0)?;
        let failed = |source| Error::Serve { address, source };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(limits.games)
            .enable_all()
            .build()
            .map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let names = Names::new(address, names);
        let turns = Arc::new(Semaphore::new(limits.games));
        let shared = Shared { agents, pool, names, limits, turns };
        Ok(Self { runtime, listener, address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// A listener that fails for good.
    pub fn run(self) -> Result<()> {
        let Self { runtime, listener, address, shared } = self;
        let gate = Gate::new(listener, shared.limits);
        let served = axum::serve(gate, routes::router(shared));
        runtime.block_on(served.into_future()).map_err(|source| Error::Serve { address, source })
    }
}
