//! The words on and in forms: what tells a login from a registration, and one field from another.

/// "Sign in" on buttons, links, headings and forms.
pub(in crate::login) const SIGN_IN: &[&str] = &[
    "log in", "login", "log-in", "log on", "logon", "sign in", "signin", "sign-in", "sign on", "signon",
    // German, French, Spanish, Portuguese, Italian, Dutch.
    "anmelden", "einloggen", "anmeldung", "connexion", "connecter", "connectez", "s'identifier", "s’identifier", "m'identifier", "identifiez",
    "iniciar ses", "inicio de ses", "inicia ses", "acceder", "accede", "acceso", "entrar", "ingresar", "ingrese", "ingreso",
    "ingresa",
    "iniciar sess", "iniciar a sess", "fazer login", "acessar", "aceder", "accedi", "accesso", "entra", "inloggen",
    "aanmelden", "log in op",
    // Catalan, Romanian.
    "inicia la sess", "inicia sess", "accedeix", "accedir", "conectare", "conectează", "autentificare", "autentifică", "intră în cont",
    // Nordic.
    "logga in", "logg inn", "log ind", "logga på", "logg på", "kirjaudu", "innskráning",
    // Polish, Czech, Slovak, Hungarian, Croatian, Serbian, Slovene, Bulgarian, Baltic.
    "zaloguj", "logowanie", "przihl", "přihlás", "přihlášení", "prihlás", "prihláse", "bejelentkez", "belépés", "prijavi",
    "prijava",
    "пријави", "влез", "вписване", "prisijung", "ieiet", "pieslēg", "logi sisse", "sisene",
    // Turkish, Greek, Russian, Ukrainian.
    "giriş", "oturum aç", "σύνδεση", "είσοδος", "συνδεθείτε", "войти", "вход", "войдите", "авториз", "увійти", "вхід",
    "увійдіть",
    // East Asia.
    "ログイン", "サインイン", "ログオン", "로그인", "登录", "登入", "登錄", "登陆", "登陸",
    // Arabic, Hebrew, Persian, Thai, Vietnamese, Indonesian, Hindi.
    "تسجيل الدخول", "دخول", "כניסה", "התחבר", "התחברות", "ورود", "เข้าสู่ระบบ", "ลงชื่อเข้า", "đăng nhập", "masuk", "log masuk",
    "लॉग इन", "लॉगिन", "साइन इन",
];

/// "Go on" on buttons of a page that asks for one thing at a time.
pub(in crate::login) const NEXT: &[&str] = &[
    "next", "continue", "proceed", "submit", "go", "ok", "enter", "confirm", "access", "authenticate", "unlock", "start",
    "verify",
    "weiter", "fortfahren", "absenden", "bestätigen", "suivant", "continuer", "valider", "envoyer", "siguiente", "continuar",
    "enviar",
    "aceptar", "avançar", "seguinte", "próximo", "avanti", "continua", "prosegui", "invia", "conferma", "volgende",
    "doorgaan", "verder",
    "nästa", "fortsätt", "neste", "fortsett", "fortsæt", "næste", "seuraava", "jatka", "dalej", "kontynuuj", "další",
    "pokračovat",
    "ďalej", "pokračovať", "tovább", "următorul", "continuă", "dalje", "nastavi", "напред", "продължи", "επόμενο", "συνέχεια",
    "devam", "ileri", "далее", "продолжить", "далі", "продовжити", "次へ", "続行", "続ける", "다음", "계속", "下一步", "继续", "繼續",
    "التالي", "متابعة", "הבא", "המשך", "ادامه", "بعدی", "ถัดไป", "ดำเนินการต่อ", "tiếp", "berikutnya", "lanjut", "seterusnya",
    "आगे", "जारी",
];

/// "Register" on buttons, links, headings and forms.
pub(in crate::login) const SIGN_UP: &[&str] = &[
    "sign up", "signup", "sign-up", "register", "registration", "registrat", "create account", "create an account",
    "create my account",
    "create your account", "create new account", "create a new account", "create profile", "create a free", "new account",
    "new customer", "new user", "open an account",
    "join", "enroll", "enrol", "get started", "become a member", "start free", "free trial",
    // German, French, Spanish, Portuguese, Italian, Dutch.
    "registrieren", "registrierung", "konto erstellen", "konto anlegen", "konto eröffnen", "inscription", "s'inscrire",
    "inscrivez", "créer un compte", "créer mon compte", "créez",
    "registrarse", "regístr", "registro", "crear cuenta", "crear una cuenta", "crea tu cuenta", "darse de alta", "cadastr",
    "criar conta", "criar uma conta",
    "registar", "registe", "inscrever", "registrati", "iscriviti", "iscrizione", "crea un account", "crea account",
    "crea il tuo", "registreren", "account aanmaken", "maak een account",
    // Catalan, Romanian, Nordic.
    "registra't", "crea un compte", "înregistr", "creează cont", "creare cont", "cont nou", "skapa konto", "skapa ett konto",
    "registrera", "bli medlem", "opprett", "registrer", "opret", "rekisteröi", "luo tili",
    // Polish, Czech, Slovak, Hungarian, Croatian, Serbian, Bulgarian.
    "zarejestruj", "rejestracj", "załóż konto", "utwórz konto", "registrac", "registrovat", "zaregistr", "vytvořit účet",
    "vytvoriť účet", "založit účet", "regisztr", "fiók létrehoz",
    "registriraj", "otvori račun", "регистр",
    // Turkish, Greek, Russian, Ukrainian.
    "kayıt ol", "kaydol", "üye ol", "hesap oluştur", "εγγραφή", "δημιουργία λογαριασμού", "зарегистр", "создать аккаунт",
    "создать учет", "реєстр", "зареєстр", "створити",
    // East Asia.
    "新規登録", "会員登録", "アカウント作成", "アカウントを作成", "新規会員", "회원가입", "가입하기", "계정 만들기", "注册", "註冊", "创建账", "建立帳",
    // Arabic, Hebrew, Persian, Thai, Vietnamese, Indonesian, Hindi.
    "إنشاء حساب", "تسجيل حساب", "حساب جديد", "اشترك", "הרשמה", "הירשם", "צור חשבון", "ثبت نام", "ثبت‌نام", "สมัคร",
    "สร้างบัญชี", "ลงทะเบียน",
    "đăng ký", "tạo tài khoản", "daftar", "buat akun", "पंजीकरण", "साइन अप", "रजिस्टर",
];

/// "I have forgotten my password": seen beside a login, and where a password is set anew.
pub(in crate::login) const FORGOT: &[&str] = &[
    "forgot", "forget", "forgotten", "lost password", "lost your password", "lostpassword", "reset password",
    "reset your password", "password reset", "resetpassword", "recover", "can't access", "trouble", "need help signing",
    "vergessen", "zurücksetzen", "oublié", "réinitialis", "olvid", "restablecer", "recuperar", "esqueci", "esquec",
    "redefinir", "dimenticat", "recupera", "reimposta", "vergeten", "opnieuw instellen",
    "glömt", "återställ", "glemt", "unohtu", "unohdi", "zapomnia", "nie pamięta", "odzyskaj", "zapomen", "zapomně",
    "zabudnut", "obnov", "elfelejtett", "uitat", "zaboravlj", "zaboravi", "забравен", "ξέχασα", "ξεχάσα",
    "unuttu", "şifre sıfırla", "забыли", "забыл", "восстанов", "забули", "відновит", "忘れ", "再設定", "비밀번호 찾기", "재설정", "아이디 찾기",
    "忘记", "忘記", "找回", "重置", "重設",
    "نسيت", "שכח", "איפוס", "فراموش", "ลืม", "quên", "lupa", "भूल",
];

/// Buttons that are near a login form and are not its button.
pub(in crate::login) const NOT_SUBMIT: &[&str] = &[
    "show", "hide", "reveal", "toggle", "visibility", "eye", "anzeigen", "einblenden", "ausblenden", "afficher", "masquer",
    "mostrar", "ocultar", "mostra", "nascondi", "tonen", "weergeven", "visa", "vis", "pokaż", "zobrazit", "göster",
    "показать", "скрыть", "показати", "表示", "显示", "顯示", "보기", "표시",
    "cancel", "abbrechen", "annuler", "cancelar", "annulla", "annuleren", "avbryt", "annuller", "peruuta", "anuluj", "zrušit",
    "iptal", "отмена", "скасувати", "キャンセル", "취소", "取消", "إلغاء", "ביטול",
    "back", "zurück", "retour", "volver", "voltar", "indietro", "terug", "tillbaka", "tilbage", "назад", "戻る", "뒤로", "返回",
    "close", "schließen", "fermer", "cerrar", "fechar", "chiudi", "sluiten", "stäng", "zamknij", "закрыть", "閉じる", "닫기", "关闭",
    "reset", "clear", "help", "hilfe", "aide", "ayuda", "ajuda", "aiuto", "search", "suche", "suchen", "rechercher", "buscar",
    "cerca", "zoeken", "sök", "szukaj", "поиск", "найти", "検索", "검색", "搜索", "搜尋",
    "language", "sprache", "langue", "idioma", "lingua", "menu", "send code", "get code", "resend", "获取验证码", "发送验证码",
    "認証コードを送信", "인증번호 받기",
    "another way", "other way", "other options", "demo", "guest", "learn more", "download", "subscribe", "newsletter",
    "cookie", "accept all", "dismiss", "refresh", "reload", "captcha", "remember", "privacy", "terms", "contact",
];

/// Whose account would be used instead of the site's own.
pub(in crate::login) const PROVIDERS: &[&str] = &[
    "google", "facebook", "apple", "github", "gitlab", "bitbucket", "microsoft", "office 365", "azure", "windows", "twitter",
    "linkedin", "yahoo", "amazon", "paypal", "steam", "discord", "twitch", "slack", "instagram", "tiktok", "telegram",
    "whatsapp",
    "vk", "vkontakte", "yandex", "яндекс", "вконтакте", "одноклассники", "mail.ru", "госуслуг", "wechat", "weixin", "微信",
    "weibo", "微博", "qq", "alipay", "支付宝", "kakao", "카카오", "naver", "네이버", "line", "rakuten", "楽天", "seznam",
    "okta", "saml", "sso", "single sign", "openid", "orcid", "shibboleth", "eduroam", "institution", "organization",
    "organisation", "clever", "spid", "eidas", "bankid", "itsme", "id card", "smart card", "certificate", "kerberos",
    "passkey", "passkeys", "security key", "biometric", "fingerprint", "face id", "touch id", "webauthn", "fido", "qr",
    "qrcode", "二维码", "扫码", "magic link", "email link", "one-time", "without password", "passwordless",
];

/// What labels call a username, an e-mail address or a number that one signs in with.
pub(in crate::login) const USERNAME: &[&str] = &[
    "user", "username", "user name", "userid", "user id", "login", "log in", "logon", "email", "e-mail", "mail", "account",
    "identifier", "sign in", "sign-in", "id", "phone", "mobile", "member", "membership", "customer", "client", "student",
    "employee", "nickname", "handle", "card number", "policy number", "library card", "barcode", "netid", "screen name",
    "alias", "matric",
    "benutzer", "nutzername", "anmeldename", "kennung", "kundennummer", "handynummer", "telefon", "mobilnummer", "zugangs",
    "mitglied", "utilisateur", "identifiant", "courriel", "adresse mail", "téléphone", "compte", "numéro client", "usuario",
    "correo", "teléfono", "cuenta", "cédula", "dni", "nif", "documento", "usuário", "utilizador", "telefone", "celular",
    "conta", "cpf", "cnpj",
    "utente", "codice fiscale", "telefono", "gebruiker", "e-mailadres", "klantnummer", "telefoonnummer", "usuari", "correu",
    "utilizator", "cont", "användar", "e-post", "personnummer", "bruker", "epost", "bruger", "käyttäjä", "sähköposti",
    "tunnus", "notandanafn",
    "użytkownik", "nazwa", "adres e-mail", "numer", "uživatel", "používateľ", "přihlašovací jméno", "felhasználó", "korisni",
    "uporabni", "потребител", "имейл", "корисни", "kullanıcı", "e-posta", "telefon numarası", "tc kimlik", "müşteri",
    "χρήστη", "ηλεκτρονικ", "пользовател", "логин", "почта", "почты", "почту", "телефон", "номер", "номера", "имя", "користувач", "логін", "пошта", "пошти", "ім'я",
    "ユーザー", "メール", "ログインid", "会員", "お客様", "アカウント", "電話番号", "아이디", "이메일", "계정", "전화번호", "휴대폰", "用户名", "用户", "帐号", "账号", "帳號",
    "账户", "帳戶", "用戶", "手机", "手機", "邮箱", "電郵", "電子郵件", "信箱", "学号", "工号",
    "البريد", "اسم المستخدم", "المستخدم", "رقم الجوال", "الهاتف", "משתמש", "דוא", "אימייל", "טלפון", "תעודת זהות",
    "نام کاربری", "کاربر", "ایمیل", "موبایل", "ชื่อผู้ใช้", "ผู้ใช้", "อีเมล", "เบอร์โทร", "tên đăng nhập", "tài khoản",
    "số điện thoại", "nama pengguna", "pengguna", "surel", "akun", "उपयोगकर्ता", "ईमेल", "मोबाइल", "यूज़र",
];

/// What a username is called where it is more than an address that anybody has.
pub(in crate::login) const ACCOUNT: &[&str] = &[
    "username", "user name", "user id", "userid", "user", "login", "login id", "loginid", "account", "account number", "identifier", "netid", "member id", "customer id", "customer number", "student id",
    "benutzername", "anmeldename", "kennung", "nutzername", "utilisateur", "identifiant", "usuario", "usuário", "nome utente", "gebruikersnaam", "användarnamn", "brukernavn", "brugernavn", "käyttäjätunnus", "nazwa użytkownika", "uživatelské", "felhasználónév", "korisničko", "kullanıcı", "όνομα χρήστη", "логин", "имя пользователя", "логін", "ユーザー名", "ユーザーid", "ログインid", "아이디", "用户名", "账号", "帐号", "帳號", "اسم المستخدم", "שם משתמש", "نام کاربری", "ชื่อผู้ใช้", "tên đăng nhập", "nama pengguna",
];

/// Parts of names and ids of username fields, whatever stands beside them.
pub(in crate::login) const USERNAME_NAMES: &[&str] = &[
    "user", "usr", "uname", "login", "logon", "signin", "mail", "account", "acct", "ident", "member", "phone", "mobile",
    "nick", "uid", "userid", "handle", "loginid", "customer", "client", "kunde", "benutzer", "usuario", "usuari", "utente",
    "utilisateur", "identifiant", "gebruiker", "anvandar", "bruker", "bruger", "tunnus", "uzivatel", "meno", "korisnik",
    "kullanici", "eposta", "correo", "telefon", "cpf", "dni", "netid", "student", "cardnumber", "employee",
];

/// What names a field that is not for a username, whatever else it says.
pub(in crate::login) const NOT_USERNAME: &[&str] = &[
    "search", "suche", "recherch", "buscar", "query", "keyword", "keywords", "captcha", "recaptcha", "security code",
    "verification", "verify code", "otp", "2fa", "mfa", "totp", "one-time", "onetime", "coupon", "promo", "voucher", "gift",
    "newsletter", "subscribe",
    "zip", "zipcode", "postal", "postcode", "address line", "street", "city", "country", "state", "province", "region",
    "first name", "last name", "firstname", "lastname", "fname", "lname", "surname", "given name", "family name", "full name",
    "fullname", "middle name", "vorname", "nachname", "prénom", "nombre y", "apellido", "sobrenome", "cognome", "voornaam",
    "achternaam", "förnamn", "efternamn", "imię", "nazwisko", "příjmení", "фамилия", "отчество", "姓名", "お名前", "氏名",
    "birth", "birthday", "geburt", "naissance", "nacimiento", "age", "gender", "confirm", "repeat", "comment", "message",
    "honeypot", "leave blank", "leave this", "don't fill", "do not fill", "leave empty", "website", "url", "homepage",
    "company", "organization", "organisation", "tenant", "domain", "subdomain", "workspace", "server", "database", "realm",
    "amount", "quantity", "date", "otp code", "referral", "invite", "invitation", "secret question", "security question",
    "answer", "password", "passwort", "пароль", "验证码", "驗證碼", "校验码", "認証コード", "画像認証", "인증번호", "код с картинки", "mã xác",
    "رمز التحقق",
    "kontrollfråga", "credit card", "cvv", "cvc", "iban", "tax",
];

/// "New password", "again": fields of a sign-up or of a change.
pub(in crate::login) const NEW_PASSWORD: &[&str] = &[
    "new", "newpassword", "new-password", "confirm", "confirmation", "repeat", "again", "retype", "re-type", "re-enter",
    "reenter", "verify", "verification", "create", "choose", "set password", "set a password", "pick a", "second password",
    "password2", "password_2", "passwd2", "pwd2", "repassword", "signup", "sign-up", "register", "registration",
    "neu", "neue", "neues", "bestätig", "wiederhol", "festlegen", "nouveau", "confirmer", "confirmez", "répéte", "créez",
    "choisi", "nueva", "repetir", "repita", "repite", "vuelva", "crear", "nova", "criar", "nuova", "conferma", "ripeti",
    "nieuw", "herhaal", "bevestig", "nytt", "upprepa", "bekräfta", "gjenta", "bekreft", "gentag", "uusi", "vahvista",
    "toista",
    "nowe", "powtórz", "potwierdź", "nové", "znovu", "potvrd", "zopakuj", "megerősít", "ismét", "nouă", "confirmă", "repetă",
    "ponovi", "potvrdi", "повтор", "потвърд", "επιβεβα", "νέος", "yeni", "tekrar", "doğrula", "новый", "подтверд", "придума",
    "новий", "підтверд",
    "新しい", "再入力", "もう一度", "确认", "確認", "新密码", "新密碼", "设置密码", "重复", "再次", "재입력", "확인", "새 비밀번호", "تأكيد", "الجديدة", "إعادة",
    "אימות", "חדשה", "שוב", "تکرار", "تایید", "جدید", "ยืนยัน", "ใหม่", "xác nhận", "nhập lại", "mới", "konfirmasi", "ulangi",
    "baru", "नया", "पुष्टि",
];

/// What a password is called.
pub(in crate::login) const PASSWORD: &[&str] = &[
    "password", "passwd", "passwort", "passphrase", "passcode", "pwd", "kennwort", "mot de passe", "contraseña", "clave",
    "senha", "palavra-passe", "wachtwoord", "contrasenya", "parolă", "parola", "lösenord", "passord", "adgangskode",
    "kodeord", "salasana", "hasło", "heslo", "jelszó", "lozinka", "zaporka", "парола", "şifre", "κωδικός", "пароль", "パスワード",
    "暗証番号", "비밀번호", "密码", "密碼", "كلمة المرور", "كلمة السر", "סיסמה", "סיסמא", "رمز عبور", "گذرواژه", "รหัสผ่าน", "mật khẩu",
    "kata sandi", "sandi", "पासवर्ड",
];

/// What a hidden-by-dots field is for that holds no password of an account.
pub(in crate::login) const OTHER_SECRET: &[&str] = &[
    "otp", "totp", "mfa", "2fa", "cvv", "cvc", "cvv2", "csc", "ssn", "tin", "answer", "hint", "captcha", "card", "cardnumber",
    "card number", "security code", "one-time", "verification code", "token", "recovery", "license", "wifi", "wi-fi",
    "api key",
];

/// Ticking this keeps one signed in: only logins ask.
pub(in crate::login) const REMEMBER: &[&str] = &[
    "remember", "keep me", "stay signed", "stay logged", "keep signed", "save my", "angemeldet bleiben", "merken",
    "eingeloggt bleiben", "souvenir", "rester connect", "recordar", "recuérd", "mantener", "lembrar", "manter", "ricorda",
    "resta connesso", "onthoud", "ingelogd blijven", "kom ihåg", "håll mig", "husk", "muista", "zapamiętaj", "nie wylogowuj",
    "pamatovat", "zůstat přihlášen", "zapamätať", "emlékezz", "maradj", "ține-mă minte", "zapamti", "запомни", "beni hatırla",
    "oturumu açık", "να με θυμ", "запомнить", "чужой компьютер", "запам'ятати", "保存する", "ログインしたまま", "状態を保持", "로그인 유지",
    "자동 로그인", "아이디 저장", "记住", "記住", "自动登录", "保持登", "تذكرني", "זכור", "مرا به خاطر", "จดจำ", "ghi nhớ", "ingat saya",
    "याद रखें",
];

/// Ticking this agrees to terms or to letters: registrations ask.
pub(in crate::login) const AGREE: &[&str] = &[
    "i agree", "i accept", "agree to", "terms", "conditions", "privacy policy", "18 years", "years old", "newsletter",
    "marketing", "receive", "offers", "nutzungsbedingungen", "agb", "datenschutz", "zustimm", "j'accepte",
    "conditions générales", "acepto", "términos", "aceito", "termos", "accetto", "akkoord", "voorwaarden", "villkor",
    "vilkår", "akceptuj", "regulamin", "souhlas", "elfogad", "kabul ed", "соглас", "согласен", "同意", "동의", "أوافق", "מסכים",
    "đồng ý", "setuju",
];

/// Only registrations ask for this.
pub(in crate::login) const PERSON: &[&str] = &[
    "first name", "last name", "firstname", "lastname", "fname", "lname", "surname", "given name", "family name", "full name",
    "fullname", "display name", "birth", "birthday", "gender", "zip code", "postal", "zipcode", "country", "street", "city",
    "company", "job title", "phone number optional", "vorname", "nachname", "geburt", "prénom", "naissance", "apellido",
    "nacimiento", "sobrenome", "nascimento", "cognome", "nascita", "voornaam", "achternaam", "förnamn", "efternamn",
    "fornavn", "etternavn", "etunimi", "sukunimi", "imię", "nazwisko", "jméno a", "příjmení", "keresztnév", "фамилия",
    "отчество", "дата рождения", "прізвище", "姓名", "氏名", "お名前", "生年月日", "이름", "생년월일", "الاسم الأول", "שם פרטי", "họ tên",
    "nama lengkap",
];

/// A demand on a new password: registrations and changes make it.
pub(in crate::login) const DEMAND: &[&str] = &[
    "at least", "minimum", "characters long", "or more characters", "must contain", "must be", "uppercase", "upper case",
    "lowercase", "strength", "strong password", "special character", "mindestens", "zeichen", "au moins", "caractères",
    "al menos", "mínimo", "caracteres", "pelo menos", "almeno", "caratteri", "minimaal", "tekens", "minst", "tecken",
    "vähintään", "co najmniej", "znaków", "alespoň", "znaků", "legalább", "en az", "karakter", "не менее", "символов",
    "не менше", "文字以上", "半角英数", "이상", "자리", "至少", "位以上", "字符",
];

/// Letters to all: not a login.
pub(in crate::login) const NEWSLETTER: &[&str] = &[
    "newsletter", "subscribe", "subscription", "mailing list", "abonnieren", "abonnez", "suscrí", "inscreva-se",
    "iscriviti alla", "nieuwsbrief", "nyhetsbrev", "подпис", "рассылк", "メルマガ", "订阅", "stay in touch", "get updates",
    "stay up to date", "notify me", "unsubscribe", "donate", "donation", "promotions", "exclusive offers", "% off",
];

/// Search boxes.
pub(in crate::login) const SEARCH: &[&str] = &[
    "search", "suche", "suchen", "recherche", "rechercher", "buscar", "busca", "cerca", "zoeken", "sök", "søg", "søk", "haku",
    "szukaj", "hledat", "keresés", "caută", "ara", "αναζήτηση", "поиск", "пошук", "検索", "검색", "搜索", "搜尋", "بحث", "חיפוש",
    "جستجو", "ค้นหา", "tìm kiếm", "cari",
];
