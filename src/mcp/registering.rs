//! The tool for registration: an upload gets an id. Its password is no model's business, and is in no answer.

use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::failed::Failed;
use super::server::Server;
use crate::loads::{self, LoadError, WITHOUT_REGISTRY, Wish};
use crate::registry::Registrant;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What people will call it; what the person's current load is called where it is not given. Where there is no load yet, one of
    /// this name is made.
    upload_name: Option<String>,
    /// The address that is registered with it; that of the load where it is not given.
    email: Option<String>,
    /// What it is; the load's own description where it is not given.
    description: Option<String>,
    /// Over the tags of the load: model_name (the model behind it), is_cot (true or false), and whatever else. document_count is
    /// counted, whatever you say.
    tags: Option<Map<String, Value>>,
    /// The load's id; the current one where it is not given.
    load: Option<String>,
}

/// What [`Server::register_upload`] gives.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// Its id at the registry.
    instance_id: String,
    /// What it was registered as.
    upload_name: String,
    /// The name of the load that it belongs to.
    load: String,
    /// As the registry counts it: online where it is connected already, else offline.
    status: String,
    /// Where the password is.
    password: String,
}

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
        match (loads::Failed::of(&error), &error) {
            (Some(mut failed), _) => {
                let way_out = match &error {
                    LoadError::Unknown(_) => "leave load out for the current one",
                    _ => "mend what it says and call again: that is safe, and makes nothing twice",
                };
                // What a model cannot do, a person can.
                let command = "`jarkeeper load delete LOAD --without-registry`";
                failed.detail = failed.detail.replace(WITHOUT_REGISTRY, command);
                Self::registration(failed).or(way_out)
            }
            (None, LoadError::Store(_)) => {
                tracing::error!("a tool failed: {error}");
                Self::new("storage", "Jarkeeper cannot read or write its own files")
                    .or("its log says why; a person has to look")
            }
            (None, _) => Self::new("storage", error.to_string()),
        }
    }
}

/// What was asked for, or why that is no registration: a failure of it as any other, and not of the protocol.
struct Asked(Result<Wanted, String>);

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Map::deserialize(deserializer)?;
        let wanted = serde_json::from_value(Value::Object(all));
        Ok(Self(wanted.map_err(|error| error.to_string())))
    }
}

impl JsonSchema for Asked {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Wanted::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Wanted::json_schema(generator)
    }
}

#[tool_router(router = registering_tools, vis = "pub(super)")]
impl Server {
    /// Registers the person's load at the registry, so that it has an id under which others find it and can talk to it. One that
    /// has an id keeps it. Calling again is safe, but gives it a new password. The password is not shown to you.
    #[tool(annotations(
        title = "Register an upload",
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = false,
        open_world_hint = true
    ))]
    async fn register_upload(
        &self,
        Parameters(Asked(wanted)): Parameters<Asked>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Registered>, Failed> {
        let principal = self.principal(&context)?;
        let invalid = |why| Failed::registration(loads::Failed::invalid(why));
        let wanted: Wanted = wanted.map_err(invalid)?;
        let none = || Failed::new("no_daemon", "loads are the daemon's, and none runs");
        let loads = self.rooms.loads.as_ref().ok_or_else(none)?;
        let wish = Wish {
            load: wanted.load,
            name: wanted.upload_name,
            email: wanted.email,
            description: wanted.description,
            tags: wanted.tags.unwrap_or_default(),
        };
        let made = loads.register(&Registrant::of(&principal), wish).await?;
        let is_foreign = made
            .load
            .registration
            .is_some_and(|it| it.registry.is_some());
        let password = match is_foreign {
            true => "stays with the load, sealed",
            false => {
                "is not kept: a person who needs it runs `jarkeeper register`, which shows a new one"
            }
        };
        Ok(Json(Registered {
            instance_id: made.instance,
            upload_name: made.upload.name,
            load: made.load.name,
            status: made.status.word().to_owned(),
            password: password.to_owned(),
        }))
    }
}
