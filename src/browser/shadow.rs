//! Closed shadow roots: hidden from every script, an isolated world's too, but not from CDP.

use chromiumoxide::cdp::browser_protocol::dom::{
    BackendNodeId, GetDocumentParams, Node, ResolveNodeParams, ShadowRootType,
};
use chromiumoxide::cdp::browser_protocol::page::FrameId;
use chromiumoxide::cdp::js_protocol::runtime::CallFunctionOnParams;

use super::error::BrowserError;
use super::page::{Frame, Page};

/// More closed roots than this in one frame are not looked into.
const MOST: usize = 64;

impl Page {
    /// Hands the closed shadow roots of a frame to the agent, which then sees into them.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub(super) async fn disclose(&self, frame: &Frame) -> Result<(), BrowserError> {
        const WHAT: &str = "show its shadow roots";
        let whole = GetDocumentParams::builder().depth(-1).pierce(true).build();
        let document = self.call(WHAT, whole).await?.root;
        let mut found = Vec::new();
        if let Some(own) = document_of(&document, &frame.id, *frame == self.main_frame()) {
            closed_roots(own, &mut found);
        }
        if found.is_empty() {
            return Ok(());
        }
        let world = self.world(&frame.id, true).await?;
        for root in found.into_iter().take(MOST) {
            let resolve = ResolveNodeParams::builder()
                .backend_node_id(root)
                .execution_context_id(world)
                .build();
            let Some(object) = self.call(WHAT, resolve).await?.object.object_id else {
                continue;
            };
            let tell = CallFunctionOnParams::builder()
                .object_id(object)
                .function_declaration("function() { return jk.disclose(this); }")
                .build();
            let tell = tell.map_err(|why| BrowserError::Refused {
                what: WHAT.to_owned(),
                why,
            })?;
            self.call(WHAT, tell).await?;
        }
        Ok(())
    }
}

/// The document of a frame in the tree of the page's own, as far as it is in the same process.
fn document_of<'a>(node: &'a Node, frame: &FrameId, main: bool) -> Option<&'a Node> {
    if main {
        return Some(node);
    }
    if let Some(inner) = &node.content_document
        && node.frame_id.as_ref() == Some(frame)
    {
        return Some(inner);
    }
    let inner = node.content_document.as_deref().into_iter();
    below(node)
        .chain(inner)
        .find_map(|below| document_of(below, frame, false))
}

/// Outer roots before those inside them, so that the agent knows each host. The browser's own, inside inputs, stay closed.
fn closed_roots(node: &Node, found: &mut Vec<BackendNodeId>) {
    for root in node.shadow_roots.iter().flatten() {
        if root.shadow_root_type == Some(ShadowRootType::Closed) {
            found.push(root.backend_node_id);
        }
    }
    for below in below(node) {
        closed_roots(below, found);
    }
}

fn below(node: &Node) -> impl Iterator<Item = &Node> {
    let shadows = node.shadow_roots.iter().flatten();
    let shadows = shadows.filter(|root| root.shadow_root_type != Some(ShadowRootType::UserAgent));
    node.children.iter().flatten().chain(shadows)
}
