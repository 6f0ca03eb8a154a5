//! Who is who among what was typed: the username, the password, a one-time code; and what is noise.

use secrecy::SecretString;

use super::Numbered;
use super::selector::Place;

/// Words of password fields, lower case.
const PASSWORD: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "passwort",
    "kennwort",
    "mot de passe",
    "contraseña",
    "contrasena",
    "senha",
    "palavra-passe",
    "wachtwoord",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "hasło",
    "heslo",
    "jelszó",
    "parola",
    "şifre",
    "пароль",
    "κωδικός πρόσβασης",
    "パスワード",
    "비밀번호",
    "密码",
    "密碼",
    "كلمة المرور",
    "סיסמה",
    "mật khẩu",
    "kata sandi",
    "[type=\"password\"]",
    "pass]",
    "\"pass\"",
    "#pass",
];

/// Words of the fields of one-time codes, lower case.
const CODE: &[&str] = &[
    "one-time",
    "otp",
    "2fa",
    "mfa",
    "two-factor",
    "twofactor",
    "totp",
    "verification code",
    "security code",
    "authenticator",
    "authentication code",
    "passcode",
    "token",
    "einmal",
    "bestätigungscode",
    "code de vérification",
    "código de verificación",
    "код подтверждения",
    "確認コード",
    "验证码",
    "인증",
    "code",
];

/// Fewest and most digits of a one-time code.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=8;

/// Keys that do something by themselves; of others the text of their field is what counts.
const KEYS: &[&str] = &[
    "Enter",
    "Escape",
    "Space",
    "ArrowUp",
    "ArrowDown",
    "ArrowLeft",
    "ArrowRight",
    "PageUp",
    "PageDown",
    "Home",
    "End",
];

/// What a step is to the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Username,
    Password,
    Code,
    /// It does nothing that another step does not do.
    Noise,
    Other,
}

/// The roles of the steps after the first page was opened.
pub(super) struct Roles {
    roles: Vec<Role>,
    /// What was typed as the username.
    pub(super) username: Option<String>,
    /// What the password was known by, where that was no name.
    pub(super) guess: Option<&'static str>,
    /// What was typed as the password.
    pub(super) secret: Option<SecretString>,
    /// Whether a one-time code was typed.
    pub(super) code: bool,
}

impl Roles {
    pub(super) fn of(&self, at: usize) -> Role {
        self.roles.get(at).copied().unwrap_or(Role::Other)
    }
}

/// Finds the roles out.
///
/// # Errors
/// No password was typed.
pub(super) fn roles(steps: &[Numbered]) -> Result<Roles, String> {
    let mut roles = vec![Role::Other; steps.len()];
    mark_noise(steps, &mut roles);
    let typed: Vec<usize> = (0..steps.len())
        .filter(|at| roles[*at] == Role::Other && steps[*at].raw.kind == "change")
        .collect();
    let says = |at: usize, words: &[&str]| {
        let said = steps[at]
            .place
            .as_ref()
            .map(Place::words)
            .unwrap_or_default();
        words.iter().any(|word| said.contains(word))
    };
    let value = |at: usize| steps[at].raw.value.as_deref().unwrap_or_default();
    let is_list = |at: usize| steps[at].place.as_ref().is_some_and(Place::is_list);
    let digits = |at: usize| value(at).chars().all(|c| c.is_ascii_digit()) && !value(at).is_empty();
    let text: Vec<usize> = typed.iter().copied().filter(|at| !is_list(*at)).collect();
    // By its name; else the second of what was typed, or all there is.
    let by_name = text
        .iter()
        .position(|at| says(*at, PASSWORD) && !value(*at).is_empty());
    let guess = match (by_name, text.len()) {
        (None, 1) => Some("the only text that was typed is taken for the password"),
        (None, _) => Some(
            "no field says that it is for a password: the second text that was typed is taken for it",
        ),
        (Some(_), _) => None,
    };
    let password = match (by_name, text.len()) {
        (Some(at), _) => at,
        (None, 0) => {
            return Err("no password was typed in it; record again: type the username and the password by hand, into the empty form".to_owned());
        }
        (None, 1) => 0,
        (None, _) => 1,
    };
    let secret = value(text[password]).to_owned();
    for at in &text {
        if value(*at) == secret
            && (*at == text[password] || !secret.is_empty() && says(*at, PASSWORD))
        {
            roles[*at] = Role::Password;
        }
    }
    let username = text[..password]
        .iter()
        .rev()
        .copied()
        .find(|at| roles[*at] == Role::Other && !digits_of_code(value(*at), says(*at, CODE)));
    if let Some(at) = username {
        roles[at] = Role::Username;
    }
    for at in text
        .iter()
        .filter(|at| !secret.is_empty() && value(**at) == secret)
    {
        if roles[*at] == Role::Other {
            roles[*at] = Role::Password;
        }
    }
    let code = mark_code(&text[password + 1..], &mut roles, &digits, &value, &says);
    let username = username.map(|at| value(at).to_owned());
    Ok(Roles {
        roles,
        username,
        guess,
        secret: (!secret.is_empty()).then(|| secret.into()),
        code,
    })
}

/// Clicks that only put the cursor into a field, keys that the text holds anyhow, and values that were typed over.
fn mark_noise(steps: &[Numbered], roles: &mut [Role]) {
    let place = |at: usize| steps[at].place.as_ref();
    let same = |a: usize, b: usize| place(a).zip(place(b)).is_some_and(|(a, b)| a.is(b));
    let kind = |at: usize| steps[at].raw.kind.as_str();
    let clicks = |at: usize| matches!(kind(at), "click" | "doubleClick");
    // A box that was ticked has a value of its own.
    let ticks = |at: usize| {
        kind(at) == "change"
            && steps[at].raw.value.as_deref() == Some("on")
            && (0..at).any(|other| clicks(other) && same(at, other))
    };
    for at in 0..steps.len() {
        let noise = match kind(at) {
            "click" | "doubleClick" => (0..steps.len()).any(|other| {
                kind(other) == "change"
                    && same(at, other)
                    && !ticks(other)
                    && !place(other).is_some_and(Place::is_list)
            }),
            // The same field once more, before anything else was clicked: the last text is what was meant.
            "change" => {
                let again = (at + 1..steps.len())
                    .take_while(|next| !clicks(*next) || same(*next, at))
                    .any(|next| kind(next) == "change" && same(at, next));
                again || ticks(at)
            }
            "keyDown" => !steps[at]
                .raw
                .key
                .as_deref()
                .is_some_and(|key| KEYS.contains(&key)),
            _ => false,
        };
        if noise {
            roles[at] = Role::Noise;
        }
    }
}

/// Codes come after the password: whole, or one digit to a box.
fn mark_code<'v>(
    text: &[usize],
    roles: &mut [Role],
    digits: &dyn Fn(usize) -> bool,
    value: &dyn Fn(usize) -> &'v str,
    says: &dyn Fn(usize, &[&str]) -> bool,
) -> bool {
    let boxes: Vec<usize> = text
        .iter()
        .copied()
        .filter(|at| digits(*at) && value(*at).len() == 1)
        .collect();
    if DIGITS.contains(&boxes.len()) {
        for (nth, at) in boxes.into_iter().enumerate() {
            // The code is typed into the first, and goes on from there by itself.
            roles[at] = if nth == 0 { Role::Code } else { Role::Noise };
        }
        return true;
    }
    let mut found = false;
    for at in text.iter().copied() {
        if roles[at] != Role::Other {
            continue;
        }
        let whole = digits(at) && value(at).len() == 6;
        if whole || digits_of_code(value(at), says(at, CODE)) {
            roles[at] = Role::Code;
            found = true;
        }
    }
    found
}

fn digits_of_code(value: &str, says_code: bool) -> bool {
    let count = value.chars().filter(|c| !c.is_whitespace()).count();
    let digits = value
        .chars()
        .all(|c| c.is_ascii_digit() || c.is_whitespace());
    says_code && digits && DIGITS.contains(&count)
}
