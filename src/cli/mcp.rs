//! `mcp`: the tools for a language model, on standard input and output.

use std::path::Path;

use tokio::io::{AsyncWriteExt as _, stdin, stdout};
use tokio::net::UnixStream;

use super::Stop;
use crate::app;
use crate::mcp;
use crate::session::{Files, Way};
use crate::watch::Settings;

/// Carries both to the daemon that runs on this root, or, where none runs, does the work itself.
pub(super) async fn run(root: &Path, settings: Settings) -> Result<(), Stop> {
    match Files::open(&root.join(".auth"))?.tools_way()? {
        Some(way) => through(&way).await,
        None => {
            super::with_app(root, settings, async |app| {
                let (rooms, caller) = app::tools(app).await?;
                let served = mcp::serve(rooms, caller, stdin(), stdout()).await;
                served.map_err(|error| Stop::Told(1, error))
            })
            .await
        }
    }
}

async fn through(way: &Way) -> Result<(), Stop> {
    let (mut from, mut to) = UnixStream::connect(way.path()).await?.into_split();
    let there = async {
        tokio::io::copy(&mut stdin(), &mut to).await?;
        to.shutdown().await?;
        // What was asked for last is still answered.
        std::future::pending::<std::io::Result<()>>().await
    };
    let mut out = stdout();
    tokio::select! {
        ended = tokio::io::copy(&mut from, &mut out) => drop(ended?),
        failed = there => failed?,
    }
    Ok(out.flush().await?)
}
