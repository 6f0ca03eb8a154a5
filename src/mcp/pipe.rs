//! One client at a pipe: standard input and output, or a connection at a socket to which `jarkeeper mcp` carries them.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};

use super::server::Server;
use super::{Caller, Knows, Rooms};
use crate::identity::{Identity, Principal, Scope, Scopes};
use crate::session::Counter;

/// Serves one client until it goes away. Shape: JSON-RPC 2.0, a message a line.
///
/// Whoever is there reads files as the same user, so it gets the paths of sessions and never the values in them.
///
/// # Errors
/// The client does not begin as the protocol wants it.
pub async fn serve(
    rooms: Rooms,
    caller: Caller,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), String> {
    use rmcp::ServiceExt as _;
    let scopes: Scopes = caller
        .principal
        .scopes
        .iter()
        .filter(|scope| *scope != Scope::SessionsReveal)
        .collect();
    let principal = Principal {
        scopes,
        ..caller.principal
    };
    let caller = Caller {
        principal,
        ..caller
    };
    let server = Server::new(rooms, Knows::Only(caller.into()));
    let running = server.serve((input, output)).await;
    let running = running.map_err(|error| error.to_string())?;
    running.waiting().await.map_err(|error| error.to_string())?;
    Ok(())
}

/// The socket while it is open; dropped, it serves nobody any more.
pub struct Listening {
    accepts: JoinHandle<()>,
    /// Its file goes when this goes.
    _socket: Counter,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The clients' tasks are in a set that ends with it.
        self.accepts.abort();
    }
}

/// Serves every client that connects at a socket, in the name of the user who runs it.
///
/// # Errors
/// The socket cannot be served.
pub fn listen(socket: Counter, rooms: Rooms, identity: Identity) -> io::Result<Listening> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    let accepts = tokio::spawn(async move {
        let own = rustix::process::geteuid().as_raw();
        let mut clients = JoinSet::new();
        loop {
            while clients.try_join_next().is_some() {}
            let accepted = listener.accept().await;
            let known = accepted.and_then(|(stream, _)| Ok((stream.peer_cred()?.uid(), stream)));
            let (uid, stream) = match known {
                // The folder lets nobody else in; this holds where root handed the socket on.
                Ok((uid, stream)) if uid == own || uid == 0 => (uid, stream),
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!("a client of the tools was not taken: {error}");
                    // No more files may be open: without a pause this would spin.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
            };
            let rooms = rooms.clone();
            let caller = Caller {
                principal: identity.local(uid),
                from: "socket".to_owned(),
            };
            clients.spawn(async move {
                let (input, output) = stream.into_split();
                if let Err(error) = serve(rooms, caller, input, output).await {
                    tracing::debug!("a client of the tools was not served: {error}");
                }
            });
        }
    });
    Ok(Listening {
        accepts,
        _socket: socket,
    })
}
