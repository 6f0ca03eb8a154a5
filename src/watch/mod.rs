//! The one watcher of files: `config.toml` and `sites/`, read again when they change; the last good value stays. And [`Tree`],
//! which tells whoever keeps a folder of files that something in it may have changed.
//!
//! Owns: when to read again. Door: [`read`], [`start`]. It looks at folders, not at files: an editor that saves by rename, a
//! folder made later and a file behind a link are all seen.

mod folders;
mod tree;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{self, Config, Diagnostic, Overrides};
use crate::sites::{self, Recipes};
use folders::Folders;

pub use tree::{FolderId, Tree};

/// Quiet that must follow a change before files are read: an editor's save is several changes.
const QUIET: Duration = Duration::from_millis(200);
/// Longest time for which changes that never pause put off the reading.
const PATIENCE: Duration = Duration::from_secs(2);

/// Gives the value of an environment variable, for `${NAME}` in recipes.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Everything that people write in files, as it is in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `config.toml`; the last good one where it is broken.
    pub config: Config,
    /// `sites/`; of a broken file the last good recipe.
    pub recipes: Recipes,
    /// What is broken now.
    pub problems: Vec<Diagnostic>,
    /// What works but should not stay.
    pub warnings: Vec<Diagnostic>,
}

/// Reads everything once, at the start.
///
/// # Errors
/// What is wrong with `config.toml` or an override. A broken recipe is no error; see [`Settings::problems`].
pub fn read(
    root: &Path,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Settings, Diagnostic> {
    let config = config::load(root, overrides)?;
    Ok(gather(
        root,
        config,
        environment,
        &Recipes::default(),
        Vec::new(),
    ))
}

fn gather(
    root: &Path,
    config: Config,
    environment: &Environment,
    last_good: &Recipes,
    mut problems: Vec<Diagnostic>,
) -> Settings {
    let loaded = sites::load(&root.join("sites"), environment.as_ref(), last_good);
    problems.extend(loaded.problems);
    Settings {
        config,
        recipes: loaded.recipes,
        problems,
        warnings: loaded.warnings,
    }
}

/// Watches the files below `root` from now on; must be called within a Tokio runtime.
///
/// `first` is what [`read`] gave. The receiver gets a new value when, and only when, the files mean something else than
/// before. Each problem and warning is logged once.
///
/// # Errors
/// `root` cannot be watched, or the system gives no more watches: the path, and the way out.
pub fn start(
    root: PathBuf,
    overrides: Overrides,
    environment: Environment,
    first: Settings,
) -> Result<(watch::Receiver<Arc<Settings>>, Watcher), Diagnostic> {
    let wake = Arc::new(Notify::new());
    let (sender, receiver) = watch::channel(Arc::new(first));
    let mut reader = Reader {
        folders: Folders::new(&root, Arc::clone(&wake))?,
        root,
        overrides,
        environment,
        sender,
        told: HashSet::new(),
    };
    if let Some(problem) = reader.folders.arm(&reader.root).pop() {
        return Err(problem);
    }
    reader.tell();
    // Something may have changed between the first reading and the first watch.
    wake.notify_one();
    let task = tokio::spawn(run(reader, Arc::clone(&wake)));
    Ok((receiver, Watcher { wake, task }))
}

/// Keeps the watching alive; dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Reads the files again, as on SIGHUP.
    pub fn reload(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for a change and for quiet after it, reads, and again.
async fn run(mut reader: Reader, wake: Arc<Notify>) {
    loop {
        wake.notified().await;
        let latest = Instant::now() + PATIENCE;
        while let Ok(Ok(())) = timeout_at(latest, timeout(QUIET, wake.notified())).await {}
        let reading = tokio::task::spawn_blocking(move || {
            reader.again();
            reader
        });
        reader = match reading.await {
            Ok(reader) => reader,
            Err(error) => {
                tracing::error!(%error, "files are watched no more; restart jarkeeper");
                return;
            }
        };
    }
}

struct Reader {
    root: PathBuf,
    overrides: Overrides,
    environment: Environment,
    folders: Folders,
    sender: watch::Sender<Arc<Settings>>,
    /// Problems and warnings that have been logged and still stand.
    told: HashSet<Diagnostic>,
}

impl Reader {
    /// Reads everything again, and sends it where it differs from what is in force.
    fn again(&mut self) {
        let now = Arc::clone(&self.sender.borrow());
        // First the watches, then the files: what changes in between is seen once more.
        let mut problems = self.folders.arm(&self.root);
        let settings = if self.root.is_dir() {
            let config = config::load(&self.root, &self.overrides).unwrap_or_else(|problem| {
                problems.push(problem);
                now.config.clone()
            });
            gather(
                &self.root,
                config,
                &self.environment,
                &now.recipes,
                problems,
            )
        } else {
            // A disk that went away did not delete anything.
            let help = "bring it back and send SIGHUP; until then the last settings stay in force";
            let gone = Diagnostic::of(&self.root, "this folder is gone", help);
            Settings {
                problems: vec![gone],
                ..Settings::clone(&now)
            }
        };
        if settings == *now {
            return;
        }
        tracing::info!(
            sites = settings.recipes.len(),
            problems = settings.problems.len(),
            "files were read again"
        );
        self.sender.send_replace(Arc::new(settings));
        self.tell();
    }

    /// Logs what was not logged before.
    fn tell(&mut self) {
        let now = Arc::clone(&self.sender.borrow());
        let all = || now.problems.iter().chain(&now.warnings);
        self.told.retain(|told| all().any(|it| it == told));
        for it in all() {
            if self.told.insert(it.clone()) {
                let (path, line, column) = (it.path.display(), it.line, it.column);
                tracing::warn!(%path, line, column, "{it}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "url = \"http://a/\"\npassword = { env = \"A\" }\n";

    struct Kit {
        root: tempfile::TempDir,
        settings: watch::Receiver<Arc<Settings>>,
        watcher: Watcher,
    }

    impl Kit {
        fn start(prepare: impl FnOnce(&Path)) -> Self {
            let root = tempfile::tempdir().unwrap();
            prepare(root.path());
            Self::below(root)
        }

        fn below(root: tempfile::TempDir) -> Self {
            let environment: Environment = Arc::new(|_| None);
            let overrides = Overrides::default();
            let first = read(root.path(), &overrides, &environment).unwrap();
            let path = root.path().to_owned();
            let (settings, watcher) = start(path, overrides, environment, first).unwrap();
            Self {
                root,
                settings,
                watcher,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
        }

        /// As editors save: beside it, then renamed over it.
        fn save(&self, name: &str, text: &str) {
            self.write(&format!("{name}.new"), text);
            std::fs::rename(self.path(&format!("{name}.new")), self.path(name)).unwrap();
        }

        async fn until(&self, what: &str, holds: impl Fn(&Settings) -> bool) -> Arc<Settings> {
            let mut settings = self.settings.clone();
            let wait = settings.wait_for(|settings| holds(settings));
            match timeout(Duration::from_secs(30), wait).await {
                Ok(settings) => Arc::clone(&settings.unwrap()),
                Err(_) => panic!("never {what}: {:?}", self.settings.borrow()),
            }
        }

        async fn until_contexts(&self, number: usize) {
            self.until("the contexts", |it| it.config.browser.contexts == number)
                .await;
        }

        async fn until_sites(&self, names: &[&str]) {
            self.until("the sites", |it| {
                it.recipes
                    .iter()
                    .map(|it| it.site.as_str())
                    .eq(names.iter().copied())
            })
            .await;
        }
    }

    fn contexts(number: usize) -> String {
        format!("[browser]\ncontexts = {number}\n")
    }

    #[tokio::test]
    async fn a_saved_change_takes_effect_however_it_is_saved() {
        let kit = Kit::start(|_| {});
        kit.write("config.toml", &contexts(2));
        kit.until_contexts(2).await;
        kit.save("config.toml", &contexts(3));
        kit.until_contexts(3).await;
        // vim's way: the old file is moved aside, and a new one made.
        std::fs::rename(kit.path("config.toml"), kit.path("config.toml~")).unwrap();
        kit.write("config.toml", &contexts(5));
        kit.until_contexts(5).await;
        std::fs::remove_file(kit.path("config.toml")).unwrap();
        kit.until_contexts(4).await;
    }

    #[tokio::test]
    async fn a_folder_of_recipes_may_come_go_and_come_again() {
        let kit = Kit::start(|_| {});
        for _ in 0..2 {
            std::fs::create_dir(kit.path("sites")).unwrap();
            kit.write("sites/a.toml", GOOD);
            kit.until_sites(&["a"]).await;
            kit.save("sites/b.toml", GOOD);
            kit.until_sites(&["a", "b"]).await;
            std::fs::remove_file(kit.path("sites/a.toml")).unwrap();
            kit.until_sites(&["b"]).await;
            std::fs::remove_dir_all(kit.path("sites")).unwrap();
            kit.until_sites(&[]).await;
        }
        // A whole folder put in place at once.
        std::fs::create_dir(kit.path("made")).unwrap();
        kit.write("made/c.toml", GOOD);
        std::fs::rename(kit.path("made"), kit.path("sites")).unwrap();
        kit.until_sites(&["c"]).await;
        kit.write("sites/d.toml", GOOD);
        kit.until_sites(&["c", "d"]).await;
    }

    #[tokio::test]
    async fn a_broken_file_is_reported_and_the_last_good_one_stays() {
        let kit = Kit::start(|root| {
            std::fs::create_dir(root.join("sites")).unwrap();
            std::fs::write(root.join("sites/a.toml"), GOOD).unwrap();
            std::fs::write(root.join("config.toml"), contexts(2)).unwrap();
        });
        kit.save("sites/a.toml", "url = ");
        let broken = kit.until("a problem", |it| it.problems.len() == 1).await;
        assert_eq!(broken.recipes.len(), 1);
        assert_eq!(broken.problems[0].line, Some(1));
        kit.save("config.toml", "[browser]\ncontexts = 0");
        let broken = kit.until("two problems", |it| it.problems.len() == 2).await;
        assert_eq!(broken.config.browser.contexts, 2);
        kit.save("config.toml", &contexts(3));
        kit.save("sites/a.toml", GOOD);
        kit.until("no problem", |it| it.problems.is_empty()).await;
        kit.until_contexts(3).await;
    }

    #[tokio::test]
    async fn files_behind_links_are_watched_where_they_are() {
        use std::os::unix::fs::symlink;
        let kit = Kit::start(|root| {
            // As Kubernetes mounts a ConfigMap: name -> ..data/name, ..data -> a folder with a date.
            for (folder, number) in [("..one", 2), ("..two", 3)] {
                std::fs::create_dir(root.join(folder)).unwrap();
                std::fs::write(root.join(folder).join("config.toml"), contexts(number)).unwrap();
            }
            symlink("..one", root.join("..data")).unwrap();
            symlink("..data/config.toml", root.join("config.toml")).unwrap();
            // Recipes elsewhere, one of them elsewhere again.
            std::fs::create_dir_all(root.join("far/recipes")).unwrap();
            std::fs::create_dir_all(root.join("far/further")).unwrap();
            symlink(root.join("far/recipes"), root.join("sites")).unwrap();
            symlink("../further/a.toml", root.join("far/recipes/a.toml")).unwrap();
        });
        kit.until_contexts(2).await;
        symlink("..two", kit.path("..tmp")).unwrap();
        std::fs::rename(kit.path("..tmp"), kit.path("..data")).unwrap();
        kit.until_contexts(3).await;
        kit.write("..two/config.toml", &contexts(6));
        kit.until_contexts(6).await;

        kit.write("far/further/a.toml", GOOD);
        kit.until_sites(&["a"]).await;
        kit.save("far/recipes/b.toml", GOOD);
        kit.until_sites(&["a", "b"]).await;
        kit.save("far/further/a.toml", &format!("{GOOD}own_sessions = true"));
        kit.until("the change behind two links", |it| {
            it.recipes.iter().any(|recipe| recipe.own_sessions)
        })
        .await;
    }

    #[tokio::test]
    async fn a_burst_ends_in_what_was_written_last() {
        let kit = Kit::start(|_| {});
        for number in 0..500 {
            kit.save("config.toml", &contexts(1 + number % 31));
        }
        kit.write("config.toml", &contexts(32));
        kit.until_contexts(32).await;
    }

    #[tokio::test]
    async fn it_works_in_memory_too() {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        let kit = Kit::below(root);
        std::fs::create_dir(kit.path("sites")).unwrap();
        kit.save("sites/a.toml", GOOD);
        kit.until_sites(&["a"]).await;
    }

    #[tokio::test]
    async fn a_reload_reads_what_no_event_told_of() {
        // The environment gives no events: here a recipe's port comes from it.
        let port = Arc::new(std::sync::Mutex::new("1".to_owned()));
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("sites")).unwrap();
        let text = "url = \"http://a:${PORT}/\"\npassword = { env = \"A\" }";
        std::fs::write(root.path().join("sites/a.toml"), text).unwrap();
        let seen = Arc::clone(&port);
        let environment: Environment =
            Arc::new(move |name| (name == "PORT").then(|| seen.lock().unwrap().clone()));
        let overrides = Overrides::default();
        let first = read(root.path(), &overrides, &environment).unwrap();
        let path = root.path().to_owned();
        let (settings, watcher) = start(path, overrides, environment, first).unwrap();
        let kit = Kit {
            root,
            settings,
            watcher,
        };
        *port.lock().unwrap() = "2".to_owned();
        kit.watcher.reload();
        kit.until("the other port", |it| {
            it.recipes.iter().all(|recipe| recipe.url.port() == Some(2))
        })
        .await;
    }

    /// A reader without a task, to see one reading at a time.
    fn reader(root: &Path) -> (Reader, watch::Receiver<Arc<Settings>>) {
        let environment: Environment = Arc::new(|_| None);
        let overrides = Overrides::default();
        let first = read(root, &overrides, &environment).unwrap();
        let (sender, receiver) = watch::channel(Arc::new(first));
        let reader = Reader {
            root: root.to_owned(),
            overrides,
            environment,
            folders: Folders::new(root, Arc::new(Notify::new())).unwrap(),
            sender,
            told: HashSet::new(),
        };
        (reader, receiver)
    }

    #[test]
    fn what_means_the_same_is_not_sent() {
        let root = tempfile::tempdir().unwrap();
        let config = root.path().join("config.toml");
        std::fs::write(&config, contexts(2)).unwrap();
        let (mut reader, receiver) = reader(root.path());
        std::fs::write(&config, format!("# the same\n{}", contexts(2))).unwrap();
        reader.again();
        assert!(!receiver.has_changed().unwrap());
        std::fs::write(&config, contexts(3)).unwrap();
        reader.again();
        assert!(receiver.has_changed().unwrap());
    }

    /// What is logged while something is done.
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn of(act: impl FnOnce()) -> String {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_writer(move || writer.clone())
                .with_max_level(tracing::Level::WARN)
                .without_time()
                .with_ansi(false)
                .finish();
            tracing::subscriber::with_default(subscriber, act);
            let bytes = log.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap()
        }
    }

    #[test]
    fn a_problem_is_logged_once_and_again_when_it_comes_back() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("sites")).unwrap();
        let (mut reader, _receiver) = reader(root.path());
        let recipe = root.path().join("sites/a.toml");
        let broken = "url = \"http://a/\"\npassword = \"hunter2\"\npasswort = 1";
        std::fs::write(&recipe, broken).unwrap();
        let log = Log::of(|| {
            reader.again();
            reader.again();
            // Another problem beside it does not repeat the first.
            std::fs::write(root.path().join("config.toml"), "x = 1").unwrap();
            reader.again();
        });
        assert_eq!(log.matches("sites/a.toml:3:1").count(), 1, "{log}");
        assert_eq!(log.matches("config.toml:1:1").count(), 1, "{log}");
        assert!(log.contains("line=3 column=1"), "{log}");
        assert!(!log.contains("hunter2"), "{log}");
        let log = Log::of(|| {
            std::fs::write(&recipe, GOOD).unwrap();
            reader.again();
            std::fs::write(&recipe, broken).unwrap();
            reader.again();
        });
        assert_eq!(log.matches("sites/a.toml:3:1").count(), 1, "{log}");
    }

    #[test]
    fn a_root_that_went_away_takes_nothing_with_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("sites")).unwrap();
        std::fs::write(root.path().join("sites/a.toml"), GOOD).unwrap();
        let (mut reader, receiver) = reader(root.path());
        std::fs::remove_dir_all(root.path()).unwrap();
        reader.again();
        let now = receiver.borrow();
        assert_eq!((now.recipes.len(), now.problems.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_root_that_is_not_there_is_told() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("none");
        let environment: Environment = Arc::new(|_| None);
        let started = start(path, Overrides::default(), environment, Settings::default());
        let error = started.err().unwrap();
        assert_eq!(error.help, "make this folder, or name another with --root");
    }
}
