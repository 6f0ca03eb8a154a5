//! What was right, what was wrong, and the table.

use jarkeeper::browser::snapshot::Snapshot;
use jarkeeper::login::form::{self, LoginForm};

use super::{Seen, peer};

const USER: &[&str] = &[
    "username",
    "emailAddress",
    "username OR emailAddress",
    "phone",
];
const PASSWORD: &[&str] = &["password", "password.current"];
/// Named rules on the login pages of the whole corpus, of which this is a part; measured once, in Chromium.
const PEERS: &[(&str, [f64; 4])] = &[
    (
        "agent-browser's rule, whole corpus",
        [91.5, 97.4, 74.7, 71.7],
    ),
    (
        "a Firefox-style rule, whole corpus",
        [94.3, 98.1, 86.4, 82.1],
    ),
];
const AIM: [f64; 4] = [97.0, 99.0, 93.0, 90.0];

/// The values of `data-manual-scoring` in a page's source.
pub(crate) fn labels(source: &str) -> Vec<String> {
    let parts = source.split("data-manual-scoring=").skip(1);
    let values = parts.filter_map(|part| {
        let quote = part.chars().next()?;
        part[1..].split(quote).next().map(str::to_owned)
    });
    values.collect()
}

/// Which half a page belongs to, so that what is tuned on one can be tried on the other.
pub(crate) fn half(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 16) & 1
}

/// Right and labelled, of: user, password, submit, all three.
#[derive(Default)]
struct Tally([(u32, u32); 4]);

impl Tally {
    fn add(&mut self, at: usize, right: Option<bool>) {
        if let Some(right) = right {
            self.0[at].0 += u32::from(right);
            self.0[at].1 += 1;
        }
    }

    fn percent(&self) -> [f64; 4] {
        self.0
            .map(|(right, of)| f64::from(right) * 100.0 / f64::from(of.max(1)))
    }
}

pub(crate) fn show(pages: &[Seen], misses: bool) {
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    let (mut wrong, mut elsewhere, mut their_wrong) = (Vec::new(), Vec::new(), 0);
    for page in pages {
        let reading = form::find(&page.snapshot);
        let found = reading.clone();
        let other = peer::agent_browser(&page.snapshot);
        if is_login(page) {
            let verdict = judge(page, found.as_ref());
            for (at, right) in verdict.into_iter().enumerate() {
                ours.add(at, right);
            }
            for (at, right) in judge(page, other.as_ref()).into_iter().enumerate() {
                theirs.add(at, right);
            }
            if misses && verdict.contains(&Some(false)) {
                tell(page, &verdict, found.as_ref());
            }
        }
        let fills = |form: &Option<LoginForm>| {
            form.as_ref()
                .is_some_and(|f| f.username.or(f.password).is_some())
        };
        if fills(&found) && !may_be_filled(page) {
            wrong.push(page.name.as_str());
        } else if fills(&found) && !is_login(page) {
            elsewhere.push(page.name.as_str());
            if misses {
                tell(page, &[None; 4], found.as_ref());
            }
        }
        their_wrong += u32::from(fills(&other) && !may_be_filled(page));
    }
    println!(
        "{:38}{:>8}{:>10}{:>8}{:>11}",
        "", "user", "password", "submit", "all three"
    );
    row("jarkeeper", ours.percent());
    let counts = ours.0.map(|(right, of)| format!("{right}/{of}"));
    println!(
        "{:38}{:>8}{:>10}{:>8}{:>11}",
        "", counts[0], counts[1], counts[2], counts[3]
    );
    row("agent-browser's rule, in this run", theirs.percent());
    for (name, figures) in PEERS {
        row(name, *figures);
    }
    row("aim", AIM);
    println!(
        "wrong fills: {} ({their_wrong} by agent-browser's rule)",
        wrong.len()
    );
    for name in wrong {
        println!("  {name}");
    }
    println!(
        "filled on pages that are not called a login: {} ({})",
        elsewhere.len(),
        elsewhere.join(", ")
    );
}

fn row(name: &str, figures: [f64; 4]) {
    let [user, password, submit, all] = figures.map(|f| format!("{f:.1} %"));
    println!("{name:38}{user:>8}{password:>10}{submit:>8}{all:>11}");
}

fn is_login(page: &Seen) -> bool {
    page.name.contains("login") || page.name.contains("signin")
}

/// A page whose labels have only new passwords, or neither a user nor a password, is to be left alone.
fn may_be_filled(page: &Seen) -> bool {
    let has = |wanted: &[&str]| page.labels.iter().any(|l| wanted.contains(&l.as_str()));
    let only_new = page.labels.iter().any(|l| l == "password.new") && !has(PASSWORD);
    !only_new && (has(USER) || has(PASSWORD))
}

/// Whether user, password, submit and all three are right; `None` where nothing is labelled so.
fn judge(page: &Seen, found: Option<&LoginForm>) -> [Option<bool>; 4] {
    let labelled = |wanted: &[&str]| page.labels.iter().any(|l| wanted.contains(&l.as_str()));
    let is = |at: Option<usize>, wanted: &[&str]| {
        let node = at.map(|at| page.snapshot.fields[at].node);
        let label = node.and_then(|node| page.scoring.get(&node));
        label.is_some_and(|label| wanted.contains(&label.as_str()))
    };
    let submits = |at: Option<usize>| {
        let node = at.map(|at| page.snapshot.buttons[at].node);
        node.is_some_and(|node| page.submit.contains_key(&node))
    };
    let user = labelled(USER).then(|| is(found.and_then(|f| f.username), USER));
    let password = labelled(PASSWORD).then(|| is(found.and_then(|f| f.password), PASSWORD));
    let submit = page
        .has_submit
        .then(|| submits(found.and_then(|f| f.submit)));
    let all = match (user, password, submit) {
        (Some(user), Some(password), Some(submit)) => Some(user && password && submit),
        _ => None,
    };
    [user, password, submit, all]
}

fn tell(page: &Seen, verdict: &[Option<bool>; 4], found: Option<&LoginForm>) {
    let names = ["user", "password", "submit"];
    let missed: Vec<_> = names
        .iter()
        .zip(verdict)
        .filter(|(_, right)| **right == Some(false))
        .map(|(name, _)| *name)
        .collect();
    println!("{}: {}", page.name, missed.join(", "));
    for reason in form::read(&page.snapshot).reasons {
        let chosen = if reason.chosen { "" } else { "not " };
        println!("  {chosen}{:?}: {}", reason.about, reason.why);
    }
    for (field, chosen) in fields(&page.snapshot, found) {
        let label = page.scoring.get(&field.node).map_or("", String::as_str);
        println!(
            "  {chosen:8} field  form {} {}x{} visible {} readonly {} hidden {} disabled {} type={} name={} id={} label={:?} autocomplete={} [{label}]",
            field.form,
            field.width,
            field.height,
            field.visible,
            field.readonly,
            field.hidden_from_readers,
            field.disabled,
            field.kind,
            field.name,
            field.id,
            field.label,
            field.autocomplete
        );
    }
    for (at, button) in page.snapshot.buttons.iter().enumerate() {
        let chosen = found.and_then(|f| f.submit) == Some(at);
        let labelled = page.submit.contains_key(&button.node);
        if chosen || labelled {
            println!(
                "  {:8} button form {} visible {} disabled {} {} type={} {:?} id={} class={} link={:?} {}",
                if chosen { "chosen" } else { "" },
                button.form,
                button.visible,
                button.disabled,
                button.tag,
                button.kind,
                button.text,
                button.id,
                button.class,
                button.link,
                if labelled { "[submit]" } else { "" }
            );
        }
    }
}

fn fields<'a>(
    page: &'a Snapshot,
    found: Option<&LoginForm>,
) -> Vec<(&'a jarkeeper::browser::snapshot::Field, &'static str)> {
    let chosen = |at| match found {
        Some(form) if form.username == Some(at) => "user",
        Some(form) if form.password == Some(at) => "password",
        _ => "",
    };
    page.fields
        .iter()
        .enumerate()
        .map(|(at, field)| (field, chosen(at)))
        .collect()
}
