//! What a model is told when a tool did not do its work: the class of the failure, what happened, and the way out.

use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, MetaObject};

use crate::failure::{Failure, FailureClass};
use crate::ids::SessionKey;
use crate::loads;
use crate::renewal::Unmet;
use crate::session::FilesError;

/// Why a tool failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// A stable word: the class of a failed renewal, or what else it was.
    class: &'static str,
    /// What happened.
    message: String,
    /// What can be done.
    way_out: Option<String>,
    /// A registration that failed.
    registration: Option<Box<loads::Failed>>,
}

impl Failed {
    pub(super) fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            way_out: None,
            registration: None,
        }
    }

    /// A registration that failed.
    pub(super) fn registration(failed: loads::Failed) -> Self {
        let message = format!("{}: {}", failed.message, failed.detail);
        Self {
            registration: Some(Box::new(failed)),
            ..Self::new("registration_failed", message)
        }
    }

    pub(super) fn or(mut self, way_out: impl Into<String>) -> Self {
        self.way_out = Some(way_out.into());
        self
    }

    /// For what is not there and for what this caller may not know of: the same answer.
    pub(super) fn unknown(session: &str) -> Self {
        Self::new(
            "unknown_session",
            format!("there is no session {session}, or not for you"),
        )
        .or("call list_sites for the names of those that there are")
    }

    pub(super) fn arguments(message: impl Into<String>) -> Self {
        Self::new("invalid_arguments", message)
    }

    /// A renewal that failed.
    pub(super) fn renewal(key: &SessionKey, failure: Failure) -> Self {
        use FailureClass::*;
        let failed = Self::new(failure.class.word(), failure.message);
        let wait = failure.retry_after.map(|wait| wait.num_seconds().max(1));
        match failure.class {
            CodeWanted | CodeRefused => failed.or(format!(
                "ask the person for the code that the site has sent, call renew_session for {key} and, while it runs, hand_in_code"
            )),
            SiteDown | Throttled | Timeout | BrowserLost | Budget => match wait {
                Some(seconds) => failed.or(format!("try again in {seconds} s")),
                None => failed.or("try again later; repeated calls do not make it faster"),
            },
            Cancelled => failed.or("call again"),
            _ => failed.or(format!(
                "a person has to act: mend the cause, then `jarkeeper release {key}`; calling again does not help"
            )),
        }
    }
}

impl Failed {
    /// A session that is not as it was asked for.
    pub(super) fn unmet(key: &SessionKey, unmet: Unmet) -> Self {
        match unmet {
            Unmet::Failed { failure, .. } => Self::renewal(key, failure),
            Unmet::Held { class, why } => {
                let class = class.map_or("held", FailureClass::word);
                Self::new(class, format!("{key} is held: {why}")).or(format!(
                    "a person has to mend the cause and run `jarkeeper release {key}`; calling again does not help"
                ))
            }
            Unmet::Pending => {
                Self::new("pending", format!("{key} is still being renewed")).or("call again")
            }
        }
    }
}

impl From<FilesError> for Failed {
    fn from(error: FilesError) -> Self {
        tracing::error!("a tool failed: {error}");
        Self::new("storage", "Jarkeeper cannot read or write its own files")
            .or("its log says why; a person has to look")
    }
}

impl IntoCallToolResult for Failed {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let mut text = format!("{}: {}", self.class, self.message);
        if let Some(failed) = &self.registration {
            text.push_str("\nReason: ");
            text.push_str(&failed.reason);
        }
        if let Some(way_out) = self.way_out {
            text.push_str("\nWhat to do: ");
            text.push_str(&way_out);
        }
        let mut meta = MetaObject::new();
        meta.0.insert(CLASS.to_owned(), self.class.into());
        if let Some(failed) = self.registration {
            // Not as structured content: that is held to the tool's output schema, also where it failed.
            let all = serde_json::to_value(&failed).unwrap_or_default();
            meta.0.insert(REASON.to_owned(), failed.reason.into());
            meta.0.insert(REGISTRATION.to_owned(), all);
        }
        let result = CallToolResult::error(vec![ContentBlock::text(text)]);
        Ok(result.with_meta(Some(meta)).into())
    }
}

/// Where a result names the class of its failure.
const CLASS: &str = "jarkeeper/class";
/// Where it names the reason why a registration failed.
const REASON: &str = "jarkeeper/reason";
/// Where it has all of such a failure, as the API tells it.
const REGISTRATION: &str = "jarkeeper/registration";

/// The class of a failure; arguments that cannot be read have none of their own.
pub(super) fn class_of(result: &CallToolResult) -> String {
    let class = result.meta.as_ref().and_then(|meta| meta.0.get(CLASS));
    let class = class.and_then(|class| class.as_str());
    class.unwrap_or("invalid_arguments").to_owned()
}
