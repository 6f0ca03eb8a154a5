use super::*;
use crate::source::Source;

struct Kit {
    root: tempfile::TempDir,
    key: Source,
}

impl Kit {
    fn new() -> Self {
        let kit = Self {
            root: tempfile::tempdir().unwrap(),
            key: Source::File("key".into()),
        };
        kit.put_key(&Seal::new());
        kit
    }

    fn put_key(&self, seal: &Seal) {
        let text = format!("# made by a test\n{}\n", seal.text().expose_secret());
        std::fs::write(self.root.path().join("key"), text).unwrap();
    }

    fn reach(&self) -> Reach<'_> {
        Reach {
            root: self.root.path(),
            env: &|_| None,
            key: Some(&self.key),
        }
    }

    async fn set(&self, name: &str, value: &str) {
        set(name, &value.into(), self.reach()).await.unwrap();
    }

    async fn get(&self, name: &str) -> Result<String, String> {
        let read = read(name, self.reach()).await;
        read.map(|it| it.expose_secret().to_owned())
            .map_err(|why| why.replace(&self.root.path().display().to_string(), "ROOT"))
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.root.path().join(SECRETS)).unwrap()
    }
}

#[tokio::test]
async fn a_secret_is_kept_replaced_shown_by_name_and_removed() {
    let kit = Kit::new();
    assert!(list(kit.reach()).await.unwrap().is_empty());
    kit.set("wiki", "hunter2 \"ä\"").await;
    kit.set("web/shop", "other").await;
    assert_eq!(kit.get("wiki").await.unwrap(), "hunter2 \"ä\"");
    kit.set("wiki", "hunter3").await;
    assert_eq!(kit.get("wiki").await.unwrap(), "hunter3");
    assert_eq!(list(kit.reach()).await.unwrap(), ["web/shop", "wiki"]);
    assert!(remove("wiki", kit.reach()).await.unwrap());
    assert!(!remove("wiki", kit.reach()).await.unwrap());
    assert_eq!(list(kit.reach()).await.unwrap(), ["web/shop"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(kit.root.path().join(SECRETS))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let text = String::from_utf8_lossy(&kit.bytes()).into_owned();
    assert!(text.starts_with("age-encryption.org/v1"), "{text}");
    assert!(!text.contains("shop") && !text.contains("other"));
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    let kit = Kit::new();
    let all = (0..20).map(|n| {
        let kit = &kit;
        async move { kit.set(&format!("n{n}"), &format!("value {n}")).await }
    });
    futures::future::join_all(all).await;
    assert_eq!(list(kit.reach()).await.unwrap().len(), 20);
    assert_eq!(kit.get("n7").await.unwrap(), "value 7");
}

#[tokio::test]
async fn what_does_not_open_says_why_and_stays_as_it_is() {
    let kit = Kit::new();
    let mut all = vec![kit.get("wiki").await.unwrap_err()];
    kit.set("shop", "hunter2").await;
    all.push(kit.get("wiki").await.unwrap_err());
    let whole = kit.bytes();
    let refused = async |all: &mut Vec<String>| {
        let before = kit.bytes();
        all.push(kit.get("shop").await.unwrap_err());
        let failure = set("wiki", &"new".into(), kit.reach()).await.unwrap_err();
        assert!(!failure.message.contains("hunter2"));
        assert!(remove("shop", kit.reach()).await.is_err());
        assert!(list(kit.reach()).await.is_err());
        assert_eq!(kit.bytes(), before);
    };

    std::fs::write(kit.root.path().join(SECRETS), &whole[..whole.len() - 3]).unwrap();
    refused(&mut all).await;
    std::fs::write(kit.root.path().join(SECRETS), "no age file").unwrap();
    refused(&mut all).await;
    std::fs::write(kit.root.path().join(SECRETS), &whole).unwrap();
    let key = std::fs::read(kit.root.path().join("key")).unwrap();
    kit.put_key(&Seal::new());
    refused(&mut all).await;
    std::fs::write(kit.root.path().join("key"), "hunter2").unwrap();
    refused(&mut all).await;
    std::fs::remove_file(kit.root.path().join("key")).unwrap();
    refused(&mut all).await;

    std::fs::write(kit.root.path().join("key"), key).unwrap();
    assert_eq!(kit.get("shop").await.unwrap(), "hunter2");
    insta::assert_snapshot!(all.join("\n"), @r##"
    does not exist, for there is no secrets.age yet; make it: jarkeeper secret set wiki
    is not in secrets.age (`jarkeeper secret list` shows what is); make it: jarkeeper secret set wiki
    cannot be read: ROOT/secrets.age is damaged; bring back a copy of it, or move it away and set its secrets again
    cannot be read: ROOT/secrets.age is damaged; bring back a copy of it, or move it away and set its secrets again
    cannot be read: ROOT/secrets.age was sealed with another key; bring that one back (see [seal] in config.toml), or move the file away and set its secrets again
    cannot be read: the key comes from the file key, which holds no age identity, or several; it is one line that begins with AGE-SECRET-KEY-1, as `age-keygen` prints it
    cannot be read: the key of [seal] comes from the file key, which does not exist; write the secret into ROOT/key and chmod 600 it
    "##);
}
