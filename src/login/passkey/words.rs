//! The words by which sites speak of passkeys. Matched as parts of lower-case text.

/// A passkey, or what it was called before.
pub(super) const PASSKEY: &[&str] = &[
    "passkey", "pass key", "pass-key", "security key", "webauthn", "fido2", "touch id", "face id", "windows hello",
    "biometric", "hauptschlüssel", "sicherheitsschlüssel", "clé d'accès", "clé d’accès", "clés d'accès",
    "clés d’accès", "clé d'identification", "clé d’identification", "clé de sécurité", "clave de acceso",
    "claves de acceso", "llave de acceso", "llaves de acceso", "llave de seguridad", "clave de seguridad",
    "chave de acesso", "chaves de acesso", "chave de segurança", "chiave di accesso", "chiavi di accesso",
    "chiave di sicurezza", "toegangssleutel", "wachtwoordsleutel", "beveiligingssleutel", "lösennyckel",
    "nyckel för inloggning", "säkerhetsnyckel", "adgangsnøgle", "sikkerhedsnøgle", "passnøkkel", "tilgangsnøkkel",
    "sikkerhetsnøkkel", "avainkoodi", "pääsyavain", "todennusavain", "suojausavain", "klucz dostępu",
    "kluczem dostępu", "klucza dostępu", "klucz bezpieczeństwa", "klucza bezpieczeństwa", "klucze dostępu",
    "přístupový klíč", "přístupovým klíčem", "přístupového klíče", "bezpečnostní klíč", "přístupové klíče",
    "hozzáférési kulcs", "biztonsági kulcs", "cheie de acces", "ключ доступа", "ключа доступа", "ключи доступа",
    "ключом доступа", "ключей доступа", "ключ безопасности", "ключом безопасности", "ключ доступу", "ключі доступу",
    "ключем доступу", "κλειδί πρόσβασης", "geçiş anahtarı", "güvenlik anahtarı", "パスキー", "セキュリティキー", "セキュリティ キー",
    "通行密钥", "通行密鑰", "通行金鑰", "密碼金鑰", "安全密钥", "安全金鑰", "패스키", "보안 키", "보안키", "مفتاح المرور", "مفاتيح المرور",
    "مفتاح مرور", "מפתח גישה", "מפתחות גישה", "พาสคีย์", "khóa truy cập", "kunci sandi", "kunci akses", "पासकी",
];

/// To add one.
pub(super) const ADD: &[&str] = &[
    "add", "create", "register", "set up", "setup", "set-up", "enroll", "enrol", "enable", "new ", "hinzufügen",
    "erstellen", "anlegen", "einrichten", "registrieren", "aktivieren", "ajouter", "créer", "enregistrer",
    "configurer", "activer", "nouvelle", "añadir", "agregar", "crear", "registrar", "configurar", "activar", "nueva",
    "adicionar", "criar", "ativar", "aggiungi", "crea", "registra", "configura", "nuova", "toevoegen", "aanmaken",
    "maken", "instellen", "registreren", "lägg till", "skapa", "registrera", "tilføj", "opret", "registrer",
    "legg til", "opprett", "lisää", "luo", "rekisteröi", "dodaj", "utwórz", "zarejestruj", "přidat", "vytvořit",
    "zaregistrovat", "hozzáadás", "létrehozás", "adaugă", "creează", "добавить", "создать", "зарегистрировать",
    "додати", "створити", "προσθήκη", "δημιουργία", "ekle", "oluştur", "kaydet", "追加", "作成", "登録", "添加", "创建", "新增",
    "建立", "注册", "註冊", "추가", "만들기", "등록", "إضافة", "إنشاء", "הוסף", "הוספ", "צור", "יציר", "เพิ่ม", "สร้าง", "thêm",
    "tạo", "tambah", "buat", "जोड़ें", "बनाएं",
];

/// To go on with what was begun.
pub(super) const GO_ON: &[&str] = &[
    "continue", "next", "confirm", "save", "done", "finish", "verify", "ok", "weiter", "fortfahren", "bestätigen",
    "speichern", "fertig", "continuer", "suivant", "confirmer", "terminer", "continuar", "siguiente", "confirmar",
    "guardar", "próximo", "salvar", "continua", "avanti", "conferma", "salva", "doorgaan", "volgende", "bevestigen",
    "opslaan", "fortsätt", "nästa", "bekräfta", "spara", "fortsæt", "næste", "bekræft", "gem", "fortsett", "neste",
    "lagre", "jatka", "seuraava", "tallenna", "dalej", "kontynuuj", "potwierdź", "zapisz", "pokračovat", "další",
    "potvrdit", "uložit", "продолжить", "далее", "подтвердить", "сохранить", "продовжити", "далі", "devam", "ileri",
    "onayla", "続行", "次へ", "確認", "保存", "继续", "下一步", "确认", "繼續", "確認", "계속", "다음", "확인", "저장", "متابعة", "التالي",
    "تأكيد", "حفظ", "המשך", "הבא", "אישור", "שמירה",
];

/// What has to do with passkeys and is not to be clicked.
pub(super) const NOT: &[&str] = &[
    "delete", "remove", "rename", "revoke", "disable", "learn", "what is", "what are", "about", "help", "cancel",
    "not now", "skip", "later", "without", "another", "löschen", "entfernen", "umbenennen", "abbrechen", "später",
    "ohne", "mehr erfahren", "supprimer", "retirer", "annuler", "plus tard", "en savoir", "sans", "eliminar",
    "borrar", "quitar", "cancelar", "más tarde", "más información", "remover", "excluir", "mais tarde", "saiba",
    "rimuovi", "elimina", "annulla", "più tardi", "scopri", "verwijderen", "annuleren", "meer informatie", "ta bort",
    "avbryt", "läs mer", "slet", "fjern", "annuller", "poista", "peruuta", "usuń", "anuluj", "odstranit", "smazat",
    "zrušit", "удалить", "отмена", "подробнее", "видалити", "скасувати", "sil", "kaldır", "iptal", "削除", "キャンセル",
    "删除", "刪除", "取消", "삭제", "취소", "حذف", "إلغاء", "הסר", "מחק", "ביטול",
];
