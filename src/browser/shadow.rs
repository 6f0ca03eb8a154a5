//! Closed shadow roots: hidden from every script, an isolated world's too, but not from CDP.

use chromiumoxide::cdp::browser_protocol::dom::{
    BackendNodeId, DescribeNodeParams, ResolveNodeParams, ShadowRootType,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    CallFunctionOnParams, GetPropertiesParams, RemoteObjectId,
};
use serde_json::Value;

use super::error::BrowserError;
use super::page::{Frame, Page};

/// More elements than this are not asked for a closed root at a time.
const MOST: usize = 500;
/// Closed roots in closed roots deeper than this are not looked into.
const DEEPEST: usize = 8;
const WHAT: &str = "show its shadow roots";

impl Page {
    /// Hands the closed shadow roots of a frame to the agent, which then sees into them.
    ///
    /// Each suspect is asked for alone: the whole tree in one answer is nested too deep to be read in some documents.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub(super) async fn disclose(&self, frame: &Frame) -> Result<(), BrowserError> {
        for _ in 0..DEEPEST {
            let mut found = false;
            for suspect in self.suspects(frame).await? {
                if let Some(root) = self.closed_root(suspect).await? {
                    self.tell(frame, root).await?;
                    found = true;
                }
            }
            // What was inside them may have some too.
            if !found || self.data(&frame.id, WHAT, "jk.secretive()").await? != Value::Bool(true) {
                break;
            }
        }
        Ok(())
    }

    /// The elements that the agent wants to be asked for a closed root.
    async fn suspects(&self, frame: &Frame) -> Result<Vec<RemoteObjectId>, BrowserError> {
        let list = self
            .evaluate(&frame.id, WHAT, "jk.suspects()", false)
            .await?;
        let Some(list) = list.object_id else {
            return Ok(Vec::new());
        };
        let mut ask = GetPropertiesParams::new(list);
        ask.own_properties = Some(true);
        let properties = self.call(WHAT, ask).await?.result;
        let objects = properties
            .into_iter()
            .filter(|it| it.enumerable)
            .filter_map(|it| it.value?.object_id);
        Ok(objects.take(MOST).collect())
    }

    async fn closed_root(
        &self,
        element: RemoteObjectId,
    ) -> Result<Option<BackendNodeId>, BrowserError> {
        let ask = DescribeNodeParams::builder().object_id(element).depth(0);
        let node = self.call(WHAT, ask.build()).await?.node;
        let roots = node.shadow_roots.into_iter().flatten();
        let closed = |kind: &Option<ShadowRootType>| *kind == Some(ShadowRootType::Closed);
        Ok(roots
            .filter(|root| closed(&root.shadow_root_type))
            .map(|root| root.backend_node_id)
            .next())
    }

    async fn tell(&self, frame: &Frame, root: BackendNodeId) -> Result<(), BrowserError> {
        let world = self.world(&frame.id, true).await?;
        let resolve = ResolveNodeParams::builder()
            .backend_node_id(root)
            .execution_context_id(world)
            .build();
        let Some(object) = self.call(WHAT, resolve).await?.object.object_id else {
            return Ok(());
        };
        let tell = CallFunctionOnParams::builder()
            .object_id(object)
            .function_declaration("function() { return jk.disclose(this); }")
            .build();
        let tell = tell.map_err(|why| BrowserError::Refused {
            what: WHAT.to_owned(),
            why,
        })?;
        self.call(WHAT, tell).await.map(drop)
    }
}
