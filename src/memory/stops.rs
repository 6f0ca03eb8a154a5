//! Words that say nothing of what a text is about, by language. Which of them a text has also tells its language.

/// Of languages in Latin letters, but for English; each as its `Language` has it.
pub(super) const LATIN: &[(super::languages::Language, &str)] = &[
    (
        super::languages::Language::German,
        "aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da \
        damit dann das dass dein deine deinem deinen deiner dem den denn der des dessen dich die dies diese diesem diesen dieser dieses dir \
        doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure für gegen gewesen hab habe haben hat hatte hatten \
        hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist jede jedem jeden jeder jedes jene jetzt kann kein \
        keine können könnte man manche mein meine meinem meinen meiner mich mir mit muss musste nach nicht nichts noch nun nur ob oder ohne \
        sehr sein seine seinem seinen seiner selbst sich sie sind so soll sollte sondern sonst über um und uns unser unsere unter vom von \
        vor wann war waren warst warum was weil welche welchem welchen welcher welches wem wen wenn wer werde werden weshalb wessen wie wieder \
        wieso wieviel will wir wird wirst wo woher wohin wollen wollte wurde wurden würde zu zum zur zwar zwischen",
    ),
    (
        super::languages::Language::Spanish,
        "a al algo algunas algunos ante antes aquel aquella como con cómo contra cuál cuáles cuándo cuando cuánta cuántas \
        cuánto cuántos cuyo de del desde donde dónde durante e el él ella ellas ellos en entre era eran eres es esa esas ese eso esos esta está \
        estaba estaban estado estamos están estar estas este esto estos estoy estuvo fue fueron fui ha había habían hacia han has hasta hay he \
        la las le les lo los más me mi mía mis mío mucho muchos muy nada ni no nos nosotros nuestra nuestro o os otra otras otro otros para pero \
        poco por porque pues qué que quién quien quiénes se sea ser será si sí sido siempre sin sobre sois somos son soy su sus suya suyo también \
        tanto te tengo ti tiene tienen tienes todo todos tu tú tus tuve tuvo un una unas uno unos vosotros y ya yo",
    ),
    (
        super::languages::Language::French,
        "à ai ainsi alors as au aucun aussi autre aux avait avant avec avez avoir avons car ce ceci cela celle celui ces cet \
        cette chez ci comme comment dans de des donc dont du elle elles en encore es est et étaient étais était été être eu eux fait faut font \
        furent fut il ils je la là laquelle le lequel les lesquels leur leurs lui ma mais me même mes moi mon ne ni nos notre nous on ont \
        où ou par parce pas peu peut plus pour pourquoi quand que quel quelle quelles quels qui quoi sa sans se sera ses si soit son sont \
        sous suis sur ta te tes toi ton tous tout toute très tu un une va vers vos votre vous y",
    ),
    (
        super::languages::Language::Italian,
        "a abbiamo ad agli ai al alla alle allo anche ancora avere aveva avevo avete che chi ci come con così cosa cui da \
        dagli dai dal dalla dalle dei degli del dell della delle dello di dove e è ed era erano eri ero essere fa gli ha hai hanno ho i il in \
        io la le lei li lo loro lui ma me mi mia mie miei mio molto nei nel nell nella nelle noi non nostra nostro o per perché perchè più poi \
        qual quale quali quando quanta quante quanti quanto quella quelle quelli quello questa queste questi questo se sei senza si sia sono sta \
        stata stato su sua sue sugli sui sul sulla suo suoi te ti tra tu tua tue tuo tuoi tutti tutto un una uno vi voi",
    ),
    (
        super::languages::Language::Portuguese,
        "a à ao aos aquela aquele aquilo as às até com como da das de dela dele deles depois do dos e é ela elas ele eles em \
        entre era eram essa esse esta está estão estar estava este estes estive estou eu foi foram fui há isso isto já lhe lhes lo mais mas me mesmo \
        meu meus minha minhas muito na não nas nem no nos nós nossa nosso num numa o onde os ou para pela pelas pelo pelos por porque porquê qual \
        quais quando quanta quantas quanto quantos que quê quem são se seja sem ser será seu seus só sua suas também te tem têm tenho ter teu teve \
        tinha tive tu tua tudo um uma umas uns vai você vocês vos",
    ),
    (
        super::languages::Language::Dutch,
        "aan al alles als altijd bij daar dan dat de der deze die dit doch doen door dus een eens en er ge geen geweest haar had \
        heb hebben heeft hem het hier hij hoe hoeveel hun iemand iets ik in is ja je jij jouw jullie kan kon kunnen maar me meer men met mij mijn moet \
        na naar niet niets nog nu of om omdat onder ons onze ook op over reeds te tegen toch toen tot u uit uw van veel voor waar waarom waren was wat \
        welke wel werd wezen wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou",
    ),
    (
        super::languages::Language::Swedish,
        "alla allt att av bara blev bli blir då där de dem denna deras dess det detta din dina ditt dom du efter eftersom eller en \
        ett från få går hade han hans har henne hennes hon honom hur här ingen inget inte jag ju kan kunde med mellan mig mina mitt mot \
        mycket när nog nu någon något några och också oss på så sådan sedan sig sina sitt ska skall skulle som upp ut utan vad var vara \
        varför varit varje vars vem vi vid vilka vilken vilket vår våra är",
    ),
    (
        super::languages::Language::Danish,
        "af alle alt anden av bare ble blev bli blive bliver da de dem denne dere deres det dette din dine disse du efter ei ej \
        eller en enn er et etter få fik fordi går hadde han hans har havde hele hende hendes hos hun hva hvad hvem hver hvilke hvilken hvis \
        hvor hvordan hvorfor hvornår ikke ind ingen inn ja jeg jer jo kan kun kunne lidt mange med meget mellem mens mig mit mitt mot \
        mye må nå når ned nei nej noe noen noget nogen nogle nok nu og også op opp os oss på seg sig sine sitt skal skulle som så til \
        ud ut uten var ved vi vil ville vor vår være været vært",
    ),
    (
        super::languages::Language::Polish,
        "aby albo bardzo bez będzie bo był była było były być chyba ci cię czego czemu czy czyli dla dlaczego gdy gdzie ich ile inne \
        innych ja jak jaka jaki jakie jako je jednak jego jej jemu jest jestem jeszcze jeśli już kiedy kogo komu kto która które którego \
        której który których którzy lub mają mi mnie moja moje może można mój mu na nad nam nami nas nasz nasza nawet nic nich nie nią nim \
        niż od ona oni ono oraz po ponieważ przed przez przy są się skąd swoje swój ta tak także te tego tej temu też tę tobie tu twoja \
        twoje twój ty tych tylko tym wam więc wszystko za ze że żeby",
    ),
    (
        super::languages::Language::Czech,
        "aby ani asi až bez bude byl byla bylo byli být což co či další ho já jak jaká jaké jaký jako je jeho jej její jejich jen \
        ještě jsem jsi jsme jsou jste kam kde kdo kdy když která které který kteří mám máme mezi mi mně mnou moje můj může na nad nám \
        nás náš naše ne nebo něco není než nic nich od ona oni ono po podle pokud potom proč proto protože před přes při se svůj ta tak \
        takže tě tebe tedy tento této ti tobě toho tomu tu tuto tvoje tvůj ty už vám vás váš ve více všechno však za zde ze že",
    ),
    (
        super::languages::Language::Finnish,
        "ei eikä eivät ehkä en enää entä et että heidän hän häntä hänen hänelle ja jo jos joka jossa joku jotka jotta kaikki kanssa \
        koska kuin kuinka kuka kun kuten meidän mikä miksi millä milloin minkä minun minua minulla minulle minä missä mistä mitä mihin mukaan \
        mutta myös nämä ne niin niitä niiden nyt ole olen olet oli olin olivat olla ollut onko ovat sekä se sen siellä sillä sinä sinun sitä \
        siitä siinä tai tämä tämän tässä tuo vaan vai vain vielä voi",
    ),
    (
        super::languages::Language::Hungarian,
        "ahol aki akkor alatt által amely ami amikor annak az azért azok azt csak de egy egyik el előtt én engem ennek és ez ezt \
        hanem hogy hogyan honnan hova igen itt kell lesz lett már még mert mi miért mikor milyen minden mit nagyon ne nekem neki nélkül nem \
        nincs olyan ott ő pedig rá sem szerint te tehát után vagy vagyok vagyunk vannak vele velem volt voltak voltam",
    ),
    (
        super::languages::Language::Turkish,
        "acaba ancak artık aslında bana bazı belki beni benim bir biri birkaç bize bizim bu buna bunda bundan bunlar bunu bunun \
        burada çok çünkü da daha de değil diye en gibi hangi hep hepsi için ile ise işte kadar kendi ki kimse mi mu mü nasıl ne neden nerede \
        nereye niçin niye olan olarak oldu olduğu olduğunu olur onlar onlara onların onu onun orada öyle oysa sana sanki seni senin siz \
        sizin sonra şey şu şöyle tüm var vardı ve veya yani yok zaten",
    ),
];

/// Of the same languages, what English has too, and single letters: every text has it, and it does not tell the language.
pub(super) const SHARED: &[(super::languages::Language, &str)] = &[
    (
        super::languages::Language::Swedish,
        "den dig era för ha i man men min om sin till under än åt över",
    ),
    (
        super::languages::Language::Danish,
        "at den dig dog end for fra ham her i kom man men mere min mine om over sin sit under",
    ),
    (
        super::languages::Language::Polish,
        "a ale by do go i im ma mam my no o on one pod tam ten to u w was we z",
    ),
    (
        super::languages::Language::Czech,
        "a ale by do i k my mě no o on pak pod pro s si také tam ten to u v z",
    ),
    (super::languages::Language::Finnish, "he me no on"),
    (
        super::languages::Language::Hungarian,
        "a ha hol is ki meg mint most s sok van ők",
    ),
    (
        super::languages::Language::Turkish,
        "ama az ben bile biz hem her kim o ona sen size ya",
    ),
];

/// Of Russian, and what is common in other languages with its letters.
pub(super) const CYRILLIC: &str = "а без был была были было быть в вам вас ваш ваша ваше ваши весь во вот все всё всего всех вы где да даже для до \
    его ее её ей ему если есть еще ещё ж же за здесь и из или им их к как какая какие какой каких какую каком когда кого который которая которые \
    кто куда ли либо между меня мне мной мое моё моего моей моем мои мой моя мою мы на над нам нас наш наша него нее неё ней нет ни них но ну о об \
    однако он она они оно от откуда очень по под почему при про с сам сама свой своя со сколько так также такой там твой твоя те тебе тебя тем то \
    тоже только том тот ту тут ты у уже чего чей чем что чтобы чьё эта эти это этой этом этот эту я";

/// Of Arabic.
pub(super) const ARABIC: &str = "في من على إلى الى عن مع أن ان إن كان كانت كنت يكون هو هي هم هذا هذه ذلك تلك التي الذي الذين ما ماذا متى أين اين كيف كم لماذا \
    هل من أي اي لا لم لن قد لقد أو او و ثم بعد قبل عند عندما كل بعض غير أنا انا أنت انت نحن لي لك له لها لنا بي بك به بها فيه فيها منه منها عليه عليها \
    إذا اذا حتى حيث بين أيضا ايضا يا";

/// Of Greek.
pub(super) const GREEK: &str = "και το τα η ο οι τον την τη της του των τους τις ένα μια ένας με σε στο στη στην στον στα στις για από που πού πως πώς \
    θα να δεν μη είναι είμαι είσαι ήταν ήμουν έχω έχει είχα είχε τι ποιος ποια ποιο πότε γιατί πόσο πόσα εγώ εσύ αυτός αυτή αυτό εμείς εσείς αυτοί μου \
    σου μας σας αν ή ως όταν κι όμως αλλά πολύ εδώ εκεί";

/// Of Hebrew, and with the letters that it puts in front of words.
pub(super) const HEBREW: &str = "של את על אל אני אתה אתם אנחנו הוא היא הם הן זה זאת זו אלה מה מי מתי איפה איך כמה למה מדוע לא כן גם רק אבל או אם כי עם \
    יש אין היה הייתה היו יהיה להיות לי לך לו לה לנו להם שלי שלך שלו שלה שלנו שלהם אותי אותך אותו אותה אותנו כל עוד כבר אז כאן שם מאוד יותר אחרי לפני \
    בין אחר ב ל מ ה ו כ ש";

/// Of Bengali.
pub(super) const BENGALI: &str = "আমি আমার আমাকে আমরা আমাদের তুমি তোমার আপনি আপনার সে তার তাকে তারা তাদের এই এটা সেই ওই যে যা কি কী কে কখন কোথায় কেন কেমন কত \
    এবং ও আর কিন্তু বা না নেই আছে ছিল ছিলাম হয় হবে হয়েছে করে করেছি করি থেকে জন্য সঙ্গে সাথে পর আগে খুব একটা একটি";

/// Of Hindi.
pub(super) const DEVANAGARI: &str = "मैं मैंने मुझे मेरा मेरी मेरे हम हमने हमारा हमारी हमारे तुम तुमने तुम्हारा आप आपने आपका आपकी आपके वह वे उस उसने उसका उसकी उसके उन उन्होंने \
    उनका उनकी उनके यह ये इस इसने इसका इसकी इसके का की के को में से पर ने तक और या भी ही तो कि जो है हैं हूँ हूं हो था थी थे हुआ हुई हुए होता होती होते रहा रही \
    रहे गया गई गए कर करता करती करते किया की किए क्या कब कहाँ कहां कौन किस किसने किसका कितना कितनी कितने कैसे कैसा कैसी क्यों नहीं न मत लिए साथ एक बहुत अब";

/// Pairs of signs that every question or text in a script without spaces has.
pub(super) const DENSE: &str = "什么 甚麼 什麼 哪里 哪裡 哪儿 哪个 哪個 怎么 怎麼 为什 為什 么时 麼時 时候 時候 我的 你的 他的 她的 我在 我是 我有 我们 我們 你们 \
    是什 的是 了吗 了嗎 是谁 是誰 多少 有什 \
    です ます した して てい ない いま ます すか った まし のは のが のを には では とは いつ どこ だれ 誰が どの どん 何を 何が は何 私の 私は 僕の 僕は \
    무엇 어디 언제 누구 얼마 나는 내가 습니 니다 니까 었어 했어 있어 는데";
