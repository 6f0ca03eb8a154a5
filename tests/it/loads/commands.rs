//! `jarkeeper load` and `jarkeeper register`, and the tool of the same name.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::{Value, json};

use super::{load, own, store_holds};
use crate::api::key;
use crate::support::process::{Root, eventually};
use crate::support::{Api, answer, with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_registers_at_the_terminal_and_sees_the_password_once() {
    let root = Root::new();
    let none = root.run(&["load", "list"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.err.contains("jarkeeper serve"), "{none:?}");
    let daemon = root.daemon();
    let run = |arguments: &[&str], code: i32| {
        let ended = root.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?} {ended:?}");
        ended
    };
    assert!(run(&["load", "list"], 0).out.contains("load create"));
    // What is told is told in the words of this door.
    for (arguments, code, way) in [
        (&["register"][..], 2, "give a NAME"),
        (&["register", "x"], 2, "--tag model_name="),
        (&["register", ""], 2, "NAME has 1 to 255"),
        (&["load", "connect"], 5, "jarkeeper load create NAME"),
    ] {
        let failed = run(arguments, code);
        assert!(failed.err.contains(way), "{failed:?}");
        assert!(!failed.err.contains("upload_name"), "{failed:?}");
        let is_register = arguments[0] == "register";
        let said = "Failed to register upload instance";
        assert_eq!(failed.err.contains(said), is_register, "{failed:?}");
    }
    let load = ["--json", "register", "--load", "none"];
    for (arguments, code, reason) in [
        (&load[..2], 2, "no-load"),
        (&load[..], 5, "no-load"),
        (&["--json", "register", "x"], 2, "no-model-name"),
    ] {
        let failed = run(arguments, code).json();
        assert_eq!(
            (&failed["code"], &failed["reason"]),
            (&json!(400), &json!(reason))
        );
        assert_eq!(failed["message"], "Failed to register upload instance");
    }
    run(
        &[
            "load",
            "create",
            "a/b",
            "--tag",
            "model_name=m",
            "--tag",
            "is_cot=true",
        ],
        0,
    );
    run(&["load", "create", "other", "--email", "a@b.test"], 0);
    run(&["load", "create", "other"], 1);
    run(&["load", "use", "other"], 0);
    let list = run(&["load", "list"], 0).out;
    assert!(list.contains("* ") && list.contains("a/b"), "{list}");
    let shown = run(&["register", "--load", "a/b", "--tag", "size=7"], 0);
    let password = shown.out.trim().to_owned();
    assert!(
        password.starts_with("jp_") && !shown.err.contains(&password),
        "{shown:?}"
    );
    assert!(shown.err.contains("\"a/b\" is registered as "), "{shown:?}");
    // Into a file, for its owner alone.
    let path = root.path().join("password");
    let file = path.to_str().unwrap();
    let told = run(&["register", "--load", "a/b", "--password-file", file], 0);
    let second = std::fs::read_to_string(&path).unwrap();
    assert!(second.starts_with("jp_") && second.trim() != password);
    assert!(
        !told.out.contains("jp_") && !told.err.contains("jp_"),
        "{told:?}"
    );
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // One that is there is not written over, and nothing is registered for it.
    run(&["register", "--load", "a/b", "--password-file", file], 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), second);
    // Where nothing is registered, no empty file is left.
    let left = root.path().join("left");
    run(&["register", "--password-file", left.to_str().unwrap()], 2);
    assert!(!left.exists());
    let made = run(&["--json", "register", "--load", "a/b"], 0).json();
    assert_eq!(made["upload_name"], "a/b");
    assert!(
        made["instance_password"]
            .as_str()
            .unwrap()
            .starts_with("jp_")
    );
    let early = run(&["load", "connect"], 1);
    assert!(early.err.contains("register it first"), "{early:?}");
    let named = run(&["register", "--tag", "model_name=m"], 0);
    assert!(named.err.contains("\"other\" is registered"), "{named:?}");
    let connected = run(&["load", "connect"], 0).out;
    assert!(
        connected.contains("\"other\" stays connected"),
        "{connected}"
    );
    eventually("it is connected", || {
        let list = run(&["load", "list"], 0).out;
        list.contains("other  connected").then_some(())
    });
    for _ in 0..2 {
        run(&["load", "disconnect", "other"], 0);
        let list = run(&["load", "list"], 0).out;
        assert!(!list.contains("connected"), "{list}");
    }
    for _ in 0..2 {
        let gone = run(&["load", "unregister"], 0).out;
        assert!(gone.contains("\"other\" is not registered"), "{gone}");
    }
    run(&["load", "unregister", "no such load"], 5);
    run(&["load", "rename", "other", "another"], 0);
    run(&["load", "delete", "no such load"], 5);
    run(&["load", "delete", "a/b"], 0);
    assert!(!run(&["load", "list"], 0).out.contains("a/b"));
    for secret in [&password, second.trim()] {
        let log: String = daemon.log().iter().map(ToString::to_string).collect();
        assert!(!log.contains(secret) && !store_holds(&root, secret));
    }
}

/// Calls a tool without the protocol's greeting, which a door without sessions does not need.
async fn tool(api: &Api, key: &str, method: &str, parameters: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
    let ask = api.call(Method::POST, "/mcp").header("x-api-key", key);
    let ask = ask.header("accept", "application/json, text/event-stream");
    let ask = ask.header("mcp-protocol-version", "2025-06-18");
    let (status, said) = answer(with(ask, &body)).await;
    assert_eq!(status, 200, "{said}");
    said["result"].clone()
}

#[tokio::test]
async fn a_model_registers_and_sees_no_password() {
    let root = Root::new();
    let daemon = root.daemon();
    let api = Api::of(&root, &daemon);
    let key = key(&root, "registry:write sessions:reveal").await;
    let call = |arguments: Value| {
        let parameters = json!({ "name": "register_upload", "arguments": arguments });
        tool(&api, &key, "tools/call", parameters)
    };
    let failed = call(json!({})).await;
    assert_eq!(failed["isError"], true, "{failed}");
    let said = failed["content"][0]["text"].as_str().unwrap();
    assert!(
        said.contains("Failed to register upload instance"),
        "{said}"
    );
    assert!(said.contains("Reason: no-load"), "{said}");
    assert_eq!(failed["_meta"]["jarkeeper/reason"], "no-load", "{failed}");
    let unknown = call(json!({ "load": "0123456789abcdef0123" })).await;
    assert_eq!(unknown["_meta"]["jarkeeper/reason"], "no-load", "{unknown}");
    let wrong = call(json!({ "upload_name": 7 })).await;
    for (failed, reason) in [
        (failed, "no-load"),
        (unknown, "no-load"),
        (wrong, "invalid"),
    ] {
        let all = &failed["_meta"]["jarkeeper/registration"];
        assert_eq!(
            (&all["code"], &all["reason"]),
            (&json!(400), &json!(reason)),
            "{failed}"
        );
        assert_eq!(all["message"], "Failed to register upload instance");
        assert_eq!(all["type"], "urn:jarkeeper:problem:registration-failed");
        let said = failed["content"][0]["text"].as_str().unwrap();
        assert!(
            said.contains("Failed to register upload instance"),
            "{said}"
        );
    }
    let id = load(&api, "mine").await;
    let made = call(json!({ "load": id })).await;
    assert_ne!(made["isError"], true, "{made}");
    assert!(!made.to_string().contains("jp_"), "{made}");
    let (_, list) = own(&api, Method::GET, "/v1/registrations").await;
    assert_eq!(
        made["structuredContent"]["instance_id"],
        list[0]["instance_id"]
    );
    assert_eq!(made["structuredContent"]["load"], "mine");
    let narrow = crate::api::key(&root, "registry:read").await;
    let tools = tool(&api, &narrow, "tools/list", json!({})).await;
    assert!(!tools.to_string().contains("register_upload"), "{tools}");
}
