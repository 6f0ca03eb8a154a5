//! The rules together: what is found, and what is left alone.

use proptest::prelude::*;

use super::*;
use crate::browser::snapshot::{Button, Form, Part};

/// A field of the only form, as wide as a person can use.
pub(super) fn field(order: i64, kind: &str, name: &str) -> Field {
    let part = Part {
        order,
        tag: "input".into(),
        kind: kind.into(),
        name: name.into(),
        visible: true,
        width: 200.0,
        height: 30.0,
        y: order as f64 * 40.0,
        ..Part::default()
    };
    Field {
        part,
        ..Field::default()
    }
}

/// A button that sends the only form.
pub(super) fn button(order: i64, text: &str) -> Button {
    let part = Part {
        order,
        tag: "button".into(),
        kind: "submit".into(),
        y: order as f64 * 40.0,
        visible: true,
        width: 80.0,
        height: 30.0,
        ..Part::default()
    };
    Button {
        part,
        text: text.into(),
        link: None,
    }
}

pub(super) fn page(fields: Vec<Field>, buttons: Vec<Button>) -> Snapshot {
    Snapshot {
        fields,
        buttons,
        forms: vec![Form::default()],
        ..Snapshot::default()
    }
}

#[test]
fn the_plain_form_is_found_with_its_own_button() {
    let page = page(
        vec![field(1, "text", "user"), field(2, "password", "pass")],
        vec![
            button(0, "Search"),
            button(3, "Sign in"),
            button(4, "Forgot password?"),
        ],
    );
    let found = find(&page).unwrap();
    assert_eq!(
        found,
        LoginForm {
            username: Some(0),
            password: Some(1),
            submit: Some(1)
        }
    );
}

#[test]
fn hidden_fields_are_traps_and_never_filled() {
    let mut trap = field(2, "text", "username");
    trap.part.visible = false;
    let mut hidden = field(3, "password", "password");
    hidden.part.visible = false;
    assert_eq!(
        find(&page(
            vec![trap.clone(), hidden.clone()],
            vec![button(4, "Log in")]
        )),
        None
    );
    let found = find(&page(
        vec![
            field(1, "email", "x1"),
            trap,
            hidden,
            field(4, "password", "x2"),
        ],
        vec![button(5, "Log in")],
    ));
    assert_eq!(
        found.unwrap(),
        LoginForm {
            username: Some(0),
            password: Some(3),
            submit: Some(0)
        }
    );
}

#[test]
fn registrations_and_password_changes_are_refused() {
    let twice = vec![
        field(1, "text", "user"),
        field(2, "password", "a"),
        field(3, "password", "b"),
    ];
    assert_eq!(find(&page(twice, vec![button(4, "Save")])), None);
    let mut new = field(2, "password", "p");
    new.autocomplete = "new-password".into();
    assert_eq!(
        find(&page(
            vec![field(1, "email", "email"), new],
            vec![button(3, "Create account")]
        )),
        None
    );
    let join = vec![field(1, "email", "email"), field(2, "password", "p")];
    assert_eq!(find(&page(join, vec![button(3, "Create account")])), None);
}

#[test]
fn a_code_field_is_not_a_password_and_a_newsletter_is_no_login() {
    let mut code = field(1, "text", "otp_token");
    code.input_mode = "numeric".into();
    let page_with_code = page(vec![code], vec![button(2, "Verify")]);
    assert_eq!(find_code(&page_with_code), Some(0));
    let mut letter = page(
        vec![field(1, "email", "email")],
        vec![button(2, "Subscribe")],
    );
    letter.forms[0].class = "newsletter".into();
    assert_eq!(find(&letter), None);
}

fn labelled(mut field: Field, label: &str) -> Field {
    field.label = label.into();
    field
}

fn refused(page: &Snapshot) -> String {
    let reading = read(page);
    assert_eq!(reading.form, None);
    let whys: Vec<_> = reading.reasons.into_iter().map(|r| r.why).collect();
    whys.join("; ")
}

#[test]
fn every_language_has_its_login_and_its_registration() {
    let texts = [
        ("E-mail", "Password", "Log in", "Sign up"),
        ("Benutzername", "Passwort", "Anmelden", "Registrieren"),
        ("Identifiant", "Mot de passe", "Se connecter", "S'inscrire"),
        ("Usuario", "Contraseña", "Iniciar sesión", "Regístrate"),
        ("E-mail", "Senha", "Entrar", "Cadastre-se"),
        ("Nome utente", "Password", "Accedi", "Registrati"),
        ("Gebruikersnaam", "Wachtwoord", "Inloggen", "Registreren"),
        ("Användarnamn", "Lösenord", "Logga in", "Skapa konto"),
        ("Brugernavn", "Adgangskode", "Log ind", "Opret konto"),
        ("Brukernavn", "Passord", "Logg inn", "Opprett konto"),
        ("Käyttäjätunnus", "Salasana", "Kirjaudu", "Rekisteröidy"),
        (
            "Nazwa użytkownika",
            "Hasło",
            "Zaloguj się",
            "Zarejestruj się",
        ),
        ("Uživatel", "Heslo", "Přihlásit", "Registrace"),
        ("Používateľ", "Heslo", "Prihlásiť", "Registrovať"),
        ("Felhasználónév", "Jelszó", "Bejelentkezés", "Regisztráció"),
        ("Utilizator", "Parolă", "Conectare", "Înregistrare"),
        ("Όνομα χρήστη", "Κωδικός", "Σύνδεση", "Εγγραφή"),
        ("Потребител", "Парола", "Вход", "Регистрация"),
        ("Korisničko ime", "Lozinka", "Prijavi se", "Registriraj se"),
        ("Usuari", "Contrasenya", "Inicia la sessió", "Registra't"),
        ("Логин", "Пароль", "Войти", "Зарегистрироваться"),
        ("Логін", "Пароль", "Увійти", "Зареєструватися"),
        ("Kullanıcı adı", "Şifre", "Giriş yap", "Kayıt ol"),
        ("メールアドレス", "パスワード", "ログイン", "新規登録"),
        ("用户名", "密码", "登录", "注册"),
        ("帳號", "密碼", "登入", "註冊"),
        ("아이디", "비밀번호", "로그인", "회원가입"),
        ("اسم المستخدم", "كلمة المرور", "تسجيل الدخول", "إنشاء حساب"),
        ("שם משתמש", "סיסמה", "התחבר", "הרשמה"),
        ("نام کاربری", "رمز عبور", "ورود", "ثبت نام"),
        ("ईमेल", "पासवर्ड", "लॉग इन", "साइन अप"),
        ("ชื่อผู้ใช้", "รหัสผ่าน", "เข้าสู่ระบบ", "สมัครสมาชิก"),
        ("Tên đăng nhập", "Mật khẩu", "Đăng nhập", "Đăng ký"),
        ("Nama pengguna", "Kata sandi", "Masuk", "Daftar"),
    ];
    for (user, password, enter, register) in texts {
        // Names that tell nothing, and a search before it.
        let fields = || {
            vec![
                labelled(field(1, "text", "a1"), user),
                labelled(field(2, "text", "a2"), "Newsletter"),
                labelled(field(3, "password", "a3"), password),
            ]
        };
        let found = find(&page(fields(), vec![button(4, register), button(5, enter)]));
        let wanted = LoginForm {
            username: Some(0),
            password: Some(2),
            submit: Some(1),
        };
        assert_eq!(found, Some(wanted), "{enter}");
        let why = refused(&page(fields(), vec![button(4, register)]));
        assert!(
            why.contains("its button says to register"),
            "{register}: {why}"
        );
    }
}

#[test]
fn an_identifier_alone_is_a_login_only_where_something_says_so() {
    let mail = || vec![labelled(field(1, "email", "email"), "E-mail")];
    let mut login = page(mail(), vec![button(2, "Next")]);
    assert!(refused(&login).contains("nothing says"));
    login.headings = vec!["Sign in".into()];
    let found = find(&login).unwrap();
    assert_eq!(
        (found.username, found.password, found.submit),
        (Some(0), None, Some(0))
    );
    // The same page for those who are in already.
    let mut inside = login.clone();
    inside.buttons.push(button(3, "Sign out"));
    assert_eq!(find(&inside), None);
    let mut forgot = page(mail(), vec![button(2, "Continue")]);
    forgot.headings = vec!["Forgot your password?".into()];
    assert!(refused(&forgot).contains("forgotten"));
    let mut letters = login.clone();
    letters.forms[0].text = "Subscribe to our newsletter".into();
    assert!(refused(&letters).contains("letters"));
    let mut contact = login.clone();
    contact.fields.push(field(2, "textarea", "message"));
    contact.fields[1].part.tag = "textarea".into();
    assert!(refused(&contact).contains("more than a username"));
}

#[test]
fn a_hidden_password_in_the_form_comes_later() {
    let mut hidden = field(2, "password", "password");
    hidden.part.visible = false;
    let seen = page(
        vec![field(1, "email", "email"), hidden],
        vec![button(3, "Next")],
    );
    let found = find(&seen).unwrap();
    assert_eq!((found.username, found.password), (Some(0), None));
}

#[test]
fn a_password_alone_is_enough_and_new_ones_never_are() {
    let mut alone = page(
        vec![field(1, "password", "pw")],
        vec![button(2, "Continue")],
    );
    let found = find(&alone).unwrap();
    assert_eq!((found.username, found.password), (None, Some(0)));
    alone.fields[0].described = "At least 8 characters".into();
    assert!(refused(&alone).contains("a demand on the password"));
    let change = vec![
        labelled(field(1, "password", "p1"), "Current password"),
        labelled(field(2, "password", "p2"), "New password"),
        labelled(field(3, "password", "p3"), "Confirm new password"),
    ];
    assert!(refused(&page(change, vec![button(4, "Save")])).contains("3 passwords in one form"));
    let card = vec![labelled(field(1, "password", "cvv"), "CVV")];
    assert!(refused(&page(card, vec![button(2, "Pay")])).contains("not a password"));
}

#[test]
fn new_password_on_a_login_only_keeps_browsers_from_filling_it() {
    let mut password = field(2, "password", "password");
    password.autocomplete = "new-password".into();
    let seen = page(
        vec![field(1, "text", "user"), password],
        vec![button(3, "Log in")],
    );
    assert_eq!(find(&seen).unwrap().password, Some(1));
}

#[test]
fn a_switch_to_the_login_before_the_fields_makes_no_login() {
    let fields = || vec![field(2, "email", "email"), field(3, "password", "b")];
    let registration = page(fields(), vec![button(1, "Sign in"), button(4, "Register")]);
    assert!(refused(&registration).contains("its button says to register"));
    // Side by side below the fields, one of them is what is meant.
    let both = page(fields(), vec![button(4, "Register"), button(5, "Sign in")]);
    assert_eq!(find(&both).unwrap().submit, Some(1));
}

#[test]
fn a_code_is_no_username() {
    let mut code = field(1, "text", "identificationCode");
    code.label = "One-time code".into();
    let seen = page(
        vec![code, field(2, "password", "p")],
        vec![button(3, "Log in")],
    );
    assert_eq!(find(&seen).unwrap().username, None);
    assert_eq!(find_code(&seen), Some(0));
}

#[test]
fn a_link_that_is_the_only_way_to_send_a_form_speaks_for_it() {
    let fields = || vec![field(1, "text", "a"), field(2, "password", "b")];
    let mut link = button(3, "Log in");
    (link.part.tag, link.part.kind, link.link) =
        ("a".into(), String::new(), Some("javascript:go()".into()));
    let found = find(&page(fields(), vec![link.clone()])).unwrap();
    assert_eq!(found.submit, Some(0));
    // Beside another button it leads away from a registration.
    assert!(
        refused(&page(fields(), vec![button(3, "Continue"), link])).contains("a link to sign in")
    );
}

#[test]
fn of_two_forms_the_login_is_taken() {
    let mut fields = vec![
        field(1, "email", "mail"),
        field(2, "password", "pass"),
        field(4, "email", "email"),
        field(5, "password", "password"),
    ];
    let mut buttons = vec![button(3, "Join now"), button(6, "Log in")];
    for field in &mut fields[2..] {
        field.part.form = 1;
    }
    buttons[1].part.form = 1;
    let mut seen = page(fields, buttons);
    seen.forms.push(Form::default());
    let found = find(&seen).unwrap();
    assert_eq!(
        (found.username, found.password, found.submit),
        (Some(2), Some(3), Some(1))
    );
}

#[test]
fn without_a_form_element_what_stands_together_belongs_together() {
    let within = |mut part: Part, around: &[i64]| {
        part.form = -1;
        part.within = around.to_vec();
        part
    };
    let mut fields = vec![
        labelled(field(3, "email", "a"), "Your e-mail"),
        labelled(field(12, "text", "b"), "User"),
        field(13, "password", "c"),
    ];
    let mut buttons = vec![
        button(4, "Subscribe"),
        button(14, "Log in"),
        button(22, "Go"),
    ];
    fields[0].part = within(fields[0].part.clone(), &[0, 1, 2]);
    fields[1].part = within(fields[1].part.clone(), &[0, 1, 10, 11]);
    fields[2].part = within(fields[2].part.clone(), &[0, 1, 10, 11]);
    buttons[0].part = within(buttons[0].part.clone(), &[0, 1, 2]);
    buttons[1].part = within(buttons[1].part.clone(), &[0, 1, 10]);
    buttons[2].part = within(buttons[2].part.clone(), &[0, 1, 20]);
    let found = find(&page(fields, buttons)).unwrap();
    assert_eq!(
        (found.username, found.password, found.submit),
        (Some(1), Some(2), Some(1))
    );
}

#[test]
fn a_username_that_is_given_is_named_and_not_typed() {
    let mut given = field(1, "email", "email");
    given.part.disabled = true;
    let seen = page(
        vec![given, field(2, "password", "p")],
        vec![button(3, "Log in")],
    );
    assert_eq!(find(&seen).unwrap().username, Some(0));
    let said = read(&seen).reasons;
    assert!(
        said.iter()
            .any(|r| r.chosen && r.why.contains("takes no input")),
        "{said:?}"
    );
}

#[test]
fn what_is_chosen_and_what_is_refused_has_its_reason() {
    let mut trap = field(2, "text", "username");
    trap.part.visible = false;
    let fields = vec![field(1, "email", "email"), trap, field(3, "password", "pw")];
    let reading = read(&page(fields, vec![button(4, "Sign in")]));
    let said: Vec<_> = reading
        .reasons
        .iter()
        .map(|r| format!("{:?} {}: {}", r.about, r.chosen, r.why))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    Field(0) true: it is called as username fields are
    Field(2) true: the only visible password field of its form, and its form is a login: its button says to sign in
    Field(1) false: it is hidden: a trap, or not for now
    Button(0) true: the button in the form that says to sign in: "Sign in"
    "#);
}

fn any_field() -> impl Strategy<Value = Field> {
    let kinds = prop::sample::select(vec![
        "text", "email", "password", "tel", "search", "checkbox", "number",
    ]);
    let words = prop::sample::select(vec![
        "",
        "user",
        "Password",
        "new",
        "otp",
        "Confirm",
        "ログイン",
        "q",
        "İ",
        "name\u{301}",
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let places = (
        0..20_i64,
        -1..3_i64,
        prop::collection::vec(0..5_i64, 0..4),
        0.0..300.0_f64,
    );
    (kinds, words.clone(), words, flags, places).prop_map(|(kind, name, label, flags, places)| {
        let mut made = field(places.0, kind, name);
        made.label = label.into();
        (
            made.part.visible,
            made.part.disabled,
            made.readonly,
            made.hidden_from_readers,
        ) = flags;
        (made.part.form, made.part.within, made.part.width) = (places.1, places.2, places.3);
        made
    })
}

fn any_button() -> impl Strategy<Value = Button> {
    let texts = prop::sample::select(vec![
        "Log in",
        "Join",
        "Next",
        "",
        "Show",
        "Войти",
        "Sign in with Google",
    ]);
    let places = (0..20_i64, -1..3_i64, prop::collection::vec(0..5_i64, 0..4));
    (texts, any::<bool>(), places).prop_map(|(text, visible, places)| {
        let mut made = button(places.0, text);
        made.part.visible = visible;
        (made.part.form, made.part.within) = (places.1, places.2);
        made
    })
}

proptest! {
    #[test]
    fn nothing_hidden_is_ever_chosen(
        fields in prop::collection::vec(any_field(), 0..8),
        buttons in prop::collection::vec(any_button(), 0..6),
    ) {
        // Two forms, and elements that claim a third.
        let mut seen = page(fields, buttons);
        seen.forms.push(Form::default());
        let _ = (find_code(&seen), find_trigger(&seen), offers_sign_out(&seen));
        if let Some(form) = find(&seen) {
            if let Some(at) = form.username {
                let given = form.password.is_some() && field::likeness(&seen.fields[at]) > 0;
                let field = &seen.fields[at];
                prop_assert!(field.visible && field.width >= 8.0 && !field.hidden_from_readers);
                prop_assert!(given || !field.disabled && !field.readonly);
            }
            if let Some(at) = form.password {
                let field = &seen.fields[at];
                prop_assert!(field.visible && field.width >= 8.0 && !field.disabled && !field.readonly);
            }
            prop_assert!(form.submit.is_none_or(|at| seen.buttons[at].visible));
            prop_assert_ne!(form.username, form.password);
        }
    }
}
