//! `demo`: the small site to try things at.

use secrecy::SecretString;

use super::{Stop, say};

pub(super) async fn run(port: u16, life: std::time::Duration) -> Result<(), Stop> {
    let password = std::env::var("DEMO_PASSWORD").unwrap_or_default();
    if password.is_empty() {
        return Err(Stop::Told(
            2,
            "set DEMO_PASSWORD to the password that the demo site is to accept".to_owned(),
        ));
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| {
        Stop::Told(1, format!("the demo site cannot use port {port}: {e}; choose another with --port or DEMO_PORT"))
    })?;
    let address = listener.local_addr()?;
    say(&format!(
        "the demo site is at http://{address}/login; its user is demo"
    ))?;
    let life =
        chrono::TimeDelta::from_std(life).map_err(|e| Stop::Told(2, format!("--life: {e}")))?;
    let stop = async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut terminate {
                Some(terminate) => terminate.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    };
    Ok(crate::demo::serve(listener, SecretString::from(password), life, stop).await?)
}
