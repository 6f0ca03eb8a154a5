use super::*;
use crate::browser::snapshot::Overlay;

fn offers(texts: &[&str]) -> Vec<Choice> {
    let choice = |text: &&str| Choice {
        kind: "button".into(),
        text: (*text).into(),
        list: -1,
        ..Choice::default()
    };
    texts.iter().map(choice).collect()
}

fn says(text: &str) -> Snapshot {
    Snapshot {
        text: text.into(),
        headings: vec![text.into()],
        ..Snapshot::default()
    }
}

fn asks(
    text: &str,
    choices: &[&str],
    entered: bool,
    authorises: bool,
) -> Option<(&'static str, String)> {
    let url = "http://notes.example/login".parse().unwrap();
    let known = Known {
        username: "ada@kestrel.example",
        url: &url,
        entered,
        authorises,
        mailbox: None,
        password: true,
    };
    let offered = offers(choices);
    let step = next(&says(text), &offered, &known).unwrap()?;
    Some((step.what, offered[step.choice].text.clone()))
}

#[test]
fn a_long_session_is_taken_in_many_languages() {
    for (text, no, yes) in [
        ("Stay signed in?", "No", "Yes"),
        ("Angemeldet bleiben?", "Nein", "Ja"),
        ("Rester connecté ?", "Non", "Oui"),
        ("¿Mantener la sesión iniciada?", "No", "Sí"),
        ("Оставаться в системе?", "Нет", "Да"),
        ("サインインしたままにしますか?", "いいえ", "はい"),
        ("保持登录状态?", "否", "是"),
        ("Trust this browser?", "Don't trust", "Trust this browser"),
    ] {
        let chosen = asks(text, &[no, yes], true, false);
        assert_eq!(chosen, Some(("stay", yes.to_owned())), "{text}");
        assert_eq!(
            asks(text, &[no, yes], false, false),
            None,
            "{text}: before the password"
        );
    }
}

#[test]
fn an_offer_is_put_off_and_an_agreement_is_not_given() {
    for (text, skip) in [
        ("Sign in faster with a passkey", "Not now"),
        ("Add a phone number", "Skip"),
        ("Passkey erstellen", "Jetzt nicht"),
        ("Ajoutez votre numéro", "Plus tard"),
        ("パスキーを作成", "後で"),
    ] {
        assert_eq!(
            asks(text, &["OK", skip], true, false),
            Some(("skip", skip.to_owned())),
            "{text}"
        );
    }
    assert_eq!(
        asks(
            "Our terms of service have changed",
            &["I agree", "Sign out"],
            true,
            false
        ),
        None
    );
    assert_eq!(
        asks(
            "Our terms of service have changed",
            &["I agree", "Sign out"],
            true,
            true
        ),
        None
    );
}

#[test]
fn access_is_granted_only_to_the_site_itself() {
    let text = "Notes would like to access your account";
    let allowed = Some(("consent", "Authorize".to_owned()));
    assert_eq!(asks(text, &["Cancel", "Authorize"], true, true), allowed);
    assert_eq!(asks(text, &["Cancel", "Authorize"], true, false), None);
    assert_eq!(asks(text, &["Cancel", "Authorize"], false, true), None);
}

#[test]
fn the_account_is_chosen_by_its_name_and_the_way_by_the_password() {
    let list = &[
        "Bob bob@kestrel.example",
        "Ada ada@kestrel.example",
        "Use another account",
    ];
    let own = asks("Choose an account", list, false, false).unwrap();
    assert_eq!(own, ("account", list[1].to_owned()));
    let other = asks(
        "Konto auswählen",
        &["Bob b@x.example", "Anderes Konto verwenden"],
        false,
        false,
    );
    assert_eq!(other.unwrap().0, "other account");
    let ways = &[
        "Continue with Google",
        "Forgot password?",
        "Use your password instead",
    ];
    assert_eq!(asks("Sign in", ways, false, false).unwrap().1, ways[2]);
    let ways = &["Continue with Google", "Continue with email"];
    assert_eq!(asks("Sign in", ways, false, false).unwrap().1, ways[1]);
}

#[test]
fn one_organisation_is_entered_and_of_several_the_named_one() {
    let chosen =
        |list: &[&str]| asks("Choose an organization", list, true, false).map(|(_, text)| text);
    assert_eq!(
        chosen(&["Heron GmbH", "Create a new organization"]).unwrap(),
        "Heron GmbH"
    );
    assert_eq!(
        chosen(&["Heron GmbH", "Kestrel Ltd."]).unwrap(),
        "Kestrel Ltd."
    );
    let url = "http://notes.example/".parse().unwrap();
    let known = Known {
        username: "ada",
        url: &url,
        entered: true,
        authorises: false,
        mailbox: None,
        password: true,
    };
    let failure = next(
        &says("Select your team"),
        &offers(&["Heron", "Wren"]),
        &known,
    )
    .unwrap_err();
    assert_eq!(failure.class, FailureClass::Consent);
    insta::assert_snapshot!(failure.message, @r#"the site asks which of these to enter, and neither the username nor the url says which: "Heron", "Wren"; write as url the one's own address, or describe the login with steps that end in { click = { text = "…" } }"#);
}

#[test]
fn cookies_are_refused_else_taken_and_terms_are_neither() {
    let way = |text: &str, choices: &[&str]| {
        let overlay = Overlay {
            text: text.into(),
            choices: offers(choices),
            frames: Vec::new(),
        };
        out_of_the_way(&overlay).map(|at| choices[at].to_owned())
    };
    assert_eq!(
        way("We use cookies", &["Accept all", "Reject all"]).unwrap(),
        "Reject all"
    );
    assert_eq!(
        way(
            "Wir nutzen Cookies",
            &["Alle akzeptieren", "Nur notwendige"]
        )
        .unwrap(),
        "Nur notwendige"
    );
    assert_eq!(
        way(
            "Nous utilisons des cookies",
            &["Paramètres", "Tout accepter"]
        )
        .unwrap(),
        "Tout accepter"
    );
    assert_eq!(
        way("Subscribe to our letters", &["Subscribe", "×"]).unwrap(),
        "×"
    );
    assert_eq!(way("Our terms of use have changed", &["I accept"]), None);
}

#[test]
fn an_expired_password_is_a_class_of_its_own_unless_it_can_wait() {
    let url = "http://notes.example/".parse().unwrap();
    let known = Known {
        username: "ada",
        url: &url,
        entered: true,
        authorises: false,
        mailbox: None,
        password: true,
    };
    for text in [
        "Your password has expired",
        "Ihr Passwort ist abgelaufen",
        "Срок действия пароля истек",
    ] {
        let failure = next(&says(text), &offers(&["Change"]), &known).unwrap_err();
        assert_eq!(failure.class, FailureClass::PasswordExpired, "{text}");
    }
    let step = next(
        &says("Your password must be changed within 5 days"),
        &offers(&["Later"]),
        &known,
    );
    assert_eq!(step.unwrap().unwrap().what, "skip");
}

/// The step on a page that speaks of a code, after the password, with what it presses.
fn code_step(mailbox: Option<bool>, page: &str, choices: Vec<Choice>) -> Option<(String, String)> {
    let url = "http://notes.example/".parse().unwrap();
    let known = Known {
        username: "ada",
        url: &url,
        entered: true,
        authorises: false,
        mailbox,
        password: true,
    };
    let step = next(&says(page), &choices, &known).unwrap()?;
    assert_eq!(step.what, "send code");
    let text = |at: usize| choices[at].text.clone();
    Some((text(step.choice), step.then.map(text).unwrap_or_default()))
}

#[test]
fn a_code_is_asked_for_by_mail_where_a_mailbox_has_it() {
    let page = "Verify your identity: how should we send your code?";
    let buttons = || {
        offers(&[
            "Call me at •••• 12",
            "Text •••• 12",
            "Email a•••@kestrel.example",
            "I have a code",
        ])
    };
    let pressed = |mailbox| code_step(mailbox, page, buttons()).map(|(text, _)| text);
    assert_eq!(pressed(Some(true)).unwrap(), "Email a•••@kestrel.example");
    assert_eq!(pressed(Some(false)).unwrap(), "Text •••• 12");
    assert_eq!(pressed(None), None);

    let mut list = offers(&["SMS", "E-Mail", "Zurück", "Weiter"]);
    for entry in &mut list[..2] {
        entry.kind = "radio".into();
    }
    let chosen = code_step(
        Some(true),
        "Wie möchten Sie den Code erhalten?",
        list.clone(),
    );
    assert_eq!(chosen.unwrap(), ("E-Mail".into(), "Weiter".into()));
    // Nothing says what the list is of.
    let url = "http://notes.example/".parse().unwrap();
    let known = Known {
        username: "ada",
        url: &url,
        entered: true,
        authorises: false,
        mailbox: Some(true),
        password: true,
    };
    let step = next(&says("How may we contact you?"), &list, &known);
    assert_eq!(step.unwrap(), None);
}
