//! The registry on a store of its own, by a clock that is moved by hand.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::*;

thread_local! {
    static SECONDS: Cell<i64> = const { Cell::new(1_700_000_000) };
}

fn clock() -> DateTime<Utc> {
    DateTime::from_timestamp(SECONDS.get(), 0).unwrap()
}

fn later(by: TimeDelta) {
    SECONDS.set(SECONDS.get() + by.num_seconds());
}

async fn registry() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).unwrap();
    (folder, Registry::open(store, clock).await.unwrap())
}

fn upload(name: &str) -> Upload {
    Upload {
        name: name.to_owned(),
        description: None,
        email: None,
        tags: json!({ "model_name": "m", "document_count": 1 })
            .as_object()
            .unwrap()
            .clone(),
    }
}

fn key(text: &str) -> SecretString {
    text.into()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, RegistryError>) -> bool {
    matches!(answer, Err(RegistryError::Refused(_)))
}

#[tokio::test]
async fn the_password_before_is_good_until_the_new_one_is_used() {
    let (_folder, registry) = registry().await;
    let first = registry.register(upload("a"), None, None).await.unwrap();
    let id = first.instance.id.as_str();
    assert!(registry.prove(id, &first.password).await.is_ok());
    let rotate = || registry.rotate(id, RegisteredBy::Password, upload("b"));
    let second = rotate().await.unwrap();
    assert_eq!(second.instance.id, id);
    assert!(registry.prove(id, &first.password).await.is_ok());
    // The answer was lost: it is asked once more, and the one that was lost is good no more.
    let third = rotate().await.unwrap();
    assert!(registry.prove(id, &first.password).await.is_ok());
    assert!(refused(registry.prove(id, &second.password).await));
    assert!(registry.prove(id, &third.password).await.is_ok());
    assert!(refused(registry.prove(id, &first.password).await));
    assert!(registry.prove(id, &third.password).await.is_ok());
}

#[tokio::test]
async fn an_id_is_locked_whether_there_is_such_an_instance_or_not() {
    let (_folder, registry) = registry().await;
    let made = registry.register(upload("a"), None, None).await.unwrap();
    for id in [made.instance.id.as_str(), "0123456789abcdef0123"] {
        for number in 0..10 {
            let wrong = key(&number.to_string());
            assert!(refused(registry.prove(id, &wrong).await));
            // The same again is no further guess.
            assert!(refused(registry.prove(id, &wrong).await));
        }
        let until = clock() + TimeDelta::minutes(15);
        let locked = registry.prove(id, &made.password).await.unwrap_err();
        assert!(matches!(locked, RegistryError::Locked { until: at, .. } if at == until));
    }
    later(TimeDelta::minutes(15));
    assert!(
        registry
            .prove(&made.instance.id, &made.password)
            .await
            .is_ok()
    );
    assert!(refused(
        registry.prove("0123456789abcdef0123", &made.password).await
    ));
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_ten_in_a_row() {
    let (_folder, registry) = registry().await;
    let guess = |number: usize| {
        let registry = registry.clone();
        async move { registry.prove("x", &key(&number.to_string())).await }
    };
    let all = futures::future::join_all((0..40).map(guess)).await;
    let looked_at = all
        .iter()
        .filter(|one| matches!(one, Err(RegistryError::Refused(_))));
    assert_eq!(looked_at.count(), 10);
}

#[tokio::test]
async fn whoever_hangs_up_has_guessed_nevertheless() {
    let (_folder, registry) = registry().await;
    for number in 0..10 {
        let password = key(&number.to_string());
        let mut guess = Box::pin(registry.prove("x", &password));
        assert!(futures::poll!(guess.as_mut()).is_pending());
        drop(guess);
        while registry.remembers("x", &password).is_none() {
            tokio::task::yield_now().await;
        }
    }
    let other = registry.prove("x", &key("other")).await;
    assert!(matches!(other, Err(RegistryError::Locked { .. })));
}

#[tokio::test]
async fn who_is_remembered_passes_a_lock_and_many_at_once_cost_one_hash() {
    let (_folder, registry) = registry().await;
    let made = registry.register(upload("a"), None, None).await.unwrap();
    let id = made.instance.id.as_str();
    let prove = || registry.prove(id, &made.password);
    let all = futures::future::join_all((0..50).map(|_| prove())).await;
    assert!(all.iter().all(Result::is_ok));
    for number in 0..11 {
        let _ = registry.prove(id, &key(&number.to_string())).await;
    }
    assert!(prove().await.is_ok());
    let other = registry.prove(id, &key("other")).await;
    assert!(matches!(other, Err(RegistryError::Locked { .. })));
    // What has no sane size is not even looked at.
    assert!(refused(registry.prove("", &key("x")).await));
    assert!(refused(registry.prove(id, &key("")).await));
    assert!(refused(registry.prove(id, &key(&"x".repeat(300))).await));
}

#[tokio::test]
async fn an_idempotency_key_names_one_instance_until_it_is_used() {
    let (_folder, registry) = registry().await;
    let retry = key("0123456789abcdef");
    let register = |name: &str| registry.register(upload(name), None, Some(&retry));
    let conflict = |answer: Result<Registered, RegistryError>| {
        matches!(answer, Err(RegistryError::Conflict(_)))
    };
    let first = register("a").await.unwrap();
    let second = register("a").await.unwrap();
    assert_eq!(first.instance.id, second.instance.id);
    assert_ne!(
        first.password.expose_secret(),
        second.password.expose_secret()
    );
    assert!(conflict(register("b").await));
    assert_eq!(registry.count().unwrap(), 1);
    // As long as nobody uses what was made, whoever lost the answer finds it again.
    later(TimeDelta::days(30));
    let second = register("a").await.unwrap();
    assert_eq!(first.instance.id, second.instance.id);
    // Another person's key is another one.
    let owner = PersonId::owner();
    registry.0.store.make_owner("owner", clock()).await.unwrap();
    let theirs = registry
        .register(
            upload("a"),
            Some(&Registrant::nothing_of(&owner)),
            Some(&retry),
        )
        .await
        .unwrap();
    assert_ne!(theirs.instance.id, first.instance.id);
    // Once a password was used the key is good no more, until a day after it was registered.
    assert!(
        registry
            .prove(&first.instance.id, &second.password)
            .await
            .is_ok()
    );
    later(TimeDelta::days(-30));
    assert!(conflict(register("a").await));
    later(TimeDelta::days(1));
    let anew = register("a").await.unwrap();
    assert_ne!(anew.instance.id, first.instance.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_registers_one() {
    let (_folder, registry) = registry().await;
    let retry = key("0123456789abcdef");
    let all = (0..8).map(|_| registry.register(upload("a"), None, Some(&retry)));
    let all = futures::future::join_all(all).await;
    let ids: std::collections::BTreeSet<_> = all
        .into_iter()
        .map(|one| one.unwrap().instance.id)
        .collect();
    assert_eq!((ids.len(), registry.count().unwrap()), (1, 1));
}

#[tokio::test]
async fn what_is_unregistered_comes_back_with_its_password() {
    let (_folder, registry) = registry().await;
    let made = registry.register(upload("a"), None, None).await.unwrap();
    let id = made.instance.id.as_str();
    let told = json!({ "email": "a@b.c" }).as_object().unwrap().clone();
    let change = InstanceChange {
        description: Some("told".to_owned()),
        email: Some("a@b.c".to_owned()),
        capabilities: Some(told),
        ..InstanceChange::default()
    };
    registry.change(id, change).await.unwrap();
    registry.put_role(id, role("poet", 1)).await.unwrap();
    registry.unregister(id).await.unwrap();
    registry.unregister(id).await.unwrap();
    assert_eq!(registry.count().unwrap(), 0);
    // What it told of itself is gone, but for its name.
    let gone = registry.instance(id).unwrap().unwrap();
    assert_eq!(
        (gone.status, gone.name.as_str(), gone.tags.len()),
        (Status::Unregistered, "a", 0)
    );
    let told = (gone.description, gone.email, gone.capabilities);
    assert_eq!(told, (None, None, None));
    assert!(registry.roles(id).unwrap().is_empty());
    let tag = Some(("model_name".to_owned(), None));
    let search = Search {
        tag,
        limit: 1,
        ..Search::default()
    };
    assert!(registry.search(&search).unwrap().instances.is_empty());
    let change = InstanceChange::default();
    assert!(matches!(
        registry.change(id, change).await,
        Err(RegistryError::Unknown(_))
    ));
    assert!(registry.prove(id, &made.password).await.is_ok());
    let back = registry
        .rotate(id, RegisteredBy::Password, upload("b"))
        .await
        .unwrap();
    assert_eq!(
        (back.instance.status, registry.count().unwrap()),
        (Status::Offline, 1)
    );
    assert!(matches!(
        registry.unregister("none").await,
        Err(RegistryError::Unknown(_))
    ));
}

fn role(id: &str, length: usize) -> Role {
    Role {
        id: id.to_owned(),
        name: id.to_owned(),
        description: None,
        system_prompt: Some("x".repeat(length)),
        icon: None,
        is_active: true,
        enable_l0_retrieval: false,
        enable_l1_retrieval: false,
    }
}

#[tokio::test]
async fn the_roles_of_an_instance_are_a_mebibyte_together() {
    let (_folder, registry) = registry().await;
    let made = registry.register(upload("a"), None, None).await.unwrap();
    let id = made.instance.id.as_str();
    for number in 0..20 {
        let role = role(&format!("r{number}"), 50_000);
        registry.put_role(id, role).await.unwrap();
    }
    let more = registry.put_role(id, role("more", 50_000)).await;
    assert!(
        matches!(&more, Err(RegistryError::Invalid(why)) if why.contains("bytes")),
        "{more:?}"
    );
    // In place of one of them there is place.
    registry.put_role(id, role("r7", 49_000)).await.unwrap();
    assert_eq!(registry.roles(id).unwrap().len(), 20);
}

#[tokio::test]
async fn strangers_register_so_many_and_what_none_of_them_uses_goes() {
    let (_folder, registry) = registry().await;
    let store = registry.0.store.clone();
    store.make_owner("owner", clock()).await.unwrap();
    let used = registry.register(upload("a"), None, None).await.unwrap();
    let unused = registry.register(upload("b"), None, None).await.unwrap();
    let owner = Registrant::nothing_of(&PersonId::owner());
    let owners = registry.register(upload("c"), Some(&owner), None).await;
    let owners = owners.unwrap().instance.id;
    registry
        .prove(&used.instance.id, &used.password)
        .await
        .unwrap();
    let is_there = |id: &str| registry.instance(id).unwrap().is_some();
    later(TimeDelta::days(29));
    registry.tidy().await.unwrap();
    assert!(is_there(&unused.instance.id));
    later(TimeDelta::days(2));
    registry.tidy().await.unwrap();
    assert!(!is_there(&unused.instance.id));
    assert!(is_there(&used.instance.id) && is_there(&owners));
    // As many as there may be.
    let path = store.path();
    let connection = rusqlite::Connection::open(path).unwrap();
    let full = format!(
        "UPDATE instance_counts SET number = {} WHERE person = ''",
        strangers::MOST.0
    );
    connection.execute(&full, []).unwrap();
    let more = registry.register(upload("d"), None, None).await;
    assert!(matches!(more, Err(RegistryError::Full)), "{more:?}");
    let own = registry.register(upload("d"), Some(&owner), None).await;
    assert!(own.is_ok());
}

#[tokio::test]
async fn only_its_person_rotates_it_and_nobody_elses_is_claimed() {
    let (_folder, registry) = registry().await;
    registry.0.store.make_owner("owner", clock()).await.unwrap();
    registry.0.store.make_owner("other", clock()).await.unwrap();
    let (owner, other) = (PersonId::owner(), PersonId::kept("other".to_owned()));
    let made = registry.register(upload("a"), None, None).await.unwrap();
    let id = made.instance.id.as_str();
    let [owner, other] = [&owner, &other].map(Registrant::nothing_of);
    let by = |who| registry.rotate(id, RegisteredBy::Person(who), upload("b"));
    assert!(matches!(by(&owner).await, Err(RegistryError::Unknown(_))));
    assert!(refused(registry.claim(id, &key("wrong"), &owner).await));
    let claimed = registry.claim(id, &made.password, &owner).await.unwrap();
    assert_eq!(claimed.instance.person, Some(owner.person.clone()));
    // The password before is good no more.
    assert!(refused(registry.claim(id, &made.password, &owner).await));
    assert!(refused(registry.claim(id, &claimed.password, &other).await));
    assert!(registry.claim(id, &claimed.password, &owner).await.is_ok());
    assert!(refused(registry.prove(id, &claimed.password).await));
    assert!(by(&owner).await.is_ok());
    assert!(matches!(by(&other).await, Err(RegistryError::Unknown(_))));
}

#[tokio::test]
async fn a_search_is_by_person_status_name_and_tag_and_goes_on_where_it_ended() {
    let (_folder, registry) = registry().await;
    registry.0.store.make_owner("owner", clock()).await.unwrap();
    let owner = PersonId::owner();
    let mut ids = Vec::new();
    for number in 0..7 {
        let person = (number % 2 == 0).then(|| Registrant::nothing_of(&owner));
        let name = format!("report {number} of the night");
        let made = registry
            .register(upload(&name), person.as_ref(), None)
            .await
            .unwrap();
        ids.push(made.instance.id);
    }
    let find = |search: Search| {
        let page = registry.search(&search).unwrap();
        let found = page.instances.iter();
        let found: Vec<usize> = found
            .map(|one| ids.iter().position(|id| *id == one.id).unwrap())
            .collect();
        (found, page.next, page.total)
    };
    let all = Search {
        limit: 4,
        total: true,
        ..Search::default()
    };
    // Nothing is counted where nobody is told.
    let total = false;
    assert_eq!(
        find(Search {
            total,
            ..all.clone()
        })
        .2,
        0
    );
    let (found, next, total) = find(all.clone());
    assert_eq!((found, total), (vec![6, 5, 4, 3], 7));
    let rest = Search {
        after: next,
        ..all.clone()
    };
    assert_eq!(find(rest), (vec![2, 1, 0], None, 7));
    let skipped = Search {
        skip: 6,
        ..all.clone()
    };
    assert_eq!(find(skipped), (vec![0], None, 7));
    let own = Search {
        person: Some(owner),
        ..all.clone()
    };
    assert_eq!(find(own.clone()).0, [6, 4, 2, 0]);
    let named = Search {
        name: Some("REP 4".to_owned()),
        ..own.clone()
    };
    assert_eq!(find(named.clone()), (vec![4], None, 1));
    let tagged = |value: &str| {
        let tag = Some(("document_count".to_owned(), Some(value.to_owned())));
        find(Search { tag, ..own.clone() })
    };
    assert_eq!(tagged("1"), (vec![6, 4, 2, 0], find(own.clone()).1, 4));
    assert_eq!(tagged("2"), (vec![], None, 0));
    // Names, persons and statuses that change are found as they are now.
    let name = Some("other".to_owned());
    let change = InstanceChange {
        name,
        ..InstanceChange::default()
    };
    registry.change(&ids[4], change).await.unwrap();
    assert_eq!(find(named), (vec![], None, 0));
    registry.unregister(&ids[6]).await.unwrap();
    let statuses = vec![Status::Online, Status::Offline];
    let here = Search {
        statuses,
        ..own.clone()
    };
    assert_eq!(find(here.clone()), (vec![4, 2, 0], None, 3));
    let tag = Some(("model_name".to_owned(), None));
    assert_eq!(find(Search { tag, ..here }).0, [4, 2, 0]);
    registry
        .0
        .store
        .keep_presence(vec![crate::store::PresenceRow {
            id: ids[0].clone(),
            online: true,
            heard_at: None,
        }])
        .await
        .unwrap();
    let statuses = vec![Status::Online];
    assert_eq!(
        find(Search {
            statuses,
            ..all.clone()
        }),
        (vec![0], None, 1)
    );
    // A person who is deleted takes them along, out of the index and the count too.
    registry
        .0
        .store
        .erase_person("owner".to_owned(), None)
        .await
        .unwrap();
    assert_eq!(find(all), (vec![5, 3, 1], None, 3));
    let none = Search {
        limit: 0,
        ..Search::default()
    };
    assert!(matches!(
        registry.search(&none),
        Err(RegistryError::Invalid(_))
    ));
}
