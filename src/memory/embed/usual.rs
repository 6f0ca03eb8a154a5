//! How near a question is to texts that it has nothing to do with, which a memory of a few entries cannot tell by itself.
//!
//! It depends on the model and on the language. Unrelated English texts have cosines of about 0.1 with one model and of 0.75 with
//! another; and of a language of which a model knows little, any two texts are near (Hindi with an English model: 0.7). So a
//! question is held against a few fixed texts, embedded once when a model is opened, as whoever recognises voices holds one
//! against those of strangers (test normalization: Auckenthaler, Carey, Lloyd-Thomas 2000).

use crate::store::Vector;

/// Texts of a language.
const EACH: usize = 3;
/// Texts that have nothing to do with each other, nor, as a rule, with what somebody asks: two that tell something and one that
/// asks, in each of the languages of the table that is built in.
const TEXTS: [[&str; EACH]; 8] = [
    [
        "My sister bakes bread on Sundays.",
        "The roof was painted green last year.",
        "Do you want the window open?",
    ],
    [
        "Mein Bruder repariert alte Uhren.",
        "Im Herbst haben wir das Dach neu gedeckt.",
        "Soll ich das Fenster öffnen?",
    ],
    [
        "Mi hermana hace pan los domingos.",
        "Las plantas del balcón necesitan tierra nueva.",
        "¿Quieres que abra la ventana?",
    ],
    [
        "Бабушка читает книгу у окна.",
        "Осенью мы покрасили забор.",
        "Открыть тебе дверь?",
    ],
    [
        "他把旧照片放在盒子里。",
        "我们去年重新刷了屋顶。",
        "要我开窗吗？",
    ],
    [
        "妹は毎朝コーヒーを飲む。",
        "去年、屋根を塗り直しました。",
        "窓を開けましょうか。",
    ],
    [
        "زرع جدي شجرة زيتون.",
        "دهنا السقف في العام الماضي.",
        "هل تريد أن أفتح النافذة؟",
    ],
    [
        "मेरी बेटी चित्र बनाती है।",
        "हमने पिछले साल छत रंगवाई।",
        "क्या मैं खिड़की खोल दूँ?",
    ],
];

/// How near a question is to what it has nothing to do with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// The cosine, on average.
    pub near: f32,
    /// Its standard deviation.
    pub apart: f32,
}

impl Default for Usual {
    /// Of a model that none of the texts means anything to.
    fn default() -> Self {
        Self {
            near: 0.0,
            apart: 0.15,
        }
    }
}

/// The texts, for whoever embeds them: as they are kept, all at once.
pub(super) fn texts() -> Vec<String> {
    let all = TEXTS.iter().flatten();
    all.map(|text| (*text).to_owned()).collect()
}

/// What they mean to a model, by language.
pub(super) struct Strangers(Vec<Vec<Vector>>);

impl Strangers {
    /// By the vectors of [`texts`], in their order.
    pub(super) fn of(vectors: Vec<Vector>) -> Self {
        let known = |some: &[Vector]| -> Vec<_> {
            some.iter().filter(|one| one.means()).cloned().collect()
        };
        let languages = vectors.chunks(EACH).map(known);
        Self(languages.filter(|some| some.len() == EACH).collect())
    }

    /// What is usual for a question: as near as it is to the texts of its own language, which are those that it is nearest to.
    pub(super) fn usual(&self, question: &Vector) -> Usual {
        let (mut nearest, mut squares, mut count) = (None, 0.0, 0.0);
        for some in &self.0 {
            let all: Vec<f32> = some.iter().map(|one| cosine(question, one)).collect();
            let mean = all.iter().sum::<f32>() / all.len() as f32;
            nearest = Some(nearest.map_or(mean, |near: f32| near.max(mean)));
            // Within a language; of how many its mean is known takes one away.
            squares += all.iter().map(|one| (one - mean).powi(2)).sum::<f32>();
            count += all.len() as f32 - 1.0;
        }
        match nearest {
            Some(near) => Usual {
                near,
                apart: (squares / count).sqrt(),
            },
            None => Usual::default(),
        }
    }
}

fn cosine(a: &Vector, b: &Vector) -> f32 {
    let both = a.values.iter().zip(&b.values);
    let sum: i32 = both.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    sum as f32 * a.scale * b.scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_told_by_the_language_that_is_nearest_and_by_no_other() {
        let of = |numbers: [f32; 3]| Vector::of(1, &numbers);
        // Two languages, and one that the model knows nothing of.
        let mut all = vec![
            of([1.0, 0.1, 0.0]),
            of([1.0, -0.1, 0.0]),
            of([1.0, 0.0, 0.0]),
        ];
        all.extend([
            of([0.0, 1.0, 0.0]),
            of([0.1, 1.0, 0.0]),
            of([-0.1, 1.0, 0.0]),
        ]);
        all.extend([
            of([0.0, 0.0, 0.0]),
            of([0.0, 0.0, 1.0]),
            of([0.0, 0.0, 1.0]),
        ]);
        let usual = |numbers| Strangers::of(all.clone()).usual(&of(numbers));
        let near = usual([1.0, 0.0, 0.0]);
        assert!(
            (0.98..1.0).contains(&near.near) && (0.01..0.1).contains(&near.apart),
            "{near:?}"
        );
        assert!(usual([0.0, 0.0, 1.0]).near.abs() < 0.01);
        assert_eq!(
            Strangers::of(vec![of([0.0; 3]); 6]).usual(&of([1.0; 3])),
            Usual::default()
        );
    }
}
