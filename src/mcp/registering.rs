//! The tool for registration: an upload gets an id. Its password is no model's business, and is in no answer.

use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{tool, tool_router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failed::Failed;
use super::server::Server;
use crate::loads::{LoadError, Reason, WITHOUT_REGISTRY, Wish};
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
        let reason = match &error {
            LoadError::NotRegistered(why) => why.reason,
            LoadError::Unknown(_) | LoadError::NoCurrent => Reason::NoLoad,
            _ => Reason::Invalid,
        };
        match error {
            LoadError::Unknown(_) | LoadError::NoCurrent => {
                Self::new("unknown_load", error.to_string())
                    .because(reason.word())
                    .or("leave load out for the current one")
            }
            LoadError::NoRandom => Self::new("storage", error.to_string()),
            LoadError::Store(_) => {
                tracing::error!("a tool failed: {error}");
                Self::new("storage", "Jarkeeper cannot read or write its own files")
                    .or("its log says why; a person has to look")
            }
            _ => {
                // What a model cannot do, a person can.
                let command = "`jarkeeper load delete LOAD --without-registry`";
                let detail = error.to_string().replace(WITHOUT_REGISTRY, command);
                let message = format!("Failed to register upload instance: {detail}");
                Self::new("registration_failed", message)
                    .because(reason.word())
                    .or("mend what it says and call again: that is safe, and makes nothing twice")
            }
        }
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
        Parameters(wanted): Parameters<Wanted>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Registered>, Failed> {
        let principal = self.principal(&context)?;
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
