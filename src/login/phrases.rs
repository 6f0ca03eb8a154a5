//! The words by which pages speak that stand between a login form and the session: banners, choosers, offers, consents.
//!
//! Matched as `words::any` does, in lower-case text.

/// A page or a dialog that speaks of cookies and of nothing that binds.
pub(super) const COOKIES: &[&str] = &[
    "cookie", "gdpr", "dsgvo", "rgpd", "tracking", "クッキー", "쿠키", "куки", "çerez", "ملفات تعريف", "adattárol",
    "pliki tekst",
];

/// Takes the cookies that the site needs, and no others.
pub(super) const REJECT: &[&str] = &[
    "reject", "decline", "refuse", "deny", "necessary", "essential", "required only", "only required", "no thanks",
    "ablehnen", "notwendige", "erforderliche", "essenzielle", "verweigern", "refuser", "nécessaires",
    "continuer sans", "rechazar", "necesarias", "esenciales", "recusar", "rejeitar", "necessários", "essenciais",
    "rifiuta", "necessari", "weiger", "noodzakelijk", "afwijzen", "neka", "avvisa", "nödvändiga", "avvis",
    "nødvendige", "afvis", "hylkää", "välttämättömät", "odrzuć", "niezbędne", "odmítnout", "nezbytné", "elutasít",
    "szükséges", "reddet", "gerekli", "отклонить", "необходимые", "відхилити", "απόρριψη", "拒否", "必須", "거부", "필수",
    "拒绝", "拒絕", "必要", "رفض", "דחה", "từ chối", "tolak",
];

/// Takes what a banner offers.
pub(super) const ACCEPT: &[&str] = &[
    "accept", "agree", "allow", "got it", "i understand", "understood", "ok", "okay", "consent", "enable all",
    "akzeptieren", "zustimmen", "annehmen", "einverstanden", "verstanden", "zulassen", "accepter", "j'accepte",
    "d'accord", "compris", "aceptar", "acepto", "entendido", "permitir", "aceitar", "concordo", "entendi", "accetta",
    "accetto", "ho capito", "consenti", "accepteren", "akkoord", "begrepen", "toestaan", "acceptera", "godkänn",
    "jag förstår", "godta", "accepter alle", "hyväksy", "akceptuj", "zgadzam", "rozumiem", "přijmout", "souhlasím",
    "rozumím", "elfogad", "kabul", "anladım", "принять", "согласен", "понятно", "прийняти", "αποδοχή", "同意", "許可",
    "동의", "수락", "接受", "قبول", "موافق", "אישור", "chấp nhận", "đồng ý", "terima", "setuju",
];

/// Goes away without an answer.
pub(super) const CLOSE: &[&str] = &[
    "close", "dismiss", "×", "✕", "✖", "✗", "x", "schließen", "fermer", "cerrar", "fechar", "chiudi", "sluiten",
    "stäng", "lukk", "luk", "sulje", "zamknij", "zavřít", "bezárás", "kapat", "закрыть", "закрити", "κλείσιμο", "閉じる",
    "닫기", "关闭", "關閉", "إغلاق", "סגור", "đóng", "tutup",
];

/// The page offers something that can wait: passkeys, phone numbers, tours.
pub(super) const SKIP: &[&str] = &[
    "not now", "skip", "maybe later", "later", "no thanks", "no, thanks", "remind me", "ask me again",
    "not interested", "without passkey", "nicht jetzt", "jetzt nicht", "später", "überspringen", "nein danke",
    "nein, danke", "plus tard", "pas maintenant", "ignorer", "passer", "non merci", "ahora no", "más tarde", "omitir",
    "saltar", "no, gracias", "agora não", "mais tarde", "pular", "ignorar", "não, obrigado", "non ora", "più tardi",
    "salta", "no, grazie", "niet nu", "later herinneren", "overslaan", "nee, bedankt", "inte nu", "hoppa över",
    "senare", "ikke nå", "ikke nu", "hopp over", "spring over", "senere", "ei nyt", "ohita", "myöhemmin", "nie teraz",
    "pomiń", "później", "teď ne", "přeskočit", "později", "most nem", "kihagyás", "később", "şimdi değil", "atla",
    "daha sonra", "не сейчас", "пропустить", "позже", "не зараз", "пропустити", "пізніше", "όχι τώρα", "παράλειψη",
    "後で", "スキップ", "今はしない", "나중에", "건너뛰기", "跳过", "略過", "稍后", "稍後", "以后再说", "暂不", "ليس الآن", "تخطي", "לא עכשיו", "דלג",
    "để sau", "bỏ qua", "lewati", "nanti",
];

/// The page asks whether the session is to last.
pub(super) const STAY: &[&str] = &[
    "stay signed in", "stay logged in", "keep me signed in", "keep me logged in", "remain signed in", "remember this",
    "remember me", "trust this", "trust my", "trusted device", "trusted browser", "don't ask again on this",
    "angemeldet bleiben", "angemeldet lassen", "diesem gerät vertrauen", "diesem browser vertrauen", "gerät merken",
    "rester connecté", "se souvenir", "appareil de confiance", "faire confiance", "mantener la sesión", "recordarme",
    "confiar en este", "recordar este", "permanecer conectado", "manter conectado", "continuar conectado",
    "manter sessão", "confiar neste", "lembrar deste", "rimanere connesso", "resta connesso", "restare connesso",
    "considera attendibile", "ricordami", "ricorda questo", "aangemeld blijven", "ingelogd blijven",
    "dit apparaat vertrouwen", "onthoud", "förbli inloggad", "håll mig inloggad", "lita på den här", "kom ihåg",
    "forbli pålogget", "husk meg", "forbliv logget", "husk mig", "pysy kirjautuneena", "muista", "pozostań zalogowan",
    "nie wylogowuj", "zapamiętaj", "zaufaj", "zůstat přihlášen", "zapamatovat", "bejelentkezve", "emlékezz",
    "oturumu açık", "oturumum açık", "beni hatırla", "bu cihaza güven", "остаться в системе", "оставаться в системе",
    "не выходить", "запомнить", "доверять", "запам'ятати", "залишатися в системі", "παραμονή", "サインインしたまま",
    "ログインしたまま", "ログイン状態を保", "このデバイスを信頼", "로그인 상태 유지", "로그인 유지", "이 기기", "保持登录", "保持登入", "记住我", "記住我", "信任此", "信任這",
    "البقاء مسجلاً", "تذكرني", "השאר אותי מחובר", "זכור אותי", "duy trì đăng nhập", "ghi nhớ", "tetap masuk",
    "ingat saya",
];

/// Beside a box that makes a login last.
pub(super) const REMEMBER: &[&str] = &[
    "remember me", "remember my login", "stay signed", "stay logged", "keep me", "keep signed", "remain signed",
    "remain logged", "persistent", "angemeldet bleiben", "eingeloggt bleiben", "rester connecté", "se souvenir",
    "mantener la sesión", "no cerrar sesión", "recordarme", "recuérdame", "lembrar", "manter conectado",
    "continuar conectado", "ricordami", "resta connesso", "rimani connesso", "ingelogd blijven", "aangemeld blijven",
    "onthoud mij", "kom ihåg", "håll mig inloggad", "husk meg", "husk mig", "muista minut", "zapamiętaj",
    "nie wylogowuj", "zapamatovat", "zůstat přihlášen", "emlékezz", "beni hatırla", "oturumu açık", "запомнить",
    "не выходить", "запам'ятати", "να με θυμάσαι", "ログインしたまま", "ログイン状態を保", "로그인 상태", "자동 로그인", "记住", "記住", "自动登录",
    "保持登", "تذكرني", "זכור", "ghi nhớ", "ingat saya",
];

/// "Yes", alone on a button.
pub(super) const YES: &[&str] = &[
    "yes", "ja", "oui", "sí", "si", "sim", "sì", "kyllä", "tak", "ano", "igen", "evet", "да", "так", "ναι", "はい", "예",
    "是", "نعم", "כן", "có", "ya",
];

/// "No", in whatever a button says.
pub(super) const NO: &[&str] = &[
    "no", "not", "don't", "never", "nein", "nicht", "non", "pas", "não", "nao", "niet", "nee", "nej", "inte", "ikke",
    "nei", "ei", "nie", "ne", "nem", "hayır", "нет", "не", "ні", "όχι", "いいえ", "しない", "아니요", "아니오", "否", "不", "لا",
    "לא", "không", "tidak",
];

/// Lists accounts to choose from.
pub(super) const ACCOUNTS: &[&str] = &[
    "choose an account", "choose account", "choose your account", "pick an account", "select an account",
    "select account", "which account", "who's signing in", "who is signing in", "switch account", "konto auswählen",
    "konto aus", "konto wählen", "choisissez un compte", "choisir un compte", "sélectionner un compte",
    "sélectionnez un compte", "elige una cuenta", "selecciona una cuenta", "seleccionar cuenta", "escolha uma conta",
    "selecione uma conta", "scegli un account", "seleziona un account", "kies een account", "account kiezen",
    "selecteer een account", "välj ett konto", "velg en konto", "vælg en konto", "valitse tili", "wybierz konto",
    "vyberte účet", "válasszon fiókot", "hesap seç", "bir hesap seçin", "выберите аккаунт", "выберите учетную",
    "виберіть обліковий", "оберіть обліковий", "επιλέξτε λογαριασμό", "アカウントを選択", "アカウントの選択", "계정 선택", "계정을 선택",
    "选择帐户", "选择账户", "选择账号", "選擇帳戶", "選擇帳號", "اختر حسابًا", "اختيار حساب", "בחר חשבון", "chọn tài khoản", "pilih akun",
];

/// An account that is not in the list.
pub(super) const OTHER_ACCOUNT: &[&str] = &[
    "another account", "different account", "other account", "add account", "someone else", "anderes konto",
    "anderen konto", "konto hinzufügen", "autre compte", "otra cuenta", "outra conta", "altro account",
    "ander account", "annat konto", "annan konto", "annen konto", "anden konto", "toinen tili", "toista tiliä",
    "inne konto", "innego konta", "jiný účet", "másik fiók", "başka bir hesap", "другой аккаунт", "другую учетную",
    "інший обліковий", "άλλο λογαριασμό", "別のアカウント", "他のアカウント", "다른 계정", "其他帐户", "其他账户", "其他账号", "另一个", "其他帳",
    "حساب آخر", "חשבון אחר", "tài khoản khác", "akun lain",
];

/// Lists organisations to choose from.
pub(super) const ORGANISATIONS: &[&str] = &[
    "organization", "organisation", "workspace", "tenant", "team", "company", "unternehmen", "mandant",
    "arbeitsbereich", "entreprise", "espace de travail", "organización", "empresa", "espacio de trabajo",
    "organização", "espaço de trabalho", "organizzazione", "azienda", "spazio di lavoro", "organisatie", "bedrijf",
    "werkruimte", "företag", "arbetsyta", "bedrift", "virksomhed", "organisaatio", "organizacj", "firm", "organizac",
    "szervezet", "kuruluş", "şirket", "организаци", "компани", "організаці", "οργανισμ", "組織", "会社", "ワークスペース", "조직",
    "회사", "组织", "公司", "工作区", "組織", "工作區", "المؤسسة", "شركة", "ארגון", "tổ chức", "công ty", "organisasi",
    "perusahaan",
];

/// Asks to choose.
pub(super) const CHOOSE: &[&str] = &[
    "choose", "select", "pick", "which", "switch to", "wähle", "auswähl", "wählen", "welche", "choisi", "sélection",
    "quel", "elige", "elija", "selecc", "cuál", "escolha", "selecion", "qual", "scegli", "selezion", "quale", "kies",
    "selecteer", "welk", "välj", "vilken", "velg", "vælg", "hvilke", "valitse", "wybierz", "vyberte", "zvolte",
    "válass", "seçin", "seç", "выберите", "выбор", "виберіть", "оберіть", "επιλέξτε", "選択", "選んで", "선택", "选择", "選擇",
    "اختر", "בחר", "chọn", "pilih",
];

/// Entries of a list that lead elsewhere.
pub(super) const NO_ENTRY: &[&str] = &[
    "create", "new", "add", "join", "help", "support", "learn more", "privacy", "terms", "imprint", "contact",
    "cancel", "back", "sign out", "log out", "language", "refresh", "search", "erstellen", "neue", "hinzufügen",
    "hilfe", "datenschutz", "impressum", "abbrechen", "zurück", "abmelden", "créer", "nouvel", "aide", "annuler",
    "retour", "crear", "nueva", "ayuda", "cancelar", "volver", "criar", "nova", "ajuda", "voltar", "crea", "nuovo",
    "aiuto", "annulla", "indietro", "nieuw", "terug", "annuleren", "skapa", "hjälp", "avbryt", "utwórz", "pomoc",
    "anuluj", "wstecz", "создать", "помощь", "отмена", "назад", "作成", "ヘルプ", "キャンセル", "戻る", "만들기", "도움말", "취소", "뒤로",
    "创建", "帮助", "取消", "返回", "建立", "說明",
];

/// The way in by a password, among others.
pub(super) const BY_PASSWORD: &[&str] = &[
    "password", "passwort", "kennwort", "mot de passe", "contraseña", "senha", "palavra-passe", "wachtwoord",
    "lösenord", "passord", "adgangskode", "salasana", "hasło", "hasła", "hasłem", "heslo", "heslem", "jelszó",
    "şifre", "parola", "пароль", "пароля", "паролем", "κωδικό", "パスワード", "비밀번호", "密码", "密碼", "كلمة المرور", "סיסמה",
    "mật khẩu", "kata sandi",
];

/// The way in by an e-mail address or a username, among others.
pub(super) const BY_NAME: &[&str] = &[
    "with email", "with e-mail", "with your email", "with an email", "with username", "with your username",
    "use email", "use your email", "via email", "by email", "email address", "mit e-mail", "mit benutzername",
    "per e-mail", "avec e-mail", "avec un e-mail", "avec une adresse", "par e-mail", "con correo", "con el correo",
    "con email", "com e-mail", "com email", "con e-mail", "met e-mail", "med e-post", "med mejl", "med e-mail",
    "sähköpostilla", "przez e-mail", "e-mailem", "e-posta ile", "по почте", "через почту", "по эл", "メールで",
    "メールアドレスで", "이메일로", "邮箱登录", "邮箱", "電子郵件",
];

/// What speaks of a password and is no way in.
pub(super) const NO_WAY: &[&str] = &[
    "forgot", "reset", "change", "lost", "recover", "show", "hide", "create", "new", "set a", "without", "manager",
    "link", "vergessen", "zurücksetzen", "ändern", "anzeigen", "ohne", "neues", "oublié", "réinitialis", "modifier",
    "sans", "afficher", "olvid", "restablecer", "cambiar", "sin", "mostrar", "esquec", "redefinir", "alterar", "sem",
    "dimentic", "reimposta", "cambia", "senza", "vergeten", "wijzig", "glömt", "utan", "glemt", "unohtu", "zapomnia",
    "zmień", "bez", "zapomn", "elfelejt", "unuttum", "забыли", "сменить", "восстанов", "без", "忘れ", "変更", "잊으", "변경",
    "忘记", "忘記", "重置", "修改", "نسيت", "שכחת", "quên", "lupa",
];

/// More ways in than the one that is shown.
pub(super) const OTHER_WAY: &[&str] = &[
    "another way", "other way", "different way", "another method", "other method", "different method",
    "other options", "more options", "other sign-in", "other sign in", "sign-in options", "sign in options",
    "login options", "more ways", "andere methode", "andere möglichkeit", "anders anmelden", "weitere optionen",
    "andere anmelde", "autre méthode", "autre moyen", "autrement", "autres options", "otro método", "otra manera",
    "otra forma", "otras opciones", "outro método", "outra maneira", "outra forma", "outras opções", "altro metodo",
    "altro modo", "altre opzioni", "andere manier", "andere opties", "annat sätt", "andra alternativ", "annen måte",
    "anden måde", "toinen tapa", "inny sposób", "inna metoda", "jiný způsob", "más módon", "başka bir yol",
    "diğer yöntem", "другой способ", "інший спосіб", "άλλος τρόπος", "別の方法", "他の方法", "다른 방법", "其他方式", "其他方法", "其他登录",
    "طريقة أخرى", "דרך אחרת", "cách khác", "cara lain",
];

/// A client asks for access to the account.
pub(super) const ACCESS: &[&str] = &[
    "access", "permission", "authorize", "authorise", "authorization", "consent", "allow", "grant", "zugriff",
    "berechtigung", "autorisier", "zustimm", "zulassen", "accès", "accéder", "autoris", "acceso", "acceder",
    "permiso", "autoriz", "acesso", "acessar", "permiss", "accesso", "accedere", "permess", "consent", "toegang",
    "toestemming", "machtig", "åtkomst", "tillstånd", "tilgang", "tillatelse", "tilladelse", "käyttöoike", "dostęp",
    "uprawnie", "zezw", "přístup", "oprávnění", "hozzáfér", "engedély", "erişim", "izin", "доступ", "разреш",
    "дозвіл", "πρόσβαση", "アクセス", "許可", "액세스", "접근", "권한", "访问", "授权", "存取", "授權", "الوصول", "إذن", "גישה", "הרשאה",
    "truy cập", "cấp quyền", "akses", "izinkan",
];

/// Grants it.
pub(super) const ALLOW: &[&str] = &[
    "allow", "authorize", "authorise", "accept", "approve", "grant", "continue", "confirm", "agree", "yes",
    "zulassen", "erlauben", "autorisieren", "akzeptieren", "zustimmen", "genehmigen", "fortfahren", "weiter",
    "bestätigen", "autoriser", "accepter", "continuer", "permettre", "approuver", "autorizar", "permitir", "aceptar",
    "continuar", "aceitar", "aprovar", "autorizza", "consenti", "accetta", "continua", "toestaan", "accepteren",
    "doorgaan", "autoriseren", "tillåt", "godkänn", "fortsätt", "tillat", "godta", "fortsett", "tillad", "godkend",
    "fortsæt", "salli", "hyväksy", "jatka", "zezwól", "zezwalaj", "autoryzuj", "akceptuj", "kontynuuj", "povolit",
    "autorizovat", "přijmout", "pokračovat", "engedélyez", "elfogad", "folytatás", "izin ver", "yetkilendir",
    "onayla", "kabul", "devam", "разрешить", "авторизовать", "принять", "продолжить", "дозволити", "авторизувати",
    "продовжити", "επιτρέπω", "αποδοχή", "συνέχεια", "許可", "承認", "同意", "続行", "허용", "승인", "동의", "계속", "允许", "授权", "同意",
    "继续", "允許", "授權", "繼續", "السماح", "موافق", "متابعة", "אפשר", "אשר", "המשך", "cho phép", "đồng ý", "tiếp tục",
    "izinkan", "lanjutkan",
];

/// Denies it.
pub(super) const DENY: &[&str] = &[
    "deny", "cancel", "decline", "reject", "disallow", "don't", "do not", "refuse", "ablehnen", "abbrechen", "nicht",
    "refuser", "annuler", "ne pas", "denegar", "rechazar", "cancelar", "no permitir", "negar", "recusar", "rejeitar",
    "nega", "rifiuta", "annulla", "non", "weiger", "annuleren", "niet", "neka", "avbryt", "avvis", "afvis",
    "annuller", "kiellä", "peruuta", "odmów", "odrzuć", "anuluj", "nie", "odmítnout", "zrušit", "elutasít", "mégse",
    "reddet", "iptal", "отклонить", "отмена", "запретить", "скасувати", "відхилити", "άρνηση", "ακύρωση", "拒否",
    "キャンセル", "しない", "거부", "취소", "拒绝", "取消", "拒絕", "رفض", "إلغاء", "דחה", "ביטול", "từ chối", "hủy", "tolak", "batal",
];

/// Lets nobody in before the password is changed.
pub(super) const EXPIRED: &[&str] = &[
    "password has expired", "password is expired", "password expired", "password must be changed",
    "must change your password", "need to change your password", "required to change your password",
    "have to change your password", "must set a new password", "must choose a new password",
    "must update your password", "need to update your password", "need to reset your password",
    "must reset your password", "password needs to be changed", "passwort ist abgelaufen", "kennwort ist abgelaufen",
    "passwort abgelaufen", "kennwort abgelaufen", "passwort muss geändert", "passwort ändern, bevor",
    "müssen ihr passwort ändern", "müssen ihr kennwort ändern", "mot de passe a expiré", "mot de passe est expiré",
    "mot de passe expiré", "devez changer votre mot de passe", "devez modifier votre mot de passe",
    "contraseña ha caducado", "contraseña ha expirado", "contraseña caducada", "debe cambiar su contraseña",
    "debes cambiar tu contraseña", "senha expirou", "senha expirada", "deve alterar sua senha",
    "precisa alterar sua senha", "palavra-passe expirou", "password è scaduta", "password scaduta",
    "devi cambiare la password", "è necessario cambiare la password", "wachtwoord is verlopen", "wachtwoord verlopen",
    "moet uw wachtwoord wijzigen", "moet je wachtwoord wijzigen", "lösenord har gått ut", "lösenordet har gått ut",
    "måste byta lösenord", "passordet har utløpt", "passordet er utløpt", "adgangskode er udløbet",
    "salasana on vanhentunut", "hasło wygasło", "musisz zmienić hasło", "heslo vypršelo", "platnost hesla",
    "musíte změnit heslo", "jelszó lejárt", "jelszava lejárt", "şifrenizin süresi doldu", "parolanızın süresi",
    "şifrenizi değiştirmeniz gerek", "срок действия пароля", "пароль истек", "пароль устарел",
    "необходимо сменить пароль", "термін дії пароля", "パスワードの有効期限", "パスワードが期限切れ", "パスワードを変更する必要", "비밀번호가 만료",
    "비밀번호를 변경해야", "密码已过期", "密码已失效", "必须修改密码", "密碼已過期", "انتهت صلاحية كلمة المرور", "פג תוקף הסיסמה",
    "mật khẩu đã hết hạn", "kata sandi telah kedaluwarsa",
];

/// The account itself is at its end.
pub(super) const ENDED: &[&str] = &[
    "account has expired", "account is expired", "account expired", "subscription has expired",
    "account is no longer", "account has been closed", "account is inactive", "account is not active",
    "konto ist abgelaufen", "konto abgelaufen", "compte a expiré", "compte est expiré", "compte expiré",
    "cuenta ha caducado", "cuenta ha expirado", "conta expirou", "account è scaduto", "account is verlopen",
    "kontot har gått ut", "konto wygasło", "účet vypršel", "fiók lejárt", "hesabınızın süresi",
    "срок действия учетной записи", "アカウントの有効期限", "계정이 만료", "账户已过期", "帐户已过期", "账号已过期", "帳戶已過期",
];
