//! The rule of a peer, on the same snapshots.

use jarkeeper::browser::snapshot::{Field, Snapshot};
use jarkeeper::login::form::LoginForm;

/// What agent-browser fills when it is not told otherwise: the first visible field that a fixed order of selectors meets,
/// wherever on the page it is, and the first button that submits or says so.
pub(crate) fn agent_browser(page: &Snapshot) -> Option<LoginForm> {
    let visible = |f: &Field| f.visible && !f.disabled;
    let first =
        |fits: &dyn Fn(&Field) -> bool| page.fields.iter().position(|f| visible(f) && fits(f));
    let holds = |f: &Field, word: &str| {
        f.name.to_lowercase().contains(word) || f.id.to_lowercase().contains(word)
    };
    let text = |f: &Field| f.tag == "input" && matches!(f.kind.as_str(), "text" | "email" | "tel");
    let username = first(&|f| f.kind == "email")
        .or_else(|| first(&|f| f.autocomplete == "username"))
        .or_else(|| {
            first(&|f| text(f) && (holds(f, "user") || holds(f, "email") || holds(f, "login")))
        })
        .or_else(|| first(&|f| f.tag == "input" && f.kind == "text"));
    let password = first(&|f| f.kind == "password");
    let button = |fits: &dyn Fn(&str) -> bool| {
        let mut buttons = page.buttons.iter();
        buttons.position(|b| b.visible && b.tag == "button" && fits(&b.text.to_lowercase()))
    };
    let submit = page
        .buttons
        .iter()
        .position(|b| b.visible && b.kind == "submit")
        .or_else(|| {
            button(&|text| {
                text.contains("sign in") || text.contains("log in") || text.contains("login")
            })
        });
    username.or(password)?;
    Some(LoginForm {
        username,
        password,
        submit,
    })
}
