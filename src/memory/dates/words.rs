//! Words of time, in the languages that are known: what [`super::calendar`] looks up.

use super::calendar::Means::{self, *};
use super::calendar::Side::*;
use super::calendar::Unit;

/// Months, from January; each in every language, and in the forms that it has there.
pub(super) const MONTHS: [&str; 12] = [
    "january jan januar enero janvier gennaio janeiro januari январь января январе يناير जनवरी \
     ocak ocakta styczeń stycznia styczniu leden ledna lednu Ιανουάριος Ιανουαρίου Ιανουάριο Γενάρη ינואר januar",
    "february feb februar febrero fevrier febbraio fevereiro februari февраль февраля феврале فبراير फरवरी \
     şubat şubatta luty lutego lutym únor února únoru Φεβρουάριος Φεβρουαρίου Φεβρουάριο Φλεβάρη פברואר",
    "march mar marz marzo mars marco maart март марта марте مارس मार्च \
     mart martta marzec marca marcu březen března březnu Μάρτιος Μαρτίου Μάρτιο Μάρτη מרץ מרס marts",
    "april apr abril avril aprile апрель апреля апреле ابريل अप्रैल \
     nisan nisanda kwiecień kwietnia kwietniu duben dubna dubnu Απρίλιος Απριλίου Απρίλιο Απρίλη אפריל",
    "may mai mayo maggio maio mei май мая мае مايو मई \
     maj mayıs mayısta maja maju květen května květnu Μάιος Μαΐου Μάιο Μάη מאי",
    "june jun juni junio juin giugno junho июнь июня июне يونيو जून \
     haziran haziranda czerwiec czerwca czerwcu červen června červnu Ιούνιος Ιουνίου Ιούνιο Ιούνη יוני",
    "july jul juli julio juillet luglio julho июль июля июле يوليو जुलाई \
     temmuz temmuzda lipiec lipca lipcu červenec července červenci Ιούλιος Ιουλίου Ιούλιο Ιούλη יולי",
    "august aug agosto aout augustus август августа августе اغسطس अगस्त \
     augusti ağustos ağustosta sierpień sierpnia sierpniu srpen srpna srpnu Αύγουστος Αυγούστου Αύγουστο אוגוסט",
    "september sept sep septiembre setiembre septembre settembre setembro сентябрь сентября сентябре سبتمبر सितंबर सितम्बर \
     eylül eylülde wrzesień września wrześniu září Σεπτέμβριος Σεπτεμβρίου Σεπτέμβριο Σεπτέμβρη ספטמבר",
    "october oct oktober octubre octobre ottobre outubro октябрь октября октябре اكتوبر अक्टूबर अक्तूबर \
     ekim ekimde październik października październiku říjen října říjnu Οκτώβριος Οκτωβρίου Οκτώβριο Οκτώβρη אוקטובר",
    "november nov noviembre novembre novembro ноябрь ноября ноябре نوفمبر नवंबर नवम्बर \
     kasım kasımda listopad listopada listopadzie listopadu Νοέμβριος Νοεμβρίου Νοέμβριο Νοέμβρη נובמבר",
    "december dec dezember diciembre decembre dicembre dezembro декабрь декабря декабре ديسمبر दिसंबर दिसम्बर \
     aralık aralıkta grudzień grudnia grudniu prosinec prosince prosinci Δεκέμβριος Δεκεμβρίου Δεκέμβριο Δεκέμβρη דצמבר",
];

/// Days of the week, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = [
    "monday mondays montag lunes lundi lunedi maandag понедельник понедельника الاثنين सोमवार \
     måndag måndags pazartesi poniedziałek poniedziałku pondělí Δευτέρα mandag",
    "tuesday tuesdays dienstag martes mardi martedi dinsdag вторник вторника الثلاثاء मंगलवार \
     tisdag tisdags salı wtorek wtorku úterý Τρίτη tirsdag",
    "wednesday wednesdays mittwoch miercoles mercredi mercoledi woensdag среда среду среды الاربعاء बुधवार \
     onsdag onsdags çarşamba środa środę środy středa středu Τετάρτη",
    "thursday thursdays donnerstag jueves jeudi giovedi donderdag четверг четверга الخميس गुरुवार बृहस्पतिवार \
     torsdag torsdags perşembe czwartek czwartku čtvrtek Πέμπτη",
    "friday fridays freitag viernes vendredi venerdi vrijdag пятница пятницу пятницы الجمعة शुक्रवार \
     fredag fredags cuma piątek piątku pátek Παρασκευή",
    "saturday saturdays samstag sonnabend sabado samedi sabato zaterdag суббота субботу субботы السبت शनिवार \
     lördag lördags cumartesi sobota sobotę soboty sobotu Σάββατο שבת lørdag",
    "sunday sundays sonntag domingo dimanche domenica zondag воскресенье воскресенья الاحد रविवार इतवार \
     söndag söndags pazar niedziela niedzielę niedzieli neděle neděli Κυριακή søndag",
];

/// Numbers, from one.
pub(super) const NUMBERS: [&str; 12] = [
    "a one ein eine einem einen einer eines un una uno une um uma een один одну одна واحد واحدة एक \
     ett jeden jedną jednym jedním jednou bir ένας μία ένα μια אחד אחת",
    "two couple zwei dos deux due dois duas twee два две اثنين दो \
     två dwa dwie dva dvě dvěma iki δύο δυο שני שתי שניים שתיים to",
    "three few drei tres trois tre drie три ثلاثة ثلاث तीन \
     trzy tři třemi üç τρεις τρία שלושה שלוש",
    "four several vier cuatro quatre quattro quatro четыре اربعة اربع चार \
     fyra cztery čtyři čtyřmi dört τέσσερις τέσσερα ארבעה ארבע fire",
    "five funf cinco cinq cinque vijf пять خمسة خمس पांच पाँच \
     fem pięć pěti beş πέντε חמישה חמש",
    "six sechs seis sei zes шесть ستة ست छह छः \
     sex sześć šesti altı έξι שישה שש",
    "seven sieben siete sept sette sete zeven семь سبعة سبع सात \
     sju siedem sedmi yedi επτά εφτά שבעה שבע",
    "eight acht ocho huit otto oito восемь ثمانية ثماني आठ \
     åtta osiem osmi sekiz οκτώ οχτώ שמונה",
    "nine neun nueve neuf nove negen девять تسعة تسع नौ \
     nio dziewięć devíti dokuz εννέα εννιά תשעה תשע",
    "ten zehn diez dix dieci dez tien десять عشرة عشر दस \
     tio dziesięć deseti on δέκα עשרה עשר",
    "eleven elf once onze undici одиннадцать ग्यारह \
     elva ένδεκα",
    "twelve zwolf doce douze dodici doze twaalf двенадцать बारह \
     tolv δώδεκα",
];

/// Days of a month in words, from the first to the thirty-first; those of two words only in German, Spanish, Hindi, where they are one.
pub(super) const NTH: [&str; 31] = [
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
pub(super) const TENS: &[(&str, u32)] = &[
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
pub(super) const ELEVENTH: &str = "الحادي";

/// All others.
pub(super) const WORDS: &[(&str, Means)] = &[
    (
        "today tonight heute hoy aujourd oggi hoje vandaag vanavond сегодня اليوم आज \
      idag dziś dzisiaj dnes bugün σήμερα απόψε היום הערב",
        Day(0),
    ),
    (
        "yesterday gestern ayer anoche hier ieri ontem gisteren вчера امس البارحة بالامس \
      igår wczoraj včera dün χθες χτες εχθές אתמול אמש",
        Day(-1),
    ),
    (
        "vorgestern anteayer antier avantieri anteontem eergisteren позавчера \
      förrgår przedwczoraj předevčírem evvelsi προχθές προχτές שלשום",
        Day(-2),
    ),
    (
        "tomorrow morgen manana demain domani amanha завтра غدا \
      imorgon morgondagen jutro zítra yarın αύριο מחר",
        Day(1),
    ),
    (
        "ubermorgen dopodomani overmorgen послезавтра \
      övermorgon pojutrze pozítří μεθαύριο מחרתיים",
        Day(2),
    ),
    ("कल", Either(1)),
    ("परसों", Either(2)),
    (
        "weekend wochenende weekende выходные выходных \
      helgen víkend víkendu haftasonu σαββατοκύριακο",
        Weekend,
    ),
    (
        "spring fruhling fruhjahr primavera printemps lente весна весной весну \
      våren våras wiosna wiosną wiosnę jaro jaře ilkbahar ilkbaharda άνοιξη אביב",
        Season(3),
    ),
    (
        "summer sommer verano ete estate verao zomer лето летом الصيف صيف \
      sommaren somras latem létě yazın καλοκαίρι קיץ",
        Season(6),
    ),
    (
        "autumn fall herbst otono automne autunno outono herfst осень осенью الخريف خريف \
      hösten höstas jesień jesienią podzim sonbahar sonbaharda φθινόπωρο סתיו",
        Season(9),
    ),
    (
        "winter invierno hiver inverno зима зимой зиму الشتاء شتاء \
      vinter vintern vintras zima zimą zimę zimě kışın χειμώνας χειμώνα חורף",
        Season(12),
    ),
    (
        "night evening morning afternoon abend nacht noche notte noite soir nuit",
        Unit(Unit::Part),
    ),
    (
        "day days tag tage tagen dia dias jour jours giorno giorni dag dagen день дня дней يوم ايام दिन दिनों \
      dagar dagarna dzień dni dnia dny dní dnů gün μέρα μέρες ημέρα ημέρες יום ימים",
        Unit(Unit::Day),
    ),
    (
        "week weeks woche wochen semana semanas semaine semaines settimana settimane weken \
      неделя неделю недели недель неделе اسبوع الاسبوع اسابيع हफ्ते हफ्ता हफ्तों सप्ताह \
      vecka veckor veckan tydzień tygodnie tygodni tygodnia tygodniu týden týdny týdnů týdnem týdne týdnu hafta εβδομάδα εβδομάδες \
      βδομάδα βδομάδες שבוע שבועות uge uger uke uker",
        Unit(Unit::Week),
    ),
    (
        "month months monat monate monaten monats mes meses mois mese mesi maand maanden \
      месяц месяца месяцев месяце شهر الشهر اشهر شهور महीने महीना महीनों माह \
      månad månader månaden miesiąc miesiące miesięcy miesiąca miesiącu měsíc měsíce měsíců měsícem měsíci ay μήνας μήνα μήνες חודש חודשים måneder",
        Unit(Unit::Month),
    ),
    (
        "year years jahr jahre jahren jahres ano anos ans annee annees anno anni jaar \
      год года лет году سنة السنة سنوات عام العام اعوام साल सालों वर्ष \
      år året rok roku lata lety rokem yıl yılı sene χρόνος χρόνο χρόνια έτος έτη שנה שנים",
        Unit(Unit::Year),
    ),
    ("يومين יומיים", Two(Unit::Day)),
    ("اسبوعين שבועיים", Two(Unit::Week)),
    ("شهرين חודשיים", Two(Unit::Month)),
    ("سنتين عامين שנתיים", Two(Unit::Year)),
    (
        "last past previous letzte letzten letzter letztes letztem vergangene vergangenen vergangener vergangenes vergangenem \
      vorige vorigen voriger voriges vorigem vorig afgelopen прошлый прошлой прошлая прошлую прошлое прошлом прошлого прошлым \
      पिछले पिछली पिछला \
      förra förre zeszły zeszłym zeszłą zeszłego zeszłej ubiegły ubiegłym ubiegłą ubiegłego ubiegłej minulý minulou minulém minulého minulá \
      geçen περασμένος περασμένο περασμένου περασμένη περασμένη περασμένης προηγούμενη προηγούμενο sidste forrige siste",
        Which(-1, Front),
    ),
    (
        "pasado pasada passado passada dernier derniere derniers dernieres scorso scorsa الماضي الماضية \
      שעבר שעברה האחרון האחרונה",
        Which(-1, Behind),
    ),
    (
        "this current diese dieser dieses diesem diesen este esta ce cette cet questo questa deze dit этот эта эту этой этом это \
      هذا هذه इस \
      denna detta tym tę tento tuto tomto bu αυτή αυτό αυτόν denne",
        Which(0, Front),
    ),
    (
        "next coming upcoming nachste nachsten nachster nachstes nachstem kommende kommenden kommender kommendes kommendem \
      volgende komende следующий следующая следующую следующей следующее следующем будущий будущем будущую अगले अगली अगला \
      nästa przyszły przyszłym przyszłą następny następnym příští gelecek önümüzdeki επόμενη επόμενο επόμενος næste neste",
        Which(1, Front),
    ),
    (
        "proximo proxima prochain prochaine prossimo prossima",
        Which(1, Both),
    ),
    (
        "viene القادم القادمة المقبل المقبلة \
      הבא הבאה",
        Which(1, Behind),
    ),
    (
        "ago geleden назад पहले fa atras \
      sedan temu siden",
        Ago(Behind),
    ),
    (
        "vor hace ha قبل منذ \
      před πριν לפני",
        Ago(Front),
    ),
    ("השבוע", Whole(0, Unit::Week)),
    ("החודש", Whole(0, Unit::Month)),
    ("loni fjol πέρσι πέρυσι אשתקד", Whole(-1, Unit::Year)),
    ("letos φέτος השנה", Whole(0, Unit::Year)),
    ("הזה הזאת", Which(0, Behind)),
    (
        "in en dans через за \
      om za σε",
        Ahead,
    ),
    (
        "the of de del der den dem des la el le les du da do della тому of' que \
      την τη τον το του της των από που",
        Filler,
    ),
];

/// The same of two words.
pub(super) const PAIRS: &[(&str, Means)] = &[
    ("i dag", Day(0)),
    ("i går", Day(-1)),
    ("i förrgår", Day(-2)),
    ("i morgon", Day(1)),
    ("i morgen", Day(1)),
    ("i övermorgon", Day(2)),
    ("evvelsi gün", Day(-2)),
    ("hafta sonu", Weekend),
    ("יום ראשון", Weekday(6)),
    ("יום שני", Weekday(0)),
    ("יום שלישי", Weekday(1)),
    ("יום רביעי", Weekday(2)),
    ("יום חמישי", Weekday(3)),
    ("יום שישי", Weekday(4)),
    ("יום שבת", Weekday(5)),
    ("סוף שבוע", Weekend),
    ("סוף השבוע", Weekend),
];

/// The same for scripts without spaces; numbers of them stand apart.
pub(super) const DENSE: &[(&str, Means)] = &[
    ("今天 今日 今晚 今朝 오늘", Day(0)),
    ("昨天 昨日 昨晚 昨夜 きのう 어제 어젯밤", Day(-1)),
    ("前天 一昨日 おととい 그저께", Day(-2)),
    ("明天 明日 あした 내일", Day(1)),
    ("后天 後天 明後日 あさって 모레", Day(2)),
    (
        "上周 上週 上星期 上个星期 上個星期 上礼拜 上禮拜 先週 지난주",
        Whole(-1, Unit::Week),
    ),
    (
        "这周 這週 本周 本週 这个星期 這個星期 今週 이번주",
        Whole(0, Unit::Week),
    ),
    (
        "下周 下週 下星期 下个星期 下個星期 下礼拜 来週 來週 다음주",
        Whole(1, Unit::Week),
    ),
    ("上个月 上個月 上月 先月 지난달", Whole(-1, Unit::Month)),
    ("这个月 這個月 本月 今月 이번달", Whole(0, Unit::Month)),
    ("下个月 下個月 下月 来月 來月 다음달", Whole(1, Unit::Month)),
    ("去年 昨年 작년 지난해", Whole(-1, Unit::Year)),
    ("今年 올해 금년", Whole(0, Unit::Year)),
    ("明年 来年 來年 내년", Whole(1, Unit::Year)),
    ("前年 一昨年 재작년", Whole(-2, Unit::Year)),
    ("星期一 周一 週一 礼拜一 月曜 월요일", Weekday(0)),
    ("星期二 周二 週二 礼拜二 火曜 화요일", Weekday(1)),
    ("星期三 周三 週三 礼拜三 水曜 수요일", Weekday(2)),
    ("星期四 周四 週四 礼拜四 木曜 목요일", Weekday(3)),
    ("星期五 周五 週五 礼拜五 金曜 금요일", Weekday(4)),
    ("星期六 周六 週六 礼拜六 土曜 토요일", Weekday(5)),
    ("星期日 星期天 周日 週日 礼拜天 日曜 일요일", Weekday(6)),
    ("周末 週末 주말", Weekend),
    ("天 日 일", Unit(Unit::Day)),
    (
        "周 週 週間 星期 个星期 個星期 个礼拜 個禮拜 주 주일 일주일",
        Unit(Unit::Week),
    ),
    (
        "个月 個月 か月 ヶ月 ケ月 カ月 ヵ月 개월 달",
        Unit(Unit::Month),
    ),
    ("年 년 해", Unit(Unit::Year)),
    ("이틀", Two(Unit::Day)),
    ("前 之前 以前 전", Ago(Behind)),
    ("夏天 여름", Season(6)),
    ("가을", Season(9)),
    ("冬天 겨울", Season(12)),
    ("지난", Which(-1, Front)),
    ("이번", Which(0, Front)),
    ("다음", Which(1, Front)),
    ("한", Number(1)),
    ("두", Number(2)),
    ("세 삼", Number(3)),
    ("네 사", Number(4)),
    ("다섯 오", Number(5)),
    ("여섯 육", Number(6)),
    ("일곱 칠", Number(7)),
    ("여덟 팔", Number(8)),
    ("아홉 구", Number(9)),
    ("열 십", Number(10)),
    ("の 的", Filler),
];

/// Most signs of one of [`DENSE`].
pub(super) const LONGEST: usize = 4;

/// Words that are months only where something else says so: they mean other things too.
pub(super) const DOUBTFUL: &[&str] = &[
    "may", "march", "mars", "mar", "jan", "sept", "august", "sep", "dec", "oct", "mai", "marco",
    "ete", "maja", "marca", "nisan", "mart", "ekim", "aralık", "luty",
];
