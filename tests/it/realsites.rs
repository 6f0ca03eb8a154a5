//! The real applications: that they start, stop, and tell signed in from out.

use reqwest::Client;
use reqwest::redirect::Policy;

use crate::support::realsites::RealSite;

fn client() -> Client {
    let client = Client::builder().no_proxy().redirect(Policy::none());
    client.build().unwrap()
}

#[tokio::test]
async fn an_application_runs_for_one_test_at_a_time_and_stops_with_it() {
    let first = async {
        let site = RealSite::start("django-admin").await?;
        let live = client().get(site.url(&site.facts.live.path));
        let answer = live.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), site.facts.live.signed_out);
        site.invalidate().await;
        Some(site.base.clone())
    };
    let second = async { Some(RealSite::start("django-admin").await?.base.clone()) };
    let (Some(first), Some(second)) = tokio::join!(first, second) else {
        return;
    };
    for base in [first, second] {
        let answer = client().get(base).send().await;
        assert!(answer.is_err_and(|error| error.is_connect()));
    }
}

#[test]
fn every_recipe_names_only_what_the_harness_provides() {
    let recipes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recipes");
    for file in std::fs::read_dir(recipes).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let recipe: toml::Table = text.parse().unwrap();
        assert!(recipe["url"].as_str().unwrap().starts_with("${BASE}/"));
        let secrets = ["password", "totp"].map(|key| recipe.get(key)?.get("env")?.as_str());
        assert_eq!(secrets[0], Some("REALSITE_PASSWORD"), "{}", path.display());
        assert!(matches!(secrets[1], None | Some("REALSITE_TOTP")));
    }
}
