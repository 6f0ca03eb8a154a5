//! What people call days, months and years, in the languages that are known; and what says how far away they are.

use std::collections::HashMap;
use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What a word says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// A month, from 1.
    Month(u32),
    /// A day, so many behind today.
    Day(i32),
    /// A day, so many before or behind today: the language has one word for both.
    Either(i32),
    /// A day of the week, from 0 for Monday.
    Weekday(i32),
    /// Saturday and Sunday.
    Weekend,
    /// Three months from this one on.
    Season(u32),
    /// A length of time.
    Unit(Unit),
    /// Two of them, in one word.
    Two(Unit),
    /// A unit before, of now, or behind: `last`, `this`, `next`.
    Which(i32, Side),
    /// Both in one word.
    Whole(i32, Unit),
    /// So long before now.
    Ago(Side),
    /// So long behind now.
    Ahead,
    /// A number.
    Number(u32),
    /// It stands between, and says nothing.
    Filler,
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In front of what it belongs to.
    Front,
    /// Behind it.
    Behind,
    /// On either side.
    Both,
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A part of a day, which counts as the day.
    Part,
    Day,
    Week,
    Month,
    Year,
}

use Means::*;
use Side::*;

/// Months, from January; each in every language, and in the forms that it has there.
const MONTHS: [&str; 12] = [
    "january jan januar enero janvier gennaio janeiro januari январь января январе يناير जनवरी",
    "february feb februar febrero fevrier febbraio fevereiro februari февраль февраля феврале فبراير फरवरी",
    "march mar marz marzo mars marco maart март марта марте مارس मार्च",
    "april apr abril avril aprile апрель апреля апреле ابريل अप्रैल",
    "may mai mayo maggio maio mei май мая мае مايو मई",
    "june jun juni junio juin giugno junho июнь июня июне يونيو जून",
    "july jul juli julio juillet luglio julho июль июля июле يوليو जुलाई",
    "august aug agosto aout augustus август августа августе اغسطس अगस्त",
    "september sept sep septiembre setiembre septembre settembre setembro сентябрь сентября сентябре سبتمبر सितंबर सितम्बर",
    "october oct oktober octubre octobre ottobre outubro октябрь октября октябре اكتوبر अक्टूबर अक्तूबर",
    "november nov noviembre novembre novembro ноябрь ноября ноябре نوفمبر नवंबर नवम्बर",
    "december dec dezember diciembre decembre dicembre dezembro декабрь декабря декабре ديسمبر दिसंबर दिसम्बर",
];

/// Days of the week, from Monday.
const WEEKDAYS: [&str; 7] = [
    "monday mondays montag lunes lundi lunedi maandag понедельник понедельника الاثنين सोमवार",
    "tuesday tuesdays dienstag martes mardi martedi dinsdag вторник вторника الثلاثاء मंगलवार",
    "wednesday wednesdays mittwoch miercoles mercredi mercoledi woensdag среда среду среды الاربعاء बुधवार",
    "thursday thursdays donnerstag jueves jeudi giovedi donderdag четверг четверга الخميس गुरुवार बृहस्पतिवार",
    "friday fridays freitag viernes vendredi venerdi vrijdag пятница пятницу пятницы الجمعة शुक्रवार",
    "saturday saturdays samstag sonnabend sabado samedi sabato zaterdag суббота субботу субботы السبت शनिवार",
    "sunday sundays sonntag domingo dimanche domenica zondag воскресенье воскресенья الاحد रविवार इतवार",
];

/// Numbers, from one.
const NUMBERS: [&str; 12] = [
    "a one ein eine einem einen einer eines un una uno une um uma een один одну одна واحد واحدة एक",
    "two couple zwei dos deux due dois duas twee два две اثنين दो",
    "three few drei tres trois tre drie три ثلاثة ثلاث तीन",
    "four several vier cuatro quatre quattro quatro четыре اربعة اربع चार",
    "five funf cinco cinq cinque vijf пять خمسة خمس पांच पाँच",
    "six sechs seis sei zes шесть ستة ست छह छः",
    "seven sieben siete sept sette sete zeven семь سبعة سبع सात",
    "eight acht ocho huit otto oito восемь ثمانية ثماني आठ",
    "nine neun nueve neuf nove negen девять تسعة تسع नौ",
    "ten zehn diez dix dieci dez tien десять عشرة عشر दस",
    "eleven elf once onze undici одиннадцать ग्यारह",
    "twelve zwolf doce douze dodici doze twaalf двенадцать बारह",
];

/// Days of a month in words, from the first to the thirty-first; those of two words only in German, Spanish, Hindi, where they are one.
const NTH: [&str; 31] = [
    "first erste ersten erster primero uno первое первого الاول पहली एक",
    "second zweite zweiten zweiter dos второе второго الثاني दूसरी दो",
    "third dritte dritten dritter tres третье третьего الثالث तीसरी तीन",
    "fourth vierte vierten vierter cuatro четвертое четвертого الرابع चार",
    "fifth funfte funften funfter cinco пятое пятого الخامس पांच पाँच",
    "sixth sechste sechsten sechster seis шестое шестого السادس छह",
    "seventh siebte siebten siebter siete седьмое седьмого السابع सात",
    "eighth achte achten achter ocho восьмое восьмого الثامن आठ",
    "ninth neunte neunten neunter nueve девятое девятого التاسع नौ",
    "tenth zehnte zehnten zehnter diez десятое десятого العاشر दस",
    "eleventh elfte elften elfter once одиннадцатое одиннадцатого ग्यारह",
    "twelfth zwolfte zwolften zwolfter doce двенадцатое двенадцатого बारह",
    "thirteenth dreizehnte dreizehnten dreizehnter trece тринадцатое тринадцатого तेरह",
    "fourteenth vierzehnte vierzehnten vierzehnter catorce четырнадцатое четырнадцатого चौदह",
    "fifteenth funfzehnte funfzehnten funfzehnter quince пятнадцатое пятнадцатого पंद्रह पन्द्रह",
    "sixteenth sechzehnte sechzehnten sechzehnter dieciseis шестнадцатое шестнадцатого सोलह",
    "seventeenth siebzehnte siebzehnten siebzehnter diecisiete семнадцатое семнадцатого सत्रह",
    "eighteenth achtzehnte achtzehnten achtzehnter dieciocho восемнадцатое восемнадцатого अठारह",
    "nineteenth neunzehnte neunzehnten neunzehnter diecinueve девятнадцатое девятнадцатого उन्नीस",
    "twentieth zwanzigste zwanzigsten zwanzigster veinte двадцатое двадцатого العشرين العشرون बीस",
    "einundzwanzigste einundzwanzigsten veintiuno इक्कीस",
    "zweiundzwanzigste zweiundzwanzigsten veintidos बाईस बाइस",
    "dreiundzwanzigste dreiundzwanzigsten veintitres तेईस तेइस",
    "vierundzwanzigste vierundzwanzigsten veinticuatro चौबीस",
    "funfundzwanzigste funfundzwanzigsten veinticinco पच्चीस",
    "sechsundzwanzigste sechsundzwanzigsten veintiseis छब्बीस",
    "siebenundzwanzigste siebenundzwanzigsten veintisiete सत्ताईस सत्ताइस",
    "achtundzwanzigste achtundzwanzigsten veintiocho अट्ठाईस अट्ठाइस",
    "neunundzwanzigste neunundzwanzigsten veintinueve उनतीस",
    "thirtieth dreissigste dreissigsten treinta тридцатое тридцатого الثلاثين الثلاثون तीस",
    "einunddreissigste einunddreissigsten इकतीस",
];
/// What is added to a day that stands beside it.
const TENS: &[(&str, u32)] = &[
    ("twenty", 20),
    ("двадцать", 20),
    ("والعشرين", 20),
    ("والعشرون", 20),
    ("عشر", 10),
    ("عشرة", 10),
    ("thirty", 30),
    ("тридцать", 30),
    ("والثلاثين", 30),
];
/// Days that are not as the numbers of which they are made.
const ELEVENTH: &str = "الحادي";

/// All others.
const WORDS: &[(&str, Means)] = &[
    (
        "today tonight heute hoy aujourd oggi hoje vandaag vanavond сегодня اليوم आज",
        Day(0),
    ),
    (
        "yesterday gestern ayer anoche hier ieri ontem gisteren вчера امس البارحة بالامس",
        Day(-1),
    ),
    (
        "vorgestern anteayer antier avantieri anteontem eergisteren позавчера",
        Day(-2),
    ),
    (
        "tomorrow morgen manana demain domani amanha завтра غدا",
        Day(1),
    ),
    ("ubermorgen dopodomani overmorgen послезавтра", Day(2)),
    ("कल", Either(1)),
    ("परसों", Either(2)),
    ("weekend wochenende weekende выходные выходных", Weekend),
    (
        "spring fruhling fruhjahr primavera printemps lente весна весной весну",
        Season(3),
    ),
    (
        "summer sommer verano ete estate verao zomer лето летом الصيف صيف",
        Season(6),
    ),
    (
        "autumn fall herbst otono automne autunno outono herfst осень осенью الخريف خريف",
        Season(9),
    ),
    (
        "winter invierno hiver inverno зима зимой зиму الشتاء شتاء",
        Season(12),
    ),
    (
        "night evening morning afternoon abend nacht noche notte noite soir nuit",
        Unit(Unit::Part),
    ),
    (
        "day days tag tage tagen dia dias jour jours giorno giorni dag dagen день дня дней يوم ايام दिन दिनों",
        Unit(Unit::Day),
    ),
    (
        "week weeks woche wochen semana semanas semaine semaines settimana settimane weken \
      неделя неделю недели недель неделе اسبوع الاسبوع اسابيع हफ्ते हफ्ता हफ्तों सप्ताह",
        Unit(Unit::Week),
    ),
    (
        "month months monat monate monaten monats mes meses mois mese mesi maand maanden \
      месяц месяца месяцев месяце شهر الشهر اشهر شهور महीने महीना महीनों माह",
        Unit(Unit::Month),
    ),
    (
        "year years jahr jahre jahren jahres ano anos ans annee annees anno anni jaar \
      год года лет году سنة السنة سنوات عام العام اعوام साल सालों वर्ष",
        Unit(Unit::Year),
    ),
    ("يومين", Two(Unit::Day)),
    ("اسبوعين", Two(Unit::Week)),
    ("شهرين", Two(Unit::Month)),
    ("سنتين عامين", Two(Unit::Year)),
    (
        "last past previous letzte letzten letzter letztes letztem vergangene vergangenen vergangener vergangenes vergangenem \
      vorige vorigen voriger voriges vorigem vorig afgelopen прошлый прошлой прошлая прошлую прошлое прошлом прошлого прошлым \
      पिछले पिछली पिछला",
        Which(-1, Front),
    ),
    (
        "pasado pasada passado passada dernier derniere derniers dernieres scorso scorsa الماضي الماضية",
        Which(-1, Behind),
    ),
    (
        "this current diese dieser dieses diesem diesen este esta ce cette cet questo questa deze dit этот эта эту этой этом это \
      هذا هذه इस",
        Which(0, Front),
    ),
    (
        "next coming upcoming nachste nachsten nachster nachstes nachstem kommende kommenden kommender kommendes kommendem \
      volgende komende следующий следующая следующую следующей следующее следующем будущий будущем будущую अगले अगली अगला",
        Which(1, Front),
    ),
    (
        "proximo proxima prochain prochaine prossimo prossima",
        Which(1, Both),
    ),
    ("viene القادم القادمة المقبل المقبلة", Which(1, Behind)),
    ("ago geleden назад पहले fa atras", Ago(Behind)),
    ("vor hace ha قبل منذ", Ago(Front)),
    ("in en dans через за", Ahead),
    (
        "the of de del der den dem des la el le les du da do della тому of' que",
        Filler,
    ),
];

/// The same for scripts without spaces; numbers of them stand apart.
const DENSE: &[(&str, Means)] = &[
    ("今天 今日 今晚 今朝", Day(0)),
    ("昨天 昨日 昨晚 昨夜 きのう", Day(-1)),
    ("前天 一昨日 おととい", Day(-2)),
    ("明天 明日 あした", Day(1)),
    ("后天 後天 明後日 あさって", Day(2)),
    (
        "上周 上週 上星期 上个星期 上個星期 上礼拜 上禮拜 先週",
        Whole(-1, Unit::Week),
    ),
    (
        "这周 這週 本周 本週 这个星期 這個星期 今週",
        Whole(0, Unit::Week),
    ),
    (
        "下周 下週 下星期 下个星期 下個星期 下礼拜 来週 來週",
        Whole(1, Unit::Week),
    ),
    ("上个月 上個月 上月 先月", Whole(-1, Unit::Month)),
    ("这个月 這個月 本月 今月", Whole(0, Unit::Month)),
    ("下个月 下個月 下月 来月 來月", Whole(1, Unit::Month)),
    ("去年 昨年", Whole(-1, Unit::Year)),
    ("今年", Whole(0, Unit::Year)),
    ("明年 来年 來年", Whole(1, Unit::Year)),
    ("前年 一昨年", Whole(-2, Unit::Year)),
    ("星期一 周一 週一 礼拜一 月曜", Weekday(0)),
    ("星期二 周二 週二 礼拜二 火曜", Weekday(1)),
    ("星期三 周三 週三 礼拜三 水曜", Weekday(2)),
    ("星期四 周四 週四 礼拜四 木曜", Weekday(3)),
    ("星期五 周五 週五 礼拜五 金曜", Weekday(4)),
    ("星期六 周六 週六 礼拜六 土曜", Weekday(5)),
    ("星期日 星期天 周日 週日 礼拜天 日曜", Weekday(6)),
    ("周末 週末", Weekend),
    ("天 日", Unit(Unit::Day)),
    (
        "周 週 週間 星期 个星期 個星期 个礼拜 個禮拜",
        Unit(Unit::Week),
    ),
    ("个月 個月 か月 ヶ月 ケ月 カ月 ヵ月", Unit(Unit::Month)),
    ("年", Unit(Unit::Year)),
    ("前 之前 以前", Ago(Behind)),
    ("夏天", Season(6)),
    ("冬天", Season(12)),
    ("の 的", Filler),
];

/// Most signs of one of [`DENSE`].
pub(super) const LONGEST: usize = 4;

/// Words that are months only where something else says so: they mean other things too.
const DOUBTFUL: &[&str] = &[
    "may", "march", "mars", "mar", "jan", "sept", "august", "sep", "dec", "oct", "mai", "marco",
    "ete",
];

/// What a word says of time.
pub(super) fn means(word: &str) -> Option<Means> {
    static TABLE: OnceLock<HashMap<String, Means>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let numbered = |lists: &'static [&'static str], from: u32, of: fn(u32) -> Means| {
            (from..)
                .zip(lists)
                .flat_map(move |(at, list)| list.split_whitespace().map(move |word| (word, of(at))))
        };
        let weekday = |at| Weekday(i32::try_from(at).unwrap_or_default());
        let others = WORDS
            .iter()
            .flat_map(|(list, means)| list.split_whitespace().map(move |word| (word, *means)));
        // What comes later has the last word: a month is one also where it is a number elsewhere.
        let all = numbered(&NUMBERS, 1, Number)
            .chain(others)
            .chain(numbered(&WEEKDAYS, 0, weekday));
        let all = all.chain(numbered(&MONTHS, 1, Month));
        all.map(|(word, means)| (plain(word), means)).collect()
    });
    table.get(word).copied()
}

/// What the signs of a script without spaces say of time.
pub(super) fn dense(signs: &str) -> Option<Means> {
    static TABLE: OnceLock<HashMap<String, Means>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let all = DENSE
            .iter()
            .flat_map(|(list, means)| list.split_whitespace().map(move |word| (word, *means)));
        all.map(|(word, means)| (plain(word), means)).collect()
    });
    table.get(signs).copied()
}

/// A day of a month in words.
pub(super) fn nth(word: &str) -> Option<u32> {
    static TABLE: OnceLock<HashMap<String, u32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let all = (1..).zip(NTH);
        let all =
            all.flat_map(|(day, list)| list.split_whitespace().map(move |word| (plain(word), day)));
        all.chain([(plain(ELEVENTH), 1)]).collect()
    });
    table.get(word).copied()
}

/// What a word adds to a day: `twenty first`.
pub(super) fn tens(word: &str) -> Option<u32> {
    TENS.iter()
        .find(|(own, _)| plain(own) == word)
        .map(|(_, tens)| *tens)
}

/// Whether a word is a month only where something else says so.
pub(super) fn is_doubtful(word: &str) -> bool {
    DOUBTFUL.contains(&word)
}

/// A sign for a number of one digit, or for ten.
pub(super) fn digit(sign: &str) -> Option<u32> {
    let all = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
    match sign {
        "两" | "兩" => Some(2),
        _ => (1..)
            .zip(all)
            .find(|(_, own)| *own == sign)
            .map(|(at, _)| at),
    }
}

/// A word as the tables have it: without what only looks different.
pub(super) fn plain(word: &str) -> String {
    let mark = |c: char| {
        is_combining_mark(c)
            && matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{93c}')
    };
    let (mut bare, mut cyrillic) = (String::with_capacity(word.len()), false);
    for c in word.nfkd().flat_map(char::to_lowercase) {
        // There is another letter with this mark.
        let kept = cyrillic && c == '\u{306}';
        cyrillic = ('\u{400}'..='\u{4ff}').contains(&c);
        if (!mark(c) || kept) && c != '\u{640}' {
            bare.push(c);
        }
    }
    bare.nfc().collect()
}
