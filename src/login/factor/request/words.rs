//! The words by which pages offer to send a code.
//!
//! Matched as `words::any` does, in lower-case text.

/// Codes in the words of languages that put words together, of which the words of all codes hold only the last part.
pub(super) const COMPOUND: &[&str] = &[
    "zugangscode", "anmeldecode", "prüfcode", "einmalcode", "einmalpasswort", "sms-code", "verificatiecode",
    "beveiligingscode", "inlogcode", "engangskod", "sikkerhetskode", "sikkerhedskode", "bekreftelseskode",
    "bekræftelseskode", "säkerhetskod", "vahvistuskoodi", "kertakäyttö", "koden", "koder", "kodu", "kódu", "kodunu",
    "otp", "mã", "รหัส", "mot de passe à usage unique",
];

/// Has something sent that one does not have yet.
pub(super) const REQUEST: &[&str] = &[
    "send", "email", "e-mail", "text", "get", "receive", "request", "call", "sende", "senden", "schicken", "zusenden",
    "zuschicken", "anfordern", "erhalten", "envoyer", "envoyez", "recevoir", "obtenir", "enviar", "envíe", "envía",
    "envia", "envie", "recibir", "obtener", "solicitar", "receber", "obter", "invia", "inviami", "inviare", "ricevi",
    "ottieni", "richiedi", "stuur", "verstuur", "verzend", "ontvang", "skicka", "hämta", "få", "motta", "hent",
    "modtag", "lähetä", "hanki", "wyślij", "otrzymaj", "pobierz", "odeslat", "zaslat", "poslat", "získat", "küld",
    "kérés", "kérek", "gönder", "iste", "отправить", "отправьте", "получить", "выслать", "прислать", "запросить",
    "надіслати", "отримати", "αποστολή", "στείλτε", "λήψη", "送信", "送る", "受け取", "取得", "보내", "전송", "받기",
    "요청", "发送", "获取", "發送", "傳送", "寄送", "獲取", "إرسال", "أرسل", "الحصول", "שלח", "קבל", "gửi", "nhận",
    "lấy", "ส่ง", "ขอรับ", "kirim", "dapatkan", "minta",
];

/// The same, addressed to whoever reads it: on a page that speaks of codes.
pub(super) const TO_ME: &[&str] = &[
    "text me", "email me", "e-mail me", "mail me", "send me", "call me", "send sms", "send text", "send email",
    "send e-mail", "by text", "by sms", "by email", "by e-mail", "via sms", "via email", "via e-mail", "sms senden",
    "e-mail senden", "per sms", "per e-mail", "per mail", "par sms", "par e-mail", "par courriel", "por sms",
    "por correo", "por e-mail", "por email", "tramite sms", "tramite e-mail", "via mail", "med sms", "med e-post",
    "via e-post", "på sms", "tekstiviestillä", "sähköpostilla", "przez sms", "sms-em", "przez e-mail", "mailem",
    "sms-ben", "e-mailben", "sms ile", "e-posta ile", "по sms", "по смс", "по почте", "на почту", "smsで", "メールで",
    "문자로", "이메일로", "用短信", "用邮箱", "通过短信", "通过邮箱", "透過簡訊", "透過電子郵件", "qua sms",
    "qua email", "lewat sms", "melalui email",
];

/// By mail.
pub(super) const MAIL: &[&str] = &[
    "mail", "email", "e-mail", "e-post", "mejl", "correo", "courriel", "sähköposti", "e-posta", "почту", "почте", "почты", "почтой",
    "пошту", "пошти", "пошті",
    "ηλεκτρονικ", "メール", "메일", "邮", "郵", "信箱", "بريد", "דוא", "อีเมล", "surel",
];

/// To a telephone.
pub(super) const PHONE: &[&str] = &[
    "sms", "text", "text message", "text me", "phone", "mobile", "whatsapp", "handy", "telefon", "téléphone", "texto",
    "teléfono", "móvil", "telefone", "celular", "telefono", "cellulare", "telefoon", "mobil", "puhelin", "tekstiviesti",
    "смс", "телефон", "τηλέφωνο", "電話番号", "ショートメッセージ", "문자", "휴대", "短信", "手机", "手機", "簡訊",
    "هاتف", "نصية", "טלפון", "điện thoại", "tin nhắn", "ข้อความ", "telepon", "ponsel",
];

/// By a voice.
pub(super) const CALL: &[&str] = &[
    "call", "voice", "anruf", "anrufen", "appel", "appelez", "llamada", "llámame", "ligação", "ligar", "chiamata",
    "chiamami", "bellen", "bel mij", "ring", "samtal", "opkald", "soita", "zadzwoń", "połączenie", "zavolat", "hívás",
    "arama", "звонок", "позвон", "дзвінок", "κλήση", "音声", "通話", "음성", "语音", "語音", "مكالمة", "שיחה", "gọi",
    "panggilan",
];

/// Speaks of codes that are not to be asked for, or of a code that did not come.
pub(super) const NOT_REQUEST: &[&str] = &[
    "didn't", "didn’t", "did not", "haven't", "not get", "not receive", "trouble", "problem", "already", "promo",
    "coupon", "gift", "discount", "referral", "source code", "qr", "zip code", "nicht erhalten", "keinen code",
    "gutschein", "pas reçu", "no recib", "no he recib", "não receb", "non ho ricev", "niet ontvangen", "inte fått",
    "ikke fått", "ikke modtaget", "nie otrzym", "nedoraz", "gelmedi", "almadım", "не получ", "не приш", "届かない",
    "届きません", "받지 못", "没收到", "收不到", "未收到", "沒收到", "change", "update", "edit", "add", "forgot",
    "ändern", "modifier", "cambiar", "alterar", "cambia", "wijzig", "zmień", "изменить", "変更", "변경", "更改", "修改",
];

/// "Send", alone on a button.
pub(super) const SENDS: &[&str] = &[
    "send", "submit", "senden", "absenden", "envoyer", "enviar", "invia", "verzenden", "versturen", "skicka", "lähetä",
    "wyślij", "odeslat", "küldés", "gönder", "отправить", "надіслати", "αποστολή", "送信", "보내기", "전송", "发送",
    "提交", "傳送", "إرسال", "שלח", "gửi", "ส่ง", "kirim",
];
