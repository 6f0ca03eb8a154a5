//! What the test site does with credentials: counts them, judges them, lets in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::extract::{Form, Json, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::cookies::{self, cookie};
use super::dials::{Dials, Fault, FaultOn, FormShape, Login, Obstacle};
use super::faults;
use super::pages;
use super::routes::{agent, form_page, home_path};
use super::site::Shared;
use super::state::{Outcome, Submission};
use super::wire::Wire;

type Site = State<Arc<Shared>>;
type Fields = HashMap<String, String>;

/// Counts a submitted login and judges it; the error is the answer of a fault.
pub(crate) async fn receive(
    shared: &Shared,
    wire: &Wire,
    fields: &Fields,
    token_is_its_own: bool,
) -> Result<(Outcome, String), Response> {
    let dials = shared.dials();
    let field = |usual: &str, renamed: &str| {
        let name = if dials.form == FormShape::Renamed {
            renamed
        } else {
            usual
        };
        fields.get(name).cloned().unwrap_or_default()
    };
    let (username, password) = (field("username", "m_71"), field("password", "m_72"));
    let fault = dials.fault.clone();
    let fault = fault.filter(|_| dials.fault_on != FaultOn::Probes);
    let robot = fields
        .iter()
        .any(|(name, value)| name.starts_with("trap") && !value.is_empty())
        || (dials.obstacle == Some(Obstacle::CaptchaBefore)
            && fields
                .get("g-recaptcha-response")
                .is_none_or(String::is_empty));
    let further = dials.totp.is_some() || dials.obstacle.is_some();
    let outcome = shared.with(|state| {
        let outcome = match () {
            () if fault.is_some() && fault != Some(Fault::Slow) => Outcome::Unanswered,
            () if !token_is_its_own => Outcome::Stale,
            () if robot => Outcome::Trapped,
            () => match state.judge(&username, &password, dials.lock_after) {
                Outcome::Accepted if further => Outcome::Further,
                outcome => outcome,
            },
        };
        state.submissions.push(Submission {
            username: username.clone(),
            password,
            outcome,
        });
        outcome
    });
    let mut changes = shared.changes.subscribe();
    while shared.dials().hold_submissions {
        if changes.changed().await.is_err() {
            break;
        }
    }
    if let Some(fault) = fault
        && let Some(answer) = faults::strike(&fault, wire).await
    {
        return Err(answer);
    }
    Ok((outcome, username))
}

/// What a person reads after a login that was not accepted.
pub(crate) fn message(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Locked => "This account is locked after too many failed attempts.",
        Outcome::Stale => "This form has expired. Please try again.",
        Outcome::Trapped => "Please confirm that you are not a robot.",
        _ => "Wrong username or password.",
    }
}

pub(crate) async fn submit(
    State(shared): Site,
    Extension(wire): Extension<Wire>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let dials = shared.dials();
    let token = fields.get("token").cloned().unwrap_or_default();
    let own = cookie(&headers, &cookies::named(&dials, "visit")).as_ref() == Some(&token)
        && shared.with(|state| state.tokens.remove(&token));
    let (outcome, user) = match receive(&shared, &wire, &fields, own).await {
        Ok(judged) => judged,
        Err(answer) => return answer,
    };
    match outcome {
        Outcome::Accepted if dials.login == Login::SecondHop => {
            let ticket = pend(&shared, &user);
            let script = format!(
                "<p>One moment</p><script>location.href = '/second-hop?ticket={ticket}'</script>"
            );
            Html(pages::page("One moment", &script)).into_response()
        }
        Outcome::Accepted => enter(&shared, &dials, &headers, &user),
        Outcome::Further => {
            let set = pending_cookie(&dials, &pend(&shared, &user));
            ([(SET_COOKIE, set)], Redirect::to(next_page(&dials))).into_response()
        }
        _ => {
            let status = match outcome {
                Outcome::Refused => StatusCode::from_u16(dials.wrong_password_status).unwrap(),
                _ => StatusCode::OK,
            };
            form_page(&shared, &dials, status, message(outcome))
        }
    }
}

fn next_page(dials: &Dials) -> &'static str {
    if dials.totp.is_some() {
        "/login/code"
    } else {
        "/hurdle"
    }
}

fn pending_cookie(dials: &Dials, ticket: &str) -> String {
    let name = cookies::named(dials, "pending");
    format!("{name}={ticket}; Path=/; HttpOnly")
}

/// Remembers that this user has shown a good password.
pub(crate) fn pend(shared: &Shared, user: &str) -> String {
    shared.with(|state| {
        let ticket = state.fresh("p");
        state.pending.insert(ticket.clone(), user.to_owned());
        ticket
    })
}

/// The answer to an accepted login: the cookies, and the way to the protected page.
fn enter(shared: &Shared, dials: &Dials, headers: &HeaderMap, user: &str) -> Response {
    let id = shared.with(|state| state.admit(user, agent(headers), dials));
    let to = match dials.dead_session {
        true => "/welcome".to_owned(),
        false => home_path(dials, user),
    };
    let mut answer = Redirect::to(&to).into_response();
    cookies::set(answer.headers_mut(), dials, &id, true);
    answer
}

pub(crate) async fn api_login(
    State(shared): Site,
    Extension(wire): Extension<Wire>,
    headers: HeaderMap,
    Json(fields): Json<Fields>,
) -> Response {
    let dials = shared.dials();
    let (outcome, user) = match receive(&shared, &wire, &fields, true).await {
        Ok(judged) => judged,
        Err(answer) => return answer,
    };
    match outcome {
        Outcome::Accepted => {
            let id = shared.with(|state| state.admit(&user, agent(&headers), &dials));
            let mut answer = json!({ "ok": true, "page": pages::inner_home(&dials, &user), "home": home_path(&dials, &user) });
            if dials.login.keeps_a_token() {
                answer["token"] = Value::from(id);
                return Json(answer).into_response();
            }
            let mut answer = Json(answer).into_response();
            cookies::set(answer.headers_mut(), &dials, &id, true);
            answer
        }
        Outcome::Further => {
            let set = pending_cookie(&dials, &pend(&shared, &user));
            (
                [(SET_COOKIE, set)],
                Json(json!({ "next": next_page(&dials) })),
            )
                .into_response()
        }
        _ => {
            let status = StatusCode::from_u16(dials.wrong_password_status).unwrap();
            (status, Json(json!({ "error": message(outcome) }))).into_response()
        }
    }
}

pub(crate) async fn second_hop(
    State(shared): Site,
    headers: HeaderMap,
    Query(query): Query<Fields>,
) -> Response {
    let ticket = query.get("ticket").cloned().unwrap_or_default();
    match shared.with(|state| state.pending.remove(&ticket)) {
        Some(user) => enter(&shared, &shared.dials(), &headers, &user),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

fn pending(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let ticket = cookie(headers, &cookies::named(&shared.dials(), "pending"))?;
    shared.with(|state| state.pending.get(&ticket).cloned())
}

pub(crate) async fn consent(State(shared): Site, headers: HeaderMap) -> Response {
    match pending(&shared, &headers) {
        Some(user) => enter(&shared, &shared.dials(), &headers, &user),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

pub(crate) async fn code_page() -> Html<String> {
    Html(pages::code(""))
}

pub(crate) async fn enter_code(
    State(shared): Site,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let dials = shared.dials();
    let Some(user) = pending(&shared, &headers) else {
        return Redirect::to(dials.flavour.words().login).into_response();
    };
    let code = fields.get("code").cloned().unwrap_or_default();
    let secret =
        totp_rs::Secret::try_from_base32(dials.totp.as_deref().unwrap_or_default()).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .build_noncompliant();
    let fits = totp.check(&code, now).is_some();
    let fresh = shared.with(|state| {
        state.entered.push(code.clone());
        fits && state.codes.insert(code)
    });
    match (fits, fresh) {
        (_, true) => enter(&shared, &dials, &headers, &user),
        (true, false) => Html(pages::code("This code was used already.")).into_response(),
        (false, _) => Html(pages::code("This code is not right.")).into_response(),
    }
}
