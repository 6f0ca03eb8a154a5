//! `passkey register`: a passkey of our own at a site.

use clap::Subcommand;
use url::Url;

use super::{Stop, say};
use crate::app::App;
use crate::ids::SessionKey;

#[derive(Subcommand)]
pub(super) enum PasskeyVerb {
    /// Makes a passkey at the site with the live session, and keeps it sealed; later logins use it
    Register {
        /// SITE or SITE:ACCOUNT
        site: String,
        /// The page that adds passkeys: the account's security settings; the recipe's url where it is not given
        #[arg(long, value_name = "URL")]
        at: Option<Url>,
    },
}

pub(super) async fn register(app: &App, key: &SessionKey, at: Option<Url>) -> Result<(), Stop> {
    let domain = app.queue.renewer().register_passkey(key, at).await?;
    say(&format!(
        "{key}: a passkey for {domain} was made, signs in, and is kept sealed"
    ))
}
