//! Typing and clicking, as a user would.

use chromiumoxide::cdp::browser_protocol::dom::{
    GetContentQuadsParams, ScrollIntoViewIfNeededParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType,
    InsertTextParams, MouseButton,
};
use chromiumoxide::cdp::js_protocol::runtime::CallFunctionOnParams;
use serde_json::{Value, json};

use super::error::BrowserError;
use super::page::{Element, Frame, Page};

impl Page {
    /// Calls a method of the agent on an element and gives its answer.
    pub(super) async fn on(
        &self,
        element: &Element,
        what: &str,
        function: &str,
        argument: Option<Value>,
    ) -> Result<Value, BrowserError> {
        let mut call = CallFunctionOnParams::builder()
            .object_id(element.object.clone())
            .function_declaration(function)
            .await_promise(true)
            .return_by_value(true);
        if let Some(argument) = argument {
            call = call.argument(
                chromiumoxide::cdp::js_protocol::runtime::CallArgument::builder()
                    .value(argument)
                    .build(),
            );
        }
        let call = call.build().map_err(|why| BrowserError::Refused {
            what: what.to_owned(),
            why,
        })?;
        let answer = self.call(what, call).await?;
        match answer.exception_details {
            None => Ok(answer.result.value.unwrap_or_default()),
            Some(thrown) => {
                let why = thrown
                    .exception
                    .and_then(|e| e.description)
                    .unwrap_or(thrown.text);
                Err(BrowserError::Refused {
                    what: what.to_owned(),
                    why,
                })
            }
        }
    }

    /// What must not change between looking at an element and typing into it; empty where it is gone.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn signature(&self, element: &Element) -> Result<String, BrowserError> {
        let value = self
            .on(
                element,
                "look at a field",
                "function() { return jk.signature(this); }",
                None,
            )
            .await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// The URLs that the form of a field sends to, as its markup says; none without a form.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn targets(&self, element: &Element) -> Result<Vec<String>, BrowserError> {
        let script = "function() { return jk.targets(this); }";
        let value = self.on(element, "look at a form", script, None).await?;
        let urls = value.as_array().into_iter().flatten();
        Ok(urls
            .filter_map(|url| url.as_str().map(str::to_owned))
            .collect())
    }

    /// From now on the form of a field is kept from sending it in an address, or to another origin than these.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn guard(&self, element: &Element, origins: &[String]) -> Result<(), BrowserError> {
        let script = "function(origins) { jk.guard(this, origins); }";
        let guarded = self.on(element, "guard a form", script, Some(json!(origins)));
        guarded.await.map(drop)
    }

    /// What [`Page::guard`] kept a form of this document from: `address`, or the origin that it would have sent to.
    ///
    /// # Errors
    /// [`BrowserError::Moved`] where the document went away meanwhile.
    pub async fn stopped(&self, frame: &Frame) -> Result<Option<String>, BrowserError> {
        let told = self
            .data(&frame.id, "tell what it stopped", "jk.stopped()")
            .await?;
        Ok(told
            .as_str()
            .filter(|why| !why.is_empty())
            .map(str::to_owned))
    }

    /// Replaces what is in a field by `text`, as input of a user. The text stands in no script.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] where the field does not take it.
    pub async fn fill(&self, element: &Element, text: &str) -> Result<(), BrowserError> {
        const WHAT: &str = "fill a field";
        let focused = self
            .on(element, WHAT, "function() { return jk.focus(this); }", None)
            .await?;
        if focused != Value::Bool(true) {
            let why = "it does not take the focus".to_owned();
            return Err(BrowserError::Refused {
                what: WHAT.to_owned(),
                why,
            });
        }
        if text.is_empty() {
            return self.press("Backspace").await;
        }
        self.call(WHAT, InsertTextParams::new(text)).await?;
        let filled = "function() { return jk.filled(this); }";
        let length = match self.on(element, WHAT, filled, None).await {
            Ok(length) => length,
            // Some pages go on by themselves at the last character.
            Err(BrowserError::Moved(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if length.as_u64() == Some(0) {
            // Some fields only listen to keys.
            for character in text.chars() {
                self.key(&character.to_string(), 0, Some(&character.to_string()))
                    .await?;
            }
            let length = self.on(element, WHAT, filled, None).await?;
            if length.as_u64() == Some(0) {
                let why = "it stays empty".to_owned();
                return Err(BrowserError::Refused {
                    what: WHAT.to_owned(),
                    why,
                });
            }
        }
        Ok(())
    }

    /// Chooses an option by value or label.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] where there is no such option.
    pub async fn choose(&self, element: &Element, option: &str) -> Result<(), BrowserError> {
        const WHAT: &str = "choose an option";
        let function = "function(wanted) { return jk.choose(this, wanted); }";
        match self
            .on(element, WHAT, function, Some(json!(option)))
            .await?
        {
            Value::Bool(true) => Ok(()),
            _ => Err(BrowserError::Refused {
                what: WHAT.to_owned(),
                why: format!("there is no option {option:?}"),
            }),
        }
    }

    /// Whether a box is ticked.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn ticked(&self, element: &Element) -> Result<bool, BrowserError> {
        let ticked = "function() { return Boolean(this.checked) || this.getAttribute('aria-checked') === 'true'; }";
        Ok(self.on(element, "look at a box", ticked, None).await? == Value::Bool(true))
    }

    /// Whether a control takes no clicks now.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn is_disabled(&self, element: &Element) -> Result<bool, BrowserError> {
        let disabled = "function() { return Boolean(this.disabled) || this.getAttribute('aria-disabled') === 'true'; }";
        Ok(self.on(element, "look at a button", disabled, None).await? == Value::Bool(true))
    }

    /// Clicks the middle of an element with the mouse; where something covers it, the element itself is told.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn click(&self, element: &Element) -> Result<(), BrowserError> {
        const WHAT: &str = "click";
        let object = element.object.clone();
        let _ = self
            .call(
                WHAT,
                ScrollIntoViewIfNeededParams::builder()
                    .object_id(object.clone())
                    .build(),
            )
            .await;
        let reachable = "async function() { await jk.still(this); return jk.reachable(this); }";
        let reachable = self.on(element, WHAT, reachable, None).await?;
        let quads = self
            .call(
                WHAT,
                GetContentQuadsParams::builder().object_id(object).build(),
            )
            .await;
        let middle = quads
            .ok()
            .and_then(|q| q.quads.first().map(|q| q.inner().clone()))
            .and_then(|q| {
                let [x1, y1, _, _, x3, y3, ..] = q.as_slice() else {
                    return None;
                };
                Some(((x1 + x3) / 2.0, (y1 + y3) / 2.0))
            });
        let Some((x, y)) = middle.filter(|_| reachable == Value::Bool(true)) else {
            self.on(element, WHAT, "function() { this.click(); }", None)
                .await?;
            return Ok(());
        };
        for kind in [
            DispatchMouseEventType::MouseMoved,
            DispatchMouseEventType::MousePressed,
            DispatchMouseEventType::MouseReleased,
        ] {
            let mut event = DispatchMouseEventParams::builder()
                .r#type(kind.clone())
                .x(x)
                .y(y);
            if kind != DispatchMouseEventType::MouseMoved {
                event = event.button(MouseButton::Left).click_count(1);
            }
            let event = event.build().map_err(|why| BrowserError::Refused {
                what: WHAT.to_owned(),
                why,
            })?;
            match self.call(WHAT, event).await {
                // The click may have taken the document away before it was acknowledged.
                Ok(_) | Err(BrowserError::Moved(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Puts the focus on an element.
    ///
    /// # Errors
    /// Its document is gone.
    pub async fn focus(&self, element: &Element) -> Result<(), BrowserError> {
        self.on(
            element,
            "focus",
            "function() { return jk.focus(this); }",
            None,
        )
        .await
        .map(drop)
    }

    /// Presses a key by its DOM name (`Enter`, `Tab`, `a` …).
    ///
    /// # Errors
    /// [`BrowserError::Refused`] for a key that is not known.
    pub async fn press(&self, key: &str) -> Result<(), BrowserError> {
        let (code, text) = match key {
            "Enter" => (13, Some("\r")),
            "Tab" => (9, None),
            "Escape" => (27, None),
            "Backspace" => (8, None),
            "Delete" => (46, None),
            "Space" | " " => (32, Some(" ")),
            "PageUp" => (33, None),
            "PageDown" => (34, None),
            "End" => (35, None),
            "Home" => (36, None),
            "ArrowLeft" => (37, None),
            "ArrowUp" => (38, None),
            "ArrowRight" => (39, None),
            "ArrowDown" => (40, None),
            one if one.chars().count() == 1 => (0, Some(one)),
            other => {
                let why = format!("there is no key {other:?}");
                return Err(BrowserError::Refused {
                    what: "press a key".to_owned(),
                    why,
                });
            }
        };
        self.key(if key == "Space" { " " } else { key }, code, text)
            .await
    }

    async fn key(&self, key: &str, code: i64, text: Option<&str>) -> Result<(), BrowserError> {
        const WHAT: &str = "press a key";
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::builder()
                .r#type(kind.clone())
                .key(key);
            if code != 0 {
                event = event.windows_virtual_key_code(code).code(key);
            }
            if let (Some(text), DispatchKeyEventType::KeyDown) = (text, &kind) {
                event = event.text(text);
            }
            let event = event.build().map_err(|why| BrowserError::Refused {
                what: WHAT.to_owned(),
                why,
            })?;
            match self.call(WHAT, event).await {
                Ok(_) | Err(BrowserError::Moved(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
