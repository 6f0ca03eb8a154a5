//! Where a signed-in page may be asked whether the session lives: a pure choice among what it links to and what its own
//! scripts asked for.

use url::Url;

use super::words;
use crate::browser::snapshot::Snapshot;

/// Most places that are named. Each costs the site a few requests.
const MOST: usize = 8;
/// Longest value in a query that is no token and no time stamp, characters.
const PLAIN: usize = 24;

/// Parts of an address that speak of the one who is signed in.
const OF_ACCOUNT: &[&str] = &[
    "me",
    "whoami",
    "user",
    "users",
    "self",
    "current",
    "session",
    "userinfo",
    "account",
    "accounts",
    "profile",
    "preferences",
    "prefs",
    "settings",
    "dashboard",
    "home",
    "my",
    "konto",
    "compte",
    "cuenta",
    "conta",
    "perfil",
];

/// What a link to the account says. Lower case.
const SAYS_ACCOUNT: &[&str] = &[
    "account",
    "profile",
    "preferences",
    "settings",
    "dashboard",
    "konto",
    "profil",
    "einstellungen",
    "compte",
    "paramètres",
    "préférences",
    "cuenta",
    "perfil",
    "ajustes",
    "preferencias",
    "conta",
    "definições",
    "configurações",
    "impostazioni",
    "profilo",
    "instellingen",
    "profiel",
    "inställningar",
    "indstillinger",
    "asetukset",
    "ustawienia",
    "nastavení",
    "beállítások",
    "hesabım",
    "ayarlar",
    "настройки",
    "профиль",
    "аккаунт",
    "налаштування",
    "ρυθμίσεις",
    "アカウント",
    "プロフィール",
    "設定",
    "설정",
    "프로필",
    "设置",
    "账户",
    "个人中心",
    "الحساب",
    "الإعدادات",
    "הגדרות",
    "tài khoản",
    "pengaturan",
];

/// Parts of an address behind which something may change. Never asked for.
const CHANGES: &[&str] = &[
    "delete",
    "del",
    "remove",
    "destroy",
    "drop",
    "erase",
    "purge",
    "clear",
    "reset",
    "revoke",
    "disable",
    "deactivate",
    "enable",
    "activate",
    "cancel",
    "close",
    "add",
    "create",
    "new",
    "edit",
    "update",
    "save",
    "set",
    "toggle",
    "switch",
    "impersonate",
    "confirm",
    "approve",
    "accept",
    "reject",
    "verify",
    "send",
    "submit",
    "post",
    "vote",
    "like",
    "follow",
    "unfollow",
    "subscribe",
    "unsubscribe",
    "mark",
    "move",
    "rename",
    "upload",
    "import",
    "export",
    "download",
    "buy",
    "checkout",
    "pay",
    "order",
    "cart",
    "invite",
    "join",
    "leave",
    "kill",
    "stop",
    "start",
    "restart",
    "shutdown",
    "reboot",
    "run",
    "execute",
    "install",
    "upgrade",
    "regenerate",
    "rotate",
    "refresh",
    "renew",
    "exit",
    "quit",
    "end",
    "disconnect",
    "oauth",
    "authorize",
    "callback",
    "login",
    "signin",
    "connect",
    "link",
    "unlink",
    "poll",
    "stream",
    "events",
    "socket",
];

/// Ends of names that are files and say nothing of a session.
const FILES: &[&str] = &[
    ".js",
    ".mjs",
    ".css",
    ".map",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".svg",
    ".ico",
    ".webp",
    ".woff",
    ".woff2",
    ".pdf",
    ".zip",
    ".xml",
    ".wasm",
    ".txt",
    ".mp4",
    ".webmanifest",
];

/// Places worth asking, the most telling first: reads only, on the page's own origin. `here` is the page, `read` what its
/// scripts asked for.
pub(super) fn places(here: &Url, seen: &Snapshot, read: &[Url]) -> Vec<Url> {
    let mut ranked: Vec<(u8, Url)> = Vec::new();
    let mut name = |rank: u8, mut url: Url| {
        url.set_fragment(None);
        cut_parameters(&mut url);
        if url.origin() == here.origin() && reads(&url) && !ranked.iter().any(|(_, u)| *u == url) {
            ranked.push((rank, url));
        }
    };
    for url in read {
        name(if of_account(url) { 0 } else { 2 }, url.clone());
    }
    for button in &seen.buttons {
        let Some(url) = button.link.as_ref().and_then(|link| here.join(link).ok()) else {
            continue;
        };
        let text = button.text.to_lowercase();
        let of_account = words::any(&text, SAYS_ACCOUNT) || of_account(&url);
        if of_account && !words::any(&text, words::SIGN_OUT) && parts(&text).all(harmless) {
            name(1, url);
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(MOST);
    ranked.into_iter().map(|(_, url)| url).collect()
}

/// Cuts the parameters off the segments of the path, where some servers put the session's id.
///
/// Source: RFC 3986 section 3.3.
pub(super) fn cut_parameters(url: &mut Url) {
    let bare: Vec<_> = url
        .path()
        .split('/')
        .map(|segment| segment.split(';').next().unwrap_or_default())
        .collect();
    let bare = bare.join("/");
    if bare != url.path() {
        url.set_path(&bare);
    }
}

fn of_account(url: &Url) -> bool {
    let address = address(url);
    parts(&address).any(|part| OF_ACCOUNT.contains(&part))
}

/// Whether asking for this changes nothing, as far as its address tells, and will mean the same tomorrow.
fn reads(url: &Url) -> bool {
    let address = address(url);
    let lasting = url.query_pairs().all(|(_, value)| {
        let digits = value.chars().filter(char::is_ascii_digit).count();
        value.chars().count() <= PLAIN && digits < 9
    });
    matches!(url.scheme(), "http" | "https")
        && lasting
        && !FILES
            .iter()
            .any(|end| url.path().to_ascii_lowercase().ends_with(end))
        && !words::any(&address, words::SIGN_OUT)
        && parts(&address).all(harmless)
}

fn harmless(part: &str) -> bool {
    !CHANGES.contains(&part)
}

/// Path and query, lower case; `userSettings` and `user_settings` are two words.
fn address(url: &Url) -> String {
    let mut out = String::new();
    for c in url[url::Position::BeforePath..].chars() {
        if c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::snapshot::Button;

    fn link(text: &str, link: &str) -> Button {
        Button {
            text: text.into(),
            link: Some(link.into()),
            ..Button::default()
        }
    }

    fn chosen(links: &[(&str, &str)], read: &[&str]) -> Vec<String> {
        let here: Url = "https://a.org/app/".parse().unwrap();
        let seen = Snapshot {
            buttons: links.iter().map(|(text, to)| link(text, to)).collect(),
            ..Snapshot::default()
        };
        let read: Vec<Url> = read.iter().map(|url| here.join(url).unwrap()).collect();
        let found = places(&here, &seen, &read);
        found
            .iter()
            .map(|url| url[url::Position::BeforePath..].to_owned())
            .collect()
    }

    #[test]
    fn what_speaks_of_the_account_comes_first() {
        let links = [
            ("News", "/news"),
            ("Einstellungen", "s"),
            ("Bob", "/profile#top"),
        ];
        let read = ["/api/items?page=1", "/api/v1/whoami", "/api/currentUser"];
        let wanted = [
            "/api/v1/whoami",
            "/api/currentUser",
            "/app/s",
            "/profile",
            "/api/items?page=1",
        ];
        assert_eq!(chosen(&links, &read), wanted);
    }

    #[test]
    fn a_session_in_the_path_is_cut_off() {
        let links = [("Profile", "/app;jsessionid=0A1B2C/profile;v=1?tab=a;b")];
        assert_eq!(chosen(&links, &[]), ["/app/profile?tab=a;b"]);
    }

    #[test]
    fn what_may_change_something_is_never_asked_for() {
        let links = [
            ("Log out", "/account/x"),
            ("My account", "/account/logout"),
            ("Profile", "/index.php?title=Special:UserLogout"),
            ("Delete account", "/account/gone"),
            ("Settings", "/settings?do=delete"),
            ("Settings", "/settings/deleteAll"),
            ("Account", "https://b.org/account"),
            ("Profile", "/profile?csrf=0123456789abcdef0123456789"),
            ("Profile", "javascript:leave()"),
            ("Profile", "/me/photo.png"),
        ];
        let read = [
            "/api/session/refresh",
            "/api/me?_=1732496000000",
            "/api/poll",
            "/static/me.js",
        ];
        assert_eq!(chosen(&links, &read), [""; 0]);
    }
}
