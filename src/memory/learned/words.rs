//! Words by which a fact and what was said are compared, in many languages. All in small letters, without accents of Latin letters,
//! as `tokens::folded` leaves them.

/// What a fact calls the person of whom no name is known.
pub(super) const PERSON: &str = "user person speaker assistant nutzer nutzerin benutzer benutzerin anwender usuario usuaria \
    utilisateur utilisatrice utente gebruiker anvandare anvandaren bruker brugeren kayttaja uzytkownik uzytkowniczka uzivatel uzivatelka \
    korisnik kullanici felhasznalo utilizator utilizatorul nguoi dung pengguna пользователь пользовательница користувач χρηστης χρηστησ \
    המשתמש המשתמשת المستخدم المستخدمة उपयोगकर्ता";
/// The same in scripts without spaces.
pub(super) const PERSON_DENSE: &[&str] = &[
    "用户",
    "用戶",
    "使用者",
    "ユーザー",
    "利用者",
    "사용자",
    "ผู้ใช้",
];

/// How somebody has to do with something: a model's way to put it.
pub(super) const RELATION: &str = "live lives lived living reside resides stay work works worked working have has own owns owned possess \
    like likes love loves loved enjoy enjoys prefer prefers favourite favorite want wants wish wishes plan plans planned planning intend \
    intends hope hopes play plays practise practice practices use uses visit visits visited go goes went travel travels study studies learn \
    learns follow follows keep keeps take takes took make makes made get gets eat eats drink drinks name named call called born old age aged \
    year years time times person family relate related know knows speak speaks begin began start started become became currently recently \
    regularly often usually former formerly pay pays see sees own meet meets met is was named \
    lebt wohnt arbeitet besitzt hat mag liebt gern gerne bevorzugt plant will mochte spielt benutzt besucht reist studiert lernt heißt heisst \
    genannt jahr jahre jahren alt isst trinkt geht ist \
    vive vivo trabaja tiene posee gusta gustan prefiere ama quiere planea juega toca usa visita viaja estudia aprende llama llamado llamada \
    anos come bebe va \
    vit habite travaille possede aime prefere veut joue utilise visite voyage etudie apprend appelle nomme ans mange boit \
    abita lavora possiede piace preferisce vuole suona gioca viaggia impara chiama anni mangia beve \
    mora trabalha tem gosta deseja joga aprende chama bebe \
    woont werkt heeft houdt speelt gebruikt bezoekt reist leert heet jaar drinkt \
    живет живу работает работаю имеет любит нравится хочет играет учится учит зовут лет ест пьет \
    mieszka pracuje ma lubi chce gra uczy zije bydli pracuje hraje bor jobbar arbetar gillar har spelar \
    yasiyor calisiyor seviyor istiyor oynuyor var";

/// Where a sentence has parts.
pub(super) const AND: &[&str] = &[
    ",", ";", "،", "，", "、", "；", "。", ". ", " and ", " und ", " y ", " e ", " et ", " en ",
    " и ", " та ", " i ", " oraz ", " ve ", " och ", " og ", " ja ", " και ",
];
/// Where another thought begins.
pub(super) const CLAUSE: &[&str] = &[
    ",",
    ";",
    ":",
    ".",
    "!",
    "?",
    "\n",
    "،",
    "؛",
    "؟",
    "，",
    "、",
    "；",
    "：",
    "。",
    "！",
    "？",
    " - ",
    " – ",
    " — ",
    " and ",
    " but ",
    " because ",
    " since ",
    " when ",
    " until ",
    " although ",
    " while ",
    " who ",
    " which ",
    " so ",
    " und ",
    " aber ",
    " weil ",
    " sondern ",
    " als ",
    " y ",
    " pero ",
    " sino ",
    " porque ",
    " cuando ",
    " et ",
    " mais ",
    " parce ",
    " quand ",
    " ma ",
    " perche ",
    " quando ",
    " mas ",
    " maar ",
    " omdat ",
    " toen ",
    " и ",
    " но ",
    " а ",
    " потому ",
    " когда ",
    " ale ",
    " bo ",
    " protoze ",
    " ama ",
    " cunku ",
    " men ",
];

/// What says no, or speaks against something.
pub(super) const AGAINST: &[&str] = &[
    " not ",
    " no ",
    " never ",
    " cannot ",
    " without ",
    " neither ",
    " nor ",
    " none ",
    " nobody ",
    " nothing ",
    " hate",
    " dislik",
    " detest",
    " loath",
    " avoid",
    " refus",
    " non ",
    " non-",
    " hardly ",
    " nicht ",
    " kein ",
    " keine ",
    " keinen ",
    " keinem ",
    " keiner ",
    " nie ",
    " niemals ",
    " ohne ",
    " hass",
    " hasst ",
    " nunca ",
    " jamas ",
    " sin ",
    " odi",
    " tampoco ",
    " pas ",
    " jamais ",
    " sans ",
    " deteste",
    " evite ",
    " mai ",
    " senza ",
    " nao ",
    " sem ",
    " niet ",
    " geen ",
    " nooit ",
    " zonder ",
    " haat ",
    " не ",
    " нет ",
    " никогда ",
    " без ",
    " ненавид",
    " ні ",
    " ніколи ",
    " nigdy ",
    " bez ",
    " nienawidz",
    " nikdy ",
    " neni ",
    " nema",
    " nesnas",
    " inte ",
    " ikke ",
    " aldrig ",
    " ei ",
    " en ole ",
    " nem ",
    " nu ",
    " degil ",
    " asla ",
    " nefret ",
    " δεν ",
    " ποτε ",
    " μην ",
    " לא ",
    " אין ",
    " בלי ",
    " מעולם ",
    " שונא",
    " لا ",
    " ليس ",
    " لم ",
    " لن ",
    " بدون ",
    " اكره ",
    " يكره ",
    " नहीं ",
    " कभी ",
    " khong ",
    " tidak ",
    " bukan ",
];
/// The same in scripts without spaces.
pub(super) const AGAINST_DENSE: &[&str] = &[
    "不",
    "没",
    "沒",
    "未",
    "别再",
    "讨厌",
    "討厭",
    "ない",
    "なく",
    "ません",
    "嫌い",
    "苦手",
    "않",
    "못",
    "없",
    "싫",
    "ไม่",
    "เกลียด",
];
/// What has such a word and says nothing against anything.
pub(super) const IDIOMS: &[&str] = &[
    " can't wait",
    " cannot wait",
    " not only",
    " no doubt",
    " don't forget",
    " do not forget",
    " why not",
    " why don't",
    " no problem",
    " can't believe",
    " never mind",
    " not to mention",
    " nicht nur",
    " kann es kaum erwarten",
    " no solo",
    " no veo la hora",
    " non seulement",
    " non vedo l'ora",
    " не только",
    " nie tylko",
    " 不仅",
    " 不但",
    "不仅",
    "不但",
    "だけでなく",
];
/// What says that something was so.
pub(super) const NO_LONGER: &[&str] = &[
    " no longer ",
    " not anymore",
    " not any more",
    " anymore ",
    " nicht mehr ",
    " ya no ",
    " ne plus ",
    " non piu ",
    " nao mais ",
    " niet meer ",
    " больше не ",
    " juz nie ",
    " uz ne",
    " inte langre ",
    " artik ",
    " כבר לא ",
    " لم يعد ",
    "不再",
    "已经不",
    "もう",
    "더 이상",
];
/// What ends something.
pub(super) const ENDED: &[&str] = &[
    " left ",
    " moved ",
    " move ",
    " quit ",
    " stopped ",
    " stop ",
    " ended ",
    " sold ",
    " used to ",
    " former",
    " was ",
    " were ",
    " gave up ",
    " over ",
    " divorced ",
    " retired ",
    " lost ",
    " finished ",
    " instead ",
    " until ",
    " switched ",
    " changed ",
    " now ",
    " verlassen ",
    " umgezogen ",
    " gezogen ",
    " aufgehort ",
    " gekundigt ",
    " verkauft ",
    " fruher ",
    " war ",
    " bis ",
    " jetzt ",
    " deje ",
    " mude ",
    " vendi ",
    " antes ",
    " era ",
    " hasta ",
    " ahora ",
    " quitte ",
    " demenage ",
    " arrete ",
    " vendu ",
    " avant ",
    " etais ",
    " lasciato ",
    " smesso ",
    " venduto ",
    " prima ",
    " deixei ",
    " mudei ",
    " verlaten ",
    " verhuisd ",
    " gestopt ",
    " verkocht ",
    " vroeger ",
    " переехал",
    " бросил",
    " продал",
    " раньше ",
    " был",
    " ушел ",
    " ушла ",
    "搬",
    "离开",
    "離開",
    "卖",
    "賣",
    "辞",
    "やめ",
    "引っ越",
    "以前",
    "前は",
    "그만",
    "이사",
    "예전",
];

/// A text in small letters, so that words at its ends are between spaces like all others.
fn spaced(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 2);
    all.push(' ');
    for c in text.chars() {
        match c {
            '.' | ',' | ';' | ':' | '!' | '?' | '"' | '(' | ')' | '\n' | '،' | '؟' => {
                all.push(' ')
            }
            c => all.push(c),
        }
    }
    all.push(' ');
    all
}

/// Whether one of these stands in a text in small letters.
pub(super) fn has(text: &str, all: &[&str]) -> bool {
    let text = spaced(text);
    all.iter().any(|one| text.contains(one))
}

/// A text in small letters without these; as it was, where it has none.
pub(super) fn without(text: &str, all: &[&str]) -> String {
    if !has(text, all) {
        return text.to_owned();
    }
    all.iter()
        .fold(spaced(text), |text, one| text.replace(one, " "))
}

/// The parts of a text between these.
pub(super) fn cut(text: &str, at: &[&str]) -> Vec<String> {
    let mut parts = vec![text.to_owned()];
    for sign in at {
        parts = parts
            .iter()
            .flat_map(|part| part.split(sign).map(str::to_owned).collect::<Vec<_>>())
            .collect();
    }
    parts
}
