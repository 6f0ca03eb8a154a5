// Runs in an isolated world of a frame: the page sees neither these names nor what they keep. Gives an object whose
// methods the Rust side calls; elements are kept by number between a snapshot and what is done with it.
(() => {
  const kept = [];
  const clip = (text, most) => (text || '').replace(/\s+/g, ' ').trim().slice(0, most);

  // Closed shadow roots by their host: scripts cannot see them; the Rust side finds them over CDP and hands them in.
  const closed = new WeakMap();
  const rootOf = (element) => element.shadowRoot || closed.get(element);
  function disclose(root) {
    const unknown = !closed.has(root.host);
    closed.set(root.host, root);
    return unknown;
  }
  // Every element of the document and of its shadow roots, in document order.
  function* everything(root) {
    for (const element of root.querySelectorAll('*')) {
      yield element;
      const inner = rootOf(element);
      if (inner) yield* everything(inner);
    }
  }
  function all(selector, root = document) {
    const found = [...root.querySelectorAll(selector)];
    for (const element of root.querySelectorAll('*')) {
      const inner = rootOf(element);
      if (inner) found.push(...all(selector, inner));
    }
    return found;
  }
  // Whether something may have a closed root that was not looked for yet. A custom element may; any other, and one that
  // was not defined so far, only where no password is asked for elsewhere, it has a place on the page, and nothing that
  // can be seen fills it.
  const examined = new WeakSet();
  const early = new WeakSet();
  const suspects = [];
  const HOSTS = /^(ARTICLE|ASIDE|BLOCKQUOTE|DIV|FOOTER|HEADER|MAIN|NAV|P|SECTION|SPAN)$/;
  function secretive() {
    const asks = all('input[type=password]').some((e) => visible(e));
    let found = false;
    for (const element of everything(document)) {
      const custom = element.tagName.includes('-');
      const known = custom && !element.matches(':defined') ? early : examined;
      if (rootOf(element) || known.has(element)) continue;
      const certain = custom && known === examined;
      if (!certain && (asks || !(custom || HOSTS.test(element.tagName)) || !hollow(element))) continue;
      known.add(element);
      suspects.push(element);
      found = true;
    }
    return found;
  }
  function hollow(element) {
    if ([...element.children].some((child) => child.getClientRects().length)) return false;
    const box = element.getBoundingClientRect();
    if (box.width < 40 || box.height < 16) return false;
    return ![...element.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) || !textOf(element).trim();
  }
  const parentOf = (node) => node.parentElement || (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null);

  // Whether a person could see it. What hides by opacity, by size, by clipping or outside the page is a trap. `known` keeps
  // what was found out about the elements around, for the length of one snapshot.
  const fresh = () => ({ opacity: new Map(), cut: new Map() });
  const visible = (element) => shows(element, fresh());
  function shows(element, known) {
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return false;
    if (box.right + scrollX <= 0 || box.bottom + scrollY <= 0) return false;
    if (box.left + scrollX >= Math.max(innerWidth * 2, 3000)) return false;
    return getComputedStyle(element).visibility === 'visible' && opacity(element, known) >= FAINT && !cut(element, known);
  }
  const FAINT = 0.2;
  // An open dialog or popover lies above the page: what is around it in the tree neither fades nor cuts it.
  const above = (element) => element.matches(':modal, :popover-open');
  // The product of the opacities of an element and all around it; 0 where one of them shows nothing of it.
  function opacity(element, known) {
    if (known.opacity.has(element)) return known.opacity.get(element);
    const style = getComputedStyle(element);
    const around = above(element) ? null : parentOf(element);
    let own = Number(style.opacity);
    if (style.display === 'none' || element.inert || clipped(style)) own = 0;
    if (own && around) own *= opacity(around, known);
    known.opacity.set(element, own);
    return own;
  }
  // What clips everything in an element, wherever that is placed.
  function clipped(style) {
    if (/^rect\((0px|1px|auto)?,? ?(0px|1px),? ?(0px|1px),? ?(0px|1px)?/.test(style.clip) && ['absolute', 'fixed'].includes(style.position)) return true;
    return /^inset\((50|[6-9]\d|100)(\.\d+)?%/.test(style.clipPath) || /^(circle|ellipse)\(0/.test(style.clipPath);
  }
  // Whether something around an element has no room and cuts off what does not fit. That reaches only what is placed by it:
  // an absolute element is placed by the nearest positioned one, a fixed one by the viewport, or by what is transformed.
  function cut(element, known) {
    if (known.cut.has(element)) return known.cut.get(element);
    const { position } = getComputedStyle(element);
    let at = above(element) ? null : parentOf(element);
    while (at && !places(getComputedStyle(at), position)) at = parentOf(at);
    const is = Boolean(at) && (cuts(at) || cut(at, known));
    known.cut.set(element, is);
    return is;
  }
  function places(style, position) {
    if (position !== 'fixed' && (position !== 'absolute' || style.position !== 'static')) return true;
    return ['transform', 'translate', 'rotate', 'scale', 'perspective', 'filter', 'backdropFilter'].some((name) => style[name] && style[name] !== 'none')
      || /transform|translate|rotate|scale|perspective|filter/.test(style.willChange) || /paint|layout|strict|content/.test(style.contain);
  }
  function cuts(element) {
    const style = getComputedStyle(element);
    if (style.overflow === 'visible' || style.display === 'contents' || style.display === 'inline') return false;
    // The overflow of these two is the viewport's; a body whose content is all placed absolutely has no height.
    if (element === document.body || element === document.documentElement) return false;
    const box = element.getBoundingClientRect();
    return box.width < 2 || box.height < 2;
  }

  const ROLES = {
    A: (e) => (e.hasAttribute('href') ? 'link' : ''), BUTTON: () => 'button', SUMMARY: () => 'button', TEXTAREA: () => 'textbox',
    SELECT: (e) => (e.multiple || e.size > 1 ? 'listbox' : 'combobox'), OPTION: () => 'option', IMG: () => 'img',
    DIALOG: () => 'dialog', FORM: () => 'form', NAV: () => 'navigation', MAIN: () => 'main', LI: () => 'listitem',
    H1: () => 'heading', H2: () => 'heading', H3: () => 'heading', H4: () => 'heading', H5: () => 'heading', H6: () => 'heading',
    INPUT: (e) => ({ button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox', radio: 'radio',
      range: 'slider', number: 'spinbutton', search: 'searchbox', password: '', hidden: '', file: '' })[e.type] ?? 'textbox',
  };
  const roleOf = (e) => (e.getAttribute('role') || '').trim().split(/\s+/)[0] || (ROLES[e.tagName] ? ROLES[e.tagName](e) : '');
  function byIds(element, attribute) {
    const ids = (element.getAttribute(attribute) || '').split(/\s+/).filter(Boolean);
    return ids.map((id) => element.getRootNode().getElementById?.(id)?.textContent || '').join(' ').trim();
  }
  const textOf = (e) => (e.innerText ?? e.textContent ?? '');
  const labelsOf = (e) => clip([...(e.labels || [])].map((l) => textOf(l) || l.textContent).join(' '), 200);
  // Accessible name, the common part of "Accessible Name and Description Computation 1.2".
  function nameOf(element) {
    const given = byIds(element, 'aria-labelledby') || element.getAttribute('aria-label');
    if (given) return clip(given, 200);
    if (element.labels && element.labels.length) return labelsOf(element);
    if (element.tagName === 'INPUT' && ['submit', 'button', 'reset'].includes(element.type)) {
      return clip(element.value || { submit: 'Submit', reset: 'Reset' }[element.type], 200);
    }
    if (element.tagName === 'IMG' || element.type === 'image') return clip(element.alt || element.title, 200);
    const pictures = [...element.querySelectorAll('img[alt], svg title, [aria-label]')];
    const spoken = clip(textOf(element), 200) || clip(pictures.map((p) => p.getAttribute('aria-label') || p.alt || p.textContent).join(' '), 200);
    return ['INPUT', 'TEXTAREA', 'SELECT'].includes(element.tagName)
      ? clip(element.title || element.placeholder, 200) : spoken || clip(element.title, 200);
  }
  // Some write the two characters of a button apart, for their looks.
  const together = (text) => text.replace(/(?<=\p{Script=Han})\s+(?=\p{Script=Han})/gu, '');
  const squash = (text) => (text || '').replace(/\s+/g, ' ').trim();
  function matches(text, wanted, exact) {
    const have = squash(text);
    return exact ? have === squash(wanted) : have.toLowerCase().includes(squash(wanted).toLowerCase());
  }

  function candidates(spec) {
    const exact = Boolean(spec.exact);
    if (spec.css !== undefined) return all(spec.css);
    if (spec.testid !== undefined) return all(`[data-testid="${CSS.escape(spec.testid)}"]`);
    if (spec.placeholder !== undefined) return all('[placeholder]').filter((e) => matches(e.placeholder, spec.placeholder, exact));
    if (spec.role !== undefined) {
      return [...everything(document)].filter((e) => roleOf(e) === spec.role
        && (spec.name === undefined || spec.name === null || matches(nameOf(e), spec.name, exact)));
    }
    if (spec.label !== undefined) {
      return all('input, textarea, select, button, [contenteditable], [role]').filter((e) =>
        [labelsOf(e), byIds(e, 'aria-labelledby'), e.getAttribute('aria-label')].some((l) => l && matches(l, spec.label, exact)));
    }
    if (spec.text !== undefined) {
      const carries = (e) => !['SCRIPT', 'STYLE', 'NOSCRIPT', 'HEAD', 'TITLE', 'META', 'LINK', 'HTML'].includes(e.tagName)
        && matches(e.tagName === 'INPUT' && ['submit', 'button'].includes(e.type) ? e.value : textOf(e), spec.text, exact);
      const found = [...everything(document)].filter(carries);
      // The smallest element that holds the text; those around it hold it too.
      return found.filter((e) => !found.some((other) => other !== e && e.contains(other)));
    }
    return [];
  }

  // The one element of a locator: by number among all, else the first visible one.
  function locate(spec) {
    const found = candidates(spec);
    if (spec.nth !== undefined && spec.nth !== null) return found[spec.nth] || null;
    return found.find(visible) || null;
  }

  function keep(element) {
    kept.push(element);
    return kept.length - 1;
  }
  // What must not have changed between looking and typing.
  function signature(element, known = fresh()) {
    if (!element || !element.isConnected) return '';
    return [element.tagName, element.id, element.name, element.type, element.getAttribute('autocomplete'), shows(element, known)].join('|');
  }

  // Where the form of a field sends what is typed; a button may have a place of its own. Unreadable ones count as elsewhere.
  function targets(element) {
    const form = element.form;
    if (!form) return [];
    const buttons = all('button[formaction], input[formaction]').filter((b) => b.form === form);
    const written = [form.getAttribute('action'), ...buttons.map((b) => b.getAttribute('formaction'))];
    return written.map((url) => { try { return new URL(url || location.href, document.baseURI).href; } catch { return 'invalid:'; } });
  }

  const ALERTS = '[role=alert], [role=alertdialog], [aria-live=assertive], [class*=error i], [class*=alert i], [class*=danger i],'
    + ' [class*=invalid i], [class*=warning i], [class*=flash i], [class*=message i], [class*=notice i], [id*=error i], [id*=failed i], [class*=failed i]';
  const CAPTCHA = 'iframe[src*="recaptcha" i], iframe[src*="hcaptcha" i], iframe[src*="challenges.cloudflare.com" i], iframe[src*="arkoselabs" i],'
    + ' .g-recaptcha, .h-captcha, .cf-turnstile, [class*=captcha i], [id*=captcha i], img[src*=captcha i], input[name*=captcha i]';

  const HINTS = ['data-testid', 'data-test-id', 'data-test', 'data-qa', 'data-cy', 'data-name', 'data-field', 'data-action', 'data-i18n',
    'ng-model', 'data-ng-model', 'v-model', 'formcontrolname', 'data-bind', 'jsname', 'data-uia', 'data-automation', 'data-automation-id'];
  const BUTTONS = 'button, input[type=submit], input[type=button], input[type=image], [role=button], [role=link], a, summary';
  // What is no button and no link, and is made to be clicked all the same: shown with a hand, with a few words in it.
  const PLAIN = /^(DIV|SPAN|LI|P|B|I|STRONG|LABEL|IMG|TD)$/;
  function clickable(element) {
    if (element.childElementCount > 3 || (!PLAIN.test(element.tagName) && !element.tagName.includes('-'))) return false;
    const text = (element.textContent || element.getAttribute('alt') || element.title || '').trim();
    if (!text || text.length > 40) return false;
    const named = ['onclick', 'ng-click', 'data-action', 'tabindex'].some((name) => element.hasAttribute(name))
      || /(^|[-_ ])(btn|button|submit)/i.test(element.getAttribute('class') || '');
    if (!named && getComputedStyle(element).cursor !== 'pointer') return false;
    if (!named && element.parentElement && getComputedStyle(element.parentElement).cursor === 'pointer') return false;
    return !element.closest('a, button, [role=button], label[for]') && !element.querySelector(`input, select, textarea, ${BUTTONS}`);
  }

  function snapshot() {
    const known = fresh();
    const forms = all('form');
    const formOf = (element) => {
      if (element.form !== undefined) return forms.indexOf(element.form);
      for (let at = element; at; at = parentOf(at)) if (at.tagName === 'FORM') return forms.indexOf(at);
      return -1;
    };
    const order = new Map();
    let count = 0;
    for (const element of everything(document)) order.set(element, count++);
    const around = (element) => {
      const places = [];
      for (let at = parentOf(element); at; at = parentOf(at)) places.push(order.get(at) ?? -1);
      return places.reverse();
    };
    const common = (e) => {
      const box = e.getBoundingClientRect();
      return {
        node: keep(e), signature: signature(e, known), order: order.get(e) ?? -1, within: around(e), tag: e.tagName.toLowerCase(),
        kind: clip(typeof e.type === 'string' ? e.type : '', 20).toLowerCase(),
        name: clip(e.getAttribute('name'), 120), id: clip(e.getAttribute('id'), 120), class: clip(e.getAttribute('class'), 200),
        hints: clip(HINTS.map((name) => e.getAttribute(name)).filter(Boolean).join(' '), 200), title: clip(e.getAttribute('title'), 120),
        form: formOf(e), visible: shows(e, known), disabled: Boolean(e.disabled) || e.getAttribute('aria-disabled') === 'true',
        x: box.x, y: box.y, width: box.width, height: box.height,
      };
    };
    const every = all('input, textarea, select').filter((e) => !['hidden', 'file', 'image', 'submit', 'button', 'reset'].includes(e.type));
    // Of a page with very many, those that one types into.
    const typed = (e) => e.tagName === 'INPUT' && !['checkbox', 'radio', 'range', 'color'].includes(e.type);
    const fields = (every.length > 200 ? every.filter(typed) : every).slice(0, 200)
      .map((e) => ({
        ...common(e), autocomplete: clip(e.getAttribute('autocomplete'), 60).toLowerCase(), placeholder: clip(e.placeholder, 120),
        label: labelsOf(e) || clip(byIds(e, 'aria-labelledby') || e.getAttribute('aria-label') || before(e), 160),
        described: clip(byIds(e, 'aria-describedby'), 160),
        readonly: Boolean(e.readOnly), required: Boolean(e.required) || e.getAttribute('aria-required') === 'true', max_length: e.maxLength > 0 ? e.maxLength : 0, filled: Boolean(e.value) && e.type !== 'checkbox',
        input_mode: clip(e.getAttribute('inputmode'), 20), hidden_from_readers: Boolean(e.closest('[aria-hidden=true]')),
      }));
    const plain = all(BUTTONS).slice(0, 600);
    const found = plain.concat([...everything(document)].filter(clickable).slice(0, 100));
    const buttons = found
      .map((e) => ({ ...common(e), text: together(clip(nameOf(e) || e.value, 120)), link: e.tagName === 'A' ? clip(e.getAttribute('href'), 200) : null }))
      .filter((b) => b.visible || b.tag !== 'a');
    const body = document.body;
    const titleOf = (f) => [f.getAttribute('aria-label') || byIds(f, 'aria-labelledby'), ...[...f.querySelectorAll('h1, h2, h3, h4, legend')].filter((h) => shows(h, known)).slice(0, 3).map(textOf)];
    return {
      url: location.href, title: clip(document.title, 200), ready: document.readyState, text: clip(body ? readable(body) : '', 6000),
      headings: all('h1, h2, h3, legend').filter((h) => shows(h, known)).slice(0, 8).map((h) => clip(textOf(h), 120)),
      alerts: all(ALERTS).filter((e) => shows(e, known)).slice(0, 12).map((e) => clip(textOf(e), 300)).filter(Boolean),
      // As attributes: a field named `id` hides the property `id` of its form.
      forms: forms.map((f) => ({
        id: clip(f.getAttribute('id'), 120), name: clip(f.getAttribute('name'), 120), class: clip(f.getAttribute('class'), 200),
        action: clip(f.getAttribute('action'), 300), role: clip(f.closest('[role]')?.getAttribute('role'), 40),
        title: clip(titleOf(f).filter(Boolean).join(' '), 200), text: clip(textOf(f), 400),
      })),
      captcha: all(CAPTCHA).some((e) => shows(e, known) && !e.closest('.grecaptcha-badge')), fields, buttons,
    };
  }
  // What a reader sees: the text of the document and of what hides in shadow roots.
  function readable(body) {
    const texts = [textOf(body)];
    for (const element of everything(body)) {
      const inner = rootOf(element);
      if (inner) texts.push(...[...inner.children].map(textOf));
    }
    return texts.join(' ');
  }
  // For each element of the last snapshot that carries an attribute, or stands in one that does: its number and the value.
  function marked(attribute) {
    const found = [];
    kept.forEach((element, number) => {
      const carrier = element.closest(`[${attribute}]`);
      if (carrier) found.push([number, carrier.getAttribute(attribute)]);
    });
    return found;
  }
  // The text right before a field that has no label of its own.
  function before(element) {
    for (let at = element, steps = 0; at && steps < 3; at = at.parentElement, steps++) {
      for (let previous = at.previousSibling; previous; previous = previous.previousSibling) {
        if (previous.nodeType === 1 && (previous.matches('input, select, textarea, button, form') || previous.querySelector('input, select, textarea, button'))) return '';
        const text = clip(previous.textContent, 80);
        if (text) return text;
      }
      if (at.tagName === 'FORM') return '';
    }
    return '';
  }

  // Puts the focus into a field and selects what is in it, so that inserted text replaces it.
  function focus(element) {
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    element.focus();
    if (element.select) element.select();
    return element.getRootNode().activeElement === element;
  }
  function filled(element) {
    return element.value !== undefined ? element.value.length : (element.textContent || '').length;
  }
  function choose(element, wanted) {
    const option = [...element.options].find((o) => o.value === wanted || squash(o.label) === squash(wanted));
    if (!option) return false;
    element.value = option.value;
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
    return true;
  }
  // Waits, at most a second, until an element has the same place in two frames: while style sheets are on their way
  // there are no frames, and an application may still move what it has just drawn.
  async function still(element) {
    const place = () => { const box = element.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].join(); };
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const late = new Promise((resolve) => setTimeout(resolve, 1000, true));
    const same = async () => {
      for (let last = null, now = place(); last !== now; last = now, now = place()) await frame();
    };
    await Promise.race([same(), late]);
  }
  // Whether a click at the element's middle would reach it.
  function reachable(element) {
    const box = element.getBoundingClientRect();
    let hit = element.getRootNode().elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    for (; hit; hit = parentOf(hit)) if (hit === element) return true;
    return [...(element.labels || [])].some((l) => l.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)));
  }
  // What a person could choose on a page that offers choices instead of fields, whatever element it is made of.
  const CHOICES = 'a[href], button, summary, input[type=submit], input[type=button], input[type=radio], option, [role=button], [role=link],'
    + ' [role=option], [role=radio], [role=menuitem], [tabindex="0"], [onclick]';
  const LISTS = 'ul, ol, dl, select, fieldset, table, [role=list], [role=listbox], [role=radiogroup], [role=menu], [role=group]';
  function choices(inside = () => true) {
    const lists = all(LISTS);
    const points = (e) => getComputedStyle(e).cursor === 'pointer';
    const acts = (e) => e.matches(CHOICES) || (!e.matches('label, input, select, textarea') && points(e) && !(parentOf(e) && points(parentOf(e))));
    const shown = (e) => (e.tagName === 'OPTION' ? e.parentElement && visible(e.closest('select')) : visible(e));
    return [...everything(document)].slice(0, 5000).filter((e) => acts(e) && inside(e) && shown(e)).slice(0, 300).map((e) => {
      const kind = e.tagName === 'OPTION' ? 'option' : e.type === 'radio' || roleOf(e) === 'radio' ? 'radio' : e.tagName === 'A' ? 'link' : 'button';
      const own = kind === 'radio' ? nameOf(e) || textOf(parentOf(e)) : nameOf(e) || e.value;
      return {
        node: keep(kind === 'option' ? e.closest('select') : e), kind, text: clip(own, 160), value: kind === 'option' ? e.value : '',
        list: lists.indexOf(e.closest(LISTS)), apart: Boolean(e.closest('nav, header, footer, [role=navigation], [role=banner], [role=contentinfo]')),
        disabled: Boolean(e.disabled) || e.getAttribute('aria-disabled') === 'true',
      };
    }).filter((c) => c.text);
  }
  // What lies over an element, so that a click at its middle would not reach it: what it says, and what it offers.
  function over(element) {
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    const around = new Set();
    for (let at = element; at; at = parentOf(at)) around.add(at);
    const box = element.getBoundingClientRect();
    const deepest = (root) => {
      const hit = root.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      return hit && hit.shadowRoot && !around.has(hit) && deepest(hit.shadowRoot) || hit;
    };
    const hit = deepest(document);
    if (!hit || around.has(hit) || element.contains(hit) || reachable(element)) return null;
    let top = hit;
    for (let at = hit; at && !around.has(at); at = parentOf(at)) top = at;
    // A backdrop says nothing; the dialog that it belongs to lies beside it.
    const beside = all('dialog[open], [role=dialog], [role=alertdialog], [aria-modal=true], [class*=modal i], [class*=popup i], [class*=banner i], [class*=consent i], [id*=consent i], [class*=cookie i], [id*=cookie i]');
    const layers = [top, ...beside.filter((e) => visible(e) && !around.has(e) && !e.contains(element))];
    const within = (e) => { for (let at = e; at; at = parentOf(at)) if (layers.includes(at)) return true; return false; };
    const frames = all('iframe').filter((e) => visible(e) && within(e));
    return {
      text: clip(layers.map(textOf).join(' ') || [...everything(document)].filter((e) => within(e) && e.shadowRoot).map((e) => [...e.shadowRoot.children].map(textOf).join(' ')).join(' '), 2000),
      choices: choices(within), frames: frames.map(keep),
    };
  }
  // Keeps a form from sending what was typed into a field where it must not go: into the address, or to another origin than
  // the allowed ones. Looks last, after the page's own scripts, which may have taken the form over or changed it.
  let stopped = '';
  function guard(element, allowed) {
    const root = element.getRootNode();
    (root instanceof ShadowRoot ? root : window).addEventListener('submit', (event) => {
      const form = event.composedPath()[0];
      if (event.defaultPrevented || !form || element.form !== form || !element.value) return;
      const by = event.submitter;
      const given = (name, other) => (by && by.getAttribute(`form${name}`)) || form.getAttribute(name) || other;
      const method = given('method', 'get').toLowerCase();
      if (method === 'dialog') return;
      let to = 'elsewhere';
      try { to = new URL(given('action', location.href), document.baseURI); } catch { /* Stays elsewhere. */ }
      if (to.protocol === 'javascript:') return;
      const address = method !== 'post' && Boolean(element.name);
      if (!address && allowed.includes(to.origin)) return;
      stopped = address ? 'address' : to.origin || to;
      event.preventDefault();
      event.stopImmediatePropagation();
    });
    // A script may submit without that event, and what was typed in a form of its own.
    const typed = element.value;
    // A short one may stand in other words by chance.
    const carries = (text) => text === typed || (typed.length > 7 && typeof text === 'string' && text.includes(typed));
    const leaves = (event) => {
      const to = new URL(event.destination.url);
      if (!typed || !event.cancelable || !to.protocol.startsWith('http') || allowed.includes(to.origin)) return;
      const values = [...to.searchParams.values(), ...(event.formData ? event.formData.values() : [])];
      let address = to.href;
      try { address = decodeURIComponent(address); } catch { /* As it is. */ }
      if (!values.some(carries) && !carries(address)) return;
      stopped = to.origin;
      event.preventDefault();
    };
    for (const place of new Set([window, parent, top])) {
      try { place.navigation?.addEventListener('navigate', leaves); } catch { /* Another origin's. */ }
    }
  }
  // Passwords on the page that a picture or a copy of the DOM would show.
  function mask() {
    for (const element of all('input')) {
      if (element.value && !['submit', 'button', 'checkbox', 'radio', 'image', 'reset', 'hidden'].includes(element.type)) {
        element.style.setProperty('-webkit-text-security', 'disc', 'important');
        element.style.setProperty('color', 'transparent', 'important');
      }
    }
  }

  // Frames with a word each around elements, for a picture. They lie above all else and take no clicks.
  async function outline(labels) {
    const sheet = document.createElement('div');
    sheet.style.cssText = 'all: initial; position: fixed; inset: 0; z-index: 2147483647; pointer-events: none;';
    if (labels.length) kept[labels[0][0]]?.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
    document.documentElement.append(sheet);
    // What a dialog shows in the top layer would lie above it.
    if (sheet.showPopover) { sheet.popover = 'manual'; sheet.style.background = 'none'; sheet.style.width = sheet.style.height = '100%'; sheet.showPopover(); }
    for (const [number, word] of labels) {
      const element = kept[number];
      if (!element) continue;
      const box = element.getBoundingClientRect();
      const frame = document.createElement('div');
      frame.style.cssText = `position: fixed; left: ${box.x - 3}px; top: ${box.y - 3}px; width: ${box.width}px; height: ${box.height}px; border: 3px solid #d6006c; border-radius: 4px;`;
      const label = document.createElement('div');
      label.textContent = word;
      label.style.cssText = 'position: absolute; left: -3px; bottom: 100%; padding: 1px 6px; font: bold 12px sans-serif; white-space: nowrap; color: white; background: #d6006c; border-radius: 4px;';
      frame.append(label);
      sheet.append(frame);
    }
    await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); setTimeout(resolve, 500); });
  }

  // IndexedDB in the shape of Playwright's storage state: what JSON holds as it is, the rest encoded.
  const base64 = (buffer) => {
    const bytes = new Uint8Array(buffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  };
  const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ARRAYS = { i8: Int8Array, ui8: Uint8Array, ui8c: Uint8ClampedArray, i16: Int16Array, ui16: Uint16Array, i32: Int32Array, ui32: Uint32Array, f32: Float32Array, f64: Float64Array, bi64: BigInt64Array, bui64: BigUint64Array };
  function plain(value) {
    if (value === null || ['string', 'boolean'].includes(typeof value)) return true;
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
    if (Array.isArray(value)) return value.every(plain);
    if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return false;
    return Object.values(value).every(plain);
  }
  function encode(value, seen = new Map()) {
    if (value === undefined) return { v: 'undefined' };
    if (value === null) return { v: 'null' };
    if (typeof value === 'number') {
      if (Number.isNaN(value)) return { v: 'NaN' };
      if (value === Infinity) return { v: 'Infinity' };
      if (value === -Infinity) return { v: '-Infinity' };
      return Object.is(value, -0) ? { v: '-0' } : value;
    }
    if (typeof value === 'bigint') return { bi: value.toString() };
    if (typeof value !== 'object') return value;
    if (value instanceof Date) return { d: value.toJSON() };
    if (value instanceof RegExp) return { r: { p: value.source, f: value.flags } };
    if (value instanceof ArrayBuffer) return { ab: { b: base64(value) } };
    for (const [kind, type] of Object.entries(ARRAYS)) {
      if (value instanceof type) return { ta: { b: base64(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)), k: kind } };
    }
    if (seen.has(value)) return { ref: seen.get(value) };
    const id = seen.size + 1;
    seen.set(value, id);
    if (Array.isArray(value)) return { a: value.map((v) => encode(v, seen)), id };
    if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) throw new Error(`a ${value.constructor && value.constructor.name} cannot be saved`);
    return { o: Object.entries(value).map(([k, v]) => ({ k, v: encode(v, seen) })), id };
  }
  function decode(value, seen = new Map()) {
    if (value === null || typeof value !== 'object') return value;
    if ('v' in value) return { undefined: undefined, null: null, NaN, Infinity, '-Infinity': -Infinity, '-0': -0 }[value.v];
    if ('bi' in value) return BigInt(value.bi);
    if ('d' in value) return new Date(value.d);
    if ('r' in value) return new RegExp(value.r.p, value.r.f);
    if ('ab' in value) return unbase64(value.ab.b).buffer;
    if ('ta' in value) return new ARRAYS[value.ta.k](unbase64(value.ta.b).buffer);
    if ('ref' in value) return seen.get(value.ref);
    if ('a' in value) {
      const made = [];
      seen.set(value.id, made);
      for (const item of value.a) made.push(decode(item, seen));
      return made;
    }
    const made = {};
    seen.set(value.id, made);
    for (const { k, v } of value.o || []) Object.defineProperty(made, k, { value: decode(v, seen), enumerable: true, writable: true, configurable: true });
    return made;
  }
  const done = (request) => new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
    request.addEventListener('blocked', () => reject(new Error('the database is in use')));
  });
  const keyPath = (path) => (Array.isArray(path) ? { keyPathArray: path } : path === null ? {} : { keyPath: path });
  async function databases() {
    if (!globalThis.indexedDB || !indexedDB.databases) return [];
    const dumped = [];
    for (const { name, version } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name));
      try {
        const stores = [];
        if (database.objectStoreNames.length) {
          const transaction = database.transaction([...database.objectStoreNames], 'readonly');
          for (const storeName of database.objectStoreNames) {
            const store = transaction.objectStore(storeName);
            const keys = await done(store.getAllKeys());
            const values = await done(store.getAll());
            const records = [];
            values.forEach((value, i) => {
              try {
                const record = {};
                if (store.keyPath === null) Object.assign(record, plain(keys[i]) ? { key: keys[i] } : { keyEncoded: encode(keys[i]) });
                records.push(Object.assign(record, plain(value) ? { value } : { valueEncoded: encode(value) }));
              } catch { /* Keys that the browser itself does not give out, for one, stay behind. */ }
            });
            stores.push({
              name: storeName, autoIncrement: store.autoIncrement, ...keyPath(store.keyPath), records,
              indexes: [...store.indexNames].map((n) => { const index = store.index(n); return { name: n, ...keyPath(index.keyPath), multiEntry: index.multiEntry, unique: index.unique }; }),
            });
          }
        }
        dumped.push({ name, version, stores });
      } finally { database.close(); }
    }
    return dumped;
  }
  const entries = (storage) => Object.keys(storage).map((name) => ({ name, value: storage.getItem(name) }));
  async function dump() {
    const safe = (get) => { try { return entries(get()); } catch { return []; } };
    let indexed = [];
    try { indexed = await databases(); } catch { /* Sandboxed and opaque origins have none. */ }
    return { origin: location.origin, localStorage: safe(() => localStorage), sessionStorage: safe(() => sessionStorage), indexedDB: indexed };
  }
  async function restore(state) {
    for (const { name, value } of state.localStorage || []) localStorage.setItem(name, value);
    for (const { name, value } of state.sessionStorage || []) sessionStorage.setItem(name, value);
    for (const dumped of state.indexedDB || []) {
      const opening = indexedDB.open(dumped.name, dumped.version);
      opening.addEventListener('upgradeneeded', () => {
        for (const store of dumped.stores) {
          const made = opening.result.createObjectStore(store.name, { autoIncrement: store.autoIncrement, keyPath: store.keyPathArray ?? store.keyPath ?? null });
          for (const index of store.indexes) made.createIndex(index.name, index.keyPathArray ?? index.keyPath, { unique: index.unique, multiEntry: index.multiEntry });
        }
      });
      const database = await done(opening);
      try {
        for (const store of dumped.stores) {
          if (!store.records.length) continue;
          const objects = database.transaction(store.name, 'readwrite').objectStore(store.name);
          await Promise.all(store.records.map((record) => done(objects.put(
            'value' in record ? record.value : decode(record.valueEncoded),
            'key' in record ? record.key : 'keyEncoded' in record ? decode(record.keyEncoded) : undefined))));
        }
      } finally { database.close(); }
    }
  }

  globalThis.jk = { choices, over, guard, stopped: () => stopped, locate, snapshot, marked, disclose, secretive, suspects: () => suspects.splice(0), signature, targets, visible, focus, filled, choose, still, reachable, mask, outline, dump, restore, node: (i) => kept[i] || null, forget: () => { kept.length = 0; } };
})();
