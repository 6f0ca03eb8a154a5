//! What texts mean, as a model sees it: which texts are about the same, though they share no word.
//!
//! Owns: which model is in force, and how far it has come. Door: [`Embedder`]. A model is a static table (built in, or in a
//! folder), a small transformer in a folder, or a server. Its dimension and its fingerprint come from itself, never from the
//! settings; each vector belongs to a fingerprint, so a changed model finds nothing of the old one's. Whatever is wrong with a
//! model, memories are searched by their words, and the answer says so.

mod built_in;
mod fill;
mod folder;
mod http;
pub mod library;
mod onnx;
mod spoken;
mod table;
mod usual;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::config::EmbedderConfig;
use crate::llm::Llm;
use crate::store::{Embedded, Store, StoreError, Vector};

pub use folder::Folder;
use spoken::spoken;
use usual::Strangers;
pub use usual::Usual;

/// How long a search waits for a server.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How soon a model that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A model that is in force.
pub struct Model {
    /// Its number in the store.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// SHA-256 over what it is made of, in hexadecimal.
    pub fingerprint: String,
    /// How many numbers a vector of it has.
    pub dimension: usize,
    strangers: Strangers,
    kind: Kind,
}

/// How a model is asked.
enum Kind {
    /// Microseconds.
    Table(table::Table),
    /// Milliseconds.
    Onnx(Arc<onnx::Onnx>),
    /// However long a server takes.
    Http(Box<http::Server>),
}

/// A model that was opened, before the store has numbered it.
struct Opened {
    name: String,
    fingerprint: String,
    dimension: usize,
    /// What [`usual::texts`] mean to it.
    strangers: Vec<Vec<f32>>,
    kind: Kind,
}

impl Opened {
    /// What a server makes of a sentence, by which it is known again.
    fn probe(&self) -> Option<&[f32]> {
        match &self.kind {
            Kind::Http(server) => Some(server.probe()),
            Kind::Table(_) | Kind::Onnx(_) => None,
        }
    }
}

/// What a question means.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meant {
    /// Its direction; `None`: there is no model, or the question means nothing to it, or it does not answer.
    pub vector: Option<Vector>,
    /// How near it is to texts that it has nothing to do with.
    pub usual: Usual,
    /// Whether the model reads the words of a text together: what such a one says counts for more than what a table says.
    pub deep: bool,
    /// Why the model takes no part, where it should.
    pub warning: Option<String>,
}

/// What the model is, and how far it has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// `none`, `table`, `dir` or `http`.
    pub embedder: &'static str,
    /// Name, dimension, fingerprint; `None`: none is in force.
    pub model: Option<(String, usize, String)>,
    /// Entries, and those that the model was asked about.
    pub done: Embedded,
    /// Whether entries are being embedded just now.
    pub running: bool,
    /// What went wrong last, since something went right.
    pub error: Option<String>,
}

/// Gives texts their vectors. Clones share it.
#[derive(Clone)]
pub struct Embedder(Arc<Inner>);

struct Inner {
    llm: Llm,
    store: Store,
    opened: RwLock<Option<InForce>>,
    /// One at a time opens.
    opening: tokio::sync::Mutex<()>,
    wake: Notify,
    /// Where entries were written that have no vector yet; whoever fills takes it away.
    written: Mutex<BTreeSet<Written>>,
    progress: RwLock<Progress>,
    /// Until then no search waits for the server: it has just let one wait in vain.
    slow_until: RwLock<Option<Instant>>,
}

/// Where entries were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Written {
    /// In the memory of a person's user.
    Of(String, String),
    /// In this space.
    Space(i64),
}

/// What came of the settings.
struct InForce {
    config: EmbedderConfig,
    model: Result<Option<Arc<Model>>, Arc<str>>,
    at: Instant,
}

#[derive(Default)]
struct Progress {
    running: bool,
    error: Option<String>,
}

impl Model {
    /// The vector of a text, where the model is a table.
    pub fn quick(&self, text: &str) -> Option<Vector> {
        match &self.kind {
            Kind::Table(table) => Some(Vector::of(self.id, &table.embed(spoken(text)))),
            Kind::Onnx(_) | Kind::Http(_) => None,
        }
    }

    /// The vectors of texts that are kept, in their order.
    async fn kept(&self, texts: Vec<String>) -> Result<Vec<Vector>, Unmeant> {
        self.many(texts, Side::Kept).await
    }

    async fn many(&self, texts: Vec<String>, side: Side) -> Result<Vec<Vector>, Unmeant> {
        let numbers = match &self.kind {
            Kind::Table(table) => texts.iter().map(|text| table.embed(text)).collect(),
            Kind::Onnx(onnx) => {
                let onnx = Arc::clone(onnx);
                let done = tokio::task::spawn_blocking(move || {
                    let all = texts.iter().map(|text| onnx.embed(text, side));
                    all.collect::<Result<Vec<_>, _>>()
                });
                let stopped = |_| Unmeant::Broken("the model stopped in the middle".to_owned());
                done.await.map_err(stopped)?.map_err(Unmeant::Broken)?
            }
            Kind::Http(server) => match side {
                Side::Asked => server.embed(texts).await?,
                Side::Kept => server.embed_as_before(texts).await?,
            },
        };
        if numbers.iter().any(|one| one.len() != self.dimension) {
            return Err(Unmeant::Changed);
        }
        let vectors = numbers.iter().map(|one| Vector::of(self.id, one));
        Ok(vectors.collect())
    }
}

/// On which side of a comparison a text stands: some models want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Asked,
    Kept,
}

/// Why a text has no vector. Holds nothing that a server said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Unmeant {
    /// The server refuses these texts, and would refuse them again.
    #[error("the server of the embedder refuses the text (status {0})")]
    Refused(u16),
    /// Vectors are others than before.
    #[error("the model of the embedder gives other vectors than before; it is looked at anew")]
    Changed,
    /// Whatever else: the words.
    #[error("{0}")]
    Broken(String),
}

impl Embedder {
    /// As the settings say, which `llm` has.
    pub fn new(store: Store, llm: Llm) -> Self {
        Self(Arc::new(Inner {
            llm,
            store,
            opened: RwLock::default(),
            opening: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            written: Mutex::default(),
            progress: RwLock::default(),
            slow_until: RwLock::default(),
        }))
    }

    /// The model, where it is a table: for whoever writes an entry and its vector at once.
    pub async fn quick(&self) -> Option<Arc<Model>> {
        if matches!(
            self.config(),
            EmbedderConfig::None | EmbedderConfig::Http { .. }
        ) {
            return None;
        }
        let model = self.model().await.ok().flatten();
        model.filter(|model| matches!(model.kind, Kind::Table(_)))
    }

    /// What a question means. Answers within a second or two, whatever a server does.
    pub async fn meant(&self, text: &str) -> Meant {
        let asked = match self.config() {
            EmbedderConfig::Http { .. } => self.ask_in_time(text).await,
            _ => self.ask(text).await,
        };
        match asked {
            Ok(meant) => meant,
            Err(why) => Meant {
                warning: Some(why.to_string()),
                ..Meant::default()
            },
        }
    }

    async fn ask_in_time(&self, text: &str) -> Result<Meant, Arc<str>> {
        let slow = |until: Option<Instant>| {
            *self
                .0
                .slow_until
                .write()
                .unwrap_or_else(PoisonError::into_inner) = until;
            Err("the server of the embedder does not answer in time".into())
        };
        let until = *self
            .0
            .slow_until
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            return slow(until);
        }
        match tokio::time::timeout(PATIENCE, self.ask(text)).await {
            Ok(asked) => asked,
            Err(_) => slow(Some(Instant::now() + AGAIN)),
        }
    }

    async fn ask(&self, text: &str) -> Result<Meant, Arc<str>> {
        let Some(model) = self.model().await? else {
            return Ok(Meant::default());
        };
        match model.many(vec![text.to_owned()], Side::Asked).await {
            Ok(vectors) => {
                let vector = vectors.into_iter().next().filter(Vector::means);
                let usual = vector.as_ref().map(|one| model.strangers.usual(one));
                Ok(Meant {
                    vector,
                    usual: usual.unwrap_or_default(),
                    deep: !matches!(model.kind, Kind::Table(_)),
                    warning: None,
                })
            }
            Err(why) => {
                self.mistrust(&why);
                Err(why.to_string().into())
            }
        }
    }

    /// Entries were written there. `vectors`: with their vectors; otherwise these come to them now.
    pub(super) fn written(&self, place: Written, vectors: bool) {
        if vectors || self.config() == EmbedderConfig::None {
            return;
        }
        let mut written = self
            .0
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        written.insert(place);
        drop(written);
        self.0.wake.notify_one();
    }

    /// The model that is in force; `None`: none is wanted.
    ///
    /// # Errors
    /// The one that is wanted cannot be used: what, why, and the way out.
    pub async fn model(&self) -> Result<Option<Arc<Model>>, Arc<str>> {
        let wanted = self.config();
        if let Some(model) = self.in_force(&wanted) {
            return model;
        }
        let this = self.clone();
        // Who waits may go away; what was begun is finished for the next one.
        let opening = tokio::spawn(async move {
            let _one = this.0.opening.lock().await;
            if let Some(model) = this.in_force(&wanted) {
                return model;
            }
            let model = this.open(&wanted).await;
            if let Err(why) = &model {
                tracing::warn!("memories are searched by their words alone: {why}");
            }
            let force = InForce {
                config: wanted,
                model: model.clone(),
                at: Instant::now(),
            };
            *this
                .0
                .opened
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Some(force);
            // Another model has everything before it.
            this.0.wake.notify_one();
            model
        });
        let stopped = |_| Arc::from("the embedder stopped while it was opened; the log says why");
        opening.await.unwrap_or_else(|error| Err(stopped(error)))
    }

    /// The model, and how far it has come with a person's memories.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing(&self, person: &str) -> Result<Standing, StoreError> {
        let model = self.model().await;
        let embedder = match self.config() {
            EmbedderConfig::None => "none",
            EmbedderConfig::Table => "table",
            EmbedderConfig::Dir { .. } => "dir",
            EmbedderConfig::Http { .. } => "http",
        };
        let (running, failed) = {
            let progress = self
                .0
                .progress
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            (progress.running, progress.error.clone())
        };
        let (model, error) = match model {
            Ok(model) => (model, failed),
            Err(why) => (None, Some(why.to_string())),
        };
        // Without a model nothing is numbered 0.
        let (store, id, person) = (
            self.0.store.clone(),
            model.as_ref().map_or(0, |one| one.id),
            person.to_owned(),
        );
        let done = tokio::task::spawn_blocking(move || store.embedded(id, Some(&person)));
        Ok(Standing {
            embedder,
            model: model.map(|one| (one.name.clone(), one.dimension, one.fingerprint.clone())),
            done: done.await.map_err(|_| StoreError::Closed)??,
            running,
            error,
        })
    }

    fn config(&self) -> EmbedderConfig {
        self.0.llm.settings().config.memory.embedder.clone()
    }

    /// What these settings came to, where they did and it is still believed.
    fn in_force(&self, wanted: &EmbedderConfig) -> Option<Result<Option<Arc<Model>>, Arc<str>>> {
        let opened = self.0.opened.read().unwrap_or_else(PoisonError::into_inner);
        let force = opened.as_ref().filter(|force| force.config == *wanted)?;
        let stale = force.model.is_err() && force.at.elapsed() > AGAIN;
        (!stale).then(|| force.model.clone())
    }

    /// Opens this model anew when it is wanted next.
    fn close(&self, model: &Arc<Model>) {
        let mut opened = self
            .0
            .opened
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let force = opened.as_ref().and_then(|force| force.model.as_ref().ok());
        if force
            .and_then(Option::as_ref)
            .is_some_and(|now| Arc::ptr_eq(now, model))
        {
            *opened = None;
        }
    }

    /// Looks at a model anew that is not what it was.
    fn mistrust(&self, why: &Unmeant) {
        if *why == Unmeant::Changed {
            *self
                .0
                .opened
                .write()
                .unwrap_or_else(PoisonError::into_inner) = None;
            self.0.wake.notify_one();
        }
    }

    async fn open(&self, wanted: &EmbedderConfig) -> Result<Option<Arc<Model>>, Arc<str>> {
        let llm = &self.0.llm;
        let opened = match wanted {
            EmbedderConfig::None => return Ok(None),
            EmbedderConfig::Table => apart(built_in::open).await,
            EmbedderConfig::Dir { dir } => {
                let path = llm.root().join(dir);
                apart(move || Folder::read(&path)?.open()).await
            }
            EmbedderConfig::Http { url, model, key } => {
                http::open(llm, url, model, key.as_ref()).await
            }
        };
        let mut opened = opened.map_err(Arc::<str>::from)?;
        let unable = |error: StoreError| Arc::<str>::from(error.to_string());
        let (store, name) = (&self.0.store, opened.name.clone());
        // A server is the same while it says the same, wherever it is.
        if let Some(probe) = opened.probe() {
            let known = store
                .probed_models(&name, opened.dimension)
                .map_err(unable)?;
            let same = known
                .into_iter()
                .find(|(_, was)| http::is_alike(was, probe));
            if let Some((fingerprint, _)) = same {
                opened.fingerprint = fingerprint;
            }
        }
        let fingerprint = opened.fingerprint.clone();
        let id = store.memory_model(fingerprint, opened.dimension, name, opened.probe());
        let id = id.await.map_err(unable)?;
        let strangers = opened.strangers.iter();
        let strangers = strangers.map(|one| Vector::of(id, one)).collect();
        Ok(Some(Arc::new(Model {
            id,
            name: opened.name,
            fingerprint: opened.fingerprint,
            dimension: opened.dimension,
            strangers: Strangers::of(strangers),
            kind: opened.kind,
        })))
    }
}

/// Reads and unpacks where nobody waits for it.
async fn apart(
    open: impl FnOnce() -> Result<Opened, String> + Send + 'static,
) -> Result<Opened, String> {
    let done = tokio::task::spawn_blocking(open).await;
    done.unwrap_or_else(|_| {
        Err("the model cannot be read: reading it failed; the log says why".to_owned())
    })
}

/// SHA-256 over parts that have names, in hexadecimal.
fn fingerprint<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sum = Sha256::new();
    for (name, bytes) in parts {
        sum.update((name.len() as u64).to_le_bytes());
        sum.update(name.as_bytes());
        sum.update((bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    }
    hexadecimal(&sum.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
