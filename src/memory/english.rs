//! What English does to its words that no rule undoes, and the words that every text has.

/// Forms, and behind each what it is a form of; what people write short or in two ways stands here too.
const FORMS: &str = "went go|gone go|goes go|bought buy|brought bring|thought think|taught teach|caught catch|fought fight|\
sought seek|made make|took take|taken take|gave give|given give|got get|gotten get|found find|felt feel|kept keep|left leave|\
lost lose|met meet|paid pay|said say|saw see|seen see|sold sell|sent send|spent spend|told tell|won win|wrote write|\
written write|ran run|rode ride|ridden ride|drove drive|driven drive|flew fly|flown fly|grew grow|grown grow|knew know|\
known know|drew draw|drawn draw|threw throw|thrown throw|swam swim|swum swim|sang sing|sung sing|began begin|begun begin|\
drank drink|drunk drink|ate eat|eaten eat|came come|became become|broke break|broken break|chose choose|chosen choose|\
spoke speak|spoken speak|woke wake|woken wake|stole steal|stolen steal|wore wear|worn wear|tore tear|torn tear|held hold|\
heard hear|built build|slept sleep|swept sweep|lent lend|lit light|hid hide|hidden hide|fell fall|fallen fall|rose rise|\
risen rise|shook shake|shaken shake|stood stand|understood understand|led lead|fed feed|dealt deal|meant mean|dreamt dream|\
learnt learn|hung hang|stuck stick|struck strike|sat sit|bit bite|bitten bite|blew blow|blown blow|dug dig|forgot forget|\
forgotten forget|forgave forgive|froze freeze|frozen freeze|laid lay|shot shoot|shown show|sank sink|sunk sink|slid slide|\
sprang spring|swore swear|sworn swear|wound wind|wept weep|bent bend|bound bind|bled bleed|children child|kids child|kid child|\
mice mouse|feet foot|teeth tooth|geese goose|men man|women woman|people person|wives wife|lives life|knives knife|leaves leaf|\
wolves wolf|halves half|mom mother|mum mother|mommy mother|dad father|daddy father|bf boyfriend|gf girlfriend|pic picture|\
pics picture|photo picture|photos picture|fam family";

/// Words that say nothing of what a text is about.
const STOP: &str = "a about above after again all am an and any are aren as at be because been before being below both but by can \
could couldn did didn do does doesn doing don down during each few for from further had hadn has hasn have haven having he her here \
hers him his how i if in into is isn it its just may me might mine more most must my no nor not of off on once only or other our \
ours out over own same shall she should shouldn so some such than that the their theirs them then there these they this those \
through to too under until up us very was wasn we were weren what when where which while who whom whose why will with won would \
wouldn you your yours";

/// What a word is a form of; otherwise the word.
pub(super) fn base(word: &str) -> &str {
    let forms = FORMS.split('|').filter_map(|pair| pair.split_once(' '));
    let known = FORM_TABLE.get_or_init(|| forms.collect());
    known.get(word).copied().unwrap_or(word)
}

/// Whether every text has it.
pub(super) fn is_stop(word: &str) -> bool {
    let table = STOP_TABLE.get_or_init(|| STOP.split(' ').collect());
    table.contains(word)
}

static FORM_TABLE: std::sync::OnceLock<std::collections::HashMap<&str, &str>> =
    std::sync::OnceLock::new();
static STOP_TABLE: std::sync::OnceLock<std::collections::HashSet<&str>> =
    std::sync::OnceLock::new();
