//! Connections that end in time, and not too many of them.

use super::Limits;
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// How long to wait where the system has no more sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(200);

/// Takes connections while there is room.
pub(super) struct Gate {
    listener: TcpListener,
    room: Arc<Semaphore>,
    turn: Duration,
}

impl Gate {
    pub fn new(listener: TcpListener, limits: Limits) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(limits.connections)), turn: limits.turn }
    }
}

impl Listener for Gate {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(place) = self.room.clone().acquire_owned().await else {
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => return (Timed::new(stream, self.turn, place), address),
                // A client that is gone already, or a system without sockets: others come.
                Err(_) => sleep(OUT_OF_SOCKETS).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A connection on which each side has so long for its turn, however many bytes it comes in: the
/// client from the first byte of its request, the server from the first byte of its answer. A
/// client that sends or takes a byte now and then gains no time by it.
pub(super) struct Timed {
    stream: TcpStream,
    side: Side,
    /// Whether the server has more to say than the client takes: that it goes on sending meanwhile
    /// begins no turn of its own.
    is_waiting: bool,
    left: Pin<Box<Sleep>>,
    turn: Duration,
    _place: OwnedSemaphorePermit,
}

impl Timed {
    fn new(stream: TcpStream, turn: Duration, place: OwnedSemaphorePermit) -> Self {
        let left = Box::pin(sleep(turn));
        Self { stream, side: Side::Client, is_waiting: false, left, turn, _place: place }
    }

    /// Something came of that side.
    fn moved(&mut self, side: Side) {
        if self.side != side {
            self.side = side;
            self.left.as_mut().reset(Instant::now() + self.turn);
        }
    }

    /// Whether the turn is over; otherwise the task is woken when it is.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.left.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.in_time(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before && !self.is_waiting {
            self.moved(Side::Client);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.moved(Side::Server);
        self.in_time(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.is_waiting = written.is_pending();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
