//! Forms as people write them.

use super::{Fixture, pass, refuse, together};
use jarkeeper::failure::FailureClass;

const PLAIN: &str = "<main><h1>Welcome back</h1><form method=post action=/login>\
    <div class=field><label for=u>E-mail</label><input id=u name=email type=email></div>\
    <div class=field><label for=p>Password</label><input id=p name=password type=password></div>\
    <button type=submit class='btn btn-primary'>Sign in</button></form></main>";

#[test]
fn plain_forms() {
    together([
        pass("plain", Fixture::form("email", "password", PLAIN)),
        refuse(
            "wrong password",
            Fixture::form("email", "password", PLAIN).wrong(),
            FailureClass::WrongCredentials,
            1,
        ),
    ]);
}
